//! Requests whose events are too large, too deep, no JSON or wrong.

use anyhow::Context as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;
use tributary_tests::{Accounts, Answer, Server, ServerOptions};

const EVENT_BYTES_MAX: usize = 32 << 10;
const REQUEST_BYTES_MAX: usize = 512_000;
const BATCH_EVENTS_MAX: usize = 2500;

/// What a request must lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// 200, and so many events.
    Events(u64),
    /// 400, and one failed event.
    OneFailed,
    /// 400, and nothing stored.
    Nothing,
    /// 200, with so many events and so many failed ones.
    Batch { events: u64, failed: u64 },
}

impl Outcome {
    fn status(self) -> u16 {
        if matches!(self, Self::OneFailed | Self::Nothing) { 400 } else { 200 }
    }

    fn events(self) -> u64 {
        match self {
            Self::Events(events) | Self::Batch { events, .. } => events,
            Self::OneFailed | Self::Nothing => 0,
        }
    }

    fn failed(self) -> u64 {
        match self {
            Self::Batch { failed, .. } => failed,
            Self::OneFailed => 1,
            Self::Events(_) | Self::Nothing => 0,
        }
    }
}

struct Case {
    what: &'static str,
    path: &'static str,
    body: Vec<u8>,
    outcome: Outcome,
}

fn case(what: &'static str, path: &'static str, body: impl Into<Vec<u8>>, outcome: Outcome) -> Case {
    Case { what, path, body: body.into(), outcome }
}

fn track(properties: &str) -> String {
    format!(r#"{{"type":"track","userId":"u","event":"E","properties":{properties}}}"#)
}

fn batch(events: &[String]) -> String {
    format!(r#"{{"batch":[{}]}}"#, events.join(","))
}

fn nested(depth: usize) -> String {
    track(&format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth)))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

fn large(bytes: usize) -> String {
    track(&format!("{{\"a\":\"{}\"}}", "x".repeat(bytes)))
}

fn sizes() -> Vec<Case> {
    use Outcome::{Batch, Events, Nothing, OneFailed};
    let many = |count: usize| batch(&vec![track("{}"); count]);
    vec![
        case("an event within the limit", "/v1/track", large(EVENT_BYTES_MAX - 100), Events(1)),
        case("an event over the limit", "/v1/track", large(EVENT_BYTES_MAX), OneFailed),
        case(
            "an event over the limit in a batch",
            "/v1/batch",
            batch(&[track("{}"), large(EVENT_BYTES_MAX + 1), track("{}")]),
            Batch { events: 2, failed: 1 },
        ),
        case("a request over the limit", "/v1/batch", batch(&vec![large(20_000); 26]), Nothing),
        case("one event as large as no request may be", "/v1/track", large(REQUEST_BYTES_MAX + 20_000), Nothing),
        case("as many events as a batch may have", "/v1/batch", many(BATCH_EVENTS_MAX), Events(2500)),
        case("one event more", "/v1/batch", many(BATCH_EVENTS_MAX + 1), Nothing),
        case("an empty batch", "/v1/batch", r#"{"batch":[]}"#, Batch { events: 0, failed: 0 }),
    ]
}

fn compressed() -> Vec<Case> {
    use Outcome::{Events, Nothing, OneFailed};
    let bomb = gzip(&vec![b' '; 200 << 20]);
    let whole = gzip(track("{}").as_bytes());
    let mut damaged = whole.clone();
    damaged.truncate(whole.len() - 6);
    vec![
        case("a compressed event", "/v1/track", whole, Events(1)),
        case("a compressed bomb", "/v1/batch", bomb, Nothing),
        case("a compressed body that breaks off", "/v1/track", damaged, OneFailed),
    ]
}

fn unreadable() -> Vec<Case> {
    use Outcome::OneFailed;
    let doubly = Value::String(track("{}")).to_string();
    vec![
        case("no JSON", "/v1/track", "hello", OneFailed),
        case("nothing at all", "/v1/track", "", OneFailed),
        case("JSON that breaks off", "/v1/track", r#"{"userId":"u","event":"#, OneFailed),
        case("a batch that breaks off", "/v1/batch", r#"{"batch":[{"type":"track""#, OneFailed),
        case("doubly encoded JSON", "/v1/track", doubly.clone(), OneFailed),
        case("a doubly encoded batch", "/v1/batch", Value::String(batch(&[track("{}")])).to_string(), OneFailed),
        case("NaN", "/v1/track", track(r#"{"a":NaN}"#), OneFailed),
        case("Infinity", "/v1/track", track(r#"{"a":-Infinity}"#), OneFailed),
        case("no UTF-8", "/v1/track", b"{\"userId\":\"\xff\xfe\",\"event\":\"E\"}", OneFailed),
        case("a list", "/v1/track", "[1,2]", OneFailed),
        case("a number", "/v1/track", "7", OneFailed),
        case("a batch that is no list", "/v1/batch", r#"{"batch":{"type":"track"}}"#, OneFailed),
        case("a body without a batch", "/v1/batch", track("{}"), OneFailed),
        case("100 levels", "/v1/track", nested(100), OneFailed),
        case("10,000 levels", "/v1/track", nested(10_000), OneFailed),
        case("brackets that never close", "/v1/track", "[".repeat(30_000), OneFailed),
    ]
}

fn wrong_events() -> Vec<Case> {
    use Outcome::{Batch, Events, OneFailed};
    let of = |event: Value| event.to_string();
    vec![
        case("a user id that is an object", "/v1/track", of(json!({"userId": {"a": 1}, "event": "E"})), OneFailed),
        case("an event that is a number", "/v1/track", of(json!({"userId": "u", "event": 7})), OneFailed),
        case("no event", "/v1/track", of(json!({"userId": "u"})), OneFailed),
        case(
            "properties that are a list",
            "/v1/track",
            of(json!({"userId": "u", "event": "E", "properties": [1]})),
            OneFailed,
        ),
        case("traits that are a text", "/v1/identify", of(json!({"userId": "u", "traits": "x"})), OneFailed),
        case("a group without an id", "/v1/group", of(json!({"userId": "u-1"})), OneFailed),
        case("an alias without a previous id", "/v1/alias", of(json!({"userId": "u-2"})), OneFailed),
        case("no ids", "/v1/track", of(json!({"event": "E"})), OneFailed),
        case("null ids", "/v1/track", of(json!({"event": "E", "userId": null, "anonymousId": null})), OneFailed),
        case("empty ids", "/v1/track", of(json!({"event": "E", "userId": "", "anonymousId": ""})), OneFailed),
        case(
            "an unknown type in a batch",
            "/v1/batch",
            batch(&[of(json!({"type": "wat", "userId": "u"}))]),
            Batch { events: 0, failed: 1 },
        ),
        case("a batch of things", "/v1/batch", r#"{"batch":[1,null,"x",[],{}]}"#, Batch { events: 0, failed: 5 }),
        case("a numeric user id", "/v1/track", of(json!({"event": "E", "userId": 42})), Events(1)),
        case("one null id", "/v1/track", of(json!({"event": "E", "userId": null, "anonymousId": "a-1"})), Events(1)),
        case("an id that means nothing", "/v1/track", of(json!({"event": "E", "userId": "undefined"})), Events(1)),
        case("NUL and lone surrogates", "/v1/track", track(r#"{"a":"\u0000","b":"\ud800"}"#), Events(1)),
        case("a key twice", "/v1/track", r#"{"userId":"u","userId":"v","event":"E"}"#, Events(1)),
    ]
}

/// Sends every case to one server; no two cases may be the same bytes, as those would count once; each must be answered and stored as it says, and leave the sum whole.
async fn check(cases: Vec<Case>) -> anyhow::Result<()> {
    let server = Server::start(ServerOptions::default()).await?;
    let mut before = Accounts::balanced(&server).await?;
    for Case { what, path, body, outcome } in cases {
        let answer = server.post_bytes(path, body.clone()).await.context(what)?;
        assert_eq!(answer.status, outcome.status(), "{what}: {}", answer.text);
        explained(&answer, outcome).unwrap_or_else(|wrong| panic!("{what}: {wrong}: {}", answer.text));
        let after = Accounts::balanced(&server).await.context(what)?;
        let stored = (after.events - before.events, after.failed_events - before.failed_events);
        assert_eq!(stored, (outcome.events(), outcome.failed()), "{what}");
        if outcome == Outcome::OneFailed {
            assert!(kept(&server, &body).await?, "{what}: its bytes are not kept");
        }
        before = after;
    }
    Ok(())
}

/// Says what an answer lacks to be understood by a person and by a client.
fn explained(answer: &Answer, outcome: Outcome) -> Result<(), &'static str> {
    if outcome.status() == 400 {
        let message = answer.body["message"].as_str().unwrap_or_default();
        return if answer.code().is_empty() || message.is_empty() { Err("no code and message") } else { Ok(()) };
    }
    if answer.body["success"] != true {
        return Err("no success");
    }
    let errors = answer.body["errors"].as_array().map_or(0, Vec::len) as u64;
    if errors == outcome.failed() { Ok(()) } else { Err("another number of errors") }
}

/// Whether the bytes of a request are in `failed_events`, with a reason and a message.
async fn kept(server: &Server, body: &[u8]) -> anyhow::Result<bool> {
    let payload = body.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let rows = server.sql("SELECT payload FROM failed_events WHERE reason <> '' AND message <> ''").await?;
    Ok(rows.iter().any(|row| row[0] == payload.as_str()))
}

#[tokio::test]
async fn sizes_are_limited() {
    check(sizes()).await.unwrap();
}

#[tokio::test]
async fn compressed_bodies_are_bounded() {
    check(compressed()).await.unwrap();
}

#[tokio::test]
async fn unreadable_bodies_are_kept() {
    check(unreadable()).await.unwrap();
}

#[tokio::test]
async fn wrong_events_are_kept() {
    check(wrong_events()).await.unwrap();
}

#[tokio::test]
async fn a_bomb_takes_no_memory() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let bomb = gzip(&vec![b' '; 256 << 20]);
    for _ in 0..8 {
        assert_eq!(server.post_bytes("/v1/batch", bomb.clone()).await.unwrap().status, 400);
    }
    let peak = peak_bytes(server.pid()).unwrap();
    assert!(peak < 256 << 20, "the server took {peak} bytes");
}

/// Most memory that a process has had, in bytes.
fn peak_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

#[tokio::test]
async fn ids_that_mean_nothing_belong_to_nobody() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    for id in ["undefined", "null", "None", "anonymous", "-1", "0000", "[object Object]", "unknown"] {
        let event = json!({ "userId": id, "event": "E" });
        let answer = server.post("/v1/track", &event).await.unwrap();
        assert_eq!(answer.status, 200, "{id}: {}", answer.text);
    }
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!(accounts.events, 8);
    assert_eq!(server.count("SELECT count(*) FROM events WHERE profile_id IS NOT NULL").await.unwrap(), 0);
    assert_eq!(server.count("SELECT count(*) FROM profiles").await.unwrap(), 0);
}

#[tokio::test]
async fn clocks_may_be_ten_years_wrong() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let now = jiff::Timestamp::now();
    let ten_years = jiff::SignedDuration::from_hours(24 * 3652);
    let minute = jiff::SignedDuration::from_mins(1);
    for (name, timestamp, sent_at) in [
        ("behind", now - ten_years - minute, Some(now - ten_years)),
        ("ahead", now + ten_years - minute, Some(now + ten_years)),
        ("ahead, without sentAt", now + ten_years, None),
    ] {
        let mut event = json!({ "userId": "u", "event": name, "timestamp": timestamp.to_string() });
        if let Some(sent_at) = sent_at {
            event["sentAt"] = json!(sent_at.to_string());
        }
        assert_eq!(server.post("/v1/track", &event).await.unwrap().status, 200, "{name}");
    }
    for timestamp in [json!("yesterday"), json!("0001-01-01T00:00:00Z"), json!(1e300), json!({"a": 1}), json!(-5)] {
        let event = json!({ "userId": "u", "event": "unreadable", "timestamp": timestamp });
        let answer = server.post("/v1/track", &event).await.unwrap();
        assert!(answer.status == 200 || answer.status == 400, "{timestamp}: {}", answer.text);
    }
    Accounts::balanced(&server).await.unwrap();
    let corrected = "SELECT count(*) FROM events WHERE event IN ('behind', 'ahead') \
                     AND timestamp BETWEEN received_at - INTERVAL '70 seconds' AND received_at - INTERVAL '50 seconds'";
    assert_eq!(server.count(corrected).await.unwrap(), 2, "sentAt tells how wrong the clock is");
    let unreadable = "SELECT count(*) FROM events WHERE event = 'unreadable' AND timestamp <> received_at";
    assert_eq!(server.count(unreadable).await.unwrap(), 0);
    // A time to come does not make a profile of the future.
    let future = "SELECT count(*) FROM profiles WHERE updated_at > now() OR created_at > now()";
    assert_eq!(server.count(future).await.unwrap(), 0);
}

#[tokio::test]
async fn a_bad_key_is_refused() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let body = json!({ "userId": "u", "event": "E" }).to_string();
    for authorization in ["", "Basic eDo=", "Bearer wk", "Basic ***"] {
        let headers = [("authorization", authorization)];
        let answer = server.post_with("/v1/track", &headers, body.clone()).await.unwrap();
        assert_eq!(answer.status, 401, "{authorization}: {}", answer.text);
        assert!(!answer.code().is_empty() && answer.body["message"].is_string(), "{}", answer.text);
    }
    assert_eq!(Accounts::balanced(&server).await.unwrap().accepted, 0);

    let strict = "ingest: {segment_strict: true}\nsources: [{name: web, type: http, write_key: other}]\n";
    let server = Server::start(ServerOptions::with_config(strict)).await.unwrap();
    assert_eq!(server.post_bytes("/v1/track", body).await.unwrap().status, 200);
    assert_eq!(Accounts::balanced(&server).await.unwrap().accepted, 0);
}
