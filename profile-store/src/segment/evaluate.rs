//! Evaluation: a set of profiles per leaf, combined as the tree says.
//!
//! Everything is read from one view. Trait leaves are tested on the JSON of
//! `profiles.traits`, of which only the traits they name are parsed. All event
//! leaves are one pass over `events`, grouped by owner node and then, through
//! `identities`, by profile.

use super::{Condition, Leaf, Node, Segment, path::TraitPaths, window::Window};
use crate::{
    ReadView,
    query::{Error, QueryEngine, Result, Shared, raw, text_column},
};
use datafusion::{
    arrow::{
        array::{AsArray, RecordBatch},
        datatypes::Int64Type,
    },
    common::ScalarValue,
    error::DataFusionError,
    functions_aggregate::expr_fn::{count, sum},
    logical_expr::{Expr, ExprFunctionExt, JoinType, col, lit},
    physical_plan::{SendableRecordBatchStream, execute_stream_partitioned},
    prelude::SessionContext,
};
use futures::TryStreamExt;
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Membership of every profile of the universe, by its position.
type Set = Vec<bool>;

impl QueryEngine {
    /// Counts the members of a segment.
    ///
    /// # Errors
    /// [`Error::Segment`] if a window is outside the calendar, the limits'
    /// errors, and [`Error::Tables`] if a table is damaged.
    pub async fn segment_count(&self, segment: &Segment) -> Result<u64> {
        Ok(self.evaluate(segment).await?.len() as u64)
    }

    /// The profile ids of the members of a segment, sorted.
    ///
    /// # Errors
    /// As [`QueryEngine::segment_count`].
    pub async fn segment_members(&self, segment: &Segment) -> Result<Vec<String>> {
        let mut members = self.evaluate(segment).await?;
        members.sort_unstable();
        Ok(members.into_iter().map(|id| Uuid::from_u128(id).to_string()).collect())
    }

    async fn evaluate(&self, segment: &Segment) -> Result<Vec<u128>> {
        let (shared, segment) = (self.shared(), Arc::new(segment.clone()));
        self.run(async move { members(&shared, &segment).await }).await
    }
}

async fn members(shared: &Shared, segment: &Arc<Segment>) -> Result<Vec<u128>> {
    let (view, context) = (shared.view(), shared.empty_session());
    let as_of = segment.as_of.unwrap_or_else(jiff::Timestamp::now);
    let event_leaves = EventLeaf::all(segment, as_of)?;
    let Universe { ids, mut sets } = Universe::read(&context, &view, segment).await?;
    if !event_leaves.is_empty() {
        let counted = count_events(&context, &view, &event_leaves).await?;
        let positions: HashMap<u128, usize> = ids.iter().copied().zip(0..).collect();
        for (at, leaf) in event_leaves.iter().enumerate() {
            let counts = by_position(&counted, at, &positions)?;
            let holds = |&n: &i64| leaf.having.holds(Some(&Value::from(n)), &segment.tz);
            sets[leaf.at] = counts.iter().map(holds).collect();
        }
    }
    let mut inside = combine(&segment.include, &sets, ids.len());
    if let Some(exclude) = &segment.exclude {
        let outside = combine(exclude, &sets, ids.len());
        inside.iter_mut().zip(outside).for_each(|(inside, outside)| *inside &= !outside);
    }
    Ok(ids.into_iter().zip(inside).filter_map(|(id, inside)| inside.then_some(id)).collect())
}

/// All profiles.
#[derive(Default)]
struct Universe {
    /// Their ids, by position.
    ids: Vec<u128>,
    /// By leaf: who is in. Only leaves of traits are filled in.
    sets: Vec<Set>,
}

impl Universe {
    /// Reads the profiles and tests the leaves of traits, a task per partition.
    async fn read(context: &SessionContext, view: &ReadView, segment: &Arc<Segment>) -> Result<Self> {
        let mut universe = Self::empty(segment);
        let Some(table) = view.tables.get("profiles") else { return Ok(universe) };
        let paths = Arc::new(TraitPaths::of(&segment.leaves));
        let columns: &[&str] = if paths.is_empty() { &["profile_id"] } else { &["profile_id", "traits"] };
        let plan = context.read_table(raw(table))?.select_columns(columns)?.create_physical_plan().await?;
        let mut tasks = JoinSet::new();
        for rows in execute_stream_partitioned(plan, context.task_ctx())? {
            tasks.spawn(Self::read_part(rows, Arc::clone(segment), Arc::clone(&paths)));
        }
        while let Some(part) = tasks.join_next().await {
            let part = part.map_err(Error::Task)??;
            universe.ids.extend(part.ids);
            universe.sets.iter_mut().zip(part.sets).for_each(|(set, part)| set.extend(part));
        }
        Ok(universe)
    }

    async fn read_part(
        mut rows: SendableRecordBatchStream,
        segment: Arc<Segment>,
        paths: Arc<TraitPaths>,
    ) -> Result<Self> {
        let mut part = Self::empty(&segment);
        while let Some(batch) = rows.try_next().await? {
            part.ids.extend(profile_ids(&batch)?);
            if let Some(traits) = text_column(&batch, "traits") {
                for text in traits.as_string::<i32>() {
                    let values = paths.values(text.unwrap_or("{}"));
                    part.test(&segment, |leaf, path| values.get(leaf, path));
                }
            }
        }
        Ok(part)
    }

    fn empty(segment: &Segment) -> Self {
        Self { ids: Vec::new(), sets: vec![Set::new(); segment.leaves.len()] }
    }

    /// Tests the leaves of traits on the next profile.
    fn test(&mut self, segment: &Segment, value: impl Fn(usize, &str) -> Option<Value>) {
        for (at, leaf) in segment.leaves.iter().enumerate() {
            if let Leaf::Trait { path, condition } = leaf {
                self.sets[at].push(condition.holds(value(at, path).as_ref(), &segment.tz));
            }
        }
    }
}

fn profile_ids(batch: &RecordBatch) -> Result<Vec<u128>> {
    let damaged = || Error::Tables(Box::new(DataFusionError::Internal("a profile_id is no UUID".to_owned())));
    let ids = text_column(batch, "profile_id").ok_or_else(damaged)?;
    let parse = |id: Option<&str>| Uuid::try_parse(id.unwrap_or_default()).map(|id| id.as_u128());
    ids.as_string::<i32>().iter().map(|id| parse(id).map_err(|_| damaged())).collect()
}

fn combine(node: &Node, sets: &[Set], size: usize) -> Set {
    match node {
        Node::Leaf(at) => sets[*at].clone(),
        Node::Not(part) => combine(part, sets, size).into_iter().map(|inside| !inside).collect(),
        Node::All(parts) => parts.iter().fold(vec![true; size], |mut all, part| {
            all.iter_mut().zip(combine(part, sets, size)).for_each(|(all, inside)| *all &= inside);
            all
        }),
        Node::Any(parts) => parts.iter().fold(vec![false; size], |mut any, part| {
            any.iter_mut().zip(combine(part, sets, size)).for_each(|(any, inside)| *any |= inside);
            any
        }),
    }
}

/// A leaf of events with its window worked out.
struct EventLeaf<'s> {
    /// Its position among the leaves.
    at: usize,
    names: &'s [String],
    /// In microseconds; the end is excluded.
    from: Option<i64>,
    to: i64,
    having: &'s Condition,
}

impl<'s> EventLeaf<'s> {
    fn all(segment: &'s Segment, as_of: jiff::Timestamp) -> Result<Vec<Self>> {
        let bounds = |window: &Window| {
            let outside =
                || Error::Segment { path: "$".to_owned(), reason: "a window is outside the calendar".to_owned() };
            window.bounds(as_of, &segment.tz).ok_or_else(outside)
        };
        let mut leaves = Vec::new();
        for (at, leaf) in segment.leaves.iter().enumerate() {
            if let Leaf::Event { names, window, having } = leaf {
                let (from, to) = bounds(window)?;
                leaves.push(Self { at, names, from, to, having });
            }
        }
        Ok(leaves)
    }

    /// The condition on a row of `events`.
    fn filter(&self) -> Expr {
        let time = |micros: i64| lit(ScalarValue::TimestampMicrosecond(Some(micros), Some(Arc::from("UTC"))));
        let names: Vec<Expr> = self.names.iter().map(|name| lit(name.as_str())).collect();
        let is_one = if names.is_empty() { lit(false) } else { col("event").in_list(names, false) };
        let before = is_one.and(col("timestamp").lt(time(self.to)));
        self.from.map_or(before.clone(), |from| before.and(col("timestamp").gt_eq(time(from))))
    }
}

/// Counts the events of each leaf by profile: `profile_id, n0, n1, ...`.
async fn count_events(context: &SessionContext, view: &ReadView, leaves: &[EventLeaf<'_>]) -> Result<Vec<RecordBatch>> {
    let (Some(events), Some(identities)) = (view.tables.get("events"), view.tables.get("identities")) else {
        return Ok(Vec::new());
    };
    let filters: Vec<Expr> = leaves.iter().map(EventLeaf::filter).collect();
    let counts = filters.iter().enumerate().map(|(at, filter)| {
        let count = count(lit(1_i64)).filter(filter.clone()).build()?;
        Ok(count.alias(format!("n{at}")))
    });
    let counts = counts.collect::<Result<Vec<Expr>, DataFusionError>>()?;
    let sums = (0..leaves.len()).map(|at| sum(col(format!("n{at}"))).alias(format!("n{at}")));
    let wanted = filters.into_iter().reduce(Expr::or).unwrap_or_else(|| lit(false));
    let owners = context.read_table(raw(identities))?.select(vec![col("node").alias("owner"), col("profile_id")])?;
    let by_node = context.read_table(raw(events))?.filter(wanted)?.aggregate(vec![col("node")], counts)?;
    let by_owner = by_node.join(owners, JoinType::Inner, &["node"], &["owner"], None)?;
    Ok(by_owner.aggregate(vec![col("profile_id")], sums.collect())?.collect().await?)
}

/// The counts of a leaf by position of the profile.
fn by_position(counted: &[RecordBatch], leaf: usize, positions: &HashMap<u128, usize>) -> Result<Vec<i64>> {
    let mut counts = vec![0; positions.len()];
    for batch in counted {
        let column =
            batch.column_by_name(&format!("n{leaf}")).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let Some(column) = column else { continue };
        for (id, count) in profile_ids(batch)?.into_iter().zip(column) {
            if let Some(at) = positions.get(&id) {
                counts[*at] += count.unwrap_or_default();
            }
        }
    }
    Ok(counts)
}
