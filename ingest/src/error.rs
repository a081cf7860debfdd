//! The one error of this crate.

/// What can go wrong when the gateway is set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A metric is registered twice: a mistake of the program.
    #[error("register metrics")]
    Metrics(#[source] prometheus::Error),
}

/// Who must act upon an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The programmer.
    Internal,
}

impl Error {
    /// Returns who must act.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Metrics(_) => ErrorKind::Internal,
        }
    }
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
