//! Taking in the keys of all slots at once, rule by rule, on threads.

use super::super::super::block::{Parted, proposed, telling};
use super::super::super::threads::map_each;
use super::super::bases::Base;
use super::super::pairs::Pairs;
use super::Postings;
use crate::matching::block::groups::Bits;
use crate::matching::block::keys::{Key, KeyWeights, Keys, Weigher};
use crate::matching::block::open::add_open;
use crate::matching::block::ranking::Proposed;
use crate::matching::block::rules::Rule;
use crate::matching::block::shared::{Numbered, Shared};

/// The carriers of what a rule makes of two keys, then those of open ones and who
/// carries a closed one.
type Filled = (Pairs, (Vec<u32>, Bits));

impl Postings {
    /// Takes in the keys of all slots, none of which has any yet, and what they weigh;
    /// returns what they propose.
    pub(in super::super) fn fill(&mut self, mut keys: Keys, weights: &KeyWeights, threads: usize) -> Proposed {
        let (rows, most) = (keys.rows(), self.carried.open);
        let rules = self.carried.rules.clone();
        let is_open = |kind, carriers| carriers as usize <= most && rules.propose_alone(kind);
        let numbered = Numbered::of_all(&keys);
        let numbers = numbered.numbers();
        self.fill_lines(&keys, numbers);
        self.carried.bases.fill(bases(&numbered, &Weigher::new(weights)), threads);
        self.fill_alone(&keys, numbers);
        let mut closed = keys.clone();
        closed.retain(|_, place, key| {
            let is_closed = !is_open(key.kind(), numbered.carriers(numbers[place]));
            is_closed.then(|| key.marked(false))
        });
        let (shared, alone) = Shared::of(&mut keys, &numbered, weights, is_open);
        drop((keys, numbered));
        let parted = Parted::of(&closed);
        let filled = map_each(threads, rules.all(), |&rule| filled(&parted, rule, most));
        let two: Vec<Rule> = rules.all().iter().copied().filter(|rule| rule.1.is_some()).collect();
        let (pairs, found): (Vec<Pairs>, Vec<_>) = filled.into_iter().unzip();
        self.pairs = pairs;
        let found = rules.all().iter().zip(found).filter(|(rule, _)| rule.1.is_some()).map(|(_, found)| found);
        proposed(shared, alone, &two, found.collect(), rows)
    }

    /// Takes in the numbers of the keys of all slots.
    fn fill_lines(&mut self, keys: &Keys, numbers: &[u32]) {
        self.carried.lines.resize(keys.rows());
        for row in 0..keys.rows() {
            self.carried.lines.set(row as u32, &numbers[keys.places(row)]);
        }
    }

    /// Takes in the carriers of the base keys that propose pairs by themselves.
    fn fill_alone(&mut self, keys: &Keys, numbers: &[u32]) {
        let carried = &mut self.carried;
        let mut starts = vec![0];
        for number in 0..=carried.bases.last() {
            let carriers = if carried.proposes_alone(number) { carried.bases.get(number).carriers } else { 0 };
            starts.push(starts[number as usize] + carriers);
        }
        let mut slots = vec![0; starts[starts.len() - 1] as usize];
        let mut next = starts.clone();
        for row in 0..keys.rows() {
            for &number in &numbers[keys.places(row)] {
                if carried.proposes_alone(number) {
                    slots[next[number as usize] as usize] = row as u32;
                    next[number as usize] += 1;
                }
            }
        }
        for number in 1..=carried.bases.last() {
            let slots = &slots[starts[number as usize] as usize..starts[number as usize + 1] as usize];
            if !slots.is_empty() {
                carried.bases.get_mut(number).group = self.carriers.group(slots);
            }
        }
    }
}

/// What a rule makes of the closed keys of all slots; nothing if it is of one key.
fn filled(closed: &Parted, rule: Rule, most: usize) -> Filled {
    let (mut members, mut beyond) = (Vec::new(), Bits::none(closed.rows()));
    if rule.1.is_none() {
        return (Pairs::new(), (members, beyond));
    }
    let sorted = telling(closed, rule).sorted();
    let pairs = Pairs::of_sorted(&sorted, |slots| {
        if slots.len() > most {
            for &slot in slots {
                beyond.add(slot);
            }
        } else {
            add_open(&mut members, slots.iter().copied(), most);
        }
    });
    (pairs, (members, beyond))
}

/// The base keys by number.
fn bases(numbered: &Numbered, weigher: &Weigher) -> Vec<Base> {
    let base = |(identity, carriers)| {
        let key = Key::of_identity(identity, weigher.weight(identity));
        Base { carriers, ..Base::new(key) }
    };
    let none = Base::new(Key::default());
    std::iter::once(none).chain(numbered.keys().map(base)).collect()
}
