//! What the Kafka log is told, and the clients' settings that follow.

use super::context::error;
use crate::{Error, Result};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Most partitions; each has a buffer and a task.
const PARTITIONS_MAX: u32 = 1024;
/// Bytes that the consumers' queues may hold, all partitions together.
const FETCHED_BYTES_MAX: usize = 64 << 20;
/// What a record takes in a request besides key and value, at most.
const RECORD_OVERHEAD_BYTES: usize = 4 << 10;
/// A request that is not answered in this time is sent again, to the new leader if there is one: a fraction of
/// the delivery timeout, so that a frozen broker costs a delay and no error.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(8);

/// Properties on which the log's promises rest: nobody else sets them.
const OWNED: [&str; 16] = [
    "acks",
    "bootstrap.servers",
    "check.crcs",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "isolation.level",
    "message.max.bytes",
    "message.timeout.ms",
    "metadata.broker.list",
    "request.required.acks",
    "transactional.id",
    "queue.buffering.max.messages",
];

/// Settings of the Kafka log.
#[derive(Clone)]
pub struct KafkaOptions {
    /// Brokers to start from: `host:port,...`.
    pub brokers: String,
    /// The topic, made if it is not there.
    pub topic: String,
    /// Its partitions, 1 to 1024. A topic with another number is refused.
    pub partitions: u32,
    /// Replicas of a topic that is made. None: the brokers' default.
    pub replication_factor: Option<u16>,
    /// `min.insync.replicas` of a topic that is made. None: 2 with a
    /// replication factor of 3 or more, else the brokers' default.
    pub insync_replicas_min: Option<u16>,
    /// How long a topic that is made keeps records.
    pub retention: Duration,
    /// Properties of librdkafka (security, timeouts). Not those on which the
    /// log's promises rest; `auto.offset.reset` is `error` (the default), or
    /// `earliest` to go on past what retention deleted unread.
    pub properties: BTreeMap<String, String>,
    /// Longest wait for the brokers at start.
    pub connect_timeout: Duration,
    /// Longest wait for the acknowledgement of an append.
    pub delivery_timeout: Duration,
    /// Longest wait for the answer to a read.
    pub read_timeout: Duration,
    /// Bytes that may wait for acknowledgement.
    pub queue_bytes_max: usize,
    /// Most bytes of an entry. A topic that is made takes records this large.
    pub entry_bytes_max: usize,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".to_owned(),
            topic: "tributary".to_owned(),
            partitions: 4,
            replication_factor: None,
            insync_replicas_min: None,
            retention: Duration::from_hours(7 * 24),
            properties: BTreeMap::new(),
            connect_timeout: Duration::from_secs(30),
            delivery_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_secs(30),
            queue_bytes_max: 64 << 20,
            entry_bytes_max: 4 << 20,
        }
    }
}

/// Shows the names of the properties only: a value may be a secret.
impl fmt::Debug for KafkaOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties: BTreeMap<&str, &str> = self.properties.keys().map(|name| (name.as_str(), "***")).collect();
        formatter
            .debug_struct("KafkaOptions")
            .field("brokers", &self.brokers)
            .field("topic", &self.topic)
            .field("partitions", &self.partitions)
            .field("replication_factor", &self.replication_factor)
            .field("properties", &properties)
            .finish_non_exhaustive()
    }
}

impl KafkaOptions {
    /// Whether to go on past what retention deleted unread.
    pub(super) fn skips_lost(&self) -> bool {
        self.properties.get("auto.offset.reset").is_some_and(|value| value == "earliest")
    }

    /// Bytes of each partition's buffer, and of librdkafka's queue before it.
    pub(super) fn buffer_bytes_max(&self) -> usize {
        (FETCHED_BYTES_MAX / self.partitions as usize).clamp(256 << 10, 8 << 20)
    }

    /// What a record of the largest entry takes.
    pub(super) fn record_bytes_max(&self) -> usize {
        self.entry_bytes_max + RECORD_OVERHEAD_BYTES
    }

    /// Settings of the client that asks about the topic.
    pub(super) fn admin_config(&self) -> Result<ClientConfig> {
        let mut config = self.base()?;
        self.configure(&mut config);
        checked(config)
    }

    /// Settings of the producer; the module's documentation says why.
    pub(super) fn producer_config(&self) -> Result<ClientConfig> {
        let mut config = self.base()?;
        config.set("linger.ms", "2").set("compression.type", "lz4");
        self.configure(&mut config);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("delivery.timeout.ms", self.delivery_timeout.as_millis().to_string())
            .set("message.max.bytes", self.record_bytes_max().max(1 << 20).to_string())
            // The queue is bounded by its bytes, before librdkafka.
            .set("queue.buffering.max.messages", "0")
            .set("queue.buffering.max.kbytes", (2 * self.queue_bytes_max / 1024).clamp(1, 2_097_151).to_string());
        checked(config)
    }

    /// Settings of the consumer: it reads by offset and commits nothing.
    pub(super) fn consumer_config(&self) -> Result<ClientConfig> {
        let mut config = self.base()?;
        config
            .set("group.id", format!("tributary-{}", self.topic))
            .set("queued.max.messages.kbytes", (self.buffer_bytes_max() / 1024).to_string())
            .set("fetch.error.backoff.ms", "100")
            .set("fetch.queue.backoff.ms", "20");
        self.configure(&mut config);
        config
            // Retention that took unread frames is found here and judged by the log, never skipped by the client.
            .set("auto.offset.reset", "error")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("check.crcs", "true")
            .set("allow.auto.create.topics", "false");
        checked(config)
    }

    /// What both clients share, before the properties of the configuration.
    fn base(&self) -> Result<ClientConfig> {
        self.validate()?;
        let socket_timeout = SOCKET_TIMEOUT.min(self.delivery_timeout / 2);
        let mut config = ClientConfig::new();
        config
            .set_log_level(RDKafkaLogLevel::Info)
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "tributary")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", socket_timeout.as_millis().to_string())
            .set("reconnect.backoff.max.ms", "2000");
        Ok(config)
    }

    fn configure(&self, config: &mut ClientConfig) {
        for (name, value) in &self.properties {
            config.set(name, value);
        }
    }

    fn validate(&self) -> Result<()> {
        let wrong =
            |name: &str, reason: &str| Err(Error::Property { name: name.to_owned(), reason: reason.to_owned() });
        if let Some(name) = self.properties.keys().find(|name| OWNED.contains(&name.as_str())) {
            return wrong(name, "the log's promises rest on it; it cannot be set");
        }
        let reset = self.properties.get("auto.offset.reset").map(String::as_str);
        if !matches!(reset, None | Some("error" | "earliest")) {
            return wrong("auto.offset.reset", "must be `error` or `earliest`");
        }
        if !(1..=PARTITIONS_MAX).contains(&self.partitions) {
            let reason = format!("must have 1 to {PARTITIONS_MAX} partitions, not {}", self.partitions);
            return Err(Error::Topic { topic: self.topic.clone(), reason });
        }
        Ok(())
    }
}

/// Lets librdkafka check every property, so that a wrong one is named before anything connects.
fn checked(config: ClientConfig) -> Result<ClientConfig> {
    config.create_native_config().map_err(error("check the properties"))?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> KafkaOptions {
        KafkaOptions { properties: BTreeMap::from([(name.to_owned(), value.to_owned())]), ..KafkaOptions::default() }
    }

    #[test]
    fn wrong_properties_are_named_and_never_show_their_value() {
        let cases = [
            ("acks", "SECRET"),
            ("enable.idempotence", "SECRET"),
            ("transactional.id", "SECRET"),
            ("auto.offset.reset", "latest"),
            ("no.such.property", "SECRET"),
            ("security.protocol", "SECRET"),
            ("socket.send.buffer.bytes", "SECRET"),
        ];
        for (name, value) in cases {
            let options = with(name, value);
            let error = options.producer_config().and(options.consumer_config()).map(drop).unwrap_err();
            assert!(matches!(&error, Error::Property { name: named, .. } if named == name), "{name}: {error:?}");
            assert!(!format!("{error} {error:?} {options:?}").contains("SECRET"), "{name}: {error:?}");
        }
    }

    #[test]
    fn properties_reach_both_clients_and_the_promises_hold() {
        let options = with("security.protocol", "plaintext");
        let (producer, consumer) = (options.producer_config().unwrap(), options.consumer_config().unwrap());
        assert_eq!(producer.get("security.protocol"), Some("plaintext"));
        assert_eq!(consumer.get("security.protocol"), Some("plaintext"));
        assert_eq!((producer.get("acks"), producer.get("enable.idempotence")), (Some("all"), Some("true")));
        assert_eq!(
            with("auto.offset.reset", "earliest").consumer_config().unwrap().get("auto.offset.reset"),
            Some("error")
        );
    }
}
