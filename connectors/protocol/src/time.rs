//! Times: UTC microseconds, and the rules by which a client's clock is read.
//!
//! `timestamp = received_at - (sent_at - original_timestamp)`, computed once
//! and stored with the raw values; nothing downstream reads a clock.

use serde::{Deserialize, Serialize};
use serde_json::Value;

const MICROS_PER_SECOND: i64 = 1_000_000;
/// 1970-01-01 and 2100-01-01: a time outside is not believed.
const BELIEVED_SECONDS: std::ops::Range<i64> = 0..4_102_444_800;
/// Integers below are seconds, others milliseconds.
const SECONDS_BELOW: i64 = 100_000_000_000;

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads the clock. Only the edge may: the gateway and the pull sources.
    #[must_use]
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_microsecond())
    }

    /// Reads an ISO 8601 text (no offset means UTC, a date alone is its midnight), also with a space or `UTC`
    /// for its offset as Ruby prints it, or a text of RFC 2822, as mail and HTTP have it.
    /// `None` if unreadable or outside 1970-2100.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_in(text, &jiff::tz::TimeZone::UTC)
    }

    /// As [`Timestamp::parse`], a text without an offset being of `zone`.
    #[must_use]
    pub fn parse_in(text: &str, zone: &jiff::tz::TimeZone) -> Option<Self> {
        let text = text.trim();
        if let Ok(number) = text.parse::<i64>() {
            return Self::from_number(number);
        }
        let of_zone = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(zone.clone()).ok();
        let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| of_zone().map(|time| time.timestamp()));
        let instant = instant.or_else(|| spaced(text)).or_else(|| mailed(text))?;
        Self(instant.as_microsecond()).believed()
    }

    /// Reads a JSON text or number; see [`Timestamp::parse`] and the rule for integers
    /// (below 1e11 seconds, else milliseconds).
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => {
                number.as_i64().map_or_else(|| Self::from_float(number.as_f64()?), Self::from_number)
            }
            _ => None,
        }
    }

    fn from_number(number: i64) -> Option<Self> {
        let micros =
            if number < SECONDS_BELOW { number.checked_mul(MICROS_PER_SECOND) } else { number.checked_mul(1000) };
        Self(micros?).believed()
    }

    #[allow(clippy::cast_possible_truncation, reason = "a cast from float saturates and is then range-checked")]
    fn from_float(number: f64) -> Option<Self> {
        let scale = if number < 1e11 { 1e6 } else { 1e3 };
        Self((number * scale).round() as i64).believed()
    }

    fn believed(self) -> Option<Self> {
        BELIEVED_SECONDS.contains(&self.0.div_euclid(MICROS_PER_SECOND)).then_some(self)
    }
}

/// Reads `2026-01-31 12:00:00 +0100`, and `UTC` in the place of the offset.
fn spaced(text: &str) -> Option<jiff::Timestamp> {
    let (time, offset) = text.rsplit_once(' ')?;
    let offset = if offset == "UTC" { "Z" } else { offset };
    format!("{time}{offset}").parse().ok()
}

/// Reads `Sat, 31 Jan 2026 12:00:00 GMT`.
fn mailed(text: &str) -> Option<jiff::Timestamp> {
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
}

/// Prints `2026-01-31T12:00:00.000000Z`.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => write!(f, "{instant:.6}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// The times of a record, raw and computed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timestamps {
    /// When it happened, the client's clock corrected.
    pub timestamp: Timestamp,
    /// When the client says it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_timestamp: Option<Timestamp>,
    /// When the client says it sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// When it was received.
    pub received_at: Timestamp,
}

/// The times a client gave, as JSON values.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientTimes<'a> {
    /// `originalTimestamp`.
    pub original_timestamp: Option<&'a Value>,
    /// `timestamp`, taken for the original one if that is absent.
    pub timestamp: Option<&'a Value>,
    /// `sentAt`, of the event or its batch.
    pub sent_at: Option<&'a Value>,
}

impl Timestamps {
    /// Computes a record's times. The second value is the raw text of a client
    /// time that could not be read or lies outside 1970-2100, in which case the
    /// time is `received_at`.
    #[must_use]
    pub fn at_edge(client: ClientTimes<'_>, received_at: Timestamp) -> (Self, Option<String>) {
        let given = [client.original_timestamp, client.timestamp].into_iter().flatten().find(|value| !value.is_null());
        let original = given.and_then(Timestamp::from_json);
        let unreadable = given
            .filter(|_| original.is_none())
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let sent_at = client.sent_at.and_then(Timestamp::from_json);
        let timestamp = match original {
            None => received_at,
            Some(original) => corrected(original, sent_at, received_at),
        };
        (Self { timestamp, original_timestamp: original, sent_at, received_at }, unreadable)
    }
}

/// `received_at - (sent_at - original)`, or `original` without a `sent_at`.
/// A result outside 1970-2100 falls back to `received_at`.
fn corrected(original: Timestamp, sent_at: Option<Timestamp>, received_at: Timestamp) -> Timestamp {
    let Some(sent_at) = sent_at else { return original };
    Timestamp(received_at.0 - (sent_at.0 - original.0)).believed().unwrap_or(received_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: &Value, expected: Option<&str>) {
        assert_eq!(Timestamp::from_json(value).map(|t| t.to_string()).as_deref(), expected, "{value}");
    }

    #[test]
    fn client_times_are_read() {
        check(&json!("2026-01-02T03:04:05Z"), Some("2026-01-02T03:04:05.000000Z"));
        check(&json!("2026-01-02T03:04:05.123456+02:00"), Some("2026-01-02T01:04:05.123456Z"));
        check(&json!("2026-01-02 03:04:05"), Some("2026-01-02T03:04:05.000000Z"));
        for text in ["2026-01-02 03:04:05 UTC", "2026-01-02 05:04:05.0 +0200", "Fri, 2 Jan 2026 03:04:05 GMT"] {
            check(&json!(text), Some("2026-01-02T03:04:05.000000Z"));
        }
        check(&json!("2026-01-02"), Some("2026-01-02T00:00:00.000000Z"));
        check(&json!(1_767_323_045), Some("2026-01-02T03:04:05.000000Z"));
        check(&json!(1_767_323_045_000_i64), Some("2026-01-02T03:04:05.000000Z"));
        check(&json!(1_767_323_045.5), Some("2026-01-02T03:04:05.500000Z"));
        check(&json!("0001-01-01T00:00:00Z"), None);
        check(&json!("2300-01-01T00:00:00Z"), None);
        check(&json!("yesterday"), None);
        check(&json!(-5), None);
        check(&json!(1e300), None);
    }

    fn edge(original: &Value, sent: &Value, expected: &str, unreadable: bool) {
        let received = Timestamp::parse("2026-01-01T12:00:00Z").unwrap();
        let client = ClientTimes { timestamp: Some(original), sent_at: Some(sent), ..ClientTimes::default() };
        let (times, raw) = Timestamps::at_edge(client, received);
        assert_eq!(times.timestamp.to_string(), expected);
        assert_eq!(raw.is_some(), unreadable);
    }

    #[test]
    fn clocks_are_corrected() {
        edge(&json!("2026-01-01T10:00:00Z"), &json!("2026-01-01T11:00:00Z"), "2026-01-01T11:00:00.000000Z", false);
        edge(&json!("2036-01-01T10:00:00Z"), &json!("2036-01-01T10:00:01Z"), "2026-01-01T11:59:59.000000Z", false);
        edge(&json!("2026-01-01T10:00:00Z"), &json!(null), "2026-01-01T10:00:00.000000Z", false);
        edge(&json!("soon"), &json!(null), "2026-01-01T12:00:00.000000Z", true);
    }
}
