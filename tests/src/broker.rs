//! One broker of real Apache Kafka, by the project's own starter.

use crate::repository;
use anyhow::{Context as _, ensure};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A broker with a data folder of its own; it is destroyed when this is dropped, or when the test's process ends.
pub struct Broker {
    data: TempDir,
    bootstrap: String,
}

impl Broker {
    /// Starts a broker and waits until it takes requests.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn start() -> anyhow::Result<Self> {
        let data = TempDir::with_prefix("tributary-kafka-")?;
        let mut broker = Self { data, bootstrap: String::new() };
        let printed = broker.run(&["start", "1", &std::process::id().to_string()]).await?;
        printed.trim().clone_into(&mut broker.bootstrap);
        Ok(broker)
    }

    /// Its address, `host:port`.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// If it does not run.
    pub async fn kill9(&self) -> anyhow::Result<()> {
        self.run(&["kill", "1"]).await.map(drop)
    }

    /// Starts it again on its data and waits until it takes requests.
    ///
    /// # Errors
    /// If it runs, or does not start.
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.run(&["restart", "1"]).await.map(drop)
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = tokio::process::Command::from(self.command(arguments));
        let output = command.output().await.context("run the starter of Kafka")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "kafka {} ended with {}: {said}", arguments.join(" "), output.status);
        String::from_utf8(output.stdout).context("read what the starter printed")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(repository().join("tests/kafka/kafka"));
        command.args(arguments).env("KAFKA_DATA", self.data.path().join("cluster")).stdin(Stdio::null());
        command
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Nothing is left to tell of a failure; the starter also watches this process.
        let _ = self.command(&["destroy"]).status();
    }
}
