//! Runs the built `tributary` binary against real parts: its clients, files, brokers and readers.
//!
//! ```text
//! test ──> Server ──spawns──> tributary run     (folder of its own, port 0, ended by pid)
//!             │ post, sql, profile, metrics     (the public interfaces, nothing else)
//!             └─ Accounts: accepted = events + failed_events + duplicates
//! ```
//!
//! Nothing here links the crates of the program: what a test sees is what a user sees.

mod accounts;
mod broker;
mod cli;
mod clients;
mod export;
mod ledger;
mod metrics;
mod replay;
mod requests;
mod server;

pub use accounts::Accounts;
pub use broker::Broker;
pub use cli::{Output, binary, tributary, tributary_in};
pub use clients::{cache_folder, install_test_deps, node_packages, python, repository, run_driver};
pub use export::Export;
pub use ledger::Sender;
pub use metrics::Metrics;
pub use replay::{DemoRecords, Plan, Request};
pub use requests::{Answer, Rows};
pub use server::{Kafka, Server, ServerOptions, WRITE_KEY};
