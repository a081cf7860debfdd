//! Random histories of items that often say the same, against an engine that is
//! given what is left of them at once.

use super::super::{Change, Cut, Decision, Item, Model, Role, Verdict};
use super::Engine;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NAMES: [[&str; 2]; 3] = [["Ann", "Lee"], ["Bob", "Ray"], ["Ann", "Ray"]];
const MAIL: [&str; 3] = ["ann.lee@x.org", "bob.ray@x.org", "ray@y.org"];

struct World {
    model: Arc<Model>,
    random: SmallRng,
    items: BTreeMap<u64, Item>,
    decisions: BTreeMap<u64, Decision>,
}

impl World {
    fn new(seed: u64) -> Self {
        let random = SmallRng::seed_from_u64(seed);
        Self { model: Arc::new(Model::people().clone()), random, items: BTreeMap::new(), decisions: BTreeMap::new() }
    }

    fn place(&self, role: Role) -> usize {
        self.model.fields.iter().position(|field| field.role == role).unwrap()
    }

    fn item(&mut self, id: u64) -> Item {
        let mut values = vec![None; self.model.fields.len()];
        let [given, family] = NAMES[self.random.random_range(0..3)];
        if self.random.random_bool(0.8) {
            values[self.place(Role::GivenName)] = Some(given.to_owned());
            values[self.place(Role::FamilyName)] = Some(family.to_owned());
        }
        if self.random.random_bool(0.8) {
            values[self.place(Role::Email)] = Some(MAIL[self.random.random_range(0..3)].to_owned());
        }
        if self.random.random_bool(0.5) {
            let device = |number: u32| format!("device-{number}");
            let own =
                device(if self.random.random_bool(0.3) { self.random.random_range(0..4) } else { 10 + id as u32 });
            values[self.place(Role::Device)] = Some(own);
        }
        let node = if self.random.random_bool(0.2) { self.random.random_range(1000..1004) } else { id };
        let limits = if self.random.random_bool(0.1) { vec![(0, self.random.random_range(0..2))] } else { Vec::new() };
        Item { id, values, node, limits }
    }

    fn some(&mut self, most: usize) -> Vec<u64> {
        (0..self.random.random_range(1..=most)).map(|_| self.random.random_range(1..40)).collect()
    }

    fn change(&mut self) -> Change {
        let id = self.random.random_range(1..40);
        match self.random.random_range(0..20) {
            0..4 => {
                self.items.remove(&id);
                Change::Remove(id)
            }
            4 => {
                let decision = self.random.random_range(1..5);
                self.decisions.remove(&decision);
                Change::Undo(decision)
            }
            5 => {
                let (one, other) = (self.some(6), self.some(6));
                let verdict = match self.random.random_range(0..4) {
                    0 => Verdict::Assert { one: one[0], other: other[0] },
                    1 => Verdict::Detach { item: one[0], field: self.place(Role::Email), value: MAIL[0].into() },
                    2 => Verdict::Generic { field: self.place(Role::Email), value: MAIL[1].into() },
                    _ => Verdict::Never { one, other },
                };
                let decision =
                    Decision { id: self.random.random_range(1..5), time: self.random.random_range(0..9), verdict };
                self.decisions.insert(decision.id, decision.clone());
                Change::Decide(decision)
            }
            _ => {
                let item = self.item(id);
                self.items.insert(id, item.clone());
                Change::Put(item)
            }
        }
    }

    fn engine(&self) -> Engine {
        Engine::new(Arc::clone(&self.model), Cut::default()).unwrap()
    }

    /// An engine that is given what there is at once.
    fn afresh(&self) -> Engine {
        let mut engine = self.engine();
        engine.load(self.items.values().cloned().collect(), self.decisions.values().cloned().collect(), 1);
        engine
    }
}

#[test]
fn random_histories_end_as_if_what_is_left_were_all_there_ever_was() {
    let (mut joined, mut parted) = (0, 0);
    for seed in 0..150 {
        let mut world = World::new(seed);
        let mut engine = world.engine();
        let mut told: BTreeSet<Vec<u64>> = BTreeSet::new();
        for _ in 0..25 {
            let count = world.random.random_range(1..8);
            let changes: Vec<Change> = (0..count).map(|_| world.change()).collect();
            let regrouped = engine.apply(&changes);
            for cluster in &regrouped.before {
                assert!(told.remove(cluster), "seed {seed}: {cluster:?} was not there after {changes:?}");
            }
            for cluster in &regrouped.after {
                assert!(told.insert(cluster.clone()), "seed {seed}: {cluster:?} was there after {changes:?}");
            }
            let afresh = world.afresh();
            let clusters = engine.clusters();
            assert_eq!(clusters, afresh.clusters(), "seed {seed} after {changes:?}");
            assert_eq!(told.iter().cloned().collect::<Vec<_>>(), clusters, "seed {seed}");
            for cluster in &clusters {
                assert_eq!(&engine.cluster_of(cluster[cluster.len() / 2]), cluster, "seed {seed}");
            }
            for &id in world.items.keys() {
                assert_eq!(engine.item(id), afresh.item(id), "seed {seed} item {id}");
            }
            joined = joined.max(clusters.iter().map(Vec::len).max().unwrap_or_default());
            parted = parted.max(engine.groups.parted().count());
        }
        assert_eq!(engine.stats().items, world.items.len());
    }
    assert!(joined > 12 && parted > 1, "{joined} {parted}");
}

#[test]
fn a_person_of_a_hundred_devices_is_one_profile() {
    let world = World::new(7);
    let mut engine = world.engine();
    let (email, device) = (world.place(Role::Email), world.place(Role::Device));
    let item = |id: u64| {
        let mut values = vec![None; world.model.fields.len()];
        values[email] = Some("ann.lee@example.org".to_owned());
        values[device] = Some(format!("browser-{id}"));
        Item { id, values, node: id, limits: Vec::new() }
    };
    for id in 1..=100 {
        engine.apply(&[Change::Put(item(id))]);
        assert_eq!(engine.cluster_of(1).len(), id as usize);
    }
    assert!(engine.core.stats().items == 1);
    // Another source knows one of her browsers: it is hers too.
    let mut values = vec![None; world.model.fields.len()];
    values[device] = Some("browser-7".to_owned());
    engine.apply(&[Change::Put(Item { id: 500, values, node: 500, limits: Vec::new() })]);
    assert_eq!(engine.cluster_of(500).len(), 101);
    for id in 1..=98 {
        engine.apply(&[Change::Remove(id)]);
    }
    assert_eq!(engine.cluster_of(99), [99, 100]);
}
