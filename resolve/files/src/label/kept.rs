//! The file in which answers are kept: a line an answer, on disk before the
//! next question. What a session wrote can be taken back, answer by answer.

use crate::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

const COLUMNS: [&str; 5] = ["record_key_l", "record_key_r", "is_match", "source_l", "source_r"];

/// A file of answers that is open for more, by one session at a time.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    file: File,
    /// Length of the file.
    length: u64,
    /// Its length before each answer of this session.
    before: Vec<u64>,
}

/// One answer, as the file has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) keys: [&'a str; 2],
    /// The files of the records, where there are several.
    pub(super) sources: Option<[&'a str; 2]>,
    /// Whether they are one person; none if nobody could tell.
    pub(super) answer: Option<bool>,
}

impl Kept {
    /// Opens the file, or begins one.
    ///
    /// # Errors
    /// [`Error::Format`] if it has other columns, [`Error::Usage`] if another
    /// session has it open, [`Error::Write`].
    pub(super) fn open(path: &Path, with_sources: bool) -> Result<Self> {
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let reason = format!("{} is being written by another session: end that one first", path.display());
                return Err(Error::Usage { reason });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let mut kept = Self { path: path.to_owned(), file, length: bytes.len() as u64, before: Vec::new() };
        let columns = if with_sources { &COLUMNS[..] } else { &COLUMNS[..3] };
        if bytes.is_empty() {
            kept.append(&record(columns).map_err(failed)?)?;
            sync_folder(path).map_err(failed)?;
            return Ok(kept);
        }
        check_columns(path, &bytes, columns)?;
        if !bytes.ends_with(b"\n") {
            kept.append(b"\n")?;
        }
        Ok(kept)
    }

    /// Adds an answer, which is on disk once this returns.
    ///
    /// # Errors
    /// [`Error::Write`]; nothing of the answer is kept then.
    pub(super) fn add(&mut self, line: Line<'_>) -> Result<()> {
        let answer = match line.answer {
            Some(true) => "1",
            Some(false) => "0",
            None => "unsure",
        };
        let [one, other] = line.keys;
        let mut cells = vec![one, other, answer];
        cells.extend(line.sources.into_iter().flatten());
        let before = self.length;
        self.append(&record(&cells).map_err(Error::write(&self.path))?)?;
        self.before.push(before);
        Ok(())
    }

    /// Takes back the last answer of this session, if there is one left.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(super) fn take_back(&mut self) -> Result<bool> {
        let Some(before) = self.before.pop() else { return Ok(false) };
        self.cut(before).map_err(Error::write(&self.path))?;
        Ok(true)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self
            .file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.file.write_all(bytes))
            .and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            // A disk that is full keeps half a line otherwise.
            let _ = self.cut(self.length);
            return Err(Error::Write { path: self.path.clone(), source });
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn cut(&mut self, length: u64) -> std::io::Result<()> {
        self.file.set_len(length)?;
        self.length = length;
        self.file.sync_data()
    }
}

/// Refuses a file of other columns, which could not be gone on with.
fn check_columns(path: &Path, bytes: &[u8], columns: &[&str]) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let found = reader.records().next().and_then(std::result::Result::ok).unwrap_or_default();
    if found.iter().eq(columns.iter().copied()) {
        return Ok(());
    }
    let found: Vec<&str> = found.iter().collect();
    let reason = format!(
        "its columns are {}, those of labels of these files {}: give --out another name",
        found.join(", "),
        columns.join(", ")
    );
    Err(Error::format(path, reason))
}

/// A line of CSV.
fn record(cells: &[&str]) -> std::io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells)?;
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// Makes the name of a new file last, where folders can be synced.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(kept: &mut Kept, one: &str, answer: Option<bool>) {
        kept.add(Line { keys: [one, "b"], sources: None, answer }).unwrap();
    }

    #[test]
    fn answers_are_added_taken_back_and_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        let read = || std::fs::read_to_string(&path).unwrap();
        let mut kept = Kept::open(&path, false).unwrap();
        add(&mut kept, "a", Some(true));
        add(&mut kept, "has, comma \"and\" quote", None);
        assert!(kept.take_back().unwrap());
        add(&mut kept, "c", Some(false));
        drop(kept);
        assert_eq!(read(), "record_key_l,record_key_r,is_match\na,b,1\nc,b,0\n");
        std::fs::write(&path, read().trim_end()).unwrap();
        let mut kept = Kept::open(&path, false).unwrap();
        assert!(!kept.take_back().unwrap(), "answers of an earlier session stand");
        add(&mut kept, "has, comma \"and\" quote", None);
        assert!(read().ends_with("c,b,0\n\"has, comma \"\"and\"\" quote\",b,unsure\n"), "{}", read());
    }

    #[test]
    fn files_of_other_columns_and_of_other_sessions_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        let kept = Kept::open(&path, true).unwrap();
        assert!(Kept::open(&path, true).unwrap_err().to_string().contains("by another session"));
        drop(kept);
        let error = Kept::open(&path, false).unwrap_err().to_string();
        assert!(error.contains("those of labels of these files record_key_l, record_key_r, is_match: give"), "{error}");
        for text in ["id,email\n", "record_key_l;record_key_r;is_match;source_l;source_r\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(Kept::open(&path, true).unwrap_err().to_string().contains("give --out another name"));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
