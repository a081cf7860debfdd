//! Fifty times `kill -9` under load, ten of them while a table is compacted:
//! every acknowledged event is in `events` exactly once, nothing was invented,
//! and a state that is deleted comes back the same.

use anyhow::{Context as _, ensure};
use futures::future::{join_all, try_join};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tributary_tests::{Export, Sender, Server, ServerOptions, WRITE_KEY};

const KILLS: u32 = 50;
/// Of these, during a compaction.
const KILLS_COMPACTING: u32 = 10;
/// Kills that were meant for a compaction and came too late, at most.
const MISSES_MAX: u32 = 30;
const RESTART_MAX: Duration = Duration::from_secs(2);
const SENDERS: u64 = 4;
const SEED: u64 = 2026;
/// How long something may take that is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(1);
const EXPORTED: [&str; 4] = ["events", "profiles", "identities", "objects"];

/// The log is to tell of compactions.
const LOG_FILTER: &str = "warn,tributary=info,tributary_tables::compact=debug";

/// Tables are committed and compacted all the time, and the log keeps next to
/// nothing behind them, so that a lost state has to come from `events`.
const CONFIG: &str = r#"
sources:
  - {name: web, type: http, write_key: wk}
  - {name: crm, type: file, path: contacts.csv, record: identify, key: Id, timestamp: Updated,
     identifiers: {email: Email}, traits: {first_name: First Name, email: Email}}
  - {name: sales, type: file, path: deals.csv, record: object, key: Id, timestamp: Updated,
     object: {type: deals, fields: {stage: Stage, amount: Amount}, associations: {"crm:contacts": Contact}}}
log: {type: embedded, segment_bytes: 1048576, retain_bytes: 1048576, retain_seconds: 1}
tables: {commit_interval_seconds: 1, replace_interval_seconds: 1, compact_files: 2, dead_rows_max: 0.05}
"#;

#[tokio::test]
async fn fifty_kills_lose_and_double_nothing() -> anyhow::Result<()> {
    let mut run = Run::start().await?;
    let mut compacting = 0;
    for attempt in 0.. {
        ensure!(attempt < KILLS_COMPACTING + MISSES_MAX, "{compacting} of {attempt} kills came during a compaction");
        compacting += u32::from(run.kill_while_compacting().await?);
        if compacting == KILLS_COMPACTING {
            break;
        }
    }
    while run.kills < KILLS {
        run.kill_at_random().await?;
    }
    println!(
        "{} kills, {compacting} of them during a compaction; slowest restart {:?}",
        run.kills, run.slowest_restart
    );
    run.check_ledgers().await?;
    run.check_files().await?;
    run.delete_the_state().await
}

/// The server, who sends to it, and what happened.
struct Run {
    server: Server,
    senders: Vec<Sender>,
    random: SmallRng,
    kills: u32,
    /// Rows written to each file.
    rows: u64,
    slowest_restart: Duration,
}

impl Run {
    async fn start() -> anyhow::Result<Self> {
        let env = vec![("RUST_LOG".to_owned(), LOG_FILTER.to_owned())];
        let mut server = Server::prepare(ServerOptions { env, ..ServerOptions::with_config(CONFIG) })?;
        fs::write(server.dir().join("contacts.csv"), "Id,Email,First Name,Updated\n")?;
        fs::write(server.dir().join("deals.csv"), "Id,Contact,Stage,Amount,Updated\n")?;
        server.restart().await?;
        let sender = |number: u64| Sender::new(server.dir(), &format!("sender-{number}"), SEED + number);
        let senders = (0..SENDERS).map(sender).collect::<Result<_, _>>()?;
        let random = SmallRng::seed_from_u64(SEED);
        Ok(Self { server, senders, random, kills: 0, rows: 0, slowest_restart: Duration::ZERO })
    }

    async fn kill_at_random(&mut self) -> anyhow::Result<()> {
        let moment = Duration::from_millis(self.random.random_range(20..800));
        let after_a_while = async |_: &Server| {
            tokio::time::sleep(moment).await;
            Ok(())
        };
        self.kill_when(after_a_while).await
    }

    /// Kills a moment after a compaction began; says whether it was still under way.
    async fn kill_while_compacting(&mut self) -> anyhow::Result<bool> {
        let moment = Duration::from_millis(self.random.random_range(0..8));
        let before = Compactions::of(&self.server);
        let in_compaction = async |server: &Server| {
            let started = Instant::now();
            while Compactions::of(server).begun == before.begun {
                ensure!(started.elapsed() < PATIENCE, "no compaction within {PATIENCE:?}");
                tokio::time::sleep(POLL).await;
            }
            tokio::time::sleep(moment).await;
            Ok(())
        };
        self.kill_when(in_compaction).await?;
        let after = Compactions::of(&self.server);
        Ok(after.begun - before.begun > after.ended - before.ended)
    }

    /// Kills the server under load, and starts it again.
    async fn kill_when(&mut self, moment: impl AsyncFnOnce(&Server) -> anyhow::Result<()>) -> anyhow::Result<()> {
        self.append_rows()?;
        let ingest = self.server.ingest_address()?;
        let server = &mut self.server;
        let kill = async {
            let waited = moment(server).await;
            server.kill9()?;
            waited
        };
        let load = async {
            let sending = self.senders.iter_mut().map(|sender| sender.send_until_hung_up(ingest, WRITE_KEY));
            join_all(sending).await.into_iter().collect::<anyhow::Result<()>>()
        };
        try_join(Box::pin(kill), Box::pin(load)).await?;
        self.kills += 1;
        self.server.restart().await?;
        let startup = self.server.startup();
        self.slowest_restart = self.slowest_restart.max(startup);
        ensure!(startup < RESTART_MAX, "kill {}: the restart took {startup:?}", self.kills);
        Ok(())
    }

    /// Files grow by a row between kills; old contacts and deals change.
    fn append_rows(&mut self) -> anyhow::Result<()> {
        let (number, contact) = (self.rows, self.rows % 20);
        let updated = format!("2026-03-01T00:{:02}:{:02}Z", number / 60, number % 60);
        let append = |name: &str, line: String| {
            let mut file = File::options().append(true).open(self.server.dir().join(name))?;
            file.write_all(line.as_bytes())
        };
        append("contacts.csv", format!("{contact},user-{contact}@example.com,Name {number},{updated}\n"))?;
        append("deals.csv", format!("{contact},{contact},Stage {number},{number},{updated}\n"))?;
        self.rows += 1;
        Ok(())
    }

    /// Holds `events` against the ledgers.
    async fn check_ledgers(&self) -> anyhow::Result<()> {
        self.server.flush().await?;
        let rows = self.server.sql_csv("SELECT message_id FROM events WHERE source = 'web'").await?;
        let mut stored: BTreeMap<&str, u32> = BTreeMap::new();
        for id in rows.lines().skip(1) {
            *stored.entry(id).or_default() += 1;
        }
        let doubled: Vec<_> = stored.iter().filter(|(_, count)| **count > 1).collect();
        ensure!(doubled.is_empty(), "stored more than once: {doubled:?}");

        let mut sent = BTreeSet::new();
        let mut acknowledged = BTreeSet::new();
        for sender in &self.senders {
            sent.extend(sender.sent());
            acknowledged.extend(sender.acknowledged()?);
        }
        let lost: Vec<_> = acknowledged.iter().filter(|id| !stored.contains_key(id.as_str())).collect();
        ensure!(lost.is_empty(), "{} acknowledged events are lost: {lost:?}", lost.len());
        let invented: Vec<_> = stored.keys().filter(|id| !sent.contains(**id)).collect();
        ensure!(invented.is_empty(), "stored but never sent: {invented:?}");
        ensure!(acknowledged.len() > 1_000, "only {} events were acknowledged: that proves little", acknowledged.len());
        println!("{} events acknowledged, {} sent, {} stored", acknowledged.len(), sent.len(), stored.len());
        Ok(())
    }

    /// Every row of the files counts once.
    async fn check_files(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        for source in ["crm", "sales"] {
            let count = format!("SELECT count(*) FROM events WHERE source = '{source}'");
            while self.server.count(&count).await? < self.rows {
                ensure!(started.elapsed() < PATIENCE, "source {source} lacks rows");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            ensure!(self.server.count(&count).await? == self.rows, "source {source} counts a row twice");
        }
        Ok(())
    }

    async fn delete_the_state(&mut self) -> anyhow::Result<()> {
        self.server.flush().await?;
        let before = Export::of(&self.server, &EXPORTED).await?;
        for table in EXPORTED {
            ensure!(before.rows(table) > 0, "{table} is empty");
        }
        self.server.stop().await?;
        before.ensure_same(&Export::of(&self.server, &EXPORTED).await?, "the committed tables, without a server")?;
        delete(&self.server.data_dir().join("state"))?;
        self.server.restart().await?;
        self.server.flush().await?;
        before.ensure_same(&Export::of(&self.server, &EXPORTED).await?, "after the state was deleted")?;
        self.check_ledgers().await
    }
}

fn delete(folder: &Path) -> anyhow::Result<()> {
    ensure!(folder.is_dir(), "there is no {}", folder.display());
    fs::remove_dir_all(folder).context("delete the state")
}

/// Compactions that the server's log tells of.
struct Compactions {
    begun: usize,
    ended: usize,
}

impl Compactions {
    fn of(server: &Server) -> Self {
        let log = server.log_text();
        Self { begun: log.matches("compaction begun").count(), ended: log.matches("compaction ended").count() }
    }
}
