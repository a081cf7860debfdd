//! The file of `--config`: what columns are, and how to cluster.
//!
//! ```yaml
//! columns:           # what a column is; all others are recognised
//!   c1: given_name
//!   remarks: ignore
//! cut: 0.4           # least mean probability of a merge, 0 to 1
//! keys:              # which pairs are looked at; those of the model
//! - [email]
//! - [name, birth_date.year]
//! ```

use crate::input::{Input, read_all};
use crate::{Error, Result};
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as ValueError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tributary_config::{Document, KeyPart, check_keys};
use tributary_resolve::matching::{Column, Cut, ModelFile, Options, Recognised, Role, Rules};

/// What a column is called that is not to be looked at.
const IGNORE: &str = "ignore";

/// A validated configuration.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// What columns are.
    pub(crate) roles: Vec<Recognised>,
    /// Columns that are not read.
    pub(crate) ignored: Vec<String>,
    /// Least mean probability of a merge.
    pub(crate) cut: Cut,
    /// Which pairs are looked at, where it is said.
    rules: Option<Rules>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    columns: BTreeMap<String, String>,
    cut: Option<f64>,
    keys: Option<Vec<Vec<KeyPart>>>,
}

impl Config {
    /// Reads the file, if one is given.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
        Ok(Self::parse(&text, &path.display().to_string())?)
    }

    fn parse(text: &str, file: &str) -> Result<Self, tributary_config::Error> {
        let document = Document::parse(text, file)?;
        let raw: Raw = match document.value.clone() {
            value if value.is_null() => Raw::default(),
            value => document.read("", value)?,
        };
        let mut config = Self::default();
        if let Some(cut) = raw.cut {
            if !(0.0..=1.0).contains(&cut) {
                return Err(document.wrong("cut", format!("{cut} is no probability: give 0 to 1")));
            }
            config.cut = Cut::new(cut);
        }
        if let Some(keys) = &raw.keys {
            let wrong = |place: &str, reason: String| document.wrong(&format!("keys{place}"), reason);
            check_keys(keys).map_err(|(place, reason)| wrong(&place, reason))?;
            config.rules = Some(blocking_rules(keys).map_err(|error| wrong("", error.to_string()))?);
        }
        for (column, role) in raw.columns {
            if role == IGNORE {
                config.ignored.push(column);
                continue;
            }
            let role = Role::deserialize(role.as_str().into_deserializer())
                .map_err(|error: ValueError| document.wrong(&format!("columns.{column}"), error.to_string()))?;
            config.roles.push(Recognised { column, role });
        }
        Ok(config)
    }

    /// What a run by it goes by.
    pub(crate) fn options(&self, threads: usize, model: Option<ModelFile>) -> Options {
        let (model, comparisons) = match model {
            None => (None, Vec::new()),
            Some(ModelFile::Trained(model)) => (Some(model), Vec::new()),
            Some(ModelFile::Untrained(comparisons)) => (None, comparisons),
        };
        let given = Options { threads, cut: self.cut, model, comparisons, ..Options::default() };
        Options { roles: self.roles.clone(), rules: self.rules.clone(), ..given }
    }

    /// Reads files but for the columns that are not to be looked at: those of
    /// the configuration, and `ignore`.
    pub(crate) fn read(&self, files: &[PathBuf], key: &str, truth: Option<&str>, ignore: &[String]) -> Result<Input> {
        let hidden = [&self.ignored[..], ignore].concat();
        let input = read_all(files, key, truth, &hidden, &self.roles)?;
        self.check_columns(&input.table.columns)?;
        Ok(input)
    }

    /// Refuses a setting for a column that no file has.
    fn check_columns(&self, columns: &[Column]) -> Result<()> {
        let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let absent = self.roles.iter().find(|role| !known.contains(&role.column.as_str()));
        let Some(absent) = absent else { return Ok(()) };
        let (absent, all) = (&absent.column, known.join(", "));
        let reason = format!("the configuration names column {absent:?}, which no file has: the columns are {all}");
        Err(Error::Usage { reason })
    }
}

/// The blocking rules that look at configured keys.
///
/// # Errors
/// [`Error::Usage`] if there are none, or one has no parts or more than two.
pub fn blocking_rules(keys: &[Vec<KeyPart>]) -> Result<Rules> {
    let named = serde_json::to_value(keys).and_then(serde_json::from_value);
    named.map_err(|error| Error::Usage { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys that the commented default file of the server shows.
    #[test]
    fn the_keys_that_are_shown_are_those_that_hold_where_none_are_given() {
        let shown = include_str!("../../../config/tributary.yaml");
        let from = shown.find("  # keys: [").unwrap();
        let until = from + shown[from..].find("  # ]").unwrap();
        let list = |line: &str| line.trim_start_matches("  #").split('#').next().unwrap_or_default().to_owned();
        let yaml: String = shown[from..until].lines().map(list).collect::<Vec<_>>().join("\n") + "]";
        let config = Config::parse(yaml.trim(), "c.yaml").unwrap();
        assert_eq!(config.rules, Some(Rules::default()));
    }

    #[test]
    fn every_part_of_a_key_is_known_to_matching() {
        let schema = serde_json::to_value(tributary_config::Config::json_schema()).unwrap();
        let parts = schema["$defs"]["KeyPart"]["oneOf"].as_array().unwrap();
        for part in parts {
            let name = part["const"].as_str().unwrap();
            let config = Config::parse(&format!("keys: [[{name}]]"), "c.yaml").unwrap();
            assert_eq!(config.rules, Some(Rules::new(&[vec![name]]).unwrap()), "{name}");
        }
        assert!(parts.len() > 20);
    }

    #[test]
    fn columns_and_cut_are_read() {
        let config = Config::parse("columns:\n  a: given_name\n  b: ignore\ncut: 0.5\n", "c.yaml").unwrap();
        assert_eq!(config.roles, [Recognised { column: "a".into(), role: Role::GivenName }]);
        assert_eq!(config.ignored, ["b"]);
        assert_eq!(config.cut, Cut::new(0.5));
        assert_eq!(Config::parse("", "c.yaml").unwrap().cut, Cut::default());
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, expected) in [
            ("colums: {}\n", "c.yaml:1: colums: unknown field `colums`"),
            ("cut: 7\n", "c.yaml:1: cut: 7 is no probability"),
            ("cut: 0.4\nkeys:\n- [email]\n- [name, birthday]\n", "c.yaml:4: keys[1][1]: unknown variant `birthday`"),
            ("keys: []\n", "c.yaml:1: keys: no key"),
            ("cut: 0.4\nkeys:\n- []\n", "c.yaml:3: keys[0]: a key of 0 parts: give 1 to 2"),
            ("cut: 0.4\ncolumns:\n  a: firstname\n", "c.yaml:3: columns.a: unknown variant `firstname`"),
        ] {
            let error = Config::parse(text, "c.yaml").unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
