//! Where librdkafka's words go: its log to ours, its errors to the crate's.

use crate::Error;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaConfRes;
use std::sync::Arc;

/// Hears what librdkafka's threads have to say.
pub(super) struct Context;

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        // An unreachable broker is an error of librdkafka many times; ours is the health, logged as it changes.
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "librdkafka", facility, "{text}");
            }
            _ => tracing::debug!(target: "librdkafka", facility, "{text}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, reason, "client error");
    }
}

impl ConsumerContext for Context {}

/// Serves the events of the consumer that belong to no partition.
pub(super) async fn serve(consumer: Arc<StreamConsumer<Context>>) {
    loop {
        // Errors were given to the context already; messages come through the partitions' own queues.
        let _ = consumer.recv().await;
    }
}

/// Makes the crate's error of librdkafka's: refused for good, or not now.
pub(super) fn error(action: &'static str) -> impl Fn(KafkaError) -> Error {
    move |error| match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::UnsupportedSASLMechanism
            | RDKafkaErrorCode::PolicyViolation
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::InvalidReplicationFactor
            | RDKafkaErrorCode::InvalidConfig,
        ) => Error::Refused { action, source: error.into() },
        _ => match error {
            // librdkafka's text and its value stay out: the value may be a secret, and the text may repeat it.
            KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, name, _) => {
                Error::Property { name, reason: "librdkafka has no such property".to_owned() }
            }
            KafkaError::ClientConfig(_, _, name, _) => {
                Error::Property { name, reason: "its value is not allowed".to_owned() }
            }
            KafkaError::ClientCreation(_) => Error::Refused { action, source: error.into() },
            error => Error::Unreachable { action, source: error.into() },
        },
    }
}
