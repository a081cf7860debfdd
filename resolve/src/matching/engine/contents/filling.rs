//! Taking in the contents of all items at once: field by field, on threads.

use super::super::super::field::{Field, Fields, SEVERAL, normal_values};
use super::super::super::hash::{FastMap, FastSet, text};
use super::super::super::table::MISSING;
use super::super::super::threads::map_parts;
use super::super::Item;
use super::super::postings::Entries;
use super::{Contents, Dictionary, Valued};

/// One field of all items.
struct Read {
    field: Field,
    dictionary: Dictionary,
    /// What was received, where a cell differs from it.
    received: Vec<(u32, Box<[u32]>)>,
    /// Slots with values that are called generic.
    generic: Vec<u32>,
}

impl Contents {
    /// Takes in the items of all slots, in their order, none of which has
    /// values yet. Returns the slots that are to be settled and the values
    /// that may be generic.
    pub(in super::super) fn fill(&mut self, items: &[Item], threads: usize) -> (FastSet<u32>, Vec<Valued>) {
        // Every other field, so that no thread gets all of the long ones.
        let (even, odd): (Vec<usize>, Vec<usize>) = (0..self.width()).partition(|place| place % 2 == 0);
        let places = [even, odd].concat();
        let read = map_parts(threads, &places, |places| {
            places.iter().map(|&place| self.read(place, items)).collect::<Vec<_>>()
        });
        let mut read: Vec<(usize, Read)> = places.into_iter().zip(read.into_iter().flatten()).collect();
        read.sort_by_key(|(place, _)| *place);
        let (mut fields, mut dirty, mut suspects) = (Vec::new(), FastSet::default(), Vec::new());
        for (place, read) in read {
            dirty.extend(read.generic);
            suspects.extend(read.dictionary.suspects().map(|code| (place as u8, code)));
            self.received.extend(read.received.into_iter().map(|(slot, codes)| ((slot, place as u8), codes)));
            self.dictionaries[place] = read.dictionary;
            fields.push(read.field);
        }
        self.fields = Fields::new(fields, std::mem::take(&mut self.fields.records));
        self.fields.all.iter_mut().for_each(|field| field.codes = Vec::new());
        let slots: Vec<u32> = (0..items.len() as u32).collect();
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
        let mut read =
            Read { field, dictionary: self.dictionaries[place].clone(), received: Vec::new(), generic: Vec::new() };
        read.field.codes.reserve_exact(items.len());
        let (mut carriers, mut codes) = (Vec::new(), Vec::new());
        // Cells by the text they were received as.
        let mut known: FastMap<u64, u32> = FastMap::default();
        for (slot, item) in (0u32..).zip(items) {
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
            read.add(slot, &codes);
            if read.dictionary.is_limited() {
                carriers.extend(codes.iter().map(|&code| u64::from(code) << 32 | u64::from(slot)));
            }
        }
        carriers.sort_unstable();
        read.dictionary.carriers = Entries::new(&carriers);
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
        codes.extend(normals.into_iter().map(|normal| self.dictionary.intern(&mut self.field, normal)));
        codes.sort_unstable();
        codes.dedup();
    }

    /// Adds the cell of the next slot.
    fn add(&mut self, slot: u32, codes: &[u32]) {
        for &code in codes {
            self.dictionary.uses[code as usize] += 1;
        }
        if !self.dictionary.generic.is_empty() && codes.iter().any(|code| self.dictionary.generic.contains(code)) {
            self.generic.push(slot);
        }
        let cell = match *codes {
            [] => MISSING,
            [only] => only,
            _ => {
                let compared = self.field.compared(codes.iter().copied());
                if compared.len() < codes.len() {
                    self.received.push((slot, codes.into()));
                }
                self.field.sets.push(compared.into_boxed_slice());
                SEVERAL + self.field.sets.len() as u32 - 1
            }
        };
        self.field.codes.push(cell);
    }
}

impl Dictionary {
    /// Values so common that they may be generic.
    fn suspects(&self) -> impl Iterator<Item = u32> + '_ {
        let most = [self.limits.carriers, self.limits.signatures].into_iter().flatten().min().unwrap_or(u32::MAX);
        (0u32..).zip(&self.uses).filter(move |(_, uses)| **uses > most).map(|(code, _)| code)
    }
}
