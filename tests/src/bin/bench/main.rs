//! `make bench`: measures the built binary and prints, with the machine and
//! the inputs, every figure beside its baseline of the same run. Exit code 1
//! if a bar is missed.
//!
//! ```text
//! ceiling ──> flat out: batches ──> tables caught up ──> profile API, segments, memory, bytes written
//!         ──> flat out: singles    (a server of its own)
//!         ──> paced: 10,000 events/s  (a server of its own)
//! ```
//!
//! After every load the tables must hold each acknowledged event exactly once,
//! and each segment must count what follows from what was sent.

mod ceiling;
mod event;
mod load;
mod machine;
mod reads;
mod report;

use anyhow::{Context as _, ensure};
use event::{BATCH, Request, USERS, WRITE_KEY};
use load::{Connection, Load};
use machine::Usage;
use report::{Bar, Figure, per_second, ratio};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tributary_serve::Priority;
use tributary_tests::{Server, ServerOptions};

/// Connections of every load.
const CONNECTIONS: usize = 64;
/// Pace of the paced load, events a second.
const PACE: u64 = 10_000;
/// How long each load lasts unless the command line says otherwise.
const SECONDS: u64 = 8;
/// How much computing the bare processor is given at that pace: about what an acknowledgement takes.
const COMPUTED: Duration = Duration::from_millis(1);
/// How long the bare ceiling is measured.
const CEILING: Duration = Duration::from_secs(2);

/// RudderStack 1.83 with PostgreSQL on the same kind of machine (2 cores, NVMe), 1 KB events, its
/// gateway's own durable acknowledgement: events/s in batches of 100, singly, and delivered end to end.
const RUDDERSTACK_BATCHED: f64 = 39_600.0;
const RUDDERSTACK_SINGLE: f64 = 12_700.0;
const RUDDERSTACK_DELIVERED: f64 = 2_100.0;
/// What the bars ask for, as a multiple of these.
const BAR: f64 = 1.5;

fn main() -> anyhow::Result<ExitCode> {
    let asked = Asked::read(std::env::args().skip(1))?;
    // Clients have machines of their own: the generator must not wait for the worker's time slices.
    Priority::Prompt.apply();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let figures = runtime.block_on(measure(&asked))?;
    let missed = figures.iter().filter(|figure| figure.is_missed()).count();
    println!("\n{missed} of {} bars missed", figures.iter().filter(|figure| figure.has_bar()).count());
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the command line asks for.
struct Asked {
    /// How long each load lasts.
    duration: Duration,
    /// Which ones.
    loads: Vec<String>,
}

impl Asked {
    fn read(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        const LOADS: [&str; 3] = ["batches", "singles", "paced"];
        const USAGE: &str = "usage: bench [SECONDS OF EACH LOAD] [batches] [singles] [paced]";
        let seconds = arguments.next().map(|text| text.parse()).transpose().context(USAGE)?.unwrap_or(SECONDS);
        let mut loads: Vec<String> = arguments.collect();
        ensure!(loads.iter().all(|load| LOADS.contains(&load.as_str())), USAGE);
        if loads.is_empty() {
            loads = LOADS.map(str::to_owned).to_vec();
        }
        Ok(Self { duration: Duration::from_secs(seconds), loads })
    }

    fn asks_for(&self, load: &str) -> bool {
        self.loads.iter().any(|asked| asked == load)
    }
}

/// Prints a section's figures as they come, and keeps them for the verdict.
#[derive(Default)]
struct Printed(Vec<Figure>);

impl Printed {
    fn section(&mut self, title: &str, figures: impl IntoIterator<Item = Figure>) {
        println!("\n{title}");
        for figure in figures {
            println!("{figure}");
            self.0.push(figure);
        }
    }
}

async fn measure(asked: &Asked) -> anyhow::Result<Vec<Figure>> {
    let duration = asked.duration;
    let folder = std::env::temp_dir();
    let (batch, single) = (Request::batch(), Request::single());
    println!("machine: {}", machine::describe(&folder));
    println!(
        "inputs: events of 1 KB of {USERS} people, batches of {BATCH}, {CONNECTIONS} keep-alive connections, \
         {duration:?} a load; the generator shares the cores, on one thread"
    );
    println!(
        "baselines: RudderStack 1.83 with PostgreSQL on the same kind of machine; the ceiling is an append and a sync \
         of what {CONNECTIONS} connections have in flight, the bare disk one of each batch at the pace, both of this run"
    );
    let mut printed = Printed::default();
    let batched_ceiling = ceiling(&folder, batch.clone())?;
    let single_ceiling = ceiling(&folder, single.clone())?;
    if asked.asks_for("batches") {
        batched(&mut printed, batch.clone(), duration, batched_ceiling).await?;
    }
    if asked.asks_for("singles") {
        singly(&mut printed, single, duration, single_ceiling).await?;
    }
    if asked.asks_for("paced") {
        paced(&mut printed, batch, duration).await?;
    }
    Ok(printed.0)
}

fn ceiling(folder: &Path, mut request: Request) -> anyhow::Result<f64> {
    let events = request.events();
    let bytes = request.with_sequence(0);
    Ok(ceiling::measure(folder, events, bytes, CONNECTIONS as u64, CEILING)?)
}

/// Batches flat out, then everything that is read of them.
async fn batched(printed: &mut Printed, request: Request, duration: Duration, ceiling: f64) -> anyhow::Result<()> {
    let server = start().await?;
    introduce(&server).await?;
    let before = Usage::of(server.pid())?;
    let started = Instant::now();
    let outcome = load(&server, request, duration)?.flat_out().await?;
    let acknowledging = Usage::of(server.pid())?;
    server.flush().await?;
    let delivered = per_second(outcome.events, started.elapsed());
    let after = Usage::of(server.pid())?;
    exactly_once(&server, outcome.events).await?;

    let cpu = |usage: Usage| {
        let spent = usage.cpu.saturating_sub(before.cpu);
        spent.as_secs_f64() * 1e6 * ratio(1, outcome.events)
    };
    printed.section(
        "batches, flat out",
        [
            Figure::new("gateway, durable", per_second(outcome.events, outcome.elapsed), "ev/s")
                .against("RudderStack", RUDDERSTACK_BATCHED)
                .against("the ceiling", ceiling)
                .bar(Bar::AtLeast(BAR * RUDDERSTACK_BATCHED))
                .aim(200_000.0),
            Figure::time("acknowledgement p50", outcome.quantile(500)),
            Figure::time("acknowledgement p99", outcome.quantile(990)).bar(Bar::Below(50.0)),
            Figure::new("worker, sent to readable in the tables", delivered, "ev/s")
                .against("RudderStack", RUDDERSTACK_DELIVERED)
                .bar(Bar::AtLeast(BAR * RUDDERSTACK_DELIVERED))
                .aim(20_000.0),
            Figure::new("CPU while acknowledging", cpu(acknowledging), "us/ev"),
            Figure::new("CPU in all", cpu(after), "us/ev"),
            Figure::new("memory, peak", ratio(after.peak_rss_bytes, 1 << 20), "MiB"),
            Figure::new("written", ratio(after.written_bytes - before.written_bytes, outcome.events), "B/ev"),
        ],
    );
    let reads = reads::measure(&server, outcome.events).await?;
    printed.section(&format!("reads, over {} events of {USERS} profiles", outcome.events), reads);
    finish(server).await
}

/// Single posts flat out.
async fn singly(printed: &mut Printed, request: Request, duration: Duration, ceiling: f64) -> anyhow::Result<()> {
    let server = start().await?;
    let outcome = load(&server, request, duration)?.flat_out().await?;
    server.flush().await?;
    exactly_once(&server, outcome.events).await?;
    printed.section(
        "single posts, flat out",
        [
            Figure::new("gateway, durable", per_second(outcome.events, outcome.elapsed), "ev/s")
                .against("RudderStack", RUDDERSTACK_SINGLE)
                .against("the ceiling", ceiling)
                .bar(Bar::AtLeast(BAR * RUDDERSTACK_SINGLE))
                .aim(40_000.0),
            Figure::time("acknowledgement p50", outcome.quantile(500)),
            Figure::time("acknowledgement p99", outcome.quantile(990)).bar(Bar::Below(50.0)),
        ],
    );
    finish(server).await
}

/// Batches at a steady pace.
async fn paced(printed: &mut Printed, mut request: Request, duration: Duration) -> anyhow::Result<()> {
    let (events, interval) = (request.events(), request.interval(PACE));
    let bare = ceiling::paced(&std::env::temp_dir(), events, request.with_sequence(0), interval, duration)?;
    let bare = |per_mille| bare.quantile(per_mille).as_secs_f64() * 1e3;
    let computing = ceiling::computing(COMPUTED, interval, duration);
    let server = start().await?;
    let outcome = load(&server, request, duration)?.paced(PACE).await?;
    server.flush().await?;
    exactly_once(&server, outcome.events).await?;
    printed.section(
        &format!("batches, paced at {PACE} events a second"),
        [
            Figure::time("acknowledgement p50", outcome.quantile(500)).against("the bare disk", bare(500)),
            Figure::time("acknowledgement p99", outcome.quantile(990))
                .against("the bare disk", bare(990))
                .bar(Bar::Below(5.0)),
            Figure::time("acknowledgement, slowest", outcome.quantile(1000)).against("the bare disk", bare(1000)),
            Figure::time("1 ms of computing, nothing else running, p50", computing.quantile(500)),
            Figure::time("1 ms of computing, nothing else running, p99", computing.quantile(990)),
            Figure::time("1 ms of computing, nothing else running, slowest", computing.quantile(1000)),
        ],
    );
    finish(server).await
}

async fn start() -> anyhow::Result<Server> {
    let config = format!("sources: [{{name: web, type: http, write_key: {WRITE_KEY}}}]\n");
    Server::start(ServerOptions { is_quiet: true, ..ServerOptions::with_config(config) }).await
}

fn load(server: &Server, request: Request, duration: Duration) -> anyhow::Result<Load> {
    Ok(Load { address: server.ingest_address()?, request, connections: CONNECTIONS, duration, first: 0 })
}

/// Sends an identify for every user.
async fn introduce(server: &Server) -> anyhow::Result<()> {
    let mut connection = Connection::open(server.ingest_address()?).await?;
    for from in (0..USERS).step_by(500) {
        connection.exchange(&event::introduction(from, USERS.min(from + 500))).await?;
    }
    server.flush().await
}

/// Checks that `events` holds every acknowledged event once and nothing else.
async fn exactly_once(server: &Server, acknowledged: u64) -> anyhow::Result<()> {
    let rows = server.count("SELECT count(*) FROM events WHERE type = 'track'").await?;
    let ids = server.count("SELECT count(DISTINCT message_id) FROM events WHERE type = 'track'").await?;
    ensure!(rows == acknowledged && ids == acknowledged, "{acknowledged} acknowledged, {rows} rows, {ids} ids");
    Ok(())
}

async fn finish(mut server: Server) -> anyhow::Result<()> {
    server.stop().await
}
