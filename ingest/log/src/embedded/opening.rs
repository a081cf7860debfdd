//! Opening a folder: who the log is, and where each partition ends.

use super::block::HEADER_BYTES;
use super::segment;
use super::shared::{Partition, Segment, Shared};
use super::writer::{Tail, create_segment, sync_folder};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use uuid::Uuid;

/// Version of `log.json` and of the segments.
const FORMAT: u32 = 2;
/// What `log.json` says.
#[derive(Serialize, Deserialize)]
pub(super) struct Identity {
    format: u32,
    pub(super) id: Uuid,
    pub(super) partitions: u32,
}

/// Reads or makes `log.json`.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be used, [`Error::Corrupt`] if the file is none of ours.
pub(super) fn identity(root: &Path, partitions: u32) -> Result<Identity> {
    let path = root.join("log.json");
    let io = |action| move |source| Error::Io { action, path: root.join("log.json"), source };
    if path.exists() {
        let corrupt = |reason: String| Error::Corrupt { path: path.clone(), reason };
        let identity: Identity = serde_json::from_slice(&fs::read(&path).map_err(io("read"))?)
            .map_err(|error| corrupt(error.to_string()))?;
        if identity.format != FORMAT {
            return Err(corrupt(format!("format {} is not supported: upgrade the program", identity.format)));
        }
        return Ok(identity);
    }
    fs::create_dir_all(root).map_err(io("create"))?;
    let identity = Identity { format: FORMAT, id: Uuid::new_v4(), partitions: partitions.max(1) };
    for partition in 0..identity.partitions {
        fs::create_dir_all(root.join(partition.to_string())).map_err(io("create"))?;
    }
    let partial = root.join("log.json.new");
    let text = serde_json::to_vec_pretty(&identity).unwrap_or_default();
    let mut file = File::create(&partial).map_err(io("create"))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(io("write"))?;
    fs::rename(&partial, &path).map_err(io("rename"))?;
    sync_folder(root)?;
    Ok(identity)
}

/// Opens the partitions of a log: what writer and readers share, and the end of each to write at.
///
/// # Errors
/// [`Error::Io`] if a file cannot be read or cut, [`Error::Corrupt`] if it is none of ours.
pub(super) fn open_partitions(root: &Path, partitions: u32) -> Result<(Shared, Vec<Tail>)> {
    let shared = Shared::new();
    let mut tails = Vec::new();
    for partition in 0..partitions {
        let (tail, opened) = open_partition(root, partition, &shared)?;
        tails.push(tail);
        shared.add_partition(opened);
    }
    Ok((shared, tails))
}

/// Opens a partition's last segment, cuts its torn tail, and lists the others.
fn open_partition(root: &Path, partition: u32, shared: &Shared) -> Result<(Tail, Partition)> {
    let folder = root.join(partition.to_string());
    let io = |source| Error::Io { action: "read", path: folder.clone(), source };
    let mut opened = Partition::default();
    for entry in fs::read_dir(&folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(first) = name.strip_suffix(".seg").and_then(|stem| stem.parse::<u64>().ok()) {
            let bytes = entry.metadata().map_err(io)?.len();
            opened.segments.insert(first, Segment { bytes, index: Vec::new() });
        }
    }
    // A kill while a segment was made leaves it shorter than its header.
    while let Some((&first, segment)) = opened.segments.last_key_value() {
        if segment.bytes >= HEADER_BYTES as u64 {
            break;
        }
        fs::remove_file(segment::path(&folder, first)).map_err(io)?;
        opened.segments.remove(&first);
    }
    let Some((&first, segment)) = opened.segments.last_key_value() else {
        opened.segments.insert(0, Segment { bytes: HEADER_BYTES as u64, index: Vec::new() });
        return Ok((create_segment(&folder, partition, 0)?, opened));
    };
    let path = segment::path(&folder, first);
    let scan = segment::scan(&path, partition, 0, segment.bytes, |_| true)?;
    shared.report(&scan, &path);
    let file = OpenOptions::new().read(true).write(true).open(&path).map_err(io)?;
    if segment.bytes > scan.end {
        let torn = bytes_written(&file, scan.end).map_err(io)?;
        if torn > 0 {
            tracing::warn!(path = %path.display(), bytes = torn, "cut the torn tail of the log");
        }
        file.set_len(scan.end).and_then(|()| file.sync_all()).map_err(io)?;
    }
    let next = scan.next.unwrap_or(first).max(first);
    opened.end = next;
    opened.segments.insert(first, Segment { bytes: scan.end, index: scan.index });
    Ok((Tail { folder, file, path, first, bytes: scan.end, length: scan.end, next }, opened))
}

/// Bytes from `end` on that are more than room for blocks to come.
fn bytes_written(mut file: &File, end: u64) -> std::io::Result<usize> {
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(end))?;
    file.read_to_end(&mut rest)?;
    Ok(rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1))
}
