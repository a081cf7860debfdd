//! The folder of one workspace.
//!
//! ```text
//! DIR/format.json  format version, workspace and log id   DIR/lock            held while a server runs
//! DIR/server.json  where the running server listens       DIR/write_keys.json generated write keys by source
//! DIR/log_ends.json  the ends of a log elsewhere           DIR/log/  DIR/state/  DIR/tables/NAME/  DIR/cursors/
//! ```

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Version of the folder's layout.
const FORMAT: u32 = 1;
/// A command that looks whether a server runs holds the lock for a moment:
/// a server that starts tries again for this long.
const LOCK_PATIENCE: Duration = Duration::from_millis(300);
/// Longest wait of a command for a server that is starting.
const START_PATIENCE: Duration = Duration::from_secs(15);
/// How often a lock or a file is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Serialize, Deserialize)]
#[allow(clippy::struct_field_names, reason = "the names are those of the file")]
struct Format {
    format: u32,
    workspace: Uuid,
    /// Id of the log the state and the tables were made from.
    #[serde(default)]
    log_id: Option<Uuid>,
}

/// Where a running server answers; read by the other commands.
#[derive(Debug, Serialize, Deserialize)]
pub struct ServerAddress {
    /// Address of the ingest port.
    pub ingest: SocketAddr,
    /// Address of the admin port.
    pub admin: SocketAddr,
    /// Process id.
    pub pid: u32,
    /// Token for the admin port, good while this process runs.
    pub token: String,
}

/// The folder, locked for this process.
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Opens or creates the folder and locks it.
    ///
    /// # Errors
    /// If another process holds it, it is of a newer format, or cannot be written.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("create data folder {}", path.display()))?;
        let lock = lock(path)?;
        // What a killed process left says nothing about this one.
        remove(&path.join("server.json"))?;
        let folder = Self { path: path.to_owned(), _lock: lock };
        folder.check_format()?;
        Ok(folder)
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the live state.
    pub fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    /// The folder of the tables.
    pub fn tables(&self) -> PathBuf {
        self.path.join("tables")
    }

    fn check_format(&self) -> anyhow::Result<()> {
        let Some(format) = self.read_format()? else {
            return self.write_format(&Format { format: FORMAT, workspace: Uuid::new_v4(), log_id: None });
        };
        if format.format > FORMAT {
            bail!(
                "data folder {} is of format {}; this program reads up to {FORMAT}: upgrade it",
                self.path.display(),
                format.format
            );
        }
        Ok(())
    }

    fn read_format(&self) -> anyhow::Result<Option<Format>> {
        let path = self.path.join("format.json");
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged: restore it from a backup", path.display()))
            .map(Some)
    }

    fn write_format(&self, format: &Format) -> anyhow::Result<()> {
        write_durably(&self.path, "format.json", &serde_json::to_vec_pretty(format)?, 0o644)
    }

    /// Compares the log's id with the one this folder was made from.
    ///
    /// # Errors
    /// If they differ: offsets of another log mean nothing here.
    pub fn check_log_id(&self, log_id: Uuid) -> anyhow::Result<()> {
        let Some(mut format) = self.read_format()? else {
            bail!("format.json disappeared from {}", self.path.display())
        };
        match format.log_id {
            Some(known) if known == log_id => Ok(()),
            Some(known) => bail!(
                "data folder {} was made from log {known}, but the configured log is {log_id}: configure that log, or start with an empty folder",
                self.path.display()
            ),
            None => {
                format.log_id = Some(log_id);
                self.write_format(&format)
            }
        }
    }

    /// Publishes where this server listens.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn publish(&self, address: &ServerAddress) -> anyhow::Result<()> {
        write_durably(&self.path, "server.json", &serde_json::to_vec_pretty(address)?, 0o600)
    }

    /// Returns the generated write key of a source, and whether it is new.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn write_key(&self, source: &str) -> anyhow::Result<(String, bool)> {
        let path = self.path.join("write_keys.json");
        let mut keys: BTreeMap<String, String> = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{} is damaged: delete it to have new keys made", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        if let Some(key) = keys.get(source) {
            return Ok((key.clone(), false));
        }
        let key = Uuid::new_v4().simple().to_string();
        keys.insert(source.to_owned(), key.clone());
        write_durably(&self.path, "write_keys.json", &serde_json::to_vec_pretty(&keys)?, 0o600)?;
        Ok((key, true))
    }
}

/// Takes the folder's lock.
fn lock(path: &Path) -> anyhow::Result<File> {
    let lock_path = path.join("lock");
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
    let lock = lock.with_context(|| format!("open {}", lock_path.display()))?;
    let begun = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => std::thread::sleep(LOOK_EVERY),
            Err(TryLockError::WouldBlock) => bail!(
                "data folder {} is in use by another tributary process: stop it, or give --data-dir another folder",
                path.display()
            ),
            Err(TryLockError::Error(error)) => return Err(error).context("lock data folder"),
        }
    }
}

/// Removes a file that may not be there.
fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path.join("server.json")) {
            tracing::warn!(error = format!("{error:#}"), "server.json is left behind");
        }
    }
}

/// Returns the address of the server that runs on the folder, if one does;
/// waits a while for one that is starting.
///
/// # Errors
/// If a server holds the folder but does not say where it listens.
pub async fn running_server(path: &Path) -> anyhow::Result<Option<ServerAddress>> {
    let Ok(lock) = File::open(path.join("lock")) else { return Ok(None) };
    let begun = Instant::now();
    loop {
        match lock.try_lock_shared() {
            Ok(()) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error).context("look at the folder's lock"),
        }
        if let Ok(text) = fs::read(path.join("server.json")) {
            return Ok(Some(serde_json::from_slice(&text).context("read server.json")?));
        }
        if begun.elapsed() > START_PATIENCE {
            bail!("a server is starting on {} and does not accept yet: try again later", path.display());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Writes a file so that after a crash it is whole, old or new.
pub fn write_durably(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let partial = folder.join(format!("{name}.new"));
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, folder.join(name))?;
        File::open(folder)?.sync_all()
    };
    write().with_context(|| format!("write {}", folder.join(name).display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDir::open(dir.path()).unwrap();
        let error = DataDir::open(dir.path()).err().unwrap().to_string();
        assert!(error.contains("in use by another tributary process"), "{error}");
        drop(held);
        assert!(DataDir::open(dir.path()).is_ok());
    }

    #[test]
    fn a_newer_format_and_a_foreign_log_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataDir::open(dir.path()).unwrap();
        folder.check_log_id(Uuid::from_u128(1)).unwrap();
        folder.check_log_id(Uuid::from_u128(1)).unwrap();
        assert!(folder.check_log_id(Uuid::from_u128(2)).is_err());
        folder.write_format(&Format { format: FORMAT + 1, workspace: Uuid::nil(), log_id: None }).unwrap();
        drop(folder);
        assert!(DataDir::open(dir.path()).err().unwrap().to_string().contains("upgrade"));
    }

    #[test]
    fn a_write_key_is_made_once_for_each_source() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataDir::open(dir.path()).unwrap();
        let (key, new) = folder.write_key("web").unwrap();
        let (other, _) = folder.write_key("shop").unwrap();
        assert!(new && key != other);
        assert_eq!(folder.write_key("web").unwrap(), (key, false));
    }

    #[tokio::test]
    async fn a_running_server_is_found_and_a_killed_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        assert!(running_server(dir.path()).await.unwrap().is_none());
        let folder = DataDir::open(dir.path()).unwrap();
        let at = SocketAddr::from(([127, 0, 0, 1], 1));
        folder.publish(&ServerAddress { ingest: at, admin: at, pid: 1, token: "t".to_owned() }).unwrap();
        assert_eq!(running_server(dir.path()).await.unwrap().unwrap().pid, 1);
        let text = fs::read(dir.path().join("server.json")).unwrap();
        drop(folder);
        // A killed process leaves its file and no lock.
        fs::write(dir.path().join("server.json"), text).unwrap();
        assert!(running_server(dir.path()).await.unwrap().is_none());
        let _starting = DataDir::open(dir.path()).unwrap();
        assert!(!dir.path().join("server.json").exists());
    }

    #[test]
    fn what_holds_a_token_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let folder = DataDir::open(dir.path()).unwrap();
        let at = SocketAddr::from(([127, 0, 0, 1], 1));
        folder.publish(&ServerAddress { ingest: at, admin: at, pid: 1, token: "t".to_owned() }).unwrap();
        folder.write_key("web").unwrap();
        for name in ["server.json", "write_keys.json"] {
            let mode = fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
}
