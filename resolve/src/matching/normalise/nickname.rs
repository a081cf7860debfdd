//! Given names and the short forms they go by, from a table of pairs
//! (`data/nicknames.csv`, see `data/README.md` for its licence).

use crate::matching::hash::{FastMap, FastSet, text};
use std::sync::LazyLock;

/// The table, by short and by long names.
struct Nicknames {
    long_forms: FastMap<&'static str, Vec<&'static str>>,
    long: FastSet<&'static str>,
}

static NICKNAMES: LazyLock<Nicknames> = LazyLock::new(|| {
    let mut table = Nicknames { long_forms: FastMap::default(), long: FastSet::default() };
    for (long, short) in include_str!("../../../data/nicknames.csv").lines().filter_map(|line| line.split_once(',')) {
        table.long_forms.entry(short).or_default().push(long);
        table.long.insert(long);
    }
    table
});

fn long_forms(name: &str) -> &'static [&'static str] {
    NICKNAMES.long_forms.get(name).map(Vec::as_slice).unwrap_or_default()
}

/// Whether the table knows this given name or short form.
pub(crate) fn is_known(name: &str) -> bool {
    NICKNAMES.long.contains(name) || NICKNAMES.long_forms.contains_key(name)
}

/// The hashes of a name and of the names it is short for.
pub(crate) fn canonical(name: &str) -> impl Iterator<Item = u64> + use<> {
    let long = long_forms(name).iter().take(4).map(|long| text(2, long));
    std::iter::once(text(2, name)).chain(long)
}

/// Hashes of a name and of all it is short for, if the table knows it at all:
/// two different names are [`related`] only if they have one in common.
pub(crate) fn family(name: &str) -> impl Iterator<Item = u64> + use<> {
    let long = long_forms(name).iter().map(|long| text(2, long));
    is_known(name).then(|| text(2, name)).into_iter().chain(long)
}

/// Whether one name is short for the other, or both for a third.
pub(crate) fn related(one: &str, other: &str) -> bool {
    let (long_one, long_other) = (long_forms(one), long_forms(other));
    if long_one.is_empty() && long_other.is_empty() {
        return false;
    }
    // Long names that share a rare longer form are still two names.
    let both_short = || !NICKNAMES.long.contains(one) || !NICKNAMES.long.contains(other);
    let share_a_form = || long_one.iter().any(|long| long_other.contains(long));
    long_one.contains(&other) || long_other.contains(&one) || (share_a_form() && both_short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_related_both_ways() {
        for (one, other, expected) in
            [("robert", "bob", true), ("bob", "robert", true), ("bob", "rob", true), ("robert", "william", false)]
        {
            assert_eq!(related(one, other), expected, "{one} {other}");
        }
        assert!(is_known("bob") && !is_known("zzz"));
        assert_eq!(canonical("zzz").count(), 1);
        assert_eq!(family("zzz").count(), 0);
        let bob: Vec<u64> = family("bob").collect();
        assert!(family("robert").any(|hash| bob.contains(&hash)) && !family("luke").any(|hash| bob.contains(&hash)));
    }
}
