//! The engine: sessions, limits and the threads that queries run on.

use super::{
    error::{Error, Result},
    gate,
    layouts::Layouts,
    profile_id::{ProfileIds, TableIds, with_profile_id},
    profiles::Profiles,
    table::ViewProvider,
};
use crate::{
    ReadView, TableView,
    relation::{RELATIONS, Relations},
};
use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{DataType, SchemaRef},
    },
    catalog::TableProvider,
    execution::{
        memory_pool::{FairSpillPool, MemoryConsumer, MemoryPool},
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    prelude::{DataFrame, SQLOptions, SessionConfig, SessionContext},
    sql::parser::Statement,
};
use futures::TryStreamExt;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{runtime::Runtime, sync::Semaphore};
use tokio_util::task::AbortOnDropHandle;
use tributary_serve::Priority;

/// Gives the view that a query reads.
pub type ViewSource = Arc<dyn Fn() -> Arc<ReadView> + Send + Sync>;

/// Stack of a query thread: planners and optimizers recurse over expressions.
const STACK_BYTES: usize = 64 << 20;
/// Most that queries may spill to the temporary directory.
const SPILL_BYTES_MAX: u64 = 4 << 30;

/// Deepest nesting of a result's values: whoever writes them recurses, on a
/// stack that is not ours.
const NESTING_MAX: usize = 64;

/// What queries may use.
#[derive(Clone, Debug)]
pub struct QueryLimits {
    /// Memory of all running queries together, their results included, in bytes.
    pub memory_bytes: usize,
    /// Longest time of one query, and of its wait for others; `None` for no limit.
    pub time: Option<Duration>,
    /// Threads that run queries, and partitions of a plan.
    pub threads: usize,
    /// Queries that run at the same time; others wait.
    pub concurrent: usize,
}

impl Default for QueryLimits {
    /// 1 GiB, 60 s, one thread per core, 8 queries.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self { memory_bytes: 1 << 30, time: Some(Duration::from_mins(1)), threads, concurrent: 8 }
    }
}

impl QueryLimits {
    /// No limit of time or memory: for the command line, where the user who
    /// waits is the one who pays.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { memory_bytes: usize::MAX, time: None, ..Self::default() }
    }
}

/// The rows that a query gave.
#[derive(Clone, Debug)]
pub struct QueryResult {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// Whether there were more rows than the limit asked for.
    pub truncated: bool,
}

impl QueryResult {
    /// The first two columns as pairs of texts; rows with a null are left out.
    #[must_use]
    pub fn text_pairs(&self) -> HashMap<String, String> {
        super::profile_id::text_pairs(&self.batches)
    }
}

/// Answers queries over the tables. Clones share threads, limits and memory.
#[derive(Clone)]
pub struct QueryEngine {
    shared: Arc<Shared>,
}

/// What all queries share.
pub(crate) struct Shared {
    source: ViewSource,
    ids: Arc<dyn ProfileIds>,
    limits: QueryLimits,
    environment: Arc<RuntimeEnv>,
    layouts: Layouts,
    relations: Relations,
    running: Arc<Semaphore>,
    threads: Threads,
}

/// The query threads. Dropping them does not wait: a query may be dropped on
/// a thread of another runtime.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl QueryEngine {
    /// Starts an engine that reads what `source` gives.
    ///
    /// # Errors
    /// [`Error::Start`] if its threads or memory pool cannot be made.
    pub fn new(source: ViewSource, ids: Arc<dyn ProfileIds>, limits: QueryLimits) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(limits.threads.max(1))
            .thread_name("query")
            .on_thread_start(|| Priority::Usual.apply())
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()
            .map_err(Error::Start)?;
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes)))
            .with_max_temp_directory_size(SPILL_BYTES_MAX)
            .build_arc()?;
        let running = Arc::new(Semaphore::new(limits.concurrent.max(1)));
        let (layouts, relations, threads) = (Layouts::default(), Relations::default(), Threads(Some(runtime)));
        let shared = Shared { source, ids, limits, environment, layouts, relations, running, threads };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Runs one read-only SELECT; at most `limit` rows come back.
    ///
    /// # Errors
    /// [`Error::Refused`] and [`Error::Plan`] if the statement is not to be
    /// run, the limits' errors, and [`Error::Tables`] if a table is damaged.
    pub async fn sql(&self, sql: &str, limit: Option<usize>) -> Result<QueryResult> {
        self.sql_map(sql, limit, Ok).await
    }

    /// As [`QueryEngine::sql`]; `map` makes of the result what the caller
    /// needs, on the query threads and within the limits: writing many rows
    /// takes as long as reading them.
    ///
    /// # Errors
    /// As [`QueryEngine::sql`], and those of `map`.
    pub async fn sql_map<T, M>(&self, sql: &str, limit: Option<usize>, map: M) -> Result<T>
    where
        T: Send + 'static,
        M: FnOnce(QueryResult) -> Result<T> + Send + 'static,
    {
        let (shared, sql) = (self.shared(), sql.to_owned());
        self.run(async move { map(shared.query(&sql, limit).await?) }).await
    }

    /// Runs `work` on the query threads once fewer than the allowed number
    /// run, within the time limit; it stops when this future is dropped.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let limits = &self.shared.limits;
        let permit = within(limits.time, Arc::clone(&self.shared.running).acquire_owned()).await;
        let permit = permit.ok_or(Error::Busy { running: limits.concurrent })?.expect("nobody closes the semaphore");
        let runtime = self.shared.threads.0.as_ref().expect("the threads are taken only on drop");
        // The task holds the permit: planning cannot be interrupted, and counts until it ends.
        let task = AbortOnDropHandle::new(runtime.spawn(async move {
            let _permit = permit;
            work.await
        }));
        let joined = within(limits.time, task).await;
        joined.ok_or(Error::TimeLimit { limit: limits.time.unwrap_or_default() })?.map_err(Error::Task)?
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }
}

/// The output of `work`, or `None` if it takes longer than `limit`.
async fn within<F: Future>(limit: Option<Duration>, work: F) -> Option<F::Output> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.ok(),
        None => Some(work.await),
    }
}

impl Shared {
    async fn query(&self, sql: &str, limit: Option<usize>) -> Result<QueryResult> {
        let admitted = gate::admit(sql)?;
        let context = self.session(&self.view(), &admitted.tables).await?;
        let statement = Statement::Statement(Box::new(admitted.statement));
        let plan = context.state().statement_to_plan(statement).await.map_err(Error::plan)?;
        let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        read_only.verify_plan(&plan).map_err(Error::plan)?;
        for field in plan.schema().fields() {
            if nesting(field.data_type()) > NESTING_MAX {
                return Err(Error::refused(format!("{:?} is nested deeper than {NESTING_MAX}", field.name())));
            }
        }
        let frame = context.execute_logical_plan(plan).await.map_err(Error::plan)?;
        collect(frame, limit, &self.environment.memory_pool).await
    }

    /// The view of now.
    pub(crate) fn view(&self) -> Arc<ReadView> {
        (self.source)()
    }

    /// A session without any table.
    pub(crate) fn empty_session(&self) -> SessionContext {
        let config = SessionConfig::new()
            .with_target_partitions(self.limits.threads.max(1))
            .with_information_schema(false)
            .with_default_catalog_and_schema("tributary", "tables");
        let context = SessionContext::new_with_config_rt(config, Arc::clone(&self.environment));
        for name in gate::FUNCTIONS_DENIED {
            context.deregister_udf(name);
            context.deregister_udtf(name);
        }
        context
    }

    /// A session with `tables` and relations of `view`, and nothing else.
    async fn session(&self, view: &ReadView, tables: &BTreeSet<&'static str>) -> Result<SessionContext> {
        let context = self.empty_session();
        for table in tables.iter().filter_map(|name| view.tables.get(name)) {
            let provider = match table.name {
                "events" => with_profile_id(table, raw(table), Arc::clone(&self.ids))?,
                "profiles" => match self.layouts.of(&context, table).await? {
                    Some(layout) => Arc::new(Profiles::new(raw(table), layout)),
                    None => raw(table),
                },
                _ => raw(table),
            };
            context.register_table(table.name, provider)?;
        }
        for name in RELATIONS.into_iter().filter(|name| tables.contains(name)) {
            context.register_table(name, self.relations.of(&context, view, name).await?)?;
        }
        Ok(context)
    }
}

/// A table as it is stored.
pub(crate) fn raw(table: &Arc<TableView>) -> Arc<dyn TableProvider> {
    Arc::new(ViewProvider::new(Arc::clone(table)))
}

async fn collect(frame: DataFrame, limit: Option<usize>, pool: &Arc<dyn MemoryPool>) -> Result<QueryResult> {
    let schema = Arc::clone(frame.schema().inner());
    // A plan counts rows in an i64; a limit beyond it is none.
    let frame = match limit.and_then(|limit| i64::try_from(limit).ok()?.checked_add(1)) {
        Some(more) => frame.limit(0, usize::try_from(more).ok())?,
        None => frame,
    };
    let held = MemoryConsumer::new("result").register(pool);
    let mut stream = frame.execute_stream().await?;
    let mut batches = Vec::new();
    while let Some(batch) = stream.try_next().await? {
        held.try_grow(size_of_rows(&batch))?;
        batches.push(batch);
    }
    let truncated = limit.is_some_and(|limit| cut(&mut batches, limit));
    Ok(QueryResult { schema, batches, truncated })
}

/// How deep a type nests.
fn nesting(kind: &DataType) -> usize {
    match kind {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => 1 + nesting(item.data_type()),
        DataType::Struct(fields) => 1 + fields.iter().map(|field| nesting(field.data_type())).max().unwrap_or(0),
        DataType::Dictionary(_, value) => 1 + nesting(value),
        DataType::RunEndEncoded(_, value) => 1 + nesting(value.data_type()),
        DataType::Union(fields, _) => 1 + fields.iter().map(|(_, field)| nesting(field.data_type())).max().unwrap_or(0),
        _ => 0,
    }
}

/// Bytes of the rows themselves: a batch may be a slice of a larger one.
fn size_of_rows(batch: &RecordBatch) -> usize {
    let size = |column: &datafusion::arrow::array::ArrayRef| column.to_data().get_slice_memory_size();
    batch.columns().iter().map(|column| size(column).unwrap_or_else(|_| column.get_array_memory_size())).sum()
}

/// Keeps the first `limit` rows; tells whether there were more.
fn cut(batches: &mut Vec<RecordBatch>, limit: usize) -> bool {
    let mut left = limit;
    let mut truncated = false;
    for batch in batches.iter_mut() {
        truncated |= batch.num_rows() > left;
        *batch = batch.slice(0, batch.num_rows().min(left));
        left -= batch.num_rows();
    }
    batches.retain(|batch| batch.num_rows() > 0);
    truncated
}

impl TableIds {
    /// Reads `identities` of `view`: the ids where no live state is at hand.
    ///
    /// # Errors
    /// [`Error::Tables`] if the table cannot be read.
    pub async fn read(view: &ReadView) -> Result<Self> {
        let Some(table) = view.tables.get("identities") else { return Ok(Self::default()) };
        let frame = SessionContext::new().read_table(raw(table))?;
        let rows = frame.select_columns(&["node", "profile_id"])?.collect().await?;
        Ok(Self::new(super::profile_id::text_pairs(&rows)))
    }
}
