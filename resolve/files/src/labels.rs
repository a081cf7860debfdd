//! A file of judged pairs: `record_key_l`, `record_key_r`, `is_match`, and
//! `source_l`, `source_r` where the records are of several files.

use crate::input::{Columns, FileTable, Input, Selection, record_hash_in};
use crate::{Error, Result};
use std::collections::HashMap;
use std::path::Path;
use tributary_resolve::matching::{Column, Label};

/// The pairs of a file of labels.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Pairs of rows of the input, and the answer; none if nobody could tell.
    pub(crate) pairs: Vec<(u32, u32, Option<bool>)>,
    /// Pairs of records that are not in the input.
    pub(crate) unknown: usize,
    /// Pairs of a record and itself.
    pub(crate) same: usize,
}

/// Reads the judged pairs, if a file is given; those of records that are not
/// in `input`, and those nobody could tell, are left out, which is noted.
pub(crate) fn read_labels(path: Option<&Path>, input: &mut Input) -> Result<Vec<Label>> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let judged = Judged::read(path, input)?;
    let hash = |row: u32| input.table.records[row as usize];
    let label = |&(one, other, answer): &(u32, u32, Option<bool>)| {
        Some(Label { one: hash(one), other: hash(other), is_match: answer? })
    };
    let labels: Vec<Label> = judged.pairs.iter().filter_map(label).collect();
    let unsure = judged.pairs.len() - labels.len();
    let left_out = [
        (judged.unknown, "of records that are not in the files"),
        (judged.same, "of a record and itself"),
        (unsure, "not decided: left out"),
    ];
    for (count, reason) in left_out.into_iter().filter(|(count, _)| *count > 0) {
        input.notes.push(format!("{}: {count} pairs are {reason}", path.display()));
    }
    Ok(labels)
}

impl Judged {
    /// Reads a file of labels.
    ///
    /// # Errors
    /// [`Error::NoColumn`], [`Error::Row`] if an answer is none, and those of reading.
    pub(crate) fn read(path: &Path, input: &Input) -> Result<Self> {
        let mut file = FileTable::read(path, Selection { key: "record_key_l", columns: Columns::AllBut(&[]) })?;
        let mut needed = |name: &str| file.take(name).ok_or_else(|| file.no_column(name));
        let (others, answers) = (needed("record_key_r")?, needed("is_match")?);
        let sources: Option<(Column, Column)> =
            if input.sources.len() > 1 { Some((needed("source_l")?, needed("source_r")?)) } else { None };
        let rows: HashMap<u64, u32> = input.table.records.iter().copied().zip(0..).collect();
        let mut judged = Self::default();
        for (row, one) in file.keys.iter().enumerate() {
            let Some(other) = others.get(row) else { return Err(Error::row(path, row + 1, "no record_key_r")) };
            let (source, other_source) =
                sources.as_ref().map_or((None, None), |(one, other)| (one.get(row), other.get(row)));
            let answer = answer(answers.get(row).unwrap_or_default())
                .ok_or_else(|| Error::row(path, row + 1, "is_match is neither true nor false: write 1, 0 or unsure"))?;
            let found = |source, key| rows.get(&record_hash_in(source, key)).copied();
            match (found(source, one), found(other_source, other)) {
                (Some(one), Some(other)) if one != other => {
                    judged.pairs.push((one.min(other), one.max(other), answer));
                }
                (Some(_), Some(_)) => judged.same += 1,
                _ => judged.unknown += 1,
            }
        }
        Ok(judged)
    }
}

/// What was judged; `Some(None)` if nobody could tell.
#[allow(clippy::option_option, reason = "no answer is another thing than the answer that nobody can tell")]
fn answer(text: &str) -> Option<Option<bool>> {
    match text.to_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "match" => Some(Some(true)),
        "0" | "false" | "f" | "no" | "n" | "no match" => Some(Some(false)),
        "unsure" | "u" | "?" => Some(None),
        _ => None,
    }
}
