//! What leaves the profile store: SQL, segments and the profile API over the
//! tables and the live state.
//!
//! ```text
//! tables (files + memory tail) --> ReadView --> query   SELECT --> gate --> plan --> rows
//!                                         |---> relation households, accounts, as tables of SQL
//!                                         \---> segment JSON ----> parse --> a set per leaf --> members
//! live state ------------------------------\--> api     /v1/query, /v1/profiles/{key}, /v1/segments/count
//! ```
//!
//! One query or segment reads one [`ReadView`], so that no row shows twice or
//! never; the tables swap it whole. Nothing here writes.

pub mod api;
pub mod query;
mod relation;
pub mod segment;

#[cfg(test)]
mod fixture;

pub use tributary_tables::{FileView, ReadView, TableName, TableSettings, TableView, Tables, TraitType};
