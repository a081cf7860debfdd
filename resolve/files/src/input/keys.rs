//! The keys of records, one after the other in one text.

use crate::{Error, Result};
use std::path::Path;

/// Keys of the rows of a file, or of several.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    text: String,
    ends: Vec<usize>,
}

impl Keys {
    pub(crate) fn push(&mut self, key: &str) {
        self.text.push_str(key);
        self.ends.push(self.text.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Key of a row; empty where there is none.
    pub(crate) fn get(&self, row: usize) -> &str {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.ends.get(row).and_then(|&end| self.text.get(start..end)).unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|row| self.get(row))
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Appends the keys of another file.
    pub(crate) fn append(&mut self, other: &Self) {
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.iter().map(|end| start + end));
    }

    /// Refuses keys that come twice, naming the first repeat in the file.
    pub(crate) fn check_unique(&self, path: &Path, column: &str) -> Result<()> {
        let mut rows: Vec<u32> = (0..u32::try_from(self.len()).unwrap_or(u32::MAX)).collect();
        let key = |row: u32| self.get(row as usize);
        rows.sort_unstable_by(|&one, &other| key(one).cmp(key(other)).then(one.cmp(&other)));
        let repeats = rows.windows(2).filter(|two| key(two[0]) == key(two[1])).map(|two| (two[1], two[0]));
        let Some((second, first)) = repeats.min() else { return Ok(()) };
        Err(Error::RepeatedKey {
            path: path.to_owned(),
            column: column.to_owned(),
            key: key(first).to_owned(),
            first: first as usize + 1,
            second: second as usize + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(texts: &[&str]) -> Keys {
        let mut keys = Keys::default();
        for text in texts {
            keys.push(text);
        }
        keys
    }

    #[test]
    fn keys_are_found_by_row_and_appended() {
        let mut both = keys(&["a", "", "ccc"]);
        both.append(&keys(&["dd"]));
        assert_eq!(both.iter().collect::<Vec<_>>(), ["a", "", "ccc", "dd"]);
        assert_eq!(both.get(4), "");
    }

    #[test]
    fn the_first_repeat_is_named() {
        assert!(keys(&["a", "b", "c"]).check_unique(Path::new("f"), "id").is_ok());
        let error = keys(&["a", "b", "c", "b", "a"]).check_unique(Path::new("f"), "id").unwrap_err();
        assert!(matches!(&error, Error::RepeatedKey { key, first: 2, second: 4, .. } if key == "b"), "{error}");
    }
}
