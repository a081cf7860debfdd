//! A record on its way to the log: borrowed from the request, written as the
//! text that [`LogValue::decode`](tributary_protocol::LogValue::decode) reads.

use crate::outline::Object;
use std::borrow::Cow;
use tributary_protocol::{Identifier, LOG_VALUE_VERSION, RecordKind, Timestamps};

/// Key of what we add to a record's context.
const OUR_CONTEXT: &str = "tributary";

/// The fields of a [`Record`](tributary_protocol::Record).
pub(crate) struct Draft<'e> {
    pub(crate) source: &'e str,
    pub(crate) message_id: Cow<'e, str>,
    pub(crate) kind: RecordKind,
    pub(crate) timestamps: Timestamps,
    pub(crate) user_id: Option<Cow<'e, str>>,
    pub(crate) anonymous_id: Option<Cow<'e, str>>,
    pub(crate) group_id: Option<Cow<'e, str>>,
    pub(crate) previous_id: Option<Cow<'e, str>>,
    pub(crate) identifiers: Vec<Identifier>,
    pub(crate) node: Option<Identifier>,
    pub(crate) event: Option<Cow<'e, str>>,
    pub(crate) properties: Option<Object<'e, 'e>>,
    /// `category` of a page or screen, for its properties.
    pub(crate) category: Option<&'e str>,
    pub(crate) traits: Option<Object<'e, 'e>>,
    pub(crate) context: Context<'e>,
    /// A client's time that could not be read.
    pub(crate) unreadable_timestamp: Option<String>,
}

impl Draft<'_> {
    /// Writes the key of the log's partition: see
    /// [`Record::partition_key`](tributary_protocol::Record::partition_key).
    pub(crate) fn write_key(&self, out: &mut Vec<u8>) {
        match &self.node {
            None => out.extend_from_slice(self.message_id.as_bytes()),
            Some(Identifier { kind, value }) => {
                out.extend_from_slice(kind.as_bytes());
                out.push(b':');
                out.extend_from_slice(value.as_bytes());
            }
        }
    }

    /// Writes the log's value.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        json(out, r#"{"v":"#, &LOG_VALUE_VERSION);
        json(out, r#","record":{"source":"#, self.source);
        json(out, r#","message_id":"#, &*self.message_id);
        json(out, r#","type":"#, self.kind.as_str());
        self.write_times(out);
        let ids = [
            (r#","user_id":"#, &self.user_id),
            (r#","anonymous_id":"#, &self.anonymous_id),
            (r#","group_id":"#, &self.group_id),
            (r#","previous_id":"#, &self.previous_id),
            (r#","event":"#, &self.event),
        ];
        for (name, id) in ids {
            if let Some(id) = id {
                json(out, name, &**id);
            }
        }
        json(out, r#","identifiers":"#, &self.identifiers);
        if let Some(node) = &self.node {
            json(out, r#","node":"#, node);
        }
        self.write_properties(out);
        self.write_object(out, r#","traits":"#, self.traits);
        self.write_context(out);
        self.write_object(out, r#","consent":"#, self.context.consent());
        out.extend_from_slice(b"}}");
    }

    fn write_times(&self, out: &mut Vec<u8>) {
        let times = &self.timestamps;
        json(out, r#","timestamp":"#, &times.timestamp);
        if let Some(original) = &times.original_timestamp {
            json(out, r#","original_timestamp":"#, original);
        }
        if let Some(sent_at) = &times.sent_at {
            json(out, r#","sent_at":"#, sent_at);
        }
        json(out, r#","received_at":"#, &times.received_at);
    }

    #[allow(clippy::unused_self, reason = "reads as its siblings do")]
    fn write_object(&self, out: &mut Vec<u8>, name: &'static str, object: Option<Object<'_, '_>>) {
        let mut writer = ObjectWriter::new(out, name);
        writer.members(object);
        writer.end();
    }

    fn write_properties(&self, out: &mut Vec<u8>) {
        let mut writer = ObjectWriter::new(out, r#","properties":"#);
        writer.members(self.properties);
        if let Some(category) = self.category {
            writer.member("category", category);
        }
        writer.end();
    }

    fn write_context(&self, out: &mut Vec<u8>) {
        let mut writer = ObjectWriter::new(out, r#","context":"#);
        writer.merged(self.context.own, self.context.batch);
        if self.context.get("integrations").is_none() {
            let [own, batch] = self.context.integrations;
            if [own, batch].into_iter().flatten().any(|object| !object.inner().is_empty()) {
                writer.separate();
                let mut inner = ObjectWriter::new(writer.out, r#""integrations":"#);
                inner.merged(own, batch);
                inner.end();
            }
        }
        if let Some(text) = &self.unreadable_timestamp {
            let ours = serde_json::json!({ "unreadable_timestamp": text });
            writer.member(OUR_CONTEXT, &ours.to_string());
        }
        writer.end();
    }
}

/// The context of an event, over that of its batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Context<'e> {
    pub(crate) own: Option<Object<'e, 'e>>,
    pub(crate) batch: Option<Object<'e, 'e>>,
    /// The event's and the batch's; kept as `context.integrations`.
    pub(crate) integrations: [Option<Object<'e, 'e>>; 2],
}

impl<'e> Context<'e> {
    /// Returns the value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&'e str> {
        let of = |object: Option<Object<'e, 'e>>| object?.get(key);
        of(self.own).or_else(|| of(self.batch))
    }

    /// Returns the value of `key` if it is an object.
    pub(crate) fn object(&self, key: &str) -> Option<Object<'e, 'e>> {
        match self.own {
            Some(own) if own.get(key).is_some() => own.object(key),
            _ => self.batch?.object(key),
        }
    }

    fn consent(&self) -> Option<Object<'e, 'e>> {
        self.object("consent")?.object("categoryPreferences")
    }
}

/// Writes an object whose name appears with its first member.
struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    name: &'static str,
    any: bool,
}

impl<'o> ObjectWriter<'o> {
    fn new(out: &'o mut Vec<u8>, name: &'static str) -> Self {
        Self { out, name, any: false }
    }

    fn separate(&mut self) {
        if self.any {
            self.out.push(b',');
        } else {
            self.out.extend_from_slice(self.name.as_bytes());
            self.out.push(b'{');
            self.any = true;
        }
    }

    /// Adds a member; the key as it stands in JSON.
    fn member(&mut self, key: &str, value: &str) {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out.extend_from_slice(value.as_bytes());
    }

    /// Adds every member of `object`.
    fn members(&mut self, object: Option<Object<'_, '_>>) {
        let inner = object.map_or("", Object::inner);
        if !inner.is_empty() {
            self.separate();
            self.out.extend_from_slice(inner.as_bytes());
        }
    }

    /// Adds every member of `own`, and those of `other` that `own` has not.
    fn merged(&mut self, own: Option<Object<'_, '_>>, other: Option<Object<'_, '_>>) {
        self.members(own);
        for (_, key, value) in other.into_iter().flat_map(Object::iter) {
            if own.is_none_or(|own| own.get(key).is_none()) {
                self.member(key, value);
            }
        }
    }

    fn end(self) {
        if self.any {
            self.out.push(b'}');
        }
    }
}

fn json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, name: &str, value: &T) {
    out.extend_from_slice(name.as_bytes());
    serde_json::to_writer(out, value).expect("texts, numbers and identifiers are JSON, and memory takes them");
}
