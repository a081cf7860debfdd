//! The one error of this crate.

/// What can go wrong with the state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store cannot be read or written: look at the disk; the process must start again.
    #[error("use the state store")]
    Store(#[from] fjall::Error),
    /// A folder cannot be used: look at the disk.
    #[error("{action} the state folder")]
    Folder {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A stored value is not of a format this version reads: upgrade the program,
    /// or delete the state folder, which is rebuilt.
    #[error("a value of the state is damaged or of another format ({what}): {reason}")]
    Format {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The state belongs to another log: configure that log, or delete the state folder.
    #[error("the state was made from another log")]
    OtherLog,
    /// The state was made by other rules of identity, or by another version: make it again.
    #[error("the state was made by other rules of identity")]
    OtherRules,
    /// Identity is deterministic: there is no matching model to ask.
    #[error("identity is deterministic: nothing is matched")]
    NoMatcher,
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
