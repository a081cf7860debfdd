//! One file read into keys and columns.

use super::{Keys, Sink, read};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use tributary_resolve::matching::{Column, ColumnBuilder};

/// Which columns of a file are read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Columns<'a> {
    /// These, all of which must be there.
    Only(&'a [&'a str]),
    /// All others than these.
    AllBut(&'a [String]),
}

/// What is read of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selection<'a> {
    /// The column that names records.
    pub(crate) key: &'a str,
    /// What else is read.
    pub(crate) columns: Columns<'a>,
}

/// What one file holds.
#[derive(Debug)]
pub(crate) struct FileTable {
    pub(crate) path: PathBuf,
    pub(crate) keys: Keys,
    pub(crate) columns: Vec<Column>,
    /// All columns of the file, read or not.
    pub(crate) names: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl FileTable {
    /// Reads a file.
    pub(crate) fn read(path: &Path, selection: Selection<'_>) -> Result<Self> {
        let mut reading = Reading {
            path,
            selection,
            key: 0,
            columns: Vec::new(),
            names: Vec::new(),
            keys: Keys::default(),
            notes: Vec::new(),
        };
        read(path, &mut reading)?;
        let Reading { keys, columns, names, notes, .. } = reading;
        let columns = columns.into_iter().flatten().map(ColumnBuilder::finish).collect();
        Ok(Self { path: path.to_owned(), keys, columns, names, notes })
    }

    /// Says that a column is not there.
    pub(crate) fn no_column(&self, column: &str) -> Error {
        let known = self.columns.iter().map(|column| column.name.clone()).collect();
        Error::NoColumn { path: self.path.clone(), column: column.to_owned(), known }
    }

    /// Takes a column out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Column> {
        let place = self.columns.iter().position(|column| column.name == name)?;
        Some(self.columns.remove(place))
    }
}

struct Reading<'a> {
    path: &'a Path,
    selection: Selection<'a>,
    key: usize,
    columns: Vec<Option<ColumnBuilder>>,
    names: Vec<String>,
    keys: Keys,
    notes: Vec<String>,
}

impl Reading<'_> {
    fn is_read(&self, name: &str) -> bool {
        match self.selection.columns {
            Columns::Only(wanted) => wanted.contains(&name),
            Columns::AllBut(hidden) => !hidden.iter().any(|hidden| hidden == name),
        }
    }
}

/// A whole number that was written as one with a fraction, as spreadsheets and
/// data frames do with numbers of columns that have gaps, without it.
fn whole(text: &str) -> &str {
    match text.split_once('.') {
        Some((number, fraction))
            if is_made_of(number, |byte| byte.is_ascii_digit()) && is_made_of(fraction, |byte| byte == b'0') =>
        {
            number
        }
        _ => text,
    }
}

fn is_made_of(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

impl Sink for Reading<'_> {
    fn header(&mut self, names: &[String]) -> Result<Vec<bool>> {
        let place = |wanted: &str| {
            let missing =
                || Error::NoColumn { path: self.path.to_owned(), column: wanted.to_owned(), known: names.to_vec() };
            names.iter().position(|name| name == wanted).ok_or_else(missing)
        };
        self.key = place(self.selection.key)?;
        if let Columns::Only(wanted) = self.selection.columns {
            wanted.iter().try_for_each(|wanted| place(wanted).map(drop))?;
        }
        let column = |(place, name): (usize, &String)| {
            (place != self.key && self.is_read(name)).then(|| ColumnBuilder::new(name.clone()))
        };
        self.columns = names.iter().enumerate().map(column).collect();
        self.names = names.to_vec();
        Ok((0..names.len()).map(|place| place == self.key || self.columns[place].is_some()).collect())
    }

    fn cell(&mut self, column: usize, row: usize, text: &str) -> Result<()> {
        if column != self.key {
            if let Some(column) = &mut self.columns[column] {
                column.push(whole(text));
            }
            return Ok(());
        }
        if text.is_empty() {
            let (path, column) = (self.path.to_owned(), self.selection.key.to_owned());
            return Err(Error::NoKey { path, row: row + 1, column });
        }
        self.keys.push(text);
        Ok(())
    }

    fn note(&mut self, text: String) {
        self.notes.push(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_lose_their_fraction_and_nothing_else_does() {
        let cases = [("5551234.0", "5551234"), ("017.00", "017"), ("1.5", "1.5"), ("1.", "1."), (".0", ".0")];
        for (text, expected) in cases.into_iter().chain([("1.2.0", "1.2.0"), ("a.0", "a.0"), ("", "")]) {
            assert_eq!(whole(text), expected);
        }
    }
}
