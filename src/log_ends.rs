//! The ends of a log that no server has open. An embedded log is read without
//! touching it: no torn tail is cut and nothing is locked, for a server may be
//! starting. Of a log in Kafka the last server noted the ends.

use anyhow::Context as _;
use bytes::Bytes;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use tributary_log::block::{self, Decoded, HEADER_BYTES, MARKER};

/// Where a server notes the ends of a log that is not in the data folder.
const NOTE: &str = "log_ends.json";

/// What is known of the ends of the partitions.
pub enum Ends {
    /// They are these.
    Exact(Vec<u64>),
    /// They were these when a server last noted them.
    AtLeast(Vec<u64>),
}

/// Notes the ends of a log that is not in the data folder.
///
/// # Errors
/// If the folder cannot be written.
pub fn note(data_dir: &Path, ends: &[u64]) -> anyhow::Result<()> {
    let partial = data_dir.join(format!("{NOTE}.new"));
    fs::write(&partial, serde_json::to_vec(ends)?)?;
    fs::rename(partial, data_dir.join(NOTE)).context("note the ends of the log")
}

/// The ends of the partitions of the log of `data_dir`.
///
/// # Errors
/// If a file cannot be read.
pub fn read(data_dir: &Path) -> anyhow::Result<Ends> {
    let root = data_dir.join("log");
    if root.join("log.json").is_file() {
        return Ok(Ends::Exact(of_embedded(&root)?));
    }
    let text = fs::read(data_dir.join(NOTE)).context("read what a server noted of the log")?;
    Ok(Ends::AtLeast(serde_json::from_slice(&text).context("read what a server noted of the log")?))
}

fn of_embedded(root: &Path) -> anyhow::Result<Vec<u64>> {
    let mut ends = Vec::new();
    loop {
        let folder = root.join(ends.len().to_string());
        if !folder.is_dir() {
            return Ok(ends);
        }
        ends.push(end_of(&folder).with_context(|| format!("read the log in {}", folder.display()))?);
    }
}

/// How many records lie between what is recorded and the ends.
pub fn lag(ends: &[u64], recorded: &[u64]) -> u64 {
    let recorded = recorded.iter().copied().chain(std::iter::repeat(0));
    ends.iter().zip(recorded).map(|(end, next)| end.saturating_sub(next)).sum()
}

/// The offset after the last whole block of a partition.
fn end_of(folder: &Path) -> anyhow::Result<u64> {
    let mut segments: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let Some(first) = stem.filter(|_| path.extension().is_some_and(|extension| extension == "seg")) {
            segments.push((first, path));
        }
    }
    let Some((first, path)) = segments.into_iter().max() else { return Ok(0) };
    Ok(last_offset(&path)?.map_or(first, |last| last + 1).max(first))
}

/// The greatest offset in a segment.
fn last_offset(path: &Path) -> anyhow::Result<Option<u64>> {
    let mut segment = Segment { file: File::open(path)?, at: HEADER_BYTES as u64, bytes: Bytes::new() };
    let mut last = None;
    let mut needed = block::HEAD_BYTES;
    while segment.hold(needed)? {
        match block::decode(&segment.bytes) {
            Decoded::Block(block, length) => {
                last = last.max(Some(block.first + u64::from(block.count) - 1));
                segment.skip(length);
                needed = block::HEAD_BYTES;
            }
            Decoded::Short(more) if more > segment.bytes.len() && segment.hold(more)? => needed = more,
            // A torn tail, or damage: whole blocks may follow it.
            Decoded::Short(_) | Decoded::Damaged => {
                segment.skip(1);
                let found = segment.bytes.windows(MARKER.len()).position(|window| window == MARKER);
                segment.skip(found.unwrap_or_else(|| (segment.bytes.len() + 1).saturating_sub(MARKER.len())));
                needed = block::HEAD_BYTES;
            }
        }
    }
    Ok(last)
}

/// A file, and the bytes of it from a place on.
struct Segment {
    file: File,
    at: u64,
    bytes: Bytes,
}

impl Segment {
    /// Reads on until `needed` bytes are held; tells whether there are so many.
    fn hold(&mut self, needed: usize) -> anyhow::Result<bool> {
        const READ_BYTES: u64 = 1 << 20;
        if self.bytes.len() < needed {
            let mut bytes = Vec::new();
            self.file.seek(SeekFrom::Start(self.at))?;
            (&self.file).take(READ_BYTES.max(needed as u64)).read_to_end(&mut bytes)?;
            self.bytes = bytes.into();
        }
        Ok(self.bytes.len() >= needed)
    }

    fn skip(&mut self, length: usize) {
        let length = length.min(self.bytes.len());
        self.bytes = self.bytes.slice(length..);
        self.at += length as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tributary_log::{EmbeddedLog, EmbeddedOptions, Entry, Log as _};

    /// The ends of a log after each of some appends.
    async fn written(folder: &Path) -> Vec<Vec<u64>> {
        let options = EmbeddedOptions { partitions: 2, ..EmbeddedOptions::default() };
        let log = Arc::new(EmbeddedLog::open(&folder.join("log"), options).unwrap());
        let entry = |n: u32| Entry { key: n.to_string().into(), value: vec![b'x'; 900].into() };
        let mut ends = Vec::new();
        for append in 0..50 {
            log.append((append * 100..append * 100 + 100).map(entry).collect()).await.unwrap();
            ends.push(log.durable_ends().await.unwrap());
        }
        log.close().await.unwrap();
        ends
    }

    fn exact(folder: &Path) -> Vec<u64> {
        match read(folder).unwrap() {
            Ends::Exact(ends) => ends,
            Ends::AtLeast(ends) => panic!("at least {ends:?}"),
        }
    }

    #[test]
    fn noted_ends_are_a_least() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).is_err());
        note(folder.path(), &[3, 0]).unwrap();
        assert!(matches!(read(folder.path()).unwrap(), Ends::AtLeast(ends) if ends == [3, 0]));
    }

    fn segment(folder: &Path) -> PathBuf {
        folder.join("log/0/00000000000000000000.seg")
    }

    #[tokio::test]
    async fn ends_are_those_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).is_err());
        let ends = written(folder.path()).await.pop().unwrap();
        assert_eq!(exact(folder.path()), ends);
        assert_eq!(lag(&ends, &[ends[0] - 2]), 2 + ends[1]);
    }

    #[tokio::test]
    async fn a_torn_tail_stays_and_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let written = written(folder.path()).await;
        let [.., before, ends] = &written[..] else { panic!() };
        let path = segment(folder.path());
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        assert_eq!(exact(folder.path()), [before[0], ends[1]]);
        assert_eq!(fs::metadata(&path).unwrap().len(), whole.len() as u64 - 5);
    }

    #[tokio::test]
    async fn damage_in_the_middle_hides_nothing_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let ends = written(folder.path()).await.pop().unwrap();
        let path = segment(folder.path());
        let mut bytes = fs::read(&path).unwrap();
        for at in [HEADER_BYTES + 40, bytes.len() / 2] {
            bytes[at] ^= 1;
        }
        fs::write(&path, &bytes).unwrap();
        assert_eq!(exact(folder.path()), ends);
    }
}
