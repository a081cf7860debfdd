//! Which blocking keys two rows of a table share, and how many carry each.

use super::items::Items;
use super::why_not::SharedKey;
use crate::matching::block::keys::{Keys, Kind};
use crate::matching::block::{entries, row, same_key};
use crate::matching::bounds::Bounds;

/// Most records that may carry a key that proposes pairs.
const OPEN_MAX: usize = Bounds::REAL.open;

impl Items<'_> {
    /// Returns the blocking keys two items share, those that fewest carry
    /// first. All items are counted: made for whole tables, once a question.
    #[must_use]
    pub fn shared_keys(&self, one: u32, other: u32) -> Vec<SharedKey> {
        let keys = Keys::new(&self.fields, 1);
        let mut shared = Vec::new();
        for &(first, second) in self.model.rules.all() {
            let entries = entries(&keys, (first, second));
            let groups = entries.chunk_by(|&one, &other| same_key(one, other));
            let both =
                groups.filter(|group| [one, other].iter().all(|&item| group.iter().any(|&entry| row(entry) == item)));
            shared.extend(both.map(|group| SharedKey {
                name: rule_name((first, second)),
                carriers: group.len(),
                open: group.len() <= OPEN_MAX,
            }));
        }
        shared.sort_by(|one, other| one.carriers.cmp(&other.carriers).then_with(|| one.name.cmp(&other.name)));
        shared
    }

    /// Exclusive identifiers of an item, such as `user_id 42`.
    #[must_use]
    pub fn exclusive(&self, item: u32) -> &[String] {
        &self.exclusive[item as usize]
    }
}

/// What a blocking rule looks at, as a reader says it.
pub(crate) fn rule_name((first, second): (Kind, Option<Kind>)) -> String {
    match second {
        None => name(first).to_owned(),
        Some(second) if second == first => format!("two of {}", name(first)),
        Some(second) => format!("{} and {}", name(first), name(second)),
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Token => "a name",
        Kind::Canon => "the long form of the given name",
        Kind::GivenPrefix => "the start of the given name",
        Kind::FamilyPrefix => "the start of the family name",
        Kind::Date => "the birth date",
        Kind::Year => "the birth year",
        Kind::MonthDay => "the birthday",
        Kind::Email => "the email",
        Kind::Local => "the email before @",
        Kind::Phone => "the phone",
        Kind::Street => "the street",
        Kind::Postcode => "the postcode",
        Kind::Outward => "the postcode's area",
        Kind::City => "the town",
        Kind::Id => "an id",
        Kind::Word => "a word",
    }
}
