//! Random histories of changes against the definition, worked out plainly from
//! all that is live; and wrong shortcuts, each of which must be caught.

use super::super::block::block_keys;
use super::super::columns::prepare_as;
use super::super::hash::{mix, pair};
use super::super::model::{Class, FieldModel, radix};
use super::super::normalise::DayOrder;
use super::super::role::{Recognised, Role};
use super::super::{Column, MODEL_VERSION, Measure, Rules, Verdict};
use super::*;
use crate::matching::block::keys::{Keys, shared};
use crate::matching::compare::comparer::{Comparer, Fields};
use crate::matching::field::generic::{Limits, signature};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _};
use std::collections::BTreeSet;

const BOUNDS: Bounds = Bounds { open: 4, partners: 3, unit: 7, node: 3, ladder: &[0, 2, 4, 6] };
const FIELDS: [Role; 5] = [Role::GivenName, Role::FamilyName, Role::BirthDate, Role::Email, Role::Phone];
const HISTORIES: u64 = 2000;

fn model() -> Model {
    let measures = [Measure::Given, Measure::Family, Measure::Date, Measure::Email, Measure::Digits];
    let limits = |role| match role {
        Role::Email => Limits { carriers: Some(5), signatures: Some(3) },
        Role::Phone => Limits { carriers: None, signatures: Some(2) },
        Role::BirthDate => Limits { carriers: Some(7), signatures: None },
        _ => Limits::default(),
    };
    let field = |(role, measure): (Role, Measure)| FieldModel {
        day_order: Some(DayOrder::DayFirst),
        generic: limits(role),
        ..FieldModel::new(format!("{role:?}"), role, measure)
    };
    let class = |name: &str, pairs: f64, slope: f64| {
        let levels = |measure: &Measure| {
            let raw: Vec<f64> = (1..radix(*measure)).map(|level| (slope * level as f64).exp()).collect();
            let sum: f64 = raw.iter().sum();
            std::iter::once(1.0).chain(raw.iter().map(|share| share / sum)).collect()
        };
        Class { name: name.into(), pairs, probabilities: measures.iter().map(levels).collect() }
    };
    let keys = r#"{"light":[9,4,3,4,11,6,5,12,9,10,7,6,4,5,8,6],"heavy":[]}"#;
    Model {
        version: MODEL_VERSION,
        records: 100,
        fields: FIELDS.into_iter().zip(measures).map(field).collect(),
        bundles: (0..5).map(|field| vec![field]).collect(),
        classes: vec![class("match", 1.0, 0.8), class("chance", 9.0, -0.35)],
        keys: serde_json::from_str(keys).unwrap(),
        rules: Rules::default(),
        refinement: None,
    }
}

/// What the partition is a function of.
#[derive(Clone, Default)]
struct Live {
    items: BTreeMap<u64, Item>,
    decisions: BTreeMap<u64, Decision>,
}

impl Live {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Put(item) => drop(self.items.insert(item.id, item.clone())),
            Change::Remove(id) => drop(self.items.remove(id)),
            Change::Decide(decision) => drop(self.decisions.insert(decision.id, decision.clone())),
            Change::Undo(id) => drop(self.decisions.remove(id)),
        }
    }

    /// The latest decision on a pair, of those that `of` picks.
    fn latest(&self, of: impl Fn(&Verdict) -> bool) -> Option<(i64, u64)> {
        self.decisions.values().filter(|decision| of(&decision.verdict)).map(|found| (found.time, found.id)).max()
    }

    fn never(&self, a: u64, b: u64) -> Option<(i64, u64)> {
        self.latest(|verdict| match verdict {
            Verdict::Never { one, other } => {
                (one.contains(&a) && other.contains(&b)) || (one.contains(&b) && other.contains(&a))
            }
            _ => false,
        })
    }

    fn assert(&self, a: u64, b: u64) -> Option<(i64, u64)> {
        self.latest(|verdict| {
            matches!(verdict, Verdict::Assert { one, other } if (*one, *other) == (a, b) || (*one, *other) == (b, a))
        })
    }

    fn apart(&self, a: u64, b: u64) -> bool {
        self.never(a, b) > self.assert(a, b)
    }

    /// Cells as received, less what is detached; then less what is generic.
    fn cells(&self, model: &Model) -> Vec<Vec<Vec<String>>> {
        let decided = |id: u64, place: usize, text: &String| {
            self.decisions.values().any(|decision| match &decision.verdict {
                Verdict::Detach { item, field, value } => *item == id && *field == place && value == text,
                Verdict::Generic { field, value } => *field == place && value == text,
                _ => false,
            })
        };
        let mut cells: Vec<Vec<Vec<String>>> = Vec::new();
        for item in self.items.values() {
            let cell = |(place, text): (usize, &Option<String>)| {
                let values: BTreeSet<String> =
                    text.iter().flat_map(|text| text.split('\u{1f}')).map(str::to_owned).collect();
                values.into_iter().filter(|value| !decided(item.id, place, value)).collect::<Vec<_>>()
            };
            cells.push(item.values.iter().enumerate().map(cell).collect());
        }
        let sign = |row: &Vec<Vec<String>>| {
            signature(row[0].first().map(String::as_str), row[1].first().map(String::as_str), None)
        };
        let signs: Vec<u32> = cells.iter().map(sign).collect();
        let received = cells.clone();
        for (place, field) in model.fields.iter().enumerate() {
            let generic = |value: &String| {
                let carriers: Vec<usize> =
                    (0..signs.len()).filter(|&row| received[row][place].contains(value)).collect();
                let different: BTreeSet<u32> = carriers.iter().map(|&row| signs[row]).collect();
                field.generic.carriers.is_some_and(|most| carriers.len() > most as usize)
                    || field.generic.signatures.is_some_and(|most| different.len() > most as usize)
            };
            for row in &mut cells {
                row[place].retain(|value| !generic(value));
            }
        }
        cells
    }

    fn clusters(&self, model: &Model) -> Vec<Vec<u64>> {
        let ids: Vec<u64> = self.items.keys().copied().collect();
        let cells = self.cells(model);
        let text = |place: usize| cells.iter().map(move |row| row[place].join("\u{1f}")).collect::<Vec<_>>();
        let columns: Vec<Column> = (0..5)
            .map(|place| Column::from_texts(&model.fields[place].name, text(place).iter().map(String::as_str)))
            .collect();
        let mut found: Vec<Recognised> =
            columns.iter().zip(FIELDS).map(|(column, role)| Recognised { column: column.name.clone(), role }).collect();
        let mut prepared = prepare_as(&model.fields, columns, &mut found, ids.len());
        for field in &mut prepared {
            field.retain(|_| true);
        }
        let fields = Fields::new(prepared, ids.clone());
        let (mut comparer, mut scorer) = (Comparer::new(&fields), Scorer::new(model));
        let rows = 0..ids.len() as u32;
        let mut score = |one: u32, other: u32| scorer.score(comparer.pattern(one, other));
        let all: Vec<Vec<Score>> =
            rows.clone().map(|one| rows.clone().map(|other| score(one, other)).collect()).collect();
        let edges = Self::edges(&ids, &fields, model, &all);
        let groups = self.groups(&ids);
        let mut clusters: Vec<Vec<u64>> = Vec::new();
        let mut done: BTreeSet<usize> = BTreeSet::new();
        for group in 0..groups.len() {
            if done.contains(&group) {
                continue;
            }
            let unit = unit(&groups, &edges, group);
            done.extend(&unit);
            let members: Vec<Vec<usize>> = unit.iter().map(|&group| groups[group].clone()).collect();
            let solved = self.solve(&ids, members, &all);
            clusters.extend(solved.iter().map(|cluster| cluster.iter().map(|&row| ids[row]).collect()));
        }
        for cluster in &mut clusters {
            cluster.sort_unstable();
        }
        clusters.sort();
        clusters
    }

    fn edges(ids: &[u64], fields: &Fields, model: &Model, scores: &[Vec<Score>]) -> Vec<(usize, usize, i32)> {
        let mut keys = Keys::new(fields, 1);
        keys.weigh(&model.keys);
        let mut carriers: BTreeMap<(usize, u64), BTreeSet<usize>> = BTreeMap::new();
        for row in 0..ids.len() {
            for (place, rule) in model.rules.all().iter().enumerate() {
                block_keys(keys.of(row), *rule, |key| {
                    carriers.entry((place, key)).or_default().insert(row);
                });
            }
        }
        let eligible = |one: usize, other: usize| {
            carriers.values().any(|rows| rows.len() <= BOUNDS.open && rows.contains(&one) && rows.contains(&other))
        };
        let top = |row: usize| {
            let mut partners: Vec<usize> =
                (0..ids.len()).filter(|&other| other != row && eligible(row, other)).collect();
            partners.sort_by_key(|&other| {
                (std::cmp::Reverse(shared(keys.of(row), keys.of(other))), pair(ids[row], ids[other]))
            });
            partners.truncate(BOUNDS.partners);
            partners
        };
        let tops: Vec<Vec<usize>> = (0..ids.len()).map(top).collect();
        let edge = |(one, other): (usize, usize)| (one, other, scores[one][other].weight);
        let is_edge = |(one, other, weight): &(usize, usize, i32)| {
            (tops[*one].contains(other) || tops[*other].contains(one)) && *weight >= 0
        };
        pairs(ids.len()).map(edge).filter(is_edge).collect()
    }

    /// Items by node, and nodes as far as they are asserted to be one.
    fn groups(&self, ids: &[u64]) -> Vec<Vec<usize>> {
        let mut by_node: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (row, id) in ids.iter().enumerate() {
            by_node.entry(self.items[id].node).or_default().push(row);
        }
        let mut groups: Vec<Vec<usize>> = by_node.into_values().collect();
        let mut asserts: Vec<_> = self
            .decisions
            .values()
            .filter_map(|decision| match decision.verdict {
                Verdict::Assert { one, other } => Some(((decision.time, decision.id), one, other)),
                _ => None,
            })
            .filter(|&(_, one, other)| !self.apart(one, other))
            .collect();
        asserts.sort_unstable();
        for (_, one, other) in asserts.into_iter().rev() {
            let find = |id: u64| groups.iter().position(|group| group.iter().any(|&row| ids[row] == id));
            let (Some(one), Some(other)) = (find(one), find(other)) else { continue };
            let apart = groups[one].iter().any(|&a| groups[other].iter().any(|&b| self.apart(ids[a], ids[b])));
            if one != other && !apart {
                let moved = groups[other].clone();
                groups[one].extend(moved);
                groups.remove(other);
            }
        }
        for group in &mut groups {
            group.sort_unstable();
        }
        groups
    }

    /// Greedy average linkage, by the definition at every step.
    fn solve(&self, ids: &[u64], mut clusters: Vec<Vec<usize>>, scores: &[Vec<Score>]) -> Vec<Vec<usize>> {
        let speakers: Vec<Vec<usize>> =
            clusters.iter().map(|group| group[..group.len().min(BOUNDS.node)].to_vec()).collect();
        let speak = |cluster: &[usize]| -> Vec<usize> {
            cluster.iter().copied().filter(|row| speakers.iter().any(|rows| rows.contains(row))).collect()
        };
        let cut = u128::from(u16::try_from((0.4f64 * 65535.0).round() as u32).unwrap());
        loop {
            let mut best: Option<Merge> = None;
            for (one, other) in pairs(clusters.len()) {
                let (a, b) = (speak(&clusters[one]), speak(&clusters[other]));
                let pairs = a.iter().flat_map(|&a| b.iter().map(move |&b| scores[a][b]));
                let telling: Vec<u128> =
                    pairs.filter(|score| score.telling).map(|score| u128::from(score.probability)).collect();
                let (sum, count) = (telling.iter().sum::<u128>(), telling.len() as u128);
                let names = (ids[a[0]].min(ids[b[0]]), ids[a[0]].max(ids[b[0]]));
                let better = best.is_none_or(|(best_sum, best_count, best_names, ..)| {
                    (sum * best_count).cmp(&(best_sum * count)).then(best_names.cmp(&names)).is_gt()
                });
                if count > 0 && sum >= cut * count && better && self.may_merge(ids, &clusters[one], &clusters[other]) {
                    best = Some((sum, count, names, one, other));
                }
            }
            let Some((.., one, other)) = best else { return clusters };
            let moved = clusters.remove(other);
            clusters[one].extend(moved);
            clusters[one].sort_unstable();
        }
    }

    fn may_merge(&self, ids: &[u64], one: &[usize], other: &[usize]) -> bool {
        let limits = |rows: &[usize], kind: u64| -> BTreeSet<u64> {
            let all = rows.iter().flat_map(|&row| self.items[&ids[row]].limits.clone());
            all.filter(|limit| limit.0 == kind).map(|limit| limit.1).collect()
        };
        let conflict = (0..3).any(|kind| {
            let (a, b) = (limits(one, kind), limits(other, kind));
            !a.is_empty() && !b.is_empty() && a.is_disjoint(&b)
        });
        !conflict && !one.iter().any(|&a| other.iter().any(|&b| self.apart(ids[a], ids[b])))
    }
}

/// Sum and number of pairs, names of the clusters, places of the clusters.
type Merge = (u128, u128, (u64, u64), usize, usize);

fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |one| (one + 1..count).map(move |other| (one, other)))
}

/// The groups of a unit, by breadth-first search at each step.
fn unit(groups: &[Vec<usize>], edges: &[(usize, usize, i32)], group: usize) -> Vec<usize> {
    for step in BOUNDS.ladder {
        let mut reached = vec![group];
        let mut place = 0;
        while place < reached.len() {
            let rows = &groups[reached[place]];
            let linked = |other: &Vec<usize>| {
                edges.iter().any(|(a, b, weight)| {
                    *weight >= step * 256
                        && ((rows.contains(a) && other.contains(b)) || (rows.contains(b) && other.contains(a)))
                })
            };
            let found: Vec<usize> =
                (0..groups.len()).filter(|other| !reached.contains(other) && linked(&groups[*other])).collect();
            reached.extend(found);
            place += 1;
        }
        if reached.iter().map(|&group| groups[group].len().min(BOUNDS.node)).sum::<usize>() <= BOUNDS.unit {
            return reached;
        }
    }
    vec![group]
}

/// Makes up changes: few people, many slips.
struct Author {
    random: SmallRng,
    decisions: u64,
}

const GIVEN: [&str; 6] = ["anna", "hanna", "robert", "bob", "maria", "mary"];
const FAMILY: [&str; 5] = ["smith", "smyth", "jones", "johnson", "lee"];
const ITEMS: u64 = 22;

impl Author {
    fn new(seed: u64) -> Self {
        Self { random: SmallRng::seed_from_u64(seed), decisions: 0 }
    }

    fn id(&mut self) -> u64 {
        mix(self.random.random_range(0..ITEMS)) | 1
    }

    /// A value of person `person`, or of another.
    fn value(&mut self, place: usize, person: u64) -> String {
        let person = if self.random.random_bool(0.15) { self.random.random_range(0..6) } else { person } as usize;
        match place {
            0 => GIVEN[person % 6].into(),
            1 => FAMILY[person % 5].into(),
            2 => format!("19{}0{}1{}", 60 + person % 3, 1 + person % 4, self.random.random_range(0..3)),
            3 => format!("{}{}@x{}.org", GIVEN[person % 6], person % 2, person % 3),
            _ => format!("55512{}00{}", person % 4, self.random.random_range(0..2)),
        }
    }

    fn item(&mut self) -> Item {
        let person = self.random.random_range(0..6);
        let mut values = Vec::new();
        for place in 0..5 {
            let times = if place >= 3 && self.random.random_bool(0.2) { 2 } else { 1 };
            let cell: Vec<String> = (0..times).map(|_| self.value(place, person)).collect();
            values.push(self.random.random_bool(0.8).then(|| cell.join("\u{1f}")));
        }
        let id = self.id();
        let node = if self.random.random_bool(0.2) { self.random.random_range(1..4) } else { id };
        let mut limits = Vec::new();
        if self.random.random_bool(0.25) {
            limits.push((self.random.random_range(0..2), self.random.random_range(0..3)));
        }
        Item { id, values, node, limits }
    }

    fn verdict(&mut self) -> Verdict {
        let place = self.random.random_range(0..5);
        let person = self.random.random_range(0..6);
        match self.random.random_range(0..8) {
            0..2 => {
                let (ones, others) = (self.random.random_range(1..4), self.random.random_range(1..4));
                let one: Vec<u64> = (0..ones).map(|_| self.id()).collect();
                let other: Vec<u64> = (0..others).map(|_| self.id()).filter(|item| !one.contains(item)).collect();
                Verdict::Never { one, other }
            }
            2..5 => Verdict::Assert { one: self.id(), other: self.id() },
            5..7 => Verdict::Detach { item: self.id(), field: place, value: self.value(place, person) },
            _ => Verdict::Generic { field: place, value: self.value(place, person) },
        }
    }

    fn change(&mut self, live: &Live) -> Change {
        let ids: Vec<u64> = live.items.keys().copied().collect();
        match self.random.random_range(0..100) {
            0..55 => Change::Put(self.item()),
            55..65 if !ids.is_empty() => {
                let mut item = live.items[ids.choose(&mut self.random).unwrap()].clone();
                let place = self.random.random_range(0..5);
                item.values[place] = Some(self.value(place, 0));
                Change::Put(item)
            }
            65..80 => Change::Remove(ids.choose(&mut self.random).copied().unwrap_or(1)),
            80..93 => {
                self.decisions += 1;
                let time = self.random.random_range(0..4);
                Change::Decide(Decision { id: self.decisions, time, verdict: self.verdict() })
            }
            _ => Change::Undo(self.random.random_range(0..=self.decisions)),
        }
    }
}

fn engine(model: &Arc<Model>, mutant: Option<Mutant>) -> Engine {
    let mut engine = Engine::with_bounds(Arc::clone(model), Cut::default(), BOUNDS);
    (engine.mutant, engine.partners.mutant) = (mutant, mutant);
    engine
}

/// Plays a history; says where the engine first left the definition.
fn play(model: &Arc<Model>, seed: u64, mutant: Option<Mutant>) -> std::result::Result<usize, String> {
    let (mut author, mut live, mut engine) = (Author::new(seed), Live::default(), engine(model, mutant));
    let mut followed: BTreeSet<Vec<u64>> = BTreeSet::new();
    let mut largest = 0;
    for step in 0..25 {
        let size = if author.random.random_bool(0.1) { 12 } else { author.random.random_range(1..4) };
        let changes: Vec<Change> = (0..size)
            .map(|_| {
                let change = author.change(&live);
                live.apply(&change);
                change
            })
            .collect();
        let regrouped = engine.apply(&changes);
        for cluster in &regrouped.before {
            if !followed.remove(cluster) {
                return Err(format!("seed {seed} step {step}: {cluster:?} was no cluster"));
            }
        }
        followed.extend(regrouped.after);
        if !followed.iter().eq(&engine.clusters()) {
            return Err(format!("seed {seed} step {step}: what was told is not what is"));
        }
        if step % 5 == 4 {
            let wanted = live.clusters(model);
            if wanted != engine.clusters() {
                return Err(format!("seed {seed} step {step}: {wanted:?} wanted, {:?} found", engine.clusters()));
            }
            largest = largest.max(wanted.iter().map(Vec::len).max().unwrap_or_default());
        }
    }
    let mut fresh = self::engine(model, None);
    fresh.load(live.items.into_values().collect(), live.decisions.into_values().collect(), 2);
    if fresh.clusters() != engine.clusters() || !fresh.review().eq(engine.review()) {
        return Err(format!("seed {seed}: loading comes to something else"));
    }
    Ok(largest)
}

#[test]
fn every_history_comes_to_what_the_definition_says() {
    let model = Arc::new(model());
    let halves: Vec<Vec<usize>> = std::thread::scope(|scope| {
        let play = |half: u64| {
            let model = &model;
            move || (0..HISTORIES / 2).map(|seed| play(model, 2 * seed + half, None).unwrap()).collect()
        };
        let running: Vec<_> = (0..2).map(|half| scope.spawn(play(half))).collect();
        running.into_iter().map(|half| half.join().unwrap()).collect()
    });
    let largest = halves.concat();
    assert!(largest.iter().filter(|&&largest| largest >= 4).count() > 200, "histories too dull");
}

#[test]
fn histories_by_other_rules_come_to_what_these_say() {
    let usual = model();
    let keys = [vec!["family_name"], vec!["birth_date.year", "email.local"], vec!["given_name.start", "phone"]];
    let other = Model { rules: Rules::new(&keys).unwrap(), ..usual.clone() };
    let mut differ = false;
    for seed in 0..HISTORIES / 8 {
        play(&Arc::new(other.clone()), seed, None).unwrap();
        let mut author = Author::new(seed);
        let mut live = Live::default();
        (0..16).for_each(|_| live.apply(&Change::Put(author.item())));
        differ |= live.clusters(&other) != live.clusters(&usual);
    }
    assert!(differ, "the rules change nothing");
}

#[test]
fn every_wrong_shortcut_is_caught() {
    use Mutant::{FirstComeTies, ForgetsBlocks, KeepsEdges, RanksByLiveCounts, SolvesNewUnitsOnly};
    let model = Arc::new(model());
    for mutant in [ForgetsBlocks, RanksByLiveCounts, SolvesNewUnitsOnly, KeepsEdges, FirstComeTies] {
        let caught = (0..HISTORIES).find(|&seed| play(&model, seed, Some(mutant)).is_err());
        assert!(caught.is_some(), "{mutant:?} was not caught");
    }
}

#[test]
fn taking_back_a_decision_restores_everything() {
    let model = Arc::new(model());
    for seed in 0..150 {
        let (mut author, mut live, mut engine) = (Author::new(seed), Live::default(), engine(&model, None));
        let put: Vec<Change> = (0..16).map(|_| Change::Put(author.item())).collect();
        for change in &put {
            live.apply(change);
        }
        engine.apply(&put);
        for id in 1000..1006 {
            let (clusters, review) = (engine.clusters(), engine.review().collect::<Vec<_>>());
            let items: Vec<_> = live.items.keys().map(|&item| engine.item(item)).collect();
            let decision = Decision { id, time: 0, verdict: author.verdict() };
            let done = engine.apply(&[Change::Decide(decision)]);
            let undone = engine.apply(&[Change::Undo(id)]);
            assert_eq!((&done.before, &done.after), (&undone.after, &undone.before), "seed {seed}");
            assert_eq!((clusters, review), (engine.clusters(), engine.review().collect()), "seed {seed}");
            assert_eq!(items, live.items.keys().map(|&item| engine.item(item)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn searching_finds_and_leaves_no_trace() {
    let model = Arc::new(model());
    let (mut author, mut engine) = (Author::new(5), engine(&model, None));
    let items: Vec<Item> = (0..12).map(|_| author.item()).collect();
    engine.apply(&items.iter().cloned().map(Change::Put).collect::<Vec<_>>());
    let (clusters, stats) = (engine.clusters(), engine.stats());
    let last = items.last().unwrap();
    let found = engine.search(&last.values);
    assert_eq!(found.iter().map(|(_, score)| score.weight).max(), found.first().map(|(_, score)| score.weight));
    assert!(!found.is_empty());
    let score = engine.score(found[0].0, last.id);
    assert!(found[0].0 == last.id || score == Some(found[0].1));
    engine.apply(&[]);
    assert_eq!((clusters, stats.items, stats.keys), (engine.clusters(), engine.stats().items, engine.stats().keys));
}
