//! What only a log in Kafka can be asked: its topic, retention, gaps, settings.

use crate::contract::{entry, read_all, texts};
use crate::homes::{CLUSTER, Home as _, KafkaHome, PARTITIONS, in_time};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::Duration;
use tributary_log::{Error, ErrorKind, Health, KafkaLog, KafkaOptions, Log as _, partition_of};

fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &CLUSTER.bootstrap);
    config
}

fn admin() -> AdminClient<DefaultClientContext> {
    client().create().unwrap()
}

/// Deletes the frames of the partition of key `a` below `offset`, as retention does.
async fn delete_below(options: &KafkaOptions, offset: u64) {
    let mut below = TopicPartitionList::new();
    let partition = i32::try_from(partition_of(b"a", PARTITIONS)).unwrap();
    below.add_partition_offset(&options.topic, partition, Offset::Offset(i64::try_from(offset).unwrap())).unwrap();
    admin().delete_records(&below, &AdminOptions::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topic_is_made_as_documented() {
    let home = KafkaHome::new();
    let options = KafkaOptions { retention: Duration::from_hours(48), ..home.0 };
    let log = KafkaLog::connect(options.clone()).await.unwrap();
    assert_eq!(log.health(), Health::Ok);
    let described = admin().describe_configs(&[ResourceSpecifier::Topic(&options.topic)], &AdminOptions::new()).await;
    let config = described.unwrap().remove(0).unwrap();
    let expected = [
        ("cleanup.policy", "delete"),
        ("unclean.leader.election.enable", "false"),
        ("retention.ms", "172800000"),
        ("max.message.bytes", "4198400"),
    ];
    for (name, value) in expected {
        assert_eq!(config.get(name).unwrap().value.as_deref(), Some(value), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_consumer_reads_what_is_documented() {
    let home = KafkaHome::new();
    let log = home.open().await;
    let keys = ["user_id:1", "user_id:2", "email:a@example.com"];
    log.append(keys.iter().map(|key| entry(key, format!("{{\"of\":\"{key}\"}}"))).collect()).await.unwrap();
    let consumer: StreamConsumer =
        client().set("group.id", "anyone").set("auto.offset.reset", "earliest").create().unwrap();
    consumer.subscribe(&[&home.0.topic]).unwrap();
    in_time(async {
        for _ in keys {
            let message = consumer.recv().await.unwrap();
            let key = std::str::from_utf8(message.key().unwrap()).unwrap();
            assert_eq!(message.payload_view::<str>().unwrap().unwrap(), format!("{{\"of\":\"{key}\"}}"));
            assert_eq!(u32::try_from(message.partition()).unwrap(), partition_of(key.as_bytes(), PARTITIONS));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_partition_count_is_refused() {
    let home = KafkaHome::new();
    let log = home.open().await;
    log.close().await.unwrap();
    let other = KafkaOptions { partitions: PARTITIONS + 1, ..home.0.clone() };
    assert!(matches!(KafkaLog::connect(other.clone()).await, Err(Error::Topic { .. })));
    admin().create_partitions(&[NewPartitions::new(&home.0.topic, 5)], &AdminOptions::new()).await.unwrap();
    in_time(async { while KafkaLog::connect(other.clone()).await.is_err() {} }).await;
    assert!(matches!(KafkaLog::connect(home.0.clone()).await, Err(Error::Topic { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_again_under_its_name_is_another_log() {
    let home = KafkaHome::new();
    let log = home.open().await;
    log.append(vec![entry("a", "x")]).await.unwrap();
    let id = log.id();
    log.close().await.unwrap();
    drop(log);
    assert_eq!(home.open().await.id(), id);
    admin().delete_topics(&[&home.0.topic], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    let log = home.open().await;
    assert_ne!(log.id(), id);
    assert_eq!(log.durable_ends().await.unwrap(), [0; PARTITIONS as usize]);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_at_once_agree() {
    let home = KafkaHome::new();
    let (one, other) = tokio::join!(home.open(), home.open());
    assert_eq!(one.id(), other.id());
    let position = one.append(vec![entry("a", "x")]).await.unwrap()[0];
    in_time(other.wait(position.partition, 0)).await;
    assert_eq!(texts(&read_all(&other, position.partition, 0).await), ["x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_ends_below_the_state_says_what_to_do() {
    let home = KafkaHome::new();
    let log = home.open().await;
    let position = log.append(vec![entry("a", "x")]).await.unwrap()[0];
    let error = log.continue_above(position.partition, 100).await.unwrap_err();
    assert!(matches!(error, Error::Behind { end: 1, offset: 100, .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Data);
    let read = in_time(log.read(position.partition, 100, 1)).await;
    assert!(matches!(read, Err(Error::Behind { end: 1, offset: 100, .. })));
    assert_eq!(texts(&read_all(&log, position.partition, 0).await), ["x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_deleted_unread_is_never_skipped_in_silence() {
    let home = KafkaHome::new();
    let log = home.open().await;
    let positions = log.append((0..10).map(|n| entry("a", n.to_string())).collect()).await.unwrap();
    let partition = positions[0].partition;
    delete_below(&home.0, 5).await;
    for _ in 0..2 {
        in_time(log.wait(partition, 3)).await;
        let lost = in_time(log.read(partition, 3, 1)).await.unwrap_err();
        assert!(matches!(lost, Error::Lost { from: 3, first: 5, .. }), "{lost}");
    }
    assert_eq!(texts(&read_all(&log, partition, 7).await), ["7", "8", "9"]);
    // Who has read nothing yet has lost nothing: it begins where the topic begins.
    assert_eq!(texts(&read_all(&log, partition, 0).await), ["5", "6", "7", "8", "9"]);
    let properties = BTreeMap::from([("auto.offset.reset".to_owned(), "earliest".to_owned())]);
    let log = KafkaHome(KafkaOptions { properties, ..home.0 }).open().await;
    assert_eq!(texts(&read_all(&log, partition, 3).await), ["5", "6", "7", "8", "9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn markers_leave_gaps_and_aborted_records_are_not_read() {
    let home = KafkaHome::new();
    let log = home.open().await;
    let partition = log.append(vec![entry("a", "first")]).await.unwrap()[0].partition;
    let (topic, id) = (home.0.topic.clone(), i32::try_from(partition).unwrap());
    let foreign = move || {
        let producer: BaseProducer = client().set("transactional.id", &topic).create().unwrap();
        let record = |value| BaseRecord::to(&topic).partition(id).key("a").payload(value);
        producer.init_transactions(Duration::from_secs(20)).unwrap();
        producer.begin_transaction().unwrap();
        producer.send(record("aborted")).unwrap();
        producer.flush(Duration::from_secs(20)).unwrap();
        producer.abort_transaction(Duration::from_secs(20)).unwrap();
        producer.begin_transaction().unwrap();
        producer.send(record("committed")).unwrap();
        producer.commit_transaction(Duration::from_secs(20)).unwrap();
    };
    tokio::task::spawn_blocking(foreign).await.unwrap();
    let frames = in_time(read_all(&log, partition, 0)).await;
    assert_eq!(texts(&frames), ["first", "committed"]);
    // Offsets: 0 first, 1 aborted, 2 its marker, 3 committed, 4 its marker.
    assert_eq!(frames.iter().map(|frame| frame.offset).collect::<Vec<_>>(), [0, 3]);
    assert!(in_time(log.read(partition, 4, 1)).await.unwrap().is_empty());
    let after = log.append(vec![entry("a", "after")]).await.unwrap()[0].offset;
    assert_eq!(after, 5);
    assert_eq!(in_time(log.read(partition, 4, 1)).await.unwrap()[0].offset, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_above_the_limit_of_the_options_is_refused() {
    let home = KafkaHome::new();
    let log = home.open().await;
    let largest = home.0.entry_bytes_max - 1;
    log.append(vec![entry("a", vec![b'x'; largest])]).await.unwrap();
    let refused = log.append(vec![entry("a", vec![b'x'; largest + 1])]).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_not_there_are_transient_and_settings_are_not() {
    // A port that was free a moment ago: nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = KafkaOptions {
        brokers: free.to_string(),
        connect_timeout: Duration::from_millis(500),
        ..KafkaOptions::default()
    };
    let error = KafkaLog::connect(options.clone()).await.err().unwrap();
    assert_eq!((error.kind(), matches!(error, Error::Unreachable { .. })), (ErrorKind::Transient, true));
    let wrong = KafkaOptions { properties: BTreeMap::from([("sasl.pasword".into(), "SECRET".into())]), ..options };
    let error = KafkaLog::connect(wrong).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!format!("{error:?}").contains("SECRET"));
}
