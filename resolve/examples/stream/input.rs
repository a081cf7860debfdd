//! The records of a file, as a run takes them and as the engine does.

use super::Arguments;
use std::error::Error;
use tributary_resolve::matching::{Column, ColumnBuilder, Item, Model, Role, Table, record_hash};

/// Reads a CSV file without its key column and those to be dropped.
pub fn read(arguments: &Arguments) -> Result<Table, Box<dyn Error>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(&arguments.file)?;
    let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let key = header.iter().position(|name| *name == arguments.key).ok_or("no such key column")?;
    let kept: Vec<usize> =
        (0..header.len()).filter(|&place| place != key && !arguments.drop.contains(&header[place])).collect();
    let mut builders: Vec<ColumnBuilder> =
        kept.iter().map(|&place| ColumnBuilder::new(header[place].clone())).collect();
    let mut records = Vec::new();
    let mut row = csv::StringRecord::new();
    while reader.read_record(&mut row)? {
        records.push(record_hash(&row[key]));
        for (&place, builder) in kept.iter().zip(&mut builders) {
            builder.push(&row[place]);
        }
    }
    Ok(Table { records, columns: builders.into_iter().map(ColumnBuilder::finish).collect() })
}

/// The items of a table, by a model's fields; those of one user id are one node,
/// and a cluster has one.
pub fn items(table: &Table, model: &Model) -> Vec<Item> {
    let column = |name: &str| table.columns.iter().find(|column| column.name == name);
    let columns: Vec<Option<&Column>> = model.fields.iter().map(|field| column(&field.name)).collect();
    let users = model.fields.iter().zip(&columns).find(|(field, _)| field.role == Role::UserId);
    let item = |(row, &id): (usize, &u64)| {
        let cell = |column: Option<&Column>| column.and_then(|column| column.get(row)).map(str::to_owned);
        let user = users.and_then(|(_, column)| cell(*column)).map(|user| record_hash(&format!("user {user}")));
        Item {
            id,
            values: columns.iter().copied().map(cell).collect(),
            node: user.unwrap_or(id),
            limits: user.map(|user| (0, user)).into_iter().collect(),
        }
    };
    table.records.iter().enumerate().map(item).collect()
}
