//! Trains the model that ships, `resolve/models/people.json`: see the README there.
//!
//! `train_people ITEMS.csv > people.json`

use serde_json::Value;
use std::error::Error;
use tributary_resolve::matching::{Column, ColumnBuilder, Model, Options, Recognised, Role, Table, record_hash, run};

/// Columns of the items and what each tells; the key and the truth are not among them.
const ROLES: [(&str, Role); 13] = [
    ("given_name", Role::GivenName),
    ("family_name", Role::FamilyName),
    ("full_name", Role::FullName),
    ("birth_date", Role::BirthDate),
    ("email", Role::Email),
    ("phone", Role::Phone),
    ("street", Role::Street),
    ("city", Role::City),
    ("postcode", Role::Postcode),
    ("region", Role::Region),
    ("national_id", Role::NationalId),
    ("company", Role::Text),
    ("anonymous_id", Role::Device),
];

fn read(path: &str) -> Result<Table, Box<dyn Error>> {
    let mut reader = csv::Reader::from_path(path)?;
    let header = reader.headers()?.clone();
    let place = |name: &str| header.iter().position(|column| column == name).ok_or_else(|| format!("no column {name}"));
    let key = place("record_id")?;
    let places = ROLES.iter().map(|(name, _)| place(name)).collect::<Result<Vec<_>, _>>()?;
    let mut columns: Vec<ColumnBuilder> = ROLES.iter().map(|(name, _)| ColumnBuilder::new(*name)).collect();
    let (mut records, mut row) = (Vec::new(), csv::StringRecord::new());
    while reader.read_record(&mut row)? {
        records.push(record_hash(&row[key]));
        for (column, &place) in columns.iter_mut().zip(&places) {
            column.push(&row[place]);
        }
    }
    let columns: Vec<Column> = columns.into_iter().map(ColumnBuilder::finish).collect();
    Ok(Table { records, columns })
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("train_people ITEMS.csv")?;
    let roles = ROLES.iter().map(|&(name, role)| Recognised { column: name.to_owned(), role }).collect();
    let threads = std::thread::available_parallelism()?.get();
    let outcome = run(read(&path)?, &Options { roles, threads, ..Options::default() })?;
    for column in &outcome.recognised {
        let asked = ROLES.iter().any(|(name, role)| *name == column.column && *role == column.role);
        if !asked {
            return Err(format!("{} was taken for {:?}", column.column, column.role).into());
        }
    }
    let model = outcome.model.ok_or("nothing to learn from")?;
    model.classes.iter().for_each(|class| eprintln!("{}: {:.0} pairs", class.name, class.pairs));
    let text = rounded(serde_json::from_str(&model.to_json()?)?).to_string();
    Model::from_json(&text)?;
    println!("{text}");
    Ok(())
}

/// Numbers to five digits: more would tell of this sample, not of people.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let short = number.as_f64().and_then(|number| format!("{number:.4e}").parse::<f64>().ok());
            short.map_or(Value::Null, Value::from)
        }
        Value::Array(values) => values.into_iter().map(rounded).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, rounded(value))).collect())
        }
        other => other,
    }
}
