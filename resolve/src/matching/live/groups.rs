//! Which items say the same.
//!
//! Items are of one group if all they say is the same but for devices that no other
//! item has, and if nothing else tells them apart: a node of several items or with
//! exclusive values keeps to itself, and so do items that decisions name, each side
//! of a decision together.

use super::super::copies::{COUNTED, Content};
use super::super::decision::{Decision, Verdict};
use super::super::engine::{Change, Item, map_bytes};
use super::super::field::normal_values;
use super::super::hash::{FastMap, mix, ordered, text};
use super::super::model::Model;
use super::super::normalise::DayOrder;
use super::super::role::Role;
use super::super::threads::map_parts;
use super::draft::Draft;
use std::collections::BTreeSet;

/// Places beside those of fields.
const LIMITS: usize = 1 << 8;
const NODE: usize = LIMITS + 1;
const ITEM: usize = LIMITS + 2;
const DECISION: usize = LIMITS + 3;

/// What tells items apart, of one item.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// What it says, devices left out, and its limits.
    content: Content,
    node: u64,
    is_limited: bool,
}

/// Items, mostly one.
#[derive(Clone, Debug)]
#[allow(clippy::box_collection, reason = "nearly all are one item, for which a map holds half as much")]
enum Few {
    One(u64),
    Many(Box<BTreeSet<u64>>),
}

impl Few {
    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(items) => items.len(),
        }
    }

    fn add(&mut self, item: u64) {
        match self {
            Self::One(one) if *one == item => {}
            Self::One(one) => *self = Self::Many(Box::new(BTreeSet::from([*one, item]))),
            Self::Many(items) => {
                items.insert(item);
            }
        }
    }

    /// Takes one of several away.
    fn take(&mut self, item: u64) {
        let Self::Many(items) = self else { return };
        items.remove(&item);
        if let (1, Some(&one)) = (items.len(), items.first()) {
            *self = Self::One(one);
        }
    }

    fn items(&self) -> Vec<u64> {
        match self {
            Self::One(item) => vec![*item],
            Self::Many(items) => items.iter().copied().collect(),
        }
    }

    fn first(&self) -> u64 {
        match self {
            Self::One(item) => *item,
            Self::Many(items) => items.first().copied().unwrap_or_default(),
        }
    }
}

/// Adds an item to those of a key.
fn enter(map: &mut FastMap<u64, Few>, key: u64, item: u64) {
    map.entry(key).and_modify(|few| few.add(item)).or_insert(Few::One(item));
}

/// Takes an item from those of a key.
fn leave(map: &mut FastMap<u64, Few>, key: u64, item: u64) {
    match map.get_mut(&key) {
        Some(Few::One(one)) if *one == item => {
            map.remove(&key);
        }
        Some(few) => few.take(item),
        None => {}
    }
}

/// Which items say the same; see the head of this file.
#[derive(Debug)]
pub(super) struct Groups {
    fields: Vec<(Role, DayOrder)>,
    entries: FastMap<u64, Entry>,
    /// Items by what they say.
    by_content: FastMap<u64, Few>,
    /// Groups of several that are one person.
    joined: FastMap<u64, bool>,
    /// Items by their nodes.
    nodes: FastMap<u64, Few>,
    /// Items by the hash of a device and its field.
    carriers: FastMap<u64, Few>,
    /// Devices of items as received, by field; only of items that have any.
    cells: FastMap<u64, Box<[(u8, String)]>>,
    /// Decisions in force by their ids.
    decisions: FastMap<u64, Decision>,
    /// By item: the decisions that name it and on which side, sorted.
    named: FastMap<u64, Vec<(u64, u8)>>,
}

impl Groups {
    pub(super) fn new(model: &Model) -> Self {
        let field = |field: &super::super::FieldModel| (field.role, field.day_order.unwrap_or(DayOrder::DayFirst));
        let (entries, by_content, joined, nodes, carriers, cells, decisions, named) = Default::default();
        let fields = model.fields.iter().map(field).collect();
        Self { fields, entries, by_content, joined, nodes, carriers, cells, decisions, named }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes held, estimated.
    pub(super) fn bytes(&self) -> usize {
        let few = |map: &FastMap<u64, Few>| {
            map_bytes(map) + map.values().map(|few| if few.len() > 1 { few.len() * 16 } else { 0 }).sum::<usize>()
        };
        let cells: usize = self.cells.values().flat_map(|cells| cells.iter()).map(|(_, text)| 32 + text.len()).sum();
        map_bytes(&self.entries)
            + few(&self.by_content)
            + few(&self.nodes)
            + few(&self.carriers)
            + map_bytes(&self.cells)
            + cells
    }

    /// Takes in many items; returns those that stand for the others.
    pub(super) fn load(&mut self, items: Vec<Item>, threads: usize) -> Vec<Item> {
        let entries = map_parts(threads, &items, |items| items.iter().map(|item| self.entry(item)).collect::<Vec<_>>());
        let entries: Vec<Entry> = entries.into_iter().flatten().collect();
        self.entries.reserve(items.len());
        self.by_content.reserve(items.len());
        self.nodes.reserve(items.len());
        for (item, entry) in items.iter().zip(entries) {
            self.record(item, entry);
        }
        for item in &items {
            let key = self.key(item.id);
            enter(&mut self.by_content, key, item.id);
        }
        items.into_iter().filter(|item| self.bearer(item.id) == Some(item.id)).collect()
    }

    /// What an item says by itself.
    fn entry(&self, item: &Item) -> Entry {
        let mut content = Content::default();
        for (place, &(role, day_order)) in self.fields.iter().enumerate() {
            if role != Role::Device {
                content.add_field(place, role, hashes(role, day_order, item.values.get(place)).into_iter());
            }
        }
        for &(kind, value) in &item.limits {
            content.add(LIMITS, ordered(kind, value));
        }
        Entry { content, node: item.node, is_limited: !item.limits.is_empty() }
    }

    /// Writes down an item that was not there.
    fn record(&mut self, item: &Item, entry: Entry) {
        self.entries.insert(item.id, entry);
        enter(&mut self.nodes, item.node, item.id);
        let device = |(place, cell): (usize, &Option<String>)| {
            let is_device = self.fields.get(place).is_some_and(|(role, _)| *role == Role::Device);
            cell.as_ref().filter(|cell| is_device && !cell.trim().is_empty()).map(|cell| (place as u8, cell.clone()))
        };
        let cells: Box<[(u8, String)]> = item.values.iter().enumerate().filter_map(device).collect();
        if !cells.is_empty() {
            self.cells.insert(item.id, cells);
            for (_, value) in self.device_hashes(item.id) {
                enter(&mut self.carriers, value, item.id);
            }
        }
    }

    /// Forgets an item that is in no group any more.
    fn forget(&mut self, item: u64) {
        for (_, value) in self.device_hashes(item) {
            leave(&mut self.carriers, value, item);
        }
        self.cells.remove(&item);
        if let Some(entry) = self.entries.remove(&item) {
            leave(&mut self.nodes, entry.node, item);
        }
    }

    /// The devices of an item: field, and hash of both.
    fn device_hashes(&self, item: u64) -> Vec<(usize, u64)> {
        let mut found = Vec::new();
        for (place, cell) in self.cells.get(&item).into_iter().flatten() {
            let place = usize::from(*place);
            let (role, day_order) = self.fields[place];
            let own = hashes(role, day_order, Some(&Some(cell.clone())));
            found.extend(own.into_iter().map(|hash| (place, ordered(place as u64, hash))));
        }
        found
    }

    /// Devices of an item as they are compared, by field.
    pub(super) fn devices(&self, item: u64) -> impl Iterator<Item = (usize, Vec<String>)> + '_ {
        let devices = self.fields.iter().enumerate().filter(|(_, (role, _))| *role == Role::Device);
        devices.map(move |(place, &(role, day_order))| {
            let mut own = Vec::new();
            if let Some(cell) = self.cell(item, place) {
                normal_values(role, &cell, day_order, |normal| own.push(normal));
            }
            (place, own)
        })
    }

    /// A device's cell of an item as it was received.
    fn cell(&self, item: u64, place: usize) -> Option<String> {
        let cells = self.cells.get(&item)?;
        cells.iter().find(|(of, _)| usize::from(*of) == place).map(|(_, cell)| cell.clone())
    }

    /// Puts an item's own devices in place of those of another.
    pub(super) fn with_devices(&self, item: u64, mut values: Vec<Option<String>>) -> Vec<Option<String>> {
        for (place, (role, _)) in self.fields.iter().enumerate() {
            if *role == Role::Device {
                values[place] = self.cell(item, place);
            }
        }
        values
    }

    pub(super) fn node(&self, item: u64) -> u64 {
        self.entries.get(&item).map_or(0, |entry| entry.node)
    }

    /// Whether others have one of an item's devices.
    pub(super) fn shares_device(&self, item: u64) -> bool {
        self.device_hashes(item).iter().any(|(_, value)| self.is_shared(*value))
    }

    fn is_shared(&self, device: u64) -> bool {
        self.carriers.get(&device).is_some_and(|few| few.len() > 1)
    }

    /// Whether the group of an item is of items of one node alone.
    pub(super) fn is_of_one_node(&self, item: u64) -> bool {
        let of = |entry: &Entry| entry.is_limited || self.nodes.get(&entry.node).is_some_and(|few| few.len() > 1);
        self.entries.get(&item).is_some_and(of)
    }

    /// The group of an item.
    fn key(&self, item: u64) -> u64 {
        let mut content = self.entries.get(&item).map(|entry| entry.content).unwrap_or_default();
        for (place, value) in self.device_hashes(item) {
            if self.is_shared(value) {
                content.add_field(place, Role::Device, std::iter::once(value));
            }
        }
        if self.is_of_one_node(item) {
            content.add(NODE, self.node(item));
        } else if !content.tells() {
            content.add(ITEM, item);
        }
        for &(decision, side) in self.named.get(&item).into_iter().flatten() {
            content.add(DECISION, mix(decision) ^ u64::from(side));
        }
        content.hash
    }

    /// The item that stands for one, if that is there.
    pub(super) fn bearer(&self, item: u64) -> Option<u64> {
        self.entries.get(&item)?;
        self.by_content.get(&self.key(item)).map(Few::first)
    }

    /// The item that stands for those of a group of several.
    pub(super) fn bearer_of_many(&self, key: u64) -> Option<u64> {
        self.by_content.get(&key).filter(|few| few.len() > 1).map(Few::first)
    }

    /// Groups of several and what stands for each.
    pub(super) fn many(&self) -> Vec<(u64, u64)> {
        self.by_content.iter().filter(|(_, few)| few.len() > 1).map(|(&key, few)| (key, few.first())).collect()
    }

    /// The items of the group that one stands for, and whether they are one person.
    pub(super) fn members(&self, bearer: u64) -> (Vec<u64>, bool) {
        self.of_key(self.key(bearer))
    }

    /// For how many items one counts that stands for others.
    pub(super) fn counts_for(&self, bearer: u64) -> u8 {
        match self.members(bearer) {
            (items, true) => items.len().min(COUNTED) as u8,
            _ => 1,
        }
    }

    /// The items of a group, and whether they are one person.
    pub(super) fn of_key(&self, key: u64) -> (Vec<u64>, bool) {
        let items = self.by_content.get(&key).map(Few::items).unwrap_or_default();
        (items, self.joined.get(&key).copied().unwrap_or_default())
    }

    pub(super) fn join(&mut self, key: u64, joined: bool) {
        self.joined.insert(key, joined);
    }

    /// Items that say the same as another, and are not one with it.
    pub(super) fn parted(&self) -> impl Iterator<Item = u64> + '_ {
        let parted = self.by_content.iter().filter(|(key, few)| few.len() > 1 && self.joined.get(key) != Some(&true));
        parted.flat_map(|(_, few)| few.items().into_iter().skip(1))
    }

    /// Marks the group of an item as one that may be another than before.
    pub(super) fn touch(&self, item: u64, draft: &mut Draft) {
        if self.entries.contains_key(&item) {
            let key = self.key(item);
            draft.touch(key, || self.of_key(key));
        }
    }

    /// Brings groups up to date with a change.
    pub(super) fn draft(&mut self, change: &Change, draft: &mut Draft) {
        match change {
            Change::Put(item) => {
                let entry = self.entry(item);
                let mates = self.mates(item.id, item);
                self.regroup(&mates, draft, |groups| {
                    groups.forget(item.id);
                    groups.record(item, entry);
                });
                draft.put(item);
            }
            Change::Remove(id) => {
                let mates = self.mates(*id, &Item::default());
                self.regroup(&mates, draft, |groups| groups.forget(*id));
                draft.gone(*id);
            }
            Change::Decide(decision) => {
                let before = self.decisions.get(&decision.id).cloned();
                let named = before.iter().chain([decision]).flat_map(|decision| named(&decision.verdict));
                let named: Vec<u64> = named.map(|(item, _)| item).collect();
                self.regroup(&named, draft, |groups| {
                    groups.unname(decision.id);
                    groups.name(decision);
                });
            }
            Change::Undo(id) => {
                let Some(decision) = self.decisions.get(id) else { return };
                let named: Vec<u64> = named(&decision.verdict).into_iter().map(|(item, _)| item).collect();
                self.regroup(&named, draft, |groups| groups.unname(*id));
            }
        }
    }

    /// Whose groups change when an item becomes another: its own, and those of items of
    /// its nodes and devices, which may be shared then or not any more.
    fn mates(&self, id: u64, item: &Item) -> Vec<u64> {
        let few = |few: &Few| if few.len() <= 2 { few.items() } else { Vec::new() };
        let mut mates = vec![id];
        let node = |node: u64| self.nodes.get(&node).map(few).unwrap_or_default();
        mates.extend(node(self.node(id)));
        mates.extend(node(item.node));
        let device = |value: u64| self.carriers.get(&value).map(few).unwrap_or_default();
        mates.extend(self.device_hashes(id).into_iter().flat_map(|(_, value)| device(value)));
        for (place, cell) in item.values.iter().enumerate() {
            if let Some(&(Role::Device, day_order)) = self.fields.get(place) {
                let hashes = hashes(Role::Device, day_order, Some(cell)).into_iter();
                mates.extend(hashes.flat_map(|hash| device(ordered(place as u64, hash))));
            }
        }
        mates
    }

    /// Takes items out of their groups, changes something, and puts those that are
    /// there into theirs.
    fn regroup(&mut self, items: &[u64], draft: &mut Draft, change: impl FnOnce(&mut Self)) {
        let items: BTreeSet<u64> = items.iter().copied().collect();
        for &item in items.iter().filter(|item| self.entries.contains_key(item)) {
            let key = self.key(item);
            draft.take_out(item, key, || self.of_key(key));
        }
        let keys: Vec<(u64, u64)> =
            items.iter().filter(|item| self.entries.contains_key(item)).map(|&item| (item, self.key(item))).collect();
        for (item, key) in keys {
            leave(&mut self.by_content, key, item);
            if self.by_content.get(&key).is_none_or(|few| few.len() < 2) {
                self.joined.remove(&key);
            }
        }
        change(self);
        for &item in items.iter().filter(|item| self.entries.contains_key(item)) {
            let key = self.key(item);
            draft.touch(key, || self.of_key(key));
            enter(&mut self.by_content, key, item);
        }
    }

    /// Takes a decision into force.
    pub(super) fn name(&mut self, decision: &Decision) {
        for (item, side) in named(&decision.verdict) {
            let of_item = self.named.entry(item).or_default();
            of_item.push((decision.id, side));
            of_item.sort_unstable();
        }
        self.decisions.insert(decision.id, decision.clone());
    }

    fn unname(&mut self, decision: u64) {
        let Some(known) = self.decisions.remove(&decision) else { return };
        for (item, _) in named(&known.verdict) {
            if let Some(of_item) = self.named.get_mut(&item) {
                of_item.retain(|(id, _)| *id != decision);
                if of_item.is_empty() {
                    self.named.remove(&item);
                }
            }
        }
    }
}

/// The items that a verdict names, and on which side.
fn named(verdict: &Verdict) -> Vec<(u64, u8)> {
    match verdict {
        Verdict::Never { one, other } => {
            one.iter().map(|&item| (item, 0)).chain(other.iter().map(|&item| (item, 1))).collect()
        }
        Verdict::Assert { one, other } => vec![(*one, 0), (*other, 1)],
        Verdict::Detach { item, .. } => vec![(*item, 0)],
        Verdict::Generic { .. } => Vec::new(),
    }
}

/// Hashes of the values of a cell, sorted.
fn hashes(role: Role, day_order: DayOrder, cell: Option<&Option<String>>) -> Vec<u64> {
    let mut hashes = Vec::new();
    let cell = cell.and_then(Option::as_deref).map_or("", str::trim);
    if !cell.is_empty() {
        normal_values(role, cell, day_order, |normal| hashes.push(text(3, &normal)));
        hashes.sort_unstable();
        hashes.dedup();
    }
    hashes
}
