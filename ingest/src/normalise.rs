//! From a client's event to a frame of the log, by the rules of the Segment specification.
//!
//! An id is a text or a number; null and empty mean absent. Needed are a user
//! or an anonymous id, the name of a tracked event, the id of a group, the
//! previous id of an alias. An id that is there but means nothing (`"null"`) is
//! accepted: such a record belongs to nobody. Properties, traits and context go
//! to the log as the text they came as.

use crate::draft::{Context, Draft};
use crate::identifiers::{self, RawIds};
use crate::json::{is_empty_list, text, text_or_number};
use crate::outline::{Finding, Object, Outline, Place, canonical};
use crate::{Frames, Limits};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;
use tributary_protocol::{ClientTimes, Record, RecordKind, Timestamp, Timestamps, hash128};
use uuid::Uuid;

/// Longest message id that is kept, in characters.
const MESSAGE_ID_CHARS_MAX: usize = 255;
/// What differs when an event without a message id is sent again.
const NOT_CONTENT: [&str; 3] = ["messageId", "sentAt", "writeKey"];

/// Why an event is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// From a small closed set: `too_large`, `too_deep`, `malformed`, `invalid`.
    pub code: &'static str,
    /// What is wrong with it, for a person; no value of the event.
    pub message: Cow<'static, str>,
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("invalid", message)
    }

    pub(crate) fn malformed(error: &serde_json::Error) -> Self {
        Self::new("malformed", format!("no JSON: {error}"))
    }

    pub(crate) fn too_deep(what: &str, depth_max: usize) -> Self {
        Self::new("too_deep", format!("{what} is nested deeper than {depth_max}"))
    }
}

/// What a request says for all its events; an event's own word goes first.
#[derive(Clone, Debug, Default)]
pub struct BatchDefaults<'a> {
    /// `sentAt`, of the body or the header.
    pub sent_at: Option<Value>,
    /// `timestamp`.
    pub timestamp: Option<Value>,
    /// `context`, an object's JSON or empty; merged key by key.
    pub context: Cow<'a, str>,
    /// `integrations`, an object's JSON or empty; merged key by key, kept as `context.integrations`.
    pub integrations: Cow<'a, str>,
}

/// Normalises the events of one request.
///
/// ```
/// use tributary_ingest::normalise::{BatchDefaults, Normaliser};
/// use tributary_ingest::{Frames, Limits};
/// use tributary_protocol::{LogValue, Timestamp};
///
/// let batch = BatchDefaults::default();
/// let mut normaliser = Normaliser::new("web", Limits::default(), &batch, Timestamp::now());
/// let mut frames = Frames::default();
/// normaliser.encode(r#"{"type":"track","userId":42,"event":"Signed Up"}"#, None, &mut frames)?;
///
/// let entries = frames.into_entries();
/// assert_eq!(&entries[0].key[..], b"user_id:42");
/// let LogValue::Record(record) = LogValue::decode(&entries[0].value).unwrap() else { panic!() };
/// assert_eq!(record.event.as_deref(), Some("Signed Up"));
/// # Ok::<(), tributary_ingest::normalise::Failure>(())
/// ```
#[derive(Debug)]
pub struct Normaliser<'a> {
    source: &'a str,
    limits: Limits,
    batch: &'a BatchDefaults<'a>,
    batch_context: Outline<'a>,
    batch_integrations: Outline<'a>,
    received_at: Timestamp,
    /// Kept for its memory.
    outline: Outline<'a>,
    /// How often a content without a message id was seen.
    ordinals: HashMap<u128, u32>,
}

impl<'a> Normaliser<'a> {
    /// Begins a request.
    #[must_use]
    pub fn new(source: &'a str, limits: Limits, batch: &'a BatchDefaults<'a>, received_at: Timestamp) -> Self {
        let read = |text: &'a str| {
            let mut outline = Outline::default();
            outline.read(text, limits.depth_max);
            outline
        };
        Self {
            source,
            limits,
            batch,
            batch_context: read(&batch.context),
            batch_integrations: read(&batch.integrations),
            received_at,
            outline: Outline::default(),
            ordinals: HashMap::new(),
        }
    }

    /// Adds the frame of the next event. `text` is JSON (a raw value of `serde_json`);
    /// `kind` is what the path says, without it the event's `type` counts.
    ///
    /// # Errors
    /// [`Failure`] if it breaks a limit or one of the rules: no frame is added.
    pub fn encode(&mut self, text: &'a str, kind: Option<RecordKind>, frames: &mut Frames) -> Result<(), Failure> {
        let Limits { event_bytes_max, depth_max, .. } = self.limits;
        if text.len() > event_bytes_max {
            let message = format!("the event has {} bytes, {event_bytes_max} are allowed", text.len());
            return Err(Failure::new("too_large", message));
        }
        let mut outline = std::mem::take(&mut self.outline);
        let outcome = match outline.read(text, depth_max) {
            Finding::TooDeep => Err(Failure::too_deep("the event", depth_max)),
            Finding::Plain => self.encode_plain(&outline, text, kind, frames),
            Finding::Peculiar => self.encode_peculiar(text, kind, frames),
        };
        self.outline = outline;
        outcome
    }

    fn encode_peculiar(&mut self, text: &str, kind: Option<RecordKind>, frames: &mut Frames) -> Result<(), Failure> {
        let text = canonical(text).map_err(|error| Failure::malformed(&error))?;
        let mut outline = Outline::default();
        outline.read(&text, self.limits.depth_max);
        self.encode_plain(&outline, &text, kind, frames)
    }

    fn encode_plain(
        &mut self,
        outline: &Outline<'_>,
        text: &str,
        kind: Option<RecordKind>,
        frames: &mut Frames,
    ) -> Result<(), Failure> {
        let object = outline.object().ok_or_else(|| no_object(text))?;
        let event = Event::of(object);
        let kind = kind.map_or_else(|| event.kind(), Ok)?;
        let ids = Ids::of(&event)?;
        ids.check(kind)?;
        let given = event.time(event.timestamp).or_else(|| event.time(event.original_timestamp));
        let given =
            given.map(Cow::Owned).or_else(|| self.batch.timestamp.as_ref().filter(|v| is_given(v)).map(Cow::Borrowed));
        let message_id = self.message_id(&event, kind, given.as_deref(), text)?;
        let sent_at =
            event.time(event.sent_at).map(Cow::Owned).or_else(|| self.batch.sent_at.as_ref().map(Cow::Borrowed));
        let client = ClientTimes { original_timestamp: given.as_deref(), timestamp: None, sent_at: sent_at.as_deref() };
        let (timestamps, unreadable_timestamp) = Timestamps::at_edge(client, self.received_at);

        let properties = event.object_at(event.properties, "properties")?;
        let traits = event.object_at(event.traits, "traits")?;
        let context = Context {
            own: event.object_at(event.context, "context")?,
            batch: self.batch_context.object(),
            integrations: [event.object_at(event.integrations, "integrations")?, self.batch_integrations.object()],
        };
        let name = event.name(kind, properties)?;
        let identifiers = identifiers::collect(kind, &ids.raw(), traits, &context);
        let Ids { user_id, anonymous_id, group_id, previous_id } = ids;
        frames.push_draft(&Draft {
            source: self.source,
            message_id,
            kind,
            timestamps,
            node: Record::owner(self.source, &identifiers),
            identifiers,
            user_id,
            anonymous_id,
            group_id,
            previous_id,
            event: name,
            properties,
            category: event.category(kind, properties),
            traits,
            context,
            unreadable_timestamp,
        });
        Ok(())
    }

    /// The client's id of the event. Without one: hash of its content and ordinal among equal
    /// ones of the request, if it carries a time, so that the same request sent again gives the
    /// same ids; else a generated id.
    fn message_id<'e>(
        &mut self,
        event: &Event<'_, 'e>,
        kind: RecordKind,
        given: Option<&Value>,
        text: &str,
    ) -> Result<Cow<'e, str>, Failure> {
        if let Some(id) = event.id(event.message_id, "messageId")? {
            if id.len() > MESSAGE_ID_CHARS_MAX && id.chars().nth(MESSAGE_ID_CHARS_MAX).is_some() {
                return Err(Failure::invalid(format!("`messageId` is longer than {MESSAGE_ID_CHARS_MAX} characters")));
            }
            return Ok(id);
        }
        let Some(given) = given else { return Ok(Uuid::now_v7().to_string().into()) };
        let mut content: Value = serde_json::from_str(text).map_err(|error| Failure::malformed(&error))?;
        if let Value::Object(content) = &mut content {
            content.retain(|key, _| !NOT_CONTENT.contains(&&**key));
        }
        let parts = [kind.as_str(), &given.to_string(), &content.to_string()].map(str::to_owned);
        let hash = hash128(&parts.each_ref().map(String::as_bytes));
        let ordinal = self.ordinals.entry(hash).and_modify(|count| *count += 1).or_insert(0);
        Ok(format!("{hash:032x}-{ordinal}").into())
    }
}

/// The ids of an event.
#[allow(clippy::struct_field_names, reason = "the names are the specification's own")]
struct Ids<'e> {
    user_id: Option<Cow<'e, str>>,
    anonymous_id: Option<Cow<'e, str>>,
    group_id: Option<Cow<'e, str>>,
    previous_id: Option<Cow<'e, str>>,
}

impl<'e> Ids<'e> {
    fn of(event: &Event<'_, 'e>) -> Result<Self, Failure> {
        Ok(Self {
            user_id: event.id(event.user_id, "userId")?,
            anonymous_id: event.id(event.anonymous_id, "anonymousId")?,
            group_id: event.id(event.group_id, "groupId")?,
            previous_id: event.id(event.previous_id, "previousId")?,
        })
    }

    fn check(&self, kind: RecordKind) -> Result<(), Failure> {
        if self.user_id.is_none() && self.anonymous_id.is_none() {
            return Err(Failure::invalid("`userId` or `anonymousId` is needed"));
        }
        match kind {
            RecordKind::Group if self.group_id.is_none() => Err(Failure::invalid("`groupId` is needed")),
            RecordKind::Alias if self.previous_id.is_none() => Err(Failure::invalid("`previousId` is needed")),
            _ => Ok(()),
        }
    }

    fn raw(&self) -> RawIds<'_> {
        RawIds {
            user_id: self.user_id.as_deref(),
            anonymous_id: self.anonymous_id.as_deref(),
            group_id: self.group_id.as_deref(),
            previous_id: self.previous_id.as_deref(),
        }
    }
}

/// The members of an event that mean something.
#[allow(clippy::struct_field_names, reason = "the names are the specification's own")]
struct Event<'o, 'e> {
    object: Object<'o, 'e>,
    kind: Option<Place>,
    message_id: Option<Place>,
    user_id: Option<Place>,
    anonymous_id: Option<Place>,
    group_id: Option<Place>,
    previous_id: Option<Place>,
    event: Option<Place>,
    name: Option<Place>,
    category: Option<Place>,
    timestamp: Option<Place>,
    original_timestamp: Option<Place>,
    sent_at: Option<Place>,
    properties: Option<Place>,
    traits: Option<Place>,
    context: Option<Place>,
    integrations: Option<Place>,
}

impl<'o, 'e> Event<'o, 'e> {
    fn of(object: Object<'o, 'e>) -> Self {
        let mut event = Self {
            object,
            kind: None,
            message_id: None,
            user_id: None,
            anonymous_id: None,
            group_id: None,
            previous_id: None,
            event: None,
            name: None,
            category: None,
            timestamp: None,
            original_timestamp: None,
            sent_at: None,
            properties: None,
            traits: None,
            context: None,
            integrations: None,
        };
        for (place, key, _) in object.iter() {
            let member = match key {
                "type" => &mut event.kind,
                "messageId" => &mut event.message_id,
                "userId" => &mut event.user_id,
                "anonymousId" => &mut event.anonymous_id,
                "groupId" => &mut event.group_id,
                "previousId" => &mut event.previous_id,
                "event" => &mut event.event,
                "name" => &mut event.name,
                "category" => &mut event.category,
                "timestamp" => &mut event.timestamp,
                "originalTimestamp" => &mut event.original_timestamp,
                "sentAt" => &mut event.sent_at,
                "properties" => &mut event.properties,
                "traits" => &mut event.traits,
                "context" => &mut event.context,
                "integrations" => &mut event.integrations,
                _ => continue,
            };
            *member = Some(place);
        }
        event
    }

    /// Returns a member's JSON; none if it is absent or null.
    fn given(&self, place: Option<Place>) -> Option<&'e str> {
        Some(self.object.value(place?)).filter(|json| *json != "null")
    }

    /// Reads `type`. Clients cannot send the kinds that are ours.
    fn kind(&self) -> Result<RecordKind, Failure> {
        let json = self.given(self.kind).ok_or_else(|| Failure::invalid("`type` is missing"))?;
        let text = text(json).ok_or_else(|| Failure::invalid("`type` is no text"))?;
        match text.parse() {
            Ok(kind) if !matches!(kind, RecordKind::Delete | RecordKind::Object) => Ok(kind),
            _ => Err(Failure::invalid("`type` is none of identify, track, page, screen, group, alias")),
        }
    }

    /// Reads an id: a text or a number; null and empty mean absent.
    fn id(&self, place: Option<Place>, key: &str) -> Result<Option<Cow<'e, str>>, Failure> {
        let Some(json) = self.given(place) else { return Ok(None) };
        let id = text_or_number(json);
        let id = id.ok_or_else(|| Failure::invalid(format!("`{key}` is neither a text nor a number")))?;
        Ok(Some(id).filter(|id| !id.trim().is_empty()))
    }

    /// Reads a text; null and empty mean absent.
    fn text(&self, place: Option<Place>, key: &str) -> Result<Option<Cow<'e, str>>, Failure> {
        let Some(json) = self.given(place) else { return Ok(None) };
        let text = text(json).ok_or_else(|| Failure::invalid(format!("`{key}` is no text")))?;
        Ok(Some(text).filter(|text| !text.trim().is_empty()))
    }

    /// Reads a client's time; null and empty mean absent.
    fn time(&self, place: Option<Place>) -> Option<Value> {
        serde_json::from_str(self.given(place)?).ok().filter(is_given)
    }

    /// Reads an object; null and an empty list mean absent.
    fn object_at(&self, place: Option<Place>, key: &str) -> Result<Option<Object<'o, 'e>>, Failure> {
        let is_absent = self.given(place).is_none_or(is_empty_list);
        let Some(place) = place.filter(|_| !is_absent) else { return Ok(None) };
        let object = self.object.object_at(place);
        object.map(Some).ok_or_else(|| Failure::invalid(format!("`{key}` is no object")))
    }

    /// The name of a tracked event, or of a page or screen, which may stand in its properties.
    fn name(&self, kind: RecordKind, properties: Option<Object<'_, 'e>>) -> Result<Option<Cow<'e, str>>, Failure> {
        match kind {
            RecordKind::Track => {
                let name = self.text(self.event, "event")?;
                name.map(Some).ok_or_else(|| Failure::invalid("`event` is needed"))
            }
            RecordKind::Page | RecordKind::Screen => {
                let of_properties = || text(properties?.get("name")?).filter(|name| !name.is_empty());
                Ok(self.text(self.name, "name")?.or_else(of_properties))
            }
            _ => Ok(None),
        }
    }

    /// The category of a page or screen, unless its properties have one.
    fn category(&self, kind: RecordKind, properties: Option<Object<'_, '_>>) -> Option<&'e str> {
        let is_view = matches!(kind, RecordKind::Page | RecordKind::Screen);
        let has_own = properties.is_some_and(|properties| properties.get("category").is_some());
        self.given(self.category).filter(|json| is_view && !has_own && *json != "\"\"")
    }
}

fn is_given(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

fn no_object(event: &str) -> Failure {
    let is_text = event.starts_with('"') && text(event).is_some_and(|text| text.trim_start().starts_with('{'));
    Failure::invalid(if is_text { "the event is a text: its JSON is encoded twice" } else { "the event is no object" })
}
