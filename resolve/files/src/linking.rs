//! Links between files that hold no duplicates of their own.
//!
//! Clusters are found as always; then those that hold what may not be are
//! taken apart and put together again, the best scored pairs between files
//! first. Which joins stand is a function of the records, ties by hash.

use crate::input::Input;
use std::collections::{BTreeSet, HashMap};
use tributary_resolve::matching::{Outcome, Pair};

/// What may be joined.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Linking {
    /// No pair within a file.
    pub(crate) link_only: bool,
    /// At most one record of a file in a profile.
    pub(crate) one_to_one: bool,
}

impl Linking {
    /// Takes apart what may not be; pairs within a file are dropped if they may not be.
    pub(crate) fn apply(self, outcome: &mut Outcome, input: &Input) {
        if !self.link_only && !self.one_to_one {
            return;
        }
        let source = |row: u32| input.source_of[row as usize];
        let between = |pair: &Pair| source(pair.one) != source(pair.other);
        if self.link_only {
            outcome.pairs.retain(between);
        }
        let wrong = wrong_clusters(outcome, input);
        if wrong.is_empty() {
            return;
        }
        let inside = |pair: &&Pair| {
            let cluster = outcome.clusters[pair.one as usize];
            cluster == outcome.clusters[pair.other as usize] && wrong.contains(&cluster) && between(pair)
        };
        let mut pairs: Vec<Pair> = outcome.pairs.iter().filter(inside).copied().collect();
        let hashes = |pair: &Pair| {
            let (one, other) = (input.record_hash(pair.one as usize), input.record_hash(pair.other as usize));
            (one.min(other), one.max(other))
        };
        pairs.sort_by_cached_key(|pair| (-i64::from(pair.score.weight), hashes(pair)));
        let rows = (0u32..).zip(&outcome.clusters).filter(|(_, cluster)| wrong.contains(cluster)).map(|(row, _)| row);
        let mut parts = Parts::new(rows, source, self.one_to_one);
        for pair in &pairs {
            parts.join(pair.one, pair.other);
        }
        parts.write(outcome, input, &pairs);
    }
}

/// Clusters that hold several records of a file.
fn wrong_clusters(outcome: &Outcome, input: &Input) -> BTreeSet<u32> {
    let mut seen: BTreeSet<(u32, u32)> = BTreeSet::new();
    let rows = outcome.clusters.iter().zip(&input.source_of);
    rows.filter(|&(&cluster, &source)| !seen.insert((cluster, source))).map(|(&cluster, _)| cluster).collect()
}

/// Clusters put together again.
struct Parts {
    part_of: HashMap<u32, usize>,
    members: Vec<Vec<u32>>,
    sources: Vec<BTreeSet<u32>>,
    one_to_one: bool,
}

impl Parts {
    /// Every row by itself.
    fn new(rows: impl Iterator<Item = u32>, source: impl Fn(u32) -> u32, one_to_one: bool) -> Self {
        let members: Vec<Vec<u32>> = rows.map(|row| vec![row]).collect();
        let sources = members.iter().map(|rows| BTreeSet::from([source(rows[0])])).collect();
        let part_of = members.iter().enumerate().map(|(part, rows)| (rows[0], part)).collect();
        Self { part_of, members, sources, one_to_one }
    }

    fn join(&mut self, one: u32, other: u32) {
        let (Some(&one), Some(&other)) = (self.part_of.get(&one), self.part_of.get(&other)) else { return };
        if one == other || (self.one_to_one && !self.sources[one].is_disjoint(&self.sources[other])) {
            return;
        }
        let (moved, sources) = (std::mem::take(&mut self.members[other]), std::mem::take(&mut self.sources[other]));
        for &row in &moved {
            self.part_of.insert(row, one);
        }
        self.members[one].extend(moved);
        self.sources[one].extend(sources);
    }

    /// Names each part by its member of the least hash; a row's probability is
    /// the mean of its scored pairs within its part.
    fn write(&self, outcome: &mut Outcome, input: &Input, pairs: &[Pair]) {
        for rows in self.members.iter().filter(|rows| !rows.is_empty()) {
            let least = rows.iter().copied().min_by_key(|&row| input.record_hash(row as usize));
            for &row in rows {
                outcome.clusters[row as usize] = least.unwrap_or(row);
                outcome.probabilities[row as usize] = 1.0;
            }
        }
        let mut sums: HashMap<u32, (f64, f64)> = HashMap::new();
        for pair in pairs.iter().filter(|pair| self.part_of.get(&pair.one) == self.part_of.get(&pair.other)) {
            for row in [pair.one, pair.other] {
                let (sum, count) = sums.entry(row).or_default();
                *sum += pair.score.match_probability();
                *count += 1.0;
            }
        }
        for (row, (sum, count)) in sums {
            outcome.probabilities[row as usize] = sum / count;
        }
    }
}
