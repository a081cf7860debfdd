//! What the measurement sends: requests whose bytes are laid out once, in
//! which only the ids change, so that generating costs next to nothing beside
//! the server that is measured on the same cores.
//!
//! Everything follows from an event's sequence number, so that what the tables
//! must answer in the end can be computed.

use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Events of a batch.
pub const BATCH: u64 = 100;
/// Bytes of an event.
const EVENT_BYTES: usize = 1024;
/// People that events belong to.
pub const USERS: u64 = 50_000;
/// The instant the segments are counted at; every event happened before it.
pub const AS_OF: &str = "2026-06-01T00:00:00Z";
/// The write key of the source.
pub const WRITE_KEY: &str = "wk";

const ID: &str = "bench-000000000000";
const USER: &str = "user-00000000";
const NAMES: [&str; 4] = ["Product Viewed", "Product Added", "Checkout Started", "Order Completed"];
const CITIES: [&str; 7] = ["Lisbon", "Graz", "Turku", "Ghent", "Split", "Brno", "Cork"];
const PLANS: [&str; 3] = ["pro", "free", "trial"];

/// What the event with a sequence number says.
pub struct Facts {
    /// The user it belongs to, below [`USERS`].
    pub user: u64,
    /// Its name.
    pub name: &'static str,
    /// Whole days, and a half, that it happened before [`AS_OF`].
    pub days_before: u64,
}

impl Facts {
    /// Of the event with this sequence number.
    pub fn of(sequence: u64) -> Self {
        let place = sequence % BATCH;
        Self { user: user_of(sequence), name: name_at(place), days_before: days_before(place) }
    }
}

/// Spreads events over users, so that neighbours belong to different people.
fn user_of(sequence: u64) -> u64 {
    (sequence.wrapping_mul(2_654_435_761) >> 8) % USERS
}

fn name_at(place: u64) -> &'static str {
    NAMES[usize::try_from(place).unwrap_or(0) % NAMES.len()]
}

fn days_before(place: u64) -> u64 {
    (place * 7) % 90
}

/// The plan of a user.
pub fn plan(user: u64) -> &'static str {
    PLANS[usize::try_from(user).unwrap_or(0) % PLANS.len()]
}

/// The city of a user.
pub fn city(user: u64) -> &'static str {
    CITIES[usize::try_from(user).unwrap_or(0) % CITIES.len()]
}

/// A whole HTTP request, and where its events' ids stand.
#[derive(Clone)]
pub struct Request {
    bytes: Vec<u8>,
    ids: Vec<usize>,
    users: Vec<usize>,
}

impl Request {
    /// A batch of [`BATCH`] events.
    pub fn batch() -> Self {
        let events: Vec<String> = (0..BATCH).map(event).collect();
        Self::post("/v1/batch", &format!(r#"{{"batch":[{}]}}"#, events.join(",")))
    }

    /// A single event.
    pub fn single() -> Self {
        Self::post("/v1/track", &event(3))
    }

    fn post(path: &str, body: &str) -> Self {
        let text = post(path, body);
        let places = |what: &str| text.match_indices(what).map(|(at, _)| at + what.len()).collect();
        let (ids, users) = (places(ID), places(USER));
        Self { bytes: text.into_bytes(), ids, users }
    }

    /// Events that it carries.
    pub fn events(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Time between two of them at so many events a second.
    pub fn interval(&self, events_per_second: u64) -> Duration {
        Duration::from_nanos(self.events() * 1_000_000_000 / events_per_second.max(1))
    }

    /// Its bytes with the sequence numbers from `first` on.
    pub fn with_sequence(&mut self, first: u64) -> &[u8] {
        for ((sequence, &id), &user) in (first..).zip(&self.ids).zip(&self.users) {
            write_digits(&mut self.bytes[..id], sequence, ID.len() - "bench-".len());
            write_digits(&mut self.bytes[..user], user_of(sequence), USER.len() - "user-".len());
        }
        &self.bytes
    }
}

/// The bytes of a request that introduces the users `from..to`.
pub fn introduction(from: u64, to: u64) -> Vec<u8> {
    let person = |user: u64| {
        let (plan, city) = (plan(user), city(user));
        format!(
            r#"{{"type":"identify","messageId":"person-{user:08}","userId":"user-{user:08}","timestamp":"2026-01-15T08:00:00Z","traits":{{"email":"user-{user:08}@example.com","first_name":"Ada","last_name":"Number {user}","plan":"{plan}","city":"{city}","logins":{user}}}}}"#
        )
    };
    let people: Vec<String> = (from..to).map(person).collect();
    post("/v1/batch", &format!(r#"{{"batch":[{}]}}"#, people.join(","))).into_bytes()
}

fn post(path: &str, body: &str) -> String {
    // The write key as the user name of Basic authentication: base64 of `wk:`.
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic d2s6\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The event at a place of a batch, as a browser's client would send it.
fn event(place: u64) -> String {
    let name = name_at(place);
    let hours = i64::try_from(days_before(place) * 24 + 12).unwrap_or(12);
    let as_of: Timestamp = AS_OF.parse().expect("the constant is a time");
    let timestamp = as_of - SignedDuration::from_hours(hours);
    let padded = |note: &str| {
        format!(
            r#"{{"type":"track","messageId":"{ID}","userId":"{USER}","event":"{name}","timestamp":"{timestamp:.3}","properties":{{"order_id":"o-{place}","revenue":129.95,"currency":"EUR","coupon":"SPRING","products":[{{"product_id":"p-1","name":"Kettle","price":49.95,"quantity":1}},{{"product_id":"p-2","name":"Tea set","price":40,"quantity":2}}],"note":"{note}"}},"context":{{"ip":"203.0.113.7","locale":"de-DE","timezone":"Europe/Berlin","userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36","library":{{"name":"analytics.js","version":"4.1.0"}},"page":{{"path":"/checkout/thanks","title":"Thank you","url":"https://shop.example.com/checkout/thanks","referrer":"https://shop.example.com/checkout"}},"screen":{{"width":1440,"height":900,"density":2}}}}}}"#
        )
    };
    let missing = EVENT_BYTES.saturating_sub(padded("").len());
    padded(&"x".repeat(missing))
}

/// Writes `number` as decimal digits at the end of `bytes`.
fn write_digits(bytes: &mut [u8], mut number: u64, digits: usize) {
    for byte in bytes.iter_mut().rev().take(digits) {
        *byte = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn body(bytes: &[u8]) -> Value {
        let text = std::str::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn a_batch_says_what_its_sequence_numbers_say() {
        let mut request = Request::batch();
        let sent = body(request.with_sequence(4_200));
        let events = sent["batch"].as_array().unwrap();
        assert_eq!(events.len() as u64, request.events());
        for (sequence, event) in (4_200..).zip(events) {
            let facts = Facts::of(sequence);
            assert_eq!(event["messageId"], format!("bench-{sequence:012}"));
            assert_eq!(event["userId"], format!("user-{:08}", facts.user));
            assert_eq!(event["event"], facts.name);
            assert_eq!(event.to_string().len().abs_diff(EVENT_BYTES), 0, "{event}");
        }
    }

    #[test]
    fn a_single_event_and_an_introduction_are_requests() {
        assert_eq!(body(Request::single().with_sequence(7))["messageId"], "bench-000000000007");
        assert_eq!(body(&introduction(3, 5))["batch"][1]["userId"], "user-00000004");
    }
}
