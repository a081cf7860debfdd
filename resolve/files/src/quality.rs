//! How good clusters and pair probabilities are, given the right answers.
//!
//! Pairs: of the pairs of records put together, the share that belongs
//! together is the precision; of those that belong together, the share put
//! together is the recall. B-cubed is the same per record, averaged over
//! records (Bagga and Baldwin 1998), so that large clusters do not count
//! with the square of their size. F1 is the harmonic mean of the two.

use std::collections::HashMap;
use tributary_resolve::chart::CalibrationBin;
use tributary_resolve::matching::MISSING;

/// Precision and recall, each in 0..=1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Agreement {
    /// Share of what was said that is right.
    pub precision: f64,
    /// Share of what is right that was said.
    pub recall: f64,
}

impl Agreement {
    /// Harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(self) -> f64 {
        2.0 * self.precision * self.recall / (self.precision + self.recall).max(f64::MIN_POSITIVE)
    }
}

/// How good clusters are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quality {
    /// Records with a right answer; only they count.
    pub records: usize,
    /// Of pairs within clusters.
    pub pairs: Agreement,
    /// Of records, as B-cubed.
    pub b_cubed: Agreement,
    /// Of whole clusters: those that are exactly right.
    pub clusters: Agreement,
    /// Clusters found.
    pub found: usize,
    /// Clusters there should be.
    pub wanted: usize,
    /// Pairs put together that do not belong together.
    pub false_pairs: u64,
    /// Pairs that belong together.
    pub true_pairs: u64,
    /// Sizes of the largest clusters found, largest first, at most ten.
    pub largest: Vec<usize>,
    /// Size of the largest cluster there should be.
    pub largest_wanted: usize,
}

fn pairs_of(count: usize) -> u64 {
    let count = count as u64;
    count * count.saturating_sub(1) / 2
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

impl Quality {
    /// Compares the cluster of each record with its right answer; records
    /// whose answer is [`MISSING`] are left out. Nothing found and nothing to
    /// find is full agreement.
    #[must_use]
    pub fn of(clusters: &[u32], truths: &[u32]) -> Self {
        let judged = || clusters.iter().copied().zip(truths.iter().copied()).filter(|(_, truth)| *truth != MISSING);
        let mut found: HashMap<u32, usize> = HashMap::new();
        let mut wanted: HashMap<u32, usize> = HashMap::new();
        let mut both: HashMap<(u32, u32), usize> = HashMap::new();
        for (cluster, truth) in judged() {
            *found.entry(cluster).or_default() += 1;
            *wanted.entry(truth).or_default() += 1;
            *both.entry((cluster, truth)).or_default() += 1;
        }
        let sum = |counts: &mut dyn Iterator<Item = &usize>| counts.map(|&count| pairs_of(count)).sum::<u64>();
        let (right, said, true_pairs) = (sum(&mut both.values()), sum(&mut found.values()), sum(&mut wanted.values()));
        let exact =
            both.iter().filter(|((cluster, truth), count)| found[cluster] == **count && wanted[truth] == **count);
        let exact = exact.count() as u64;
        let records = judged().count();
        let mut largest: Vec<usize> = found.values().copied().collect();
        largest.sort_unstable_by(|one, other| other.cmp(one));
        largest.truncate(10);
        Self {
            records,
            pairs: Agreement { precision: ratio(right, said), recall: ratio(right, true_pairs) },
            b_cubed: b_cubed(&both, &found, &wanted, records),
            clusters: Agreement {
                precision: ratio(exact, found.len() as u64),
                recall: ratio(exact, wanted.len() as u64),
            },
            found: found.len(),
            wanted: wanted.len(),
            false_pairs: said - right,
            true_pairs,
            largest,
            largest_wanted: wanted.values().copied().max().unwrap_or_default(),
        }
    }
}

fn b_cubed(
    both: &HashMap<(u32, u32), usize>,
    found: &HashMap<u32, usize>,
    wanted: &HashMap<u32, usize>,
    records: usize,
) -> Agreement {
    let mut parts: Vec<(&(u32, u32), &usize)> = both.iter().collect();
    // Floating-point sums depend on their order: fix it.
    parts.sort_unstable();
    let mut sums = Agreement::default();
    for ((cluster, truth), &count) in parts {
        let squared = (count * count) as f64;
        sums.precision += squared / found[cluster] as f64;
        sums.recall += squared / wanted[truth] as f64;
    }
    if records == 0 {
        return Agreement { precision: 1.0, recall: 1.0 };
    }
    let records = records as f64;
    Agreement { precision: sums.precision / records, recall: sums.recall / records }
}

/// Edges of the bins of claimed probability.
const BINS: [f64; 8] = [0.0, 0.1, 0.5, 0.7, 0.9, 0.95, 0.99, 1.0];

/// What was claimed of pairs, and what is true, by bins of claimed probability.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    sums: [(u64, f64, u64); BINS.len() - 1],
}

impl Calibration {
    /// Counts a pair.
    pub fn add(&mut self, probability: f64, matching: bool) {
        let place = BINS[1..].iter().take_while(|&&edge| probability >= edge).count().min(self.sums.len() - 1);
        let (pairs, claimed, matches) = &mut self.sums[place];
        *pairs += 1;
        *claimed += probability;
        *matches += u64::from(matching);
    }

    /// The bins by rising probability, empty ones too; only the last includes its bound.
    pub fn rows(&self) -> impl Iterator<Item = CalibrationBin> + '_ {
        self.sums.iter().zip(BINS.windows(2)).map(|(&(pairs, claimed, matches), edges)| {
            let count = pairs.max(1) as f64;
            let (claimed, observed) = (claimed / count, matches as f64 / count);
            CalibrationBin { from: edges[0], to: edges[1], pairs, claimed, observed }
        })
    }
}

/// Matches among pairs by descending weight.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranking {
    pairs: Vec<(f64, bool)>,
}

impl Ranking {
    pub(crate) fn add(&mut self, weight: f64, matching: bool) {
        self.pairs.push((weight, matching));
    }

    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
    }

    pub(crate) fn matching(&self) -> u64 {
        self.pairs.iter().filter(|(_, matching)| *matching).count() as u64
    }

    /// Agreement of the pairs at or above each weight of `thresholds`, in bits.
    pub(crate) fn at(&self, thresholds: &[f64], true_pairs: u64) -> Vec<Agreement> {
        let agreement = |&threshold: &f64| {
            let (mut said, mut right) = (0, 0);
            for &(_, matching) in self.pairs.iter().filter(|(weight, _)| *weight >= threshold) {
                said += 1;
                right += u64::from(matching);
            }
            Agreement { precision: ratio(right, said), recall: ratio(right, true_pairs) }
        };
        thresholds.iter().map(agreement).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn agreement_is_counted_by_pairs_records_and_clusters() {
        // Found {a b c} {d}, wanted {a b} {c d}; e has no answer.
        let quality = Quality::of(&[0, 0, 0, 1, 0], &[0, 0, 1, 1, MISSING]);
        assert_eq!((quality.records, quality.found, quality.wanted), (4, 2, 2));
        near(quality.pairs.precision, 1.0 / 3.0);
        near(quality.pairs.recall, 0.5);
        near(quality.pairs.f1(), 0.4);
        near(quality.b_cubed.precision, (2.0 / 3.0 * 2.0 + 1.0 / 3.0 + 1.0) / 4.0);
        near(quality.b_cubed.recall, (1.0 + 1.0 + 0.5 + 0.5) / 4.0);
        near(quality.clusters.precision, 0.0);
        assert_eq!((quality.false_pairs, quality.true_pairs), (2, 2));
        assert_eq!((quality.largest.as_slice(), quality.largest_wanted), (&[3, 1][..], 2));
    }

    #[test]
    fn nothing_to_find_and_nothing_found_agree() {
        let quality = Quality::of(&[0, 1], &[0, 1]);
        near(quality.pairs.f1(), 1.0);
        near(quality.clusters.f1(), 1.0);
    }

    #[test]
    fn pairs_are_binned_by_what_was_claimed() {
        let mut calibration = Calibration::default();
        for (probability, matching) in [(0.5, true), (0.6, false), (1.0, true), (0.0, false)] {
            calibration.add(probability, matching);
        }
        let rows: Vec<_> = calibration.rows().collect();
        assert_eq!(rows[2].pairs, 2);
        near(rows[2].claimed, 0.55);
        near(rows[2].observed, 0.5);
        assert_eq!((rows[0].pairs, rows[6].pairs), (1, 1));
    }

    #[test]
    fn thresholds_cut_the_ranking() {
        let mut ranking = Ranking::default();
        for (weight, matching) in [(3.0, true), (2.0, false), (1.0, true)] {
            ranking.add(weight, matching);
        }
        let at = ranking.at(&[2.5, 1.0], 4);
        assert_eq!(at[0], Agreement { precision: 1.0, recall: 0.25 });
        near(at[1].precision, 2.0 / 3.0);
    }
}
