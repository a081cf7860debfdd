//! The distinct values of one field: their codes, who received each, and which of
//! them read as missing.

use super::super::super::FieldModel;
use super::super::super::compare::Value;
use super::super::super::field::{Field, SEVERAL};
use super::super::super::hash::{FastMap, FastSet};
use super::super::super::table::MISSING;
use super::super::members::{Group, Members};
use super::super::ready::{Named, identity};
use super::super::slots::Slots;
use super::count;
use crate::matching::field::generic::Limits;

/// See the head of this file.
#[derive(Clone, Debug)]
pub(super) struct Dictionary {
    /// From when on its values say nothing of a person.
    pub(super) limits: Limits,
    /// Codes by the identities of their values.
    codes: Slots,
    /// Items that received each value.
    uses: Vec<u32>,
    /// Codes of values that are no more.
    free: Vec<u32>,
    /// Places of sets that are no more.
    free_sets: Vec<u32>,
    bands: FastMap<u64, u8>,
    /// The slots that received each value; only of fields with limits.
    carriers: Vec<Group>,
    members: Members,
    generic: FastSet<u32>,
    /// Values that decisions call generic, and how many of them do.
    banned: FastMap<u64, u32>,
    /// A code came to name another value.
    recycled: bool,
}

/// The slots that received each value of a field.
pub(super) type Carriers = (Vec<Group>, Members);

impl Dictionary {
    /// Of a field of a model, without values.
    pub(super) fn new(field: &FieldModel) -> Self {
        Self {
            limits: field.generic,
            codes: Slots::new(),
            uses: Vec::new(),
            free: Vec::new(),
            free_sets: Vec::new(),
            bands: field.bands(),
            carriers: Vec::new(),
            members: Members::default(),
            generic: FastSet::default(),
            banned: FastMap::default(),
            recycled: false,
        }
    }

    pub(super) fn is_limited(&self) -> bool {
        self.limits.any()
    }

    /// Items that received a value.
    pub(super) fn uses(&self, code: u32) -> usize {
        self.uses[code as usize] as usize
    }

    /// The slots that received a value; only of fields with limits.
    pub(super) fn carriers(&self, code: u32) -> impl Iterator<Item = u32> + '_ {
        self.members.each(&self.carriers[code as usize]).take(self.uses(code))
    }

    /// Counts an item that received a value, whose slot is not known yet.
    pub(super) fn count(&mut self, code: u32) {
        self.uses[code as usize] += 1;
    }

    /// Counts a slot that received a value.
    pub(super) fn enter(&mut self, code: u32, slot: u32) {
        self.count(code);
        if self.limits.any() {
            let is_first = self.uses(code) == 1;
            let group = &mut self.carriers[code as usize];
            *group = if is_first { Group::alone(slot) } else { self.members.add(*group, slot) };
        }
    }

    /// Counts off a slot that received a value.
    pub(super) fn leave(&mut self, code: u32, slot: u32) {
        self.uses[code as usize] -= 1;
        if self.limits.any() {
            let group = &mut self.carriers[code as usize];
            *group = self.members.remove(*group, slot).unwrap_or(Group::alone(0));
        }
    }

    /// The code of a value, a new one if need be; it is not used by it.
    pub(super) fn intern(&mut self, field: &mut Field, value: Named) -> u32 {
        let Named { identity, text } = value;
        if let Some(code) = self.code(field, identity) {
            return code;
        }
        let code = self.add(field, text, identity);
        self.codes.insert(identity, code);
        code
    }

    /// The code of the value of an identity.
    pub(super) fn code(&self, field: &Field, wanted: u64) -> Option<u32> {
        self.codes.get(wanted, |code| identity(field.values[code as usize].text()))
    }

    /// Some code near that of an identity, to have it at hand.
    pub(super) fn near(&self, identity: u64) -> u64 {
        self.codes.near(identity)
    }

    /// Length of the value that likely is that of an identity, to have it at hand.
    pub(super) fn likely(&self, field: &Field, identity: u64) -> usize {
        self.codes.get(identity, |_| identity).map_or(0, |code| field.values[code as usize].text().len())
    }

    /// Adds a value that there is not; it is not found by its identity yet.
    pub(super) fn add(&mut self, field: &mut Field, normal: String, identity: u64) -> u32 {
        let rare = field.measure.bands() - 1;
        let code = self.free.pop().unwrap_or(field.values.len() as u32);
        if code as usize == field.values.len() {
            field.values.push(Value::new(normal));
            field.bands.push(rare);
            self.uses.push(0);
            if self.limits.any() {
                self.carriers.push(Group::alone(0));
            }
        } else {
            field.values[code as usize] = Value::new(normal);
            self.recycled = true;
        }
        let band = || self.bands.get(&field.value_hash(code as usize)).copied();
        field.bands[code as usize] = if self.bands.is_empty() { rare } else { band().unwrap_or(rare) };
        if self.banned.contains_key(&identity) {
            self.generic.insert(code);
        }
        code
    }

    /// Lets go of a value if no item has it any more.
    pub(super) fn let_go(&mut self, field: &mut Field, code: u32) {
        if self.uses(code) > 0 {
            return;
        }
        let identity = identity(field.values[code as usize].text());
        if self.code(field, identity) == Some(code) {
            self.codes.remove(identity, code);
            self.generic.remove(&code);
            self.free.push(code);
            field.values[code as usize] = Value::new(String::new());
        }
    }

    /// Whether codes name other values than when last asked.
    pub(super) fn take_recycled(&mut self) -> bool {
        std::mem::take(&mut self.recycled)
    }

    /// Whether a value reads as missing.
    pub(super) fn is_generic(&self, code: u32) -> bool {
        self.generic.contains(&code)
    }

    /// Says whether a value reads as missing; whether it did not until now, or did.
    pub(super) fn set_generic(&mut self, code: u32, is_generic: bool) -> bool {
        if is_generic { self.generic.insert(code) } else { self.generic.remove(&code) }
    }

    /// Whether a decision calls the value of an identity generic.
    pub(super) fn is_banned(&self, identity: impl FnOnce() -> u64) -> bool {
        !self.banned.is_empty() && self.banned.contains_key(&identity())
    }

    /// Calls a value generic, or takes one such decision back.
    pub(super) fn ban(&mut self, identity: u64, on: bool) {
        count(&mut self.banned, identity, on);
    }

    /// The code of a cell with these values.
    pub(super) fn pack(&mut self, field: &mut Field, values: &[u32]) -> u32 {
        match *values {
            [] => MISSING,
            [only] => only,
            _ => {
                let free = self.free_sets.pop().unwrap_or(field.sets.len() as u32);
                if free as usize == field.sets.len() {
                    field.sets.push(values.into());
                } else {
                    field.sets[free as usize] = values.into();
                }
                SEVERAL + free
            }
        }
    }

    /// Lets go of the values of a cell, given its code.
    pub(super) fn unpack(&mut self, code: u32) {
        if (SEVERAL..MISSING).contains(&code) {
            self.free_sets.push(code - SEVERAL);
        }
    }

    /// Takes in the codes of all values by their identities.
    pub(super) fn fill(&mut self, codes: impl Iterator<Item = (u32, u64)>) {
        self.uses.shrink_to(self.uses.len() * 9 / 8);
        self.codes = Slots::of(codes);
    }

    /// Groups the slots that received each value, sorted by code, then by slot.
    pub(super) fn grouped(&self, sorted: &[(u32, u32)]) -> Carriers {
        let (mut groups, mut members) = (vec![Group::alone(0); self.carriers.len()], Members::default());
        let mut slots = Vec::new();
        for carriers in sorted.chunk_by(|one, other| one.0 == other.0) {
            slots.clear();
            slots.extend(carriers.iter().map(|(_, slot)| *slot));
            groups[carriers[0].0 as usize] = members.group(&slots);
        }
        (groups, members)
    }

    /// Takes in the slots that received each value.
    pub(super) fn fill_carriers(&mut self, grouped: Carriers) {
        (self.carriers, self.members) = grouped;
    }

    /// Values so common that they may be generic.
    pub(super) fn suspects(&self) -> impl Iterator<Item = u32> + '_ {
        let most = [self.limits.carriers, self.limits.signatures].into_iter().flatten().min().unwrap_or(u32::MAX);
        (0u32..).zip(&self.uses).filter(move |(_, uses)| **uses > most).map(|(code, _)| code)
    }

    /// Bytes held: of codes by their values, of carriers.
    pub(super) fn bytes(&self) -> (usize, usize) {
        let carriers = self.carriers.capacity() * size_of::<Group>() + self.members.bytes();
        (self.codes.bytes(), carriers)
    }
}
