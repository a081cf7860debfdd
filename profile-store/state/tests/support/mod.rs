//! Records, and the rows that tables would hold.
#![allow(dead_code, reason = "each test uses a part of it")]

use rand::Rng as _;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use std::collections::{BTreeMap, BTreeSet};
use tributary_protocol::{Identifier, LogValue, Record, RecordKind, Timestamp, Timestamps};
use tributary_resolve::matching::{
    Change, Decision as Decided, Held, Item as MatchItem, Regrouped, Role, Score, Stats, Verdict,
};
use tributary_state::{IdentityRow, Matcher, Mode, ProfileRow, State, Table};

pub fn record(
    message_id: &str,
    kind: RecordKind,
    time: i64,
    identifiers: &[(&str, &str)],
    traits: &serde_json::Value,
) -> Record {
    let mut identifiers: Vec<Identifier> =
        identifiers.iter().filter_map(|(kind, value)| Identifier::new(kind, value)).collect();
    identifiers.sort();
    let stamp = Timestamp(time * 1_000_000);
    let timestamps = Timestamps {
        timestamp: stamp,
        original_timestamp: Some(stamp),
        sent_at: None,
        received_at: Timestamp(i64::MAX),
    };
    let bare = Record::new("web", message_id.to_owned(), kind, timestamps, identifiers);
    Record { traits: traits.as_object().cloned().unwrap_or_default(), ..bare }
}

pub fn identify(message_id: &str, time: i64, identifiers: &[(&str, &str)], traits: &serde_json::Value) -> LogValue {
    LogValue::Record(Box::new(record(message_id, RecordKind::Identify, time, identifiers, traits)))
}

/// Applies values one after another and keeps the rows that tables would hold.
pub fn apply(state: &State, values: Vec<LogValue>) -> tributary_state::Applied {
    let from = state.position(0).unwrap();
    let values: Vec<(u64, LogValue)> = (from..).zip(values).collect();
    let next = from + values.len() as u64;
    state.apply(0, next, values, Mode::Live).unwrap()
}

/// The values in another order, some of them repeated; and how many are.
pub fn shuffled(values: &[LogValue], rng: &mut SmallRng) -> (Vec<LogValue>, u64) {
    let mut shuffled = values.to_vec();
    let repeats = rng.random_range(0..40);
    shuffled.extend((0..repeats).map(|_| values[rng.random_range(0..values.len())].clone()));
    shuffled.shuffle(rng);
    (shuffled, repeats)
}

/// Applies values in batches of random sizes; returns how many were later copies.
pub fn apply_in_batches(state: &State, mut values: Vec<LogValue>, rng: &mut SmallRng) -> u64 {
    let mut duplicates = 0;
    while !values.is_empty() {
        let rest = values.split_off(rng.random_range(1..=values.len()));
        duplicates += apply(state, std::mem::replace(&mut values, rest)).duplicates;
    }
    duplicates
}

pub fn export(state: &State) -> (Vec<ProfileRow>, Vec<IdentityRow>) {
    let rows = |table| state.dirty(table).into_iter().map(|(row, _)| row);
    let profiles = rows(Table::Profiles).filter_map(|id| state.profile_row(id).unwrap()).collect();
    let mut identities: Vec<IdentityRow> =
        rows(Table::Identities).filter_map(|id| state.identity_row(id).unwrap()).collect();
    identities.sort_by(|one, other| one.node.cmp(&other.node));
    (profiles, identities)
}

pub fn profile(state: &State, kind: &str, value: &str) -> ProfileRow {
    let id = state.profile_of(&Identifier::new(kind, value).unwrap()).unwrap().unwrap();
    state.profile_row(id.as_u128()).unwrap().unwrap()
}

/// The cluster of each item.
type Clusters = BTreeMap<u64, BTreeSet<u64>>;

/// Matches items that hold one email: a stand-in whose clusters are easy to foresee.
/// Never-together takes the later of two groups away, in the order of ids.
#[derive(Default)]
pub struct SameEmail {
    items: BTreeMap<u64, MatchItem>,
    decisions: BTreeMap<u64, Verdict>,
}

impl SameEmail {
    fn clusters(&self) -> Clusters {
        let mut cluster: Clusters = self.items.keys().map(|&id| (id, BTreeSet::from([id]))).collect();
        for by_node in [true, false] {
            let mut holders: BTreeMap<String, Vec<u64>> = BTreeMap::new();
            for item in self.items.values() {
                for key in self.keys(item, by_node) {
                    holders.entry(key).or_default().push(item.id);
                }
            }
            for (one, other) in holders.values().flat_map(|held| held.iter().map(|other| (held[0], *other))) {
                if !cluster[&one].contains(&other) && !self.parted(&cluster[&one], &cluster[&other]) {
                    let joined: BTreeSet<u64> = cluster[&one].union(&cluster[&other]).copied().collect();
                    for &id in &joined {
                        cluster.insert(id, joined.clone());
                    }
                }
            }
        }
        cluster
    }

    fn keys(&self, item: &MatchItem, by_node: bool) -> Vec<String> {
        if by_node {
            return vec![item.node.to_string()];
        }
        let lacks = |email: &str| {
            self.decisions.values().any(|verdict| match verdict {
                Verdict::Detach { item: id, value, .. } => *id == item.id && value == email,
                Verdict::Generic { value, .. } => value == email,
                Verdict::Never { .. } | Verdict::Assert { .. } => false,
            })
        };
        let emails = item.values[0].iter().flat_map(|cell| cell.split('\u{1f}'));
        emails.filter(|email| !lacks(email)).map(str::to_owned).collect()
    }

    fn parted(&self, left: &BTreeSet<u64>, right: &BTreeSet<u64>) -> bool {
        let holds = |set: &BTreeSet<u64>, ids: &[u64]| ids.iter().any(|id| set.contains(id));
        self.decisions.values().any(|verdict| match verdict {
            Verdict::Never { one, other } => {
                (holds(left, one) && holds(right, other)) || (holds(left, other) && holds(right, one))
            }
            _ => false,
        })
    }
}

impl Matcher for SameEmail {
    fn fields(&self) -> Vec<(Role, String)> {
        vec![(Role::Email, "email".to_owned())]
    }

    fn fingerprint(&self) -> u64 {
        1
    }

    fn trained_on(&self) -> u64 {
        1
    }

    fn load(&mut self, items: Vec<MatchItem>, decisions: Vec<Decided>) {
        self.items.extend(items.into_iter().map(|item| (item.id, item)));
        self.decisions.extend(decisions.into_iter().map(|decided| (decided.id, decided.verdict)));
    }

    fn apply(&mut self, changes: &[Change]) -> Regrouped {
        let before = self.clusters();
        for change in changes.iter().cloned() {
            match change {
                Change::Put(item) => drop(self.items.insert(item.id, item)),
                Change::Remove(id) => drop(self.items.remove(&id)),
                Change::Decide(decided) => drop(self.decisions.insert(decided.id, decided.verdict)),
                Change::Undo(id) => drop(self.decisions.remove(&id)),
            }
        }
        let after = self.clusters();
        let others = |these: &Clusters, those: &Clusters| -> Vec<Vec<u64>> {
            let moved = these.iter().filter(|(id, cluster)| those.get(id) != Some(cluster));
            let distinct: BTreeSet<Vec<u64>> = moved.map(|(_, cluster)| cluster.iter().copied().collect()).collect();
            distinct.into_iter().collect()
        };
        Regrouped { before: others(&before, &after), after: others(&after, &before) }
    }

    fn cluster_of(&self, item: u64) -> Vec<u64> {
        self.clusters().remove(&item).map(|cluster| cluster.into_iter().collect()).unwrap_or_default()
    }

    fn clusters(&self) -> Vec<Vec<u64>> {
        let distinct: BTreeSet<BTreeSet<u64>> = self.clusters().into_values().collect();
        distinct.into_iter().map(|cluster| cluster.into_iter().collect()).collect()
    }

    fn review(&self) -> Vec<Held> {
        Vec::new()
    }

    fn search(&mut self, _: &[Option<String>]) -> Vec<(u64, Score)> {
        Vec::new()
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }
}
