//! The one error of this crate.

/// What can be wrong with a stored or received value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A log value is not of a format this version reads: upgrade the program, or look at the producer.
    #[error("read log value: {reason}")]
    LogValue {
        /// What was wrong with it.
        reason: String,
    },
    /// A text is no record kind: the client must correct it.
    #[error("unknown record type {value:?}")]
    UnknownKind {
        /// The text that was given.
        value: String,
    },
    /// An identifier is not of the form `kind:value`: the caller must correct it.
    #[error("{value:?} is not of the form kind:value")]
    IdentifierForm {
        /// The text that was given.
        value: String,
    },
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
