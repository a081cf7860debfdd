//! Edits between short texts, counted only as far as they matter.

/// Edits between two texts, swaps of neighbours included (optimal string
/// alignment), if at most two.
///
/// Two edits leave so few ways to align what differs that following them all
/// is quicker than a table, and mostly over after a few characters.
pub(crate) fn edits<T: PartialEq>(a: &[T], b: &[T]) -> Option<usize> {
    let same = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - same], &b[..b.len() - same]);
    if a.is_empty() && b.is_empty() {
        return Some(0);
    }
    [1, 2].into_iter().find(|&limit| within(a, b, limit))
}

fn within<T: PartialEq>(a: &[T], b: &[T], limit: usize) -> bool {
    if a.len().abs_diff(b.len()) > limit {
        return false;
    }
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same..], &b[same..]);
    if a.is_empty() || b.is_empty() {
        return a.len().max(b.len()) <= limit;
    }
    if limit == 0 {
        return false;
    }
    let swapped = a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0];
    within(&a[1..], &b[1..], limit - 1)
        || within(&a[1..], b, limit - 1)
        || within(a, &b[1..], limit - 1)
        || (swapped && within(&a[2..], &b[2..], limit - 1))
}

/// Most characters of a text that is packed into a number.
const PACKED: usize = 16;

/// As [`edits`], of texts of one length whose characters are packed into numbers, so
/// many bits each, the first lowest.
pub(crate) fn packed_edits(a: u64, b: u64, bits: u32) -> Option<usize> {
    let apart = a ^ b;
    if apart == 0 {
        return Some(0);
    }
    let (first, last) = (apart.trailing_zeros() / bits, apart.ilog2() / bits);
    let (length, (a, b)) = (last - first + 1, (a >> (first * bits), b >> (first * bits)));
    let low = |text: u64, characters: u32| text & (u64::MAX >> (u64::BITS - bits * characters));
    let at = |text: u64, place: u32| low(text >> (place * bits), 1);
    let different = (0..length).filter(|&place| at(a, place) != at(b, place)).count();
    // One character comes in at the one end, and one goes at the other.
    let is_moved = |a: u64, b: u64| low(a >> bits, length - 1) == low(b, length - 1);
    match (length, different) {
        (1, _) => Some(1),
        (2, _) => Some(if at(a, 0) == at(b, 1) && at(a, 1) == at(b, 0) { 1 } else { 2 }),
        (_, 2) => Some(2),
        _ if is_moved(a, b) || is_moved(b, a) => Some(2),
        // Swaps, perhaps.
        (_, 3 | 4) => {
            let unpacked = |text: u64| -> [u8; PACKED] {
                std::array::from_fn(|place| if (place as u32) < length { at(text, place as u32) as u8 } else { 0 })
            };
            edits(&unpacked(a)[..length as usize], &unpacked(b)[..length as usize])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rapidfuzz::distance::osa;

    #[test]
    fn edits_of_packed_texts_are_those_of_texts() {
        let mut state = 2u64;
        let mut draw = |limit: u64| {
            state = crate::matching::hash::mix(state);
            state % limit
        };
        let mut seen = [0; 4];
        for _ in 0..200_000 {
            let (length, letters) = (1 + draw(10), 2 + draw(3));
            let a: Vec<u8> = (0..length).map(|_| draw(letters) as u8 + 7).collect();
            // Few changes, so that all kinds of two come up, or another text.
            let mut b: Vec<u8> =
                if draw(4) > 0 { a.clone() } else { (0..length).map(|_| draw(letters) as u8).collect() };
            for _ in 0..draw(3) {
                let (place, other) = (draw(length) as usize, draw(length) as usize);
                match draw(3) {
                    0 => b[place] = draw(letters) as u8 + 7,
                    1 => b.swap(place, (place + 1) % length as usize),
                    _ => {
                        let moved = b.remove(place);
                        b.insert(other, moved);
                    }
                }
            }
            let expected = edits(&a, &b);
            for bits in [4, 6] {
                let packed = |text: &[u8]| text.iter().rev().fold(0, |sum, &letter| sum << bits | u64::from(letter));
                assert_eq!(packed_edits(packed(&a), packed(&b), bits), expected, "{a:?} {b:?}");
            }
            seen[expected.unwrap_or(3)] += 1;
        }
        assert!(seen.iter().all(|&count| count > 1000), "{seen:?}");
    }

    #[test]
    fn edits_are_those_of_the_full_table() {
        let mut state = 1u64;
        let mut draw = |limit: u64| {
            state = crate::matching::hash::mix(state);
            state % limit
        };
        let mut seen = [0; 4];
        for _ in 0..200_000 {
            let mut text = |length: u64| (0..draw(length)).map(|_| b'a' + draw(3) as u8).collect::<Vec<_>>();
            let (a, b) = (text(9), text(9));
            let expected = Some(osa::distance(a.iter(), b.iter())).filter(|&distance| distance <= 2);
            assert_eq!(edits(&a, &b), expected, "{a:?} {b:?}");
            seen[expected.unwrap_or(3)] += 1;
        }
        assert!(seen.iter().all(|&count| count > 1000), "{seen:?}");
    }
}
