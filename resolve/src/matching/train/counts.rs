//! For how many records rows count where some stand for others.

use super::super::copies::counted;
use super::Candidates;

/// For how many records each row counts; for one where nothing is known.
#[derive(Default)]
pub(super) struct Counts {
    rows: Vec<u8>,
    pub(super) records: usize,
}

impl Counts {
    pub(super) fn of(candidates: &Candidates<'_>, rows: usize) -> Self {
        if candidates.twins.is_empty() {
            return Self { rows: Vec::new(), records: rows };
        }
        let mut counts = vec![1; rows];
        for (row, twin) in candidates.twins {
            counts[*row as usize] = counted(1 + twin.copies);
        }
        Self { records: counts.iter().map(|&count| usize::from(count)).sum(), rows: counts }
    }

    fn row(&self, row: u32) -> u32 {
        self.rows.get(row as usize).map_or(1, |&count| u32::from(count))
    }

    /// Pairs of records that a pair of rows counts for.
    pub(super) fn pair(&self, one: u32, other: u32) -> u32 {
        self.row(one) * self.row(other)
    }

    /// Pairs of records that say the same.
    pub(super) fn twins(&self, row: u32) -> u32 {
        self.row(row) * (self.row(row) - 1) / 2
    }

    /// Pairs of records that all candidates count for.
    pub(super) fn pairs(&self, candidates: &Candidates<'_>) -> usize {
        if self.rows.is_empty() {
            return candidates.pairs.len();
        }
        let pairs: usize = candidates.pairs.iter().map(|&(one, other)| self.pair(one, other) as usize).sum();
        pairs + candidates.twins.iter().map(|&(row, _)| self.twins(row) as usize).sum::<usize>()
    }
}
