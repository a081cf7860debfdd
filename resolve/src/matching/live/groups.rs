//! Which items say the same.
//!
//! Items are of one group if all they say is the same but for devices that no other
//! item has, and if nothing else tells them apart: a node of several items or with
//! exclusive values keeps to itself, and so do items that decisions name, each side
//! of a decision together.

use super::super::copies::{Content, counted};
use super::super::decision::{Decision, Verdict};
use super::super::engine::ready::{Named, Reader, Ready};
use super::super::engine::{Change, Item, map_bytes};
use super::super::field::SEPARATOR;
use super::super::hash::{FastMap, mix, ordered};
use super::super::model::Model;
use super::super::role::Role;
use super::super::threads::map_parts;
use super::draft::Draft;
use super::few::{Devices, Few, enter, leave};
use std::collections::BTreeSet;

/// Places beside those of fields.
const LIMITS: usize = 1 << 8;
const NODE: usize = LIMITS + 1;
const DEVICE: usize = LIMITS + 4;
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

/// Which items say the same; see the head of this file.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) reader: Reader,
    roles: Vec<Role>,
    entries: FastMap<u64, Entry>,
    /// Items by what they say.
    by_content: FastMap<u64, Few>,
    /// Groups of several, by what stands for each.
    several: FastMap<u64, u64>,
    /// Groups of several that are one person.
    joined: FastMap<u64, bool>,
    /// Items by their nodes.
    nodes: FastMap<u64, Few>,
    /// Items by the hash of a device and its field.
    carriers: FastMap<u64, Few>,
    /// Hashes of the devices of items that have any, each with its field.
    devices: FastMap<u64, Devices>,
    /// Devices as received, by field, of items that others stand for.
    cells: FastMap<u64, Box<[(u8, String)]>>,
    /// Decisions in force by their ids.
    decisions: FastMap<u64, Decision>,
    /// By item: the decisions that name it and on which side, sorted.
    named: FastMap<u64, Vec<(u64, u8)>>,
}

impl Groups {
    pub(super) fn new(model: &Model) -> Self {
        let (entries, by_content, several, joined, nodes) = Default::default();
        let (carriers, devices, cells, decisions, named) = Default::default();
        let reader = Reader::new(model);
        let roles = reader.roles().collect();
        Self { reader, roles, entries, by_content, several, joined, nodes, carriers, devices, cells, decisions, named }
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
        let several =
            self.devices.values().map(|devices| if let Devices::Several(all) = devices { all.len() * 8 } else { 0 });
        map_bytes(&self.entries)
            + few(&self.by_content)
            + few(&self.nodes)
            + few(&self.carriers)
            + map_bytes(&self.several)
            + map_bytes(&self.devices)
            + several.sum::<usize>()
            + map_bytes(&self.cells)
            + cells
    }

    /// Takes in many items; returns those that stand for the others.
    pub(super) fn load(&mut self, items: Vec<Item>, threads: usize) -> Vec<Item> {
        let read = |item: &Item| self.read(&self.reader.item(item));
        let read = map_parts(threads, &items, |items| items.iter().map(read).collect::<Vec<_>>());
        self.entries.reserve(items.len());
        self.by_content.reserve(items.len());
        self.nodes.reserve(items.len());
        for (item, (entry, devices)) in items.iter().zip(read.into_iter().flatten()) {
            self.record(item.id, entry, devices);
        }
        for item in &items {
            let key = self.key(item.id);
            self.enter(key, item.id);
        }
        let (standing, copies): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| self.bearer(item.id) == Some(item.id));
        for item in copies {
            self.keep_cells(item.id, &self.reader.item(&item).cells);
        }
        standing
    }

    /// What an item says by itself, and its devices.
    fn read(&self, item: &Ready) -> (Entry, Vec<u64>) {
        let (mut content, mut devices) = (Content::default(), Vec::new());
        for (place, (&role, cell)) in self.roles.iter().zip(&item.cells).enumerate() {
            let hashes = cell.iter().map(|value| value.identity);
            if role == Role::Device {
                devices.extend(hashes.map(|hash| ordered(place as u64, hash)));
            } else {
                content.add_field(place, role, hashes);
            }
        }
        for &(kind, value) in &item.limits {
            content.add(LIMITS, ordered(kind, value));
        }
        (Entry { content, node: item.node, is_limited: !item.limits.is_empty() }, devices)
    }

    /// Writes down an item that was not there.
    fn record(&mut self, item: u64, entry: Entry, devices: Vec<u64>) {
        self.entries.insert(item, entry);
        enter(&mut self.nodes, entry.node, item);
        for &device in &devices {
            enter(&mut self.carriers, device, item);
        }
        match devices.as_slice() {
            [] => {}
            &[one] => {
                self.devices.insert(item, Devices::One(one));
            }
            _ => {
                self.devices.insert(item, Devices::Several(devices.into()));
            }
        }
    }

    /// Forgets an item that is in no group any more.
    fn forget(&mut self, item: u64) {
        for &device in self.devices.remove(&item).iter().flat_map(Devices::all) {
            leave(&mut self.carriers, device, item);
        }
        self.cells.remove(&item);
        if let Some(entry) = self.entries.remove(&item) {
            leave(&mut self.nodes, entry.node, item);
        }
    }

    /// Keeps the devices of an item that another stands for.
    pub(super) fn keep_cells(&mut self, item: u64, cells: &[Vec<Named>]) {
        let text = |cell: &[Named]| {
            cell.iter().map(|value| value.text.as_str()).collect::<Vec<_>>().join(&SEPARATOR.to_string())
        };
        let devices = self.places_of_devices().filter(|&place| cells.get(place).is_some_and(|cell| !cell.is_empty()));
        let cells: Box<[(u8, String)]> = devices.map(|place| (place as u8, text(&cells[place]))).collect();
        if !cells.is_empty() {
            self.cells.insert(item, cells);
        }
    }

    /// Keeps no devices of an item that stands for itself.
    pub(super) fn drop_cells(&mut self, item: u64) {
        self.cells.remove(&item);
    }

    fn places_of_devices(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.roles.len()).filter(|&place| self.roles[place] == Role::Device)
    }

    /// Hashes of the devices of an item, each with its field.
    fn devices_of(&self, item: u64) -> &[u64] {
        self.devices.get(&item).map_or(&[], Devices::all)
    }

    /// Devices of an item that another stands for, as they are compared, by field.
    pub(super) fn devices(&self, item: u64) -> impl Iterator<Item = (usize, Vec<String>)> + '_ {
        self.places_of_devices().map(move |place| {
            let cell = self.cell(item, place).unwrap_or_default();
            (place, self.reader.cell(place, &cell).into_iter().map(|value| value.text).collect())
        })
    }

    /// A device's cell of an item that another stands for.
    fn cell(&self, item: u64, place: usize) -> Option<String> {
        let cells = self.cells.get(&item)?;
        cells.iter().find(|(of, _)| usize::from(*of) == place).map(|(_, cell)| cell.clone())
    }

    /// Puts an item's own devices in place of those of another.
    pub(super) fn with_devices(&self, item: u64, mut values: Vec<Option<String>>) -> Vec<Option<String>> {
        for place in self.places_of_devices() {
            values[place] = self.cell(item, place);
        }
        values
    }

    pub(super) fn node(&self, item: u64) -> u64 {
        self.entries.get(&item).map_or(0, |entry| entry.node)
    }

    /// Whether others have one of an item's devices.
    pub(super) fn shares_device(&self, item: u64) -> bool {
        self.devices_of(item).iter().any(|&device| self.is_shared(device))
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
        for &device in self.devices_of(item).iter().filter(|&&device| self.is_shared(device)) {
            content.add_field(DEVICE, Role::Device, std::iter::once(device));
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
        self.bearer_of(self.key(item))
    }

    /// The item that stands for those of a group of several.
    pub(super) fn bearer_of_many(&self, key: u64) -> Option<u64> {
        self.by_content.get(&key).filter(|few| few.len() > 1).map(Few::first)
    }

    /// Groups of several and what stands for each.
    pub(super) fn many(&self) -> Vec<(u64, u64)> {
        self.several.iter().map(|(&bearer, &key)| (key, bearer)).collect()
    }

    /// The items of the group that one stands for, and whether they are one person;
    /// nothing if it is the only one.
    pub(super) fn members(&self, bearer: u64) -> Option<(Vec<u64>, bool)> {
        self.several.get(&bearer).map(|&key| self.of_key(key))
    }

    /// For how many items one counts that stands for others.
    pub(super) fn counts_for(&self, bearer: u64) -> u8 {
        match self.members(bearer) {
            Some((items, true)) => counted(items.len() as u32),
            _ => 1,
        }
    }

    /// Adds an item to a group.
    fn enter(&mut self, key: u64, item: u64) {
        let before = self.bearer_of_many(key);
        enter(&mut self.by_content, key, item);
        self.note_several(key, before);
    }

    /// Takes an item out of a group.
    fn leave(&mut self, key: u64, item: u64) {
        let before = self.bearer_of_many(key);
        leave(&mut self.by_content, key, item);
        self.note_several(key, before);
    }

    /// Notes what stands for a group if it is of several, as another may have `before`.
    fn note_several(&mut self, key: u64, before: Option<u64>) {
        let now = self.bearer_of_many(key);
        if now != before {
            before.and_then(|bearer| self.several.remove(&bearer));
            now.and_then(|bearer| self.several.insert(bearer, key));
        }
    }

    /// The item that stands for a group.
    pub(super) fn bearer_of(&self, key: u64) -> Option<u64> {
        self.by_content.get(&key).map(Few::first)
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
                let item = self.reader.item(item);
                let (entry, devices) = self.read(&item);
                let mates = self.mates(item.id, item.node, &devices);
                self.regroup(&mates, draft, |groups| {
                    groups.forget(item.id);
                    groups.record(item.id, entry, devices);
                });
                draft.put(item);
            }
            Change::Remove(id) => {
                let mates = self.mates(*id, self.node(*id), &[]);
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

    /// Whose groups change when an item comes to be of a node and to have devices: its
    /// own, and those of items of its nodes and devices, before and then, which may be
    /// shared then or not any more.
    fn mates(&self, id: u64, node: u64, devices: &[u64]) -> Vec<u64> {
        let mut mates = vec![id];
        let mut add =
            |few: Option<&Few>| mates.extend(few.filter(|few| few.len() <= 2).into_iter().flat_map(Few::items));
        add(self.nodes.get(&self.node(id)));
        add(self.nodes.get(&node));
        for device in self.devices_of(id).iter().chain(devices) {
            add(self.carriers.get(device));
        }
        mates
    }

    /// Takes items out of their groups, changes something, and puts those that are
    /// there into theirs.
    fn regroup(&mut self, items: &[u64], draft: &mut Draft, change: impl FnOnce(&mut Self)) {
        let items: BTreeSet<u64> = items.iter().copied().collect();
        let there = items.iter().filter(|item| self.entries.contains_key(item));
        let keys: Vec<(u64, u64)> = there.map(|&item| (item, self.key(item))).collect();
        for &(item, key) in &keys {
            draft.take_out(item, key, || self.of_key(key));
        }
        for (item, key) in keys {
            self.leave(key, item);
            if self.by_content.get(&key).is_none_or(|few| few.len() < 2) {
                self.joined.remove(&key);
            }
        }
        change(self);
        for item in items {
            if !self.entries.contains_key(&item) {
                continue;
            }
            let key = self.key(item);
            draft.touch(key, || self.of_key(key));
            self.enter(key, item);
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
