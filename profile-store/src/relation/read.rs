//! Relations as tables of a query, made once per version of what they are of.

use super::accounts::{Membership, Person, Thing, accounts};
use super::households::{Member, Resident, clues, households};
use crate::query::{Members, Result, raw, text_column};
use crate::{ReadView, TableView};
use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray},
        datatypes::{DataType, Field, Schema, SchemaRef},
    },
    catalog::TableProvider,
    datasource::MemTable,
    error::DataFusionError,
    prelude::SessionContext,
};
use futures::TryStreamExt;
use serde_json::Value;
use std::sync::{Arc, Weak};
use tokio::sync::Mutex;
use tributary_protocol::Identifier;
use tributary_state::attributes;
use uuid::Uuid;

/// The relations, by the names of their tables.
pub(crate) const RELATIONS: [&str; 2] = ["accounts", "households"];

/// The newest relations, and the tables they were made of.
#[derive(Default)]
pub(crate) struct Relations {
    accounts: Mutex<Option<Made>>,
    households: Mutex<Option<Made>>,
}

struct Made {
    of: Vec<Weak<TableView>>,
    rows: RecordBatch,
}

impl Relations {
    /// The relation `name` of a view, as a table.
    ///
    /// # Errors
    /// If a table of the view cannot be read.
    pub(crate) async fn of(
        &self,
        context: &SessionContext,
        view: &ReadView,
        name: &str,
    ) -> Result<Arc<dyn TableProvider>> {
        let is_accounts = name == RELATIONS[0];
        let (cached, sources) = if is_accounts {
            (&self.accounts, &["profiles", "objects"][..])
        } else {
            (&self.households, &["profiles"][..])
        };
        let tables: Vec<&Arc<TableView>> = sources.iter().filter_map(|name| view.tables.get(name)).collect();
        let mut cached = cached.lock().await;
        let is_of = |made: &Made| {
            let same =
                |(of, table): (&Weak<TableView>, &&Arc<TableView>)| std::ptr::eq(of.as_ptr(), Arc::as_ptr(table));
            made.of.len() == tables.len() && made.of.iter().zip(&tables).all(same)
        };
        let rows = match cached.as_ref().filter(|made| is_of(made)) {
            Some(made) => made.rows.clone(),
            None if is_accounts => {
                accounts_rows(&accounts(&people(context, view).await?, &things(context, view).await?))?
            }
            None => households_rows(&households(&residents(context, view).await?))?,
        };
        *cached = Some(Made { of: tables.into_iter().map(Arc::downgrade).collect(), rows: rows.clone() });
        Ok(Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?))
    }
}

/// Gives every row of some columns of a table, as texts.
async fn for_each_row<const N: usize>(
    context: &SessionContext,
    view: &ReadView,
    table: &str,
    columns: [&str; N],
    mut take: impl FnMut([&str; N]),
) -> Result<()> {
    let Some(table) = view.tables.get(table) else { return Ok(()) };
    let mut rows = context.read_table(raw(table))?.select_columns(&columns)?.execute_stream().await?;
    while let Some(batch) = rows.try_next().await? {
        let texts: Vec<ArrayRef> = columns.iter().filter_map(|name| text_column(&batch, name)).collect();
        for row in 0..batch.num_rows() {
            let text = |at: usize| match texts.get(at) {
                Some(column) if column.is_valid(row) => column.as_string::<i32>().value(row),
                _ => "",
            };
            take(std::array::from_fn(text));
        }
    }
    Ok(())
}

/// The identifiers in a column of JSON text; none of a damaged one.
fn identifiers(text: &str) -> Vec<Identifier> {
    serde_json::from_str(text).unwrap_or_default()
}

async fn residents(context: &SessionContext, view: &ReadView) -> Result<Vec<Resident>> {
    let mut residents = Vec::new();
    let columns = ["profile_id", "identifiers", "traits"];
    for_each_row(context, view, "profiles", columns, |[id, known, traits]| {
        let Ok(profile_id) = Uuid::parse_str(id) else { return };
        let told: Vec<(&'static str, String)> = Members::of(traits)
            .filter_map(|(name, value)| Some(attributes(&name, &serde_json::from_str::<Value>(value).ok()?)))
            .flatten()
            .collect();
        let clues = clues(&told, &identifiers(known));
        if !clues.is_empty() {
            residents.push(Resident { profile_id, clues });
        }
    })
    .await?;
    Ok(residents)
}

async fn people(context: &SessionContext, view: &ReadView) -> Result<Vec<Person>> {
    let mut people = Vec::new();
    for_each_row(context, view, "profiles", ["profile_id", "identifiers"], |[id, known]| {
        if let Ok(profile_id) = Uuid::parse_str(id) {
            people.push(Person { profile_id, identifiers: identifiers(known) });
        }
    })
    .await?;
    Ok(people)
}

/// The objects that tell of companies, in an order of their own.
async fn things(context: &SessionContext, view: &ReadView) -> Result<Vec<Thing>> {
    let mut things = Vec::new();
    let columns = ["source", "type", "id", "fields", "associations", "deleted"];
    for_each_row(context, view, "objects", columns, |[source, kind, id, fields, associations, deleted]| {
        if deleted == "true" || !(kind == "companies" || associations.contains(":companies\"")) {
            return;
        }
        let name = Members::of(fields).find(|(name, _)| name == "name").map(|(_, value)| value);
        let name = name.and_then(|value| serde_json::from_str(value).ok());
        let (source, kind, id) = (source.to_owned(), kind.to_owned(), id.to_owned());
        things.push(Thing { source, kind, id, name, associations: identifiers(associations) });
    })
    .await?;
    things.sort_by(|one, other| (&one.source, &one.kind, &one.id).cmp(&(&other.source, &other.kind, &other.id)));
    Ok(things)
}

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn texts<T: AsRef<str>>(values: impl Iterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn joined<'e>(evidence: impl Iterator<Item = &'e str>) -> String {
    evidence.collect::<Vec<_>>().join(", ")
}

fn households_rows(members: &[Member]) -> Result<RecordBatch> {
    let kinds = [
        ("household_id", DataType::Utf8),
        ("profile_id", DataType::Utf8),
        ("evidence", DataType::Utf8),
        ("members", DataType::Int64),
    ];
    let sizes = members.iter().map(|member| i64::try_from(member.members).unwrap_or(i64::MAX));
    let columns = vec![
        texts(members.iter().map(|member| member.household_id.to_string())),
        texts(members.iter().map(|member| member.profile_id.to_string())),
        texts(members.iter().map(|member| joined(member.evidence.iter().map(|evidence| evidence.as_str())))),
        Arc::new(Int64Array::from_iter_values(sizes)) as ArrayRef,
    ];
    Ok(RecordBatch::try_new(schema(&kinds), columns).map_err(DataFusionError::from)?)
}

fn accounts_rows(memberships: &[Membership]) -> Result<RecordBatch> {
    let kinds = ["account_id", "profile_id", "name", "evidence"].map(|name| (name, DataType::Utf8));
    let columns = vec![
        texts(memberships.iter().map(|one| &one.account_id)),
        texts(memberships.iter().map(|one| one.profile_id.to_string())),
        Arc::new(memberships.iter().map(|one| one.name.as_deref()).collect::<StringArray>()) as ArrayRef,
        texts(memberships.iter().map(|one| joined(one.evidence.iter().map(|evidence| evidence.as_str())))),
    ];
    Ok(RecordBatch::try_new(schema(&kinds), columns).map_err(DataFusionError::from)?)
}
