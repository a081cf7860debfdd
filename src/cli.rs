//! The command line: every command, its flags and its help.

use crate::data_dir::running_server;
use crate::{client, pipeline, pull, settings};
use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tributary_config::Config;

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
    /// Wait until the worker applied what the log held when asked
    #[command(after_help = "Example: tributary flush --admin 127.0.0.1:8091 --timeout 60")]
    Flush(FlushArgs),
    /// Check a configuration, or print its JSON Schema
    #[command(subcommand, after_help = "Example: tributary config check tributary.yaml")]
    Config(ConfigCommand),
    /// List, check or read the pull sources of a configuration
    #[command(subcommand, after_help = "Example: tributary source check --config tributary.yaml crm")]
    Source(SourceCommand),
}

/// Flags of `tributary run`.
#[derive(Args)]
pub struct RunArgs {
    /// Configuration file; without one everything is embedded and a write key is generated
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Data folder [default: ./tributary-data, or `data_dir` of the configuration]
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Address of the ingest port [default: 127.0.0.1:8090]
    #[arg(long)]
    pub listen: Option<SocketAddr>,
    /// Address of the admin port [default: 127.0.0.1:8091]
    #[arg(long)]
    pub admin: Option<SocketAddr>,
}

#[derive(Args)]
struct FlushArgs {
    /// Address of the server's admin port [default: that of the server on the data folder]
    #[arg(long)]
    admin: Option<String>,
    /// Data folder
    #[arg(long, default_value = settings::DATA_DIR)]
    data_dir: PathBuf,
    /// Seconds to wait
    #[arg(long, default_value_t = 60)]
    timeout: u64,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check a configuration file and say what is wrong with it
    Check {
        /// The file
        #[arg(default_value = "tributary.yaml")]
        file: PathBuf,
    },
    /// Print the JSON Schema of the configuration
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
    List {
        /// Configuration file
        #[arg(long, default_value = "tributary.yaml")]
        config: PathBuf,
    },
    /// Check that a source can be read with its mapping
    Check(SourceArgs),
    /// Print the records of a source as JSON lines, without storing them
    Read(SourceArgs),
}

impl Cli {
    /// Carries the command out.
    ///
    /// # Errors
    /// What the command reports; the process then ends with exit code 1.
    pub fn run(self) -> anyhow::Result<()> {
        let threads = settings::threads();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
        runtime.block_on(self.command.run())
    }
}

impl Command {
    async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Run(args) => pipeline::run(settings::Settings::load(&args)?).await,
            Self::Flush(args) => args.run().await,
            Self::Config(command) => command.run(),
            Self::Source(SourceCommand::List { config }) => {
                pull::list(&Config::load(&config)?);
                Ok(())
            }
            Self::Source(SourceCommand::Check(args)) => pull::check(&Config::load(&args.config)?, &args.name).await,
            Self::Source(SourceCommand::Read(args)) => pull::print(&Config::load(&args.config)?, &args.name).await,
        }
    }
}

impl FlushArgs {
    async fn run(self) -> anyhow::Result<()> {
        let admin = match self.admin {
            Some(admin) => admin,
            None => running_server(&self.data_dir)?
                .context("no server runs on the data folder: give --admin")?
                .admin
                .to_string(),
        };
        client::flush(&admin, Duration::from_secs(self.timeout)).await
    }
}

impl ConfigCommand {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Check { file } => {
                let config = Config::load(&file)?;
                println!("{}: ok, {} sources", file.display(), config.sources.len());
                Ok(())
            }
            Self::Schema => {
                println!("{}", serde_json::to_string_pretty(&Config::json_schema()).context("print the schema")?);
                Ok(())
            }
        }
    }
}
