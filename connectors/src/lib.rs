//! Sources: what comes in, as records of the log.
//!
//! ```text
//! pull:  Source::read(stream, cursor) --> Batch { records, cursor } --> log, then the cursor is made durable
//! push:  headers + body --> verify signature --> map --> records --> log
//! ```
//!
//! Nothing here knows the log: a caller appends what it gets, and stores a
//! pull source's cursor once the records it covers are durable.

mod error;
mod file;
mod record;
mod sendgrid;
mod source;
mod webhook;

pub use error::{Error, ErrorKind, Result};
pub use file::FileReader;
pub use sendgrid::Sendgrid;
pub use source::{Batch, Cursor, Rejection, Source, Stream};
pub use webhook::Webhook;
