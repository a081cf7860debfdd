//! Why records are one person, or not: what each value adds to the weight of
//! a pair, by which evidence a profile holds together and how it came about,
//! what would have to change, and who a description fits. Pure.
//!
//! ```text
//! ItemViews or a Table --> Items --pair--> Explanation --text, json, picture-->
//!                                --path--> Path of Hops
//!                                --how---> History of merges, bridges
//!                                --search-> Found
//! ```
//!
//! With several ways not to match, weights do not add up field by field. The
//! contributions are Shapley values (Shapley 1953): what a bundle adds, on the
//! mean over all orders in which values can become known. They sum to the
//! weight exactly, in 1/256 bit.

mod counterfactual;
mod game;
mod how;
mod items;
mod levels;
mod pair;
mod path;
mod picture;
mod search;
mod shared_keys;
mod text;
mod why_not;

pub use counterfactual::Counterfactual;
pub use how::{Bridge, History, Merge};
pub use items::{ItemView, Items, Shown};
pub use pair::{Bits, ClassShare, Comparison, Contribution, Explanation};
pub use path::{Hop, Path, Step};
pub use search::{Found, Query};
pub(crate) use shared_keys::rule_name;
pub use text::{aligned, printable};
pub use why_not::{Held, SharedKey, Situation, WhyNot};

#[cfg(test)]
mod tests;
