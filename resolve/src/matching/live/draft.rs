//! What a batch of changes does to groups, and what follows for clusters.

use super::super::engine::ready::{Ready, Step};
use super::super::engine::{Change, Engine as Core, Item, Regrouped};
use super::super::hash::{FastMap, FastSet};
use super::groups::Groups;
use std::collections::BTreeSet;

/// The items of a group, and whether they are one person.
type Group = (Vec<u64>, bool);

/// Groups that a batch touches, as they were, and its items.
#[derive(Default)]
pub(super) struct Draft {
    before: FastMap<u64, Group>,
    /// Items that came or are others.
    put: FastMap<u64, Ready>,
    /// What stood for an item before it was taken out of its group.
    stood: FastMap<u64, u64>,
}

impl Draft {
    /// Keeps a group as it was.
    pub(super) fn touch(&mut self, key: u64, group: impl FnOnce() -> Group) {
        self.before.entry(key).or_insert_with(group);
    }

    /// Keeps the group that an item leaves, and what stood for it.
    pub(super) fn take_out(&mut self, item: u64, key: u64, group: impl FnOnce() -> Group) {
        self.touch(key, group);
        if let Some(&bearer) = self.before[&key].0.first() {
            self.stood.entry(item).or_insert(bearer);
        }
    }

    pub(super) fn put(&mut self, item: Ready) {
        self.put.insert(item.id, item);
    }

    pub(super) fn gone(&mut self, item: u64) {
        self.put.remove(&item);
    }

    /// The groups touched.
    pub(super) fn keys(&self) -> Vec<u64> {
        self.before.keys().copied().collect()
    }

    /// What changes among the items that stand for the others.
    pub(super) fn inner(&mut self, groups: &mut Groups, core: &Core, changes: &[Change]) -> Vec<Step> {
        let stood: FastSet<u64> = self.before.values().filter_map(|(items, _)| items.first()).copied().collect();
        let mut stand: Vec<(u64, u64)> = Vec::new();
        for &key in self.before.keys() {
            stand.extend(groups.bearer_of(key).map(|bearer| (bearer, key)));
        }
        stand.sort_unstable();
        let stands: FastSet<u64> = stand.iter().map(|&(bearer, _)| bearer).collect();
        for &item in stood.iter().chain(self.put.keys()) {
            // Before the core forgets what it says.
            if groups.bearer(item).is_none_or(|bearer| bearer == item) {
                continue;
            }
            if let Some(put) = self.put.get(&item) {
                groups.keep_cells(item, &put.cells);
            } else if let Some(known) = core.received(item) {
                let cells = groups.reader.cells(&known.values);
                groups.keep_cells(item, &cells);
            }
        }
        let mut gone: Vec<u64> = stood.iter().copied().filter(|bearer| !stands.contains(bearer)).collect();
        gone.sort_unstable();
        let mut inner: Vec<Step> = gone.into_iter().map(Step::Remove).collect();
        for (bearer, key) in stand {
            if let Some(item) = self.put.remove(&bearer) {
                inner.push(Step::Put(item));
            } else if !stood.contains(&bearer) {
                let known = self.stood.get(&bearer).or_else(|| self.before[&key].0.first());
                inner.extend(known.and_then(|&known| copy(groups, core, known, bearer)).map(Step::Put));
            }
        }
        for item in stands {
            groups.drop_cells(item);
        }
        let decisions = changes.iter().filter(|change| matches!(change, Change::Decide(_) | Change::Undo(_)));
        inner.extend(decisions.map(|change| groups.reader.step(change)));
        inner
    }

    /// How clusters of all items changed, given how those of the items that stand for
    /// them did.
    pub(super) fn regrouped(&self, groups: &Groups, core: &Core, inner: Regrouped) -> Regrouped {
        let stood: FastMap<u64, &Group> =
            self.before.values().filter_map(|group| Some((*group.0.first()?, group))).collect();
        let old = |bearer: u64| match stood.get(&bearer) {
            Some(group) => Some((*group).clone()),
            None => groups.members(bearer),
        };
        let new = |bearer: u64| groups.members(bearer);
        let Regrouped { mut before, mut after } = inner;
        let known: FastSet<u64> = after.iter().flatten().copied().collect();
        let mut seen: FastSet<u64> = FastSet::default();
        for key in self.before.keys() {
            let Some(bearer) = groups.bearer_of(*key) else { continue };
            if known.contains(&bearer) || seen.contains(&bearer) {
                continue;
            }
            let cluster = core.cluster_of(bearer);
            seen.extend(&cluster);
            before.push(cluster.clone());
            after.push(cluster);
        }
        let mut were = BTreeSet::new();
        for cluster in &before {
            add_expanded(cluster, old, &mut were);
        }
        let mut are = BTreeSet::new();
        for cluster in &after {
            add_expanded(cluster, new, &mut are);
        }
        let before = were.difference(&are).cloned().collect();
        let after = are.difference(&were).cloned().collect();
        Regrouped { before, after }
    }
}

/// What two steps of regrouping come to.
pub(super) fn one_after_the_other(one: Regrouped, other: Regrouped) -> Regrouped {
    let set = |clusters: Vec<Vec<u64>>| clusters.into_iter().collect::<BTreeSet<_>>();
    let (between, gone) = (set(one.after), set(other.before));
    let before = one.before.into_iter().chain(gone.difference(&between).cloned()).collect();
    let after = between.difference(&gone).cloned().chain(other.after).collect();
    Regrouped { before, after }
}

/// An item that says what another says that the core holds, but for its devices.
fn copy(groups: &Groups, core: &Core, known: u64, item: u64) -> Option<Ready> {
    let Item { values, limits, .. } = core.received(known)?;
    let cells = groups.reader.cells(&groups.with_devices(item, values));
    Some(Ready { id: item, cells, node: groups.node(item), limits })
}

/// The items of a cluster of those that stand for others, sorted.
pub(super) fn expanded(cluster: &[u64], members: impl Fn(u64) -> Option<Group>) -> Vec<u64> {
    let mut items = Vec::with_capacity(cluster.len());
    for &bearer in cluster {
        match members(bearer) {
            Some((group, true)) => items.extend(group),
            _ => items.push(bearer),
        }
    }
    items.sort_unstable();
    items
}

/// Adds that cluster, and each item by itself that is not one with what stands for it.
fn add_expanded(cluster: &[u64], members: impl Fn(u64) -> Option<Group> + Copy, to: &mut BTreeSet<Vec<u64>>) {
    for &bearer in cluster {
        if let Some((group, false)) = members(bearer) {
            to.extend(group.into_iter().filter(|&item| item != bearer).map(|item| vec![item]));
        }
    }
    to.insert(expanded(cluster, members));
}
