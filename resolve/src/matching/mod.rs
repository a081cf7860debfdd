//! Identity resolution, pass 2: records of people matched by their contents.
//! Pure: no I/O, no async, the same result on any number of threads.
//!
//! ```text
//! Table --role--> Roles --field--> Fields --block--> candidates --model--> weights --cluster--> Outcome
//! ```
//!
//! The clusters are a function of the records, the decisions and the model;
//! the order of rows and of columns never enters: rows are taken in the order
//! of a hash of their keys, and compared in one that is quick (`table::near`).
//! Each of these steps is a file, and what belongs to it alone stands in the
//! folder of its name.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts stay below 2^32, and what is narrowed has been clamped"
)]

mod batch;
mod block;
mod bounds;
mod cluster;
mod columns;
mod compare;
mod copies;
mod counting;
mod decision;
mod engine;
mod error;
pub mod explain;
mod field;
mod hash;
mod labels;
mod live;
mod model;
mod normalise;
mod plan;
mod role;
mod splink;
mod table;
mod threads;
mod train;

pub use batch::{Options, Outcome, Pair, run};
pub use block::rules::Rules;
pub use cluster::partition::differing_pairs;
pub use cluster::{Cut, Reason};
pub use compare::Measure;
pub use compare::levels::{Bands, Levels, Part, Test};
pub use decision::{Decision, Verdict};
pub use engine::{Change, Held, Item, Regrouped, Stats, Work};
pub use error::{Error, Result};
pub use hash::record_hash;
pub use labels::{Label, Refinement, RefinementKind, choose};
pub use live::Engine;
pub use model::{Class, FieldModel, MODEL_VERSION, Model, Score};
pub use normalise::normalised::normalised;
pub use plan::{Plan, RuleCounts, plan};
pub use role::{Ignored, Recognised, Role, recognise};
pub use splink::{ModelFile, SplinkSettings};
pub use table::texts::Texts;
pub use table::{Column, ColumnBuilder, MISSING, Table};
