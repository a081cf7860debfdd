//! One running server in a folder of its own.

use crate::cli::binary;
use anyhow::{Context as _, bail, ensure};
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The write key of the source `web` in the default configuration.
pub const WRITE_KEY: &str = "wk";
/// How long a server may take to accept or to end.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often something is looked at that cannot be waited for.
const POLL: Duration = Duration::from_millis(5);
/// How much of the server's log a failed test shows.
const LOG_BYTES_SHOWN: usize = 16 << 10;

/// Brokers and topic of a Kafka log.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// `host:port,...`
    pub brokers: String,
    /// The topic.
    pub topic: String,
}

impl Kafka {
    /// Takes a topic that no one else has.
    #[must_use]
    pub fn with_fresh_topic(brokers: impl Into<String>) -> Self {
        Self { brokers: brokers.into(), topic: format!("tributary-{}", uuid::Uuid::new_v4().simple()) }
    }
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The configuration, without a `log` section where `kafka` is given; empty: the server is given none.
    pub config_yaml: String,
    /// The folder of the configuration, the data (`data/`) and the server's log; a temporary one by default.
    pub dir: Option<PathBuf>,
    /// Environment variables of the server.
    pub env: Vec<(String, String)>,
    /// The Kafka log to use in place of the embedded one.
    pub kafka: Option<Kafka>,
    /// Whether nothing of the server's log is printed when it is dropped: for programs that are no tests.
    pub is_quiet: bool,
}

impl Default for ServerOptions {
    /// One HTTP source `web` with [`WRITE_KEY`], everything embedded.
    fn default() -> Self {
        let config_yaml = format!("sources: [{{name: web, type: http, write_key: {WRITE_KEY}}}]\n");
        Self { config_yaml, dir: None, env: Vec::new(), kafka: None, is_quiet: false }
    }
}

impl ServerOptions {
    /// Takes a configuration.
    #[must_use]
    pub fn with_config(config_yaml: impl Into<String>) -> Self {
        Self { config_yaml: config_yaml.into(), ..Self::default() }
    }
}

/// `server.json` of the data folder.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Address {
    ingest: SocketAddr,
    admin: SocketAddr,
    pid: u32,
}

struct Running {
    child: Child,
    address: Address,
    startup: Duration,
}

/// A server of its own folder. Dropping it kills the process it started and prints the end of its log, which the test
/// harness shows only if the test failed.
pub struct Server {
    options: ServerOptions,
    dir: PathBuf,
    _temporary: Option<TempDir>,
    pub(crate) client: Client,
    running: Option<Running>,
}

impl Server {
    /// Writes the configuration and starts the server; returns once it is ready.
    ///
    /// # Errors
    /// If it ends or is not ready in time; the error carries its log.
    pub async fn start(options: ServerOptions) -> anyhow::Result<Self> {
        let mut server = Self::prepare(options)?;
        server.launch().await?;
        Ok(server)
    }

    /// Writes the configuration without starting the server, so that a test can put files beside it.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn prepare(options: ServerOptions) -> anyhow::Result<Self> {
        let (dir, temporary) = if let Some(dir) = &options.dir {
            (dir.clone(), None)
        } else {
            let temporary = TempDir::with_prefix("tributary-test-").context("make a folder")?;
            (temporary.path().to_owned(), Some(temporary))
        };
        fs::create_dir_all(&dir).context("make the server's folder")?;
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().context("make a client")?;
        let server = Self { options, dir, _temporary: temporary, client, running: None };
        server.write_config()?;
        Ok(server)
    }

    fn write_config(&self) -> anyhow::Result<()> {
        let mut config = self.options.config_yaml.clone();
        if let Some(Kafka { brokers, topic }) = &self.options.kafka {
            let log = json!({ "type": "kafka", "brokers": brokers, "topic": topic });
            config = format!("{config}\nlog: {log}\n");
        }
        fs::write(self.config_path(), config).context("write the configuration")
    }

    /// Replaces the configuration; it counts from the next start.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn set_config(&mut self, config_yaml: impl Into<String>) -> anyhow::Result<()> {
        self.options.config_yaml = config_yaml.into();
        self.write_config()
    }

    async fn launch(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut child = self.spawn()?;
        match self.wait_until_ready(&mut child, started).await {
            Ok(address) => {
                self.running = Some(Running { child, address, startup: started.elapsed() });
                Ok(())
            }
            Err(error) => {
                end(&mut child);
                Err(error.context(format!("server log:\n{}", self.log_tail())))
            }
        }
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        let log = File::options().create(true).append(true).open(self.log_path()).context("open the server's log")?;
        let mut command = Command::new(binary()?);
        command.arg("run").arg("--data-dir").arg(self.data_dir());
        if !self.options.config_yaml.is_empty() {
            command.arg("--config").arg(self.config_path());
        }
        command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.current_dir(&self.dir).envs(self.options.env.iter().cloned());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.spawn().context("start the server")
    }

    async fn wait_until_ready(&self, child: &mut Child, started: Instant) -> anyhow::Result<Address> {
        loop {
            if let Some(status) = child.try_wait().context("look at the server")? {
                bail!("the server ended before it was ready: {status}");
            }
            if let Some(address) = self.published_address(child.id())
                && self.is_ready(address).await
            {
                return Ok(address);
            }
            ensure!(started.elapsed() < PATIENCE, "the server is not ready after {PATIENCE:?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// The address that this very process published; an older file may still lie there.
    fn published_address(&self, pid: u32) -> Option<Address> {
        let text = fs::read(self.data_dir().join("server.json")).ok()?;
        let address: Address = serde_json::from_slice(&text).ok()?;
        (address.pid == pid).then_some(address)
    }

    async fn is_ready(&self, address: Address) -> bool {
        let answer = self.client.get(format!("http://{}/ready", address.admin)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Stops the server with SIGTERM.
    ///
    /// # Errors
    /// If it does not end with exit code 0 in time.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let mut running = self.running.take().context("the server does not run")?;
        signal("TERM", running.child.id())?;
        let status = wait(&mut running.child).await;
        if status.is_err() {
            end(&mut running.child);
        }
        let status = status?;
        ensure!(status.success(), "the server stopped with {status}; its log:\n{}", self.log_tail());
        Ok(())
    }

    /// Kills the server with SIGKILL.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        let mut running = self.running.take().context("the server does not run")?;
        running.child.kill().context("kill the server")?;
        running.child.wait().map(drop).context("wait for the killed server")
    }

    /// Starts the server again on its folder, after stopping it if it runs.
    ///
    /// # Errors
    /// As [`Server::stop`] and [`Server::start`].
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        if self.running.is_some() {
            self.stop().await?;
        }
        self.launch().await
    }

    /// Whether the process runs.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub fn is_running(&mut self) -> anyhow::Result<bool> {
        let Some(running) = &mut self.running else { return Ok(false) };
        Ok(running.child.try_wait().context("look at the server")?.is_none())
    }

    /// Waits until the server ends by itself.
    ///
    /// # Errors
    /// If it does not run, or does not end in time.
    pub async fn wait_for_exit(&mut self) -> anyhow::Result<ExitStatus> {
        let running = self.running.as_mut().context("the server does not run")?;
        let status = wait(&mut running.child).await?;
        self.running = None;
        Ok(status)
    }

    /// Time from the start of the process until it was ready; of the last start.
    #[must_use]
    pub fn startup(&self) -> Duration {
        self.running.as_ref().map_or(Duration::ZERO, |running| running.startup)
    }

    /// Process id; 0 if it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running.as_ref().map_or(0, |running| running.child.id())
    }

    /// The folder of configuration, data and log.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The configuration file.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.dir.join("tributary.yaml")
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    /// Everything the server logged so far.
    #[must_use]
    pub fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    fn log_tail(&self) -> String {
        let text = self.log_text();
        let from = text.ceil_char_boundary(text.len().saturating_sub(LOG_BYTES_SHOWN));
        text[from..].to_owned()
    }

    /// Address of the ingest port, `host:port`.
    ///
    /// # Errors
    /// If the server does not run.
    pub fn ingest_address(&self) -> anyhow::Result<SocketAddr> {
        self.running.as_ref().map(|running| running.address.ingest).context("the server does not run")
    }

    /// Address of the admin port, `host:port`.
    ///
    /// # Errors
    /// If the server does not run.
    pub fn admin_address(&self) -> anyhow::Result<SocketAddr> {
        self.running.as_ref().map(|running| running.address.admin).context("the server does not run")
    }

    /// URL of the ingest port, without a slash at the end.
    ///
    /// # Errors
    /// If the server does not run.
    pub fn ingest_url(&self) -> anyhow::Result<String> {
        self.ingest_address().map(|address| format!("http://{address}"))
    }

    /// URL of the admin port, without a slash at the end.
    ///
    /// # Errors
    /// If the server does not run.
    pub fn admin_url(&self) -> anyhow::Result<String> {
        self.admin_address().map(|address| format!("http://{address}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            end(&mut running.child);
        }
        if !self.options.is_quiet {
            println!("--- log of the server in {} ---\n{}", self.dir.display(), self.log_tail());
        }
    }
}

fn signal(name: &str, pid: u32) -> anyhow::Result<()> {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().context("send a signal")?;
    ensure!(status.success(), "signal {name} could not be sent to {pid}");
    Ok(())
}

async fn wait(child: &mut Child) -> anyhow::Result<ExitStatus> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("look at the server")? {
            return Ok(status);
        }
        ensure!(started.elapsed() < PATIENCE, "the server still runs after {PATIENCE:?}");
        tokio::time::sleep(POLL).await;
    }
}

/// Kills a process that this test started, and waits for its end; one that has ended is no error here.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
