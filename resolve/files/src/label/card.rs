//! Two records beside each other. What the model makes of the pair is not
//! shown: an answer is worth something only if it is given without it.

use crate::Result;
use crate::input::Input;
use tributary_resolve::matching::explain::{Comparison, Items, aligned, printable};
use tributary_resolve::matching::{Column, Cut, Model, Outcome, Pair, Table};

const DIFFERENT: &str = "31";
const ALIKE: &str = "33";
const QUIET: &str = "2";

/// The records of some pairs, ready to be shown.
pub(super) struct Cards<'a> {
    /// Columns in the order of the files, compared ones first.
    columns: Vec<&'a Column>,
    /// The rows of the pairs, sorted: the places of `items`.
    rows: Vec<u32>,
    items: Option<Items<'a>>,
}

/// How a column of two records looks.
struct Row {
    cells: Vec<String>,
    style: &'static str,
}

impl<'a> Cards<'a> {
    /// Makes cards of pairs of an outcome.
    ///
    /// # Errors
    /// Those of the model, if it does not hold together.
    pub(super) fn new(input: &'a Input, outcome: &'a Outcome, cut: Cut, pairs: &[Pair]) -> Result<Self> {
        let mut rows: Vec<u32> = pairs.iter().flat_map(|pair| [pair.one, pair.other]).collect();
        rows.sort_unstable();
        rows.dedup();
        let items = match &outcome.model {
            Some(model) => Some(items(input, outcome, model, cut, &rows)?),
            None => None,
        };
        let compared = |column: &&Column| {
            outcome.model.iter().flat_map(|model| &model.fields).any(|field| field.name == column.name)
        };
        let (mut columns, others): (Vec<&Column>, Vec<&Column>) = input.table.columns.iter().partition(compared);
        columns.extend(others);
        Ok(Self { columns, rows, items })
    }

    /// The card of a pair, lines of text; `colour` allows escape sequences.
    pub(super) fn text(&self, pair: &Pair, names: &[String; 2], colour: bool) -> String {
        let place = |row: u32| self.rows.binary_search(&row).ok().and_then(|place| u32::try_from(place).ok());
        let explained = match (&self.items, place(pair.one), place(pair.other)) {
            (Some(items), Some(one), Some(other)) => items.pair(one, other).comparisons,
            _ => Vec::new(),
        };
        let [one, other] = names.each_ref().map(|name| printable(name));
        let head = Row { cells: vec![String::new(), one, other], style: "1" };
        let rows: Vec<Row> = std::iter::once(head)
            .chain(self.columns.iter().filter_map(|column| row(column, pair, &explained)))
            .collect();
        let cells: Vec<Vec<String>> = rows.iter().map(|row| row.cells.clone()).collect();
        let text = aligned(&cells, 2);
        let styled = |(line, row): (&str, &Row)| match (colour, row.style) {
            (false, _) | (_, "") => format!("{line}\n"),
            (true, style) => format!("\x1b[{style}m{line}\x1b[0m\n"),
        };
        text.lines().zip(&rows).map(styled).collect()
    }
}

/// A column of two records; nothing if neither has it.
fn row(column: &Column, pair: &Pair, explained: &[Comparison]) -> Option<Row> {
    let values = [pair.one, pair.other].map(|row| column.get(row as usize));
    let texts = values.map(|value| value.map_or_else(|| "–".to_owned(), printable));
    let comparison = explained.iter().find(|comparison| comparison.field == column.name);
    let (mark, style) = match values {
        [None, None] => return None,
        [Some(one), Some(other)] => mark(one, other, comparison),
        _ => (String::new(), QUIET),
    };
    let [one, other] = texts;
    Some(Row { cells: vec![printable(&column.name), one, other, mark], style })
}

/// How two values are to each other: `=` equal as they are compared, `~` alike, `≠` different.
fn mark(one: &str, other: &str, comparison: Option<&Comparison>) -> (String, &'static str) {
    match comparison.filter(|comparison| !comparison.missing) {
        _ if one == other => ("=".to_owned(), ""),
        Some(comparison) if comparison.level.starts_with("exact") => ("=".to_owned(), ""),
        Some(comparison) if comparison.level != "different" => (format!("~ {}", comparison.level), ALIKE),
        None if one.to_lowercase() == other.to_lowercase() => ("=".to_owned(), ""),
        _ => ("≠".to_owned(), DIFFERENT),
    }
}

/// The rows as the model compares them.
fn items<'a>(input: &Input, outcome: &Outcome, model: &'a Model, cut: Cut, rows: &[u32]) -> Result<Items<'a>> {
    let column = |column: &Column| {
        Column::from_texts(&column.name, rows.iter().map(|&row| column.get(row as usize).unwrap_or_default()))
    };
    let table = Table {
        records: rows.iter().map(|&row| input.table.records[row as usize]).collect(),
        columns: input.table.columns.iter().map(column).collect(),
    };
    let names = vec![String::new(); rows.len()];
    Ok(Items::of_table(model, cut, table, &outcome.recognised, names)?)
}
