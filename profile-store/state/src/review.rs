//! The review queue: pairs of clusters that a guard held back, or that are
//! likely one person but not enough. An entry is named by its pair, so that it
//! is called the same as long as it stands, and a decision tells which it was about.

use crate::decision::{Action, Decision, ItemId};
use crate::matcher::half;
use crate::view::ItemView;
use crate::{Result, State};
use serde::Serialize;
use std::collections::HashSet;
use tributary_protocol::hash128;
use tributary_resolve::matching::{Held, Reason};

/// Names an entry: hash of its two items, written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReviewId(u64);

impl ReviewId {
    fn of(one: u64, other: u64) -> Self {
        let (least, greatest) = (one.min(other), one.max(other));
        Self(half(hash128(&[b"review", &least.to_be_bytes(), &greatest.to_be_bytes()])))
    }

    fn of_held(held: &Held) -> Self {
        Self::of(held.one, held.other)
    }
}

impl std::fmt::Display for ReviewId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for ReviewId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl Serialize for ReviewId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is said to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The two are one person.
    Accept,
    /// The two are two people.
    Reject,
}

/// Two items of clusters that were not joined although much speaks for it.
#[derive(Clone, Debug, Serialize)]
pub struct ReviewEntry {
    /// Its id.
    pub id: ReviewId,
    /// An item of the one.
    pub one: ItemView,
    /// An item of the other.
    pub other: ItemView,
    /// `limit`, `too_large` or `likely`.
    pub reason: &'static str,
    /// Match probability, 0 to 1.
    pub match_probability: f64,
}

/// What an answer to an entry comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// What is to be decided.
    Decide(Action),
    /// The entry was decided before.
    Decided(Box<Decision>),
    /// No entry is called so now.
    Unknown,
}

impl State {
    /// Pairs that were held back and are not decided, the most likely first.
    ///
    /// # Errors
    /// [`crate::Error::NoMatcher`], or if the store cannot be read.
    pub fn review(&self, limit: usize) -> Result<Vec<ReviewEntry>> {
        let mut held = self.with_matcher(|matcher| matcher.review())?;
        held.sort_by_key(|held| (std::cmp::Reverse(held.probability), held.one, held.other));
        let decisions = self.decisions();
        let decided: HashSet<ReviewId> = decisions.iter().flat_map(|decision| ids_of(&decision.action)).collect();
        let mut entries = Vec::new();
        for held in held {
            if entries.len() == limit {
                break;
            }
            let id = ReviewId::of_held(&held);
            if decided.contains(&id) {
                continue;
            }
            let Some((one, other)) = self.item(ItemId(held.one))?.zip(self.item(ItemId(held.other))?) else { continue };
            let match_probability = f64::from(held.probability) / f64::from(u16::MAX);
            let reason = name_of(held.reason);
            entries.push(ReviewEntry { id, one, other, reason, match_probability });
        }
        Ok(entries)
    }

    /// Says what an answer to the entry of an id comes to: an assert of its two
    /// items, or that nothing of the one's cluster is with anything of the other's.
    ///
    /// # Errors
    /// [`crate::Error::NoMatcher`].
    pub fn answer(&self, id: ReviewId, answer: Answer) -> Result<Answered> {
        let is_about_it = |decision: &Decision| ids_of(&decision.action).any(|decided| decided == id);
        if let Some(decision) = self.decisions().into_iter().rev().find(is_about_it) {
            return Ok(Answered::Decided(Box::new(decision)));
        }
        self.with_matcher(|matcher| {
            let Some(held) = matcher.review().into_iter().find(|held| ReviewId::of_held(held) == id) else {
                return Answered::Unknown;
            };
            let cluster = |item: u64| matcher.cluster_of(item).into_iter().map(ItemId).collect();
            Answered::Decide(match answer {
                Answer::Accept => Action::Assert { one: ItemId(held.one), other: ItemId(held.other) },
                Answer::Reject => Action::NeverTogether { one: cluster(held.one), other: cluster(held.other) },
            })
        })
    }
}

/// The entries that the pairs of a decision would be.
fn ids_of(action: &Action) -> Box<dyn Iterator<Item = ReviewId> + '_> {
    match action {
        Action::Assert { one, other } => Box::new(std::iter::once(ReviewId::of(one.0, other.0))),
        Action::NeverTogether { one, other } => {
            Box::new(one.iter().flat_map(move |one| other.iter().map(move |other| ReviewId::of(one.0, other.0))))
        }
        Action::Detach { .. } | Action::Generic { .. } => Box::new(std::iter::empty()),
    }
}

fn name_of(reason: Reason) -> &'static str {
    match reason {
        Reason::Limit => "limit",
        Reason::TooLarge => "too_large",
        Reason::Likely => "likely",
    }
}
