//! One Delta table on disk: its newest version, and commits to it.
//!
//! One writer per table: a commit that finds its version taken is an error,
//! never a retry.

use crate::file::NewFile;
use crate::store::{SyncedStore, write_whole};
use crate::{Error, Result, TableName};
use arrow::array::{Array as _, AsArray as _, RecordBatch, StructArray};
use arrow::datatypes::{Field, Int32Type, Int64Type, Schema, SchemaRef};
use delta_kernel::actions::deletion_vector::DeletionVectorDescriptor;
use delta_kernel::actions::deletion_vector_writer::{KernelDeletionVector, StreamingDeletionVectorWriter};
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_conversion::{TryFromArrow as _, TryIntoArrow as _};
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::engine_data::FilteredEngineData;
use delta_kernel::schema::{StructField, StructType};
use delta_kernel::transaction::create_table::create_table;
use delta_kernel::transaction::{BoundWriteContext, CommitResult, Transaction, UpdateTableOperation};
use delta_kernel::{Engine as _, FileMeta, KernelError, KernelResult, Snapshot, SnapshotRef};
use delta_kernel_default_engine::executor::tokio::TokioMultiThreadExecutor;
use delta_kernel_default_engine::parquet::DataFileMetadata;
use delta_kernel_default_engine::{DefaultEngine, DefaultEngineBuilder, build_add_file_metadata};
use roaring::RoaringTreemap;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;
use url::Url;

const ENGINE: &str = concat!("tributary/", env!("CARGO_PKG_VERSION"));
/// Property of a table: the log whose records it holds.
const LOG_ID: &str = "tributary.logId";
/// Threads that read and write logs; all tables share them.
const THREADS: usize = 2;

/// What reads and writes the logs of all tables.
pub(crate) type Engine = DefaultEngine<TokioMultiThreadExecutor>;

/// The engine and the threads it works on. Those are told to end and not waited
/// for, so that a kernel may be dropped anywhere, async code included.
pub(crate) struct Kernel {
    engine: Arc<Engine>,
    runtime: Option<Runtime>,
}

impl Kernel {
    pub(crate) fn new() -> KernelResult<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(THREADS).thread_name("tables").enable_all().build()?;
        let executor = Arc::new(TokioMultiThreadExecutor::new(runtime.handle().clone()));
        let store = Arc::new(SyncedStore::new());
        let engine = Arc::new(DefaultEngineBuilder::new(store).with_task_executor(executor).build());
        Ok(Self { engine, runtime: Some(runtime) })
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A file of the newest version.
#[derive(Clone, Debug)]
pub(crate) struct StoredFile {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) rows: u64,
    pub(crate) dead: RoaringTreemap,
    /// The file that holds the deletion vector.
    pub(crate) vector: Option<String>,
}

/// What a commit changes.
#[derive(Default)]
pub(crate) struct Change {
    pub(crate) added: Vec<NewFile>,
    /// All dead rows by file name.
    pub(crate) dead: BTreeMap<String, RoaringTreemap>,
    pub(crate) removed: HashSet<String>,
    /// Versions by application.
    pub(crate) transactions: Vec<(String, u64)>,
    pub(crate) columns: Vec<Field>,
    /// The rows stay the same: compaction.
    pub(crate) rearranges: bool,
}

/// A table.
pub(crate) struct DeltaTable {
    name: TableName,
    folder: PathBuf,
    engine: Arc<Engine>,
    snapshot: SnapshotRef,
    since_checkpoint: u64,
}

impl DeltaTable {
    /// Opens a table.
    pub(crate) fn open(engine: &Arc<Engine>, tables: &Path, name: TableName) -> Result<Self> {
        let folder = tables.join(name.as_str());
        let snapshot = load(engine, &folder, name)?;
        Ok(Self { name, folder, engine: Arc::clone(engine), snapshot, since_checkpoint: 0 })
    }

    /// Opens a table, or creates it for the log `log_id`.
    pub(crate) fn open_or_create(engine: &Arc<Engine>, tables: &Path, name: TableName, log_id: &str) -> Result<Self> {
        let folder = tables.join(name.as_str());
        if !is_created(&folder) {
            create(engine, &folder, name, log_id)?;
        }
        let table = Self::open(engine, tables, name)?;
        match table.log_id() {
            Some(known) if known == log_id => Ok(table),
            _ => Err(Error::OtherLog { table: name }),
        }
    }

    /// Reads the newest version again, after an error.
    pub(crate) fn reload(&mut self) -> Result<()> {
        self.snapshot = load(&self.engine, &self.folder, self.name)?;
        Ok(())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Commits since the last checkpoint.
    pub(crate) fn since_checkpoint(&self) -> u64 {
        self.since_checkpoint
    }

    /// The log whose records it holds.
    pub(crate) fn log_id(&self) -> Option<&str> {
        self.snapshot.table_properties().unknown_properties.get(LOG_ID).map(String::as_str)
    }

    /// Its columns.
    pub(crate) fn schema(&self) -> Result<SchemaRef> {
        let schema: Schema = self.snapshot.schema().as_ref().try_into_arrow().map_err(Error::rows(self.name))?;
        Ok(Arc::new(schema))
    }

    /// The version that an application recorded last.
    pub(crate) fn transaction(&self, application: &str) -> Result<Option<u64>> {
        let version = self.snapshot.get_app_id_version(application, &*self.engine);
        Ok(version
            .map_err(Error::delta(self.name, "read transactions of"))?
            .and_then(|version| version.try_into().ok()))
    }

    /// The files of the newest version, oldest first.
    pub(crate) fn files(&self) -> Result<Vec<StoredFile>> {
        let list = || -> KernelResult<Vec<StoredFile>> {
            let mut files = Vec::new();
            for part in self.scan()? {
                let times = part.batch.column_by_name("modificationTime");
                let times = times.and_then(|column| column.as_primitive_opt::<Int64Type>());
                for row in (0..part.batch.num_rows()).filter(|&row| part.is_selected(row)) {
                    files.push((times.map(|times| times.value(row)), self.stored_file(&part.batch, row)?));
                }
            }
            files.sort_by(|(time, file), (other_time, other)| (time, &file.name).cmp(&(other_time, &other.name)));
            Ok(files.into_iter().map(|(_, file)| file).collect())
        };
        list().map_err(Error::delta(self.name, "list the files of"))
    }

    fn stored_file(&self, batch: &RecordBatch, row: usize) -> KernelResult<StoredFile> {
        let missing = |what: &str| KernelError::generic(format!("an added file has no {what}"));
        let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let name = text("path").ok_or_else(|| missing("path"))?.value(row).to_owned();
        let sizes = batch.column_by_name("size").and_then(|column| column.as_primitive_opt::<Int64Type>());
        let size = sizes.ok_or_else(|| missing("size"))?.value(row).cast_unsigned();
        let stats = text("stats").filter(|stats| stats.is_valid(row)).map(|stats| stats.value(row));
        let stats: serde_json::Value = serde_json::from_str(stats.unwrap_or("{}"))?;
        let rows = stats["numRecords"].as_u64().ok_or_else(|| missing("count of rows"))?;
        let vectors = batch.column_by_name("deletionVector").and_then(|column| column.as_struct_opt());
        let (mut dead, mut vector) = (RoaringTreemap::new(), None);
        if let Some(vectors) = vectors.filter(|vectors| vectors.is_valid(row)) {
            let descriptor = descriptor(vectors, row).ok_or_else(|| missing("whole deletion vector"))??;
            let rows = descriptor.row_indexes(self.engine.storage_handler(), self.snapshot.table_root())?;
            dead.extend(rows);
            let place = descriptor.absolute_path(self.snapshot.table_root())?;
            vector = place.and_then(|url| url.path_segments()?.next_back().map(str::to_owned));
        }
        Ok(StoredFile { name, size, rows, dead, vector })
    }

    fn scan(&self) -> KernelResult<Vec<ScanPart>> {
        let scan = Arc::clone(&self.snapshot).scan_builder().build()?;
        let part = |metadata: delta_kernel::scan::ScanMetadata| {
            let (data, selected) = metadata.scan_files.into_parts();
            let batch = ArrowEngineData::try_from_engine_data(data)?.record_batch().clone();
            Ok(ScanPart { batch, selected })
        };
        scan.scan_metadata(&*self.engine)?.map(|metadata| part(metadata?)).collect()
    }

    /// Commits a change: all of it, or nothing. Says which file holds the
    /// deletion vectors it wrote.
    pub(crate) fn commit(&mut self, change: Change) -> Result<Option<String>> {
        let name = self.name;
        let (transaction, vector) = self.prepare(change).map_err(Error::delta(name, "prepare a commit to"))?;
        match transaction.commit(&*self.engine).map_err(Error::delta(name, "commit to"))? {
            CommitResult::Committed(committed) => {
                self.since_checkpoint = committed.post_commit_stats().commits_since_checkpoint;
                match committed.post_commit_snapshot() {
                    Some(snapshot) => self.snapshot = Arc::clone(snapshot),
                    None => self.reload()?,
                }
                Ok(vector)
            }
            CommitResult::Conflicted(conflict) => {
                Err(Error::Conflict { table: name, version: conflict.conflict_version() })
            }
            CommitResult::Retryable(failed) => Err(Error::delta(name, "commit to")(failed.error)),
        }
    }

    fn prepare(&self, change: Change) -> KernelResult<(Transaction, Option<String>)> {
        let operation = if change.rearranges { UpdateTableOperation::Optimize } else { UpdateTableOperation::Write };
        let mut builder = Arc::clone(&self.snapshot).update_table(operation, ENGINE, !change.rearranges);
        for field in &change.columns {
            builder = builder.add_column(StructField::try_from_arrow(field)?);
        }
        let mut transaction = builder.build(&*self.engine, Box::new(FileSystemCommitter::new()))?;
        for (application, version) in change.transactions {
            transaction = transaction.with_transaction_id(application, version.cast_signed());
        }
        let context = transaction.write_state()?.write_context_builder().build()?;
        for file in change.added {
            transaction.add_files(added(file, &context)?);
        }
        let mut vector_file = None;
        if !change.dead.is_empty() {
            let (name, descriptors) = write_vectors(&context, &change.dead)?;
            vector_file = Some(name);
            transaction.update_deletion_vectors(descriptors, self.scan()?.into_iter().map(ScanPart::whole))?;
        }
        if !change.removed.is_empty() {
            for part in self.scan()? {
                transaction.remove_files(part.only(&change.removed)?);
            }
        }
        Ok((transaction, vector_file))
    }

    /// Writes a checkpoint of the newest version and returns that version.
    pub(crate) fn checkpoint(&mut self) -> Result<u64> {
        let checkpoint = self.snapshot.checkpoint(&*self.engine, None);
        let (_, snapshot) = checkpoint.map_err(Error::delta(self.name, "write a checkpoint of"))?;
        self.snapshot = snapshot;
        self.since_checkpoint = 0;
        Ok(self.snapshot.version())
    }
}

/// Whether the first version of a table was committed.
pub(crate) fn is_created(folder: &Path) -> bool {
    let log = std::fs::read_dir(folder.join("_delta_log"));
    log.is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| is_log_file(&entry.file_name()))))
}

fn is_log_file(name: &std::ffi::OsStr) -> bool {
    let path = Path::new(name);
    matches!(path.extension().and_then(|end| end.to_str()), Some("json" | "parquet"))
}

fn create(engine: &Engine, folder: &Path, name: TableName, log_id: &str) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    let measured = name.measured().join(",");
    let make = || -> KernelResult<()> {
        let schema = Arc::new(StructType::try_from_arrow(name.schema().as_ref())?);
        let mut properties = vec![
            ("delta.enableDeletionVectors", "true"),
            // Files are removed by our own clean-up; a checkpoint need not remember them for long.
            ("delta.deletedFileRetentionDuration", "interval 1 hours"),
            ("delta.logRetentionDuration", "interval 24 hours"),
            (LOG_ID, log_id),
        ];
        if measured.is_empty() {
            properties.push(("delta.dataSkippingNumIndexedCols", "0"));
        } else {
            properties.push(("delta.dataSkippingStatsColumns", &measured));
        }
        let path = table_url(folder)?;
        let committed = create_table(path, schema, ENGINE, true)
            .with_table_properties(properties)
            .build(engine, Box::new(FileSystemCommitter::new()))?
            .commit(engine)?;
        match committed {
            CommitResult::Committed(_) => Ok(()),
            CommitResult::Conflicted(_) => Err(KernelError::generic("another process created it")),
            CommitResult::Retryable(failed) => Err(failed.error),
        }
    };
    make().map_err(Error::delta(name, "create"))?;
    let parent = folder.parent().unwrap_or(folder);
    for place in [folder, parent] {
        crate::store::sync_folder(place).map_err(Error::file("sync", place))?;
    }
    Ok(())
}

fn load(engine: &Engine, folder: &Path, name: TableName) -> Result<SnapshotRef> {
    let snapshot = table_url(folder).and_then(|url| Snapshot::builder_for(url).build(engine));
    snapshot.map_err(Error::delta(name, "open"))
}

fn table_url(folder: &Path) -> KernelResult<Url> {
    let absolute = std::path::absolute(folder)?;
    Url::from_directory_path(&absolute).map_err(|()| KernelError::generic("the folder's path is no URL"))
}

fn added(file: NewFile, context: &BoundWriteContext) -> KernelResult<Box<dyn delta_kernel::EngineData>> {
    let location =
        context.table_root_dir().join(&file.name).map_err(|error| KernelError::generic(error.to_string()))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    build_add_file_metadata(DataFileMetadata::new(FileMeta::new(location, modified, file.size), file.measures), context)
}

/// Writes the deletion vectors of a commit as one file: its name, and where in
/// it each vector is.
fn write_vectors(
    context: &BoundWriteContext,
    dead: &BTreeMap<String, RoaringTreemap>,
) -> KernelResult<(String, HashMap<String, DeletionVectorDescriptor>)> {
    let place = context.new_deletion_vector_path(String::new());
    let path = place.absolute_path()?.to_file_path().map_err(|()| KernelError::generic("the table is not local"))?;
    let mut bytes = Vec::new();
    let mut writer = StreamingDeletionVectorWriter::new(&mut bytes);
    let mut descriptors = HashMap::new();
    for (file, rows) in dead {
        let mut vector = KernelDeletionVector::new();
        vector.add_deleted_row_indexes(rows.iter());
        descriptors.insert(file.clone(), writer.write_deletion_vector(vector)?.to_descriptor(&place));
    }
    writer.finalize()?;
    write_whole(&path, &bytes.into(), true)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok((name, descriptors))
}

/// Some of the files of a version, as the kernel lists them.
struct ScanPart {
    batch: RecordBatch,
    selected: Vec<bool>,
}

impl ScanPart {
    fn is_selected(&self, row: usize) -> bool {
        self.selected.get(row).copied().unwrap_or(true)
    }

    fn whole(self) -> KernelResult<FilteredEngineData> {
        FilteredEngineData::try_new(Box::new(ArrowEngineData::new(self.batch)), self.selected)
    }

    fn only(self, names: &HashSet<String>) -> KernelResult<FilteredEngineData> {
        let paths = self.batch.column_by_name("path").and_then(|column| column.as_string_opt::<i32>());
        let paths = paths.ok_or_else(|| KernelError::generic("listed files have no path"))?;
        let is_named = |row: usize| paths.is_valid(row) && names.contains(paths.value(row));
        let selected = (0..self.batch.num_rows()).map(|row| self.is_selected(row) && is_named(row)).collect();
        FilteredEngineData::try_new(Box::new(ArrowEngineData::new(self.batch.clone())), selected)
    }
}

fn descriptor(vectors: &StructArray, row: usize) -> Option<KernelResult<DeletionVectorDescriptor>> {
    let text = |name: &str| vectors.column_by_name(name)?.as_string_opt::<i32>();
    let integer = |name: &str| vectors.column_by_name(name)?.as_primitive_opt::<Int32Type>();
    let storage_type = text("storageType")?.value(row).parse();
    let offsets = integer("offset")?;
    let descriptor = |storage_type| {
        Some(DeletionVectorDescriptor {
            storage_type,
            path_or_inline_dv: text("pathOrInlineDv")?.value(row).to_owned(),
            offset: offsets.is_valid(row).then(|| offsets.value(row)),
            size_in_bytes: integer("sizeInBytes")?.value(row),
            cardinality: vectors.column_by_name("cardinality")?.as_primitive_opt::<Int64Type>()?.value(row),
        })
    };
    match storage_type {
        Ok(storage_type) => descriptor(storage_type).map(Ok),
        Err(error) => Some(Err(error)),
    }
}
