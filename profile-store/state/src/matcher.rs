//! Pass 2 as the state sees it: what decides which items are one person.

use crate::decision::{Action, Decision, ItemId};
use crate::item::{Item, role_of};
use std::collections::BTreeSet;
use std::sync::Arc;
use tributary_protocol::hash128;
use tributary_resolve::matching::{
    Change, Cut, Decision as Decided, Engine, Error, Held, Item as MatchItem, Model, Regrouped, Role, Score, Stats,
    Verdict,
};

/// Decides which items are one person: a function of the live items, the
/// decisions and the model, whatever the order of changes.
pub trait Matcher: Send + Sync {
    /// What it compares, in the order of an item's values: roles and names of the model's fields.
    fn fields(&self) -> Vec<(Role, String)>;

    /// Names everything but items and decisions that its clusters depend on.
    fn fingerprint(&self) -> u64;

    /// Records its model was trained on.
    fn trained_on(&self) -> u64;

    /// Takes everything there is, at start.
    fn load(&mut self, items: Vec<MatchItem>, decisions: Vec<Decided>);

    /// Applies changes; returns the clusters that are others now.
    fn apply(&mut self, changes: &[Change]) -> Regrouped;

    /// The items of the cluster of an item, itself included; empty if it is unknown.
    fn cluster_of(&self, item: u64) -> Vec<u64>;

    /// Every cluster.
    fn clusters(&self) -> Vec<Vec<u64>>;

    /// Pairs of clusters that were held back.
    fn review(&self) -> Vec<Held>;

    /// The items that values most likely are about, best first.
    fn search(&mut self, values: &[Option<String>]) -> Vec<(u64, Score)>;

    /// Its numbers.
    fn stats(&self) -> Stats;

    /// Its model and cut; `None` if it has none to explain by.
    fn model(&self) -> Option<(Arc<Model>, Cut)> {
        None
    }

    /// An item's values as they are compared, by field: normalised, without those that say nothing.
    fn compared(&self, item: u64) -> Option<Vec<Vec<String>>> {
        let _ = item;
        None
    }
}

/// The matcher that ships: the incremental engine of a model.
pub struct ModelMatcher {
    engine: Engine,
    cut: Cut,
    fingerprint: u64,
    threads: usize,
}

impl ModelMatcher {
    /// Makes a matcher without items. `cut` is the least mean probability of a
    /// merge, above 0 and at most 1; `threads` load what a state holds.
    ///
    /// # Errors
    /// [`Error::ModelDamaged`].
    pub fn new(model: Model, cut: f64, threads: usize) -> Result<Self, Error> {
        let text = model.to_json()?;
        let fingerprint = half(hash128(&[text.as_bytes(), &cut.to_be_bytes()]));
        let cut = Cut::new(cut);
        Ok(Self { engine: Engine::new(Arc::new(model), cut)?, cut, fingerprint, threads })
    }
}

impl Matcher for ModelMatcher {
    fn fields(&self) -> Vec<(Role, String)> {
        self.engine.model().fields.iter().map(|field| (field.role, field.name.clone())).collect()
    }

    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn trained_on(&self) -> u64 {
        self.engine.model().records
    }

    fn load(&mut self, items: Vec<MatchItem>, decisions: Vec<Decided>) {
        self.engine.load(items, decisions, self.threads);
    }

    fn apply(&mut self, changes: &[Change]) -> Regrouped {
        self.engine.apply(changes)
    }

    fn cluster_of(&self, item: u64) -> Vec<u64> {
        self.engine.cluster_of(item)
    }

    fn clusters(&self) -> Vec<Vec<u64>> {
        self.engine.clusters()
    }

    fn review(&self) -> Vec<Held> {
        self.engine.review().collect()
    }

    fn search(&mut self, values: &[Option<String>]) -> Vec<(u64, Score)> {
        self.engine.search(values)
    }

    fn stats(&self) -> Stats {
        self.engine.stats()
    }

    fn model(&self) -> Option<(Arc<Model>, Cut)> {
        Some((Arc::clone(self.engine.model()), self.cut))
    }

    fn compared(&self, item: u64) -> Option<Vec<Vec<String>>> {
        self.engine.item(item)
    }
}

/// The limit of one user id a profile.
const LIMIT_USER_ID: u64 = 0;

/// How items are made for a matcher.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    /// The model's fields.
    pub(crate) fields: Vec<(Role, String)>,
    /// Sources that hold no duplicates of their own.
    pub(crate) unique_sources: BTreeSet<String>,
}

impl Shape {
    /// The item as the matcher takes it; `None` if its source deleted it.
    pub(crate) fn match_item(&self, id: u64, item: &Item) -> Option<MatchItem> {
        if !item.is_live() {
            return None;
        }
        let values = self.fields.iter().map(|(role, name)| item.value(*role, name)).collect();
        let mut limits = Vec::new();
        if item.user != 0 {
            limits.push((LIMIT_USER_ID, half(item.user)));
        }
        if self.unique_sources.contains(&item.source) {
            limits.push((half(hash128(&[b"source", item.source.as_bytes()])), half(item.home)));
        }
        Some(MatchItem { id, values, node: half(item.component), limits })
    }

    /// A decision as the matcher takes it; `None` if it is about a field that the model lacks.
    pub(crate) fn decided(&self, decision: &Decision) -> Option<Decided> {
        let ids = |items: &[ItemId]| items.iter().map(|item| item.0).collect();
        let verdict = match &decision.action {
            Action::NeverTogether { one, other } => Verdict::Never { one: ids(one), other: ids(other) },
            Action::Assert { one, other } => Verdict::Assert { one: one.0, other: other.0 },
            Action::Detach { item, field, value } => {
                Verdict::Detach { item: item.0, field: self.field(field)?, value: value.clone() }
            }
            Action::Generic { field, value } => Verdict::Generic { field: self.field(field)?, value: value.clone() },
        };
        Some(Decided { id: decision.number(), time: decision.made_at, verdict })
    }

    /// Place of the model's field that holds an attribute or a kind of identifier.
    pub(crate) fn field(&self, name: &str) -> Option<usize> {
        let role = role_of(name);
        self.fields.iter().position(|(of, known)| known == name || (Some(*of) == role && *of != Role::Text))
    }

    /// Names what items depend on besides their contents.
    pub(crate) fn fingerprint(&self, matcher: u64) -> u64 {
        let mut parts: Vec<&[u8]> = self.unique_sources.iter().map(String::as_bytes).collect();
        let matcher = matcher.to_be_bytes();
        parts.push(&matcher);
        half(hash128(&parts))
    }
}

/// The upper half of a hash.
pub(crate) fn half(hash: u128) -> u64 {
    (hash >> 64) as u64
}
