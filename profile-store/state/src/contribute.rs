//! What a record tells of its person's traits, and the snapshots of objects.

use crate::apply::Batch;
use crate::fold::fold_trait_name;
use crate::keys::{key, of, values_of};
use crate::state::Table;
use crate::traits::Traits;
use crate::values::{Contribution, Holds, Said, Time};
use crate::{ObjectRow, Result};
use tributary_protocol::{Object, Record, RecordKind, canonical_json, hash128};

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
            self.keep(node, &name, &record.source, &contribution)?;
            if self.inner.options.rule(&name).needs_all() {
                let verified = traits.verify(&name, is_top_level);
                self.say(node, &name, &record.source, &Said { contribution, verified });
            }
        }
        Ok(())
    }

    fn keep(&mut self, node: u128, name: &str, source: &str, new: &Contribution) -> Result<()> {
        let place = contribution_place(node, name, source);
        let known: Option<Contribution> = self.beside(node, Holds::TRAITS, &place)?;
        if known.is_some_and(|known| known >= *new) {
            return Ok(());
        }
        self.overlay.write(place, new);
        self.note(node, Holds::TRAITS)?;
        self.contributed.insert(node);
        Ok(())
    }

    /// Keeps a value beside all others that were said.
    fn say(&mut self, node: u128, name: &str, source: &str, said: &Said) {
        let mut place = values_of(&contribution_place(node, name, source));
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

/// Where the contributions of (node, trait, source) stand.
fn contribution_place(node: u128, name: &str, source: &str) -> Vec<u8> {
    key(b'C', &[&node.to_be_bytes(), name.as_bytes(), b"\0", source.as_bytes()])
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
