//! Relations of profiles: who is of one household, who belongs to which account.
//!
//! ```text
//! profiles --clues--> households: profiles that share an address or a phone, and the family name
//! profiles, objects --> accounts: profiles of a company, by group calls, the CRM's objects, domains of work
//! ```
//!
//! Both are tables for queries, made of one view when a query first asks for
//! them and kept while its tables stay the same: they are a function of the
//! rows of `profiles` and `objects`, so a profile that is merged, split or
//! deleted takes its relations along, and a replay gives the same.

mod accounts;
mod households;
mod read;

pub(crate) use read::{RELATIONS, Relations};

#[cfg(test)]
mod tests;
