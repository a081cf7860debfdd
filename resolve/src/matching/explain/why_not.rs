//! Why two records are not one profile.

use super::items::Items;
use super::pair::{Bits, Explanation};
use crate::matching::cluster::Sum;
use serde::Serialize;

/// What only the host of the items knows of two records and their profiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// Whether some pair of records of the two profiles is a candidate; `None`
    /// if that is not known.
    pub candidate: Option<bool>,
    /// Blocking keys the two records share.
    pub shared_keys: Vec<SharedKey>,
    /// Limits a merge would break, such as `two user_ids: 7 and 9`.
    pub limits: Vec<String>,
    /// The decision that keeps them apart, as a reader is told of it.
    pub never_together: Option<String>,
}

/// A blocking key that two records share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SharedKey {
    /// What it is made of, such as `date and postcode`.
    pub name: String,
    /// Live records that carry it.
    pub carriers: usize,
    /// Whether it proposes pairs: too many carriers close a key.
    pub open: bool,
}

/// Why two records are not one profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhyNot {
    /// What holds them apart; the first by itself is enough.
    pub held: Vec<Held>,
    /// The pair asked for.
    pub pair: Explanation,
    /// The strongest pair between the two profiles, if it is another.
    pub strongest: Option<Box<Explanation>>,
    /// Mean match probability of the pairs between the profiles that tell
    /// something, 0..=1; 0 without any.
    pub mean_probability: f64,
}

/// One thing that holds two profiles apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Held {
    /// An operator decided it.
    NeverTogether {
        /// The decision.
        decision: String,
    },
    /// A profile has one value of a kind.
    Limit {
        /// Which, and the values.
        limit: String,
    },
    /// No blocking key proposes a pair of them, or others were better partners.
    NotCandidate {
        /// Keys the two records share.
        shared_keys: Vec<SharedKey>,
    },
    /// No pair between them has a weight that is not negative.
    WeightBelowZero {
        /// The greatest weight.
        match_weight: Bits,
    },
    /// On the mean, their pairs are not likely enough.
    MeanBelowCut {
        /// Their mean match probability, 0..=1.
        mean_probability: f64,
        /// The least for a merge, 0..=1.
        cut: f64,
    },
    /// Their pairs suffice, but so many records hang together by weaker
    /// evidence that groups were made of stronger evidence only.
    TooLarge,
}

impl Items<'_> {
    /// Says why two records are not one profile; `profiles` are the members of
    /// the profile of each.
    #[must_use]
    pub fn why_not(&self, (one, other): (u32, u32), profiles: [&[u32]; 2], situation: &Situation) -> WhyNot {
        let (a, b) = self.strongest(profiles[0], profiles[1]);
        let strongest = Some(self.pair(a, b)).filter(|_| (a, b) != (one, other));
        let pair = self.pair(one, other);
        let greatest = strongest.as_ref().map_or(pair.match_weight, |strongest| strongest.match_weight);
        let mean_probability = self.mean(profiles);
        let held = self.held(situation, greatest, mean_probability);
        WhyNot { held, pair, strongest: strongest.map(Box::new), mean_probability }
    }

    fn mean(&self, [one, other]: [&[u32]; 2]) -> f64 {
        let mut scoring = self.scoring();
        Sum::between(one, other, |a, b| scoring.score(a, b)).mean_probability().unwrap_or_default()
    }

    fn held(&self, situation: &Situation, greatest: Bits, mean_probability: f64) -> Vec<Held> {
        let mut held = Vec::new();
        held.extend(situation.never_together.clone().map(|decision| Held::NeverTogether { decision }));
        held.extend(situation.limits.iter().map(|limit| Held::Limit { limit: limit.clone() }));
        if situation.candidate == Some(false) {
            held.push(Held::NotCandidate { shared_keys: situation.shared_keys.clone() });
        }
        if greatest.0 < 0 {
            held.push(Held::WeightBelowZero { match_weight: greatest });
        }
        let cut = self.cut.probability();
        if mean_probability < cut {
            held.push(Held::MeanBelowCut { mean_probability, cut });
        }
        if held.is_empty() {
            held.push(Held::TooLarge);
        }
        held
    }
}
