//! Accept loop, limits and error body: shared by the gateway and the API.
//!
//! ```text
//! listener --> cap on connections --> TimedIo: header, keep-alive and write timeouts
//!                                        \--> hyper (HTTP/1.1) --> TimedBody: idle and total timeout --> service
//! ```
//!
//! A client can be slow or dead at any moment; each wait for it has an end.
//! At shutdown idle connections are closed, requests under way are answered,
//! and after a grace what is left is cut.

mod body;
mod error;
mod io;
mod phase;
mod priority;
mod response;
mod server;

pub use body::BodyTimeout;
pub use error::{Error, Result};
pub use priority::Priority;
pub use response::{ErrorBody, error_response};
pub use server::{Answers, ServeSettings, serve};
