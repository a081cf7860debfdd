//! The topic at start: made if it is not there, refused if it cannot serve.

use super::context::{Context, error};
use super::{KafkaOptions, blocking, signed, topic_id};
use crate::{Error, ErrorKind, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::RDKafkaErrorCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Pause between two looks at a topic that is being made.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Longest wait for one answer about the topic.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// What is known of the topic.
pub(super) struct Topic {
    pub(super) id: Uuid,
    /// Replicas that must be in sync for an append; unknown without the permission to ask.
    pub(super) insync_min: Option<usize>,
}

/// How the brokers describe it.
struct Seen {
    partitions: usize,
    replicas: usize,
    /// Every partition has a leader.
    is_led: bool,
}

/// Makes sure that the topic is there and can serve as this log.
pub(super) async fn ensure(options: &KafkaOptions, consumer: &Arc<StreamConsumer<Context>>) -> Result<Topic> {
    let deadline = Instant::now() + options.connect_timeout;
    let admin: AdminClient<Context> =
        options.admin_config()?.create_with_context(Context).map_err(error("start the admin client"))?;
    if look(options, consumer, options.connect_timeout).await?.is_none() {
        create(options, &admin).await?;
    }
    let seen = led(options, consumer, deadline).await?;
    if seen.partitions != options.partitions as usize {
        let reason = format!(
            "it has {} partitions, the configuration says {}: say the topic's number, or name another topic",
            seen.partitions, options.partitions
        );
        return Err(Error::Topic { topic: options.topic.clone(), reason });
    }
    let insync_min = insync_min(options, &admin).await;
    warn_of_few_copies(options, &seen, insync_min);
    let id = id(options, &Arc::new(admin), deadline).await?;
    Ok(Topic { id, insync_min })
}

/// Asks for the topic's id. A broker that has not heard yet of a topic that
/// was just made is asked again.
async fn id(options: &KafkaOptions, admin: &Arc<AdminClient<Context>>, deadline: Instant) -> Result<Uuid> {
    loop {
        let (admin, name) = (Arc::clone(admin), options.topic.clone());
        match blocking("ask for the topic's id", move || topic_id::ask(admin.inner(), &name, LOOK_TIMEOUT)).await {
            Err(error) if error.kind() == ErrorKind::Transient && Instant::now() < deadline => {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            answer => return answer,
        }
    }
}

/// Describes the topic if it is there. The consumer asks: it never makes one by asking.
async fn look(
    options: &KafkaOptions,
    consumer: &Arc<StreamConsumer<Context>>,
    timeout: Duration,
) -> Result<Option<Seen>> {
    let (consumer, name) = (Arc::clone(consumer), options.topic.clone());
    blocking("describe the topic", move || {
        let failed = error("describe the topic");
        let metadata = consumer.fetch_metadata(Some(&name), timeout).map_err(&failed)?;
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else { return Ok(None) };
        match topic.error().map(RDKafkaErrorCode::from) {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => return Ok(None),
            Some(RDKafkaErrorCode::LeaderNotAvailable) | None => {}
            Some(code) => return Err(failed(rdkafka::error::KafkaError::MetadataFetch(code))),
        }
        let partitions = topic.partitions();
        let replicas = partitions.iter().map(|partition| partition.replicas().len()).min().unwrap_or_default();
        let is_led = !partitions.is_empty() && partitions.iter().all(|partition| partition.leader() >= 0);
        Ok(Some(Seen { partitions: partitions.len(), replicas, is_led }))
    })
    .await
}

/// Waits until every partition of the topic has a leader.
async fn led(options: &KafkaOptions, consumer: &Arc<StreamConsumer<Context>>, deadline: Instant) -> Result<Seen> {
    loop {
        if let Some(seen) = look(options, consumer, LOOK_TIMEOUT).await?
            && seen.is_led
        {
            return Ok(seen);
        }
        if Instant::now() >= deadline {
            let source = "a partition of the topic has no leader".into();
            return Err(Error::Unreachable { action: "wait for the topic's leaders", source });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn create(options: &KafkaOptions, admin: &AdminClient<Context>) -> Result<()> {
    let replicas = options.replication_factor.map_or(-1, i32::from);
    let retention_ms = options.retention.as_millis().to_string();
    let record_bytes_max = options.record_bytes_max().max(1 << 20).to_string();
    let insync_min = options.insync_replicas_min.or((replicas >= 3).then_some(2)).map(|count| count.to_string());
    let mut topic = NewTopic::new(&options.topic, signed(options.partitions), TopicReplication::Fixed(replicas))
        .set("cleanup.policy", "delete")
        .set("unclean.leader.election.enable", "false")
        .set("retention.ms", &retention_ms)
        .set("max.message.bytes", &record_bytes_max);
    if let Some(count) = &insync_min {
        topic = topic.set("min.insync.replicas", count);
    }
    let wait = AdminOptions::new().operation_timeout(Some(options.connect_timeout));
    let failed = error("create the topic");
    let results = admin.create_topics([&topic], &wait).await.map_err(&failed)?;
    match results.into_iter().next() {
        // Another server may have been faster.
        Some(Err((_, code))) if code != RDKafkaErrorCode::TopicAlreadyExists => {
            Err(failed(rdkafka::error::KafkaError::AdminOp(code)))
        }
        _ => {
            tracing::info!(topic = options.topic, partitions = options.partitions, "made the topic");
            Ok(())
        }
    }
}

/// How many replicas must be in sync for an append; none if we may not ask.
async fn insync_min(options: &KafkaOptions, admin: &AdminClient<Context>) -> Option<usize> {
    let asked = [ResourceSpecifier::Topic(&options.topic)];
    let wait = AdminOptions::new().request_timeout(Some(LOOK_TIMEOUT));
    let described = admin.describe_configs(&asked, &wait).await.ok()?;
    let config = described.into_iter().next()?.ok()?;
    config.get("min.insync.replicas")?.value.as_deref()?.parse().ok()
}

fn warn_of_few_copies(options: &KafkaOptions, seen: &Seen, insync_min: Option<usize>) {
    let topic = &options.topic;
    if seen.replicas < 2 {
        tracing::warn!(
            topic,
            "one replica: accepted events survive the end of the broker, not that of its disk or machine"
        );
    } else if insync_min == Some(1) {
        tracing::warn!(
            topic,
            "min.insync.replicas is 1: an event is accepted with a single copy while the other replicas are away"
        );
    }
}
