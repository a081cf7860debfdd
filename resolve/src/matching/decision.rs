//! What operators decide about items: kept apart, put together, values that
//! say nothing. Which of two contradicting decisions counts is a matter of
//! their times, never of the order they came in.

use super::hash::FastMap;

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Names it; [`super::Change::Undo`] takes it back by this.
    pub id: u64,
    /// When it was taken. Of two that contradict each other about one pair of
    /// items, the one of the greater `(time, id)` counts.
    pub time: i64,
    /// What was decided.
    pub verdict: Verdict,
}

/// What was decided. Items that are not there yet are decided on beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No item of `one` is ever in a cluster with an item of `other`, except
    /// items of one node.
    Never {
        /// Items of one side.
        one: Vec<u64>,
        /// Items of the other.
        other: Vec<u64>,
    },
    /// Two items are about one person: their nodes count as one, unless that
    /// would put together what is never together.
    Assert {
        /// One item.
        one: u64,
        /// The other.
        other: u64,
    },
    /// A value of one item reads as missing.
    Detach {
        /// The item.
        item: u64,
        /// Place of the field in the model.
        field: usize,
        /// The value, as received or normalised.
        value: String,
    },
    /// A value reads as missing in every item.
    Generic {
        /// Place of the field in the model.
        field: usize,
        /// The value, as received or normalised.
        value: String,
    },
}

/// When a decision was taken, and its id.
type Rank = (i64, u64);

/// The decisions in force.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    all: FastMap<u64, Decision>,
    /// By item: decision, and whether the item is on its first side.
    nevers: FastMap<u64, Vec<(Rank, bool)>>,
    /// By item: decision and the other item.
    asserts: FastMap<u64, Vec<(Rank, u64)>>,
}

impl Decisions {
    /// Takes a decision into force.
    pub(crate) fn insert(&mut self, decision: Decision) {
        let rank = (decision.time, decision.id);
        match &decision.verdict {
            Verdict::Never { one, other } => {
                let sides = one.iter().map(|item| (item, true)).chain(other.iter().map(|item| (item, false)));
                for (&item, side) in sides {
                    self.nevers.entry(item).or_default().push((rank, side));
                }
            }
            &Verdict::Assert { one, other } => {
                self.asserts.entry(one).or_default().push((rank, other));
                self.asserts.entry(other).or_default().push((rank, one));
            }
            Verdict::Detach { .. } | Verdict::Generic { .. } => {}
        }
        self.all.insert(decision.id, decision);
    }

    /// Takes a decision out of force and returns it.
    pub(crate) fn remove(&mut self, id: u64) -> Option<Decision> {
        let decision = self.all.remove(&id)?;
        let rank = (decision.time, id);
        for item in decision.verdict.items() {
            forget(&mut self.nevers, item, rank);
            forget(&mut self.asserts, item, rank);
        }
        Some(decision)
    }

    /// Whether two items are never together.
    pub(crate) fn apart(&self, one: u64, other: u64) -> bool {
        !self.nevers.is_empty() && self.last_never(one, other) > self.last_assert(one, other)
    }

    /// Whether two items are asserted to be about one person, and since when.
    pub(crate) fn together(&self, one: u64, other: u64) -> Option<Rank> {
        self.last_assert(one, other).filter(|&rank| Some(rank) > self.last_never(one, other))
    }

    /// Items that an item was ever asserted to be one with.
    pub(crate) fn asserted_with(&self, item: u64) -> impl Iterator<Item = u64> + '_ {
        self.asserts.get(&item).into_iter().flatten().map(|(_, other)| *other)
    }

    /// Whether an item is kept apart from any other.
    pub(crate) fn is_kept_apart(&self, item: u64) -> bool {
        self.nevers.contains_key(&item)
    }

    /// Whether no items are asserted to be one.
    pub(crate) fn asserts_nothing(&self) -> bool {
        self.asserts.is_empty()
    }

    fn last_never(&self, one: u64, other: u64) -> Option<Rank> {
        let (one, other) = (self.nevers.get(&one)?, self.nevers.get(&other)?);
        let opposed = |(rank, side): &&(Rank, bool)| other.contains(&(*rank, !side));
        one.iter().filter(opposed).map(|(rank, _)| *rank).max()
    }

    fn last_assert(&self, one: u64, other: u64) -> Option<Rank> {
        let asserts = self.asserts.get(&one)?;
        asserts.iter().filter(|(_, with)| *with == other).map(|(rank, _)| *rank).max()
    }
}

fn forget<T>(by_item: &mut FastMap<u64, Vec<(Rank, T)>>, item: u64, rank: Rank) {
    let Some(known) = by_item.get_mut(&item) else { return };
    known.retain(|(of, _)| *of != rank);
    if known.is_empty() {
        by_item.remove(&item);
    }
}

impl Verdict {
    /// The items whose togetherness it decides.
    pub(crate) fn items(&self) -> Vec<u64> {
        match self {
            Self::Never { one, other } => one.iter().chain(other).copied().collect(),
            Self::Assert { one, other } => vec![*one, *other],
            Self::Detach { .. } | Self::Generic { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_two_decisions_about_a_pair_counts() {
        let mut decisions = Decisions::default();
        let never = Verdict::Never { one: vec![1, 2], other: vec![3] };
        decisions.insert(Decision { id: 7, time: 10, verdict: never });
        assert!(decisions.apart(1, 3) && decisions.apart(3, 2) && !decisions.apart(1, 2));
        decisions.insert(Decision { id: 6, time: 10, verdict: Verdict::Assert { one: 3, other: 1 } });
        assert!(decisions.apart(1, 3), "same time, lesser id");
        decisions.insert(Decision { id: 8, time: 10, verdict: Verdict::Assert { one: 3, other: 1 } });
        assert_eq!(decisions.together(1, 3), Some((10, 8)));
        assert!(!decisions.apart(1, 3) && decisions.apart(2, 3));
        decisions.remove(8);
        assert!(decisions.apart(1, 3));
        decisions.remove(7);
        assert_eq!((decisions.apart(1, 3), decisions.together(1, 3)), (false, Some((10, 6))));
        decisions.remove(6);
        assert!(decisions.asserts_nothing() && !decisions.is_kept_apart(1));
    }
}
