//! Segments: a JSON tree of conditions over profiles and their events.
//!
//! ```text
//! JSON --> parse (bounds, unknown keys refused) --> Segment --> evaluate: a set per leaf, combined over the universe
//! ```
//!
//! Every leaf is two-valued: a value that is missing or of another type makes
//! it false, also for `ne` and `nin`; `not` is the complement against all
//! profiles. So `{"not": .. eq ..}` includes people without the trait, and
//! `ne` does not. The order of a segment's parts never matters.

mod condition;
mod evaluate;
mod parse;
mod path;
mod window;

pub use condition::{Condition, Operand, Test};
pub use window::{Instant, Span, Unit, Window};

use jiff::tz::TimeZone;

/// A parsed segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The time zone of calendar units and dates.
    pub tz: TimeZone,
    /// The instant it is evaluated at; `None`: the clock, at evaluation.
    pub as_of: Option<jiff::Timestamp>,
    /// Who is in.
    pub include: Node,
    /// Who is out again.
    pub exclude: Option<Node>,
    /// The leaves, each once; nodes refer to them by position.
    pub leaves: Vec<Leaf>,
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Profiles in every part; without parts, everyone.
    All(Vec<Node>),
    /// Profiles in some part; without parts, nobody.
    Any(Vec<Node>),
    /// The profiles that are not in the part.
    Not(Box<Node>),
    /// The profiles of a leaf, by its position in [`Segment::leaves`].
    Leaf(usize),
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Leaf {
    /// On a trait.
    Trait {
        /// Its name, or a path into its value with dots.
        path: String,
        /// What its value must be.
        condition: Condition,
    },
    /// On a count of events.
    Event {
        /// The exact names that count.
        names: Vec<String>,
        /// When they must have happened.
        window: Window,
        /// What the count must be, as a condition on a number.
        having: Condition,
    },
}

#[cfg(test)]
mod tests;
