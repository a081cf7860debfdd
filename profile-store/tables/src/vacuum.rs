//! Clean-up after a checkpoint: log files before it, once they are old, and
//! files of rows and vectors that no version needs, after a time of grace for
//! queries under way. Leftovers of a crash are among the latter.

use crate::base::{Base, lock};
use crate::{Error, Result};
use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Digits of a version in the name of a log file.
const VERSION_DIGITS: usize = 20;

/// Removes what nobody needs, `checkpoint` being the version of the newest checkpoint.
pub(crate) fn vacuum(base: &Base, checkpoint: u64) -> Result<()> {
    let folder = base.delta().folder().to_owned();
    let settings = base.settings();
    let removed = remove_log(&folder.join("_delta_log"), checkpoint, settings.log_retention)?
        + remove_unneeded(base, &folder, settings.file_grace)?;
    base.metrics.cleaned.inc_by(removed);
    Ok(())
}

fn remove_log(log: &Path, checkpoint: u64, retention: Duration) -> Result<u64> {
    let mut removed = 0;
    for name in names(log)? {
        let path = log.join(&name);
        let version = name.get(..VERSION_DIGITS).and_then(|digits| digits.parse::<u64>().ok());
        let is_old = || {
            let modified = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
            modified.is_ok_and(|modified| SystemTime::now().duration_since(modified).unwrap_or_default() >= retention)
        };
        let is_before = version.is_some_and(|version| version < checkpoint);
        if (is_before || is_staged(&name)) && is_old() {
            std::fs::remove_file(&path).map_err(Error::file("remove", &path))?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn remove_unneeded(base: &Base, folder: &Path, grace: Duration) -> Result<u64> {
    let needed: HashSet<String> = {
        let shown = base.shown();
        let files = shown.files().values().map(|held| &held.stored);
        files.flat_map(|file| [Some(file.name.clone()), file.vector.clone()]).flatten().collect()
    };
    let present: HashSet<String> = names(folder)?.into_iter().filter(|name| is_ours(name)).collect();
    let mut unneeded = lock(&base.unneeded);
    unneeded.retain(|name, _| present.contains(name) && !needed.contains(name));
    let mut removed = 0;
    for name in present.difference(&needed) {
        let since = *unneeded.entry(name.clone()).or_insert_with(Instant::now);
        if since.elapsed() >= grace {
            let path = folder.join(name);
            std::fs::remove_file(&path).map_err(Error::file("remove", &path))?;
            unneeded.remove(name);
            removed += 1;
        }
    }
    Ok(removed)
}

/// Names of the files of a folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let list = || -> std::io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        Ok(names)
    };
    list().map_err(Error::file("list", folder))
}

/// Files that a writer of this program makes; strangers' files are left alone.
fn is_ours(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    let is_data = name.starts_with("part-") && extension == Some("parquet");
    let is_vector = name.starts_with("deletion_vector_") && extension == Some("bin");
    is_data || is_vector || is_staged(name)
}

/// A file that was not put in its place.
fn is_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}
