//! Bad input against the running binary: each case gets a clear answer, and nothing that was accepted is lost:
//! accepted = events + failed_events + duplicates, by counters and by tables.

mod damage;
mod network;
mod requests;
mod traits;
