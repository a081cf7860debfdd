//! What an operator asks for, and the decision that it comes to.

use super::IdentityApi;
use super::answer::Failure;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use tributary_protocol::{Identifier, Timestamp};
use tributary_state::{Action, Answer, Answered, Decision, ItemId, ItemView, ReviewId};
use uuid::Uuid;

/// Longest author or reason, in bytes.
const TEXT_BYTES_MAX: usize = 2000;

/// Who decides and why; the whole body of an answer to an entry of the review queue.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Because {
    author: String,
    reason: String,
    /// Only tell what it would change.
    #[serde(default)]
    pub preview: bool,
}

/// The body of a decision.
pub struct DecisionRequest {
    wanted: Wanted,
    /// Who decides and why.
    pub because: Because,
}

/// Unknown fields are refused: a `preview` that is misspelt would decide.
impl<'de> Deserialize<'de> for DecisionRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut wanted: Map<String, Value> = Map::deserialize(deserializer)?;
        let because =
            ["author", "reason", "preview"].into_iter().filter_map(|name| wanted.remove_entry(name)).collect();
        let because = serde_json::from_value(Value::Object(because)).map_err(D::Error::custom)?;
        let wanted = serde_json::from_value(Value::Object(wanted)).map_err(D::Error::custom)?;
        Ok(Self { wanted, because })
    }
}

/// What is asked for. Items are named by `item:ID`, by `kind:value` or by
/// `profile_id:ID`; the latter two name every item of theirs.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
enum Wanted {
    NeverTogether {
        one: Vec<String>,
        other: Vec<String>,
    },
    /// These items of a profile and its others are never together.
    Split {
        profile: String,
        items: Vec<String>,
    },
    Assert {
        one: String,
        other: String,
    },
    Detach {
        item: String,
        field: String,
        value: String,
    },
    Generic {
        field: String,
        value: String,
    },
    Undo {
        decision: String,
    },
}

impl Because {
    fn check(&self) -> Result<(), Failure> {
        for (name, text) in [("author", &self.author), ("reason", &self.reason)] {
            if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX {
                return Err(Failure::bad_request(format!("{name} is empty or longer than {TEXT_BYTES_MAX} bytes")));
            }
        }
        Ok(())
    }

    /// Makes a decision of what is decided.
    fn decision(self, action: Action) -> Decision {
        let id = Uuid::new_v4().simple().to_string();
        Decision { id, action, author: self.author, reason: self.reason, made_at: Timestamp::now().0 }
    }
}

impl DecisionRequest {
    /// Returns the decision, and whether it is undone.
    pub fn resolve(self, api: &IdentityApi) -> Result<(Decision, bool), Failure> {
        self.because.check()?;
        let action = match self.wanted {
            Wanted::Undo { decision } => {
                let Because { author, reason, .. } = self.because;
                return Ok((Decision { author, reason, ..api.decision(&decision)? }, true));
            }
            Wanted::NeverTogether { one, other } => api.apart(api.ids(&one)?, api.ids(&other)?)?,
            Wanted::Split { profile, items } => {
                let chosen = api.ids(&items)?;
                let all = api.items_of_profile(&profile)?;
                if let Some(stranger) = chosen.iter().find(|chosen| all.iter().all(|item| item.id != **chosen)) {
                    return Err(Failure::bad_request(format!("item {stranger} is not in {profile:?}")));
                }
                let rest = all.into_iter().map(|item| item.id);
                api.apart(chosen.clone(), rest.filter(|item| !chosen.contains(item)).collect())?
            }
            Wanted::Assert { one, other } => {
                let (one, other) = (api.ids(&[one])?[0], api.ids(&[other])?[0]);
                if one == other {
                    return Err(Failure::bad_request(format!("both name item {one}: it is one person already")));
                }
                Action::Assert { one, other }
            }
            Wanted::Detach { item, field, value } => {
                let item = api.id(&item)?;
                api.check_field(&field, &value)?;
                api.check_held(item, &field, &value)?;
                Action::Detach { item, field, value }
            }
            Wanted::Generic { field, value } => {
                api.check_field(&field, &value)?;
                Action::Generic { field, value }
            }
        };
        Ok((self.because.decision(action), false))
    }
}

/// The decision that an answer to an entry of the review queue comes to.
pub fn answered(api: &IdentityApi, id: &str, answer: Answer, because: Because) -> Result<Decision, Failure> {
    because.check()?;
    let unknown = || Failure::not_found_as(format!("no entry {id:?} waits for an answer: list the review queue again"));
    match api.state.answer(id.parse::<ReviewId>().map_err(|_| unknown())?, answer)? {
        Answered::Decide(action) => Ok(because.decision(action)),
        Answered::Unknown => Err(unknown()),
        Answered::Decided(decision) => {
            let Decision { id: made, author, .. } = *decision;
            Err(Failure::decided(format!("entry {id} was decided by {author}: undo decision {made} first")))
        }
    }
}

impl IdentityApi {
    /// Never-together of two sets that share no item and no key.
    fn apart(&self, one: Vec<ItemId>, other: Vec<ItemId>) -> Result<Action, Failure> {
        if one.is_empty() || other.is_empty() {
            return Err(Failure::bad_request("one of the two sides names no items"));
        }
        if let Some(both) = one.iter().find(|item| other.contains(item)) {
            return Err(Failure::bad_request(format!("item {both} is on both sides")));
        }
        let (keys, others) = (self.keys(&one)?, self.keys(&other)?);
        if let Some((key, item)) = keys.iter().find(|(key, _)| others.contains_key(*key)) {
            let other = others[key];
            let reason = format!("items {item} and {other} have the key {key}, which no decision can part");
            return Err(Failure::bad_request(reason));
        }
        Ok(Action::NeverTogether { one, other })
    }

    /// Refuses what would have no effect in mode observe, where only identifiers that were seen
    /// together make profiles: all but that a suggestion is wrong.
    pub fn check_observed(&self, action: &Action) -> Result<(), Failure> {
        if !self.state.observes() {
            return Ok(());
        }
        let Action::NeverTogether { one, other } = action else { return Err(Failure::observing()) };
        let profiles = |items: &[ItemId]| {
            let items = items.iter().map(|&item| self.state.item(item));
            items
                .filter_map(Result::transpose)
                .map(|item| Ok(item?.profile_id))
                .collect::<Result<BTreeSet<_>, Failure>>()
        };
        if profiles(one)?.is_disjoint(&profiles(other)?) { Ok(()) } else { Err(Failure::observing()) }
    }

    /// The keys by which items are known, and an item of each.
    fn keys(&self, items: &[ItemId]) -> Result<BTreeMap<String, ItemId>, Failure> {
        let mut keys = BTreeMap::new();
        for &id in items {
            // Sets of identifiers, which are of no source, have no key of their own.
            let keyed = self.state.item(id)?.filter(|item| !item.source.is_empty());
            keys.extend(keyed.map(|item| (item.node, id)));
        }
        Ok(keys)
    }

    /// The items that a text names; none if nothing is called so.
    pub fn items(&self, key: &str) -> Result<Vec<ItemView>, Failure> {
        let wrong = || Failure::bad_request(format!("{key:?}: expected item:ID, profile_id:ID or kind:value"));
        if let Some(id) = key.strip_prefix("item:") {
            let id = id.parse::<ItemId>().map_err(|_| wrong())?;
            return Ok(self.state.item(id)?.into_iter().collect());
        }
        if let Some(id) = key.strip_prefix("profile_id:") {
            let id = Uuid::parse_str(id).map_err(|_| wrong())?;
            return Ok(self.state.items_of_profile(self.state.resolve_id(id)?.unwrap_or(id))?);
        }
        let is_source = |name: &str| self.source_names.iter().any(|source| source == name);
        let identifier = Identifier::parse(key, is_source).map_err(|_| wrong())?;
        Ok(self.state.items_of(&identifier)?)
    }

    /// Every item of the profile that a text names, or names some items of.
    fn items_of_profile(&self, key: &str) -> Result<Vec<ItemView>, Failure> {
        let named = self.items(key)?;
        let profile = named.first().map(|item| item.profile_id).ok_or_else(|| Failure::not_found(key))?;
        Ok(self.state.items_of_profile(profile)?)
    }

    /// The items that texts name, each of which must name some.
    fn ids(&self, keys: &[String]) -> Result<Vec<ItemId>, Failure> {
        let mut ids = Vec::new();
        for key in keys {
            let found = self.items(key)?;
            if found.is_empty() {
                return Err(Failure::not_found(key));
            }
            ids.extend(found.into_iter().map(|item| item.id));
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// Refuses a field that neither is compared nor joins by itself: nothing would come of the decision.
    fn check_field(&self, field: &str, value: &str) -> Result<(), Failure> {
        if self.state.knows_field(field, value)? {
            return Ok(());
        }
        let fields = self.state.compared_fields().join(", ");
        Err(Failure::bad_request(format!(
            "there is no field {field:?}: what is compared is {fields}; user_id and a source's own keys join by themselves"
        )))
    }

    /// Refuses to detach what an item does not hold: a misspelt value would be taken off nothing.
    fn check_held(&self, item: ItemId, field: &str, value: &str) -> Result<(), Failure> {
        let Some(held) = self.state.held_instead(item, field, value)? else { return Ok(()) };
        let held = if held.is_empty() { "none to take off".to_owned() } else { held.join(", ") };
        Err(Failure::bad_request(format!(
            "item {item} does not hold the {field} {value:?}: of {field} it holds {held}"
        )))
    }

    /// The one item that a text names.
    fn id(&self, key: &str) -> Result<ItemId, Failure> {
        match self.ids(&[key.to_owned()])?[..] {
            [id] => Ok(id),
            ref several => {
                let count = several.len();
                Err(Failure::bad_request(format!("{key:?} names {count} items: name one of them by item:ID")))
            }
        }
    }
}
