//! Taking in the keys of all slots at once, rule by rule, on threads.

use super::super::super::block::{Parted, telling};
use super::super::super::keys::{Key, Keys};
use super::super::super::open::{Open, add_open};
use super::super::super::texts::Places;
use super::super::super::threads::{joined, map_each};
use super::super::bases::Base;
use super::super::lists::grow;
use super::super::pairs::Pairs;
use super::Postings;
use std::hint::black_box;

/// Keys that are looked up together.
const FETCHED: usize = 32;

impl Postings {
    /// Takes in the keys of all slots, none of which has any yet; returns who
    /// shares an open one with whom.
    pub(in super::super) fn fill(&mut self, keys: &Keys, threads: usize) -> Open {
        let (numbers, bases) = numbered(keys);
        self.carried.lines.resize(keys.rows());
        let mut start = 0;
        for row in 0..keys.rows() {
            let end = start + keys.of(row).len();
            self.carried.lines.set(row as u32, &numbers[start..end]);
            start = end;
        }
        self.carried.bases.fill(bases, threads);
        let mut members = vec![self.fill_alone(keys, &numbers)];
        let mut closed = keys.clone();
        let is_closed = |place: usize| !self.carried.is_open(numbers[place]);
        closed.retain(|_, place, key| is_closed(place).then(|| key.marked(false)));
        drop(numbers);
        let (parted, most) = (Parted::of(&closed), self.carried.open);
        let filled = map_each(threads, self.carried.rules.all(), |&rule| {
            let mut members = Vec::new();
            if rule.1.is_none() {
                return (Pairs::new(), members);
            }
            let sorted = telling(&parted, rule).sorted();
            let pairs = Pairs::of_sorted(&sorted, |slots| add_open(&mut members, slots.iter().copied(), most));
            (pairs, members)
        });
        self.pairs.clear();
        for (pairs, open) in filled {
            self.pairs.push(pairs);
            members.push(open);
        }
        Open::of(joined(members), keys.rows())
    }

    /// Takes in the carriers of the base keys that propose pairs by themselves;
    /// returns those of open ones.
    fn fill_alone(&mut self, keys: &Keys, numbers: &[u32]) -> Vec<u32> {
        let (carried, mut open) = (&mut self.carried, Vec::new());
        let mut starts = vec![0];
        for number in 0..=carried.bases.last() {
            let carriers = if carried.proposes_alone(number) { carried.bases.get(number).carriers } else { 0 };
            starts.push(starts[number as usize] + carriers);
        }
        let mut slots = vec![0; starts[starts.len() - 1] as usize];
        let (mut next, mut place) = (starts.clone(), 0);
        for row in 0..keys.rows() {
            for &number in &numbers[place..place + keys.of(row).len()] {
                if carried.proposes_alone(number) {
                    slots[next[number as usize] as usize] = row as u32;
                    next[number as usize] += 1;
                }
            }
            place += keys.of(row).len();
        }
        for number in 1..=carried.bases.last() {
            let slots = &slots[starts[number as usize] as usize..starts[number as usize + 1] as usize];
            if !slots.is_empty() {
                carried.bases.get_mut(number).group = self.carriers.group(slots);
                add_open(&mut open, slots.iter().copied(), carried.open);
            }
        }
        open
    }
}

/// A number for each key, from 1 on, in the order of the keys; and the keys by number.
fn numbered(keys: &Keys) -> (Vec<u32>, Vec<Base>) {
    let mut places = Places::with_room(keys.all().len() / 4);
    let mut bases = vec![Base::new(Key::default())];
    let mut numbers = Vec::with_capacity(keys.all().len());
    for keys in keys.all().chunks(FETCHED) {
        let likely = places.likely(keys.iter().map(|key| key.identity()));
        black_box(likely.fold(0, |sum, number| sum ^ bases.get(number as usize).map_or(0, |base| base.carriers)));
        for &key in keys {
            let is_it = |number: u32| bases[number as usize].key.identity() == key.identity();
            let number = places.find_or_put(key.identity(), bases.len() as u32, is_it);
            grow(&mut bases, number as usize + 1, Base::new(key));
            bases[number as usize].carriers += 1;
            numbers.push(number);
        }
    }
    (numbers, bases)
}
