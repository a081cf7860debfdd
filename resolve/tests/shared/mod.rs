//! What tests of matching share: tables of texts, and how good clusters are.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::cast_precision_loss, reason = "counts of rows are small")]

use rand::{SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};
use std::collections::HashMap;
use std::path::Path;
use tributary_resolve::matching::{Column, Table, record_hash};

/// Rows of texts under a header.
pub struct Rows {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Rows {
    pub fn read(file: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/identity").join(file);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).unwrap();
        let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let texts = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
        Self { header, rows: reader.records().map(|record| texts(record.unwrap())).collect() }
    }

    pub fn new(header: &[&str], rows: Vec<Vec<String>>) -> Self {
        Self { header: header.iter().map(|&name| name.to_owned()).collect(), rows }
    }

    /// The table without `hidden` columns; keys are row numbers.
    pub fn table(&self, hidden: &[&str]) -> Table {
        let shown = self.header.iter().enumerate().filter(|(_, name)| !hidden.contains(&name.as_str()));
        let column =
            |(place, name): (usize, &String)| Column::from_texts(name, self.rows.iter().map(|row| row[place].as_str()));
        let records = (0..self.rows.len()).map(|row| record_hash(&row.to_string())).collect();
        Table { records, columns: shown.map(column).collect() }
    }

    pub fn column(&self, name: &str) -> Vec<&str> {
        let place = self.header.iter().position(|column| column == name).unwrap();
        self.rows.iter().map(|row| row[place].as_str()).collect()
    }

    pub fn shuffled(mut self, seed: u64) -> Self {
        self.rows.shuffle(&mut SmallRng::seed_from_u64(seed));
        self
    }
}

/// Pairwise precision, recall and F1, and the largest cluster.
pub fn quality(clusters: &[u32], truths: &[&str]) -> (f64, f64, f64, usize) {
    let pairs =
        |counts: &HashMap<String, usize>| counts.values().map(|count| (count * (count - 1) / 2) as f64).sum::<f64>();
    let count = |names: Vec<String>| {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for name in names {
            *counts.entry(name).or_default() += 1;
        }
        counts
    };
    let found = count(clusters.iter().map(u32::to_string).collect());
    let wanted = count(truths.iter().map(|&truth| truth.to_owned()).collect());
    let both = count(clusters.iter().zip(truths).map(|(cluster, truth)| format!("{cluster} {truth}")).collect());
    let (precision, recall) = (pairs(&both) / pairs(&found).max(1.0), pairs(&both) / pairs(&wanted).max(1.0));
    let f1 = 2.0 * precision * recall / (precision + recall).max(f64::MIN_POSITIVE);
    (precision, recall, f1, found.values().copied().max().unwrap_or(0))
}
