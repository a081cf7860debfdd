//! The engine that keeps clusters up to date: items that say the same are one to
//! it, the others are told apart by [`super::engine`].

mod draft;
mod few;
mod groups;
#[cfg(test)]
mod tests;

use super::Result;
use super::cluster::Cut;
use super::decision::Decision;
use super::engine::{Change, Engine as Core, Held, Item, Regrouped, Stats};
use super::model::{Model, Score};
use draft::Draft;
use groups::Groups;
use std::sync::Arc;

/// Keeps clusters up to date. Not for several threads at once.
///
/// Items that say the same are looked at as one, that of the least id, and go
/// where it goes if two of them match by themselves.
#[derive(Debug)]
pub struct Engine {
    core: Core,
    cut: Cut,
    groups: Groups,
}

impl Engine {
    /// Makes an engine without items.
    ///
    /// # Errors
    /// [`super::Error::ModelDamaged`].
    pub fn new(model: Arc<Model>, cut: Cut) -> Result<Self> {
        let groups = Groups::new(&model);
        Ok(Self { core: Core::new(model, cut)?, cut, groups })
    }

    /// The model it matches by.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        self.core.model()
    }

    /// Takes in items and decisions at once: what [`Engine::apply`] would come
    /// to, faster for many on an engine that never had any.
    pub fn load(&mut self, items: Vec<Item>, decisions: Vec<Decision>, threads: usize) {
        if !self.groups.is_empty() {
            let decisions = decisions.into_iter().map(Change::Decide);
            self.apply(&decisions.chain(items.into_iter().map(Change::Put)).collect::<Vec<_>>());
            return;
        }
        let items = super::engine::latest(items);
        for decision in &decisions {
            self.groups.name(decision);
        }
        let mut items = self.groups.load(items, threads);
        items.shrink_to_fit();
        self.core.load(items, decisions, threads);
        let many = self.groups.many();
        for &(key, bearer) in &many {
            self.judge(key, bearer);
        }
        self.core.count_for(many.into_iter().map(|(_, bearer)| (bearer, self.groups.counts_for(bearer))));
    }

    /// Brings the clusters up to date with changes, the later of two about one
    /// item or decision counting.
    pub fn apply(&mut self, changes: &[Change]) -> Regrouped {
        let mut draft = Draft::default();
        for change in changes {
            self.groups.draft(change, &mut draft);
        }
        let steps = draft.inner(&mut self.groups, &self.core, changes);
        let regrouped = self.core.take(steps);
        for &item in self.core.changed() {
            self.groups.touch(item, &mut draft);
        }
        let mut bearers = Vec::new();
        for key in draft.keys() {
            if let Some(bearer) = self.groups.bearer_of_many(key) {
                self.judge(key, bearer);
            }
            bearers.extend(self.groups.bearer_of(key));
        }
        let counts = bearers.into_iter().map(|bearer| (bearer, self.groups.counts_for(bearer)));
        let recounted = self.core.count_for(counts);
        draft.regrouped(&self.groups, &self.core, draft::one_after_the_other(regrouped, recounted))
    }

    /// Finds out whether the items of one content are one person.
    fn judge(&mut self, key: u64, bearer: u64) {
        let joined = self.groups.is_of_one_node(bearer) || {
            let score = self.core.twin(bearer, self.groups.shares_device(bearer));
            score.is_some_and(|score| super::copies::are_one(score, self.cut))
        };
        self.groups.join(key, joined);
    }

    /// The items in the cluster of an item, itself included, sorted; none if
    /// the item is not there.
    #[must_use]
    pub fn cluster_of(&self, item: u64) -> Vec<u64> {
        let Some(bearer) = self.groups.bearer(item) else { return Vec::new() };
        if bearer != item && !self.groups.members(bearer).is_some_and(|(_, joined)| joined) {
            return vec![item];
        }
        draft::expanded(&self.core.cluster_of(bearer), |bearer| self.groups.members(bearer))
    }

    /// Every cluster, sorted.
    #[must_use]
    pub fn clusters(&self) -> Vec<Vec<u64>> {
        let members = |bearer| self.groups.members(bearer);
        let mut all: Vec<Vec<u64>> =
            self.core.clusters().iter().map(|cluster| draft::expanded(cluster, members)).collect();
        all.extend(self.groups.parted().map(|item| vec![item]));
        all.sort_unstable();
        all
    }

    /// An item's values as they are compared, by field: normalised, and without
    /// those that are generic or detached.
    #[must_use]
    pub fn item(&self, item: u64) -> Option<Vec<Vec<String>>> {
        let bearer = self.groups.bearer(item)?;
        let mut values = self.core.item(bearer)?;
        if bearer != item {
            self.groups.devices(item).for_each(|(place, own)| values[place] = own);
        }
        Some(values)
    }

    /// Scores a pair of items, whether or not it is a candidate; copies as those
    /// that stand for them.
    #[must_use]
    pub fn score(&mut self, one: u64, other: u64) -> Option<Score> {
        let (one, other) = (self.groups.bearer(one)?, self.groups.bearer(other)?);
        if one == other { self.core.twin(one, self.groups.shares_device(one)) } else { self.core.score(one, other) }
    }

    /// The items that values most likely are about, best first, one of each content;
    /// nothing is kept of the values.
    #[must_use]
    pub fn search(&mut self, values: &[Option<String>]) -> Vec<(u64, Score)> {
        self.core.search(values)
    }

    /// Clusters that were held back, sorted by their items.
    pub fn review(&self) -> impl Iterator<Item = Held> + '_ {
        self.core.review()
    }

    /// Counts what is held; looks at every item.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let stats = self.core.stats();
        Stats { items: self.groups.len(), bytes: stats.bytes + self.groups.bytes(), ..stats }
    }

    /// Bytes held, estimated, by what holds them; looks at every item.
    #[must_use]
    pub fn held(&self) -> Vec<(&'static str, usize)> {
        let mut held = self.core.held();
        held.push(("copies", self.groups.bytes()));
        held
    }
}
