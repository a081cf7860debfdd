//! Identity resolution of files: CSV or Parquet in, clusters and pairs out.
//!
//! ```text
//! FILE... --input--> Input (table, keys) --matching::run--> Outcome --output--> clusters, pairs
//!                         \--report--> what each column was taken for, what came out
//! ```
//!
//! What is compared, and how, is in `tributary_resolve::matching`; this crate
//! reads, writes and measures. A truth column is kept apart while reading, so
//! that matching never sees it.

#![allow(clippy::cast_precision_loss, reason = "counts of rows and pairs stay far below 2^52")]

mod args;
mod charts;
mod config;
mod error;
mod evaluate;
mod explain;
mod input;
mod label;
mod labels;
mod linking;
mod output;
mod plan;
mod progress;
mod quality;
mod report;
mod resolved;
mod run;
mod search;
mod train;

pub use args::{EvaluateArgs, ExplainArgs, HowArgs, InputArgs, LabelArgs, RecordsArgs, RunArgs, SearchArgs, TrainArgs};
pub use config::blocking_rules;
pub use error::{Error, Result};
pub use evaluate::evaluate;
pub use explain::{explain, how};
pub use label::{Answers, label};
pub use quality::{Agreement, Calibration, Quality};
pub use run::{Summary, run};
pub use search::search;
pub use train::train;
