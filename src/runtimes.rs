//! A server's three runtimes, by who waits for what runs on them, so that folding a
//! batch or a long query never stands between a client and its answer.

use crate::settings;
use tokio::runtime::{Builder, Handle, Runtime};
use tributary_serve::Priority;

/// The runtimes of a server.
pub struct Runtimes {
    /// Worker, tables and pull sources: nobody waits by the millisecond.
    pub back: Runtime,
    ingest: Runtime,
    admin: Runtime,
}

/// Where a server answers.
#[derive(Clone)]
pub struct Fronts {
    /// Of the ingest port: clients wait for each acknowledgement.
    pub ingest: Handle,
    /// Of the admin port: people wait, and queries take long.
    pub admin: Handle,
}

/// Starts a runtime whose threads have this name and priority.
///
/// # Errors
/// If the number of threads is set to nonsense, or threads cannot be started.
pub fn start(name: &str, priority: Priority) -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    let builder = builder.worker_threads(settings::threads()?).thread_name(name).enable_all();
    Ok(builder.on_thread_start(move || priority.apply()).build()?)
}

impl Runtimes {
    /// Starts them. The calling thread becomes prompt, and with it the threads
    /// it starts later, such as the log's writer.
    ///
    /// # Errors
    /// As [`start`].
    pub fn start() -> anyhow::Result<Self> {
        Priority::Prompt.apply();
        Ok(Self {
            back: start("back", Priority::Patient)?,
            ingest: start("ingest", Priority::Prompt)?,
            admin: start("admin", Priority::Usual)?,
        })
    }

    /// Where a server answers.
    pub fn fronts(&self) -> Fronts {
        Fronts { ingest: self.ingest.handle().clone(), admin: self.admin.handle().clone() }
    }

    /// Ends them; what still runs after `patience` is cut off.
    pub fn end(self, patience: std::time::Duration) {
        for runtime in [self.ingest, self.admin, self.back] {
            runtime.shutdown_timeout(patience);
        }
    }
}
