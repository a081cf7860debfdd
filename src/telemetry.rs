//! Logs on standard error; `RUST_LOG` filters them, `TRIBUTARY_LOG_FORMAT=json` prints JSON lines.

use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Installs the log subscriber of the process.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,tributary=info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::env::var("TRIBUTARY_LOG_FORMAT").is_ok_and(|format| format == "json") {
        lines.json().init();
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).init();
    }
}
