//! What a record tells of its person's traits, and the snapshots of objects.

use crate::apply::Batch;
use crate::fold::fold_trait_name;
use crate::keys::{key, of, values_of};
use crate::state::Table;
use crate::traits::Traits;
use crate::values::{Contribution, Contributions, Holds, Said, Time};
use crate::{ObjectRow, Result};
use std::collections::HashMap;
use tributary_protocol::{Object, Record, RecordKind, canonical_json, hash128};

/// What sources told of nodes, by its place: each is read once, changed in memory,
/// and written once if it changed.
#[derive(Default)]
pub(crate) struct Told(HashMap<Vec<u8>, Cached>);

#[derive(Default)]
struct Cached {
    contributions: Contributions,
    changed: bool,
}

impl Batch<'_> {
    /// Keeps what a record contributes to the traits of `node`.
    pub(crate) fn contribute(
        &mut self,
        record: &Record,
        traits: &Traits<'_>,
        node: u128,
        hash: &mut impl FnMut() -> u128,
    ) -> Result<()> {
        if record.kind == RecordKind::Delete {
            return self.delete(record, node);
        }
        if traits.is_empty() {
            return Ok(());
        }
        let place = contributions_place(node, &record.source);
        let mut of_source = match self.told_by.0.remove(&place) {
            Some(cached) => cached,
            None => {
                Cached { contributions: self.beside(node, Holds::TRAITS, &place)?.unwrap_or_default(), changed: false }
            }
        };
        let top_level = traits.top_level().map(|told| (told, true));
        for ((name, value), is_top_level) in top_level.chain(traits.of_context().map(|told| (told, false))) {
            let contribution = Contribution {
                event_time: record.event_time().0,
                record: hash(),
                top_level: is_top_level,
                value: canonical_json(value),
                message_id: record.message_id.clone(),
            };
            let name = fold_trait_name(name);
            if self.inner.options.rule(&name).needs_all() {
                let verified = traits.verify(&name, is_top_level);
                let contribution = contribution.clone();
                self.say(node, &name, &record.source, &Said { contribution, verified });
            }
            of_source.changed |= of_source.contributions.keep(name, contribution);
        }
        if of_source.changed {
            self.note(node, Holds::TRAITS)?;
            self.contributed.insert(node);
        }
        self.told_by.0.insert(place, of_source);
        Ok(())
    }

    /// Hands the contributions that changed over to be written.
    pub(crate) fn write_contributions(&mut self) {
        let told = std::mem::take(&mut self.told_by.0).into_iter().filter(|(_, of_source)| of_source.changed);
        let mut told: Vec<(Vec<u8>, Contributions)> =
            told.map(|(place, of_source)| (place, of_source.contributions)).collect();
        told.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (place, contributions) in told {
            self.overlay.write_unread(place, &contributions);
        }
    }

    /// Keeps a value beside all others that were said.
    fn say(&mut self, node: u128, name: &str, source: &str, said: &Said) {
        let mut place = values_of(node, name, source);
        place.extend_from_slice(&said.contribution.record.to_be_bytes());
        place.push(u8::from(said.contribution.top_level));
        self.overlay.write(place, said);
        self.contributed.insert(node);
    }

    /// Hides what this source said of the node up to the record's event time.
    fn delete(&mut self, record: &Record, node: u128) -> Result<()> {
        let place = key(b'T', &[&node.to_be_bytes(), record.source.as_bytes()]);
        let time = Time(record.event_time().0);
        let known: Option<Time> = self.beside(node, Holds::DELETIONS, &place)?;
        if known.is_none_or(|known| known < time) {
            self.overlay.write(place, &time);
            self.note(node, Holds::DELETIONS)?;
            self.contributed.insert(node);
        }
        Ok(())
    }

    /// Keeps the snapshot with the greatest (event time, record hash).
    pub(crate) fn take_object(&mut self, record: &Record) -> Result<()> {
        let Some(object) = snapshot(record) else { return Ok(()) };
        let hash = object_hash(&record.source, &object);
        let order = (record.event_time().0, format!("{:032x}", record.hash()));
        let known: Option<((i64, String), ObjectRow)> = self.overlay.read_json("object", &of(b'J', hash))?;
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
        self.overlay.write_json(of(b'J', hash), &(order, row));
        self.dirty.insert((Table::Objects, hash));
        Ok(())
    }
}

/// Where the contributions of (node, source) stand.
fn contributions_place(node: u128, source: &str) -> Vec<u8> {
    key(b'C', &[&node.to_be_bytes(), source.as_bytes()])
}

fn object_hash(source: &str, object: &Object) -> u128 {
    hash128(&[source.as_bytes(), object.kind.as_bytes(), object.id.as_bytes()])
}

/// The hash by which the object of a record is known.
pub(crate) fn snapshot_hash(record: &Record) -> Option<u128> {
    Some(object_hash(&record.source, &snapshot(record)?))
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
