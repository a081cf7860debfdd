//! The units of items: of each item the node of pass 1 that stands for it.
//!
//! Whenever clusters change, the units of their items are asked for. Held in memory,
//! in 24 bytes an item, none is read from the store for it. The unit of an item never
//! changes.

use std::collections::HashMap;

/// Id of an item, and the halves of its unit's hash, so that no place is left between.
type Entry = (u64, [u64; 2]);

/// Those that came last are taken in among the others when they are more than this,
/// and more than a share of all.
const RECENT_LEAST: usize = 1 << 10;
/// See [`RECENT_LEAST`].
const RECENT_SHARE: usize = 8;
/// Places around the likely one that are looked at first.
const REACH: usize = 256;

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Homes {
    /// By id.
    sorted: Vec<Entry>,
    /// Those that came last.
    recent: HashMap<u64, u128>,
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
fn entry((item, home): (u64, u128)) -> Entry {
    (item, [(home >> 64) as u64, home as u64])
}

impl Homes {
    /// Takes in all there are, each once.
    pub(crate) fn of(items: impl Iterator<Item = (u64, u128)>) -> Self {
        let mut sorted: Vec<Entry> = items.map(entry).collect();
        sorted.sort_unstable_by_key(|(item, _)| *item);
        Self { sorted, recent: HashMap::new() }
    }

    /// The unit of an item that is held.
    pub(crate) fn get(&self, item: u64) -> Option<u128> {
        self.sorted_home(item).or_else(|| self.recent.get(&item).copied())
    }

    /// Takes in items and their units; those that are held stay as they are.
    pub(crate) fn extend(&mut self, items: impl IntoIterator<Item = (u64, u128)>) {
        for (item, home) in items {
            if self.sorted_home(item).is_none() {
                self.recent.insert(item, home);
            }
        }
        if self.recent.len() > RECENT_LEAST.max(self.sorted.len() / RECENT_SHARE) {
            self.sorted.reserve_exact(self.recent.len());
            self.sorted.extend(std::mem::take(&mut self.recent).into_iter().map(entry));
            self.sorted.sort_unstable_by_key(|(item, _)| *item);
        }
    }

    /// Ids are hashes, spread evenly: one is near where its share of all numbers says.
    fn sorted_home(&self, item: u64) -> Option<u128> {
        let all = self.sorted.len();
        let near = usize::try_from((u128::from(item) * all as u128) >> 64).unwrap_or_default();
        let mut reach = REACH;
        loop {
            let (from, to) = (near.saturating_sub(reach), (near + reach).min(all));
            let some = &self.sorted[from..to];
            let is_above = from == 0 || some.first().is_some_and(|(first, _)| *first <= item);
            let is_below = to == all || some.last().is_some_and(|(last, _)| *last >= item);
            if is_above && is_below {
                let place = some.binary_search_by_key(&item, |(known, _)| *known).ok()?;
                let [upper, lower] = some[place].1;
                return Some(u128::from(upper) << 64 | u128::from(lower));
            }
            reach *= 4;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_every_item_is_found_however_ids_are_spread() {
        let home = |item: u64| u128::from(item) << 70 | u128::from(!item);
        let spread = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let crowded = |n: u64| n << 3;
        for id in [spread, crowded] {
            let mut homes = Homes::of((0..50).map(|n| (id(n), home(id(n)))));
            for batch in 0..60 {
                let items = (batch * 100..batch * 100 + 150).map(|n| (id(n), home(id(n))));
                homes.extend(items);
                assert!(homes.recent.len() <= RECENT_LEAST.max(homes.sorted.len() / RECENT_SHARE));
            }
            let found = (0..6_050).filter(|&n| homes.get(id(n)) == Some(home(id(n)))).count();
            assert_eq!(found, 6_050);
            assert_eq!(homes.sorted.len() + homes.recent.len(), 6_050, "each is held once");
            assert!((6_050..9_000).all(|n| homes.get(id(n)).is_none()));
        }
    }
}
