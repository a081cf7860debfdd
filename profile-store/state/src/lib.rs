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
mod attribute;
mod constrain;
mod contribute;
mod decision;
mod dirty;
mod error;
mod evidence;
mod explain;
mod fold;
mod forecast;
mod held;
mod history;
mod homes;
mod item;
pub mod keys;
mod load;
mod look;
mod matcher;
mod nodes;
mod observe;
mod overlay;
mod packed;
mod regroup;
mod review;
mod rows;
mod settle;
mod state;
mod store;
mod survivorship;
mod traits;
mod values;
mod view;

pub use apply::{Applied, Counted, Mode};
pub use attribute::attributes;
pub use decision::{Action, DECISION_KIND, DECISION_SOURCE, Decision, ItemId};
pub use error::{Error, Result};
pub use explain::Explained;
pub use fold::fold_trait_name;
pub use forecast::Forecast;
pub use look::{Match, Matching};
pub use matcher::{Matcher, ModelMatcher};
pub use review::{Answer, Answered, ReviewEntry, ReviewId};
pub use rows::{IdentityRow, ObjectRow, ProfileChange, ProfileRow, Provenance};
pub use state::{Identity, Options, State, Table};
pub use store::{FjallStore, MemoryStore, Show, Store, Write};
pub use survivorship::Rule;
pub use view::ItemView;
