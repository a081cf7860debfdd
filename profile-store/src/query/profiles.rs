//! `profiles` with a column per trait, sorted by name behind the table's own.
//!
//! A column is BIGINT, DOUBLE or BOOLEAN while every value of the trait is
//! one, else text: a function of the set of rows, never of their order.
//! Columns that the table stores with a type of their own (declared traits)
//! stay as they are; the others are read from the JSON in `traits`, which has
//! the exact values, in the scan and only if a query names them. At most
//! [`COLUMNS_MAX`] traits become columns; the rest is in `traits` only.

use super::{
    members::Members,
    shape::{Shape, Shapes},
};
use async_trait::async_trait;
use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions},
        compute::cast,
        datatypes::{DataType, Field, Schema, SchemaRef},
    },
    catalog::{Session, TableProvider},
    common::{internal_err, tree_node::TreeNodeRecursion},
    error::Result,
    execution::TaskContext,
    logical_expr::{Expr, TableProviderFilterPushDown, TableType},
    physical_expr::{EquivalenceProperties, PhysicalExpr},
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
        SendableRecordBatchStream, stream::RecordBatchStreamAdapter,
    },
};
use futures::StreamExt;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

/// Most traits that become columns; the rest is in `traits` only.
pub const COLUMNS_MAX: usize = 500;

/// The columns that `profiles` always has.
const OWN: [&str; 5] = ["profile_id", "identifiers", "created_at", "updated_at", "traits"];
/// The column with all traits of a profile, as JSON.
const TRAITS: &str = "traits";

/// The columns of `profiles` as queries see them.
#[derive(Debug)]
pub(crate) struct Layout {
    schema: SchemaRef,
    columns: Vec<Column>,
    /// Position of `traits` in the stored table.
    traits: usize,
}

/// Where a column comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    /// A column of the input, by position.
    Stored(usize),
    /// A member of `traits`.
    Trait(String, Shape),
}

impl Layout {
    /// Lays out a stored table whose traits have `shapes`; `None` if it has no
    /// column `traits`.
    pub(crate) fn new(stored: &SchemaRef, shapes: &Shapes) -> Option<Self> {
        let traits = stored.index_of(TRAITS).ok()?;
        let is_own = |field: &Field| OWN.contains(&field.name().as_str());
        let mut of_traits: BTreeMap<String, Column> = BTreeMap::new();
        for (at, field) in stored.fields().iter().enumerate() {
            if !is_own(field) && !is_text(field.data_type()) {
                of_traits.insert(field.name().clone(), Column::Stored(at));
            }
        }
        let declared: BTreeSet<String> = of_traits.keys().cloned().collect();
        for (name, shape) in shapes.iter() {
            if of_traits.len() >= COLUMNS_MAX {
                break;
            }
            let mut column = if OWN.contains(&name) { format!("trait_{name}") } else { name.to_owned() };
            if declared.contains(&column) {
                continue;
            }
            while of_traits.contains_key(&column) {
                column.insert_str(0, "trait_");
            }
            of_traits.insert(column, Column::Trait(name.to_owned(), shape));
        }

        let own = stored.fields().iter().enumerate().filter(|(_, field)| is_own(field));
        let (mut fields, mut columns): (Vec<Arc<Field>>, Vec<Column>) =
            own.map(|(at, field)| (Arc::clone(field), Column::Stored(at))).unzip();
        for (name, column) in of_traits {
            fields.push(match &column {
                Column::Stored(at) => Arc::clone(&stored.fields()[*at]),
                Column::Trait(_, shape) => Arc::new(Field::new(name, shape.data_type(), true)),
            });
            columns.push(column);
        }
        Some(Self { schema: Arc::new(Schema::new(fields)), columns, traits })
    }

    fn is_stored(&self, name: &str) -> bool {
        self.schema.index_of(name).is_ok_and(|at| matches!(self.columns[at], Column::Stored(_)))
    }
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The stored table under a layout.
#[derive(Debug)]
pub(crate) struct Profiles {
    stored: Arc<dyn TableProvider>,
    layout: Arc<Layout>,
}

impl Profiles {
    pub(crate) fn new(stored: Arc<dyn TableProvider>, layout: Arc<Layout>) -> Self {
        Self { stored, layout }
    }
}

#[async_trait]
impl TableProvider for Profiles {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.layout.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| {
            let stored_only = filter.column_refs().iter().all(|column| self.layout.is_stored(&column.name));
            if stored_only { TableProviderFilterPushDown::Inexact } else { TableProviderFilterPushDown::Unsupported }
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let every = || (0..self.layout.columns.len()).collect();
        let wanted: Vec<usize> = projection.cloned().unwrap_or_else(every);
        let mut inputs: Vec<usize> = Vec::new();
        let mut columns: Vec<Column> = Vec::with_capacity(wanted.len());
        for &at in &wanted {
            columns.push(match &self.layout.columns[at] {
                Column::Stored(stored) => Column::Stored(position(&mut inputs, *stored)),
                column @ Column::Trait(..) => column.clone(),
            });
        }
        if columns.iter().all(|column| matches!(column, Column::Stored(_))) {
            return self.stored.scan(session, Some(&inputs), filters, limit).await;
        }
        let traits = position(&mut inputs, self.layout.traits);
        let input = self.stored.scan(session, Some(&inputs), filters, limit).await?;
        let schema = Arc::new(self.layout.schema.project(&wanted)?);
        Ok(Arc::new(LayOutExec::new(input, Arc::new(LayOut { schema, columns, traits }))))
    }
}

/// The position of a stored column among the inputs, where it is added.
fn position(inputs: &mut Vec<usize>, stored: usize) -> usize {
    inputs.iter().position(|known| *known == stored).unwrap_or_else(|| {
        inputs.push(stored);
        inputs.len() - 1
    })
}

/// Makes the columns of a scan from those of its input, a batch at a time.
#[derive(Debug)]
struct LayOut {
    schema: SchemaRef,
    columns: Vec<Column>,
    /// Position of `traits` in the input.
    traits: usize,
}

impl LayOut {
    fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let traits = cast(batch.column(self.traits), &DataType::Utf8)?;
        let traits = traits.as_string::<i32>();
        let names = self.columns.iter().filter_map(|column| match column {
            Column::Trait(name, _) => Some(name.as_str()),
            Column::Stored(_) => None,
        });
        let slots: HashMap<&str, usize> = names.enumerate().map(|(slot, name)| (name, slot)).collect();
        let mut values: Vec<Vec<Option<&str>>> = vec![vec![None; batch.num_rows()]; slots.len()];
        for (row, text) in traits.iter().enumerate() {
            for (name, value) in Members::of(text.unwrap_or_default()) {
                if let Some(slot) = slots.get(&*name) {
                    values[*slot][row] = Some(value);
                }
            }
        }
        let columns = self.columns.iter().map(|column| match column {
            Column::Stored(at) => Arc::clone(batch.column(*at)),
            Column::Trait(name, shape) => shape.build(values[slots[name.as_str()]].iter().copied()),
        });
        let columns: Vec<ArrayRef> = columns.collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

/// The plan node of [`LayOut`].
#[derive(Debug)]
struct LayOutExec {
    input: Arc<dyn ExecutionPlan>,
    lay_out: Arc<LayOut>,
    properties: Arc<PlanProperties>,
}

impl LayOutExec {
    fn new(input: Arc<dyn ExecutionPlan>, lay_out: Arc<LayOut>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&lay_out.schema)),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self { input, lay_out, properties: Arc::new(properties) }
    }
}

impl DisplayAs for LayOutExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LayOutExec: {} columns", self.lay_out.columns.len())
    }
}

impl ExecutionPlan for LayOutExec {
    fn name(&self) -> &'static str {
        "LayOutExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([input]) = <[_; 1]>::try_from(children) else { return internal_err!("LayOutExec has one input") };
        Ok(Arc::new(Self::new(input, Arc::clone(&self.lay_out))))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let lay_out = Arc::clone(&self.lay_out);
        let input = self.input.execute(partition, context)?;
        let batches = input.map(move |batch| lay_out.apply(&batch?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(stored: &[(&str, DataType)], traits: &[&str]) -> String {
        let fields: Vec<Field> = stored.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect();
        let mut shapes = Shapes::default();
        for row in traits {
            shapes.add(row);
        }
        let layout = Layout::new(&Arc::new(Schema::new(fields)), &shapes).unwrap();
        let shown = layout.schema.fields().iter().map(|field| format!("{}:{}", field.name(), field.data_type()));
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn trait_columns_are_sorted_and_never_shadow_our_own() {
        let stored = [
            ("profile_id", DataType::Utf8),
            ("traits", DataType::Utf8),
            ("score", DataType::Float64),
            ("city", DataType::Utf8),
        ];
        let traits = [r#"{"zip":1,"city":2,"score":3,"traits":4,"trait_traits":5,"age":6,"created_at":"x"}"#];
        let expected = "profile_id:Utf8 traits:Utf8 age:Int64 city:Utf8 score:Float64 trait_created_at:Utf8 \
                        trait_trait_traits:Int64 trait_traits:Int64 zip:Int64";
        assert_eq!(layout(&stored, &traits), expected);
    }

    #[test]
    fn columns_are_limited() {
        let traits: Vec<String> = (0..2000).map(|n| format!(r#""t{n:04}":{n}"#)).collect();
        let traits = format!("{{{}}}", traits.join(","));
        let shown = layout(&[("traits", DataType::Utf8), ("zz", DataType::Int64)], &[&traits]);
        assert_eq!(shown.split(' ').count(), 1 + COLUMNS_MAX);
        assert!(shown.ends_with("t0498:Int64 zz:Int64"), "{shown}");
    }
}
