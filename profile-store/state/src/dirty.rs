//! Which rows of the tables changed since these were last written.
//!
//! The changed rows of a batch are stored as one list a table, at the batch's
//! sequence number. What is asked for is in memory: the last change of each
//! row, and how many rows of each list still wait. A list goes when none does,
//! because they were written or are in a later list; until then a restart
//! takes all of its rows for changed, which costs their writing and no more.

use crate::keys::{id_at, key};
use crate::packed::{pack, unpack};
use crate::store::Write;
use crate::values::Hashes;
use crate::{Result, Store, Table};
use std::collections::BTreeMap;

/// See the module.
#[derive(Default)]
pub(crate) struct Dirty(BTreeMap<Table, OfTable>);

#[derive(Default)]
struct OfTable {
    /// Sequence of the last change, by row.
    rows: BTreeMap<u128, u64>,
    /// Rows that wait, by list; none is empty.
    lists: BTreeMap<u64, usize>,
}

impl OfTable {
    /// Notes that a row of a list need not be written for it any more.
    fn strike(&mut self, sequence: u64, gone: &mut Vec<u64>) {
        if let Some(waiting) = self.lists.get_mut(&sequence) {
            *waiting -= 1;
            if *waiting == 0 {
                self.lists.remove(&sequence);
                gone.push(sequence);
            }
        }
    }

    /// Takes in a list; returns the older ones that go.
    fn add(&mut self, sequence: u64, rows: &[u128]) -> Vec<u64> {
        let mut gone = Vec::new();
        self.lists.insert(sequence, rows.len());
        for &row in rows {
            if let Some(earlier) = self.rows.insert(row, sequence) {
                self.strike(earlier, &mut gone);
            }
        }
        gone
    }
}

fn place(table: Table, sequence: u64) -> Vec<u8> {
    key(b'Y', &[&[table.tag()], &sequence.to_be_bytes()])
}

impl Dirty {
    /// Reads what is stored.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(crate) fn load(store: &dyn Store) -> Result<Self> {
        let mut dirty = Self::default();
        for table in Table::ALL {
            let of_table = dirty.0.entry(table).or_default();
            store.for_each(&key(b'Y', &[&[table.tag()]]), &mut |key, value| {
                let Hashes(rows) = unpack(key, value)?;
                // Never is all of a stored list in later ones: it went with the last of them.
                of_table.add(id_at(key, 2), &rows);
                Ok(())
            })?;
        }
        Ok(dirty)
    }

    /// Takes in the rows that a batch changed; returns what is to be written
    /// with the batch.
    pub(crate) fn add(&mut self, table: Table, sequence: u64, rows: Vec<u128>) -> Vec<Write> {
        let gone = self.0.entry(table).or_default().add(sequence, &rows);
        let list = (place(table, sequence), Some(pack(&Hashes(rows))));
        gone.into_iter().map(|sequence| (place(table, sequence), None)).chain([list]).collect()
    }

    /// The rows that wait, each with the sequence of its last change.
    pub(crate) fn rows(&self, table: Table) -> Vec<(u128, u64)> {
        let rows = self.0.get(&table).into_iter().flat_map(|of_table| &of_table.rows);
        rows.map(|(&row, &sequence)| (row, sequence)).collect()
    }

    /// Takes rows off that did not change since; returns what is to be written.
    pub(crate) fn clear(&mut self, table: Table, rows: &[(u128, u64)]) -> Vec<Write> {
        let of_table = self.0.entry(table).or_default();
        let mut gone = Vec::new();
        for (row, sequence) in rows {
            if of_table.rows.get(row) == Some(sequence) {
                of_table.rows.remove(row);
                of_table.strike(*sequence, &mut gone);
            }
        }
        gone.into_iter().map(|sequence| (place(table, sequence), None)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use std::collections::BTreeSet;

    const TABLE: Table = Table::Profiles;

    fn stored(store: &MemoryStore) -> usize {
        store.scan(b"Y").unwrap().len()
    }

    #[test]
    fn a_list_goes_when_none_of_its_rows_waits() {
        let (store, mut dirty) = (MemoryStore::default(), Dirty::default());
        store.apply(dirty.add(TABLE, 1, vec![10, 11])).unwrap();
        store.apply(dirty.add(TABLE, 2, vec![11, 12])).unwrap();
        assert_eq!(dirty.rows(TABLE), [(10, 1), (11, 2), (12, 2)]);
        // A row that changed since stays.
        store.apply(dirty.clear(TABLE, &[(11, 1), (12, 2)])).unwrap();
        assert_eq!((dirty.rows(TABLE), stored(&store)), (vec![(10, 1), (11, 2)], 2));
        store.apply(dirty.add(TABLE, 3, vec![10])).unwrap();
        assert_eq!(stored(&store), 2, "the first list is in the others");
        store.apply(dirty.clear(TABLE, &[(10, 3), (11, 2)])).unwrap();
        assert_eq!((dirty.rows(TABLE), stored(&store)), (vec![], 0));
    }

    #[test]
    fn what_waits_is_found_again_after_a_restart() {
        let (store, mut dirty) = (MemoryStore::default(), Dirty::default());
        let mut sequence = 0;
        for step in 0..200_u64 {
            if step % 3 == 2 {
                let waiting = dirty.rows(TABLE);
                let some: Vec<(u128, u64)> =
                    waiting.into_iter().filter(|(row, _)| row % 4 != u128::from(step % 4)).collect();
                store.apply(dirty.clear(TABLE, &some)).unwrap();
            } else {
                sequence += 1;
                let rows: BTreeSet<u128> = (0..5).map(|n| u128::from((step * 7 + n * n * step) % 23)).collect();
                store.apply(dirty.add(TABLE, sequence, rows.into_iter().collect())).unwrap();
            }
            let again = Dirty::load(&store).unwrap();
            let found: BTreeSet<(u128, u64)> = again.rows(TABLE).into_iter().collect();
            assert!(dirty.rows(TABLE).iter().all(|row| found.contains(row)), "step {step}");
        }
        let mut again = Dirty::load(&store).unwrap();
        let waiting = again.rows(TABLE);
        store.apply(again.clear(TABLE, &waiting)).unwrap();
        assert_eq!(stored(&store), 0);
    }
}
