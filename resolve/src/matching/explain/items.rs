//! The items that are looked at, made ready as the model compares them.

use crate::matching::cluster::Cut;
use crate::matching::columns::prepare_as;
use crate::matching::compare::comparer::{Comparer, Fields, Pattern};
use crate::matching::copies::Copies;
use crate::matching::field::generic;
use crate::matching::field::{Field, SEVERAL};
use crate::matching::model::{Model, Score, Scorer};
use crate::matching::role::{Recognised, Role};
use crate::matching::table::{Column, MISSING, Table};
use crate::matching::{Error, Result};
use serde::Serialize;

/// One item as its host knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemView {
    /// What a reader calls it, such as `crm:4711`.
    pub name: String,
    /// Its [`crate::matching::record_hash`].
    pub id: u64,
    /// Items of one node were joined beforehand; an item by itself is its own.
    pub node: u64,
    /// Exclusive identifiers it carries, such as `user_id 42`.
    pub exclusive: Vec<String>,
    /// Its texts as received, in the order of the model's fields; several in
    /// one cell stand apart by U+001F.
    pub texts: Vec<Option<String>>,
}

/// A value as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Normalised text.
    pub text: String,
    /// It says nothing of a person, is one of too many, or was taken from the
    /// item: it reads as missing.
    pub generic: bool,
}

/// Items ready to be explained.
pub struct Items<'m> {
    pub(super) model: &'m Model,
    pub(super) cut: Cut,
    pub(super) fields: Fields,
    pub(super) names: Vec<String>,
    pub(super) nodes: Vec<u64>,
    pub(super) exclusive: Vec<Vec<String>>,
    /// Cells of each field with their generic values.
    whole: Vec<Cells>,
}

/// Codes of a field's cells, and the values of those that hold several.
type Cells = (Vec<u32>, Vec<Box<[u32]>>);

impl<'m> Items<'m> {
    /// Makes items of views. `is_missing` tells, by view, field and normalised
    /// value, which values read as missing: those of too many people in every
    /// item, those taken from one item in that one.
    ///
    /// # Errors
    /// [`Error::ModelDamaged`] if the model does not hold together.
    pub fn new(
        model: &'m Model,
        cut: Cut,
        views: &[ItemView],
        is_missing: impl Fn(usize, usize, &str) -> bool,
    ) -> Result<Self> {
        model.check()?;
        let mut fields = prepared(model, views);
        let whole = fields.iter().map(|field| (field.codes.clone(), field.sets.clone())).collect();
        for (place, field) in fields.iter_mut().enumerate() {
            let texts: Vec<String> = field.values.iter().map(|value| value.text().to_owned()).collect();
            field.retain_in(|item, code| !is_missing(item, place, &texts[code as usize]));
            set_bands(model, place, field);
        }
        Ok(Self {
            model,
            cut,
            fields: Fields::new(fields, views.iter().map(|view| view.id).collect()),
            names: views.iter().map(|view| view.name.clone()).collect(),
            nodes: views.iter().map(|view| view.node).collect(),
            exclusive: views.iter().map(|view| view.exclusive.clone()).collect(),
            whole,
        })
    }

    /// Makes items of all rows of a table, numbered as its rows; `recognised`
    /// is what a run took its columns for, `names` what a reader calls the rows.
    ///
    /// # Errors
    /// [`Error::ModelDamaged`], [`Error::ColumnLength`].
    pub fn of_table(
        model: &'m Model,
        cut: Cut,
        table: Table,
        recognised: &[Recognised],
        names: Vec<String>,
    ) -> Result<Self> {
        model.check()?;
        let rows = table.records.len();
        if let Some(short) = table.columns.iter().find(|column| column.codes.len() != rows) {
            let (column, found) = (short.name.clone(), short.codes.len());
            return Err(Error::ColumnLength { column, found, expected: rows });
        }
        let role_of = |column: &Column| recognised.iter().find(|known| known.column == column.name).cloned();
        let columns: Vec<Column> = table.columns.into_iter().filter(|column| role_of(column).is_some()).collect();
        let mut found: Vec<Recognised> = columns.iter().filter_map(role_of).collect();
        let mut fields = prepare_as(&model.fields, columns, &mut found, rows);
        let whole = fields.iter().map(|field| (field.codes.clone(), field.sets.clone())).collect();
        let limits: Vec<_> = model.fields.iter().map(|field| field.generic).collect();
        let generic = generic_of(&mut fields, &limits, rows);
        fields.iter_mut().zip(&generic).for_each(|(field, generic)| generic::forget(field, generic));
        for (place, field) in fields.iter_mut().enumerate() {
            set_bands(model, place, field);
        }
        let user = fields.iter().find(|field| field.role == Role::UserId);
        let user_of = |row: usize| user.filter(|field| field.codes[row] != MISSING);
        let node = |row: usize| user_of(row).map_or(u64::MAX - row as u64, |field| u64::from(field.codes[row]));
        let exclusive = |row: usize| {
            let text = user_of(row).and_then(|field| Some(format!("{} {}", field.name, field.get(row)?)));
            text.into_iter().collect()
        };
        let (nodes, exclusive) = ((0..rows).map(node).collect(), (0..rows).map(exclusive).collect());
        let fields = Fields::new(fields, table.records);
        Ok(Self { model, cut, fields, names, nodes, exclusive, whole })
    }

    /// Adds an item, such as a description that is searched for, and returns
    /// its place. Costs as much as making the items did.
    pub fn push(&mut self, view: &ItemView) -> u32 {
        let place = self.len() as u32;
        let mut fields = std::mem::take(&mut self.fields.all);
        let own = prepared(self.model, std::slice::from_ref(view));
        for (place, (field, own)) in fields.iter_mut().zip(&own).enumerate() {
            let codes: Vec<u32> = own.values_of(&own.codes[0]).iter().map(|&code| code_in(field, own, code)).collect();
            set_bands(self.model, place, field);
            let (whole, sets) = &mut self.whole[place];
            whole.push(packed(&codes, sets));
            let compared = field.compared(codes.into_iter());
            let code = packed(&compared, &mut field.sets);
            field.codes.push(code);
        }
        let mut records = std::mem::take(&mut self.fields.records);
        records.push(view.id);
        self.fields = Fields::new(fields, records);
        self.names.push(view.name.clone());
        self.nodes.push(view.node);
        self.exclusive.push(view.exclusive.clone());
        place
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Place of the item a reader calls so.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<u32> {
        self.names.iter().position(|known| known == name).map(|place| place as u32)
    }

    /// What is known of an item in a field.
    pub(super) fn shown(&self, item: u32, place: usize) -> Vec<Shown> {
        let field = &self.fields.all[place];
        let (codes, sets) = &self.whole[place];
        let values = match codes[item as usize] {
            MISSING => &[][..],
            code @ SEVERAL.. => sets.get((code - SEVERAL) as usize).map(|set| &**set).unwrap_or_default(),
            _ => std::slice::from_ref(&codes[item as usize]),
        };
        let kept = field.values_of(&field.codes[item as usize]);
        let shown = |code: &u32| {
            let text = readable(field.role, field.values.get(*code as usize)?.text());
            Some(Shown { text, generic: !kept.contains(code) })
        };
        values.iter().filter_map(shown).collect()
    }

    /// What scores pairs of these items.
    pub(super) fn scoring(&self) -> Scoring<'_> {
        Scoring { comparer: Comparer::new(&self.fields), scorer: Scorer::new(self.model) }
    }
}

/// Compares and scores pairs of items, remembering what it has seen.
pub(super) struct Scoring<'a> {
    pub(super) comparer: Comparer<'a>,
    pub(super) scorer: Scorer<'a>,
}

impl Scoring<'_> {
    pub(super) fn pattern(&mut self, one: u32, other: u32) -> Pattern {
        self.comparer.pattern(one, other)
    }

    pub(super) fn score(&mut self, one: u32, other: u32) -> Score {
        let pattern = self.pattern(one, other);
        self.scorer.score(pattern)
    }
}

/// The fields of a model with the texts of views.
fn prepared(model: &Model, views: &[ItemView]) -> Vec<Field> {
    let column = |place: usize| {
        let texts = views.iter().map(|view| view.texts.get(place).and_then(Option::as_deref).unwrap_or_default());
        Column::from_texts(&model.fields[place].name, texts)
    };
    let columns = (0..model.fields.len()).map(column).collect();
    let as_known = model.fields.iter().map(|field| Recognised { column: field.name.clone(), role: field.role });
    prepare_as(&model.fields, columns, &mut as_known.collect::<Vec<_>>(), views.len())
}

/// The code in `field` of a value of `own`, which is added if it is new.
fn code_in(field: &mut Field, own: &Field, code: u32) -> u32 {
    let value = &own.values[code as usize];
    let known = field.values.iter().position(|known| known == value);
    let place = known.unwrap_or_else(|| {
        field.values.push(value.clone());
        field.bands.push(field.measure.bands() - 1);
        field.values.len() - 1
    });
    place as u32
}

/// The code of a cell of these values, in place of what `sets` holds.
fn packed(values: &[u32], sets: &mut Vec<Box<[u32]>>) -> u32 {
    match *values {
        [] => MISSING,
        [only] => only,
        _ => {
            sets.push(values.into());
            SEVERAL + sets.len() as u32 - 1
        }
    }
}

/// Which values are generic: a count of records that say different things.
fn generic_of(fields: &mut [Field], limits: &[generic::Limits], rows: usize) -> Vec<Vec<bool>> {
    let whole: Vec<Vec<u32>> = fields.iter().map(|field| field.codes.clone()).collect();
    let (mut order, mut records) = ((0..rows as u32).collect(), (0..rows as u64).collect());
    Copies::take_out(fields, &mut order, &mut records);
    let generic = generic::found(fields, limits);
    fields.iter_mut().zip(whole).for_each(|(field, codes)| field.codes = codes);
    generic
}

/// Writes the model's frozen bands into a field's few values.
fn set_bands(model: &Model, place: usize, field: &mut Field) {
    let common = &model.fields[place].common;
    for code in 0..field.values.len() {
        if let Ok(found) = common.binary_search_by_key(&field.value_hash(code), |&(hash, _)| hash) {
            field.bands[code] = common[found].1;
        }
    }
}

/// A normalised text as one reads it: dates with dashes.
fn readable(role: Role, text: &str) -> String {
    match (role, text.get(..4), text.get(4..6), text.get(6..)) {
        (Role::BirthDate, Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => text.to_owned(),
    }
}
