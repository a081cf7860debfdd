//! The column `profile_id` of `events`: looked up during the scan, and only
//! when a query selects it, from the owner node that each event holds.

use super::error::Result;
use crate::TableView;
use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, RecordBatch, StringBuilder},
        compute::cast,
        datatypes::DataType,
    },
    catalog::TableProvider,
    common::{Column, exec_err},
    datasource::{ViewTable, provider_as_source},
    logical_expr::{
        ColumnarValue, Expr, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};
use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};
use tributary_protocol::Identifier;
use tributary_state::State;

/// Tells which profile an identifier belongs to now.
pub trait ProfileIds: Send + Sync {
    /// Returns the id of the profile of `node` (`kind:value`), if it has one.
    fn profile_id(&self, node: &str) -> Option<String>;
}

/// Asks the live state.
pub struct StateIds {
    state: State,
    source_names: Vec<String>,
}

impl StateIds {
    /// Reads `state`; a node whose first segment is one of `source_names` has a
    /// kind of two segments.
    #[must_use]
    pub fn new(state: State, source_names: Vec<String>) -> Self {
        Self { state, source_names }
    }
}

impl ProfileIds for StateIds {
    fn profile_id(&self, node: &str) -> Option<String> {
        let first = node.split(':').next()?;
        let segments = if self.source_names.iter().any(|name| name == first) { 2 } else { 1 };
        let (at, _) = node.match_indices(':').nth(segments - 1)?;
        // Stored nodes are normalised already.
        let identifier = Identifier { kind: node[..at].to_owned(), value: node[at + 1..].to_owned() };
        match self.state.profile_of(&identifier) {
            Ok(profile) => profile.map(|id| id.to_string()),
            Err(error) => {
                tracing::error!(%error, "read the profile of a node");
                None
            }
        }
    }
}

/// Asks the rows of `identities`, where there is no live state.
#[derive(Default)]
pub struct TableIds {
    profiles: HashMap<String, String>,
}

impl TableIds {
    /// Takes the profile id of each node.
    #[must_use]
    pub fn new(profiles: HashMap<String, String>) -> Self {
        Self { profiles }
    }
}

impl ProfileIds for TableIds {
    fn profile_id(&self, node: &str) -> Option<String> {
        self.profiles.get(node).cloned()
    }
}

/// A column by name as `Utf8`, whatever kind of text it is stored as.
pub(crate) fn text_column(batch: &RecordBatch, name: &str) -> Option<ArrayRef> {
    cast(batch.column_by_name(name)?, &DataType::Utf8).ok()
}

/// The first two columns as pairs of texts, without those that have a null.
pub(crate) fn text_pairs(batches: &[RecordBatch]) -> HashMap<String, String> {
    let mut pairs = HashMap::new();
    for batch in batches.iter().filter(|batch| batch.num_columns() >= 2) {
        let text = |at: usize| cast(batch.column(at), &DataType::Utf8).ok();
        let (Some(keys), Some(values)) = (text(0), text(1)) else { continue };
        let rows = keys.as_string::<i32>().iter().zip(values.as_string::<i32>());
        pairs.extend(rows.filter_map(|(key, value)| Some((key?.to_owned(), value?.to_owned()))));
    }
    pairs
}

/// `events` with the column `profile_id` behind its own.
pub(crate) fn with_profile_id(
    view: &TableView,
    provider: Arc<dyn TableProvider>,
    ids: Arc<dyn ProfileIds>,
) -> Result<Arc<dyn TableProvider>> {
    let lookup = ScalarUDF::from(Lookup::new(ids));
    let own = |name: &str| Expr::Column(Column::new(Some("events"), name));
    let mut columns: Vec<_> = view.schema.fields().iter().map(|field| own(field.name())).collect();
    columns.push(lookup.call(vec![own("node")]).alias("profile_id"));
    let scan = LogicalPlanBuilder::scan("events", provider_as_source(provider), None);
    let plan = scan.and_then(|scan| scan.project(columns)).and_then(LogicalPlanBuilder::build);
    Ok(Arc::new(ViewTable::new(plan.map_err(super::error::Error::plan)?, None)))
}

/// Most nodes whose profile a query remembers, about 100 bytes each.
const KNOWN_MAX: usize = 1 << 20;
/// Parts of that memory, so that the threads of a query seldom wait for each other.
const KNOWN_PARTS: u64 = 16;

/// The function behind the column; no query can name it. It lives as long as
/// one query and asks once for each node: the answers of a query agree.
struct Lookup {
    ids: Arc<dyn ProfileIds>,
    known: Vec<Mutex<HashMap<u128, Option<Arc<str>>>>>,
    signature: Signature,
}

impl Lookup {
    fn new(ids: Arc<dyn ProfileIds>) -> Self {
        let known = (0..KNOWN_PARTS).map(|_| Mutex::default()).collect();
        Self { ids, known, signature: Signature::any(1, Volatility::Stable) }
    }

    fn profile_id(&self, node: &str) -> Option<Arc<str>> {
        let hash = tributary_protocol::hash128(&[node.as_bytes()]);
        let part = usize::try_from(hash % u128::from(KNOWN_PARTS)).unwrap_or_default();
        let mut known = self.known[part].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = known.get(&hash) {
            return id.clone();
        }
        let id: Option<Arc<str>> = self.ids.profile_id(node).map(Arc::from);
        if known.len() < KNOWN_MAX / self.known.len() {
            known.insert(hash, id.clone());
        }
        id
    }
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lookup")
    }
}

impl PartialEq for Lookup {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ids, &other.ids)
    }
}

impl Eq for Lookup {}

impl Hash for Lookup {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for Lookup {
    fn name(&self) -> &'static str {
        "profile_of_node"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> datafusion::error::Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> datafusion::error::Result<ColumnarValue> {
        let [nodes] = args.args.as_slice() else { return exec_err!("profile_of_node takes one argument") };
        let nodes = nodes.to_array(args.number_rows)?;
        let nodes = cast(&nodes, &DataType::Utf8)?;
        let mut ids = StringBuilder::with_capacity(nodes.len(), nodes.len() * 36);
        for node in nodes.as_string::<i32>() {
            ids.append_option(node.and_then(|node| self.profile_id(node)));
        }
        Ok(ColumnarValue::Array(Arc::new(ids.finish())))
    }
}
