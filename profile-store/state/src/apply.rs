//! One batch of the worker: dedupe, resolve, fold, and one atomic write.

use crate::contribute::{Told, snapshot_hash};
use crate::decision::{Decisions, is_decision};
use crate::evidence::Base;
use crate::item::Home;
use crate::keys::{key, of};
use crate::load::FINGERPRINT;
use crate::nodes::Nodes;
use crate::observe::Evident;
use crate::overlay::Overlay;
use crate::regroup::{regroup, write_graph};
use crate::settle::Items;
use crate::state::{Inner, Table};
use crate::traits::Traits;
use crate::values::{Node, Number, Place};
use crate::{Identity, ProfileChange, Result};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tributary_protocol::{LogValue, Record, Timestamp};
use tributary_resolve::matching::Change;
use tributary_resolve::{NodeId, Resolver};

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
    /// Time the matcher took.
    pub matching: Duration,
}

/// The batch under way.
pub(crate) struct Batch<'s> {
    pub(crate) overlay: Overlay<'s>,
    pub(crate) inner: &'s Inner,
    /// Nodes that are read or changed.
    pub(crate) nodes: Nodes,
    /// Items that are read or changed.
    pub(crate) items: Items,
    /// Contributions that are read or changed.
    pub(crate) told_by: Told,
    /// The decisions in force.
    pub(crate) decisions: Arc<Decisions>,
    /// Objects of decisions that the batch made or undid.
    pub(crate) decided: BTreeSet<u128>,
    /// What takes back what the matcher was told.
    pub(crate) told: Vec<Change>,
    /// Time the matcher took.
    pub(crate) matching: Duration,
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
        let position = self.read(&position_key)?.unwrap_or(Number(0)).0;
        let values = values.into_iter().filter(|(offset, _)| *offset >= position);
        let (mut batch, mut applied) = self.work(partition, values, mode)?;
        batch.overlay.write(position_key, &Number(next.max(position)));
        let decisions = Arc::clone(&batch.decisions);
        batch.finish(&mut applied)?;
        self.set_decisions(decisions);
        Ok(applied)
    }

    /// What a value would change, were it applied.
    pub(crate) fn preview(&self, value: LogValue) -> Result<Vec<ProfileChange>> {
        let (mut batch, _) = self.work(0, std::iter::once((0, value)), Mode::Live)?;
        batch.take_back();
        Ok(batch.changes)
    }

    /// Makes a batch of values, up to its write.
    fn work(
        &self,
        partition: u32,
        values: impl Iterator<Item = (u64, LogValue)>,
        mode: Mode,
    ) -> Result<(Batch<'_>, Applied)> {
        let mut batch = Batch::new(self, Overlay::new(&*self.store));
        let mut applied = Applied::default();
        let base = Base::new(&*self.store);
        let mut evident = Evident { resolver: Resolver::new(&base), base: &base, crowded: HashSet::new() };
        for (offset, value) in values {
            if !batch.is_first(partition, offset, &value)? {
                applied.duplicates += 1;
                continue;
            }
            if let LogValue::Record(record) = &value {
                batch.take(record, &mut evident)?;
            }
            applied.counted.push(Counted { offset, value });
        }
        let Evident { mut resolver, crowded, .. } = evident;
        self.find_generic(&mut resolver, &crowded)?;
        let mut changes = resolver.finish()?;
        write_graph(&mut batch, &changes)?;
        let moved = batch.settle(&mut changes, mode == Mode::Live)?;
        regroup(&mut batch, &changes, &moved)?;
        if mode == Mode::Rebuild {
            batch.changes.clear();
            // The matcher was not asked: the next start regroups every profile.
            batch.overlay.remove(FINGERPRINT.to_vec());
        }
        Ok((batch, applied))
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

impl<'s> Batch<'s> {
    pub(crate) fn new(inner: &'s Inner, overlay: Overlay<'s>) -> Self {
        Self {
            overlay,
            inner,
            nodes: Nodes::default(),
            items: Items::default(),
            told_by: Told::default(),
            decisions: inner.decisions(),
            decided: BTreeSet::new(),
            told: Vec::new(),
            matching: Duration::ZERO,
            earlier: BTreeSet::new(),
            contributed: BTreeSet::new(),
            dirty: BTreeSet::new(),
            changes: Vec::new(),
            newest: 0,
        }
    }

    fn is_first(&mut self, partition: u32, offset: u64, value: &LogValue) -> Result<bool> {
        let dedup = of(b'D', value.dedup_key().0);
        if self.overlay.get(&dedup)?.is_some() {
            return Ok(false);
        }
        self.overlay.write(dedup, &Place { partition, offset });
        Ok(true)
    }

    /// Takes in one record that counts.
    fn take(&mut self, record: &Record, evident: &mut Evident<'_, '_>) -> Result<()> {
        self.newest = self.newest.max(record.event_time().0);
        self.take_object(record)?;
        if is_decision(record) {
            self.decided.extend(snapshot_hash(record));
        }
        let Some(owner) = &record.node else { return Ok(()) };
        let mut known = None;
        let mut hash = || *known.get_or_insert_with(|| record.hash());
        let traits = Traits::of(record);
        let identity = self.inner.options.identity;
        let home = (identity != Identity::Deterministic).then(|| Home::of(record)).flatten();
        let node = match &home {
            Some(home) if identity == Identity::Probabilistic => self.observe_exclusive(record, home, evident)?,
            _ => self.observe_all(record, owner, evident)?,
        };
        if let Some(home) = home {
            let home = if identity == Identity::Observe { home.within_owner() } else { home };
            self.take_item(record, &traits, &home, &mut hash)?;
        }
        self.contribute(record, &traits, node, &mut hash)
    }

    /// Writes dirty keys, history and sequence, and commits.
    pub(crate) fn finish(mut self, applied: &mut Applied) -> Result<()> {
        let (inner, new_items) = (self.inner, self.new_items());
        self.write_nodes();
        self.write_contributions();
        let last = self.overlay.read(b"S")?.unwrap_or(Number(0)).0;
        let mut sequence = last;
        // Held until the rows are written: whoever sees the new position sees these rows.
        let mut waiting = inner.dirty();
        for table in Table::ALL {
            let rows: Vec<u128> = self.dirty.range((table, 0)..=(table, u128::MAX)).map(|(_, row)| *row).collect();
            if !rows.is_empty() {
                sequence = last + 1;
                self.overlay.extend(waiting.add(table, sequence, rows));
            }
        }
        for change in &self.changes {
            sequence += 1;
            self.overlay.write_json(key(b'O', &[&sequence.to_be_bytes()]), change);
        }
        if sequence > last {
            self.overlay.write(b"S".to_vec(), &Number(sequence));
        }
        applied.changes = self.changes;
        applied.matching = self.matching;
        applied.dirty = self.dirty.into_iter().collect();
        inner.store.apply(self.overlay.into_writes())?;
        if inner.decides() {
            inner.homes().extend(new_items);
        }
        Ok(())
    }
}

/// Least first-seen time a set of nodes has, for tests and rows.
pub(crate) fn least_seen<'n>(nodes: impl Iterator<Item = &'n Node>) -> Timestamp {
    Timestamp(nodes.map(|node| node.first_seen).min().unwrap_or_default())
}
