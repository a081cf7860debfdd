//! A whole run: from a table to clusters, with what it took each column for.

use super::block::keys::Keys;
use super::block::rules::Rules;
use super::bounds::Bounds;
use super::cluster::{Cut, Node, NodeEdge, solve_all, units};
use super::columns::{prepare, prepare_as};
use super::compare::comparer::{Comparer, Fields};
use super::copies::{Copies, Twin, are_one, repeated};
use super::counting::grouped;
use super::field::Field;
use super::field::generic::{self, Limits};
use super::hash::FastMap;
use super::labels::{self, Label};
use super::model::{FieldModel, Model, Score, Scorer};
use super::role::{Recognised, Role, recognise};
use super::table::{MISSING, near};
use super::threads::{joined, map_parts};
use super::train::{Candidates, set_bands, train};
use super::{Error, Measure, Result, Table, block};

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
    /// Which pairs are looked at; none: as the model given has it, else as usual.
    pub rules: Option<Rules>,
    /// Whether records that say the same are looked at one by one: for those who
    /// want every pair of them.
    pub copies_apart: bool,
}

impl Options {
    /// The blocking rules that hold.
    pub(crate) fn rules(&self) -> Rules {
        let of_model = || self.model.as_ref().map(|model| model.rules.clone());
        self.rules.clone().or_else(of_model).unwrap_or_default()
    }
}

/// A scored pair of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    let mut ready = Ready::new(table, options)?;
    if ready.order.len() < 2 {
        return Ok(Outcome::alone(ready.found, ready.order.len()));
    }
    let copies = std::mem::take(&mut ready.copies);
    let counted = std::mem::take(&mut ready.counted).map(|model| Options { model: Some(model), ..options.clone() });
    let options = counted.as_ref().unwrap_or(options);
    let frozen = freeze(&mut ready.fields, &ready.limits, options.model.as_ref());
    ready.take_order(&near::order(&ready.fields));
    let Ready { order, found, generic_values, fields, records, .. } = ready;
    let mut fields = Fields::new(fields, records);
    let keys = Keys::new(&fields, options.threads);
    fields.forget_columns(|role| role != Role::UserId);
    let run = Run { fields, options };
    let twins = run.twins(&copies);
    let (model, pairs) = run.score(frozen, keys, &twins, &copies)?;
    let twins = run.scored_twins(&model, &twins);
    let (clusters, probabilities) = run.cluster(&model, &pairs, &twins);
    let mut outcome =
        Outcome::new(&order, copies.all.len(), found, generic_values, model, &clusters, &probabilities, &pairs);
    outcome.add_copies(&copies, &order, &twins, options.cut);
    Ok(outcome)
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
    /// Rows that others stand for, in none of the above.
    pub(crate) copies: Copies,
    /// The model given where it is of frequencies, which were counted in this table.
    counted: Option<Model>,
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
        let (generic_values, limits, copies, counted, fields) = Default::default();
        let records = table.records;
        let mut ready = Self { order, found, generic_values, fields, records, limits, copies, counted };
        if ready.order.len() < 2 {
            return Ok(ready);
        }
        if let Some(model) = &options.model {
            model.check()?;
        }
        let mut fields = match &options.model {
            Some(model) => prepare_as(&model.fields, table.columns, &mut ready.found, ready.order.len()),
            None => compared_as(prepare(table.columns, &mut ready.found, &options.comparisons), &options.comparisons)?,
        };
        if fields.is_empty() || !tells_a_person(&fields) {
            return Err(Error::NothingToCompare { columns });
        }
        ready.counted = options.model.as_ref().and_then(|model| model.counted(&fields));
        if !options.copies_apart {
            ready.copies = Copies::take_out(&mut fields, &mut ready.order, &mut ready.records);
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

    /// Takes the rows in another order.
    fn take_order(&mut self, rows: &[u32]) {
        self.order = rows.iter().map(|&row| self.order[row as usize]).collect();
        self.records = rows.iter().map(|&row| self.records[row as usize]).collect();
        for field in &mut self.fields {
            field.codes = rows.iter().map(|&row| field.codes[row as usize]).collect();
        }
    }
}

/// Compares the fields that are asked for as is asked.
///
/// # Errors
/// [`Error::NotCompared`] if one of them is no field.
fn compared_as(fields: Vec<Field>, comparisons: &[(String, Measure)]) -> Result<Vec<Field>> {
    let is_field = |column: &str| fields.iter().any(|field| field.name == column);
    if let Some((column, _)) = comparisons.iter().find(|(column, _)| !is_field(column)) {
        return Err(Error::NotCompared { column: column.clone() });
    }
    let compared = |field: Field| match comparisons.iter().find(|(name, _)| *name == field.name) {
        Some(&(_, measure)) => field.measured_by(measure),
        None => field,
    };
    Ok(fields.into_iter().map(compared).collect())
}

/// Some column must tell people apart; words such as an occupation do not, those of
/// which most rows have their own do: names of companies, titles.
fn tells_a_person(fields: &[Field]) -> bool {
    let weak = |role| matches!(role, Role::Region | Role::City | Role::Postcode | Role::SecondLine);
    fields.iter().filter(|field| !weak(field.role)).any(|field| {
        let filled = field.codes.iter().filter(|&&code| code != MISSING).count();
        filled > 0 && (field.role != Role::Text || field.values.len() * 2 >= field.codes.len())
    })
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
    fn score(
        &self,
        frozen: Vec<FieldModel>,
        keys: Keys,
        twins: &[(u32, Twin)],
        copies: &Copies,
    ) -> Result<(Model, Vec<Scored>)> {
        let given = self.options.model.as_ref().map(|model| &model.keys);
        let rules = self.options.rules();
        let (candidates, weights) = block::candidates(keys, &rules, &self.fields.records, given, self.options.threads);
        let mut model = if let Some(model) = &self.options.model {
            model.clone()
        } else {
            let candidates = Candidates { pairs: &candidates, twins };
            train(&self.fields, frozen, &weights, &candidates, self.options.threads)
        };
        model.rules = rules;
        if !self.options.labels.is_empty() {
            let mut weights: Vec<i32> =
                self.scored(&model, &candidates).iter().map(|(.., score)| score.weight).collect();
            let labels = standing(&self.options.labels, copies);
            model = labels::refine(model, &self.fields, &labels, &mut weights);
        }
        model.check()?;
        let scored = self.scored(&model, &candidates);
        Ok((model, scored))
    }

    /// The rows that stand for others and that the rules look at.
    fn twins(&self, copies: &Copies) -> Vec<(u32, Twin)> {
        if copies.all.is_empty() {
            return Vec::new();
        }
        let rules = self.options.rules();
        let twins =
            (0u32..).zip(&self.fields.records).filter_map(|(row, record)| Some((row, *copies.twins.get(record)?)));
        twins.filter(|&(row, twin)| twin.is_looked_at(&self.fields, row, &rules)).collect()
    }

    fn scored_twins(&self, model: &Model, twins: &[(u32, Twin)]) -> Twins {
        let (mut comparer, mut scorer) = (Comparer::new(&self.fields), Scorer::new(model));
        twins.iter().map(|&(row, twin)| (row, (twin, twin.score(&mut comparer, &mut scorer, row)))).collect()
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

    /// Returns each row's cluster, named by its row of the least hash, and its
    /// probability.
    fn cluster(&self, model: &Model, pairs: &[Scored], twins: &Twins) -> (Vec<u32>, Vec<f64>) {
        let (mut nodes, node_of) = self.nodes();
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
        let units = units(&nodes, &edges, &Bounds::REAL);
        for node in nodes.iter_mut().filter(|_| !twins.is_empty()) {
            let count = |row: &u32| twins.get(row).map_or(1, |(twin, score)| twin.counts(*score, self.options.cut));
            node.items = repeated(&node.items, count);
        }
        let merged = solve_all(&nodes, &units, self.options.cut, self.options.threads, || self.scorer(model));
        let mut cluster_of_node: Vec<u32> = (0..nodes.len() as u32).collect();
        for cluster in &merged {
            let least = cluster.iter().copied().min_by_key(|&node| nodes[node as usize].hash).unwrap_or_default();
            for &node in cluster {
                cluster_of_node[node as usize] = least;
            }
        }
        let clusters: Vec<u32> =
            node_of.iter().map(|&node| nodes[cluster_of_node[node as usize] as usize].items[0]).collect();
        let probabilities = self.probabilities(model, &clusters, twins);
        (clusters, probabilities)
    }

    fn scorer<'a>(&'a self, model: &'a Model) -> impl FnMut(u32, u32) -> Score + 'a {
        let (mut comparer, mut scorer) = (Comparer::new(&self.fields), Scorer::new(model));
        move |one, other| scorer.score(comparer.pattern(one.min(other), one.max(other)))
    }

    /// Contracts the records of one user id; returns nodes and that of each row.
    fn nodes(&self) -> (Vec<Node>, Vec<u32>) {
        let users = self.fields.all.iter().find(|field| field.role == Role::UserId).map(|field| &field.codes);
        let mut node_of_user: FastMap<u32, u32> = FastMap::default();
        let mut nodes: Vec<Node> = Vec::new();
        let node_of = (0..self.fields.records.len()).map(|row| {
            let user = users.map(|users| users[row]).filter(|&user| user != MISSING);
            let next = nodes.len() as u32;
            let node = user.map_or(next, |user| *node_of_user.entry(user).or_insert(next));
            if node == next {
                let limits = user.map(|user| (0, u64::from(user))).into_iter().collect();
                nodes.push(Node { items: Vec::with_capacity(1), hash: 0, limits });
            }
            nodes[node as usize].items.push(row as u32);
            node
        });
        let node_of = node_of.collect();
        for node in &mut nodes {
            node.items.sort_unstable_by_key(|&row| self.fields.records[row as usize]);
            node.items.truncate(Bounds::REAL.node);
            node.hash = self.fields.records[node.items[0] as usize];
        }
        (nodes, node_of)
    }

    /// Mean probability of a row's pairs within its cluster.
    fn probabilities(&self, model: &Model, clusters: &[u32], twins: &Twins) -> Vec<f64> {
        let mut members: Vec<u32> = (0..clusters.len() as u32).collect();
        members.sort_unstable_by_key(|&row| (clusters[row as usize], self.fields.records[row as usize]));
        let groups: Vec<&[u32]> = members
            .chunk_by(|&one, &other| clusters[one as usize] == clusters[other as usize])
            .filter(|group| group.len() > 1 || twins.contains_key(&group[0]))
            .collect();
        let means = map_parts(self.options.threads, &groups, |groups| {
            let mut score = self.scorer(model);
            groups.iter().flat_map(|group| group_means(group, twins, self.options.cut, &mut score)).collect::<Vec<_>>()
        });
        let mut probabilities = vec![1.0; clusters.len()];
        means.into_iter().flatten().for_each(|(row, mean)| probabilities[row as usize] = mean);
        probabilities
    }
}

/// Most members whose pairs are all scored for the mean.
const MEAN_MEMBERS: usize = 256;

/// Mean probability of each row of a group with the others, copies counted one by one.
fn group_means(group: &[u32], twins: &Twins, cut: Cut, score: &mut impl FnMut(u32, u32) -> Score) -> Vec<(u32, f64)> {
    let group = &group[..group.len().min(MEAN_MEMBERS)];
    let joined = |row: &u32| twins.get(row).filter(|(_, score)| are_one(*score, cut));
    let records: Vec<u64> =
        group.iter().map(|row| 1 + joined(row).map_or(0, |(twin, _)| u64::from(twin.copies))).collect();
    let mut sums: Vec<u64> = group
        .iter()
        .map(|row| joined(row).map_or(0, |(twin, score)| u64::from(twin.copies) * u64::from(score.probability)))
        .collect();
    for one in 0..group.len() {
        for other in one + 1..group.len() {
            let probability = u64::from(score(group[one], group[other]).probability);
            sums[one] += probability * records[other];
            sums[other] += probability * records[one];
        }
    }
    let others = records.iter().sum::<u64>() - 1;
    let mean = |sum: u64| if others == 0 { 1.0 } else { sum as f64 / 65535.0 / others as f64 };
    group.iter().zip(sums).map(|(&row, sum)| (row, mean(sum))).collect()
}

/// Labels, of the records that stand for those that were judged; records that say
/// the same teach nothing.
fn standing(labels: &[Label], copies: &Copies) -> Vec<Label> {
    let standing = copies.standing();
    let of = |record: u64| standing.get(&record).copied().unwrap_or(record);
    let judged = labels.iter().map(|label| Label { one: of(label.one), other: of(label.other), ..*label });
    judged.filter(|label| label.one != label.other).collect()
}

/// Rows that stand for copies, and what two of the copies are worth.
type Twins = FastMap<u32, (Twin, Score)>;

impl Outcome {
    /// Of a table of at most one row.
    fn alone(recognised: Vec<Recognised>, rows: usize) -> Self {
        let (generic_values, pairs) = Default::default();
        let (clusters, probabilities) = (vec![0; rows], vec![1.0; rows]);
        Self { recognised, generic_values, model: None, clusters, probabilities, pairs }
    }

    /// Puts each copy where what stands for it is, if two of them are one.
    fn add_copies(&mut self, copies: &Copies, rows: &[u32], twins: &Twins, cut: Cut) {
        let scores: FastMap<u32, Score> = twins.iter().map(|(&row, &(_, score))| (rows[row as usize], score)).collect();
        for copy in &copies.all {
            let (row, of_row) = (copy.row as usize, copy.of_row as usize);
            self.clusters[row] = copy.row;
            let Some(&score) = scores.get(&copy.of_row) else { continue };
            if are_one(score, cut) {
                self.clusters[row] = self.clusters[of_row];
                self.probabilities[row] = self.probabilities[of_row];
            }
            self.pairs.push(Pair { one: copy.row.min(copy.of_row), other: copy.row.max(copy.of_row), score });
        }
        if !copies.all.is_empty() {
            self.pairs.sort_unstable_by_key(|pair| (pair.one, pair.other));
        }
    }

    /// Numbers rows as they were given, those left out by themselves.
    #[allow(clippy::too_many_arguments, reason = "each is a part of what is made")]
    fn new(
        order: &[u32],
        left_out: usize,
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
            clusters: vec![0; order.len() + left_out],
            probabilities: vec![1.0; order.len() + left_out],
            pairs: Vec::new(),
        };
        for (row, &original) in order.iter().enumerate() {
            given.clusters[original as usize] = order[clusters[row] as usize];
            given.probabilities[original as usize] = probabilities[row];
        }
        let renamed = pairs.iter().map(|&(one, other, score)| {
            let (one, other) = (order[one as usize], order[other as usize]);
            (one.min(other), Pair { one: one.min(other), other: one.max(other), score })
        });
        let (mut pairs, places) = grouped(order.len() + left_out, renamed);
        for ends in places.windows(2) {
            pairs[ends[0] as usize..ends[1] as usize].sort_unstable_by_key(|pair| pair.other);
        }
        given.pairs = pairs;
        given
    }
}
