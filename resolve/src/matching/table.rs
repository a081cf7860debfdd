//! What a run reads: columns of text, dictionary encoded.

pub(crate) mod near;
pub(crate) mod texts;

use super::hash::quick;
use super::{Error, Result};
use texts::{Places, Texts};

/// The code of a cell without a value.
pub const MISSING: u32 = u32::MAX;

/// Most records of one run.
pub(crate) const ROWS_MAX: usize = 1 << super::block::ROW_BITS;

/// A column of texts: each distinct text once, and one code a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Its name as the file has it.
    pub name: String,
    /// The distinct texts.
    pub values: Texts,
    /// A row's place in `values`, or [`MISSING`].
    pub codes: Vec<u32>,
}

/// Records to match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// [`super::record_hash`] of each record's key, all different.
    pub records: Vec<u64>,
    /// What is known of them; the key is no column.
    pub columns: Vec<Column>,
}

/// Builds a [`Column`] a cell at a time.
#[derive(Debug, Default)]
pub struct ColumnBuilder {
    column: Column,
    places: Places,
    /// Cells not coded yet, one after another, with their ends and hashes.
    cells: String,
    waiting: Vec<(usize, u64)>,
}

/// Cells that are coded together, so that what is known of all is read at once.
const CODED: usize = 32;

impl ColumnBuilder {
    /// Starts an empty column.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { column: Column { name: name.into(), ..Column::default() }, ..Self::default() }
    }

    /// Adds the next row's text; blank is missing.
    pub fn push(&mut self, cell: &str) {
        let cell = cell.trim();
        self.cells.push_str(cell);
        self.waiting.push((self.cells.len(), if cell.is_empty() { 0 } else { quick(cell) }));
        if self.waiting.len() == CODED {
            self.code();
        }
    }

    fn code(&mut self) {
        let likely = self.places.likely(self.waiting.iter().map(|&(_, hash)| hash));
        self.column.values.fetch(likely);
        let mut start = 0;
        for (end, hash) in self.waiting.drain(..) {
            let cell = &self.cells[start..end];
            start = end;
            if cell.is_empty() {
                self.column.codes.push(MISSING);
                continue;
            }
            let values = &mut self.column.values;
            let next = u32::try_from(values.len()).unwrap_or(MISSING);
            let code = self.places.find_or_put(hash, next, |code| values.get(code as usize) == Some(cell));
            if code == next {
                values.push(cell);
            }
            self.column.codes.push(code);
        }
        self.cells.clear();
    }

    /// Returns the column.
    #[must_use]
    pub fn finish(mut self) -> Column {
        self.code();
        self.column
    }
}

impl Column {
    /// Makes a column of one text a row; blank is missing.
    #[must_use]
    pub fn from_texts<'a>(name: &str, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut builder = ColumnBuilder::new(name);
        texts.into_iter().for_each(|cell| builder.push(cell));
        builder.finish()
    }

    /// Returns a row's text.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        self.codes.get(row).and_then(|&code| self.values.get(code as usize))
    }

    /// Share of rows with a value, in 0..=1.
    #[must_use]
    pub fn filled(&self) -> f64 {
        let filled = self.codes.iter().filter(|&&code| code != MISSING).count();
        filled as f64 / self.codes.len().max(1) as f64
    }

    /// Takes the rows in `order` and numbers the texts by their first row.
    fn reorder(&mut self, order: &[u32]) {
        let mut renumbered = vec![MISSING; self.values.len()];
        let mut values = Texts::as_large_as(&self.values);
        let mut codes = Vec::with_capacity(order.len());
        for rows in order.chunks(CODED) {
            let old = rows.iter().map(|&row| self.codes[row as usize]);
            self.values.fetch(old.clone());
            for code in old {
                let Some(new) = renumbered.get_mut(code as usize) else {
                    codes.push(MISSING);
                    continue;
                };
                if *new == MISSING {
                    *new = u32::try_from(values.len()).unwrap_or(MISSING);
                    values.push(self.values.get(code as usize).unwrap_or_default());
                }
                codes.push(*new);
            }
        }
        (self.values, self.codes) = (values, codes);
    }
}

impl Table {
    /// Puts rows in the order of their hashes and columns in that of their
    /// names, and returns the row each came from.
    ///
    /// # Errors
    /// [`Error::ColumnLength`], [`Error::RepeatedKey`], [`Error::TooManyRecords`].
    pub(crate) fn canonical(&mut self) -> Result<Vec<u32>> {
        let rows = self.records.len();
        let limit = ROWS_MAX;
        if rows > limit {
            return Err(Error::TooManyRecords { records: rows, limit });
        }
        for column in &self.columns {
            if column.codes.len() != rows {
                let (found, expected) = (column.codes.len(), rows);
                return Err(Error::ColumnLength { column: column.name.clone(), found, expected });
            }
        }
        let mut sorted: Vec<(u64, u32)> = self.records.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        if let Some(two) = sorted.windows(2).find(|two| two[0].0 == two[1].0) {
            return Err(Error::RepeatedKey { first: two[0].1 as usize, second: two[1].1 as usize });
        }
        let (records, order): (Vec<u64>, Vec<u32>) = sorted.into_iter().unzip();
        self.records = records;
        self.columns.iter_mut().for_each(|column| column.reorder(&order));
        self.columns.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_coded_and_blank_is_missing() {
        let column = Column::from_texts("c", ["b", "", "a", " b "]);
        assert_eq!(column.codes, [0, MISSING, 1, 0]);
        assert_eq!(column.get(3), Some("b"));
        assert_eq!(column.get(1), None);
        assert!((column.filled() - 0.75).abs() < 1e-9);
    }

    #[test]
    fn order_of_rows_and_columns_does_not_matter() {
        let texts = ["x", "y", "", "x", "z"];
        let table = |rows: [usize; 5]| {
            let column = Column::from_texts("c", rows.map(|row| texts[row]));
            let other = Column::from_texts("a", rows.map(|row| texts[4 - row]));
            let records = rows.map(|row| super::super::record_hash(&row.to_string())).to_vec();
            let mut table = Table { records, columns: vec![column, other] };
            table.canonical().unwrap();
            table
        };
        assert_eq!(table([0, 1, 2, 3, 4]), table([4, 2, 0, 1, 3]));
    }

    #[test]
    fn repeated_keys_and_short_columns_are_refused() {
        let mut table = Table { records: vec![1, 2, 1], columns: Vec::new() };
        assert!(matches!(table.canonical(), Err(Error::RepeatedKey { first: 0, second: 2 })));
        let mut table = Table { records: vec![1], columns: vec![Column::default()] };
        assert!(matches!(table.canonical(), Err(Error::ColumnLength { found: 0, expected: 1, .. })));
    }
}
