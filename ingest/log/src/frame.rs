//! Format of the segment files, version 1. Numbers are little endian.
//!
//! A partition's folder holds segments named by the first offset they may
//! hold, 20 digits and `.seg`. A segment is a header and frames:
//!
//! ```text
//! header  "TRIBLOG1" (8)  partition u32  first offset u64  crc32c of the 20 bytes before u32
//! frame   marker 0x1F7A9C35 u32  length u32  crc32c u32  | offset u64  time u64  key length u32  key  value
//! ```
//!
//! `length` counts the bytes after the crc, which the crc covers. `time` is
//! the append time in milliseconds since 1970. Offsets grow, with gaps.

use crate::Frame;
use bytes::Bytes;

/// First bytes of a segment: name and version of the format.
pub const MAGIC: &[u8; 8] = b"TRIBLOG1";
/// Bytes of a segment's header.
pub const HEADER_BYTES: usize = 24;
/// Bytes of a frame before its body.
pub const PREFIX_BYTES: usize = 12;
/// Bytes of a frame's body before its key.
const FIXED_BYTES: usize = 20;
/// First bytes of a frame; found again after damage.
pub const MARKER: [u8; 4] = 0x1F7A_9C35_u32.to_le_bytes();
/// Longest believable body.
const BODY_BYTES_MAX: usize = 256 << 20;
/// Most bytes of key and value: longer ones could not be told from damage.
pub const ENTRY_BYTES_MAX: usize = BODY_BYTES_MAX - FIXED_BYTES;

/// Returns a segment's header.
#[must_use]
pub fn header(partition: u32, first_offset: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&partition.to_le_bytes());
    bytes[12..20].copy_from_slice(&first_offset.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..20]);
    bytes[20..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// What a segment begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The header of a segment of the partition.
    Ours,
    /// A whole header of something else: another partition or another version of the format.
    Foreign,
    /// No whole header; the frames after it may be whole.
    Damaged,
}

/// Says what header `bytes`, the beginning of a segment of `partition`, hold.
#[must_use]
pub fn check_header(bytes: &[u8], partition: u32) -> Header {
    let (name, version) = MAGIC.split_at(MAGIC.len() - 1);
    let is_whole = bytes.len() >= HEADER_BYTES && crc32c::crc32c(&bytes[..20]).to_le_bytes() == bytes[20..24];
    if is_whole && bytes.starts_with(MAGIC) && bytes[8..12] == partition.to_le_bytes() {
        return Header::Ours;
    }
    let is_other_version =
        bytes.starts_with(name) && bytes.get(name.len()).is_some_and(|at| at.is_ascii_digit() && *at != version[0]);
    if is_whole || is_other_version { Header::Foreign } else { Header::Damaged }
}

/// Appends a frame to `buffer`.
///
/// # Panics
/// If key or value are longer than 4 GiB: the caller limits them to [`ENTRY_BYTES_MAX`].
pub fn encode(buffer: &mut Vec<u8>, offset: u64, time_ms: u64, key: &[u8], value: &[u8]) {
    let length = u32::try_from(FIXED_BYTES + key.len() + value.len()).expect("entries are limited far below 4 GiB");
    let key_length = u32::try_from(key.len()).expect("shorter than the frame");
    buffer.extend_from_slice(&MARKER);
    buffer.extend_from_slice(&length.to_le_bytes());
    let crc_at = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&offset.to_le_bytes());
    buffer.extend_from_slice(&time_ms.to_le_bytes());
    buffer.extend_from_slice(&key_length.to_le_bytes());
    buffer.extend_from_slice(key);
    buffer.extend_from_slice(value);
    let crc = crc32c::crc32c(&buffer[crc_at + 4..]);
    buffer[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
}

/// What stands at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    /// A frame, and its bytes in the file.
    Frame(Frame, usize),
    /// Fewer bytes than a frame needs: read more, or the tail is torn.
    Short(usize),
    /// No frame of ours.
    Damaged,
}

/// Reads the frame that `bytes` begin with.
#[must_use]
pub fn decode(bytes: &Bytes) -> Decoded {
    if bytes.len() < PREFIX_BYTES {
        return Decoded::Short(PREFIX_BYTES);
    }
    let length = u32_at(bytes, 4) as usize;
    if bytes[..4] != MARKER || !(FIXED_BYTES..=BODY_BYTES_MAX).contains(&length) {
        return Decoded::Damaged;
    }
    let end = PREFIX_BYTES + length;
    if bytes.len() < end {
        return Decoded::Short(end);
    }
    let key_end = PREFIX_BYTES + FIXED_BYTES + u32_at(bytes, PREFIX_BYTES + 16) as usize;
    if crc32c::crc32c(&bytes[PREFIX_BYTES..end]) != u32_at(bytes, 8) || key_end > end {
        return Decoded::Damaged;
    }
    let offset = u64::from(u32_at(bytes, PREFIX_BYTES)) | u64::from(u32_at(bytes, PREFIX_BYTES + 4)) << 32;
    let frame =
        Frame { offset, key: bytes.slice(PREFIX_BYTES + FIXED_BYTES..key_end), value: bytes.slice(key_end..end) };
    Decoded::Frame(frame, end)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
