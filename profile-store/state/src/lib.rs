//! Live state: what the worker knows, in one key-value store.
//!
//! ```text
//! log values --> apply{ dedupe --> resolve --> fold } --> one atomic, synced write
//!                                                        {dedup, graph, contributions, dirty, outbox, position}
//! ```
//!
//! Everything but the history of changes is a function of the set of records:
//! no order, batch or repeat of the log changes a row. Keys are in [`keys`].

mod apply;
mod error;
mod fold;
pub mod keys;
mod overlay;
mod regroup;
mod rows;
mod state;
mod store;
mod values;

pub use apply::{Applied, Counted, Mode};
pub use error::{Error, Result};
pub use fold::{Rule, fold_trait_name};
pub use rows::{IdentityRow, ObjectRow, ProfileChange, ProfileRow, Provenance};
pub use state::{Options, State, Table};
pub use store::{FjallStore, MemoryStore, Store, Write};
