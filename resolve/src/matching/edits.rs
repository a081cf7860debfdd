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

#[cfg(test)]
mod tests {
    use super::*;
    use rapidfuzz::distance::osa;

    #[test]
    fn edits_are_those_of_the_full_table() {
        let mut state = 1u64;
        let mut draw = |limit: u64| {
            state = super::super::hash::mix(state);
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
