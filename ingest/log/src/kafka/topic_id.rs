//! The id that the controller gives a topic when it is made (KIP-516).
//!
//! librdkafka tells it through its `DescribeTopics` call, for which rdkafka has
//! no safe wrapper; this one owns every object it makes and lends none.
#![allow(unsafe_code, reason = "calls librdkafka itself, see the module's documentation")]

use super::context::{Context, error};
use crate::{Error, Result};
use rdkafka::bindings::{
    rd_kafka_AdminOptions_destroy, rd_kafka_AdminOptions_new, rd_kafka_AdminOptions_set_request_timeout,
    rd_kafka_AdminOptions_t, rd_kafka_DescribeTopics, rd_kafka_DescribeTopics_result_topics,
    rd_kafka_TopicCollection_destroy, rd_kafka_TopicCollection_of_topic_names, rd_kafka_TopicCollection_t,
    rd_kafka_TopicDescription_error, rd_kafka_TopicDescription_topic_id, rd_kafka_Uuid_least_significant_bits,
    rd_kafka_Uuid_most_significant_bits, rd_kafka_admin_op_t, rd_kafka_error_code,
    rd_kafka_event_DescribeTopics_result, rd_kafka_event_destroy, rd_kafka_event_error, rd_kafka_event_t,
    rd_kafka_queue_destroy, rd_kafka_queue_new, rd_kafka_queue_poll, rd_kafka_queue_t, rd_kafka_resp_err_t,
};
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::ffi::CString;
use std::ptr::null_mut;
use std::time::Duration;
use uuid::Uuid;

/// What the call is made of; destroyed in the order of the fields.
struct Call {
    event: *mut rd_kafka_event_t,
    topics: *mut rd_kafka_TopicCollection_t,
    options: *mut rd_kafka_AdminOptions_t,
    queue: *mut rd_kafka_queue_t,
}

impl Drop for Call {
    fn drop(&mut self) {
        // SAFETY: each was made by librdkafka for this call, is destroyed once, and nobody else holds it.
        unsafe {
            if !self.event.is_null() {
                rd_kafka_event_destroy(self.event);
            }
            rd_kafka_TopicCollection_destroy(self.topics);
            rd_kafka_AdminOptions_destroy(self.options);
            rd_kafka_queue_destroy(self.queue);
        }
    }
}

/// Asks for the id of `topic`. Blocks until the answer or the timeout.
///
/// # Errors
/// [`Error::Unreachable`] or [`Error::Refused`] as the brokers say;
/// [`Error::Topic`] if they give topics no id (Kafka before 2.8).
pub(super) fn ask(client: &Client<Context>, topic: &str, timeout: Duration) -> Result<Uuid> {
    let code =
        |code: rd_kafka_resp_err_t| error("ask for the topic's id")(KafkaError::AdminOp(RDKafkaErrorCode::from(code)));
    let unusable = |reason: &str| Error::Topic { topic: topic.to_owned(), reason: reason.to_owned() };
    let name = CString::new(topic).map_err(|_| unusable("its name has a zero byte"))?;
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client outlives the call. The objects are made here and live in `call` until the end of this
    // function, beyond every use of what they lend (result, description, id). The name's pointer is read by
    // `of_topic_names`, which copies it. Null results are checked before use.
    unsafe {
        let native = client.native_ptr();
        let mut call = Call {
            event: null_mut(),
            topics: rd_kafka_TopicCollection_of_topic_names([name.as_ptr()].as_mut_ptr(), 1),
            options: rd_kafka_AdminOptions_new(native, rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS),
            queue: rd_kafka_queue_new(native),
        };
        rd_kafka_AdminOptions_set_request_timeout(call.options, timeout_ms, null_mut(), 0);
        rd_kafka_DescribeTopics(native, call.topics, call.options, call.queue);
        // The request's own timeout ends the wait; the second is for its answer to arrive.
        call.event = rd_kafka_queue_poll(call.queue, timeout_ms.saturating_add(1000));
        if call.event.is_null() {
            return Err(code(rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__TIMED_OUT));
        }
        let failed = rd_kafka_event_error(call.event);
        let result = rd_kafka_event_DescribeTopics_result(call.event);
        if failed != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || result.is_null() {
            return Err(code(failed));
        }
        let mut count = 0;
        let described = rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if count == 0 || described.is_null() {
            return Err(code(rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART));
        }
        let failed = rd_kafka_error_code(rd_kafka_TopicDescription_error(*described));
        if failed != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(code(failed));
        }
        let id = rd_kafka_TopicDescription_topic_id(*described);
        let bits = (!id.is_null())
            .then(|| (rd_kafka_Uuid_most_significant_bits(id), rd_kafka_Uuid_least_significant_bits(id)));
        match bits {
            None | Some((0, 0)) => Err(unusable("its brokers give topics no id: Kafka 2.8 or later is needed")),
            Some((high, low)) => Ok(Uuid::from_u64_pair(high.cast_unsigned(), low.cast_unsigned())),
        }
    }
}
