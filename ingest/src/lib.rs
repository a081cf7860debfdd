//! The HTTP gateway: requests of Segment, RudderStack and Jitsu clients, and
//! signed webhooks, become frames of the log.
//!
//! ```text
//! request --> read, inflate (bounded) --> write key --> envelope --> per event: size, depth, outline
//!                                                                         |
//!              200 <-- one append per request, durable <-- frame <-- normalise
//!                                                             \--> FailedEvent, its bytes kept
//! ```
//!
//! The answer 200 means that the log holds the request's events. What cannot
//! be understood is kept too, as a failed event with its reason.
//!
//! An event's JSON is read once: `outline.rs` finds its members, and properties,
//! traits and context are copied into the frame as they came.

mod body;
mod draft;
mod error;
mod frames;
pub mod gateway;
mod identifiers;
mod json;
mod limits;
mod metrics;
pub mod normalise;
mod outline;
mod webhook;
mod write_key;

pub use error::{Error, ErrorKind, Result};
pub use frames::Frames;
pub use limits::Limits;
pub use metrics::Metrics;
pub use webhook::{Rejection, WebhookSource};
