//! Identity resolution, pass 1: which identifiers belong together. Pure: no
//! I/O, no async.
//!
//! ```text
//! observed edges --> Resolver{ forest of one batch above an Evidence } --> Changes{ edges, components }
//! ```
//!
//! The partition is a function of the evidence, never of its order: it is
//! what [`kruskal()`] gives from scratch, and [`Resolver`] keeps it incrementally.

mod anchor;
pub mod chart;
mod evidence;
mod graph;
mod kruskal;
pub mod matching;
mod resolver;

pub use anchor::{AnchorKey, DEFAULT_ID_KEY, anchor, profile_id};
pub use evidence::{Edge, Evidence, Neighbour, NodeFacts, NodeId, Strength};
pub use graph::Graph;
pub use kruskal::{Apart, Forest, kruskal, kruskal_apart};
pub use resolver::{Changes, Component, EdgeChange, Resolver};
