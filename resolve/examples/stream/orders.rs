//! The same records in other orders: shuffled, loaded at once or streamed or
//! both, in batches of any size, some deleted and put again or put as something
//! else at first, on one thread or two. Whatever came before, the clusters are
//! those of a run.

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _, seq::SliceRandom as _};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;
use tributary_resolve::matching::{Change, Cut, Engine, Item, Model, Options, Table, differing_pairs, run};

/// One item in so many is not put just once.
const UNSTEADY: usize = 25;
/// Most changes of a batch.
const BATCH_MAX: usize = 2000;
/// Shares of items, in percent, that are loaded before the others are streamed.
const LOADED: [usize; 5] = [0, 30, 60, 90, 100];

/// The clusters of a run with a model, sorted.
pub fn clusters_of_run(table: Table, model: &Model, threads: usize) -> Result<Vec<Vec<u64>>, Box<dyn Error>> {
    let records = table.records.clone();
    let options = Options { model: Some(model.clone()), threads, ..Options::default() };
    Ok(run(table, &options)?.groups(&records))
}

/// Plays the items in so many orders and prints what differs from `expected`.
pub fn try_all(orders: u64, items: &[Item], model: &Arc<Model>, expected: &[Vec<u64>]) -> Result<(), Box<dyn Error>> {
    let mut all = 0;
    for (seed, &share) in (0..orders).zip(LOADED.iter().cycle()) {
        let started = Instant::now();
        let threads = if seed % 2 == 0 { 1 } else { 2 };
        let mut engine = Engine::new(Arc::clone(model), Cut::default())?;
        let changes = play(&mut engine, items, seed, share, threads);
        let differing = differing_pairs(&engine.clusters(), expected);
        all += differing;
        println!(
            "order {seed}: {share} % loaded on {threads} threads, {changes} changes streamed, {differing} pairs differ, {:.0} s",
            started.elapsed().as_secs_f64()
        );
    }
    println!("{orders} orders of {} items: {all} pairs differ", items.len());
    Ok(())
}

/// Plays one order; returns how many changes were streamed.
fn play(engine: &mut Engine, items: &[Item], seed: u64, share: usize, threads: usize) -> usize {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut order = items.to_vec();
    order.shuffle(&mut random);
    let mut loaded = order[..order.len() * share / 100].to_vec();
    let mut changes: Vec<Change> = order[loaded.len()..].iter().cloned().map(Change::Put).collect();
    // Of what is loaded some is something else at first, or nobody of the set.
    for place in 0..loaded.len() / UNSTEADY {
        let other = &order[random.random_range(0..order.len())];
        let wrong = Item { id: loaded[place].id, ..other.clone() };
        changes.push(Change::Put(std::mem::replace(&mut loaded[place], wrong)));
    }
    changes.shuffle(&mut random);
    let mut unsteady = Vec::new();
    for item in order.choose_multiple(&mut random, order.len() / UNSTEADY) {
        unsteady.push(Change::Remove(item.id));
        unsteady.push(Change::Put(item.clone()));
    }
    for item in &items[..items.len() / UNSTEADY] {
        let stranger = Item { id: !item.id, node: !item.id, ..item.clone() };
        let at = random.random_range(0..=changes.len());
        unsteady.push(Change::Remove(stranger.id));
        changes.push(Change::Put(stranger));
        let last = changes.len() - 1;
        changes.swap(at.min(last), last);
    }
    changes.extend(unsteady);
    engine.load(loaded, Vec::new(), threads);
    let mut left = changes.as_slice();
    while !left.is_empty() {
        let most = BATCH_MAX >> random.random_range(0..11);
        let (batch, others) = left.split_at(random.random_range(1..=most.max(1)).min(left.len()));
        engine.apply(batch);
        left = others;
    }
    changes.len()
}
