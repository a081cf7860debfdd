//! What each source sends about the planted people, and what is true of it.
//!
//! ```text
//! web.jsonl       one Segment message a line          -> POST /v1/batch
//! sendgrid.jsonl  one SendGrid event a line           -> POST /webhooks/mail, signed
//! surveys.jsonl   one survey answer a line            -> POST /webhooks/survey, signed
//! contacts.csv, companies.csv, deals.csv, tickets.csv -> `file` sources
//! truth.csv       node, person, component             -> nowhere: what should come out
//! ```
//!
//! The same seed and number of people give the same bytes. A few records are
//! broken on purpose; they must turn up in `failed_events`, and nowhere else.

mod crm;
mod mail;
mod survey;
mod web;

pub use crm::STAGES;

use super::people::Person;
use super::truth::Truth;
use anyhow::Context as _;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// Name of the source of web and app events.
pub const WEB: &str = "web";
/// Name of the source of email engagement.
pub const MAIL: &str = "mail";
/// Name of the source of survey answers.
pub const SURVEY: &str = "survey";
/// Name of the source of the CRM's contacts.
pub const CRM: &str = "crm";
/// Name of the source of the CRM's companies.
pub const COMPANIES: &str = "crm_companies";
/// Name of the source of the CRM's deals.
pub const DEALS: &str = "crm_deals";
/// Name of the source of the CRM's tickets.
pub const TICKETS: &str = "crm_tickets";

/// Everything that is sent, and the truth of it.
pub struct Records {
    /// Segment messages, in the order of their time.
    pub web: Vec<Value>,
    /// SendGrid events, in the order of their time.
    pub mail: Vec<Value>,
    /// Survey answers, in the order of their time.
    pub surveys: Vec<Value>,
    /// The CRM's export.
    pub tables: Vec<Table>,
    /// Who is who.
    pub truth: Truth,
    /// Records that are broken on purpose, by source.
    broken: BTreeMap<&'static str, u64>,
}

/// A CSV file of the CRM's export.
pub struct Table {
    /// Name of its source.
    pub source: &'static str,
    /// Name of the file.
    pub file: &'static str,
    /// Its header.
    columns: &'static [&'static str],
    /// Its rows, repeats and broken ones among them.
    rows: Vec<Vec<String>>,
}

/// What should be stored of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Rows of `events`.
    pub events: u64,
    /// Rows of `failed_events`.
    pub failed: u64,
}

impl Records {
    /// Generates the records of `people` people.
    pub fn generate(seed: u64, people: u32) -> Self {
        let mut records = Self {
            web: Vec::new(),
            mail: Vec::new(),
            surveys: Vec::new(),
            tables: crm::tables(seed, people),
            truth: Truth::default(),
            broken: BTreeMap::new(),
        };
        for number in 0..people {
            let person = Person::draw(seed, number);
            web::visits(seed, &person, &mut records);
            mail::campaigns(seed, &person, &mut records);
            survey::answers(seed, &person, &mut records);
            crm::entries(seed, &person, &mut records);
        }
        records.web.sort_by(|a, b| a["timestamp"].as_str().cmp(&b["timestamp"].as_str()));
        records.mail.sort_by_key(|event| event["timestamp"].as_i64());
        records.surveys.sort_by(|a, b| a["answered_at"].as_str().cmp(&b["answered_at"].as_str()));
        records
    }

    /// What should be stored, by source.
    pub fn expected(&self) -> BTreeMap<&'static str, Expected> {
        let lists = [(WEB, &self.web), (MAIL, &self.mail), (SURVEY, &self.surveys)];
        let lists = lists.into_iter().map(|(source, list)| (source, list.len() as u64));
        let tables = self.tables.iter().map(|table| {
            let distinct: BTreeSet<&Vec<String>> = table.rows.iter().collect();
            (table.source, distinct.len() as u64)
        });
        let expect = |(source, distinct): (&'static str, u64)| {
            let failed = self.broken.get(source).copied().unwrap_or_default();
            (source, Expected { events: distinct - failed, failed })
        };
        lists.chain(tables).map(expect).collect()
    }

    /// Writes every file into `folder`, the CRM's export among them.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        self.write_export(folder)?;
        for (name, list) in [("web.jsonl", &self.web), ("sendgrid.jsonl", &self.mail), ("surveys.jsonl", &self.surveys)]
        {
            let path = folder.join(name);
            write_lines(&path, list).with_context(|| format!("write {}", path.display()))?;
        }
        self.write_truth(&folder.join("truth.csv"))
    }

    /// Writes the CRM's export into `folder`.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write_export(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        for table in &self.tables {
            let path = folder.join(table.file);
            table.write(&path).with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }

    /// Writes who is who.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_truth(&self, path: &Path) -> anyhow::Result<()> {
        let mut writer = csv::Writer::from_path(path).with_context(|| format!("write {}", path.display()))?;
        for record in self.truth.source_records() {
            writer.serialize(record)?;
        }
        Ok(writer.flush()?)
    }

    /// Notes that a record of `source` was broken on purpose.
    fn broke(&mut self, source: &'static str) {
        *self.broken.entry(source).or_default() += 1;
    }

    fn table(&mut self, source: &str) -> &mut Table {
        self.tables.iter_mut().find(|table| table.source == source).expect("every source of the CRM has a table")
    }
}

impl Table {
    /// Number of its rows, repeats included.
    pub fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    fn write(&self, path: &Path) -> anyhow::Result<()> {
        // Flexible: a broken row has columns too few.
        let mut writer = csv::WriterBuilder::new().flexible(true).from_path(path)?;
        writer.write_record(self.columns)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        Ok(writer.flush()?)
    }
}

fn write_lines(path: &Path, list: &[Value]) -> anyhow::Result<()> {
    let mut writer = BufWriter::new(File::create(path)?);
    for value in list {
        serde_json::to_writer(&mut writer, value)?;
        writer.write_all(b"\n")?;
    }
    Ok(writer.flush()?)
}

#[cfg(test)]
mod tests;
