//! The error of queries and segments.

use datafusion::{arrow::error::ArrowError, error::DataFusionError};
use std::time::Duration;

/// Who must act on an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The caller: the query or segment asks for what cannot be given.
    Data,
    /// Nobody: the same request may succeed later.
    Transient,
    /// The operator: a table or the program is damaged.
    Internal,
}

/// What can go wrong with a query or a segment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The statement is not one read-only SELECT over the tables: the caller writes another.
    #[error("query refused: {reason}")]
    Refused {
        /// What is not allowed.
        reason: String,
    },
    /// The statement cannot be planned (unknown column, wrong types): the caller corrects it.
    #[error("plan the query")]
    Plan(#[source] Box<DataFusionError>),
    /// The segment does not follow the language: the caller corrects it.
    #[error("segment refused at {path}: {reason}")]
    Segment {
        /// Place in the JSON, as `$.include.all[0]`.
        path: String,
        /// What is wrong there.
        reason: String,
    },
    /// The query took longer than it may: the caller narrows it.
    #[error("query stopped after its time limit of {} s", limit.as_secs())]
    TimeLimit {
        /// The limit.
        limit: Duration,
    },
    /// The query needs more memory than it may: the caller narrows it, or tries when fewer run.
    #[error("query stopped at its memory limit")]
    MemoryLimit(#[source] Box<DataFusionError>),
    /// As many queries run as may: the caller tries again.
    #[error("no turn within the time limit: {running} queries run")]
    Busy {
        /// How many run.
        running: usize,
    },
    /// A value cannot be computed (division by zero, a cast that fails): the caller corrects the query.
    #[error("compute the query")]
    Compute(#[source] Box<DataFusionError>),
    /// A table cannot be read: look at the disk and the table's folder.
    #[error("read the tables")]
    Tables(#[source] Box<DataFusionError>),
    /// The query's task ended without a result: a fault of this program.
    #[error("run the query")]
    Task(#[source] tokio::task::JoinError),
    /// The engine cannot start its threads or memory pool: look at the machine's limits.
    #[error("start the query engine")]
    Start(#[source] std::io::Error),
    /// The caller names another format.
    #[error("unknown format {name:?}: expected table, csv, json or parquet")]
    Format {
        /// What was asked for.
        name: String,
    },
    /// The result cannot be written where it should go.
    #[error("write the result")]
    Write(#[source] std::io::Error),
    /// The state cannot be read.
    #[error("read the state")]
    State(#[from] tributary_state::Error),
}

/// Result of queries and segments.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Says who must act.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Refused { .. }
            | Self::Plan(_)
            | Self::Segment { .. }
            | Self::Compute(_)
            | Self::Format { .. }
            | Self::TimeLimit { .. } => Kind::Data,
            Self::MemoryLimit(_) | Self::Busy { .. } => Kind::Transient,
            _ => Kind::Internal,
        }
    }

    /// The short name of the error in answers of the API.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "query_refused",
            Self::Plan(_) | Self::Compute(_) => "invalid_query",
            Self::Format { .. } => "invalid_format",
            Self::Segment { .. } => "invalid_segment",
            Self::TimeLimit { .. } => "time_limit",
            Self::MemoryLimit(_) => "memory_limit",
            Self::Busy { .. } => "busy",
            _ => "internal",
        }
    }

    /// The error and its causes, joined by `: `, without those that the text
    /// before them says already: errors of the engine print their own causes.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.ends_with(&said) {
                text = format!("{text}: {said}");
            }
            cause = error.source();
        }
        text
    }

    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    pub(crate) fn plan(error: DataFusionError) -> Self {
        Self::Plan(Box::new(error))
    }

    /// Sorts an error of execution by who must act.
    pub(crate) fn execution(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::MemoryLimit(Box::new(error)),
            DataFusionError::ArrowError(inner, _)
                if matches!(**inner, ArrowError::ParquetError(_) | ArrowError::IoError(..)) =>
            {
                Self::Tables(Box::new(error))
            }
            DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => Self::Compute(Box::new(error)),
            DataFusionError::Plan(_) | DataFusionError::SchemaError(..) | DataFusionError::NotImplemented(_) => {
                Self::Plan(Box::new(error))
            }
            _ => Self::Tables(Box::new(error)),
        }
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        Self::execution(error)
    }
}
