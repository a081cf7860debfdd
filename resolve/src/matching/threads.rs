//! Work split over threads, its results in the order of the input: what comes
//! out does not depend on how many threads there were.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `work` on consecutive parts of `items` and returns the results in order.
pub(crate) fn map_parts<T: Sync, R: Send>(threads: usize, items: &[T], work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let part = items.len().div_ceil(threads.max(1)).max(1);
    if threads <= 1 || items.len() <= 1 {
        return items.chunks(part).map(work).collect();
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = items.chunks(part).map(|part| scope.spawn(|| work(part))).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Runs `work` on each of a few items that differ in how long they take, and
/// returns the results in order.
pub(crate) fn map_each<T: Sync, R: Send>(threads: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let place = next.fetch_add(1, Ordering::Relaxed);
        items.get(place).map(|item| (place, work(item)))
    };
    let takers = vec![(); threads.max(1)];
    let mut done = map_parts(threads, &takers, |_| std::iter::from_fn(take).collect::<Vec<_>>())
        .into_iter()
        .flatten()
        .collect::<Vec<_>>();
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Puts parts together, in the memory of the first and freeing the others as
/// they are read.
pub(crate) fn joined<T>(parts: Vec<Vec<T>>) -> Vec<T> {
    let length: usize = parts.iter().map(Vec::len).sum();
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_default();
    all.reserve_exact(length - all.len());
    parts.for_each(|mut part| all.append(&mut part));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_on_any_number_of_threads() {
        let items: Vec<u32> = (0..101).collect();
        for threads in [0, 1, 2, 7, 200] {
            let parts = map_parts(threads, &items, |part| part.iter().map(|item| item * 2).collect::<Vec<_>>());
            let doubled: Vec<u32> = items.iter().map(|item| item * 2).collect();
            assert_eq!(parts.concat(), doubled, "{threads} threads");
            assert_eq!(map_each(threads, &items, |item| item * 2), doubled, "{threads} threads");
        }
        assert!(map_parts(2, &[] as &[u32], <[u32]>::len).is_empty());
    }
}
