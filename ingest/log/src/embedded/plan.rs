//! Which entries of an append stand in which block.

use crate::{Entry, Position, partition_of};
use std::collections::BTreeMap;

/// Bytes of entries in one block, about: what is compressed and read as one.
const BLOCK_BYTES: usize = 256 << 10;

/// Which entries of an append go into which block, in the order of each partition.
pub(super) struct Plan {
    /// Partition and places in the append of each block's entries.
    pub(super) blocks: Vec<(u32, Vec<usize>)>,
    count: usize,
}

impl Plan {
    /// Lays `entries` out, blocks of about 256 KB.
    pub(super) fn new(entries: &[Entry], partitions: u32) -> Self {
        let mut blocks: Vec<(u32, Vec<usize>)> = Vec::new();
        // The open block of each partition, and its bytes.
        let mut open: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            let partition = partition_of(&entry.key, partitions);
            let held = open.get(&partition).filter(|(_, bytes)| bytes + entry.bytes() <= BLOCK_BYTES);
            let (block, bytes) = held.copied().unwrap_or_else(|| {
                blocks.push((partition, Vec::new()));
                (blocks.len() - 1, 0)
            });
            blocks[block].1.push(at);
            open.insert(partition, (block, bytes + entry.bytes()));
        }
        Self { blocks, count: entries.len() }
    }

    /// The position of each entry, given the first offset of each block.
    pub(super) fn positions(&self, firsts: &[u64]) -> Vec<Position> {
        let mut positions = vec![Position { partition: 0, offset: 0 }; self.count];
        for ((partition, members), &first) in self.blocks.iter().zip(firsts) {
            for (offset, &at) in (first..).zip(members) {
                positions[at] = Position { partition: *partition, offset };
            }
        }
        positions
    }
}
