//! The Delta tables: what the worker resolved, as rows that any Delta reader opens.
//!
//! ```text
//! worker --accept--> tail (memory) ----------------------.
//!                      | one writer per table            +--> ReadView --> queries
//! state  --dirty-----> v                                 |
//!          commit{ rows, deletion vectors, txn } --> files
//!                      | then                            |
//!          checkpoint --> clean-up --> compaction -------'
//! ```
//!
//! Each table commits alone, records in its `txn` how far the log was read, and
//! writes nothing that it is past. A row is in exactly one place, tail or file,
//! in every [`ReadView`].

mod append;
mod base;
mod changes;
mod compact;
mod delta;
mod error;
mod file;
mod metrics;
mod name;
mod replace;
mod rows;
mod scan;
mod settings;
mod shown;
mod steady;
mod store;
mod tables;
mod vacuum;
mod view;
mod written;

pub use error::{Error, Result};
pub use name::TableName;
pub use rows::events::{events_to_rows, rows_to_events};
pub use settings::{TableSettings, TraitType};
pub use tables::Tables;
pub use view::{FileView, ReadView, TableView};
