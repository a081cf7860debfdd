//! One batch of the worker: dedupe, resolve, fold, and one atomic write.

use crate::fold::fold_trait_name;
use crate::keys::{key, of, pair};
use crate::overlay::Overlay;
use crate::regroup::regroup;
use crate::state::{Base, Inner, Table};
use crate::values::{Contribution, Contributions, Node, decode_numbers, numbers};
use crate::{ObjectRow, ProfileChange, Result};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tributary_protocol::{
    Identifier, KIND_PHONE, KIND_USER_ID, LogValue, Object, Record, RecordKind, Timestamp, canonical_json, hash128,
    kind_rank, links,
};
use tributary_resolve::{Edge, NodeFacts, NodeId, Resolver, Strength};

/// Evidence that was observed on one record.
const CLASS_OBSERVED: u8 = 1;
/// Up to this many linking identifiers every pair is an edge; beyond, a star from the owner.
const CLIQUE_MAX: usize = 8;

/// Whether history is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Changes of the partition are history.
    Live,
    /// The state is made again: its history is known.
    Rebuild,
}

/// A value that counted: the first copy of its delivery.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Its offset in the partition.
    pub offset: u64,
    /// The value.
    pub value: LogValue,
}

/// What a batch did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// First copies, in the order of the log.
    pub counted: Vec<Counted>,
    /// Later copies.
    pub duplicates: u64,
    /// Records of suppressed people.
    pub suppressed: u64,
    /// Changes of the partition.
    pub changes: Vec<ProfileChange>,
    /// Rows that changed.
    pub dirty: Vec<(Table, u128)>,
}

/// The batch under way.
pub(crate) struct Batch<'s> {
    pub(crate) overlay: Overlay<'s>,
    pub(crate) inner: &'s Inner,
    /// When the nodes of the batch were first seen, to read each once.
    first_seen: HashMap<u128, i64>,
    /// Nodes that are new or were seen earlier than known.
    pub(crate) earlier: BTreeSet<u128>,
    /// Nodes whose contributions changed.
    pub(crate) contributed: BTreeSet<u128>,
    pub(crate) dirty: BTreeSet<(Table, u128)>,
    pub(crate) changes: Vec<ProfileChange>,
    pub(crate) newest: i64,
}

impl Inner {
    pub(crate) fn apply_batch(
        &self,
        partition: u32,
        next: u64,
        values: Vec<(u64, LogValue)>,
        mode: Mode,
    ) -> Result<Applied> {
        let position_key = key(b'P', &[&partition.to_be_bytes()]);
        let overlay = Overlay::new(&*self.store);
        let position = overlay.get(&position_key)?.map_or(Ok([0]), |bytes| decode_numbers::<1>("position", &bytes))?[0];
        let mut batch = Batch {
            overlay,
            inner: self,
            first_seen: HashMap::new(),
            earlier: BTreeSet::new(),
            contributed: BTreeSet::new(),
            dirty: BTreeSet::new(),
            changes: Vec::new(),
            newest: 0,
        };
        let mut applied = Applied::default();
        let base = Base(&*self.store);
        let mut resolver = Resolver::new(&base);
        let mut crowded = HashSet::new();
        for (offset, value) in values.into_iter().filter(|(offset, _)| *offset >= position) {
            if !batch.is_first(partition, offset, &value)? {
                applied.duplicates += 1;
                continue;
            }
            if let LogValue::Record(record) = &value {
                batch.take(record, &mut resolver, &mut crowded)?;
            }
            applied.counted.push(Counted { offset, value });
        }
        self.find_generic(&mut resolver, &crowded)?;
        regroup(&mut batch, &resolver.finish()?)?;
        if mode == Mode::Rebuild {
            batch.changes.clear();
        }
        batch.overlay.put(position_key, numbers(&[next.max(position)]));
        batch.finish(&mut applied)?;
        Ok(applied)
    }

    /// An identifier with too many distinct user ids around it joins nothing.
    fn find_generic(&self, resolver: &mut Resolver<'_, Base<'_>>, crowded: &HashSet<NodeId>) -> Result<()> {
        for &node in crowded {
            if resolver.node(node)?.is_some_and(|facts| facts.generic) {
                continue;
            }
            let mut user_ids = 0;
            for neighbour in resolver.neighbours(node)? {
                user_ids += u32::from(resolver.node(neighbour)?.is_some_and(|facts| facts.is_user_id));
            }
            if user_ids > self.options.generic_after {
                resolver.set_generic(node)?;
            }
        }
        Ok(())
    }
}

impl Batch<'_> {
    fn is_first(&mut self, partition: u32, offset: u64, value: &LogValue) -> Result<bool> {
        let dedup = of(b'D', value.dedup_key().0);
        if self.overlay.get(&dedup)?.is_some() {
            return Ok(false);
        }
        self.overlay.put(dedup, numbers(&[u64::from(partition), offset]));
        Ok(true)
    }

    fn take(
        &mut self,
        record: &Record,
        resolver: &mut Resolver<'_, Base<'_>>,
        crowded: &mut HashSet<NodeId>,
    ) -> Result<()> {
        self.newest = self.newest.max(record.event_time().0);
        self.take_object(record)?;
        let Some(owner) = &record.node else { return Ok(()) };
        let time = record.event_time().0;
        let linking: Vec<&Identifier> =
            record.identifiers.iter().filter(|identifier| links(&identifier.kind) || *identifier == owner).collect();
        for identifier in &linking {
            self.see(identifier, time, resolver)?;
        }
        observe(owner, &linking, time, resolver, crowded)?;
        for phone in
            record.identifiers.iter().filter(|identifier| identifier.kind == KIND_PHONE && *identifier != owner)
        {
            self.attach_phone(phone, owner, time)?;
        }
        self.contribute(record, owner)
    }

    /// Notes that an identifier was seen at `time`, and tells the resolver of it.
    fn see(&mut self, identifier: &Identifier, time: i64, resolver: &mut Resolver<'_, Base<'_>>) -> Result<()> {
        let hash = identifier.hash();
        if self.first_seen.get(&hash).is_some_and(|first| *first <= time) {
            return Ok(());
        }
        let known: Option<Node> = self.overlay.read("node", &of(b'N', hash))?;
        let is_user_id = identifier.kind == KIND_USER_ID;
        match &known {
            Some(node) => resolver.know(NodeId(hash), NodeFacts { is_user_id, generic: node.generic }),
            None => resolver.add_node(NodeId(hash), NodeFacts { is_user_id, generic: false })?,
        }
        let node = match known {
            Some(node) if node.first_seen <= time => {
                self.first_seen.insert(hash, node.first_seen);
                return Ok(());
            }
            Some(node) => Node { first_seen: time, ..node },
            None => Node { identifier: identifier.clone(), first_seen: time, generic: false, profile: 0 },
        };
        self.first_seen.insert(hash, time);
        self.overlay.write(of(b'N', hash), &node);
        self.earlier.insert(hash);
        Ok(())
    }

    /// A phone is stored and searchable, and links nothing.
    fn attach_phone(&mut self, phone: &Identifier, owner: &Identifier, time: i64) -> Result<()> {
        let (phone_hash, owner_hash) = (phone.hash(), owner.hash());
        let place = pair(b'H', phone_hash, owner_hash);
        let known = self.overlay.get(&place)?.map(|bytes| decode_numbers::<1>("phone", &bytes)).transpose()?;
        if known.is_some_and(|[seen]| seen.cast_signed() <= time) {
            return Ok(());
        }
        self.overlay.put(place, numbers(&[time.cast_unsigned()]));
        self.overlay.write(pair(b'I', owner_hash, phone_hash), phone);
        self.contributed.insert(owner_hash);
        self.dirty.insert((Table::Identities, phone_hash));
        Ok(())
    }

    fn contribute(&mut self, record: &Record, owner: &Identifier) -> Result<()> {
        let node = owner.hash();
        if record.kind == RecordKind::Delete {
            return self.delete(record, node);
        }
        let top_level = (record.kind == RecordKind::Identify).then_some(&record.traits);
        let of_context = record.context.get("traits").and_then(serde_json::Value::as_object);
        let mut hash = None;
        for (traits, is_top_level) in [(top_level, true), (of_context, false)] {
            for (name, value) in traits.into_iter().flatten() {
                let contribution = Contribution {
                    event_time: record.event_time().0,
                    record: *hash.get_or_insert_with(|| record.hash()),
                    top_level: is_top_level,
                    value: canonical_json(value),
                    message_id: record.message_id.clone(),
                };
                self.keep(node, &fold_trait_name(name), &record.source, contribution)?;
            }
        }
        Ok(())
    }

    fn keep(&mut self, node: u128, name: &str, source: &str, new: Contribution) -> Result<()> {
        let place = key(b'C', &[&node.to_be_bytes(), name.as_bytes(), b"\0", source.as_bytes()]);
        let known: Option<Contributions> = self.overlay.read("contribution", &place)?;
        let now = match known {
            Some(known) if known.least <= new && new <= known.greatest => return Ok(()),
            Some(known) => Contributions { greatest: known.greatest.max(new.clone()), least: known.least.min(new) },
            None => Contributions { greatest: new.clone(), least: new },
        };
        self.overlay.write(place, &now);
        self.contributed.insert(node);
        Ok(())
    }

    /// Hides what this source said of the node up to the record's event time.
    fn delete(&mut self, record: &Record, node: u128) -> Result<()> {
        let place = key(b'T', &[&node.to_be_bytes(), record.source.as_bytes()]);
        let time = record.event_time().0.cast_unsigned();
        let known = self.overlay.get(&place)?.map(|bytes| decode_numbers::<1>("tombstone", &bytes)).transpose()?;
        if known.is_none_or(|[known]| known < time) {
            self.overlay.put(place, numbers(&[time]));
            self.contributed.insert(node);
        }
        Ok(())
    }

    /// Keeps the snapshot with the greatest (event time, record hash).
    fn take_object(&mut self, record: &Record) -> Result<()> {
        let Some(object) = snapshot(record) else { return Ok(()) };
        let hash = hash128(&[record.source.as_bytes(), object.kind.as_bytes(), object.id.as_bytes()]);
        let order = (record.event_time().0, format!("{:032x}", record.hash()));
        let known: Option<((i64, String), ObjectRow)> = self.overlay.read("object", &of(b'J', hash))?;
        if known.is_some_and(|(known, _)| known >= order) {
            return Ok(());
        }
        let row = ObjectRow {
            source: record.source.clone(),
            kind: object.kind,
            id: object.id,
            fields: object.fields,
            associations: object.associations,
            deleted: object.deleted,
            updated_at: record.event_time(),
        };
        self.overlay.write(of(b'J', hash), &(order, row));
        self.dirty.insert((Table::Objects, hash));
        Ok(())
    }

    /// Writes dirty keys, history and sequence, and commits.
    fn finish(mut self, applied: &mut Applied) -> Result<()> {
        let last = self.overlay.get(b"S")?.map_or(Ok([0]), |bytes| decode_numbers::<1>("sequence", &bytes))?[0];
        let mut sequence = last;
        for (table, row) in &self.dirty {
            sequence += 1;
            self.overlay.put(key(b'Y', &[&[table.tag()], &row.to_be_bytes()]), numbers(&[sequence]));
        }
        for change in &self.changes {
            sequence += 1;
            self.overlay.write(key(b'O', &[&sequence.to_be_bytes()]), change);
        }
        if sequence > last {
            self.overlay.put(b"S".to_vec(), numbers(&[sequence]));
        }
        applied.changes = self.changes;
        applied.dirty = self.dirty.into_iter().collect();
        self.inner.store.apply(self.overlay.into_writes())
    }
}

/// The edges of one record.
fn observe(
    owner: &Identifier,
    linking: &[&Identifier],
    time: i64,
    resolver: &mut Resolver<'_, Base<'_>>,
    crowded: &mut HashSet<NodeId>,
) -> Result<()> {
    for (at, one) in linking.iter().enumerate() {
        for other in &linking[at + 1..] {
            let star = linking.len() > CLIQUE_MAX && *one != owner && *other != owner;
            if star || !links(&one.kind) || !links(&other.kind) {
                continue;
            }
            let rank = kind_rank(&one.kind).max(kind_rank(&other.kind));
            let (a, b) = (NodeId(one.hash()), NodeId(other.hash()));
            let strength = Strength { class: CLASS_OBSERVED, rank, first_seen: time };
            if !resolver.observe(Edge::new(a, b, strength))? {
                continue;
            }
            for (near, far) in [(one, other), (other, one)] {
                if far.kind == KIND_USER_ID {
                    crowded.insert(NodeId(near.hash()));
                }
            }
        }
    }
    Ok(())
}

/// The object a record is a snapshot of: its own, or the company of a group call.
fn snapshot(record: &Record) -> Option<Object> {
    if let Some(object) = &record.object {
        return Some(object.clone());
    }
    let id = record.group_id.clone().filter(|_| record.kind == RecordKind::Group)?;
    let associations = record.node.iter().cloned().collect();
    Some(Object { kind: "companies".to_owned(), id, fields: record.traits.clone(), associations, deleted: false })
}

/// Least first-seen time a set of nodes has, for tests and rows.
pub(crate) fn least_seen<'n>(nodes: impl Iterator<Item = &'n Node>) -> Timestamp {
    Timestamp(nodes.map(|node| node.first_seen).min().unwrap_or_default())
}

/// Groups of old profile ids by member, for history.
pub(crate) type Former = BTreeMap<u128, BTreeSet<u128>>;
