//! What is stored or sent: the shared words of Tributary.
//!
//! ```text
//! client JSON --> normalise --> Record --> LogValue (JSON bytes in the log) --> Record --> row of `events`
//!                          \--> FailedEvent ----^                        \--> row of `failed_events`
//! ```
//!
//! No network, no async and few dependencies: every other crate of the
//! workspace builds on this one.

mod error;
pub mod event_names;
mod hash;
mod identifier;
mod json_text;
mod record;
mod time;

pub use error::{Error, Result};
pub use hash::{DedupKey, hash128};
pub use identifier::{
    Identifier, KIND_ANONYMOUS_ID, KIND_DEVICE, KIND_EMAIL, KIND_PHONE, KIND_USER_ID, is_exclusive, kind_rank, links,
};
pub use json_text::JsonText;
pub use record::{FailedEvent, Json, LOG_VALUE_VERSION, LogValue, Object, Record, RecordKind, canonical_json};
pub use time::{ClientTimes, Timestamp, Timestamps};
