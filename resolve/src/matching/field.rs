//! Columns made ready to be compared: normalised, without generic values,
//! with a band for each value, and all codes of a record side by side.

use super::compare::{HALF_SWAPPED, Measure, SWAPPED, Value};
use super::hash::{FastMap, text};
use super::model::FieldModel;
use super::normalise::{self, DayOrder};
use super::role::{Ignored, Recognised, Role};
use super::signature::Signature;
use super::table::{Column, MISSING};
use super::texts::Texts;
use std::hint::black_box;

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
        Role::HouseNumber | Role::Ignored(_) => return None,
    })
}

/// Makes the fields of `columns`, which `found` says what they are; marks in
/// `found` what turned out redundant or too many.
pub(crate) fn prepare(mut columns: Vec<Column>, found: &mut [Recognised]) -> Vec<Field> {
    let numbered = join_house_number(&mut columns, found);
    drop_redundant(&columns, found);
    let mut order: Vec<usize> = (0..columns.len()).filter(|&index| measure_of(found[index].role).is_some()).collect();
    order.sort_by_key(|&index| found[index].role);
    for &index in order.iter().skip(FIELDS_MAX) {
        found[index].role = Role::Ignored(Ignored::OneTooMany);
    }
    order.truncate(FIELDS_MAX);
    let mut columns: Vec<Option<Column>> = columns.into_iter().map(Some).collect();
    let mut take = |&index: &usize| {
        let mut field = Field::read(columns[index].take()?, found[index].role, None);
        field.house_number = numbered.as_ref().filter(|(street, _)| *street == index).map(|(_, name)| name.clone());
        Some(field)
    };
    order.iter().filter_map(&mut take).collect()
}

/// Makes the fields of a model: columns it knows by name or else by role, what
/// the table lacks missing in every row. Marks in `found` what it has no place for.
pub(crate) fn prepare_as(
    model: &[FieldModel],
    mut columns: Vec<Column>,
    found: &mut [Recognised],
    rows: usize,
) -> Vec<Field> {
    for recognised in found.iter_mut() {
        if model.iter().any(|field| field.house_number.as_ref() == Some(&recognised.column)) {
            recognised.role = Role::HouseNumber;
        }
    }
    join_house_number(&mut columns, found);
    let places = places(model, found);
    for (index, recognised) in found.iter_mut().enumerate() {
        match places.iter().position(|place| *place == Some(index)) {
            Some(place) => recognised.role = model[place].role,
            None if measure_of(recognised.role).is_some() => recognised.role = Role::Ignored(Ignored::OneTooMany),
            None => {}
        }
    }
    let mut columns: Vec<Option<Column>> = columns.into_iter().map(Some).collect();
    let field = |(field, place): (&FieldModel, Option<usize>)| {
        let column = place.and_then(|index| columns[index].take());
        let absent = || Column { name: field.name.clone(), values: Texts::default(), codes: vec![MISSING; rows] };
        let read = Field::read(column.unwrap_or_else(absent), field.role, field.day_order).measured_by(field.measure);
        Field { space: text(129, &field.name), ..read }
    };
    model.iter().zip(places).map(field).collect()
}

/// The column each field of a model takes: the one of its name, unless it was
/// clearly taken for something else, then one of its role; words are told
/// apart by the name of their column alone.
fn places(model: &[FieldModel], found: &[Recognised]) -> Vec<Option<usize>> {
    let mut places = vec![None; model.len()];
    let ignored = |role| matches!(role, Role::Ignored(why) if why != Ignored::Answer);
    for pass in 0..3 {
        for (place, field) in model.iter().enumerate() {
            let fits = |column: &Recognised| match pass {
                0 => field.name == column.column && field.role == column.role,
                1 => field.name == column.column && ignored(column.role),
                _ => field.role == column.role && field.role != Role::Text,
            };
            let free = |index: &usize| !places.contains(&Some(*index)) && fits(&found[*index]);
            places[place] = places[place].or_else(|| (0..found.len()).find(free));
        }
    }
    places
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
    fn read(column: Column, role: Role, day_order: Option<DayOrder>) -> Self {
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

/// Writes the number of the house before the street where it is kept apart;
/// returns the place of the street and the name of the number's column.
fn join_house_number(columns: &mut [Column], found: &[Recognised]) -> Option<(usize, String)> {
    let place = |role: Role| found.iter().position(|found| found.role == role);
    let (number, street) = (place(Role::HouseNumber)?, place(Role::Street)?);
    let mut joined = super::ColumnBuilder::new(columns[street].name.clone());
    for row in 0..columns[street].codes.len() {
        let [number, street] = [number, street].map(|index| columns[index].get(row).unwrap_or_default());
        joined.push(&format!("{number} {street}"));
    }
    columns[street] = joined.finish();
    Some((street, columns[number].name.clone()))
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

/// All fields, and the codes and signatures of each record side by side.
#[derive(Debug)]
pub(crate) struct Fields {
    pub(crate) all: Vec<Field>,
    pub(crate) records: Vec<u64>,
    codes: Vec<u32>,
    /// Of those fields whose values have one.
    signatures: Vec<Signature>,
    /// The place of each field's signature among those of a row.
    signed: Vec<Option<u8>>,
    /// Signatures of a row.
    signatures_a_row: usize,
    /// Places of the given and the family name that may be swapped.
    swappable: Option<(usize, usize)>,
}

impl Fields {
    pub(crate) fn new(fields: Vec<Field>, records: Vec<u64>) -> Self {
        let width = fields.len();
        let mut signatures_a_row = 0;
        let signed = fields.iter().map(|field| {
            Signature::tells_of(field.measure).then(|| {
                signatures_a_row += 1;
                signatures_a_row as u8 - 1
            })
        });
        let signed: Vec<Option<u8>> = signed.collect();
        let mut codes = vec![MISSING; records.len() * width];
        let mut signatures = vec![Signature::default(); records.len() * signatures_a_row];
        for (place, field) in fields.iter().enumerate() {
            (0..).zip(&field.codes).for_each(|(row, &code): (usize, _)| codes[row * width + place] = code);
            let Some(signed) = signed[place].map(usize::from) else { continue };
            let of_values: Vec<Signature> =
                field.values.iter().map(|value| Signature::new(field.measure, value)).collect();
            for (row, &code) in field.codes.iter().enumerate() {
                signatures[row * signatures_a_row + signed] = of_values.get(code as usize).copied().unwrap_or_default();
            }
        }
        let only = |role: Role| {
            let mut places = (0..width).filter(|&index| fields[index].role == role);
            places.next().filter(|_| places.next().is_none())
        };
        let swappable = only(Role::GivenName).zip(only(Role::FamilyName)).filter(|&(given, family)| {
            (fields[given].measure, fields[family].measure) == (Measure::Given, Measure::Family)
        });
        Self { all: fields, records, codes, signatures, signed, signatures_a_row, swappable }
    }

    /// Lets go of the codes of whole columns of these roles; those of records stay.
    pub(crate) fn forget_columns(&mut self, of: impl Fn(Role) -> bool) {
        self.all.iter_mut().filter(|field| of(field.role)).for_each(|field| field.codes = Vec::new());
    }

    fn row(&self, row: u32) -> (&[u32], &[Signature]) {
        let (codes, signatures) = (self.all.len(), self.signatures_a_row);
        let (code, signature) = (row as usize * codes, row as usize * signatures);
        (&self.codes[code..code + codes], &self.signatures[signature..signature + signatures])
    }

    /// The signature of a row's value, if values of this field have one.
    fn signature(&self, place: usize, signatures: &[Signature]) -> Option<Signature> {
        self.signed[place].map(|place| signatures[usize::from(place)])
    }

    /// Reads what belongs to rows: loads that do not wait for each other, so that
    /// comparing them finds all at hand.
    pub(crate) fn fetch(&self, rows: impl Iterator<Item = u32>) {
        black_box(rows.fold((0, 0), |sum, row| {
            let (codes, signatures) = self.row(row);
            let ends = [signatures.first(), signatures.last()].map(|end| end.map_or(0, |end| end.bits()));
            (sum.0 ^ codes.first().unwrap_or(&0), sum.1 ^ ends[0] ^ ends[1])
        }));
    }

    /// The codes of a row.
    pub(crate) fn codes(&self, row: u32) -> &[u32] {
        self.row(row).0
    }

    /// Adds a row without values; it is not in the fields' own codes.
    pub(crate) fn push(&mut self, record: u64) {
        self.records.push(record);
        let rows = self.records.len();
        self.codes.resize(rows * self.all.len(), MISSING);
        self.signatures.resize(rows * self.signatures_a_row, Signature::default());
    }

    /// Writes one cell's code.
    pub(crate) fn set(&mut self, row: u32, place: usize, code: u32) {
        let field = &self.all[place];
        if let Some(signed) = self.signed[place] {
            let value = field.values.get(code as usize);
            self.signatures[row as usize * self.signatures_a_row + usize::from(signed)] =
                value.map_or_else(Signature::default, |value| Signature::new(field.measure, value));
        }
        self.codes[row as usize * self.all.len() + place] = code;
    }

    /// Bytes held for each row.
    pub(crate) fn bytes(&self) -> usize {
        self.codes.capacity() * size_of::<u32>()
            + self.signatures.capacity() * size_of::<Signature>()
            + self.records.capacity() * size_of::<u64>()
    }
}

/// Slots of the cache of one field.
const CACHE: usize = 1 << 11;

/// Levels of pairs of values, remembered by field.
pub(crate) type Caches = Vec<Vec<(u32, u32, u8)>>;

/// Forgets the levels of one field's values.
pub(crate) fn forget(caches: &mut Caches, field: usize) {
    if let Some(cache) = caches.get_mut(field) {
        cache.fill((MISSING, MISSING, 0));
    }
}

/// Compares records; remembers levels of pairs of values. One per thread.
pub(crate) struct Comparer<'a> {
    fields: &'a Fields,
    caches: Caches,
}

impl<'a> Comparer<'a> {
    pub(crate) fn new(fields: &'a Fields) -> Self {
        let cached = |field: &Field| if field.measure == Measure::Exact { 0 } else { CACHE };
        let slots = fields.all.iter().map(|field| vec![(MISSING, MISSING, 0); cached(field)]).collect();
        Self { fields, caches: slots }
    }

    /// Reads what belongs to the second record of many pairs: loads that do not
    /// wait for each other, so that comparing finds all at hand.
    pub(crate) fn fetch(&self, pairs: &[(u32, u32)]) {
        self.fields.fetch(pairs.iter().map(|&(_, other)| other));
    }

    /// Goes on with what another comparer of these fields remembered.
    pub(crate) fn with(fields: &'a Fields, caches: Caches) -> Self {
        if caches.is_empty() { Self::new(fields) } else { Self { fields, caches } }
    }

    /// Returns what was remembered.
    pub(crate) fn into_caches(self) -> Caches {
        self.caches
    }

    /// Returns the levels of two records.
    pub(crate) fn pattern(&mut self, one: u32, other: u32) -> Pattern {
        let mut pattern = [0; FIELDS_MAX];
        let ((codes_one, signatures_one), (codes_other, signatures_other)) =
            (self.fields.row(one), self.fields.row(other));
        for (index, field) in self.fields.all.iter().enumerate() {
            let (a, b) = (codes_one[index], codes_other[index]);
            if a == MISSING || b == MISSING {
                continue;
            }
            let seen = || {
                let signed = usize::from(self.fields.signed[index]?);
                signatures_one[signed].level(signatures_other[signed], field.measure)
            };
            let seen = if a == b { None } else { seen() };
            pattern[index] = 1 + seen.unwrap_or_else(|| level(field, &mut self.caches[index], a.min(b), a.max(b)));
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
        let crossed = |one: u32, other: u32| {
            let ((codes_one, signatures_one), (codes_other, signatures_other)) =
                (self.fields.row(one), self.fields.row(other));
            let text = |place: usize, codes: &[u32]| self.fields.all[place].values[codes[place] as usize].folded();
            let signatures =
                self.fields.signature(given, signatures_one).zip(self.fields.signature(family, signatures_other));
            signatures.is_none_or(|(given, family)| given.may_be_crossed(family))
                && crossed(text(given, codes_one), text(family, codes_other))
        };
        match (crossed(one, other), crossed(other, one)) {
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
    if (a | b) & SEVERAL != 0 {
        let pairs =
            field.values_of(&a).iter().flat_map(|&a| field.values_of(&b).iter().map(move |&b| (a.min(b), a.max(b))));
        return pairs.map(|(a, b)| level(field, cache, a, b)).max().unwrap_or_default();
    }
    if a == b {
        return field.measure.exact() + if field.measure.bands() == 1 { 0 } else { field.bands[a as usize] };
    }
    if cache.is_empty() {
        return 0;
    }
    let slot = &mut cache[(super::hash::mix(u64::from(a) << 32 | u64::from(b)) as usize) % CACHE];
    if (slot.0, slot.1) != (a, b) {
        let (one, other) = (&field.values[a as usize], &field.values[b as usize]);
        let (one, other) = if one.text() <= other.text() { (one, other) } else { (other, one) };
        *slot = (a, b, field.measure.level(one, other));
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
    fn a_cell_of_several_values_is_as_alike_as_its_best_pair() {
        let phones = ["555-123-4567\u{1f}555 999 8888", "5559998888", "5559998887\u{1f}1", "12\u{1f}"];
        let fields = fields(&[("p", Role::Phone, &phones)]);
        let mut comparer = Comparer::new(&fields);
        let level = |comparer: &mut Comparer, other| comparer.pattern(0, other)[0];
        assert_eq!(level(&mut comparer, 1), 1 + Measure::Digits.exact());
        assert_eq!(level(&mut comparer, 2), 3);
        assert_eq!(level(&mut comparer, 3), 0);
        assert_eq!(fields.all[0].counts(), [1, 2, 1]);
    }

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
