//! The demo's folder: the data folder of its server, and in `demo/` what a
//! user may look at and copy.
//!
//! ```text
//! DIR/                   data folder of the server
//! DIR/demo/tributary.yaml, *.csv, segments/*.json, truth.csv, report.json, server.log
//! ```

use super::records::Records;
use super::report::SEGMENTS;
use super::{DemoArgs, LogKind};
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use p256::ecdsa::SigningKey;
use p256::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rand::Rng as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The configuration, with its blanks.
const CONFIGURATION: &str = include_str!("tributary.yaml");

/// Keys that are made for one run.
pub struct Keys {
    /// Write key of the source `web`.
    pub write_key: String,
    /// Signs the email webhook in place of SendGrid.
    pub sendgrid: SigningKey,
    /// Signs the survey webhook.
    pub survey: [u8; 32],
}

impl Keys {
    /// Makes fresh keys.
    ///
    /// # Errors
    /// If the system has no randomness to give a valid key.
    pub fn generate() -> anyhow::Result<Self> {
        let mut rng = rand::rng();
        Ok(Self {
            write_key: uuid::Uuid::new_v4().simple().to_string(),
            // All but one of 2^32 draws are a valid key.
            sendgrid: SigningKey::from_slice(&rng.random::<[u8; 32]>()).context("make a P-256 key: try again")?,
            survey: rng.random(),
        })
    }

    fn public_key(&self) -> anyhow::Result<String> {
        let der = self.sendgrid.verifying_key().to_public_key_der().context("encode the public key")?;
        Ok(BASE64.encode(der.as_bytes()))
    }
}

/// The folder of one run.
pub struct Folder {
    /// The data folder, absolute.
    pub data: PathBuf,
}

impl Folder {
    /// Makes the folder anew and writes configuration, export and segments into it.
    ///
    /// # Errors
    /// If it holds something else than an earlier demo, a server runs on it, or it cannot be written.
    pub fn create(args: &DemoArgs, keys: &Keys, records: &Records) -> anyhow::Result<Self> {
        clear(&args.data_dir)?;
        let folder = Self { data: created(&args.data_dir)? };
        let files = created(&folder.files())?;
        write_configuration(&files, &folder.data, keys, &log_settings(args))?;
        records.write_export(&files)?;
        records.write_truth(&files.join("truth.csv"))?;
        let segments = created(&files.join("segments"))?;
        for segment in &SEGMENTS {
            fs::write(segments.join(segment.file), segment.json).context("write the segments")?;
        }
        Ok(folder)
    }

    /// Where the demo's own files are.
    pub fn files(&self) -> PathBuf {
        self.data.join("demo")
    }
}

/// Writes the records with a configuration and the keys to sign them.
///
/// # Errors
/// If the folder cannot be written.
pub fn write_records(folder: &Path, records: &Records) -> anyhow::Result<()> {
    let folder = created(folder)?;
    let keys = Keys::generate()?;
    records.write(&folder)?;
    let pem = keys.sendgrid.to_pkcs8_pem(LineEnding::LF).context("encode the private key")?;
    write_private(&folder.join("sendgrid_key.pem"), &pem)?;
    write_configuration(&folder, &folder.join("data"), &keys, "{type: embedded}")
}

fn write_configuration(folder: &Path, data: &Path, keys: &Keys, log: &str) -> anyhow::Result<()> {
    let text = CONFIGURATION
        .replace("@FOLDER@", &data.display().to_string())
        .replace("@EXPORT@", &folder.display().to_string())
        .replace("@WRITE_KEY@", &keys.write_key)
        .replace("@PUBLIC_KEY@", &keys.public_key()?)
        .replace("@SECRET@", &format!("whsec_{}", BASE64.encode(keys.survey)))
        .replace("@LOG@", log);
    write_private(&folder.join("tributary.yaml"), &text)
}

/// A topic of its own for each run: one that held an earlier run would be read again.
fn log_settings(args: &DemoArgs) -> String {
    match (args.log, &args.brokers) {
        (LogKind::Kafka, Some(brokers)) => {
            let topic = format!("tributary-demo-{:08x}", rand::rng().random::<u32>());
            serde_json::json!({"type": "kafka", "brokers": brokers, "topic": topic}).to_string()
        }
        _ => "{type: embedded}".to_owned(),
    }
}

/// Removes an earlier demo.
fn clear(folder: &Path) -> anyhow::Result<()> {
    let is_empty = !folder.exists() || fs::read_dir(folder).with_context(|| at(folder))?.next().is_none();
    if is_empty {
        return Ok(());
    }
    if !folder.join("demo/tributary.yaml").exists() {
        bail!("{} holds something else than a demo: give --data-dir a new folder", folder.display());
    }
    if super::server::is_running(folder) {
        bail!("a server runs on {}: stop it, or give --data-dir a new folder", folder.display());
    }
    fs::remove_dir_all(folder).with_context(|| format!("remove the earlier demo in {}", folder.display()))
}

/// Creates a folder and returns its absolute path.
fn created(folder: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    fs::canonicalize(folder).with_context(|| at(folder))
}

fn at(folder: &Path) -> String {
    format!("look into {}", folder.display())
}

/// Writes a file that holds keys.
fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tributary_config::Config;

    #[test]
    fn the_configuration_is_valid_with_either_log() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::generate().unwrap();
        for (log, text) in [("embedded", "{type: embedded}"), ("kafka", r#"{"type":"kafka","brokers":"h:1"}"#)] {
            write_configuration(folder.path(), folder.path(), &keys, text).unwrap();
            let config = Config::load(&folder.path().join("tributary.yaml")).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(config.sources.len(), 7, "{log}");
        }
    }

    #[test]
    fn a_folder_with_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        clear(folder.path()).unwrap();
        fs::write(folder.path().join("letter.txt"), "dear").unwrap();
        assert!(clear(folder.path()).unwrap_err().to_string().contains("something else"));
        fs::create_dir(folder.path().join("demo")).unwrap();
        fs::write(folder.path().join("demo/tributary.yaml"), "").unwrap();
        let lock = fs::File::create(folder.path().join("lock")).unwrap();
        lock.lock().unwrap();
        assert!(clear(folder.path()).unwrap_err().to_string().contains("a server runs on"));
        drop(lock);
        clear(folder.path()).unwrap();
        assert!(!folder.path().exists());
    }
}
