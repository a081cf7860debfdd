//! Where a log of each kind lives, so that it can be closed and opened again.

use crate::cluster::Cluster;
use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tributary_log::{EmbeddedLog, EmbeddedOptions, KafkaLog, KafkaOptions, Log};

/// Partitions of every log here.
pub const PARTITIONS: u32 = 4;

/// The broker of this binary.
pub static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::start(1));

/// Fails a test that waits for ever.
pub async fn in_time<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), test).await.unwrap()
}

/// Opens one log, again and again.
#[async_trait::async_trait]
pub trait Home: Send + Sync {
    /// Opens it.
    async fn open(&self) -> Arc<dyn Log>;
}

/// A folder.
pub struct EmbeddedHome(tempfile::TempDir);

impl EmbeddedHome {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

#[async_trait::async_trait]
impl Home for EmbeddedHome {
    async fn open(&self) -> Arc<dyn Log> {
        let options = EmbeddedOptions { partitions: PARTITIONS, disk_reserve_bytes: 0, ..EmbeddedOptions::default() };
        Arc::new(Arc::new(EmbeddedLog::open(self.0.path(), options).unwrap()))
    }
}

/// A topic.
pub struct KafkaHome(pub KafkaOptions);

impl KafkaHome {
    pub fn new() -> Self {
        let topic = format!("log-{}", uuid::Uuid::new_v4());
        Self(KafkaOptions {
            brokers: CLUSTER.bootstrap.clone(),
            topic,
            partitions: PARTITIONS,
            ..KafkaOptions::default()
        })
    }
}

#[async_trait::async_trait]
impl Home for KafkaHome {
    async fn open(&self) -> Arc<dyn Log> {
        Arc::new(KafkaLog::connect(self.0.clone()).await.unwrap())
    }
}
