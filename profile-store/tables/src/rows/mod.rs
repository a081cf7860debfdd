//! Rows as columns, and back where a row is read again.

pub(crate) mod changes;
pub(crate) mod columns;
pub(crate) mod events;
pub(crate) mod failed;
pub(crate) mod identities;
pub(crate) mod objects;
pub(crate) mod profiles;

pub(crate) use columns::conform;
