//! The folder of one workspace.
//!
//! ```text
//! DIR/format.json  format version, workspace and log id   DIR/lock         held while a server runs
//! DIR/server.json  where the running server listens       DIR/write_key    the generated key of `web`
//! DIR/log/  DIR/state/  DIR/tables/NAME/
//! ```

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Version of the folder's layout.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Format {
    #[serde(rename = "format")]
    version: u32,
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
        let lock_path = path.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.with_context(|| format!("open {}", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "data folder {} is in use by another tributary process: stop it, or give --data-dir another folder",
                path.display()
            ),
            Err(TryLockError::Error(error)) => return Err(error).context("lock data folder"),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        folder.check_format()?;
        Ok(folder)
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn check_format(&self) -> anyhow::Result<()> {
        let Some(format) = self.read_format()? else {
            return self.write_format(&Format { version: FORMAT, workspace: Uuid::new_v4(), log_id: None });
        };
        if format.version > FORMAT {
            bail!(
                "data folder {} is of format {}; this program reads up to {FORMAT}: upgrade it",
                self.path.display(),
                format.version
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

    /// Returns the generated write key of the default source, and whether it is new.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn write_key(&self) -> anyhow::Result<(String, bool)> {
        let path = self.path.join("write_key");
        if path.exists() {
            return Ok((fs::read_to_string(&path).context("read write_key")?.trim().to_owned(), false));
        }
        let key = Uuid::new_v4().simple().to_string();
        write_durably(&self.path, "write_key", key.as_bytes(), 0o600)?;
        Ok((key, true))
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(self.path.join("server.json"))
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "remove server.json");
        }
    }
}

/// Returns the address of the server that runs on the folder, if one does.
///
/// # Errors
/// If a server holds the folder but its address cannot be read.
pub fn running_server(path: &Path) -> anyhow::Result<Option<ServerAddress>> {
    let Ok(lock) = OpenOptions::new().write(true).open(path.join("lock")) else { return Ok(None) };
    match lock.try_lock() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let text = fs::read(path.join("server.json"))
                .context("a server is starting on this folder: try again in a moment")?;
            Ok(Some(serde_json::from_slice(&text).context("read server.json")?))
        }
        Err(TryLockError::Error(error)) => Err(error).context("look at the folder's lock"),
    }
}

/// Writes a file so that after a crash it is whole, old or new.
///
/// # Errors
/// If it cannot be written.
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
        folder.write_format(&Format { version: FORMAT + 1, workspace: Uuid::nil(), log_id: None }).unwrap();
        drop(folder);
        assert!(DataDir::open(dir.path()).err().unwrap().to_string().contains("upgrade"));
    }

    #[test]
    fn the_write_key_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataDir::open(dir.path()).unwrap();
        let (key, new) = folder.write_key().unwrap();
        assert!(new);
        assert_eq!(folder.write_key().unwrap(), (key, false));
    }
}
