//! The one error of this crate.

/// What can end the accept loop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The listening socket is no longer one: start the process again.
    #[error("accept connections")]
    Accept(#[source] std::io::Error),
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
