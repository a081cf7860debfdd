//! One table as DataFusion sees it: the Parquet files, dead rows left out, and
//! the rows of the memory tail.
//!
//! Dead rows become Parquet row selections, never a join. Row counts are exact
//! only while no file has dead rows: else `count(*)` would be answered from
//! statistics that count them.

use crate::{FileView, TableView};
use async_trait::async_trait;
use datafusion::{
    arrow::datatypes::SchemaRef,
    catalog::{Session, TableProvider},
    common::{Statistics, ToDFSchema, stats::Precision},
    datasource::{
        listing::PartitionedFile,
        memory::MemorySourceConfig,
        object_store::ObjectStoreUrl,
        physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource, parquet::ParquetRowSelection},
        source::DataSourceExec,
    },
    error::{DataFusionError, Result},
    logical_expr::{Expr, TableProviderFilterPushDown, TableType, utils::conjunction},
    object_store::{ObjectMeta, path::Path as StorePath},
    parquet::arrow::arrow_reader::{RowSelection, RowSelector},
    physical_plan::{ExecutionPlan, union::UnionExec},
};
use roaring::RoaringTreemap;
use std::sync::Arc;

/// A [`TableView`] that can be queried.
#[derive(Debug)]
pub(crate) struct ViewProvider {
    view: Arc<TableView>,
}

impl ViewProvider {
    pub(crate) fn new(view: Arc<TableView>) -> Self {
        Self { view }
    }

    fn files_plan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut source = ParquetSource::new(Arc::clone(&self.view.schema));
        if let Some(filter) = conjunction(filters.to_vec()) {
            let schema = Arc::clone(&self.view.schema).to_dfschema()?;
            source = source.with_predicate(session.create_physical_expr(filter, &schema)?);
        }
        let files = self.view.files.iter().map(partitioned_file).collect::<Result<Vec<_>>>()?;
        let partitions = session.config().target_partitions().max(1);
        // A file with a limit but no filter may stop early; with one, the filter above decides.
        let limit = limit.filter(|_| filters.is_empty());
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_groups(FileGroup::new(files).split_files(partitions))
            .with_statistics(self.file_statistics())
            .with_limit(limit)
            .with_projection_indices(projection.cloned())?
            .build();
        let scan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(config);
        // A few large files are shared out by ranges of row groups.
        Ok(scan.repartitioned(partitions, session.config_options())?.unwrap_or(scan))
    }

    fn file_statistics(&self) -> Statistics {
        let mut statistics = Statistics::new_unknown(&self.view.schema);
        let files = &self.view.files;
        let live: u64 =
            files.iter().map(|file| file.rows - file.dead.as_ref().map_or(0, |dead| dead.len().min(file.rows))).sum();
        let live = usize::try_from(live).unwrap_or(usize::MAX);
        let has_dead = files.iter().any(|file| file.dead.is_some());
        statistics.num_rows = if has_dead { Precision::Inexact(live) } else { Precision::Exact(live) };
        statistics
    }
}

#[async_trait]
impl TableProvider for ViewProvider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.view.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut inputs: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        if !self.view.files.is_empty() {
            inputs.push(self.files_plan(session, projection, filters, limit)?);
        }
        if !self.view.tail.is_empty() || inputs.is_empty() {
            let tail = [self.view.tail.clone()];
            inputs.push(MemorySourceConfig::try_new_exec(&tail, self.schema(), projection.cloned())?);
        }
        UnionExec::try_new(inputs)
    }
}

fn partitioned_file(file: &FileView) -> Result<PartitionedFile> {
    let path = std::path::absolute(&file.path)?;
    let location = StorePath::from_absolute_path(&path).map_err(|error| DataFusionError::External(Box::new(error)))?;
    let meta = ObjectMeta {
        location,
        last_modified: std::time::UNIX_EPOCH.into(),
        size: file.size,
        e_tag: None,
        version: None,
    };
    let partitioned = PartitionedFile::new_from_meta(meta);
    Ok(match &file.dead {
        Some(dead) if !dead.is_empty() => {
            partitioned.with_extension(ParquetRowSelection::new(live_rows(dead, file.rows)))
        }
        _ => partitioned,
    })
}

/// The rows of a file that are not dead, as runs.
fn live_rows(dead: &RoaringTreemap, rows: u64) -> RowSelection {
    let length = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
    let mut runs: Vec<RowSelector> = Vec::new();
    let mut next = 0;
    for row in dead.iter().take_while(|row| *row < rows) {
        match runs.last_mut() {
            Some(run) if run.skip && row == next => run.row_count += 1,
            _ => {
                if row > next {
                    runs.push(RowSelector::select(length(row - next)));
                }
                runs.push(RowSelector::skip(1));
            }
        }
        next = row + 1;
    }
    if next < rows {
        runs.push(RowSelector::select(length(rows - next)));
    }
    RowSelection::from(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_rows_become_runs() {
        let runs = |dead: &[u64], rows| -> Vec<(bool, usize)> {
            let selection = live_rows(&dead.iter().copied().collect(), rows);
            selection.iter().map(|run| (run.skip, run.row_count)).collect()
        };
        assert_eq!(runs(&[], 3), [(false, 3)]);
        assert_eq!(runs(&[0, 1, 4], 6), [(true, 2), (false, 2), (true, 1), (false, 1)]);
        assert_eq!(runs(&[0, 1, 2], 3), [(true, 3)]);
        assert_eq!(runs(&[2, 7], 3), [(false, 2), (true, 1)]);
    }
}
