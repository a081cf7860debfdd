//! All fields of records side by side, and how alike two records are in each.

use super::levels::Levels;
use super::signature::Signature;
use super::{HALF_SWAPPED, Measure, SWAPPED, Value};
use crate::matching::field::{FIELDS_MAX, Field, SEVERAL};
use crate::matching::role::Role;
use crate::matching::table::MISSING;
use std::hint::black_box;

/// The levels of two records, one byte a field: 0 missing, else the level + 1.
pub(crate) type Pattern = [u8; FIELDS_MAX];

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
        let swappable = swappable.or_else(|| tested_for_swaps(&fields));
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

    /// Reads the values of a row: loads that do not wait for each other.
    pub(crate) fn fetch_values(&self, row: u32) {
        black_box(self.all.iter().zip(self.codes(row)).fold(0, |sum, (field, code)| {
            field.values_of(code).iter().fold(sum, |sum, &code| sum ^ field.values[code as usize].text().len())
        }));
    }

    /// The codes of a row.
    pub(crate) fn codes(&self, row: u32) -> &[u32] {
        self.row(row).0
    }

    /// Adds a row without values; it is not in the fields' own codes.
    pub(crate) fn push(&mut self, record: u64) {
        if self.records.len() == self.records.capacity() {
            self.make_room();
        }
        self.records.push(record);
        let rows = self.records.len();
        self.codes.resize(rows * self.all.len(), MISSING);
        self.signatures.resize(rows * self.signatures_a_row, Signature::default());
    }

    /// Makes room for some rows more at once: to move what there is takes long.
    pub(crate) fn make_room(&mut self) {
        let more = self.records.len() / 8 + 1;
        self.records.reserve_exact(more);
        self.codes.reserve_exact(more * self.all.len());
        self.signatures.reserve_exact(more * self.signatures_a_row);
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

/// The two fields that somebody else's levels test for swapped values.
fn tested_for_swaps(fields: &[Field]) -> Option<(usize, usize)> {
    let is_tested = |field: &Field| matches!(field.measure, Measure::Levels(levels) if levels.swapped().is_some());
    let mut places = (0..fields.len()).filter(|&place| is_tested(&fields[place]));
    let found = places.next().zip(places.next());
    found.filter(|_| places.next().is_none())
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

    /// The places of fields that hold devices.
    pub(crate) fn devices(&self) -> impl Iterator<Item = usize> + use<'a> {
        let fields = self.fields;
        (0..fields.all.len()).filter(|&place| fields.all[place].role == Role::Device)
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
        let measure = |place: usize| self.fields.all[place].measure;
        if let (Measure::Levels(of_given), Measure::Levels(of_family)) = (measure(given), measure(family)) {
            return self.mark_levels((one, other), [(given, of_given), (family, of_family)], pattern);
        }
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

    /// As [`Self::mark_swapped`], of columns with levels of somebody else.
    fn mark_levels(&self, (one, other): (u32, u32), columns: [(usize, Levels); 2], pattern: &mut Pattern) {
        if columns.iter().any(|&(place, _)| pattern[place] == 0)
            || columns.iter().all(|&(place, levels)| pattern[place] > levels.top())
        {
            return;
        }
        let text = |row: u32, place: usize| {
            let code = self.fields.codes(row)[place];
            self.fields.all[place].values.get(code as usize).map(Value::text)
        };
        let [(given, _), (family, _)] = columns;
        if text(one, given) == text(other, family) && text(other, given) == text(one, family) {
            for (place, levels) in columns {
                pattern[place] = 1 + levels.swapped().unwrap_or(pattern[place] - 1);
            }
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
    let slot = &mut cache[(crate::matching::hash::mix(u64::from(a) << 32 | u64::from(b)) as usize) % CACHE];
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
    use crate::matching::columns::prepare;
    use crate::matching::role::Recognised;
    use crate::matching::table::Column;

    fn fields(columns: &[(&str, Role, &[&str])]) -> Fields {
        let rows = columns[0].2.len() as u64;
        let mut found: Vec<Recognised> =
            columns.iter().map(|(name, role, _)| Recognised { column: (*name).into(), role: *role }).collect();
        let columns = columns.iter().map(|(name, _, texts)| Column::from_texts(name, texts.iter().copied())).collect();
        Fields::new(prepare(columns, &mut found, &[]), (0..rows).collect())
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
}
