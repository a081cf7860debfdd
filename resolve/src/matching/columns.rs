//! Which columns of a table become fields, and which of a model's fields they are.

use super::compare::Measure;
use super::field::{FIELDS_MAX, Field, SEPARATOR, measure_of};
use super::hash::text;
use super::model::FieldModel;
use super::normalise;
use super::role::{Ignored, Recognised, Role, without_fraction};
use super::table::texts::Texts;
use super::table::{Column, MISSING};

/// Makes the fields of `columns`, which `found` says what they are; marks in
/// `found` what turned out redundant or too many. Columns `asked` for stay as they are.
pub(crate) fn prepare(mut columns: Vec<Column>, found: &mut [Recognised], asked: &[(String, Measure)]) -> Vec<Field> {
    let numbered = join_house_number(&mut columns, found);
    join_birth_date(&mut columns, found);
    drop_redundant(&columns, found);
    let several = [Role::Email, Role::Phone].map(|role| several(role, found, asked));
    let joined: Vec<usize> = several.iter().flat_map(|places| join(&mut columns, places)).collect();
    let is_field = |index: &usize| measure_of(found[*index].role).is_some() && !joined.contains(index);
    let mut order: Vec<usize> = (0..columns.len()).filter(is_field).collect();
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
    join_birth_date(&mut columns, found);
    let mut joined = Vec::new();
    for role in [Role::Email, Role::Phone].into_iter().filter(|&role| has_one(model, role)) {
        joined.extend(join(&mut columns, &several(role, found, &[])));
    }
    let free: Vec<bool> = (0..columns.len()).map(|index| !joined.contains(&index)).collect();
    let places = places(model, found, &free);
    for (index, recognised) in found.iter_mut().enumerate() {
        match places.iter().position(|place| *place == Some(index)) {
            Some(place) => recognised.role = model[place].role,
            None if joined.contains(&index) => {}
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
fn places(model: &[FieldModel], found: &[Recognised], free: &[bool]) -> Vec<Option<usize>> {
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
            let fits = |index: &usize| free[*index] && !places.contains(&Some(*index)) && fits(&found[*index]);
            places[place] = places[place].or_else(|| (0..found.len()).find(fits));
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

/// Writes a date of birth that has three columns into that of the year, which is
/// the date's from then on.
fn join_birth_date(columns: &mut [Column], found: &mut [Recognised]) {
    let place = |role: Role| found.iter().position(|found| found.role == role);
    let year = place(Role::BirthYear).or_else(|| place(Role::BirthDate));
    let (Some(year), Some(month), Some(day)) = (year, place(Role::BirthMonth), place(Role::BirthDay)) else { return };
    let mut joined = super::ColumnBuilder::new(columns[year].name.clone());
    for row in 0..columns[year].codes.len() {
        let parts = [year, month, day].map(|index| columns[index].get(row).map(without_fraction));
        let [year, month, day] = parts.map(Option::unwrap_or_default);
        joined.push(&if year.is_empty() { String::new() } else { format!("{year}-{month}-{day}") });
    }
    columns[year] = joined.finish();
    found[year].role = Role::BirthDate;
}

/// Whether a model has one field of a role, which is compared as usual.
fn has_one(model: &[FieldModel], role: Role) -> bool {
    let mut fields = model.iter().filter(|field| field.role == role);
    fields.next().is_some_and(|field| !matches!(field.measure, Measure::Levels(_))) && fields.next().is_none()
}

/// The columns of a role by their names, unless one of them is asked to be compared
/// by itself.
fn several(role: Role, found: &[Recognised], asked: &[(String, Measure)]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..found.len()).filter(|&index| found[index].role == role).collect();
    places.sort_by_key(|&index| &found[index].column);
    let is_asked = |index: &usize| asked.iter().any(|(column, _)| *column == found[*index].column);
    if places.iter().any(is_asked) { Vec::new() } else { places }
}

/// Writes what several columns tell of one kind into the first of them, since which
/// number or address of mail is the first is chance; returns the others.
fn join(columns: &mut [Column], places: &[usize]) -> Vec<usize> {
    let [first, others @ ..] = places else { return Vec::new() };
    if others.is_empty() {
        return Vec::new();
    }
    let mut joined = super::ColumnBuilder::new(columns[*first].name.clone());
    for row in 0..columns[*first].codes.len() {
        let texts: Vec<&str> = places.iter().filter_map(|&index| columns[index].get(row)).collect();
        joined.push(&texts.join(SEPARATOR.encode_utf8(&mut [0; 4])));
    }
    columns[*first] = joined.finish();
    others.to_vec()
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
    fn what_several_columns_tell_is_one_field_whatever_their_order() {
        let tables: [[(&str, Role, [&str; 2]); 5]; 2] = [
            [
                ("mail 1", Role::Email, ["a@x.org", ""]),
                ("mail 2", Role::Email, ["b@x.org", "a@x.org"]),
                ("year", Role::BirthYear, ["1990.0", "1991"]),
                ("month", Role::BirthMonth, ["2.0", ""]),
                ("day", Role::BirthDay, ["3", "4"]),
            ],
            [
                ("day", Role::BirthDay, ["3", "4"]),
                ("mail 2", Role::Email, ["b@x.org", "a@x.org"]),
                ("month", Role::BirthMonth, ["2.0", ""]),
                ("year", Role::BirthDate, ["1990.0", "1991"]),
                ("mail 1", Role::Email, ["a@x.org", ""]),
            ],
        ];
        let mut models: Vec<Vec<FieldModel>> = Vec::new();
        for table in tables {
            let read =
                || table.iter().map(|(name, _, texts)| Column::from_texts(name, texts.iter().copied())).collect();
            let found = || table.iter().map(|(name, role, _)| Recognised { column: (*name).into(), role: *role });
            let mut recognised: Vec<Recognised> = found().collect();
            let mut fields = prepare(read(), &mut recognised, &[]);
            models.push(super::super::train::set_bands(&mut fields));
            let again = prepare_as(&models[0], read(), &mut found().collect::<Vec<_>>(), 2);
            for fields in [fields, again] {
                let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
                assert_eq!(names, ["year", "mail 1"]);
                assert_eq!((fields[0].get(0), fields[0].get(1)), (Some("19900203"), None));
                let mails = |row: usize| fields[1].values_of(&fields[1].codes[row]).len();
                assert_eq!((mails(0), mails(1)), (2, 1));
            }
        }
        let asked = [("mail 2".to_owned(), Measure::Email)];
        let mut found = [Role::Email; 2].map(|role| Recognised { column: "mail 2".into(), role });
        let columns = vec![Column::from_texts("mail 1", ["a@x.org"]), Column::from_texts("mail 2", ["b@x.org"])];
        assert_eq!(prepare(columns, &mut found, &asked).len(), 2);
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
        let mut found: Vec<Recognised> =
            columns.iter().map(|(name, role, _)| Recognised { column: (*name).into(), role: *role }).collect();
        let columns = columns.iter().map(|(name, _, texts)| Column::from_texts(name, texts.iter().copied())).collect();
        let fields = prepare(columns, &mut found, &[]);
        let roles: Vec<Role> = fields.iter().map(|field| field.role).collect();
        assert_eq!(roles, [Role::GivenName, Role::FamilyName, Role::Street]);
        assert_eq!(fields[2].get(0), Some("7 wallaby pl"));
    }
}
