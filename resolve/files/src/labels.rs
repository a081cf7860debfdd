//! A file of judged pairs: `record_key_l`, `record_key_r`, `is_match`, and
//! `source_l`, `source_r` where the records are of several files.

use crate::input::{Columns, FileTable, Input, Selection, record_hash_in};
use crate::{Error, Result};
use std::collections::HashSet;
use std::path::Path;
use tributary_resolve::matching::{Column, Label};

/// Reads the judged pairs, if a file is given; those of records that are not
/// in `input` are left out, which is noted.
pub(crate) fn read_labels(path: Option<&Path>, input: &mut Input) -> Result<Vec<Label>> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let mut file = FileTable::read(path, Selection { key: "record_key_l", columns: Columns::AllBut(&[]) })?;
    let mut needed = |name: &str| file.take(name).ok_or_else(|| file.no_column(name));
    let (others, answers) = (needed("record_key_r")?, needed("is_match")?);
    let sources: Option<(Column, Column)> =
        if input.sources.len() > 1 { Some((needed("source_l")?, needed("source_r")?)) } else { None };
    let known: HashSet<u64> = input.table.records.iter().copied().collect();
    let mut labels = Vec::with_capacity(file.keys.len());
    for (row, one) in file.keys.iter().enumerate() {
        let Some(other) = others.get(row) else { return Err(Error::row(path, row + 1, "no record_key_r")) };
        let (source, other_source) =
            sources.as_ref().map_or((None, None), |(one, other)| (one.get(row), other.get(row)));
        let is_match = answer(answers.get(row).unwrap_or_default())
            .ok_or_else(|| Error::row(path, row + 1, "is_match is neither true nor false: write 1 or 0"))?;
        let (one, other) = (record_hash_in(source, one), record_hash_in(other_source, other));
        if known.contains(&one) && known.contains(&other) && one != other {
            labels.push(Label { one, other, is_match });
        }
    }
    let left_out = file.keys.len() - labels.len();
    if left_out > 0 {
        input.notes.push(format!("{}: {left_out} pairs are of records that are not in the files", path.display()));
    }
    Ok(labels)
}

fn answer(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "match" => Some(true),
        "0" | "false" | "f" | "no" | "n" | "no match" => Some(false),
        _ => None,
    }
}
