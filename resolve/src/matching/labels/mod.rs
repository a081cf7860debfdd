//! Labels: pairs that somebody judged refine a trained model.
//!
//! ```text
//! Outcome --choose--> pairs to ask --answers--> Labels --refine--> Model with a Refinement
//! ```
//!
//! Training without labels knows what levels are worth one bundle at a time.
//! A few hundred answers tell which of their combinations it gets wrong, and
//! how much to believe its weights at all. What is learned is a function of
//! the levels, so every pair of those levels gets it, in a stream and in a
//! batch alike.

mod boost;
mod choose;
mod refine;
mod refinement;

pub use choose::choose;
pub(crate) use refine::refine;
pub(crate) use refinement::{Features, Refiner};
pub use refinement::{Refinement, RefinementKind};

/// A pair of records that somebody judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// [`super::record_hash`] of the one record's key.
    pub one: u64,
    /// [`super::record_hash`] of the other record's key.
    pub other: u64,
    /// Whether they are about one person.
    pub is_match: bool,
}
