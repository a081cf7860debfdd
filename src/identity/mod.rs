//! `tributary identity`: which records are about one person. The commands on
//! files are carried out by `tributary-identity-files`, all others by the running server.

use crate::identity_live::ask;
use crate::identity_live::command::{LiveCommand, Place};
use crate::settings;
use clap::{Args, Subcommand};
use std::io::IsTerminal as _;
use tributary_identity_files::{
    EvaluateArgs, ExplainArgs, HowArgs, LabelArgs, RunArgs, SearchArgs, TrainArgs, evaluate, explain, how, label, run,
    search, train,
};

/// Commands of `tributary identity`.
#[derive(Subcommand)]
pub enum IdentityCommand {
    #[command(flatten)]
    OnFiles(FileCommand),
    #[command(flatten)]
    Live(LiveCommand),
}

/// Commands on files.
#[derive(Subcommand)]
pub enum FileCommand {
    /// Find which records of CSV or Parquet files are about one person
    #[command(after_help = "Example: tributary identity run customers.csv --key id --out clusters.parquet\n\n\
        Columns are recognised by their names and contents, and a model is trained on the files. What each\n\
        column was taken for is printed; --config says it where that was wrong, and which pairs are looked at:\n  \
        columns:\n    c1: given_name\n    remarks: ignore\n  cut: 0.4\n  \
        keys: [[email], [name, birth_date.year]]")]
    Run(RunArgs),
    /// Train a model on files, without labels
    #[command(after_help = "Example: tributary identity train customers.csv --key id --out model.json")]
    Train(TrainArgs),
    /// Ask which pairs of records are one person, the most useful first; answers refine a model
    #[command(after_help = "Example: tributary identity label customers.csv --key id --out labels.csv\n\n\
        Answers are y(es), n(o), u(nsure), b(ack) and q(uit), one a line. Each stands in the file before the next\n\
        pair is shown; the same command goes on where it was left. A hundred answers help, a thousand do more:\n  \
        tributary identity train customers.csv --key id --labels labels.csv")]
    Label(LabelArgs),
    /// Judge clusters and scored pairs by the right answers
    #[command(after_help = "Example: tributary identity evaluate --truth people.csv --key id --truth-column person \
        --clusters clusters.parquet --pairs pairs.parquet")]
    Evaluate(EvaluateArgs),
    /// Say why two records are one person, or why not
    #[command(
        after_help = "Examples:\n  tributary identity explain user_id:u1 crm:contacts:42 --data-dir ./tributary-data\n  \
        tributary identity explain 17 4711 --file customers.csv --key id --svg why.svg"
    )]
    Explain(Asked<ExplainArgs>),
    /// Say how a profile came about: its merges in order, and what alone holds it together
    #[command(after_help = "Examples:\n  tributary identity how user_id:u1 --data-dir ./tributary-data\n  \
        tributary identity how 17 --file customers.csv --key id")]
    How(Asked<HowArgs>),
    /// Find the records that fit a description best
    #[command(after_help = "Examples:\n  tributary identity search '{\"email\": \"ann@example.com\"}'\n  \
        tributary identity search '{\"name\": \"Ann Lee\", \"phone\": \"555 0100\"}' --file customers.csv --key id")]
    Search(Asked<SearchArgs>),
}

/// A question about records of files, or of the running server where no files are named.
#[derive(Args)]
pub struct Asked<Q: Args> {
    #[command(flatten)]
    question: Q,
    #[command(flatten)]
    place: Place,
}

impl IdentityCommand {
    /// Carries the command out.
    ///
    /// # Errors
    /// What the command reports: file, column and row of what is wrong.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Live(command) => command.run().await,
            Self::OnFiles(FileCommand::Explain(Asked { question, place })) if question.records.files.is_empty() => {
                ask::explain(&question, &place).await
            }
            Self::OnFiles(FileCommand::How(Asked { question, place })) if question.records.files.is_empty() => {
                ask::how(&question, &place).await
            }
            Self::OnFiles(FileCommand::Search(Asked { question, place })) if question.records.files.is_empty() => {
                ask::search(&question, &place).await
            }
            Self::OnFiles(command) => tokio::task::spawn_blocking(|| command.run()).await?,
        }
    }
}

impl FileCommand {
    fn run(self) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        match self {
            Self::Run(args) => drop(run(&args, settings::threads()?, &mut out)?),
            Self::Train(args) => train(&args, settings::threads()?, &mut out)?,
            Self::Label(args) => {
                label(&args, settings::threads()?, colour(), &mut std::io::stdin().lock(), &mut out).map(drop)?;
            }
            Self::Evaluate(args) => drop(evaluate(&args, &mut out)?),
            Self::Explain(Asked { question: args, .. }) => explain(&args, settings::threads()?, colour(), &mut out)?,
            Self::How(Asked { question: args, .. }) => how(&args, settings::threads()?, colour(), &mut out)?,
            Self::Search(Asked { question: args, .. }) => search(&args, settings::threads()?, &mut out)?,
        }
        Ok(())
    }
}

/// Whether standard output shows colours; NO_COLOR set to anything forbids them.
fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
