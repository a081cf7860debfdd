//! Expectation maximisation over counted patterns, with a Dirichlet prior
//! that fixes which class is which.

/// What the classes are fitted to.
pub(crate) struct Sample {
    /// Levels of each bundle and how many pairs show them, sorted.
    pub(crate) patterns: Vec<(Vec<usize>, f64)>,
}

/// Mixture of classes, each a product over bundles.
#[derive(Clone, Debug)]
pub(crate) struct Mixture {
    /// Share of each class.
    pub(crate) shares: Vec<f64>,
    /// By class, bundle and level; that of level 0, missing, stays: 1, or 0 in a
    /// class whose pairs all have the bundle.
    pub(crate) probabilities: Vec<Vec<Vec<f64>>>,
    /// By class and bundle: pairs the prior counts for, per pair observed, on
    /// top of a fixed number.
    pub(crate) hold: Vec<Vec<f64>>,
}

/// Weight of the prior, in pairs.
const PRIOR_PAIRS: f64 = 100.0;
/// Rounds at most.
const ROUNDS: usize = 50;
/// Relative change of the likelihood at which rounds end.
const CHANGE_MIN: f64 = 1e-6;

/// Fits the classes, starting at `prior`; the same bits on every run, as sums
/// are taken in the order of the patterns.
pub(crate) fn fit(sample: &Sample, prior: &Mixture) -> Mixture {
    let mut now = prior.clone();
    let mut likelihood = f64::NEG_INFINITY;
    for _ in 0..ROUNDS {
        let (counts, reached) = expect(sample, &now);
        now = maximise(&counts, prior);
        if (reached - likelihood).abs() <= CHANGE_MIN * reached.abs() {
            break;
        }
        likelihood = reached;
    }
    now
}

/// Pairs expected in each class that have something of each bundle.
pub(crate) fn seen(sample: &Sample, mixture: &Mixture) -> Vec<Vec<f64>> {
    let (counts, _) = expect(sample, mixture);
    let of_class = |bundles: &Vec<Vec<f64>>| bundles.iter().map(|levels| levels[1..].iter().sum()).collect();
    counts.levels.iter().map(of_class).collect()
}

/// Expected pairs by class, in all and by level.
struct Counts {
    classes: Vec<f64>,
    levels: Vec<Vec<Vec<f64>>>,
}

/// Probabilities, or counts, of all classes side by side at each level of each
/// bundle, so that what one pattern needs is read together.
struct Beside {
    classes: usize,
    /// Where each bundle starts.
    starts: Vec<usize>,
    cells: Vec<f64>,
}

impl Beside {
    fn of(probabilities: &[Vec<Vec<f64>>]) -> Self {
        let bundles = probabilities.first().map_or(0, Vec::len);
        let (mut starts, mut cells) = (Vec::with_capacity(bundles), Vec::new());
        for bundle in 0..bundles {
            starts.push(cells.len());
            let levels = 0..probabilities[0][bundle].len();
            cells.extend(levels.flat_map(|level| probabilities.iter().map(move |class| class[bundle][level])));
        }
        Self { classes: probabilities.len(), starts, cells }
    }

    fn zeros(&self) -> Self {
        Self { starts: self.starts.clone(), cells: vec![0.0; self.cells.len()], ..*self }
    }

    /// The cells of one level of a bundle.
    fn at(&self, bundle: usize, level: usize) -> std::ops::Range<usize> {
        let start = self.starts[bundle] + level * self.classes;
        start..start + self.classes
    }

    /// By class, bundle and level.
    fn by_class(&self) -> Vec<Vec<Vec<f64>>> {
        let ends = self.starts.iter().skip(1).copied().chain([self.cells.len()]);
        let bundles: Vec<&[f64]> = self.starts.iter().zip(ends).map(|(&start, end)| &self.cells[start..end]).collect();
        let of_class = |class: usize| {
            let levels = |cells: &&[f64]| cells.iter().skip(class).step_by(self.classes).copied().collect();
            bundles.iter().map(levels).collect()
        };
        (0..self.classes).map(of_class).collect()
    }
}

fn expect(sample: &Sample, mixture: &Mixture) -> (Counts, f64) {
    let beside = Beside::of(&mixture.probabilities);
    let (mut counted, mut classes) = (beside.zeros(), vec![0.0; mixture.shares.len()]);
    let mut likelihood = 0.0;
    let mut masses = vec![0.0; mixture.shares.len()];
    for (levels, pairs) in &sample.patterns {
        masses.copy_from_slice(&mixture.shares);
        for (bundle, &level) in levels.iter().enumerate() {
            let factors = &beside.cells[beside.at(bundle, level)];
            masses.iter_mut().zip(factors).for_each(|(mass, factor)| *mass *= factor);
        }
        let total = masses.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        likelihood += pairs * total.ln();
        for mass in &mut masses {
            *mass = pairs * *mass / total;
        }
        classes.iter_mut().zip(&masses).for_each(|(count, expected)| *count += expected);
        for (bundle, &level) in levels.iter().enumerate() {
            let counts = &mut counted.cells[beside.at(bundle, level)];
            counts.iter_mut().zip(&masses).for_each(|(count, expected)| *count += expected);
        }
    }
    (Counts { classes, levels: counted.by_class() }, likelihood)
}

fn maximise(counts: &Counts, prior: &Mixture) -> Mixture {
    let total = counts.classes.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let bundle = |((counts, prior), &hold): ((&Vec<f64>, &Vec<f64>), &f64)| {
        let seen: f64 = counts[1..].iter().sum();
        let held = PRIOR_PAIRS + hold * seen;
        let level = |(count, prior): (&f64, &f64)| (count + held * prior) / (seen + held);
        let mut levels: Vec<f64> = counts.iter().zip(prior).map(level).collect();
        levels[0] = prior.first().copied().unwrap_or(1.0);
        levels
    };
    let classes = counts.levels.iter().zip(&prior.probabilities).zip(&prior.hold);
    Mixture {
        shares: counts.classes.iter().map(|pairs| pairs / total).collect(),
        probabilities: classes
            .map(|((counts, prior), hold)| counts.iter().zip(prior).zip(hold).map(bundle).collect())
            .collect(),
        hold: prior.hold.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected counts of a planted mixture of two classes over three bundles.
    fn planted(share: f64, agree: [f64; 2]) -> Sample {
        let chance = |agrees: bool, probability: f64| if agrees { probability } else { 1.0 - probability };
        let patterns = (0..8usize).map(|bits| {
            let agrees = [bits & 1 == 1, bits & 2 == 2, bits & 4 == 4];
            let of = |class: usize| agrees.iter().map(|&agrees| chance(agrees, agree[class])).product::<f64>();
            let pairs = 100_000.0 * (share * of(0) + (1.0 - share) * of(1));
            (agrees.iter().map(|&agrees| 1 + usize::from(agrees)).collect(), pairs)
        });
        Sample { patterns: patterns.collect() }
    }

    #[test]
    fn planted_probabilities_are_found_again() {
        for (share, agree) in [(0.1, [0.9, 0.05]), (0.3, [0.8, 0.2])] {
            let prior = Mixture {
                shares: vec![0.05, 0.95],
                probabilities: vec![vec![vec![1.0, 0.2, 0.8]; 3], vec![vec![1.0, 0.9, 0.1]; 3]],
                hold: vec![vec![0.0; 3]; 2],
            };
            let found = fit(&planted(share, agree), &prior);
            assert!((found.shares[0] - share).abs() < 0.01, "{found:?}");
            for class in [0, 1] {
                assert!((found.probabilities[class][0][2] - agree[class]).abs() < 0.01, "{found:?}");
            }
        }
    }

    #[test]
    fn an_empty_sample_leaves_the_prior() {
        let prior = Mixture {
            shares: vec![0.5, 0.5],
            probabilities: vec![vec![vec![1.0, 0.5, 0.5]]; 2],
            hold: vec![vec![0.0]; 2],
        };
        let found = fit(&Sample { patterns: Vec::new() }, &prior);
        assert_eq!(found.probabilities, prior.probabilities);
    }
}
