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
mod input;
mod labels;
mod output;
mod progress;
mod quality;
mod report;
mod run;
mod train;

pub use args::{EvaluateArgs, RunArgs, TrainArgs};
pub use error::{Error, Result};
pub use evaluate::evaluate;
pub use quality::{Agreement, Bin, Calibration, Quality};
pub use run::{Summary, run};
pub use train::train;
