//! `tributary identity search`: which records of files fit a description.

use crate::args::SearchArgs;
use crate::resolved::{Resolved, print_json};
use crate::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::Write;
use tributary_resolve::matching::explain::{Found, Query};

/// What `search --json` prints.
#[derive(Serialize)]
struct Answer<'a> {
    found: &'a [Found],
    not_used: &'a [String],
}

/// Carries out `tributary identity search`.
///
/// # Errors
/// Those of a run; [`Error::Usage`] if the description is no JSON object or
/// nothing in it can be compared.
pub fn search(args: &SearchArgs, threads: usize, out: &mut impl Write) -> Result<()> {
    let described: Map<String, Value> = serde_json::from_str(&args.attributes).map_err(|error| Error::Usage {
        reason: format!("the description is no JSON object ({error}): give one such as {{\"name\": \"Ann Lee\"}}"),
    })?;
    let mut attributes = Vec::new();
    flatten(&described, &mut attributes);
    let resolved = Resolved::new(&args.records, threads)?;
    let query = Query::new(resolved.model(), attributes.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    if query.texts.iter().all(Option::is_none) {
        let fields: Vec<&str> = resolved.model().fields.iter().map(|field| field.name.as_str()).collect();
        let reason = format!("nothing in the description can be compared: what is compared is {}", fields.join(", "));
        return Err(Error::Usage { reason });
    }
    let mut items = resolved.items()?;
    let place = items.push(&query.view());
    let found = items.search(place, args.limit);
    if args.records.json {
        return print_json(out, &Answer { found: &found, not_used: &query.unknown });
    }
    if !query.unknown.is_empty() {
        writeln!(out, "note: not compared: {}", query.unknown.join(", "))?;
    }
    if found.is_empty() {
        writeln!(out, "no record fits")?;
    }
    Ok(write!(out, "{}", Found::list(&found))?)
}

/// Attributes as texts, several of one apart by U+001F; those of objects within,
/// such as an address, too.
fn flatten(object: &Map<String, Value>, attributes: &mut Vec<(String, String)>) {
    for (name, value) in object {
        match value {
            Value::Object(within) => flatten(within, attributes),
            Value::String(text) => attributes.push((name.clone(), text.clone())),
            Value::Number(number) => attributes.push((name.clone(), number.to_string())),
            Value::Array(several) => {
                let texts = several.iter().filter_map(|value| match value {
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    _ => None,
                });
                attributes.push((name.clone(), texts.collect::<Vec<_>>().join("\u{1f}")));
            }
            Value::Bool(_) | Value::Null => {}
        }
    }
}
