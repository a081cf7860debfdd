//! What a record shares with many others: its line compared with theirs, lane by
//! lane, where two sorted lists would take turns that no processor foresees.

use super::lanes::{LANES, LINE, Line};
use super::shared::Shared;

/// Records that are weighed together: few enough for their lines to stay at hand.
pub(crate) const WEIGHED: usize = 32;

/// The keys of one record, to be found among those of others.
pub(crate) struct Lookup<'a> {
    shared: &'a Shared,
    line: Line,
    /// What each lane weighs; nothing where it is free.
    weights: Line,
    /// Numbers beyond the line, sorted, and their weights.
    more: Vec<(u32, u32)>,
}

impl<'a> Lookup<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        Self { shared, line: Line::default(), weights: Line::default(), more: Vec::new() }
    }

    /// Looks for the keys of `row` from now on.
    pub(crate) fn turn_to(&mut self, row: u32) {
        let shared = self.shared;
        self.line = *shared.line(row);
        for (weight, &number) in self.weights.0.iter_mut().zip(&self.line.0[..LANES]) {
            *weight = shared.weight(number);
        }
        self.more.clear();
        self.more.extend(shared.more(&self.line).iter().map(|&number| (number, shared.weight(number))));
    }

    /// The keys it looks for: their kinds and what each weighs.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (usize, u32)> {
        let in_line = self.line.0[..LANES].iter().zip(&self.weights.0).map(|(&number, &weight)| (number, weight));
        let keys = in_line.filter(|(number, _)| *number != 0).chain(self.more.iter().copied());
        keys.map(move |(number, weight)| (self.shared.kind(number), weight))
    }

    /// What the keys weigh that each of a few partners shares, at most [`WEIGHED`].
    pub(crate) fn weigh(&self, partners: &[u32]) -> [u32; WEIGHED] {
        self.shared.fetch(partners);
        let mut weights = [0; WEIGHED];
        for (weight, &partner) in weights.iter_mut().zip(partners) {
            *weight = self.shared_with(partner);
        }
        weights
    }

    fn shared_with(&self, partner: u32) -> u32 {
        let line = self.shared.line(partner);
        let mut sum = self.sum(|lane| line.0[lane]);
        if self.line.0[LANES] | line.0[LANES] != 0 {
            sum += self.shared_beyond(line);
        }
        sum
    }

    /// What the keys weigh that stand beyond one of the two lines or both.
    fn shared_beyond(&self, line: &Line) -> u32 {
        let more = self.shared.more(line);
        let in_own_line: u32 = more.iter().map(|&number| self.sum(|_| number)).sum();
        let has = |number: u32| line.0.contains(&number) || more.binary_search(&number).is_ok();
        in_own_line + self.more.iter().filter(|(number, _)| has(*number)).map(|(_, weight)| weight).sum::<u32>()
    }

    /// What the lanes weigh that hold these numbers.
    fn sum(&self, number: impl Fn(usize) -> u32) -> u32 {
        let weight = |lane| if number(lane) == self.line.0[lane] { self.weights.0[lane] } else { 0 };
        (0..LINE).map(weight).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::shared::{Numbered, tests::keys};
    use super::*;

    #[test]
    fn numbers_weigh_what_the_keys_weigh_that_two_records_share() {
        let mut keys = keys();
        let numbered = Numbered::of(&keys);
        let weights = keys.weights();
        assert_eq!(numbered.weights(&keys), weights);
        let (shared, _) = Shared::of(&mut keys.clone(), &numbered, &weights, |_, _| false);
        keys.weigh(&weights);
        let beyond = (0..120).filter(|&row| !shared.more(shared.line(row)).is_empty()).count();
        assert!((20..100).contains(&beyond), "{beyond} records have more keys than a line has room for");
        let mut lookup = Lookup::new(&shared);
        for row in 0..120 {
            lookup.turn_to(row);
            let others: Vec<u32> = (0..120).filter(|&other| other != row).collect();
            for partners in others.chunks(WEIGHED) {
                let expected: Vec<u32> =
                    partners.iter().map(|&other| u32::from(keys.shared(row as usize, other as usize))).collect();
                assert_eq!(lookup.weigh(partners)[..partners.len()], expected, "row {row}");
            }
        }
    }
}
