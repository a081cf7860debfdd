//! Several files as one table: columns of one name, or else of one role, are
//! one column.

use super::{Columns, FileTable, Keys, Selection, forms};
use crate::{Error, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tributary_resolve::matching::{Column, MISSING, Recognised, Role, Table, recognise, record_hash};

/// Between the name of a file and a key of it where a hash is made of both.
const SEPARATOR: char = '\u{1f}';

/// The records of all files.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) table: Table,
    pub(crate) keys: Keys,
    /// The stem of each file.
    pub(crate) sources: Vec<String>,
    /// The file of each row, by its place.
    pub(crate) source_of: Vec<u32>,
    /// The right answers, if asked for.
    pub(crate) truth: Option<Column>,
    /// What was read otherwise than it might seem.
    pub(crate) notes: Vec<String>,
}

impl Input {
    /// The hash by which matching knows a record.
    pub(crate) fn record_hash(&self, row: usize) -> u64 {
        let source = (self.sources.len() > 1).then(|| self.source(row));
        record_hash_in(source, self.keys.get(row))
    }

    /// The stem of the file a row is from.
    pub(crate) fn source(&self, row: usize) -> &str {
        &self.sources[self.source_of[row] as usize]
    }
}

/// The hash by which matching knows the record of `key`; `source` is its file
/// where there are several.
pub(crate) fn record_hash_in(source: Option<&str>, key: &str) -> u64 {
    source.map_or_else(|| record_hash(key), |source| record_hash(&format!("{source}{SEPARATOR}{key}")))
}

/// Reads all files; `truth` and `hidden` columns are no part of the table.
/// What `roles` says of columns counts before their names.
pub(crate) fn read_all(
    paths: &[PathBuf],
    key: &str,
    truth: Option<&str>,
    hidden: &[String],
    roles: &[Recognised],
) -> Result<Input> {
    let sources = stems(paths)?;
    let selection = Selection { key, columns: Columns::AllBut(hidden) };
    let mut united = United { roles, columns: Vec::new(), rows: 0 };
    let mut truths: Option<Column> = None;
    let mut names: Vec<String> = Vec::new();
    let mut input = Input {
        table: Table::default(),
        keys: Keys::default(),
        sources,
        source_of: Vec::new(),
        truth: None,
        notes: Vec::new(),
    };
    for (place, path) in paths.iter().enumerate() {
        let mut file = FileTable::read(path, selection)?;
        file.keys.check_unique(path, key)?;
        if let Some(name) = truth {
            let taken = file.take(name).ok_or_else(|| file.no_column(name))?;
            append(truths.get_or_insert_with(|| Column { name: name.to_owned(), ..Column::default() }), taken);
        }
        let source = (paths.len() > 1).then(|| input.sources[place].as_str());
        input.table.records.extend(file.keys.iter().map(|key| record_hash_in(source, key)));
        input.source_of.resize(input.table.records.len(), u32::try_from(place).unwrap_or(MISSING));
        input.keys.append(&file.keys);
        input.notes.append(&mut file.notes);
        names.append(&mut file.names);
        united.add(file.columns, file.keys.len());
    }
    check_hidden(hidden, names)?;
    input.truth = truths;
    input.table.columns = united.columns;
    Ok(input)
}

/// Refuses to leave out a column that no file has: one that is there under
/// another name, such as the right answer, would be compared.
fn check_hidden(hidden: &[String], mut names: Vec<String>) -> Result<()> {
    let Some(absent) = hidden.iter().find(|hidden| !names.contains(hidden)) else { return Ok(()) };
    names.sort_unstable();
    names.dedup();
    let reason =
        format!("column {absent:?} is to be ignored, but no file has it: the columns are {}", names.join(", "));
    Err(Error::Usage { reason })
}

/// What a file's records are told apart by.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn stems(paths: &[PathBuf]) -> Result<Vec<String>> {
    let stems: Vec<String> = paths.iter().map(|path| stem(path)).collect();
    for (place, stem) in stems.iter().enumerate() {
        if let Some(before) = stems[..place].iter().position(|before| before == stem) {
            return Err(Error::SameStem { one: paths[before].clone(), other: paths[place].clone() });
        }
    }
    Ok(stems)
}

/// Columns of the files so far.
struct United<'a> {
    roles: &'a [Recognised],
    columns: Vec<Column>,
    rows: usize,
}

impl United<'_> {
    /// Appends the rows of one more file.
    fn add(&mut self, mut columns: Vec<Column>, rows: usize) {
        let roles = self.roles;
        forms::agree(&mut self.columns, &mut columns, |columns| roles_of(columns, roles));
        let targets = self.targets(&columns);
        for (column, target) in columns.into_iter().zip(targets) {
            let target = target.unwrap_or_else(|| self.begin(&column.name));
            append(&mut self.columns[target], column);
        }
        self.rows += rows;
        self.columns.iter_mut().for_each(|column| column.codes.resize(self.rows, MISSING));
    }

    /// Begins a column that is missing in the rows so far.
    fn begin(&mut self, name: &str) -> usize {
        self.columns.push(Column { name: name.to_owned(), codes: vec![MISSING; self.rows], ..Column::default() });
        self.columns.len() - 1
    }

    /// The column each column of a file continues: of its name, or the only
    /// one left of its role on both sides.
    fn targets(&self, columns: &[Column]) -> Vec<Option<usize>> {
        let by_name = |column: &Column| self.columns.iter().position(|known| known.name == column.name);
        let mut targets: Vec<Option<usize>> = columns.iter().map(by_name).collect();
        let (known, new) = (roles_of(&self.columns, self.roles), roles_of(columns, self.roles));
        let left_known: Vec<usize> = (0..known.len()).filter(|&place| !targets.contains(&Some(place))).collect();
        let left_new: Vec<usize> = (0..new.len()).filter(|&place| targets[place].is_none()).collect();
        for &place in left_new.iter().filter(|&&place| !matches!(new[place], Role::Ignored(_))) {
            let role = new[place];
            let alike: Vec<usize> = left_known.iter().copied().filter(|&left| known[left] == role).collect();
            let rivals = left_new.iter().filter(|&&left| new[left] == role).count();
            if let (&[target], 1) = (alike.as_slice(), rivals) {
                targets[place] = Some(target);
            }
        }
        targets
    }
}

/// What columns are: as `given`, else as recognised.
fn roles_of(columns: &[Column], given: &[Recognised]) -> Vec<Role> {
    let role = |found: Recognised| {
        given.iter().find(|role| role.column == found.column).map_or(found.role, |given| given.role)
    };
    recognise(columns).into_iter().map(role).collect()
}

/// Appends the rows of `other`.
pub(crate) fn append(column: &mut Column, other: Column) {
    if column.values.is_empty() {
        column.values = other.values;
        column.codes.extend(other.codes);
        return;
    }
    let mut known: HashMap<&str, u32> = column.values.iter().zip(0u32..).collect();
    let mut next = u32::try_from(known.len()).unwrap_or(MISSING);
    let mut renumbered = Vec::with_capacity(other.values.len());
    for text in other.values.iter() {
        let code = *known.entry(text).or_insert(next);
        next += u32::from(code == next);
        renumbered.push(code);
    }
    let first_new = u32::try_from(column.values.len()).unwrap_or(MISSING);
    let is_new = |(text, &code): (_, &u32)| (code >= first_new).then_some(text);
    column.values.extend(other.values.iter().zip(&renumbered).filter_map(is_new));
    let code = |code: &u32| renumbered.get(*code as usize).copied().unwrap_or(MISSING);
    column.codes.extend(other.codes.iter().map(code));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, texts: &[&str]) -> Column {
        Column::from_texts(name, texts.iter().copied())
    }

    #[test]
    fn rows_are_appended_under_one_dictionary() {
        let mut one = column("c", &["a", "", "b"]);
        append(&mut one, column("c", &["c", "b", "", "c"]));
        assert_eq!(one, column("c", &["a", "", "b", "c", "b", "", "c"]));
    }

    #[test]
    fn columns_of_other_files_are_found_by_name_or_role() {
        let mut united = United { roles: &[], columns: Vec::new(), rows: 0 };
        united.add(vec![column("first_name", &["ann", "bob"]), column("x", &["1", "2"])], 2);
        united.add(vec![column("vorname", &["eve", "bob"]), column("y", &["3", "4"])], 2);
        let names: Vec<&str> = united.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["first_name", "x", "y"]);
        assert_eq!(united.columns[0], column("first_name", &["ann", "bob", "eve", "bob"]));
        assert_eq!(united.columns[2].codes, [MISSING, MISSING, 0, 1]);
    }
}
