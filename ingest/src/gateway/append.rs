//! One append per request, counted when it is durable.

use super::answer::Refusal;
use super::source::Source;
use super::uncancelled::Uncancelled;
use super::{GatewayState, Shared};
use crate::Frames;
use http::StatusCode;
use std::sync::Arc;
use tributary_log::Error;

/// Seconds after which a client may try again when too many wait already.
const BUSY_RETRY_SECONDS: u32 = 1;
/// The same when the disk is full.
const FULL_RETRY_SECONDS: u32 = 10;
/// The same when the log does not work.
const STALLED_RETRY_SECONDS: u32 = 30;

/// Appends `frames` of `source`; returns when they are durable. The append goes
/// on if the client hangs up meanwhile, so that what became durable is counted.
///
/// # Errors
/// The refusal that asks the client to send again.
pub(crate) async fn append(state: &GatewayState, source: &Arc<Source>, frames: Frames) -> Result<(), Refusal> {
    if frames.is_empty() {
        return Ok(());
    }
    let appending = counted(Arc::clone(&state.0), Arc::clone(source), frames);
    Uncancelled::new(appending, &state.0.appends).await
}

async fn counted(shared: Arc<Shared>, source: Arc<Source>, mut frames: Frames) -> Result<(), Refusal> {
    let metrics = &shared.metrics;
    let count = frames.len() as u64;
    source.metrics.received.inc_by(count);
    let failed = frames.take_failed();
    let timer = metrics.append_seconds.start_timer();
    if let Err(error) = shared.log.append(frames.into_entries()).await {
        timer.stop_and_discard();
        let refusal = refusal(&error);
        if shared.complaint.is_due() {
            let error: &dyn std::error::Error = &error;
            tracing::error!(source = source.name, error, "events cannot be stored");
        }
        metrics.discarded.with_label_values(&[&*source.name, refusal.code]).inc_by(count);
        return Err(refusal);
    }
    timer.observe_duration();
    source.metrics.accepted.inc_by(count);
    for (reason, count) in failed {
        metrics.failed.with_label_values(&[&*source.name, &*reason]).inc_by(count);
    }
    Ok(())
}

fn refusal(error: &Error) -> Refusal {
    let too_many = |code, message| Refusal::new(StatusCode::TOO_MANY_REQUESTS, code, message);
    match error {
        Error::Full { .. } => {
            too_many("log_full", "there is no room now, send again later").retry_after(FULL_RETRY_SECONDS)
        }
        Error::Busy { .. } => {
            too_many("log_busy", "too much at once, send again later").retry_after(BUSY_RETRY_SECONDS)
        }
        Error::TooLarge { .. } => Refusal::bad_request("too_large", "an event is larger than the log takes"),
        _ => {
            let message = "events cannot be stored now, send again later";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "log_unavailable", message).retry_after(STALLED_RETRY_SECONDS)
        }
    }
}
