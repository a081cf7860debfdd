//! Sorting by counting: items by the number of their group, where comparing them
//! with each other would take longer.

/// Puts items of groups below `groups` into the order of these; those of one group
/// come in no order. Returns them and where each group starts, and the last ends.
pub(crate) fn grouped<T: Copy + Default>(
    groups: usize,
    items: impl Iterator<Item = (u32, T)> + Clone,
) -> (Vec<T>, Vec<u32>) {
    let mut places = vec![0u32; groups + 1];
    items.clone().for_each(|(group, _)| places[group as usize] += 1);
    let mut sum = 0;
    for place in &mut places {
        sum += *place;
        *place = sum;
    }
    // Each group is filled from its end, so that places end as starts.
    let mut sorted = vec![T::default(); sum as usize];
    items.for_each(|(group, item)| {
        let place = &mut places[group as usize];
        *place -= 1;
        sorted[*place as usize] = item;
    });
    (sorted, places)
}

/// Sorts each group, leaves what comes twice in one once, and moves what is left
/// together.
pub(crate) fn leave_once<T: Copy + Ord>(items: &mut Vec<T>, places: &mut [u32]) {
    let (mut start, mut left) = (0, 0);
    for place in places.iter_mut().skip(1) {
        let end = *place as usize;
        items[start..end].sort_unstable();
        let first = left;
        for index in start..end {
            if left == first || items[left - 1] != items[index] {
                items[left] = items[index];
                left += 1;
            }
        }
        (start, *place) = (end, left as u32);
    }
    items.truncate(left);
}

#[cfg(test)]
mod tests {
    use super::super::hash::mix;
    use super::*;

    #[test]
    fn items_are_sorted_by_group_and_left_once() {
        for (count, groups, spread) in [(0, 1, 1), (1, 1, 1), (300, 1, 9), (300, 40, 4), (300, 1000, 2)] {
            let item = |place: u64| ((mix(place) % groups) as u32, (mix(place + count) % spread) as u32);
            let mut expected: Vec<(u32, u32)> = (0..count).map(item).collect();
            expected.sort_unstable();
            let listed = |items: &[u32], places: &[u32]| -> Vec<(u32, u32)> {
                let group = |(group, ends): (u32, &[u32])| {
                    items[ends[0] as usize..ends[1] as usize].iter().map(|&item| (group, item)).collect::<Vec<_>>()
                };
                (0..).zip(places.windows(2)).flat_map(group).collect()
            };
            let (mut items, mut places) = grouped(groups as usize, (0..count).map(item));
            let mut found = listed(&items, &places);
            found.sort_unstable();
            assert_eq!(found, expected, "{count} {groups} {spread}");
            leave_once(&mut items, &mut places);
            expected.dedup();
            assert_eq!(listed(&items, &places), expected, "{count} {groups} {spread}");
        }
    }
}
