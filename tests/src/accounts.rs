//! The sum that must always hold: what was accepted is in the tables, or was a duplicate.

use crate::server::Server;
use anyhow::ensure;

/// What one run of a server accepted, and where it went. Counters start with the process and tables do not, so the sum
/// holds for a server that was not started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// Frames made durable, good or bad.
    pub accepted: u64,
    /// Rows of `events`.
    pub events: u64,
    /// Rows of `failed_events`.
    pub failed_events: u64,
    /// Records that came again.
    pub duplicates: u64,
}

impl Accounts {
    /// Flushes the server and reads its counters and tables.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn of(server: &Server) -> anyhow::Result<Self> {
        server.flush().await?;
        let metrics = server.metrics().await?;
        Ok(Self {
            accepted: whole(metrics.sum("tributary_ingest_records_accepted_total"))
                + whole(metrics.sum("tributary_pull_records_accepted_total")),
            events: server.count("SELECT count(*) FROM events").await?,
            failed_events: server.count("SELECT count(*) FROM failed_events").await?,
            duplicates: whole(metrics.sum_where("tributary_worker_records_total", "outcome", "duplicate")),
        })
    }

    /// Reads the accounts and checks the sum.
    ///
    /// # Errors
    /// If it does not hold, or the server does not answer.
    pub async fn balanced(server: &Server) -> anyhow::Result<Self> {
        let accounts = Self::of(server).await?;
        let Self { accepted, events, failed_events, duplicates } = accounts;
        ensure!(accepted == events + failed_events + duplicates, "the sum does not hold: {accounts:?}");
        Ok(accounts)
    }
}

/// A counter as the whole number that it is.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters are whole and not negative")]
fn whole(counter: f64) -> u64 {
    counter as u64
}
