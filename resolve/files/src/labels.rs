//! A file of judged pairs: `record_key_l`, `record_key_r`, `is_match`, and
//! `source_l`, `source_r` where the records are of several files.

use crate::input::{Columns, FileTable, Input, Selection, record_hash_in};
use crate::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tributary_resolve::matching::{Column, Label};

/// Contradictions that are told by their rows.
const CONTRADICTIONS_SHOWN: usize = 10;

/// The pairs of a file of labels.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Pairs of rows of the input, and the answer; none if nobody could tell.
    pub(crate) pairs: Vec<(u32, u32, Option<bool>)>,
    /// Row of each in the file of labels, from 1, the header not counted; until
    /// contradictions are dropped.
    rows: Vec<usize>,
    /// Pairs of records that are not in the input.
    pub(crate) unknown: usize,
    /// Pairs of a record and itself.
    pub(crate) same: usize,
}

/// Reads the judged pairs, if a file is given; those of records that are not
/// in `input`, and those nobody could tell, are left out, which is noted.
pub(crate) fn read_labels(path: Option<&Path>, input: &mut Input) -> Result<Vec<Label>> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let mut judged = Judged::read(path, input)?;
    input.notes.extend(judged.drop_contradictions().into_iter().map(|said| format!("{}: {said}", path.display())));
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
                    judged.rows.push(row + 1);
                }
                (Some(_), Some(_)) => judged.same += 1,
                _ => judged.unknown += 1,
            }
        }
        Ok(judged)
    }

    /// Leaves out pairs that are judged both ways, as nothing tells which answer is right;
    /// says which they are.
    fn drop_contradictions(&mut self) -> Option<String> {
        let mut rows_of: BTreeMap<(u32, u32), [Vec<usize>; 2]> = BTreeMap::new();
        for (&(one, other, answer), &row) in self.pairs.iter().zip(&std::mem::take(&mut self.rows)) {
            if let Some(answer) = answer {
                rows_of.entry((one, other)).or_default()[usize::from(answer)].push(row);
            }
        }
        rows_of.retain(|_, rows| rows.iter().all(|rows| !rows.is_empty()));
        let mut found: Vec<Vec<usize>> = rows_of.values().map(|rows| rows.concat()).collect();
        if found.is_empty() {
            return None;
        }
        self.pairs.retain(|(one, other, _)| !rows_of.contains_key(&(*one, *other)));
        for rows in &mut found {
            rows.sort_unstable();
        }
        found.sort_unstable();
        let shown = found.iter().take(CONTRADICTIONS_SHOWN).map(|rows| {
            let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
            rows.join(" and ")
        });
        let (count, shown) = (found.len(), shown.collect::<Vec<_>>().join(", "));
        let more = if count > CONTRADICTIONS_SHOWN { ", ..." } else { "" };
        Some(format!("{count} pairs are labelled both match and non-match and left out, in rows {shown}{more}"))
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
