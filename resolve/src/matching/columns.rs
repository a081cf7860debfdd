//! Which columns of a table become fields, and which of a model's fields they are.

use super::compare::Measure;
use super::field::{FIELDS_MAX, Field, measure_of};
use super::hash::text;
use super::model::FieldModel;
use super::normalise;
use super::role::{Ignored, Recognised, Role};
use super::table::{Column, MISSING};
use super::texts::Texts;

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
/// apart by the name of their column alone, and so is what others defined.
fn places(model: &[FieldModel], found: &[Recognised]) -> Vec<Option<usize>> {
    let mut places = vec![None; model.len()];
    let ignored = |role| matches!(role, Role::Ignored(why) if why != Ignored::Answer);
    for pass in 0..3 {
        for (place, field) in model.iter().enumerate() {
            let fits = |column: &Recognised| match pass {
                0 => {
                    let defined = matches!(field.measure, Measure::Levels(_));
                    field.name == column.column && (field.role == column.role || defined)
                }
                1 => field.name == column.column && ignored(column.role),
                _ => field.role == column.role && field.role != Role::Text,
            };
            let free = |index: &usize| !places.contains(&Some(*index)) && fits(&found[*index]);
            places[place] = places[place].or_else(|| (0..found.len()).find(free));
        }
    }
    places
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_house_number_joins_its_street_and_a_repeated_name_is_dropped() {
        let columns = [
            ("n", Role::HouseNumber, &["7", "8"][..]),
            ("s", Role::Street, &["wallaby place", "high street"]),
            ("g", Role::GivenName, &["ann", "tom"]),
            ("f", Role::FamilyName, &["lee", "fox"]),
            ("w", Role::FullName, &["ann lee", "fox tom"]),
        ];
        let mut found: Vec<Recognised> =
            columns.iter().map(|(name, role, _)| Recognised { column: (*name).into(), role: *role }).collect();
        let columns = columns.iter().map(|(name, _, texts)| Column::from_texts(name, texts.iter().copied())).collect();
        let fields = prepare(columns, &mut found);
        let roles: Vec<Role> = fields.iter().map(|field| field.role).collect();
        assert_eq!(roles, [Role::GivenName, Role::FamilyName, Role::Street]);
        assert_eq!(fields[2].get(0), Some("7 wallaby pl"));
    }
}
