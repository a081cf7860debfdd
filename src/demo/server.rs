//! The demo's server: the same program, run as a child on ports of its own.

use super::folder::Folder;
use anyhow::{Context as _, bail};
use serde::Deserialize;
use std::fs::{self, File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// Longest wait for a server to accept, or to end.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often its files are looked at meanwhile.
const POLL: Duration = Duration::from_millis(50);
/// How much of its log is shown when it fails.
const LOG_LINES_SHOWN: usize = 15;

/// What a server says about itself in `server.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Address {
    /// Takes events.
    pub ingest: SocketAddr,
    /// Answers queries.
    pub admin: SocketAddr,
    /// Process id.
    pub pid: u32,
    /// Token of this run for the admin port.
    #[serde(default)]
    pub token: Option<String>,
}

/// A running server; killed when dropped.
pub struct Server {
    /// Where it answers.
    pub address: Address,
    child: Child,
}

impl Server {
    /// Starts `tributary run` on the folder and waits until it accepts.
    ///
    /// # Errors
    /// If it cannot be started, ends early, or does not accept in time; the end of its log is shown.
    pub async fn start(folder: &Folder) -> anyhow::Result<Self> {
        let log_path = folder.files().join("server.log");
        let log = File::create(&log_path).with_context(|| format!("create {}", log_path.display()))?;
        let mut child = Command::new(program()?)
            .arg("run")
            .arg("--config")
            .arg(folder.files().join("tributary.yaml"))
            .arg("--data-dir")
            .arg(&folder.data)
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the server's log")?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("start the server")?;
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().context("look at the server")? {
                bail!("the server ended early ({status}):\n{}", end_of(&log_path));
            }
            let address = read_address(&folder.data).filter(|address| Some(address.pid) == child.id());
            if let Some(address) = address
                && is_ready(&address).await
            {
                return Ok(Self { address, child });
            }
            if begun.elapsed() > PATIENCE {
                bail!("the server does not accept after {PATIENCE:?}:\n{}", end_of(&log_path));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Asks the server to end and waits for it.
    ///
    /// # Errors
    /// If it does not end in time, or not with exit code 0.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let Some(pid) = self.child.id() else { bail!("the server is gone") };
        // The shell's own `kill` is there wherever a shell is.
        let asked = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid.to_string()]).status().await;
        asked.context("ask the server to end")?;
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = status.context("the server does not end")?.context("wait for the server")?;
        if status.success() { Ok(()) } else { bail!("the server ended with {status}") }
    }
}

/// The program that is running.
///
/// # Errors
/// If the system does not tell.
pub fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("find the path of this program")
}

/// Whether a server runs on the folder, or is starting: it holds the folder's lock.
pub fn is_running(data: &Path) -> bool {
    File::open(data.join("lock")).is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

fn read_address(data: &Path) -> Option<Address> {
    serde_json::from_slice(&fs::read(data.join("server.json")).ok()?).ok()
}

async fn is_ready(address: &Address) -> bool {
    let answer = reqwest::get(format!("http://{}/ready", address.admin)).await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

fn end_of(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}
