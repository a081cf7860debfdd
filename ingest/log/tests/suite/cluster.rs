//! Real Apache Kafka for a test binary, started by the project's own starter
//! and destroyed when this process ends, however it ends.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Some brokers on loopback.
pub struct Cluster {
    data: PathBuf,
    /// `host:port,...`
    pub bootstrap: String,
}

impl Cluster {
    /// Starts 1 or 3 brokers.
    pub fn start(brokers: u32) -> Self {
        let data = tempfile::Builder::new().prefix("tributary-kafka-").tempdir().unwrap().keep();
        let mut cluster = Self { data, bootstrap: String::new() };
        cluster.bootstrap = cluster.run(&["start", &brokers.to_string(), &std::process::id().to_string()]);
        cluster
    }

    /// Runs a command of the starter and returns what it prints.
    pub fn run(&self, arguments: &[&str]) -> String {
        let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/kafka/kafka");
        let ran = Command::new(starter).args(arguments).env("KAFKA_DATA", &self.data).output().unwrap();
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "kafka {arguments:?}: {errors}");
        String::from_utf8(ran.stdout).unwrap().trim().to_owned()
    }
}
