//! `tributary demo`: the whole job on generated customers.
//!
//! ```text
//! people (planted truth) ──> records ──> folder: tributary.yaml, CSV files ──> server (a child process)
//!                               └──────> send: gateway and signed webhooks ──────┘      │
//! report <── SQL, segments, profiles over the admin API <───────── flush <──────────────┘
//! ```
//!
//! The demo uses nothing but files and the public HTTP API, so that it is an
//! example, too. Every figure it prints is computed from the tables; it fails
//! if they do not agree with what was planted.

mod api;
mod explain;
mod folder;
mod measures;
mod names;
mod people;
mod progress;
mod records;
mod report;
mod send;
mod server;
mod stages;
mod text;
mod told;
mod truth;
mod undo;

use anyhow::bail;
use api::Api;
use clap::{Args, ValueEnum};
use folder::{Folder, Keys};
use progress::Progress;
use records::Records;
use report::Report;
use send::Sender;
use server::Server;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// Longest wait for the tables to hold everything.
const FLUSH_TIMEOUT: Duration = Duration::from_mins(5);
/// How often the files' rows are counted while the server reads them.
const POLL: Duration = Duration::from_millis(200);
/// Rows that are stored, good and bad, by source.
const STORED: &str = "SELECT source, count(*) FROM \
    (SELECT source FROM events UNION ALL SELECT source FROM failed_events) AS stored GROUP BY source";

/// Flags of `tributary demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// How many people to plant; the default takes about a minute on two cores
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub people: u32,
    /// Seed of the generator: the same seed and number of people give the same records
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Where accepted records are made durable
    #[arg(long, value_enum, default_value_t = LogKind::Embedded)]
    pub log: LogKind,
    /// Brokers of the Kafka log, host:port,...
    #[arg(long, required_if_eq("log", "kafka"))]
    pub brokers: Option<String>,
    /// The demo's folder: data folder of its server, and configuration, CSV files and report in `demo/`.
    /// An earlier demo in it is removed; a folder that holds something else is refused
    #[arg(long, default_value = "tributary-demo")]
    pub data_dir: PathBuf,
    /// Only write the records, the truth, a configuration and the signing key into this folder
    #[arg(long, value_name = "DIR")]
    pub records: Option<PathBuf>,
}

/// Which log the demo uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogKind {
    /// A folder of the server.
    Embedded,
    /// Apache Kafka.
    Kafka,
}

/// Runs the demo and prints its report on standard output.
///
/// # Errors
/// If the folder cannot be used, the server fails, or what came out does not
/// agree with what was planted.
pub async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let begun = Instant::now();
    let progress = Progress::begin("people drawn", 0);
    let records = Records::generate(args.seed, args.people);
    progress.advance(u64::from(args.people));
    progress.end();
    if let Some(target) = &args.records {
        return folder::write_records(target, &records);
    }
    let keys = Keys::generate()?;
    let folder = Folder::create(&args, &keys, &records)?;
    let server = Server::start(&folder).await?;
    let report = tokio::select! {
        report = work(&args, &server, &keys, &records) => report,
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
    };
    let stopped = server.stop().await;
    let report = report?;
    stopped?;
    std::fs::write(folder.files().join("report.json"), serde_json::to_vec_pretty(&report)?)?;
    text::print(&report, &args, &folder, begun.elapsed())?;
    report.check()
}

/// What happens while the server runs.
async fn work(args: &DemoArgs, server: &Server, keys: &Keys, records: &Records) -> anyhow::Result<Report> {
    let api = Api::new(&server.address)?;
    let mut sent = Sender::new(server.address.ingest, keys).send(records).await?;
    sent.extend(records.tables.iter().map(|table| (table.source, table.len())));
    wait_for_files(&api, records).await?;
    let progress = Progress::begin("tables flushed", 0);
    api.flush(FLUSH_TIMEOUT).await?;
    progress.end();
    Report::collect(&api, args.people, records, &sent).await
}

/// Waits until every row of the files is stored: the server reads them by itself.
async fn wait_for_files(api: &Api, records: &Records) -> anyhow::Result<()> {
    let progress = Progress::begin("CRM rows read", 0);
    let expected = records.expected();
    let of_files = |source: &str| records.tables.iter().any(|table| table.source == source);
    let awaited = expected.iter().filter(|(source, _)| of_files(source));
    let awaited: u64 = awaited.map(|(_, rows)| rows.events + rows.failed).sum();
    let begun = Instant::now();
    loop {
        let counts: Vec<(String, u64)> = api.query(STORED).await?;
        let stored: u64 = counts.iter().filter(|(source, _)| of_files(source)).map(|(_, rows)| rows).sum();
        if stored >= awaited {
            progress.advance(stored);
            progress.end();
            return Ok(());
        }
        if begun.elapsed() > FLUSH_TIMEOUT {
            bail!("only {stored} of {awaited} rows of the CSV files were read; demo/server.log may say why");
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Returns when the demo is asked to end.
async fn interrupted() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => std::future::pending().await,
    }
}
