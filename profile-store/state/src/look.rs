//! What a matcher knows, for people: what it holds back, what it would join,
//! and who a set of values is about.

use crate::decision::ItemId;
use crate::item::{Item, item_of};
use crate::matcher::Matcher;
use crate::view::ItemView;
use crate::{Error, Identity, Result, State};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use tributary_protocol::{Identifier, KIND_USER_ID, is_exclusive};
use tributary_resolve::matching::{Role, Stats};

/// What a matcher holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Matching {
    /// Its numbers.
    pub stats: Stats,
    /// Pairs of clusters it held back.
    pub review: usize,
    /// Records its model was trained on.
    pub trained_on: u64,
}

/// An item that values may be about.
#[derive(Clone, Debug, Serialize)]
pub struct Match {
    /// The item.
    pub item: ItemView,
    /// Match weight in bits.
    pub match_weight: f64,
    /// Match probability, 0 to 1.
    pub match_probability: f64,
}

impl State {
    pub(crate) fn with_matcher<T>(&self, ask: impl FnOnce(&dyn Matcher) -> T) -> Result<T> {
        self.0.matcher().as_deref().map(ask).ok_or(Error::NoMatcher)
    }

    /// Tells whether there is a matcher.
    ///
    /// # Errors
    /// [`Error::NoMatcher`] if there is none.
    pub fn check_matching(&self) -> Result<()> {
        self.with_matcher(|_| ())
    }

    /// Whether a matcher only suggests: then no decision moves a profile.
    #[must_use]
    pub fn observes(&self) -> bool {
        self.0.options.identity == Identity::Observe
    }

    /// What the matcher holds; `None` without one. Looks at every item.
    pub fn matching(&self) -> Option<Matching> {
        let of = |matcher: &dyn Matcher| Matching {
            stats: matcher.stats(),
            review: matcher.review().len(),
            trained_on: matcher.trained_on(),
        };
        self.with_matcher(of).ok()
    }

    /// Clusters of the matcher that are several profiles now, each by its items.
    ///
    /// # Errors
    /// [`Error::NoMatcher`], or if the store cannot be read.
    pub fn suggestions(&self, limit: usize) -> Result<Vec<Vec<ItemView>>> {
        let clusters = self.with_matcher(|matcher| matcher.clusters())?;
        let mut suggestions = Vec::new();
        for cluster in clusters.into_iter().filter(|cluster| cluster.len() > 1) {
            let mut items = Vec::new();
            for item in cluster {
                items.extend(self.item(ItemId(item))?);
            }
            let profiles: BTreeSet<_> = items.iter().map(|item| item.profile_id).collect();
            if profiles.len() > 1 {
                suggestions.push(items);
            }
            if suggestions.len() == limit {
                break;
            }
        }
        Ok(suggestions)
    }

    /// The items that values, by trait name, most likely are about, best first.
    /// Nothing is kept of the values.
    ///
    /// # Errors
    /// [`Error::NoMatcher`], or if the store cannot be read.
    pub fn search(&self, wanted: &BTreeMap<String, serde_json::Value>) -> Result<Vec<Match>> {
        let item = item_of(wanted);
        let fields = &self.0.shape.fields;
        let values: Vec<Option<String>> = fields.iter().map(|(role, name)| asked(&item, *role, name)).collect();
        let found = self.0.matcher_mut().as_mut().map(|matcher| matcher.search(&values)).ok_or(Error::NoMatcher)?;
        let mut matches = Vec::new();
        for (id, score) in found {
            let Some(item) = self.item(ItemId(id))? else { continue };
            let (match_weight, match_probability) = (score.match_weight(), score.match_probability());
            matches.push(Match { item, match_weight, match_probability });
        }
        Ok(matches)
    }

    /// Whether a decision about a value has an effect: its field is compared, or
    /// joins by itself. A kind that is neither `user_id` nor of a source is one
    /// only once the value was seen: any name may be a kind.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn knows_field(&self, field: &str, value: &str) -> Result<bool> {
        if self.0.shape.field(field).is_some() || field == KIND_USER_ID || field.contains(':') {
            return Ok(true);
        }
        let Some(identifier) = Identifier::new(field, value).filter(|_| is_exclusive(field)) else { return Ok(false) };
        Ok(self.0.node(identifier.hash())?.is_some())
    }

    /// Names of the fields that are compared.
    #[must_use]
    pub fn compared_fields(&self) -> Vec<&str> {
        self.0.shape.fields.iter().map(|(_, name)| name.as_str()).collect()
    }

    /// Those of these values, by trait name, that [`State::search`] does not look at.
    #[must_use]
    pub fn not_compared(&self, wanted: &BTreeMap<String, serde_json::Value>) -> Vec<String> {
        let is_compared = |name: &String, value: &serde_json::Value| {
            let item = item_of(&BTreeMap::from([(name.clone(), value.clone())]));
            self.0.shape.fields.iter().any(|(role, name)| asked(&item, *role, name).is_some())
        };
        wanted.iter().filter(|(name, value)| !is_compared(name, value)).map(|(name, _)| name.clone()).collect()
    }
}

/// What a description says of a field. A name in one piece also asks for records that have it in
/// two, and the other way round; the last word is the family's.
fn asked(item: &Item, role: Role, name: &str) -> Option<String> {
    let told = |role: Role| item.value(role, "");
    let parts = || (told(Role::GivenName), told(Role::FamilyName));
    let split = || {
        let whole = told(Role::FullName).filter(|_| parts() == (None, None))?;
        whole.rsplit_once(' ').map(|(given, family)| (given.trim().to_owned(), family.to_owned()))
    };
    let other = || match role {
        Role::GivenName => split().map(|(given, _)| given),
        Role::FamilyName => split().map(|(_, family)| family),
        Role::FullName => match parts() {
            (Some(given), Some(family)) => Some(format!("{given} {family}")),
            _ => None,
        },
        _ => None,
    };
    item.value(role, name).or_else(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(description: &serde_json::Value, expected: [Option<&str>; 3]) {
        let item = item_of(&serde_json::from_value(description.clone()).unwrap());
        let roles = [(Role::GivenName, "given_name"), (Role::FamilyName, "family_name"), (Role::FullName, "full_name")];
        let found = roles.map(|(role, name)| asked(&item, role, name));
        assert_eq!(found.each_ref().map(Option::as_deref), expected, "{description}");
    }

    #[test]
    fn a_name_is_looked_for_in_one_piece_and_in_two() {
        check(&json!({ "name": "Ada King Lovelace" }), [Some("Ada King"), Some("Lovelace"), Some("Ada King Lovelace")]);
        check(&json!({ "firstName": "Ada", "lastName": "King" }), [Some("Ada"), Some("King"), Some("Ada King")]);
        check(&json!({ "firstName": "Ada" }), [Some("Ada"), None, None]);
        check(&json!({ "firstName": "Ada", "name": "Ada King" }), [Some("Ada"), None, Some("Ada King")]);
        check(&json!({ "name": "Ada" }), [None, None, Some("Ada")]);
        check(&json!({ "email": "a@example.com" }), [None, None, None]);
    }
}
