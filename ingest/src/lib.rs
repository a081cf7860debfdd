//! The HTTP gateway: what clients send becomes records of the log.
//!
//! ```text
//! request --> key --> inflate --> split --> normalise --> append (durable) --> 200
//!                                              \--> failed event --^
//! ```
//!
//! Segment, RudderStack and Jitsu clients are understood as they are.

pub mod body;
pub mod gateway;
pub mod metrics;
pub mod normalise;
pub mod route;

pub use gateway::{GatewayState, HttpSource, Limits, Rejection, WebhookSource, router};
