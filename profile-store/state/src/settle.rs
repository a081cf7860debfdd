//! Brings the items that a batch touched before the matcher, and tells which
//! profiles that moves.

use crate::apply::Batch;
use crate::item::{Home, Item};
use crate::keys::{key, of};
use crate::traits::Traits;
use crate::values::Node;
use crate::{Decision, Error, ObjectRow, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;
use tributary_protocol::Record;
use tributary_resolve::Changes;
use tributary_resolve::matching::{Change, Decision as Decided, Item as MatchItem};

/// The items a batch reads, each once.
#[derive(Default)]
pub(crate) struct Items(BTreeMap<u64, Cached>);

struct Cached {
    /// As of now.
    now: Item,
    /// As the store has it.
    stored: Option<Item>,
}

fn missing() -> Error {
    Error::Format { what: "item", reason: "missing".to_owned() }
}

/// The key of an item.
pub(crate) fn item_key(id: u64) -> Vec<u8> {
    key(b'X', &[&id.to_be_bytes()])
}

impl Batch<'_> {
    /// Has the item of a record take in what it tells.
    pub(crate) fn take_item(
        &mut self,
        record: &Record,
        traits: &Traits<'_>,
        home: &Home,
        hash: &mut impl FnMut() -> u128,
    ) -> Result<()> {
        let id = home.item_id(&record.source);
        match self.known_node(home.node)?.items.binary_search(&id) {
            Ok(_) if !Item::is_told_by(record, traits) => return Ok(()),
            Ok(_) => {}
            Err(place) => {
                self.change_node(home.node, |node| node.items.insert(place, id))?;
                self.items.0.insert(id, Cached { now: Item::new(home, &record.source), stored: None });
            }
        }
        self.known_item(id)?.now.take(record, traits, hash);
        Ok(())
    }

    fn cached_item(&mut self, id: u64) -> Result<Option<&mut Cached>> {
        if !self.items.0.contains_key(&id)
            && let Some(stored) = self.overlay.read::<Item>(&item_key(id))?
        {
            self.items.0.insert(id, Cached { now: stored.clone(), stored: Some(stored) });
        }
        Ok(self.items.0.get_mut(&id))
    }

    fn known_item(&mut self, id: u64) -> Result<&mut Cached> {
        self.cached_item(id)?.ok_or_else(missing)
    }

    /// The unit of an item; `None` if it was not seen yet.
    pub(crate) fn home_of(&mut self, id: u64) -> Result<Option<u128>> {
        if let Some(cached) = self.items.0.get(&id) {
            return Ok(Some(cached.now.home));
        }
        if let Some(home) = self.inner.homes().get(id) {
            return Ok(Some(home));
        }
        Ok(self.cached_item(id)?.map(|cached| cached.now.home))
    }

    fn known_home(&mut self, id: u64) -> Result<u128> {
        self.home_of(id)?.ok_or_else(missing)
    }

    /// Ids and units of the items that this batch saw first.
    pub(crate) fn new_items(&self) -> Vec<(u64, u128)> {
        let new = self.items.0.iter().filter(|(_, cached)| cached.stored.is_none());
        new.map(|(&id, cached)| (id, cached.now.home)).collect()
    }

    /// The units of items that this batch saw first.
    pub(crate) fn homes_of_new_items(&self) -> Vec<u128> {
        self.new_items().into_iter().map(|(_, home)| home).collect()
    }

    /// The items of a unit of pass 1, sorted.
    pub(crate) fn items_of(&mut self, home: u128) -> Result<Vec<u64>> {
        Ok(self.node(home)?.map(|node| node.items.clone()).unwrap_or_default())
    }

    /// Every node joined with this one in pass 1, sorted.
    pub(crate) fn component_of(&mut self, node: u128) -> Result<Vec<u128>> {
        let mut members = BTreeSet::from([node]);
        let mut queue = vec![node];
        while let Some(node) = queue.pop() {
            for (end, _, in_forest) in self.edges_of(node)? {
                if in_forest && members.insert(end) {
                    queue.push(end);
                }
            }
        }
        Ok(members.into_iter().collect())
    }

    /// Every node of the profile that `node` is in now: its component, and the
    /// components of the items that the matcher joins with those of this one.
    pub(crate) fn profile_members(&mut self, node: u128) -> Result<Vec<u128>> {
        let component = self.component_of(node)?;
        if !self.inner.decides() {
            return Ok(component);
        }
        let mut members: BTreeSet<u128> = component.iter().copied().collect();
        let mut items = Vec::new();
        for &node in &component {
            items.extend(self.items_of(node)?);
        }
        let mut joined = BTreeSet::new();
        if let Some(matcher) = &*self.inner.matcher() {
            joined.extend(items.iter().flat_map(|&item| matcher.cluster_of(item)));
        }
        for item in joined {
            let home = self.known_home(item)?;
            if !members.contains(&home) {
                members.extend(self.component_of(home)?);
            }
        }
        Ok(members.into_iter().collect())
    }

    /// Tells items where pass 1 put them, and the matcher which items and
    /// decisions changed. Returns the nodes whose profiles that touches.
    pub(crate) fn settle(&mut self, changes: &mut Changes, is_live: bool) -> Result<BTreeSet<u128>> {
        let (mut wanted, reconsidered) = self.decide()?;
        self.constrain(changes, &reconsidered)?;
        for component in &changes.components {
            let nodes: Vec<u128> = component.iter().map(|node| node.0).collect();
            self.place(&nodes)?;
        }
        let unplaced: Vec<u128> =
            self.items.0.values().filter(|cached| cached.now.component == 0).map(|cached| cached.now.home).collect();
        for home in unplaced {
            let component = self.component_of(home)?;
            self.place(&component)?;
        }
        let shape = &self.inner.shape;
        for (&id, Cached { now, stored }) in &self.items.0 {
            if stored.as_ref() == Some(now) {
                continue;
            }
            self.overlay.write_unread(item_key(id), now);
            let before = stored.as_ref().and_then(|item| shape.match_item(id, item));
            wanted.extend(Told::item(id, before, shape.match_item(id, now)));
        }
        if is_live { self.tell(wanted) } else { Ok(BTreeSet::new()) }
    }

    /// The decisions that this batch made or undid: what the matcher is to be
    /// told, and the decisions themselves.
    fn decide(&mut self) -> Result<(Vec<Told>, Vec<Decision>)> {
        let (mut wanted, mut reconsidered) = (Vec::new(), Vec::new());
        for hash in std::mem::take(&mut self.decided) {
            let row: Option<((i64, String), ObjectRow)> = self.overlay.read_json("object", &of(b'J', hash))?;
            let now = row.filter(|(_, row)| !row.deleted).and_then(|(_, row)| Decision::of_row(&row));
            let before = self.decisions.get(&hash).cloned();
            if now == before {
                continue;
            }
            let decisions = Arc::make_mut(&mut self.decisions);
            if let Some(decision) = &now {
                self.overlay.write_json(of(b'V', hash), decision);
                decisions.insert(hash, decision.clone());
            } else {
                self.overlay.remove(of(b'V', hash));
                decisions.remove(&hash);
            }
            let told = |decision: &Option<Decision>| decision.as_ref().and_then(|it| self.inner.shape.decided(it));
            wanted.extend(told(&before).map(Told::undone));
            wanted.extend(told(&now).map(Told::decided));
            reconsidered.extend(before.into_iter().chain(now));
        }
        Ok((wanted, reconsidered))
    }

    /// Notes on the items of a component which one it is and whose user id it holds.
    fn place(&mut self, component: &[u128]) -> Result<()> {
        let mut user = 0;
        for &node in component {
            if self.node(node)?.is_some_and(Node::is_user_id) {
                user = node;
            }
        }
        let least = component.iter().copied().min().unwrap_or_default();
        for &node in component {
            for id in self.items_of(node)? {
                let item = &mut self.known_item(id)?.now;
                (item.component, item.user) = (least, user);
            }
        }
        Ok(())
    }

    fn tell(&mut self, changes: Vec<Told>) -> Result<BTreeSet<u128>> {
        if changes.is_empty() {
            return Ok(BTreeSet::new());
        }
        let (changes, back): (Vec<Change>, Vec<Change>) =
            changes.into_iter().map(|told| (told.change, told.back)).unzip();
        self.told = back.into_iter().rev().collect();
        let begun = Instant::now();
        let regrouped = self.inner.matcher_mut().as_mut().map(|matcher| matcher.apply(&changes)).unwrap_or_default();
        self.matching = begun.elapsed();
        let moved: BTreeSet<u64> = regrouped.before.into_iter().chain(regrouped.after).flatten().collect();
        moved.into_iter().map(|item| self.known_home(item)).collect()
    }

    /// Has the matcher forget what this batch told it.
    pub(crate) fn take_back(&mut self) {
        if let Some(matcher) = self.inner.matcher_mut().as_mut() {
            matcher.apply(&std::mem::take(&mut self.told));
        }
    }
}

/// A change for the matcher, and what takes it back.
struct Told {
    change: Change,
    back: Change,
}

impl Told {
    fn item(id: u64, before: Option<MatchItem>, after: Option<MatchItem>) -> Option<Self> {
        let change = |item: Option<MatchItem>| item.map_or(Change::Remove(id), Change::Put);
        (before != after).then(|| Self { change: change(after), back: change(before) })
    }

    fn decided(decided: Decided) -> Self {
        let back = Change::Undo(decided.id);
        Self { change: Change::Decide(decided), back }
    }

    fn undone(decided: Decided) -> Self {
        Self { change: Change::Undo(decided.id), back: Change::Decide(decided) }
    }
}
