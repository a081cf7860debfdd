//! Where in a line of memory each numbered key stands: in the same lane of every
//! record that carries it, so that lines compared lane by lane tell what two
//! records share.
//!
//! Kinds of keys that many records have get lanes of their own. Any other key, and
//! a second one of its kind, takes a lane that is free in the first record that
//! carries it; the few others who do are mostly the same person and have it free
//! too. Where a lane is taken, the record keeps the key beyond its line.

use super::keys::{KINDS, Keys};

/// Numbers in a line.
pub(crate) const LINE: usize = 16;
/// Lanes for keys; what is left of a line says where the others are.
pub(crate) const LANES: usize = LINE - 1;
/// Records that are looked at to find which kinds of keys are common.
const SAMPLED: usize = 50_000;
/// In the place of a lane: the key has none yet.
const NO_LANE: u8 = u8::MAX;

/// As much as is read from memory at once; 0 is no number.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(crate) struct Line(pub(crate) [u32; LINE]);

/// The lanes of kinds and of keys.
pub(crate) struct Lanes {
    /// One bit a lane.
    of_kind: [u32; KINDS],
    /// By number.
    of_key: Vec<u8>,
}

impl Lanes {
    /// Gives lanes to kinds of keys by how many records have one, a second one and
    /// so on, of those that lines are for. `numbers` are those of `keys`, below `end`.
    pub(crate) fn new(keys: &Keys, numbers: &[u32], end: usize, is_for_line: impl Fn(usize, u32) -> bool) -> Self {
        let mut left = records_with(keys, numbers, is_for_line);
        let (mut of_kind, mut next) = ([0; KINDS], [0; KINDS]);
        for lane in 0..LANES {
            let most = (0..KINDS).rev().max_by_key(|&kind| left[kind][next[kind]]).unwrap_or_default();
            left[most][next[most]] = 0;
            next[most] = (next[most] + 1).min(LANES - 1);
            of_kind[most] |= 1 << lane;
        }
        Self { of_kind, of_key: vec![NO_LANE; end] }
    }

    /// Puts the keys of one record, kinds and numbers, into their lanes of an empty
    /// line; leaves in `keys` those whose lanes are taken.
    pub(crate) fn lay_out(&mut self, keys: &mut Vec<(usize, u32)>, of_row: &mut Line) {
        // Those that have lanes go first: the others can go elsewhere.
        keys.retain(|&(_, number)| !put(of_row, self.of_key[number as usize], number));
        keys.retain(|&(kind, number)| {
            if self.of_key[number as usize] != NO_LANE {
                return true;
            }
            let lane = self.free(kind, of_row);
            self.of_key[number as usize] = lane;
            !put(of_row, lane, number)
        });
    }

    /// A lane for a key of this kind: one of the kind's that is free, or the free
    /// one that the fewest records use; if none is free, one of the kind's or any.
    fn free(&self, kind: usize, of_row: &Line) -> u8 {
        let free = (0..LANES).filter(|&lane| of_row.0[lane] == 0).fold(0u32, |free, lane| free | 1 << lane);
        let of_kind = self.of_kind[kind];
        let lane = match (free & of_kind, free) {
            (0, 0) => of_kind.trailing_zeros() % LANES as u32,
            (0, free) => free.ilog2(),
            (own, _) => own.trailing_zeros(),
        };
        lane as u8
    }
}

/// Puts a number into a lane; whether there is such a lane and it was free.
fn put(of_row: &mut Line, lane: u8, number: u32) -> bool {
    match of_row.0.get_mut(usize::from(lane)) {
        Some(place) if *place == 0 => {
            *place = number;
            true
        }
        _ => false,
    }
}

/// How many records, of some, have more than so many keys of each kind.
fn records_with(keys: &Keys, numbers: &[u32], is_for_line: impl Fn(usize, u32) -> bool) -> [[u32; LANES]; KINDS] {
    let mut records = [[0; LANES]; KINDS];
    for row in (0..keys.rows()).step_by(keys.rows().div_ceil(SAMPLED).max(1)) {
        let mut before = [0; KINDS];
        for (key, &number) in keys.of(row).iter().zip(&numbers[keys.places(row)]) {
            let before = &mut before[key.kind()];
            if *before < LANES && is_for_line(key.kind(), number) {
                records[key.kind()][*before] += 1;
                *before += 1;
            }
        }
    }
    records
}
