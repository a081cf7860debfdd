//! Format of the segment files, version 2. Numbers are little endian.
//!
//! A partition's folder holds segments named by the first offset they may
//! hold, 20 digits and `.seg`. A segment is a header and blocks:
//!
//! ```text
//! header   "TRIBLOG2" (8)  partition u32  first offset u64  crc32c of the 20 bytes before u32
//! block    marker 0x1F7A9C35 u32  crc32c of the rest of the head u32
//!          | length u32  raw length u32  crc32c of the payload u32  count u32  first offset u64  time u64 |  payload
//! payload  `count` times: key length u32  value length u32  key  value
//! ```
//!
//! The payload takes `length` bytes. Where that is less than `raw length` it
//! is one LZ4 block of so many bytes. The entries of a block have the offsets
//! from `first offset` on, without gaps; between blocks offsets grow, with
//! gaps. `time` is the append time in milliseconds since 1970. Zeros behind
//! the last block are room for the next ones.

use crate::{Entry, Frame};
use bytes::{Buf as _, BufMut as _, Bytes};

/// First bytes of a segment: name and version of the format.
pub const MAGIC: &[u8; 8] = b"TRIBLOG2";
/// Bytes of a segment's header.
pub const HEADER_BYTES: usize = 24;
/// Bytes of a block before its payload.
pub const HEAD_BYTES: usize = 40;
/// First bytes of a block; found again after damage.
pub const MARKER: [u8; 4] = 0x1F7A_9C35_u32.to_le_bytes();
/// Bytes of a block's head before those that its checksum covers.
const CHECKED_FROM: usize = 8;
/// Bytes of an entry's two lengths.
const LENGTHS_BYTES: usize = 8;
/// Longest believable payload.
const PAYLOAD_BYTES_MAX: usize = 256 << 20;
/// Most bytes of key and value: longer ones could not be told from damage.
pub const ENTRY_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - LENGTHS_BYTES;
/// Shorter payloads are not compressed: one event gains little by it.
const COMPRESSED_FROM: usize = 4 << 10;

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
    /// No whole header; the blocks after it may be whole.
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

/// Entries in the form in which they are stored, without their place in the
/// log: made by whoever appends, so that the writer has only to write.
pub struct Payload {
    bytes: Vec<u8>,
    raw_length: u32,
    crc: u32,
    count: u32,
}

impl Payload {
    /// Lays out `entries`, each of at most [`ENTRY_BYTES_MAX`] bytes and at
    /// most a few MB in all but for the last.
    ///
    /// # Panics
    /// If they are longer than 4 GiB.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let short = |length: usize| u32::try_from(length).expect("entries are limited far below 4 GiB");
        let (mut raw, mut count) = (Vec::new(), 0);
        for entry in entries {
            raw.reserve(LENGTHS_BYTES + entry.bytes());
            raw.put_u32_le(short(entry.key.len()));
            raw.put_u32_le(short(entry.value.len()));
            raw.extend_from_slice(&entry.key);
            raw.extend_from_slice(&entry.value);
            count += 1;
        }
        let raw_length = short(raw.len());
        let bytes = compressed(&raw).unwrap_or(raw);
        Self { raw_length, crc: crc32c::crc32c(&bytes), bytes, count }
    }

    /// Number of entries.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::from(self.count)
    }

    /// Appends the block of these entries from offset `first` on to `buffer`.
    pub fn write(&self, buffer: &mut Vec<u8>, first: u64, time_ms: u64) {
        buffer.reserve(HEAD_BYTES + self.bytes.len());
        buffer.extend_from_slice(&MARKER);
        let crc_at = buffer.len();
        buffer.put_u32_le(0);
        // Shorter than `raw_length`, which is a u32.
        buffer.put_u32_le(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        buffer.put_u32_le(self.raw_length);
        buffer.put_u32_le(self.crc);
        buffer.put_u32_le(self.count);
        buffer.put_u64_le(first);
        buffer.put_u64_le(time_ms);
        let crc = crc32c::crc32c(&buffer[crc_at + 4..]);
        buffer[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
        buffer.extend_from_slice(&self.bytes);
    }
}

/// The LZ4 block of `raw`, where it is worth while.
fn compressed(raw: &[u8]) -> Option<Vec<u8>> {
    let block = (raw.len() >= COMPRESSED_FROM).then(|| lz4_flex::block::compress(raw))?;
    (block.len() < raw.len()).then_some(block)
}

/// A block as it stands in a segment.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// Offset of its first entry.
    pub first: u64,
    /// Number of entries.
    pub count: u32,
    raw_length: usize,
    payload: Bytes,
}

/// What stands at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    /// A block whose checksums are right, and its bytes in the file.
    Block(Block, usize),
    /// Fewer bytes than a block needs: read more, or the tail is torn.
    Short(usize),
    /// No block of ours.
    Damaged,
}

/// Reads the block that `bytes` begin with.
#[must_use]
pub fn decode(bytes: &Bytes) -> Decoded {
    if bytes.len() < HEAD_BYTES {
        return Decoded::Short(HEAD_BYTES);
    }
    let mut head = &bytes[4..HEAD_BYTES];
    if bytes[..4] != MARKER || head.get_u32_le() != crc32c::crc32c(&bytes[CHECKED_FROM..HEAD_BYTES]) {
        return Decoded::Damaged;
    }
    let (length, raw_length) = (head.get_u32_le() as usize, head.get_u32_le() as usize);
    let (crc, count, first) = (head.get_u32_le(), head.get_u32_le(), head.get_u64_le());
    if count == 0 || length > raw_length || raw_length > PAYLOAD_BYTES_MAX {
        return Decoded::Damaged;
    }
    let end = HEAD_BYTES + length;
    if bytes.len() < end {
        return Decoded::Short(end);
    }
    let payload = bytes.slice(HEAD_BYTES..end);
    if crc32c::crc32c(&payload) != crc {
        return Decoded::Damaged;
    }
    Decoded::Block(Block { first, count, raw_length, payload }, end)
}

impl Block {
    /// Its entries, or nothing if what its checksums vouch for is none of ours.
    #[must_use]
    pub fn frames(&self) -> Option<Vec<Frame>> {
        let mut raw = if self.payload.len() == self.raw_length {
            self.payload.clone()
        } else {
            Bytes::from(lz4_flex::block::decompress(&self.payload, self.raw_length).ok()?)
        };
        let frames: Option<Vec<Frame>> =
            (self.first..).take(self.count as usize).map(|at| frame(&mut raw, at)).collect();
        frames.filter(|_| raw.is_empty())
    }
}

/// Takes an entry from the front of `raw`.
fn frame(raw: &mut Bytes, offset: u64) -> Option<Frame> {
    if raw.len() < LENGTHS_BYTES {
        return None;
    }
    let (key, value) = (raw.get_u32_le() as usize, raw.get_u32_le() as usize);
    if raw.len() < key.saturating_add(value) {
        return None;
    }
    Some(Frame { offset, key: raw.split_to(key), value: raw.split_to(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(count: usize, bytes: usize) -> Vec<Entry> {
        let value = |n: usize| Bytes::from(format!("{n} ").repeat(bytes).into_bytes()).slice(..bytes);
        (0..count).map(|n| Entry { key: Bytes::from(format!("key {n}")), value: value(n) }).collect()
    }

    #[test]
    fn entries_come_back_compressed_or_not() {
        for (count, bytes, is_smaller) in [(1, 0, false), (1, 1000, false), (1, 9000, true), (100, 1000, true)] {
            let entries = entries(count, bytes);
            let mut buffer = Vec::new();
            Payload::new(&entries).write(&mut buffer, 7, 1);
            assert_eq!(buffer.len() < count * bytes, is_smaller, "{count} x {bytes}: {}", buffer.len());
            buffer.push(0);
            let Decoded::Block(block, length) = decode(&buffer.clone().into()) else { panic!("{count} x {bytes}") };
            assert_eq!((block.first, block.count as usize, length), (7, count, buffer.len() - 1));
            let found = block.frames().unwrap();
            assert!(
                found.iter().map(|frame| (&frame.key, &frame.value)).eq(entries.iter().map(|e| (&e.key, &e.value)))
            );
            assert!(found.iter().map(|frame| frame.offset).eq(7..7 + count as u64));
        }
    }

    #[test]
    fn what_does_not_shrink_is_kept_as_it_is() {
        let mut state = 1_u64;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        let entry = Entry { key: Bytes::new(), value: (0..50_000).map(|_| byte()).collect() };
        let mut buffer = Vec::new();
        Payload::new([&entry]).write(&mut buffer, 0, 0);
        assert_eq!(buffer.len(), HEAD_BYTES + LENGTHS_BYTES + 50_000);
        let Decoded::Block(block, _) = decode(&buffer.into()) else { panic!() };
        assert_eq!(block.frames().unwrap()[0].value, entry.value);
    }

    #[test]
    fn a_payload_that_only_its_checksum_vouches_for_is_refused() {
        for (raw_length, payload) in [(12, vec![9; 12]), (4000, vec![1, 2, 3]), (7, vec![0; 7]), (16, vec![0; 16])] {
            let mut buffer = Vec::new();
            let crc = crc32c::crc32c(&payload);
            Payload { bytes: payload, raw_length, crc, count: 1 }.write(&mut buffer, 0, 0);
            let Decoded::Block(block, _) = decode(&buffer.into()) else { panic!("{raw_length}") };
            assert_eq!(block.frames(), None, "{raw_length}");
        }
    }
}
