//! Taking in the contents of all items at once: field by field, on threads, their
//! slots in the order of their names.

use super::super::super::field::{Field, SEVERAL, normal_values};
use super::super::super::hash::{FastMap, FastSet, text};
use super::super::super::table::MISSING;
use super::super::super::threads::{map_each, map_parts};
use super::super::Item;
use super::super::ready::identity;
use super::dictionary::Dictionary;
use super::{Contents, Valued};
use crate::matching::compare::comparer::Fields;
use crate::matching::table::near;

/// One field of all items, in their order.
struct Read {
    field: Field,
    dictionary: Dictionary,
    /// Codes by the identities of their values.
    codes_of: FastMap<u64, u32>,
    /// What was received, where a cell differs from it.
    received: Vec<(u32, Box<[u32]>)>,
    /// Items with values that are called generic.
    generic: Vec<u32>,
    /// Codes and items; only of fields with limits.
    carriers: Vec<(u32, u32)>,
}

/// All fields of all items, in their order.
pub(in super::super) struct All {
    fields: Vec<Field>,
    dictionaries: Vec<Dictionary>,
    received: Vec<Vec<(u32, Box<[u32]>)>>,
    generic: Vec<Vec<u32>>,
    carriers: Vec<Vec<(u32, u32)>>,
}

impl All {
    /// The order that items are best kept in.
    pub(in super::super) fn order(&self) -> Vec<u32> {
        near::order(&self.fields)
    }
}

impl Contents {
    /// Reads what items hold, of whom none has a slot yet.
    pub(in super::super) fn read_all(&self, items: &[Item], threads: usize) -> All {
        let places: Vec<usize> = (0..self.width()).collect();
        let mut all = All {
            fields: Vec::new(),
            dictionaries: Vec::new(),
            received: Vec::new(),
            generic: Vec::new(),
            carriers: Vec::new(),
        };
        for read in map_each(threads, &places, |&place| self.read(place, items)) {
            all.fields.push(read.field);
            all.dictionaries.push(read.dictionary);
            all.received.push(read.received);
            all.generic.push(read.generic);
            all.carriers.push(read.carriers);
        }
        all
    }

    /// Takes in what items hold, their slots in this order. Returns the slots that
    /// are to be settled and the values that may be generic.
    pub(in super::super) fn fill(&mut self, all: All, order: &[u32], threads: usize) -> (FastSet<u32>, Vec<Valued>) {
        let mut slots = vec![0; order.len()];
        (0..).zip(order).for_each(|(slot, &item)| slots[item as usize] = slot);
        let slot = |item: u32| slots[item as usize];
        let places: Vec<usize> = (0..self.width()).collect();
        let ordered = map_each(threads, &places, |&place| {
            let codes: Vec<u32> = order.iter().map(|&item| all.fields[place].codes[item as usize]).collect();
            let entry = |&(code, item): &(u32, u32)| (code, slot(item));
            let mut carriers: Vec<(u32, u32)> = all.carriers[place].iter().map(entry).collect();
            carriers.sort_unstable();
            (codes, all.dictionaries[place].grouped(&carriers))
        });
        let (mut dirty, mut suspects) = (FastSet::default(), Vec::new());
        for (place, received) in all.received.into_iter().enumerate() {
            let field = place as u8;
            dirty.extend(all.generic[place].iter().map(|&item| slot(item)));
            suspects.extend(all.dictionaries[place].suspects().map(|code| (field, code)));
            self.received.extend(received.into_iter().map(|(item, codes)| ((slot(item), field), codes)));
        }
        let mut fields = all.fields;
        self.dictionaries = all.dictionaries;
        for (place, (codes, carriers)) in ordered.into_iter().enumerate() {
            fields[place].codes = codes;
            self.dictionaries[place].fill_carriers(carriers);
        }
        self.fields = Fields::new(fields, std::mem::take(&mut self.fields.records));
        self.fields.make_room();
        self.fields.all.iter_mut().for_each(|field| field.codes = Vec::new());
        let slots: Vec<u32> = (0..order.len() as u32).collect();
        let signatures =
            map_parts(threads, &slots, |slots| slots.iter().map(|&slot| self.sign(slot)).collect::<Vec<_>>());
        self.signatures = signatures.concat();
        (dirty, suspects)
    }

    /// Items that a value was detached from.
    pub(in super::super) fn detached_from(&self) -> impl Iterator<Item = u64> + '_ {
        self.detached.keys().map(|(item, ..)| *item)
    }

    fn read(&self, place: usize, items: &[Item]) -> Read {
        let of = &self.fields.all[place];
        let field = Field::new(of.name.clone(), of.role, of.day_order).measured_by(of.measure);
        let dictionary = self.dictionaries[place].clone();
        let (codes_of, received, generic, carriers) = Default::default();
        let mut read = Read { field, dictionary, codes_of, received, generic, carriers };
        read.field.codes.reserve_exact(items.len());
        let mut codes = Vec::new();
        // Cells by the text they were received as.
        let mut known: FastMap<u64, u32> = FastMap::default();
        for (place_among, item) in (0u32..).zip(items) {
            let received = item.values.get(place).and_then(Option::as_deref).map_or("", str::trim);
            let hash = text(1, received);
            codes.clear();
            match known.get(&hash) {
                Some(&MISSING) => {}
                Some(&code) => codes.push(code),
                None => {
                    read.intern(received, &mut codes);
                    if let [] | [_] = *codes {
                        known.insert(hash, codes.first().copied().unwrap_or(MISSING));
                    }
                }
            }
            read.add(place_among, &codes);
        }
        // Some room is left: to move what there is takes long.
        let room = read.field.values.len() * 9 / 8;
        read.field.values.shrink_to(room);
        read.field.bands.shrink_to(room);
        read.dictionary.fill(read.codes_of.drain().map(|(identity, code)| (code, identity)));
        read
    }
}

impl Read {
    /// The codes of what a cell was received with, sorted.
    fn intern(&mut self, received: &str, codes: &mut Vec<u32>) {
        if received.is_empty() {
            return;
        }
        let (role, day_order) = (self.field.role, self.field.day_order);
        let mut normals = Vec::new();
        normal_values(role, received, day_order, |normal| normals.push(normal));
        for normal in normals {
            let identity = identity(&normal);
            let next = self.field.values.len() as u32;
            let code = *self.codes_of.entry(identity).or_insert(next);
            if code == next {
                self.dictionary.add(&mut self.field, normal, identity);
            }
            codes.push(code);
        }
        codes.sort_unstable();
        codes.dedup();
    }

    /// Adds the cell of the next item.
    fn add(&mut self, item: u32, codes: &[u32]) {
        for &code in codes {
            self.dictionary.count(code);
        }
        if codes.iter().any(|&code| self.dictionary.is_generic(code)) {
            self.generic.push(item);
        }
        if self.dictionary.is_limited() {
            self.carriers.extend(codes.iter().map(|&code| (code, item)));
        }
        let cell = match *codes {
            [] => MISSING,
            [only] => only,
            _ => {
                let compared = self.field.compared(codes.iter().copied());
                if compared.len() < codes.len() {
                    self.received.push((item, codes.into()));
                }
                self.field.sets.push(compared.into_boxed_slice());
                SEVERAL + self.field.sets.len() as u32 - 1
            }
        };
        self.field.codes.push(cell);
    }
}
