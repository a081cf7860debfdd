//! The command line: every command, its flags and its help.

use crate::identity::IdentityCommand;
use crate::runtimes::{self, Runtimes};
use crate::{client, demo, pipeline, pull, query, settings, webhooks};
use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tributary_config::Config;
use tributary_serve::Priority;

/// Longest wait for blocking tasks when the process ends.
const ENDING: Duration = Duration::from_secs(5);

/// A self-hosted customer data platform: events in, unified profiles out.
#[derive(Parser)]
#[command(name = "tributary", version, about, after_help = "Start with: tributary run")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server: gateway, worker, tables and admin API
    #[command(after_help = "Example: tributary run --config tributary.yaml --data-dir ./tributary-data")]
    Run(RunArgs),
    #[command(flatten)]
    Task(Task),
}

/// The commands that end by themselves.
#[derive(Subcommand)]
enum Task {
    /// Wait until all tables hold what the log held when asked
    #[command(after_help = "Example: tributary flush --admin 127.0.0.1:8091 --timeout 60")]
    Flush(FlushArgs),
    /// Query the tables with a SELECT
    #[command(after_help = "Example: tributary sql --format csv \"SELECT type, count(*) FROM events GROUP BY type\"")]
    Sql(SqlArgs),
    /// Count or list the profiles of a segment file
    #[command(subcommand, after_help = "Example: tributary segment count promoters.json")]
    Segment(SegmentCommand),
    /// Check a configuration, or print its JSON Schema
    #[command(subcommand, after_help = "Example: tributary config check tributary.yaml")]
    Config(ConfigCommand),
    /// List, check or read the pull sources of a configuration
    #[command(subcommand, after_help = "Example: tributary source check --config tributary.yaml crm")]
    Source(SourceCommand),
    /// Find which records are about one person, train and judge; decide on a running server
    #[command(subcommand, after_help = "Example: tributary identity run customers.csv --key id")]
    Identity(IdentityCommand),
    /// Run the whole job on generated customers and show what comes out
    #[command(after_help = "Example: tributary demo --people 1000")]
    Demo(demo::DemoArgs),
}

/// Flags of `tributary run`.
#[derive(Args)]
pub struct RunArgs {
    /// Configuration file; without one everything is embedded and a write key is generated
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data folder [default: ./tributary-data, or `data_dir` of the configuration]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address of the ingest port [default: 127.0.0.1:8090]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<SocketAddr>,
    /// Address of the admin port [default: 127.0.0.1:8091]
    #[arg(long, value_name = "HOST:PORT")]
    pub admin: Option<SocketAddr>,
}

#[derive(Args)]
struct FlushArgs {
    /// Address of the server's admin port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8091")]
    admin: String,
    /// Token of the admin port, if its configuration has one
    #[arg(long, env = "TRIBUTARY_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Seconds to wait
    #[arg(long, default_value_t = 60)]
    timeout: u64,
}

#[derive(Args)]
struct SqlArgs {
    /// Data folder
    #[arg(long, default_value = settings::DATA_DIR)]
    data_dir: PathBuf,
    /// Form of the result
    #[arg(long, default_value = "table", value_parser = ["table", "csv", "json", "parquet"])]
    format: String,
    /// Most rows to print [default: all]
    #[arg(long)]
    limit: Option<usize>,
    /// The query
    sql: String,
}

#[derive(Args)]
struct SegmentArgs {
    /// Data folder
    #[arg(long, default_value = settings::DATA_DIR)]
    data_dir: PathBuf,
    /// The segment, a JSON file
    file: PathBuf,
}

#[derive(Subcommand)]
enum SegmentCommand {
    /// Print how many profiles are in the segment
    #[command(after_help = "Example: tributary segment count promoters.json")]
    Count(SegmentArgs),
    /// Print the ids of the profiles in the segment, one a line
    #[command(after_help = "Example: tributary segment members --data-dir ./tributary-data promoters.json")]
    Members(SegmentArgs),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check a configuration file and say what is wrong with it
    #[command(after_help = "Example: tributary config check tributary.yaml")]
    Check {
        /// The file
        #[arg(default_value = "tributary.yaml")]
        file: PathBuf,
    },
    /// Print the JSON Schema of the configuration
    #[command(after_help = "Example: tributary config schema > tributary.schema.json")]
    Schema,
}

/// Flags of `tributary source check` and `read`.
#[derive(Args)]
pub struct SourceArgs {
    /// Configuration file
    #[arg(long, default_value = "tributary.yaml")]
    pub config: PathBuf,
    /// Name of the source
    pub name: String,
}

#[derive(Subcommand)]
enum SourceCommand {
    /// List the sources of a configuration
    #[command(after_help = "Example: tributary source list --config tributary.yaml")]
    List {
        /// Configuration file
        #[arg(long, default_value = "tributary.yaml")]
        config: PathBuf,
    },
    /// Check that a source can be read with its mapping; prints its streams and their columns
    #[command(after_help = "Example: tributary source check --config tributary.yaml crm")]
    Check(SourceArgs),
    /// Print the records of a source as JSON lines, without storing them
    #[command(after_help = "Example: tributary source read --config tributary.yaml crm | head")]
    Read(SourceArgs),
}

impl Cli {
    /// Carries the command out.
    ///
    /// # Errors
    /// What the command reports; the process then ends with exit code 1.
    pub fn run(self) -> anyhow::Result<()> {
        // A blocking task that hangs must not keep the process from ending.
        match self.command {
            Command::Run(args) => {
                let settings = settings::Settings::load(&args)?;
                let runtimes = Runtimes::start()?;
                let outcome = runtimes.back.block_on(pipeline::run(settings, &runtimes.fronts()));
                runtimes.end(ENDING);
                outcome
            }
            Command::Task(task) => {
                let runtime = runtimes::start("command", Priority::Usual)?;
                let outcome = runtime.block_on(task.run());
                runtime.shutdown_timeout(ENDING);
                outcome
            }
        }
    }
}

impl Task {
    async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Flush(FlushArgs { admin, token, timeout }) => {
                client::flush(&admin, token.as_deref(), Duration::from_secs(timeout)).await
            }
            Self::Sql(args) => query::sql(&args.data_dir, &args.sql, &args.format, args.limit).await,
            Self::Segment(SegmentCommand::Count(args)) => {
                let count = query::segment_count(&args.data_dir, &args.file).await?;
                Ok(writeln!(std::io::stdout(), "{count}")?)
            }
            Self::Segment(SegmentCommand::Members(args)) => {
                let members = query::segment_members(&args.data_dir, &args.file).await?;
                let mut out = std::io::stdout().lock();
                Ok(members.iter().try_for_each(|id| writeln!(out, "{id}"))?)
            }
            Self::Config(command) => command.run(),
            Self::Source(SourceCommand::List { config }) => pull::list(&Config::load(&config)?),
            Self::Source(SourceCommand::Check(args)) => pull::check(&Config::load(&args.config)?, &args.name).await,
            Self::Source(SourceCommand::Read(args)) => pull::print(&Config::load(&args.config)?, &args.name).await,
            Self::Identity(command) => command.run().await,
            Self::Demo(args) => demo::run(args).await,
        }
    }
}

impl ConfigCommand {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Check { file } => {
                let config = Config::load(&file)?;
                settings::check_trait_names(&config)?;
                pull::sources(&config)?;
                webhooks::mounted(&config)?;
                settings::matcher(&config)?;
                Ok(writeln!(std::io::stdout(), "{}: ok, {} sources", file.display(), config.sources.len())?)
            }
            Self::Schema => {
                let schema = serde_json::to_string_pretty(&Config::json_schema()).context("print the schema")?;
                Ok(writeln!(std::io::stdout(), "{schema}")?)
            }
        }
    }
}
