//! What items are made of: each field's distinct values with their uses, each
//! item's codes, and which values read as missing.
//!
//! A cell is what was received without what was detached from its item and
//! without generic values; where the two differ, what was received is kept
//! beside it. Whether a value is generic is a count over items.

mod dictionary;
mod filling;

use super::super::compare::Value;
use super::super::field::{Field, SEPARATOR};
use super::super::hash::{FastMap, FastSet};
use super::super::model::Model;
use super::super::normalise::DayOrder;
use super::super::role::Role;
use super::ready::{Named, Reader, identity};
use crate::matching::compare::comparer::Fields;
use crate::matching::field::generic::signature;
use dictionary::Dictionary;
use std::hint::black_box;

/// A field's place in the model and the code of one of its values.
pub(super) type Valued = (u8, u32);

/// The contents of all items; see the head of this file.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) fields: Fields,
    pub(super) reader: Reader,
    dictionaries: Vec<Dictionary>,
    names: [Option<u8>; 3],
    /// What was received, where a cell differs from it.
    received: FastMap<(u32, u8), Box<[u32]>>,
    signatures: Vec<u32>,
    /// Values detached from items, and how many decisions do.
    detached: FastMap<(u64, u8, u64), u32>,
    released: Vec<Valued>,
    /// Slots whose cells were written since they were last settled.
    written: FastSet<u32>,
}

impl Contents {
    pub(super) fn new(model: &Model) -> Self {
        let field = |field: &super::super::FieldModel| {
            let day_order = field.day_order.unwrap_or(DayOrder::DayFirst);
            Field::new(field.name.clone(), field.role, day_order).measured_by(field.measure)
        };
        let of = |role| model.fields.iter().position(|field| field.role == role).map(|place| place as u8);
        Self {
            fields: Fields::new(model.fields.iter().map(field).collect(), Vec::new()),
            reader: Reader::new(model),
            dictionaries: model.fields.iter().map(Dictionary::new).collect(),
            names: [of(Role::GivenName), of(Role::FamilyName), of(Role::FullName)],
            received: FastMap::default(),
            signatures: Vec::new(),
            detached: FastMap::default(),
            released: Vec::new(),
            written: FastSet::default(),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.dictionaries.len()
    }

    /// Makes room for so many slots and no more.
    pub(super) fn make_room(&mut self, slots: usize) {
        self.fields.records.reserve_exact(slots);
    }

    /// Adds a slot without values.
    pub(super) fn push(&mut self, id: u64) {
        self.fields.push(id);
        self.signatures.push(signature(None, None, None));
    }

    /// Takes in what an item was received with; what is known of its values
    /// may change by it.
    pub(super) fn receive(&mut self, slot: u32, cells: Vec<Vec<Named>>, suspects: &mut Vec<Valued>) {
        self.fetch(&cells);
        let mut cells = cells.into_iter();
        for place in 0..self.width() {
            let cell = cells.next().unwrap_or_default();
            let mut codes: Vec<u32> = cell.into_iter().map(|value| self.intern(place, value)).collect();
            codes.sort_unstable();
            self.replace(slot, place, &codes, suspects);
        }
    }

    /// Reads what finding values will read: loads that do not wait for each other.
    fn fetch(&self, cells: &[Vec<Named>]) {
        let values = || cells.iter().zip(&self.dictionaries).zip(&self.fields.all);
        black_box(values().fold(0, |sum, ((cell, dictionary), _)| {
            cell.iter().fold(sum, |sum, value| sum ^ dictionary.near(value.identity))
        }));
        black_box(values().fold(0, |sum, ((cell, dictionary), field)| {
            cell.iter().fold(sum, |sum, value| sum ^ dictionary.likely(field, value.identity))
        }));
    }

    /// Writes values into a slot without counting them among those of items.
    pub(super) fn probe(&mut self, slot: u32, values: &[Option<String>]) {
        self.receive(slot, self.reader.cells(values), &mut Vec::new());
        self.write(slot);
    }

    fn replace(&mut self, slot: u32, place: usize, codes: &[u32], suspects: &mut Vec<Valued>) {
        let field = place as u8;
        let mut before = self.received(slot, place);
        before.sort_unstable();
        if before == codes {
            return;
        }
        let dictionary = &mut self.dictionaries[place];
        for &code in &before {
            dictionary.leave(code, slot);
            self.released.push((field, code));
        }
        for &code in codes {
            dictionary.enter(code, slot);
        }
        suspects.extend(before.iter().chain(codes).map(|&code| (field, code)));
        self.set(slot, place, codes);
        self.written.insert(slot);
    }

    /// Writes a cell as it was received; values that read as missing are taken
    /// out when it is settled.
    fn set(&mut self, slot: u32, place: usize, codes: &[u32]) {
        let compared = self.fields.all[place].compared(codes.iter().copied());
        if compared.len() == codes.len() {
            self.received.remove(&(slot, place as u8));
        } else {
            self.received.insert((slot, place as u8), codes.into());
        }
        self.put(slot, place, &compared);
    }

    fn put(&mut self, slot: u32, place: usize, values: &[u32]) {
        let dictionary = &mut self.dictionaries[place];
        dictionary.unpack(self.fields.codes(slot)[place]);
        let code = dictionary.pack(&mut self.fields.all[place], values);
        self.fields.set(slot, place, code);
    }

    /// The code of a value, a new one if need be; it is not used by it.
    fn intern(&mut self, place: usize, value: Named) -> u32 {
        let code = self.dictionaries[place].intern(&mut self.fields.all[place], value);
        if self.dictionaries[place].uses(code) == 0 {
            self.released.push((place as u8, code));
        }
        code
    }

    /// The values a cell was received with.
    fn received(&self, slot: u32, place: usize) -> Vec<u32> {
        match self.received.get(&(slot, place as u8)) {
            Some(codes) => codes.to_vec(),
            None => self.fields.all[place].values_of(&self.fields.codes(slot)[place]).to_vec(),
        }
    }

    /// Texts received by a slot, by field; several of one field by the separator.
    pub(super) fn received_texts(&self, slot: u32) -> Vec<Option<String>> {
        let of_field = |(place, field): (usize, &Field)| {
            let codes = self.received(slot, place);
            let texts: Vec<&str> = codes.iter().map(|&code| field.values[code as usize].text()).collect();
            (!texts.is_empty()).then(|| texts.join(&SEPARATOR.to_string()))
        };
        self.fields.all.iter().enumerate().map(of_field).collect()
    }

    /// Detaches a value from an item, or takes one such decision back.
    pub(super) fn detach(&mut self, id: u64, place: usize, value: &str, on: bool) -> Vec<Valued> {
        let identities = self.identities(place, value);
        for &identity in &identities {
            count(&mut self.detached, (id, place as u8, identity), on);
        }
        self.known(place, &identities)
    }

    /// Calls a value generic, or takes one such decision back.
    pub(super) fn ban(&mut self, place: usize, value: &str, on: bool) -> Vec<Valued> {
        let identities = self.identities(place, value);
        for &identity in &identities {
            self.dictionaries[place].ban(identity, on);
        }
        self.known(place, &identities)
    }

    fn identities(&self, place: usize, value: &str) -> Vec<u64> {
        if place >= self.width() {
            return Vec::new();
        }
        self.reader.cell(place, value).into_iter().map(|value| value.identity).collect()
    }

    fn known(&self, place: usize, identities: &[u64]) -> Vec<Valued> {
        let Some(field) = self.fields.all.get(place) else { return Vec::new() };
        let code = |&identity: &u64| self.dictionaries[place].code(field, identity);
        identities.iter().filter_map(code).map(|code| (place as u8, code)).collect()
    }

    /// Finds out which suspects became generic or ceased to be, and brings
    /// every cell touched up to date. `dirty` holds the slots that received
    /// something; returns those whose contents are others than before.
    pub(super) fn settle(&mut self, mut dirty: FastSet<u32>, mut suspects: Vec<Valued>) -> Vec<u32> {
        let (limited, unlimited): (Vec<Valued>, Vec<Valued>) =
            suspects.drain(..).partition(|(field, _)| self.dictionaries[*field as usize].is_limited());
        suspects = limited;
        self.recheck(unlimited, &mut dirty);
        for &slot in &dirty {
            let sign = self.sign(slot);
            if sign != self.signatures[slot as usize] {
                self.signatures[slot as usize] = sign;
                let limited = (0..self.width()).filter(|&place| self.dictionaries[place].limits.signatures.is_some());
                for place in limited {
                    suspects.extend(self.received(slot, place).into_iter().map(|code| (place as u8, code)));
                }
            }
        }
        self.recheck(suspects, &mut dirty);
        let mut slots: Vec<u32> = dirty.into_iter().collect();
        slots.sort_unstable();
        slots.retain(|&slot| self.write(slot));
        slots
    }

    fn recheck(&mut self, mut suspects: Vec<Valued>, dirty: &mut FastSet<u32>) {
        suspects.sort_unstable();
        suspects.dedup();
        for (field, code) in suspects {
            let is_generic = self.is_generic(field as usize, code);
            if self.dictionaries[field as usize].set_generic(code, is_generic) {
                dirty.extend(self.carriers(field as usize, code));
            }
        }
    }

    fn is_generic(&self, place: usize, code: u32) -> bool {
        let dictionary = &self.dictionaries[place];
        if dictionary.is_banned(|| identity(self.fields.all[place].values[code as usize].text())) {
            return true;
        }
        let (carriers, signatures) = (dictionary.limits.carriers, dictionary.limits.signatures);
        let above = |count: usize, limit: Option<u32>| limit.is_some_and(|limit| count > limit as usize);
        let uses = dictionary.uses(code);
        if !above(uses, carriers) && !above(uses, signatures) {
            return false;
        }
        let (mut count, mut signs) = (0, Vec::new());
        for slot in dictionary.carriers(code).filter(|&slot| !self.is_detached(slot, place, code)) {
            count += 1;
            let sign = self.signatures[slot as usize];
            if signatures.is_some() && !signs.contains(&sign) {
                signs.push(sign);
            }
            if above(count, carriers) || above(signs.len(), signatures) {
                return true;
            }
        }
        false
    }

    /// Slots that received a value. Of a field without limits all are asked.
    fn carriers(&self, place: usize, code: u32) -> Vec<u32> {
        let dictionary = &self.dictionaries[place];
        if dictionary.is_limited() {
            return dictionary.carriers(code).collect();
        }
        (0..self.signatures.len() as u32).filter(|&slot| self.received(slot, place).contains(&code)).collect()
    }

    fn is_detached(&self, slot: u32, place: usize, code: u32) -> bool {
        !self.detached.is_empty() && {
            let identity = identity(self.fields.all[place].values[code as usize].text());
            self.detached.contains_key(&(self.fields.records[slot as usize], place as u8, identity))
        }
    }

    /// What is left of a cell, as it is compared.
    fn kept(&self, slot: u32, place: usize) -> Vec<u32> {
        let dictionary = &self.dictionaries[place];
        let keep = |code: &u32| !dictionary.is_generic(*code) && !self.is_detached(slot, place, *code);
        let received = self.received(slot, place);
        self.fields.all[place].compared(received.into_iter().filter(keep))
    }

    /// The codes of a slot's names, by which like slots are put together.
    pub(super) fn name(&self, slot: u32) -> [u32; 3] {
        let [given, family, whole] = self.names;
        let codes = self.fields.codes(slot);
        [family, whole, given].map(|place| place.map_or(0, |place| codes[place as usize]))
    }

    fn sign(&self, slot: u32) -> u32 {
        let name = |place: Option<u8>| {
            let place = place? as usize;
            let code = *self.kept(slot, place).first()?;
            Some(self.fields.all[place].values[code as usize].folded())
        };
        let [given, family, whole] = self.names.map(name);
        signature(given, family, whole)
    }

    /// Brings the cells of a slot up to date; whether any is another now.
    fn write(&mut self, slot: u32) -> bool {
        let mut changed = self.written.remove(&slot);
        for place in (0..self.width()).filter(|&place| !self.is_plain(slot, place)).collect::<Vec<_>>() {
            let kept = self.kept(slot, place);
            let all = self.received(slot, place);
            if self.fields.all[place].values_of(&self.fields.codes(slot)[place]) != kept.as_slice() {
                changed = true;
                self.put(slot, place, &kept);
            }
            if all.len() == kept.len() {
                self.received.remove(&(slot, place as u8));
            } else {
                self.received.insert((slot, place as u8), all.into());
            }
        }
        changed
    }

    /// Whether a cell holds all that was received, and none of it reads as missing.
    fn is_plain(&self, slot: u32, place: usize) -> bool {
        let dictionary = &self.dictionaries[place];
        let values = self.fields.all[place].values_of(&self.fields.codes(slot)[place]);
        let is_kept = |code: &u32| !dictionary.is_generic(*code) && !self.is_detached(slot, place, *code);
        !self.received.contains_key(&(slot, place as u8)) && values.iter().all(is_kept)
    }

    /// The fields whose codes may name other values than when last asked.
    pub(super) fn recycled(&mut self) -> Vec<usize> {
        (0..self.width()).filter(|&place| self.dictionaries[place].take_recycled()).collect()
    }

    /// Lets go of values no item has any more.
    pub(super) fn finish(&mut self) {
        for (field, code) in std::mem::take(&mut self.released) {
            let place = field as usize;
            self.dictionaries[place].let_go(&mut self.fields.all[place], code);
        }
    }

    /// The values of an item's cells, normalised, without what reads as missing.
    pub(super) fn texts(&self, slot: u32) -> Vec<Vec<String>> {
        let cell = |(field, code): (&Field, &u32)| {
            field.values_of(code).iter().map(|&code| field.values[code as usize].text().to_owned()).collect()
        };
        self.fields.all.iter().zip(self.fields.codes(slot)).map(cell).collect()
    }

    /// Adds the bytes held, by what holds them.
    pub(super) fn held(&self, held: &mut Vec<(&'static str, usize)>) {
        let (mut values, mut by_text, mut carriers) = (0, 0, 0);
        for (dictionary, field) in self.dictionaries.iter().zip(&self.fields.all) {
            let beside: usize = field.values.iter().map(Value::bytes_beside).sum();
            values += beside + field.values.capacity() * (size_of::<Value>() + 1 + size_of::<u32>());
            values += field.sets.iter().map(|set| 16 + size_of_val(&**set)).sum::<usize>();
            let (of_codes, of_carriers) = dictionary.bytes();
            (by_text, carriers) = (by_text + of_codes, carriers + of_carriers);
        }
        held.extend([("values", values), ("values by text", by_text), ("carriers of values", carriers)]);
        held.push(("codes and signatures", self.fields.bytes() + self.signatures.capacity() * 4));
        held.push(("as received", super::map_bytes(&self.received)));
    }
}

/// Counts a key, or counts one off.
fn count<K: std::hash::Hash + Eq>(counts: &mut FastMap<K, u32>, key: K, on: bool) {
    let counted = counts.entry(key);
    if on {
        *counted.or_default() += 1;
    } else if let std::collections::hash_map::Entry::Occupied(mut known) = counted {
        *known.get_mut() -= 1;
        if *known.get() == 0 {
            known.remove();
        }
    }
}
