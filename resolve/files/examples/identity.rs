//! The commands of `tributary identity` without the rest of the platform.
//!
//! `identity run FILE... --key COLUMN [--out clusters.parquet] ...`

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tributary_identity_files::{
    EvaluateArgs, ExplainArgs, HowArgs, LabelArgs, Result, RunArgs, SearchArgs, TrainArgs, evaluate, explain, how,
    label, run, search, train,
};

#[derive(Parser)]
struct Cli {
    /// Compute threads
    #[arg(long, global = true, default_value_t = 2)]
    threads: usize,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(RunArgs),
    Train(TrainArgs),
    Label(LabelArgs),
    Evaluate(EvaluateArgs),
    Explain(ExplainArgs),
    How(HowArgs),
    Search(SearchArgs),
}

fn carry_out(cli: Cli) -> Result<()> {
    let mut out = std::io::stdout();
    match cli.command {
        Command::Run(args) => run(&args, cli.threads, &mut out).map(drop),
        Command::Train(args) => train(&args, cli.threads, &mut out),
        Command::Label(args) => label(&args, cli.threads, false, &mut std::io::stdin().lock(), &mut out).map(drop),
        Command::Evaluate(args) => evaluate(&args, &mut out).map(drop),
        Command::Explain(args) => explain(&args, cli.threads, false, &mut out),
        Command::How(args) => how(&args, cli.threads, false, &mut out),
        Command::Search(args) => search(&args, cli.threads, &mut out),
    }
}

fn main() -> ExitCode {
    let Err(error) = carry_out(Cli::parse()) else { return ExitCode::SUCCESS };
    eprintln!("identity: {error}");
    ExitCode::FAILURE
}
