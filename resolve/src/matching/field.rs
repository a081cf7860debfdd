//! Columns made ready to be compared: normalised, without generic values,
//! with a band for each value, and all codes of a record side by side.

use super::compare::{HALF_SWAPPED, Measure, SWAPPED, Value};
use super::hash::{FastMap, text};
use super::normalise::{self, DayOrder};
use super::role::{Ignored, Recognised, Role};
use super::table::{Column, MISSING};

/// Fields a pattern has room for.
pub(crate) const FIELDS_MAX: usize = 16;

/// The levels of two records, one byte a field: 0 missing, else the level + 1.
pub(crate) type Pattern = [u8; FIELDS_MAX];

/// One column, ready to be compared.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) measure: Measure,
    pub(crate) values: Vec<Value>,
    /// Band of each value, 0 the most common.
    pub(crate) bands: Vec<u8>,
    pub(crate) codes: Vec<u32>,
}

impl Field {
    /// Records per value.
    pub(crate) fn counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.values.len()];
        self.codes.iter().filter(|&&code| code != MISSING).for_each(|&code| counts[code as usize] += 1);
        counts
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
        Role::HouseNumber | Role::Ignored(_) => return None,
    })
}

/// Makes the fields of `columns`, which `found` says what they are; marks in
/// `found` what turned out redundant or too many.
pub(crate) fn prepare(columns: Vec<Column>, found: &mut [Recognised]) -> Vec<Field> {
    let columns = join_house_number(columns, found);
    drop_redundant(&columns, found);
    let mut order: Vec<usize> = (0..columns.len()).filter(|&index| measure_of(found[index].role).is_some()).collect();
    order.sort_by_key(|&index| found[index].role);
    for &index in order.iter().skip(FIELDS_MAX) {
        found[index].role = Role::Ignored(Ignored::OneTooMany);
    }
    order.truncate(FIELDS_MAX);
    let mut columns: Vec<Option<Column>> = columns.into_iter().map(Some).collect();
    order.iter().filter_map(|&index| Some(field(columns[index].take()?, found[index].role))).collect()
}

fn field(column: Column, role: Role) -> Field {
    let day_order = if role == Role::BirthDate {
        normalise::day_order(column.values.iter().map(String::as_str))
    } else {
        DayOrder::default()
    };
    let mut codes_of: FastMap<u64, u32> = FastMap::default();
    let mut values = Vec::new();
    let renumbered: Vec<u32> = column
        .values
        .into_iter()
        .map(|text| {
            let Some(normal) = normalise_as(role, &text, day_order) else { return MISSING };
            *codes_of.entry(super::hash::text(4, &normal)).or_insert_with(|| {
                values.push(Value::new(normal));
                values.len() as u32 - 1
            })
        })
        .collect();
    let codes = column.codes.iter().map(|&code| renumbered.get(code as usize).copied().unwrap_or(MISSING)).collect();
    let measure = measure_of(role).unwrap_or(Measure::Exact);
    Field { name: column.name, role, measure, bands: vec![measure.bands() - 1; values.len()], values, codes }
}

fn normalise_as(role: Role, text: &str, day_order: DayOrder) -> Option<String> {
    match role {
        Role::GivenName | Role::FamilyName | Role::FullName => normalise::name(text),
        Role::BirthDate => normalise::date(text, day_order),
        Role::Email => normalise::email(text),
        Role::Phone => normalise::phone(text),
        Role::Street => normalise::street(text),
        Role::Postcode => normalise::postcode(text),
        Role::NationalId | Role::Region | Role::UserId | Role::Device | Role::SourceId => normalise::identifier(text),
        _ => normalise::free_text(text),
    }
}

/// Writes the number of the house before the street where it is kept apart.
fn join_house_number(mut columns: Vec<Column>, found: &[Recognised]) -> Vec<Column> {
    let place = |role: Role| found.iter().position(|found| found.role == role);
    let (Some(number), Some(street)) = (place(Role::HouseNumber), place(Role::Street)) else { return columns };
    let mut joined = super::ColumnBuilder::new(columns[street].name.clone());
    for row in 0..columns[street].codes.len() {
        let [number, street] = [number, street].map(|index| columns[index].get(row).unwrap_or_default());
        joined.push(&format!("{number} {street}"));
    }
    columns[street] = joined.finish();
    columns
}

/// Rows looked at to find columns that repeat others.
const ROWS_SEEN: usize = 4000;

/// Drops whole names that are nothing but the given and family names put
/// together, one column at a time.
fn drop_redundant(columns: &[Column], found: &mut [Recognised]) {
    let of = |found: &[Recognised], role: Role| {
        (0..columns.len()).filter(|&index| found[index].role == role).collect::<Vec<_>>()
    };
    let parts: Vec<usize> = [of(found, Role::GivenName), of(found, Role::FamilyName)].concat();
    if of(found, Role::GivenName).is_empty() || of(found, Role::FamilyName).is_empty() {
        return;
    }
    for whole in of(found, Role::FullName) {
        let rows = columns[whole].codes.len().min(ROWS_SEEN);
        let same = (0..rows).filter(|&row| {
            let from_parts = parts.iter().filter_map(|&part| columns[part].get(row)).collect::<Vec<_>>().join(" ");
            tokens(columns[whole].get(row).unwrap_or_default()) == tokens(&from_parts)
        });
        if same.count() * 100 >= rows * 97 {
            found[whole].role = Role::Ignored(Ignored::Redundant);
        }
    }
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = normalise::plain(text).split(' ').map(str::to_owned).collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// All fields, and the codes of each record side by side.
#[derive(Debug)]
pub(crate) struct Fields {
    pub(crate) all: Vec<Field>,
    pub(crate) records: Vec<u64>,
    matrix: Vec<u32>,
    /// Places of the given and the family name that may be swapped.
    swappable: Option<(usize, usize)>,
}

impl Fields {
    pub(crate) fn new(fields: Vec<Field>, records: Vec<u64>) -> Self {
        let mut matrix = Vec::with_capacity(records.len() * fields.len());
        for row in 0..records.len() {
            matrix.extend(fields.iter().map(|field| field.codes[row]));
        }
        let only = |role: Role| {
            let mut places = (0..fields.len()).filter(|&index| fields[index].role == role);
            places.next().filter(|_| places.next().is_none())
        };
        let swappable = only(Role::GivenName).zip(only(Role::FamilyName));
        Self { all: fields, records, matrix, swappable }
    }

    fn codes(&self, row: u32) -> &[u32] {
        let width = self.all.len();
        &self.matrix[row as usize * width..][..width]
    }
}

/// Slots of the cache of one field.
const CACHE: usize = 1 << 11;

/// Compares records; remembers levels of pairs of values. One per thread.
pub(crate) struct Comparer<'a> {
    fields: &'a Fields,
    caches: Vec<Vec<(u32, u32, u8)>>,
}

impl<'a> Comparer<'a> {
    pub(crate) fn new(fields: &'a Fields) -> Self {
        let cached = |field: &Field| if field.measure == Measure::Exact { 0 } else { CACHE };
        let slots = fields.all.iter().map(|field| vec![(MISSING, MISSING, 0); cached(field)]).collect();
        Self { fields, caches: slots }
    }

    /// Returns the levels of two records.
    pub(crate) fn pattern(&mut self, one: u32, other: u32) -> Pattern {
        let mut pattern = [0; FIELDS_MAX];
        let (codes_one, codes_other) = (self.fields.codes(one), self.fields.codes(other));
        for (index, field) in self.fields.all.iter().enumerate() {
            let (a, b) = (codes_one[index], codes_other[index]);
            if a != MISSING && b != MISSING {
                pattern[index] = 1 + level(field, &mut self.caches[index], a.min(b), a.max(b));
            }
        }
        self.mark_swapped(one, other, &mut pattern);
        pattern
    }

    fn mark_swapped(&self, one: u32, other: u32, pattern: &mut Pattern) {
        let Some((given, family)) = self.fields.swappable else { return };
        let level = 1 + SWAPPED;
        if !(1..level).contains(&pattern[given]) || !(1..level).contains(&pattern[family]) {
            return;
        }
        let [(given_one, family_one), (given_other, family_other)] = [one, other].map(|row| {
            let codes = self.fields.codes(row);
            let text = |place: usize| self.fields.all[place].values[codes[place] as usize].folded();
            (text(given), text(family))
        });
        match (crossed(given_one, family_other), crossed(family_one, given_other)) {
            (true, true) => (pattern[given], pattern[family]) = (level, level),
            (true, false) | (false, true) => pattern[family] = 1 + HALF_SWAPPED,
            (false, false) => {}
        }
    }
}

/// Whether a given name is, but for a slip, the other record's family name.
fn crossed(one: &str, other: &str) -> bool {
    let close = || Measure::Family.level(&Value::new(one.into()), &Value::new(other.into())) >= 3;
    one.as_bytes().first() == other.as_bytes().first() && (one == other || close())
}

fn level(field: &Field, cache: &mut [(u32, u32, u8)], a: u32, b: u32) -> u8 {
    if a == b {
        return field.measure.exact() + field.bands[a as usize];
    }
    if cache.is_empty() {
        return 0;
    }
    let slot = &mut cache[(super::hash::mix(u64::from(a) << 32 | u64::from(b)) as usize) % CACHE];
    if (slot.0, slot.1) != (a, b) {
        *slot = (a, b, field.measure.level(&field.values[a as usize], &field.values[b as usize]));
    }
    slot.2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(columns: &[(&str, Role, &[&str])]) -> Fields {
        let rows = columns[0].2.len() as u64;
        let mut found: Vec<Recognised> =
            columns.iter().map(|(name, role, _)| Recognised { column: (*name).into(), role: *role }).collect();
        let columns = columns.iter().map(|(name, _, texts)| Column::from_texts(name, texts.iter().copied())).collect();
        Fields::new(prepare(columns, &mut found), (0..rows).collect())
    }

    #[test]
    fn swapped_names_reach_the_same_level_in_both() {
        let fields = fields(&[("g", Role::GivenName, &["james", "cook"]), ("f", Role::FamilyName, &["cook", "james"])]);
        let pattern = Comparer::new(&fields).pattern(0, 1);
        assert_eq!(pattern[..2], [1 + SWAPPED, 1 + SWAPPED]);
    }

    #[test]
    fn missing_and_exact() {
        let fields = fields(&[("p", Role::Phone, &["+1 555 123 4567", "555-123-4567", ""])]);
        let mut comparer = Comparer::new(&fields);
        assert_eq!(comparer.pattern(0, 1)[0], 1 + Measure::Digits.exact());
        assert_eq!(comparer.pattern(0, 2)[0], 0);
    }

    #[test]
    fn a_house_number_joins_its_street_and_a_repeated_name_is_dropped() {
        let columns = [
            ("n", Role::HouseNumber, &["7", "8"][..]),
            ("s", Role::Street, &["wallaby place", "high street"]),
            ("g", Role::GivenName, &["ann", "tom"]),
            ("f", Role::FamilyName, &["lee", "fox"]),
            ("w", Role::FullName, &["ann lee", "fox tom"]),
        ];
        let fields = fields(&columns);
        let roles: Vec<Role> = fields.all.iter().map(|field| field.role).collect();
        assert_eq!(roles, [Role::GivenName, Role::FamilyName, Role::Street]);
        assert_eq!(fields.all[2].get(0), Some("7 wallaby pl"));
    }
}
