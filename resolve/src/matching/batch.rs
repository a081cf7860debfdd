//! A whole run: from a table to clusters, with what it took each column for.

use super::bounds::Bounds;
use super::cluster::{Cut, Node, NodeEdge, root, solve_all, units};
use super::field::{Comparer, Field, Fields, prepare, prepare_as};
use super::generic::{self, Limits};
use super::hash::FastMap;
use super::keys::Keys;
use super::labels::{self, Label};
use super::model::{FieldModel, Model, Score, Scorer};
use super::role::{Recognised, Role, recognise};
use super::threads::{joined, map_parts};
use super::train::{set_bands, train};
use super::{Error, Measure, Result, Table, block, table::MISSING};

/// How to run; the default needs no set-up.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Threads to use; 0 is 1. They never change what comes out.
    pub threads: usize,
    /// Least mean probability of a merge; 0.4 by default.
    pub cut: Cut,
    /// A model to use as it is; without one, it is trained on the table.
    pub model: Option<Model>,
    /// What columns are, by name, where that is known.
    pub roles: Vec<Recognised>,
    /// How columns are compared, by name, where it is not as usual for what they
    /// are; a model given has its own.
    pub comparisons: Vec<(String, Measure)>,
    /// Judged pairs that refine the model, given or trained; none by default.
    pub labels: Vec<Label>,
}

/// A scored pair of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The lesser row.
    pub one: u32,
    /// The greater row.
    pub other: u32,
    /// What it is worth, before clustering.
    pub score: Score,
}

/// What came out; rows are numbered as in the table given.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What each column was taken for, by name.
    pub recognised: Vec<Recognised>,
    /// Generic values of each column that were read as missing.
    pub generic_values: Vec<(String, usize)>,
    /// The model used; none if there was nothing to match.
    pub model: Option<Model>,
    /// Each row's cluster, named by the member whose key has the least hash.
    pub clusters: Vec<u32>,
    /// Mean probability of each row's pairs within its cluster; 1 if alone.
    pub probabilities: Vec<f64>,
    /// Every scored candidate pair once, by rows.
    pub pairs: Vec<Pair>,
}

/// Finds which rows are about one person.
///
/// # Errors
/// Every variant of [`Error`]; a table without rows is none.
pub fn run(table: Table, options: &Options) -> Result<Outcome> {
    let Ready { order, found, generic_values, mut fields, records, limits } = Ready::new(table, options)?;
    if order.len() < 2 {
        return Ok(Outcome::alone(found, order.len()));
    }
    let frozen = freeze(&mut fields, &limits, options.model.as_ref());
    let mut fields = Fields::new(fields, records);
    let keys = Keys::new(&fields);
    fields.forget_columns(|role| role != Role::UserId);
    let run = Run { fields, options };
    let (model, pairs) = run.score(frozen, keys)?;
    let (clusters, probabilities) = run.cluster(&model, &pairs);
    Ok(Outcome::new(&order, found, generic_values, model, &clusters, &probabilities, &pairs))
}

/// A table made ready to be matched, its rows in the order of their hashes.
pub(crate) struct Ready {
    /// The row each came from.
    pub(crate) order: Vec<u32>,
    pub(crate) found: Vec<Recognised>,
    pub(crate) generic_values: Vec<(String, usize)>,
    /// What is compared, generic values away; nothing of fewer than two records.
    pub(crate) fields: Vec<Field>,
    pub(crate) records: Vec<u64>,
    /// What is generic in each field.
    limits: Vec<Limits>,
}

impl Ready {
    /// Recognises columns and reads their values.
    ///
    /// # Errors
    /// Every variant of [`Error`].
    pub(crate) fn new(mut table: Table, options: &Options) -> Result<Self> {
        let order = table.canonical()?;
        let mut found = recognise(&table.columns);
        for recognised in &mut found {
            if let Some(known) = options.roles.iter().find(|known| known.column == recognised.column) {
                recognised.role = known.role;
            }
        }
        let columns = found.len();
        let (generic_values, limits) = Default::default();
        let mut ready = Self { order, found, generic_values, fields: Vec::new(), records: table.records, limits };
        if ready.order.len() < 2 {
            return Ok(ready);
        }
        if let Some(model) = &options.model {
            model.check()?;
        }
        let fields = match &options.model {
            Some(model) => prepare_as(&model.fields, table.columns, &mut ready.found, ready.order.len()),
            None => compared_as(prepare(table.columns, &mut ready.found), &options.comparisons),
        };
        if fields.is_empty() || !tells_a_person(&fields) {
            return Err(Error::NothingToCompare { columns });
        }
        ready.limits = match &options.model {
            Some(model) => model.fields.iter().map(|field| field.generic).collect(),
            None => fields.iter().map(Limits::of).collect(),
        };
        ready.fields = fields;
        let cleared = generic::clear(&mut ready.fields, &ready.limits);
        ready.generic_values = ready.fields.iter().map(|field| field.name.clone()).zip(cleared).collect();
        Ok(ready)
    }
}

/// Compares the fields that are asked for as is asked.
fn compared_as(fields: Vec<Field>, comparisons: &[(String, Measure)]) -> Vec<Field> {
    let compared = |field: Field| match comparisons.iter().find(|(name, _)| *name == field.name) {
        Some(&(_, measure)) => field.measured_by(measure),
        None => field,
    };
    fields.into_iter().map(compared).collect()
}

/// Some column must tell people apart; words such as an occupation do not.
fn tells_a_person(fields: &[Field]) -> bool {
    let weak = |role| matches!(role, Role::Text | Role::Region | Role::City | Role::Postcode | Role::SecondLine);
    fields.iter().any(|field| !weak(field.role) && field.codes.iter().any(|&code| code != MISSING))
}

/// Pairs whose values are fetched together: few enough to stay at hand.
const FETCHED: usize = 32;

/// Two rows and what they are worth.
type Scored = (u32, u32, Score);

struct Run<'a> {
    fields: Fields,
    options: &'a Options,
}

/// Sets bands as the model given has them, or by counting: then returns what a
/// model freezes.
fn freeze(prepared: &mut [Field], limits: &[Limits], model: Option<&Model>) -> Vec<FieldModel> {
    if let Some(model) = model {
        prepared.iter_mut().enumerate().for_each(|(place, field)| model.set_bands(place, field));
        return Vec::new();
    }
    let mut frozen = set_bands(prepared);
    for (field, &limits) in frozen.iter_mut().zip(limits) {
        field.generic = limits;
    }
    frozen
}

impl Run<'_> {
    /// Finds candidates, trains if need be, scores every candidate.
    fn score(&self, frozen: Vec<FieldModel>, mut keys: Keys) -> Result<(Model, Vec<Scored>)> {
        let weights = self.options.model.as_ref().map_or_else(|| keys.weights(), |model| model.keys.clone());
        keys.weigh(&weights);
        let candidates = block::candidates(keys, &self.fields.records, self.options.threads);
        let mut model = match &self.options.model {
            Some(model) => model.clone(),
            None => train(&self.fields, frozen, &weights, &candidates, self.options.threads),
        };
        if !self.options.labels.is_empty() {
            let mut weights: Vec<i32> =
                self.scored(&model, &candidates).iter().map(|(.., score)| score.weight).collect();
            model = labels::refine(model, &self.fields, &self.options.labels, &mut weights);
        }
        model.check()?;
        let scored = self.scored(&model, &candidates);
        Ok((model, scored))
    }

    fn scored(&self, model: &Model, candidates: &[(u32, u32)]) -> Vec<Scored> {
        let scored = map_parts(self.options.threads, candidates, |pairs| {
            let (mut comparer, mut scorer) = (Comparer::new(&self.fields), Scorer::new(model));
            let mut weighed = Vec::with_capacity(pairs.len());
            for pairs in pairs.chunks(FETCHED) {
                comparer.fetch(pairs);
                let score = |&(one, other): &(u32, u32)| (one, other, scorer.score(comparer.pattern(one, other)));
                weighed.extend(pairs.iter().map(score));
            }
            weighed
        });
        joined(scored)
    }

    /// Returns each row's cluster, named by its least row, and its probability.
    fn cluster(&self, model: &Model, pairs: &[Scored]) -> (Vec<u32>, Vec<f64>) {
        let (nodes, node_of) = self.nodes();
        let mut edges: Vec<NodeEdge> = pairs
            .iter()
            .filter(|(.., score)| score.weight >= 0)
            .map(|&(one, other, score)| {
                let (one, other) = (node_of[one as usize], node_of[other as usize]);
                NodeEdge { one: one.min(other), other: one.max(other), weight: score.weight }
            })
            .filter(|edge| edge.one != edge.other)
            .collect();
        edges.sort_unstable_by_key(|edge| (edge.one, edge.other, edge.weight));
        let merged =
            solve_all(&nodes, &units(&nodes, &edges, &Bounds::REAL), self.options.cut, self.options.threads, || {
                self.scorer(model)
            });
        let mut cluster_of_node: Vec<u32> = (0..nodes.len() as u32).collect();
        for cluster in &merged {
            let least = cluster.iter().copied().min().unwrap_or_default();
            for &node in cluster {
                cluster_of_node[node as usize] = least;
            }
        }
        let clusters: Vec<u32> =
            node_of.iter().map(|&node| nodes[cluster_of_node[node as usize] as usize].items[0]).collect();
        let probabilities = self.probabilities(model, &clusters);
        (clusters, probabilities)
    }

    fn scorer<'a>(&'a self, model: &'a Model) -> impl FnMut(u32, u32) -> Score + 'a {
        let (mut comparer, mut scorer) = (Comparer::new(&self.fields), Scorer::new(model));
        move |one, other| scorer.score(comparer.pattern(one.min(other), one.max(other)))
    }

    /// Contracts the records of one user id; nodes in the order of their least rows.
    fn nodes(&self) -> (Vec<Node>, Vec<u32>) {
        let rows = self.fields.records.len();
        let mut parent: Vec<usize> = (0..rows).collect();
        let users = self.fields.all.iter().find(|field| field.role == Role::UserId).map(|field| &field.codes);
        let mut first_of: FastMap<u32, usize> = FastMap::default();
        for (row, &user) in users.into_iter().flatten().enumerate().filter(|(_, user)| **user != MISSING) {
            parent[row] = *first_of.entry(user).or_insert(row);
        }
        let mut nodes: Vec<Node> = Vec::new();
        let mut node_of = vec![0; rows];
        for row in 0..rows {
            let least = root(&mut parent, row);
            if least == row {
                node_of[row] = nodes.len() as u32;
                let user = users.map(|users| users[row]).filter(|&user| user != MISSING);
                let limits = user.map(|user| (0, u64::from(user))).into_iter().collect();
                nodes.push(Node { items: vec![row as u32], hash: self.fields.records[row], limits });
                continue;
            }
            node_of[row] = node_of[least];
            let items = &mut nodes[node_of[row] as usize].items;
            if items.len() < Bounds::REAL.node {
                items.push(row as u32);
            }
        }
        (nodes, node_of)
    }

    /// Mean probability of a row's pairs within its cluster.
    fn probabilities(&self, model: &Model, clusters: &[u32]) -> Vec<f64> {
        let mut members: Vec<u32> = (0..clusters.len() as u32).collect();
        members.sort_by_key(|&row| clusters[row as usize]);
        let groups: Vec<&[u32]> = members
            .chunk_by(|&one, &other| clusters[one as usize] == clusters[other as usize])
            .filter(|group| group.len() > 1)
            .collect();
        let means = map_parts(self.options.threads, &groups, |groups| {
            let mut score = self.scorer(model);
            groups.iter().flat_map(|group| group_means(group, &mut score)).collect::<Vec<_>>()
        });
        let mut probabilities = vec![1.0; clusters.len()];
        means.into_iter().flatten().for_each(|(row, mean)| probabilities[row as usize] = mean);
        probabilities
    }
}

/// Most members whose pairs are all scored for the mean.
const MEAN_MEMBERS: usize = 256;

fn group_means(group: &[u32], score: &mut impl FnMut(u32, u32) -> Score) -> Vec<(u32, f64)> {
    let group = &group[..group.len().min(MEAN_MEMBERS)];
    let mut sums = vec![0u64; group.len()];
    for one in 0..group.len() {
        for other in one + 1..group.len() {
            let probability = u64::from(score(group[one], group[other]).probability);
            sums[one] += probability;
            sums[other] += probability;
        }
    }
    let others = (group.len() - 1) as f64;
    group.iter().zip(sums).map(|(&row, sum)| (row, sum as f64 / 65535.0 / others)).collect()
}

impl Outcome {
    /// Of a table of at most one row.
    fn alone(recognised: Vec<Recognised>, rows: usize) -> Self {
        let (generic_values, pairs) = Default::default();
        let (clusters, probabilities) = (vec![0; rows], vec![1.0; rows]);
        Self { recognised, generic_values, model: None, clusters, probabilities, pairs }
    }

    /// Numbers rows as they were given.
    fn new(
        order: &[u32],
        recognised: Vec<Recognised>,
        generic_values: Vec<(String, usize)>,
        model: Model,
        clusters: &[u32],
        probabilities: &[f64],
        pairs: &[Scored],
    ) -> Self {
        let mut given = Self {
            recognised,
            generic_values,
            model: Some(model),
            clusters: vec![0; order.len()],
            probabilities: vec![1.0; order.len()],
            pairs: Vec::with_capacity(pairs.len()),
        };
        for (row, &original) in order.iter().enumerate() {
            given.clusters[original as usize] = order[clusters[row] as usize];
            given.probabilities[original as usize] = probabilities[row];
        }
        given.pairs.extend(pairs.iter().map(|&(one, other, score)| {
            let (one, other) = (order[one as usize], order[other as usize]);
            Pair { one: one.min(other), other: one.max(other), score }
        }));
        given.pairs.sort_unstable_by_key(|pair| (pair.one, pair.other));
        given
    }
}
