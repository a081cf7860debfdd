//! What an operator asks for, and the decision that it comes to.

use super::IdentityApi;
use super::answer::Failure;
use serde::Deserialize;
use tributary_protocol::{Identifier, Timestamp};
use tributary_state::{Action, Decision, ItemId, ItemView};
use uuid::Uuid;

/// Longest author or reason, in bytes.
const TEXT_BYTES_MAX: usize = 2000;

/// The body of a decision.
#[derive(Deserialize)]
pub struct DecisionRequest {
    #[serde(flatten)]
    wanted: Wanted,
    author: String,
    reason: String,
    /// Only tell what it would change.
    #[serde(default)]
    pub preview: bool,
}

/// What is asked for. Items are named by `item:ID`, by `kind:value` or by
/// `profile_id:ID`; the latter two name every item of theirs.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
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

impl DecisionRequest {
    /// Returns the decision, and whether it is undone.
    pub fn resolve(self, api: &IdentityApi) -> Result<(Decision, bool), Failure> {
        for (name, text) in [("author", &self.author), ("reason", &self.reason)] {
            if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX {
                return Err(Failure::bad_request(format!("{name} is empty or longer than {TEXT_BYTES_MAX} bytes")));
            }
        }
        let action = match self.wanted {
            Wanted::Undo { decision } => {
                let decision = api.decision(&decision)?;
                return Ok((Decision { author: self.author, reason: self.reason, ..decision }, true));
            }
            Wanted::NeverTogether { one, other } => apart(api.ids(&one)?, api.ids(&other)?)?,
            Wanted::Split { profile, items } => {
                let chosen = api.ids(&items)?;
                let rest = api.items(&profile)?.into_iter().map(|item| item.id);
                apart(chosen.clone(), rest.filter(|item| !chosen.contains(item)).collect())?
            }
            Wanted::Assert { one, other } => {
                let (one, other) = (api.ids(&[one])?[0], api.ids(&[other])?[0]);
                Action::Assert { one, other }
            }
            Wanted::Detach { item, field, value } => {
                let item = api.id(&item)?;
                api.check_field(&field, &value)?;
                Action::Detach { item, field, value }
            }
            Wanted::Generic { field, value } => {
                api.check_field(&field, &value)?;
                Action::Generic { field, value }
            }
        };
        let id = Uuid::new_v4().simple().to_string();
        let made_at = Timestamp::now().0;
        Ok((Decision { id, action, author: self.author, reason: self.reason, made_at }, false))
    }
}

/// Never-together of two sets that share no item.
fn apart(one: Vec<ItemId>, other: Vec<ItemId>) -> Result<Action, Failure> {
    if one.is_empty() || other.is_empty() {
        return Err(Failure::bad_request("one of the two sides names no items"));
    }
    if let Some(both) = one.iter().find(|item| other.contains(item)) {
        return Err(Failure::bad_request(format!("item {both} is on both sides")));
    }
    Ok(Action::NeverTogether { one, other })
}

impl IdentityApi {
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
