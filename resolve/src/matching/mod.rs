//! Identity resolution, pass 2: records of people matched by their contents.
//! Pure: no I/O, no async, the same result on any number of threads.
//!
//! ```text
//! Table --role--> Roles --field--> Fields --block--> candidates --model--> weights --cluster--> Outcome
//! ```
//!
//! The clusters are a function of the records, the decisions and the model;
//! the order of rows and of columns never enters: rows are taken in the order
//! of a hash of their keys, and compared in one that is quick (`near`).

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts stay below 2^32, and what is narrowed has been clamped"
)]

mod absence;
mod batch;
mod block;
mod bound;
mod bounds;
mod cluster;
mod columns;
mod compare;
mod comparer;
mod copies;
mod counting;
mod decision;
mod edits;
mod em;
mod engine;
mod error;
pub mod explain;
mod field;
mod frequency;
mod generic;
mod groups;
mod hash;
mod identifiers;
mod keys;
mod labels;
mod lanes;
mod levels;
mod live;
mod lookup;
mod model;
mod near;
mod nickname;
mod normalise;
mod normalised;
mod open;
mod partition;
mod people;
mod plan;
mod ranking;
mod role;
mod rules;
mod shared;
mod signature;
mod splink;
mod table;
mod texts;
mod threads;
mod train;

pub use batch::{Options, Outcome, Pair, run};
pub use cluster::{Cut, Reason};
pub use compare::Measure;
pub use decision::{Decision, Verdict};
pub use engine::{Change, Held, Item, Regrouped, Stats, Work};
pub use error::{Error, Result};
pub use hash::record_hash;
pub use labels::{Label, Refinement, RefinementKind, choose};
pub use levels::{Bands, Levels, Part, Test};
pub use live::Engine;
pub use model::{Class, FieldModel, MODEL_VERSION, Model, Score};
pub use normalised::normalised;
pub use partition::differing_pairs;
pub use plan::{Plan, RuleCounts, plan};
pub use role::{Ignored, Recognised, Role, recognise};
pub use rules::Rules;
pub use splink::{ModelFile, SplinkSettings};
pub use table::{Column, ColumnBuilder, MISSING, Table};
pub use texts::Texts;
