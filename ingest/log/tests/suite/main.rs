//! The contract of the log, one set of tests over both implementations, and
//! what only the one on Kafka can be asked.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod contract;
mod homes;
mod kafka;

/// Each test of the contract, on the embedded log and on real Kafka.
macro_rules! contract {
    ($($name:ident)*) => {
        mod embedded_log {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                crate::homes::in_time(crate::contract::$name(&crate::homes::EmbeddedHome::new())).await;
            })*
        }
        mod kafka_log {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                crate::homes::in_time(crate::contract::$name(&crate::homes::KafkaHome::new())).await;
            })*
        }
    };
}

contract! {
    positions_follow_the_order_of_the_batch
    concurrent_appends_land_once_and_in_their_order
    reads_begin_at_any_offset
    a_small_read_returns_a_frame_and_a_large_one_more
    readers_at_different_places_see_the_same
    the_end_reads_as_nothing
    waiting_ends_with_news
    an_abandoned_wait_takes_nothing_along
    a_batch_larger_than_a_request_lands_whole
    an_empty_batch_is_nothing
    an_entry_that_is_too_large_is_refused_and_the_next_is_taken
    reopening_continues_where_it_was
    equal_keys_share_the_partition_that_is_documented
    a_closed_log_has_everything_and_takes_no_more
    a_partition_that_is_not_there_is_an_error
    it_continues_above_what_it_holds
}
