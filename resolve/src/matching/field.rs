//! A column made ready to be compared: normalised, without generic values, with a
//! band for each value.

pub(crate) mod frequency;
pub(crate) mod generic;

use super::compare::{Measure, Value};

use super::hash::{FastMap, text};
use super::normalise::{self, DayOrder};
use super::role::Role;
use super::table::{Column, MISSING};

/// Fields a pattern has room for.
pub(crate) const FIELDS_MAX: usize = 16;

/// One column, ready to be compared.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) measure: Measure,
    pub(crate) values: Vec<Value>,
    /// Band of each value, 0 the most common.
    pub(crate) bands: Vec<u8>,
    /// Values of the cells that hold several.
    pub(crate) sets: Vec<Box<[u32]>>,
    /// A row's value, [`SEVERAL`] and its place in `sets`, or [`MISSING`].
    pub(crate) codes: Vec<u32>,
    /// How its dates are written.
    pub(crate) day_order: DayOrder,
    /// Hash of the name a model knows it by.
    pub(crate) space: u64,
    /// Column of the house number that was written before it.
    pub(crate) house_number: Option<String>,
}

/// Marks the code of a cell that holds several values.
pub(crate) const SEVERAL: u32 = 1 << 31;
/// Between the values of a cell that holds several.
pub(crate) const SEPARATOR: char = '\u{1f}';
/// Most values of a cell that are compared: those of the least hash.
pub(crate) const VALUES_MAX: usize = 8;

impl Field {
    /// Records per value.
    pub(crate) fn counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.values.len()];
        self.codes.iter().flat_map(|code| self.values_of(code)).for_each(|&code| counts[code as usize] += 1);
        counts
    }

    /// Hashes of all values and the bands of the shares of filled cells that hold them, sorted.
    pub(crate) fn frequencies(&self) -> Vec<(u64, u8)> {
        let filled = self.codes.iter().filter(|&&code| code != MISSING).count();
        let counts = self.counts().into_iter().enumerate().filter(|&(_, count)| count > 0);
        let band = |(code, count)| (self.value_hash(code), frequency::band(f64::from(count) / filled as f64));
        let mut frequencies: Vec<(u64, u8)> = counts.map(band).collect();
        frequencies.sort_unstable();
        frequencies
    }

    /// The values of a cell, given its code.
    pub(crate) fn values_of<'a>(&'a self, code: &'a u32) -> &'a [u32] {
        match *code {
            MISSING => &[],
            SEVERAL.. => self.sets.get((code - SEVERAL) as usize).map_or(&[], |set| set),
            _ => std::slice::from_ref(code),
        }
    }

    /// Takes values out of every cell, and the last of those with too many.
    pub(crate) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        let sets = std::mem::take(&mut self.sets);
        let kept: Vec<u32> = sets.iter().map(|set| self.pack(set.iter().copied().filter(|&code| keep(code)))).collect();
        for code in &mut self.codes {
            match *code {
                MISSING => {}
                SEVERAL.. => *code = kept[(*code - SEVERAL) as usize],
                _ if keep(*code) => {}
                _ => *code = MISSING,
            }
        }
    }

    /// Takes values out of single cells.
    pub(crate) fn retain_in(&mut self, keep: impl Fn(usize, u32) -> bool) {
        for row in 0..self.codes.len() {
            let code = self.codes[row];
            let kept: Vec<u32> = self.values_of(&code).iter().copied().filter(|&value| keep(row, value)).collect();
            self.codes[row] = self.pack(kept.into_iter());
        }
    }

    /// Returns the code of a cell with these values.
    fn pack(&mut self, values: impl Iterator<Item = u32>) -> u32 {
        let set = self.compared(values);
        match *set.as_slice() {
            [] => MISSING,
            [only] => only,
            _ => {
                self.sets.push(set.into_boxed_slice());
                SEVERAL + self.sets.len() as u32 - 1
            }
        }
    }

    /// The values of a cell that are compared.
    pub(crate) fn compared(&self, values: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut set: Vec<u32> = values.collect();
        set.sort_by_cached_key(|&code| self.value_hash(code as usize));
        set.truncate(VALUES_MAX);
        set
    }

    /// A row's value without diacritics.
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        self.values.get(self.codes[row] as usize).map(Value::folded)
    }

    /// Hash by which a model knows a value.
    pub(crate) fn value_hash(&self, code: usize) -> u64 {
        text(3, self.values[code].text())
    }
}

/// How a role is compared; `None` for what is not.
pub(crate) fn measure_of(role: Role) -> Option<Measure> {
    Some(match role {
        Role::GivenName => Measure::Given,
        Role::FamilyName => Measure::Family,
        Role::FullName => Measure::FullName,
        Role::BirthDate => Measure::Date,
        Role::Email => Measure::Email,
        Role::Phone | Role::NationalId => Measure::Digits,
        Role::Street => Measure::Street,
        Role::SecondLine | Role::City | Role::Text => Measure::Words,
        Role::Postcode => Measure::Postcode,
        Role::Region | Role::UserId | Role::Device | Role::SourceId => Measure::Exact,
        Role::HouseNumber | Role::BirthYear | Role::BirthMonth | Role::BirthDay | Role::Ignored(_) => return None,
    })
}

impl Field {
    /// Starts a field without values and rows.
    pub(crate) fn new(name: String, role: Role, day_order: DayOrder) -> Self {
        let measure = measure_of(role).unwrap_or(Measure::Exact);
        let (values, bands, sets, codes) = Default::default();
        let space = text(129, &name);
        Self { name, space, role, measure, values, bands, sets, codes, day_order, house_number: None }
    }

    /// Compares values in another way than is usual for the role.
    pub(crate) fn measured_by(mut self, measure: Measure) -> Self {
        if self.measure != measure {
            self.measure = measure;
            self.bands = vec![measure.bands() - 1; self.values.len()];
        }
        self
    }

    /// Reads a column; how it writes dates shows in it unless that is known.
    pub(crate) fn read(column: Column, role: Role, day_order: Option<DayOrder>) -> Self {
        let seen = || match role {
            Role::BirthDate => normalise::day_order(column.values.iter()),
            _ => DayOrder::default(),
        };
        let mut field = Self::new(column.name, role, day_order.unwrap_or_else(seen));
        let mut codes_of: FastMap<u64, u32> = FastMap::default();
        codes_of.reserve(column.values.len());
        let mut values = Vec::new();
        let mut renumbered = Vec::with_capacity(column.values.len());
        for text in column.values.iter() {
            normal_values(role, text, field.day_order, |normal| {
                let next = field.values.len() as u32;
                let code = *codes_of.entry(super::hash::text(4, &normal)).or_insert(next);
                if code == next {
                    field.values.push(Value::new(normal));
                }
                values.push(code);
            });
            values.sort_unstable();
            values.dedup();
            renumbered.push(match *values.as_slice() {
                [] => MISSING,
                [only] => only,
                _ => {
                    field.sets.push(values.as_slice().into());
                    SEVERAL + field.sets.len() as u32 - 1
                }
            });
            values.clear();
        }
        field.bands = vec![field.measure.bands() - 1; field.values.len()];
        field.codes =
            column.codes.iter().map(|&code| renumbered.get(code as usize).copied().unwrap_or(MISSING)).collect();
        field
    }
}

/// Gives each value of a cell, normalised; only what reaches a person may be
/// there more than once.
pub(crate) fn normal_values(role: Role, text: &str, day_order: DayOrder, mut give: impl FnMut(String)) {
    if matches!(role, Role::Email | Role::Phone | Role::Device) && text.contains(SEPARATOR) {
        text.split(SEPARATOR).filter_map(|text| normalise_as(role, text, day_order)).for_each(give);
    } else if let Some(normal) = normalise_as(role, text, day_order) {
        give(normal);
    }
}

pub(super) fn normalise_as(role: Role, text: &str, day_order: DayOrder) -> Option<String> {
    match role {
        Role::GivenName | Role::FamilyName | Role::FullName => normalise::name(text).map(normalise::head),
        Role::BirthDate => normalise::date(text, day_order),
        Role::Email => normalise::email(text),
        Role::Phone => normalise::phone(text),
        Role::Street => normalise::street(text).map(normalise::head),
        Role::Postcode => normalise::postcode(text),
        Role::NationalId | Role::Region | Role::UserId | Role::Device | Role::SourceId => normalise::identifier(text),
        _ => normalise::free_text(text).map(normalise::head),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_taken_out_leave_the_others_of_their_cell() {
        let many: Vec<String> = (0..12).map(|number| format!("55512300{number:02}")).collect();
        let cells = [many.join("\u{1f}"), many[3].clone(), many[..2].join("\u{1f}")];
        let column = Column::from_texts("p", cells.iter().map(String::as_str));
        let mut field = Field::read(column, Role::Phone, None);
        field.retain(|code| code != 0 && code != 3);
        assert_eq!(field.values_of(&field.codes[0]).len(), VALUES_MAX);
        assert_eq!(field.codes[1..], [MISSING, 1]);
    }
}
