//! Streaming and batch with one model: in any order, any batches and any mix,
//! with items that go and come again, the clusters are the same; and the work
//! of a change does not grow with the number of items.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    reason = "tests; counts of rows are small"
)]

mod shared;

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _, seq::SliceRandom as _};
use shared::Rows;
use std::sync::Arc;
use tributary_resolve::matching::{
    Change, Cut, Decision, Engine, Item, Model, Options, Rules, Verdict, differing_pairs, record_hash, run,
};

const HEADER: [&str; 8] = ["first_name", "last_name", "dob", "email", "phone", "street", "city", "zip"];

/// Invents people in households, a third of them written down more than once
/// and seldom twice alike.
fn people(rows: usize, seed: u64) -> Rows {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut word =
        |length: usize| (0..length).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect::<String>();
    let pool = |count: usize, length: usize, word: &mut dyn FnMut(usize) -> String| -> Vec<String> {
        (0..count).map(|_| word(length)).collect()
    };
    let given = pool(120, 6, &mut word);
    let family = pool(400, 7, &mut word);
    let cities = pool(90, 8, &mut word);
    let mut all = Vec::with_capacity(rows);
    while all.len() < rows {
        let home = random.random_range(0..9000);
        let (surname, city) = (family.choose(&mut random).unwrap().clone(), &cities[home % cities.len()]);
        let (street, landline) = (format!("{} {} st", home % 90, given[home % 120]), format!("555{home:07}"));
        for _ in 0..random.random_range(1..4) {
            let name = given.choose(&mut random).unwrap();
            let number = random.random_range(0..10_000_000);
            let phone = if random.random_bool(0.3) { landline.clone() } else { format!("444{number:07}") };
            let (year, month, day) =
                (random.random_range(1940..2005), random.random_range(1..13), random.random_range(1..29));
            let person = [
                name.clone(),
                surname.clone(),
                format!("{year}-{month:02}-{day:02}"),
                format!("{name}{number}@mail.org"),
                phone,
                street.clone(),
                city.clone(),
                format!("{:05}", 10_000 + home % 700),
            ];
            let times = if random.random_bool(0.35) { random.random_range(2..5) } else { 1 };
            all.extend((0..times).map(|time| noisy(&person, time, &mut random)));
        }
    }
    all.truncate(rows);
    Rows::new(&HEADER, all)
}

/// A later record of a person: values missing, mistyped, or new.
fn noisy(person: &[String; 8], time: usize, random: &mut SmallRng) -> Vec<String> {
    let mut row = person.to_vec();
    for (place, value) in row.iter_mut().enumerate().filter(|_| time > 0) {
        match random.random_range(0..20) {
            0..3 if place > 1 => value.clear(),
            3 if value.len() > 3 => {
                let at = random.random_range(1..value.len() - 1);
                value.remove(at);
            }
            4 if place >= 3 => *value = format!("{}{}", random.random_range(1..9), value),
            _ => {}
        }
    }
    row
}

/// A model trained on rows, their items, and the clusters of a run.
struct Set {
    model: Arc<Model>,
    items: Vec<Item>,
    clusters: Vec<Vec<u64>>,
}

impl Set {
    fn new(rows: &Rows, hidden: &[&str]) -> Self {
        Self::by_rules(rows, hidden, None)
    }

    fn by_rules(rows: &Rows, hidden: &[&str], rules: Option<Rules>) -> Self {
        let table = rows.table(hidden);
        let records = table.records.clone();
        let trained = run(table.clone(), &Options { threads: 2, rules, ..Options::default() }).unwrap();
        let model = Arc::new(trained.model.unwrap());
        let options = Options { model: Some(Model::clone(&model)), threads: 2, ..Options::default() };
        let outcome = run(table, &options).unwrap();
        let columns: Vec<Vec<&str>> = model.fields.iter().map(|field| rows.column(&field.name)).collect();
        let item = |(row, &id): (usize, &u64)| Item {
            id,
            values: columns.iter().map(|column| Some(column[row].to_owned())).collect(),
            node: id,
            limits: Vec::new(),
        };
        Self { items: records.iter().enumerate().map(item).collect(), model, clusters: outcome.groups(&records) }
    }

    fn engine(&self) -> Engine {
        Engine::new(Arc::clone(&self.model), Cut::default()).unwrap()
    }

    /// Loads a part, streams the others, lets some go and come again.
    fn streamed(&self, seed: u64, loaded: f64) -> Engine {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut items = self.items.clone();
        items.shuffle(&mut random);
        let rest = items.split_off((items.len() as f64 * loaded) as usize);
        let mut engine = self.engine();
        engine.load(items.clone(), Vec::new(), 1 + seed as usize % 2);
        let mut changes: Vec<Change> = rest.into_iter().map(Change::Put).collect();
        for item in items.choose_multiple(&mut random, items.len() / 20) {
            let place = random.random_range(0..=changes.len());
            changes.insert(place, Change::Remove(item.id));
            let mut other = item.clone();
            other.values[0] = Some("someone else".into());
            let back = random.random_range(place..changes.len()) + 1;
            changes.insert(back, Change::Put(other));
            changes.push(Change::Put(item.clone()));
        }
        let mut left = changes.as_slice();
        while !left.is_empty() {
            let (batch, others) = left.split_at(random.random_range(1..=left.len().min(40)));
            engine.apply(batch);
            left = others;
        }
        engine
    }
}

#[test]
fn streaming_and_batch_give_the_same_clusters() {
    let set = Set::new(&people(6000, 1), &[]);
    assert!(set.clusters.iter().filter(|cluster| cluster.len() > 1).count() > 500);
    for (seed, loaded) in [(1, 1.0), (2, 0.0), (3, 0.5), (4, 0.9)] {
        let engine = set.streamed(seed, loaded);
        assert_eq!(differing_pairs(&engine.clusters(), &set.clusters), 0, "seed {seed}");
    }
}

#[test]
fn streaming_looks_at_the_pairs_of_the_models_own_rules() {
    let rows = people(3000, 5);
    let keys = [vec!["phone"], vec!["family_name", "birth_date.year"]];
    let (set, usual) = (Set::by_rules(&rows, &[], Some(Rules::new(&keys).unwrap())), Set::new(&rows, &[]));
    assert_ne!(set.clusters, usual.clusters);
    assert!(set.clusters.iter().filter(|cluster| cluster.len() > 1).count() > 200);
    let again = Model::from_json(&set.model.to_json().unwrap()).unwrap();
    assert_eq!(again, *set.model);
    for (seed, loaded) in [(1, 1.0), (2, 0.0), (3, 0.5)] {
        assert_eq!(differing_pairs(&set.streamed(seed, loaded).clusters(), &set.clusters), 0, "seed {seed}");
    }
}

#[test]
fn known_sets_are_the_same_streamed() {
    for (file, hidden) in [("fake_1000.csv", &["unique_id", "cluster"][..]), ("febrl3.csv", &["rec_id"])] {
        let set = Set::new(&Rows::read(file), hidden);
        let engine = set.streamed(7, 0.3);
        assert_eq!(differing_pairs(&engine.clusters(), &set.clusters), 0, "{file}");
    }
}

#[test]
fn work_grows_with_what_changes_not_with_what_is_held() {
    let work = |rows: usize| {
        let set = Set::new(&people(rows, 2), &[]);
        let mut engine = set.engine();
        let (first, rest) = set.items.split_at(rows - 400);
        engine.load(first.to_vec(), Vec::new(), 2);
        let before = engine.stats().work;
        for item in rest {
            engine.apply(&[Change::Put(item.clone())]);
        }
        let after = engine.stats().work;
        [after.pairs - before.pairs, after.lists - before.lists, after.unit_items - before.unit_items]
    };
    let (small, large) = (work(2000), work(12_000));
    for (small, large) in small.into_iter().zip(large) {
        assert!(large < 2 * small + 4000, "{small} with few items held, {large} with many");
    }
}

#[test]
fn deleting_detaching_and_generic_equal_never_having_seen_it() {
    let set = Set::new(&people(1500, 3), &[]);
    let phone = set.model.fields.iter().position(|field| field.name == "phone").unwrap();
    let loaded = |items: Vec<Item>| {
        let mut engine = set.engine();
        engine.load(items, Vec::new(), 1);
        engine.clusters()
    };
    let mut engine = set.engine();
    engine.load(set.items.clone(), Vec::new(), 1);
    let full = engine.clusters();
    let item = set.items.iter().find(|item| engine.cluster_of(item.id).len() > 2).unwrap().clone();
    let value = item.values[phone].clone().unwrap();
    let without = |only: Option<u64>| {
        let mut items = set.items.clone();
        let touched = items.iter_mut().filter(|other| only.is_none_or(|only| only == other.id));
        touched.filter(|other| other.values[phone] == Some(value.clone())).for_each(|other| other.values[phone] = None);
        loaded(items)
    };
    engine.apply(&[Change::Remove(item.id)]);
    let others = set.items.iter().filter(|other| other.id != item.id).cloned().collect();
    assert_eq!(engine.clusters(), loaded(others));
    engine.apply(&[Change::Put(item.clone())]);
    assert_eq!(engine.clusters(), full);
    for (only, verdict) in [
        (Some(item.id), Verdict::Detach { item: item.id, field: phone, value: value.clone() }),
        (None, Verdict::Generic { field: phone, value: value.clone() }),
    ] {
        engine.apply(&[Change::Decide(Decision { id: 1, time: 0, verdict })]);
        assert_eq!(engine.clusters(), without(only));
        engine.apply(&[Change::Undo(1)]);
        assert_eq!(engine.clusters(), full);
    }
}

#[test]
fn what_is_kept_apart_is_apart_and_what_is_asserted_is_together() {
    let set = Set::new(&people(1500, 4), &[]);
    let mut engine = set.engine();
    engine.load(set.items.clone(), Vec::new(), 1);
    let full = engine.clusters();
    let cluster = full.iter().find(|cluster| cluster.len() > 2).unwrap().clone();
    let (one, other) = (vec![cluster[0]], cluster[1..].to_vec());
    let split = Verdict::Never { one, other };
    let regrouped = engine.apply(&[Change::Decide(Decision { id: 1, time: 0, verdict: split })]);
    assert_eq!(regrouped.before, std::slice::from_ref(&cluster));
    assert!(!engine.cluster_of(cluster[0]).contains(&cluster[1]));
    let stranger = full.iter().rfind(|other| other.len() == 1).unwrap()[0];
    let assert = Verdict::Assert { one: cluster[0], other: stranger };
    engine.apply(&[Change::Decide(Decision { id: 2, time: 0, verdict: assert })]);
    assert!(engine.cluster_of(stranger).contains(&cluster[0]));
    engine.apply(&[Change::Undo(1), Change::Undo(2)]);
    assert_eq!(engine.clusters(), full);
    assert_eq!(engine.cluster_of(record_hash("nobody")), Vec::<u64>::new());
}

/// Copies of a part of the rows, some of them many, with keys of their own.
fn with_copies(rows: &Rows, seed: u64) -> Rows {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut all = rows.rows.clone();
    for row in &rows.rows {
        let copies = match random.random_range(0..100) {
            0 => random.random_range(30..90),
            1..20 => random.random_range(1..4),
            _ => 0,
        };
        all.extend(std::iter::repeat_n(row.clone(), copies));
    }
    all.shuffle(&mut random);
    Rows { header: rows.header.clone(), rows: all }
}

#[test]
fn records_that_say_the_same_are_one_streamed_or_not() {
    let rows = with_copies(&people(1200, 8), 9);
    let set = Set::new(&rows, &[]);
    assert!(set.clusters.iter().map(Vec::len).max() > Some(60));
    for (seed, loaded) in [(1, 1.0), (2, 0.0), (3, 0.5)] {
        let engine = set.streamed(seed, loaded);
        assert_eq!(differing_pairs(&engine.clusters(), &set.clusters), 0, "seed {seed}");
    }
}
