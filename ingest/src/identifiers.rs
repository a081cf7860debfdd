//! Which identifiers an event carries, and where.

use crate::draft::Context;
use crate::json::text_or_number;
use crate::outline::Object;
use serde_json::Value;
use tributary_protocol::{
    Identifier, KIND_ANONYMOUS_ID, KIND_DEVICE, KIND_EMAIL, KIND_PHONE, KIND_USER_ID, RecordKind,
};

/// The kind of a group's key; it joins nobody.
const KIND_GROUP_ID: &str = "group_id";

/// The raw ids of an event's top level.
#[allow(clippy::struct_field_names, reason = "the names are the specification's own")]
pub(crate) struct RawIds<'a> {
    pub(crate) user_id: Option<&'a str>,
    pub(crate) anonymous_id: Option<&'a str>,
    pub(crate) group_id: Option<&'a str>,
    pub(crate) previous_id: Option<&'a str>,
}

/// Collects the normalised identifiers, sorted and without repeats.
pub(crate) fn collect(
    kind: RecordKind,
    ids: &RawIds<'_>,
    traits: Option<Object<'_, '_>>,
    context: &Context<'_>,
) -> Vec<Identifier> {
    let mut found = Found(Vec::with_capacity(4));
    found.text(KIND_USER_ID, ids.user_id);
    found.text(KIND_ANONYMOUS_ID, ids.anonymous_id);
    found.text(KIND_GROUP_ID, ids.group_id);
    if kind == RecordKind::Alias {
        found.text(KIND_ANONYMOUS_ID, ids.previous_id);
    }
    if kind != RecordKind::Group {
        // The traits of a group call describe the group.
        found.of_traits(traits);
    }
    found.of_context(context);
    let mut identifiers = found.0;
    identifiers.sort_unstable();
    identifiers.dedup();
    identifiers
}

struct Found(Vec<Identifier>);

impl Found {
    fn text(&mut self, kind: &str, value: Option<&str>) {
        self.0.extend(value.and_then(|value| Identifier::new(kind, value)));
    }

    fn json(&mut self, kind: &str, value: Option<&str>) {
        self.text(kind, value.and_then(text_or_number).as_deref());
    }

    fn of_traits(&mut self, traits: Option<Object<'_, '_>>) {
        let Some(traits) = traits else { return };
        self.json(KIND_EMAIL, traits.get("email"));
        self.json(KIND_PHONE, traits.get("phone"));
    }

    fn of_context(&mut self, context: &Context<'_>) {
        self.of_traits(context.object("traits"));
        self.json(KIND_DEVICE, context.object("device").and_then(|device| device.get("id")));
        self.json(KIND_GROUP_ID, context.get("groupId"));
        let external = context.get("externalIds").and_then(|json| serde_json::from_str::<Vec<Value>>(json).ok());
        external.iter().flatten().for_each(|item| self.external(item));
    }

    /// An item of `context.externalIds`: `{id, type, collection: "users", encoding: "none"}`.
    fn external(&mut self, item: &Value) {
        let text = |key: &str| item.get(key).and_then(Value::as_str);
        let of_users = text("collection").is_none_or(|collection| collection == "users");
        let plain = text("encoding").is_none_or(|encoding| encoding == "none");
        let kind = text("type").map(|kind| kind.trim().to_lowercase()).filter(|kind| is_kind(kind));
        if let (Some(kind), true, true) = (kind, of_users, plain) {
            match item.get("id") {
                Some(Value::String(id)) => self.text(&kind, Some(id)),
                Some(Value::Number(id)) => self.text(&kind, Some(&id.to_string())),
                _ => {}
            }
        }
    }
}

/// A client may name a kind, but not one of two segments: those are a source's own keys.
fn is_kind(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte))
}
