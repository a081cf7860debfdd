//! Rows of JSON Lines files. A broken line is kept with its number and bytes,
//! and reading goes on behind it.

use super::{
    BATCH_BYTES, BATCH_ROWS, BrokenRow, End, Opened, PAYLOAD_BYTES_MAX, Position, ROW_BYTES_MAX, Row, Rows, Values,
};
use crate::Result;
use std::io::{BufRead, Read as _};
use tributary_protocol::Json;

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Keys of the first line.
pub(crate) fn columns(opened: &Opened) -> Result<Vec<String>> {
    let mut line = Vec::new();
    let first = opened.buffered(0).take(ROW_BYTES_MAX as u64).read_until(b'\n', &mut line);
    first.map_err(|source| opened.wrong(source))?;
    let row = serde_json::from_slice::<Json>(text(&line));
    Ok(row.map(|row| row.into_iter().map(|(key, _)| key).collect()).unwrap_or_default())
}

/// Reads the next lines.
pub(crate) fn read(opened: &Opened, mut position: Position) -> Result<Rows> {
    let mut reader = opened.buffered(position.offset);
    let begin = position.offset;
    let mut rows: Vec<Row> = Vec::new();
    while rows.len() < BATCH_ROWS && position.offset - begin < BATCH_BYTES {
        let Line { bytes, length } = next_line(&mut reader).map_err(|source| opened.wrong(source))?;
        if length == 0 {
            position.end = End::Reached;
            break;
        }
        let whole = bytes.ends_with(b"\n") || length > bytes.len() as u64;
        if !whole && !position.settled {
            // It may still be written to: it is looked at again.
            position.end = End::Waiting;
            break;
        }
        if !text(&bytes).is_empty() {
            rows.push(row(&bytes, length, position.line + 1));
        }
        if !whole {
            // Read now, and again as a whole once the file has grown.
            position.end = End::Reached;
            break;
        }
        position.line += 1;
        position.offset += length;
    }
    Ok(Rows { rows, position })
}

/// A line: its bytes, cut if there are too many, and how many there are.
struct Line {
    bytes: Vec<u8>,
    length: u64,
}

fn next_line(reader: &mut impl BufRead) -> std::io::Result<Line> {
    let mut bytes = Vec::new();
    let most = ROW_BYTES_MAX as u64 + 1;
    let mut length = reader.by_ref().take(most).read_until(b'\n', &mut bytes)? as u64;
    if length == most && !bytes.ends_with(b"\n") {
        length += reader.skip_until(b'\n')? as u64;
    }
    Ok(Line { bytes, length })
}

fn row(bytes: &[u8], length: u64, number: u64) -> Row {
    let broken = |reason: String, payload: &[u8]| BrokenRow {
        message: format!("line {number}: {reason}"),
        payload: payload.to_vec(),
    };
    if length > ROW_BYTES_MAX as u64 {
        return Err(broken(format!("longer than {ROW_BYTES_MAX} bytes"), &bytes[..PAYLOAD_BYTES_MAX]));
    }
    let values = serde_json::from_slice(text(bytes)).map_err(|error| broken(error.to_string(), bytes))?;
    Ok(Values { place: format!("line {number}"), values })
}

fn text(line: &[u8]) -> &[u8] {
    line.strip_prefix(BOM).unwrap_or(line).trim_ascii()
}
