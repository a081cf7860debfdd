//! SQL over the tables.
//!
//! ```text
//! text --> gate (one SELECT, our tables) --> session with one ReadView --> plan --> own threads --> QueryResult
//! ```
//!
//! A query takes one [`ReadView`](crate::ReadView) and a session that
//! holds nothing else, runs on the engine's own threads within its memory and
//! time, and is stopped when its caller goes away.

mod engine;
mod error;
mod gate;
mod layouts;
mod members;
mod output;
mod profile_id;
mod profiles;
mod shape;
mod table;

pub use engine::{QueryEngine, QueryLimits, QueryResult, ViewSource};
pub(crate) use engine::{Shared, raw};
pub use error::{Error, Kind, Result};
pub use gate::TABLES;
pub(crate) use members::Members;
pub(crate) use output::value_at;
pub use output::{Format, answer_json, type_name, write_result};
pub(crate) use profile_id::text_column;
pub use profile_id::{ProfileIds, StateIds, TableIds};
pub use profiles::COLUMNS_MAX;

#[cfg(test)]
pub(crate) mod tests;
