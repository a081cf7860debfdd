//! What is answered, what is stored, and that the counters agree.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Answer, BASIC, Gateway, Mode, Options, batch, gzip, track};
use http::{HeaderMap, Request};
use serde_json::json;
use std::sync::Arc;
use tributary_ingest::gateway::Limits;
use tributary_ingest::{Rejection, WebhookSource};
use tributary_protocol::{FailedEvent, LogValue, Timestamp};

/// Names and values.
type Headers<'a> = &'a [(&'a str, &'a str)];

async fn with_headers(gateway: &Gateway, path: &str, headers: Headers<'_>, body: String) -> Answer {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    gateway.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn success_is_exactly_200_and_comes_after_durability() {
    for (path, body) in [("/v1/track", track("")), ("/v1/batch", batch([track("")]))] {
        let gateway = Gateway::new(Options { mode: Mode::Waits, ..Options::default() });
        let mut answer = Box::pin(gateway.post(path, body));
        let early = tokio::time::timeout(std::time::Duration::from_millis(50), &mut answer).await;
        assert!(early.is_err(), "answered before it was durable");
        assert!(gateway.log.entries().is_empty());
        gateway.log.open_gate();
        let answer = answer.await;
        answer.assert_success();
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(gateway.records().len(), 1);
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_is_counted() {
    let gateway = Gateway::new(Options { mode: Mode::Waits, ..Options::default() });
    let hanging =
        tokio::time::timeout(std::time::Duration::from_millis(50), gateway.post("/v1/track", track(""))).await;
    assert!(hanging.is_err());
    assert_eq!((gateway.total("records_received"), gateway.total("records_accepted")), (1, 0), "under way");
    gateway.log.open_gate();
    gateway.state.drain().await;
    assert_eq!(gateway.records().len(), 1);
    gateway.assert_balanced();
}

#[tokio::test]
async fn a_batch_answers_with_its_bad_events() {
    let gateway = Gateway::new(Options::default());
    let large = track(&format!(r#","properties":{{"a":"{}"}}"#, "x".repeat(33_000)));
    let deep = track(&format!(r#","properties":{}1{}"#, "[".repeat(70), "]".repeat(70)));
    let events =
        [&track(""), "{\"type\":\"track\"}", &large, "7", &deep, &track(r#","properties":{"a":1e999}"#), &track("")];
    let answer = gateway.post("/v1/batch", batch(events)).await;
    answer.assert_success();
    let body = answer.json();
    let errors: Vec<(u64, &str)> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["index"].as_u64().unwrap(), error["code"].as_str().unwrap()))
        .collect();
    assert_eq!(errors, [(1, "invalid"), (2, "too_large"), (3, "invalid"), (4, "too_deep"), (5, "malformed")]);
    assert!(body["errors"].as_array().unwrap().iter().all(|error| error["message"].is_string()));
    assert_eq!(gateway.records().len(), 2);
    let failed = gateway.failed();
    let kept: Vec<(&str, &[u8])> = failed.iter().map(|failed| (&*failed.reason, &*failed.payload)).collect();
    let expected: Vec<(&str, &[u8])> =
        errors.iter().map(|(at, code)| (*code, events[usize::try_from(*at).unwrap()].as_bytes())).collect();
    assert_eq!(kept, expected);
    assert_eq!(gateway.total("records_failed"), 5);
    gateway.assert_balanced();

    let clean = gateway.post("/v1/batch", batch([track("")])).await;
    assert_eq!(clean.json(), json!({ "success": true, "errors": [] }));
    let empty = gateway.post("/v1/batch", batch::<&str>([])).await;
    assert_eq!(empty.json(), json!({ "success": true, "errors": [] }));
    gateway.assert_balanced();
}

#[tokio::test]
async fn a_single_bad_event_is_kept_and_refused() {
    let gateway = Gateway::new(Options::default());
    let large = track(&format!(r#","properties":{{"a":"{}"}}"#, "x".repeat(33_000)));
    let cases: [(&str, &str, &str); 6] = [
        ("/v1/track", r#"{"userId":"u"}"#, "invalid"),
        ("/v1/identify", "{}", "invalid"),
        ("/v1/track", &large, "too_large"),
        ("/v1/track", "{\"userId\":", "malformed"),
        ("/v1/track", "", "malformed"),
        ("/v1/page", r#""{\"userId\":\"u\"}""#, "invalid"),
    ];
    for (index, (path, body, code)) in cases.into_iter().enumerate() {
        gateway.post(path, body.to_owned()).await.assert_refused(400, code);
        let failed = gateway.failed();
        assert_eq!(failed.len(), index + 1);
        assert_eq!((failed[index].reason.as_str(), &*failed[index].payload), (code, body.as_bytes()));
        assert_eq!(failed[index].source, "web");
    }
    gateway.assert_balanced();
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_is_one_failed_event() {
    let gateway = Gateway::new(Options::default());
    let nan = batch([track(r#","properties":{"a":NaN}"#)]);
    let twice = serde_json::to_string(&batch([track("")])).unwrap();
    let cases: [(&str, &str); 12] = [
        ("", "malformed"),
        ("[]", "malformed"),
        ("{\"batch\":[", "malformed"),
        ("{\"batch\":{}}", "malformed"),
        ("{}", "invalid"),
        ("{\"batch\":null}", "invalid"),
        (&nan, "malformed"),
        (&twice, "malformed"),
        ("{\"batch\":[],\"context\":[1]}", "invalid"),
        ("{\"batch\":[],\"integrations\":\"{}\"}", "invalid"),
        ("userId=u&event=E", "malformed"),
        ("{\"batch\":[]} {}", "malformed"),
    ];
    for (index, (body, code)) in cases.into_iter().enumerate() {
        gateway.post("/v1/batch", body.to_owned()).await.assert_refused(400, code);
        let failed = gateway.failed();
        assert_eq!(failed.len(), index + 1, "{body}");
        assert_eq!((failed[index].reason.as_str(), &*failed[index].payload), (code, body.as_bytes()), "{body}");
    }
    assert!(gateway.records().is_empty());
    gateway.assert_balanced();
}

#[tokio::test]
async fn above_the_limits_nothing_is_stored() {
    let gateway = Gateway::new(Options::default());
    let at_limit = batch(vec![track(""); 2500]);
    gateway.post("/v1/batch", at_limit).await.assert_success();
    assert_eq!(gateway.log.entries().len(), 2500);

    gateway.post("/v1/batch", batch(vec![track(""); 2501])).await.assert_refused(400, "too_many_events");
    let padding = format!(r#","properties":{{"a":"{}"}}"#, "x".repeat(30_000));
    let large = batch(vec![track(&padding); 18]);
    assert!(large.len() > 500 * 1024);
    gateway.post("/v1/batch", large.clone()).await.assert_refused(400, "too_large");
    gateway.post("/v1/batch", gzip(&large)).await.assert_refused(400, "too_large");
    gateway.post("/v1/track", " ".repeat(600_000)).await.assert_refused(400, "too_large");
    gateway.post("/v1/batch", gzip(vec![b' '; 100 << 20])).await.assert_refused(400, "too_large");
    assert_eq!(gateway.log.entries().len(), 2500, "nothing stored");
    assert_eq!(gateway.total("records_discarded"), 2501);
    assert_eq!(gateway.total("requests_rejected"), 5);
    gateway.assert_balanced();

    let wide = Limits { event_bytes_max: 1 << 20, request_bytes_max: 2 << 20, batch_events_max: 3, depth_max: 1000 };
    let gateway = Gateway::new(Options { limits: wide, ..Options::default() });
    gateway.post("/v1/batch", large).await.assert_refused(400, "too_many_events");
    gateway
        .post("/v1/track", track(&format!(r#","properties":{{"a":"{}"}}"#, "x".repeat(900_000))))
        .await
        .assert_success();
    let deep = track(&format!(r#","properties":{{"a":{}1{}}}"#, "[".repeat(98), "]".repeat(98)));
    gateway.post("/v1/track", deep.clone()).await.assert_success();
    let deeper = deep.replace("[1]", "[[1]]");
    gateway.post("/v1/track", deeper).await.assert_refused(400, "too_deep");
    assert_eq!(gateway.records().len(), 2, "what is taken can be read back");
}

#[tokio::test]
async fn a_context_for_all_does_not_multiply_without_end() {
    let gateway = Gateway::new(Options::default());
    let events = vec![track(""); 2000].join(",");
    let body = |bytes: usize| format!(r#"{{"context":{{"a":"{}"}},"batch":[{events}]}}"#, "x".repeat(bytes));
    gateway.post("/v1/batch", body(1000)).await.assert_success();
    assert_eq!(gateway.records()[1999].context.to_json()["a"].as_str().map(str::len), Some(1000));
    gateway.post("/v1/batch", body(100_000)).await.assert_refused(400, "too_large");
    assert_eq!(gateway.failed().len(), 1);
    gateway.assert_balanced();
}

#[tokio::test]
async fn the_write_key_is_found_wherever_clients_put_it() {
    let gateway = Gateway::new(Options::default());
    let event = track("");
    let keyed = track(r#","writeKey":"wk""#);
    let cases: [(&str, Headers, &str); 8] = [
        ("/v1/track", &[("authorization", BASIC)], &event),
        ("/v1/track", &[("x-write-key", "wk:secret")], &event),
        ("/v1/track?writeKey=wk", &[], &event),
        ("/v1/track?_=wk", &[("content-type", "text/plain")], &event),
        ("/v1/track", &[], &keyed),
        ("/v1/track", &[("authorization", "Bearer token")], &keyed),
        ("/v1/batch", &[], &format!(r#"{{"api_key":"wk","batch":[{event}]}}"#)),
        ("/beacon/v1/batch?writeKey=wk", &[], &batch([&event])),
    ];
    for (path, headers, body) in cases {
        with_headers(&gateway, path, headers, body.to_owned()).await.assert_success();
    }
    assert_eq!(gateway.records().len(), 8);
    assert!(gateway.records().iter().all(|record| record.source == "web"));
    let stored = gateway.log.entries().iter().any(|entry| String::from_utf8_lossy(&entry.value).contains("writeKey"));
    assert!(!stored, "the key is no part of the record");
}

#[tokio::test]
async fn a_bad_key_is_401_and_nothing_is_stored() {
    let cases: [(&str, Headers, String); 7] = [
        ("/v1/track", &[], track("")),
        ("/v1/track", &[("x-write-key", "nobody")], track("")),
        ("/v1/track", &[("x-write-key", "nobody")], track(r#","writeKey":"wk""#)),
        ("/v1/batch", &[], batch([track("")])),
        ("/v1/batch?writeKey=nobody", &[], batch([track("")])),
        ("/v1/track", &[], track(r#","writeKey":"WK""#)),
        ("/v1/batch", &[("x-write-key", "nobody")], "{".to_owned()),
    ];
    let truthful = Gateway::new(Options::default());
    let strict = Gateway::new(Options { segment_strict: true, ..Options::default() });
    for (path, headers, body) in cases {
        with_headers(&truthful, path, headers, body.clone()).await.assert_refused(401, "bad_write_key");
        let answer = with_headers(&strict, path, headers, body).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, r#"{"success":true}"#));
    }
    for gateway in [truthful, strict] {
        assert!(gateway.log.entries().is_empty());
        assert_eq!(gateway.total("requests_rejected"), 7);
        with_headers(&gateway, "/v1/track", &[], "{".to_owned()).await.assert_refused(400, "malformed");
        assert!(gateway.log.entries().is_empty(), "unreadable and without a key");
    }
}

#[tokio::test]
async fn strict_answers_as_segment_does() {
    let gateway = Gateway::new(Options { segment_strict: true, ..Options::default() });
    gateway.post("/v1/batch", batch(vec![track(""); 2501])).await.assert_success();
    assert!(gateway.log.entries().is_empty(), "200, but refused");
    gateway.post("/v1/track", "{}").await.assert_success();
    assert_eq!(gateway.failed().len(), 1);
    gateway.post("/v1/track", "{").await.assert_refused(400, "malformed");
    gateway.post("/v1/track", " ".repeat(600_000)).await.assert_refused(400, "too_large");
    gateway.assert_balanced();
}

#[tokio::test]
async fn a_log_that_takes_nothing_asks_to_send_again() {
    for (mode, status, code, seconds) in [
        (Mode::Full, 429, "log_full", "10"),
        (Mode::Busy, 429, "log_busy", "1"),
        (Mode::Stalled, 503, "log_unavailable", "30"),
    ] {
        let gateway = Gateway::new(Options { mode, ..Options::default() });
        for (path, body) in
            [("/v1/track", track("")), ("/v1/batch", batch([track(""), "7".to_owned()])), ("/v1/page", "{".to_owned())]
        {
            let answer = gateway.post(path, body).await;
            answer.assert_refused(status, code);
            assert_eq!(answer.header("retry-after"), seconds);
            assert_eq!(answer.header("access-control-expose-headers"), "Retry-After");
        }
        assert_eq!(gateway.total("records_discarded"), 4);
        gateway.assert_balanced();
        let health = gateway.send(Request::get("/health").body("".into()).unwrap()).await;
        assert_eq!(health.status, if mode == Mode::Busy { 200 } else { 503 });
    }
}

#[tokio::test]
async fn bodies_are_unpacked_whatever_their_headers_say() {
    let gateway = Gateway::new(Options::default());
    let body = batch([track("")]);
    let cases: [(Headers, Vec<u8>); 6] = [
        (&[("content-encoding", "gzip"), ("content-type", "application/x-www-form-urlencoded")], gzip(&body)),
        (&[("content-type", "text/plain")], gzip(&body)),
        (&[("content-encoding", "gzip")], body.clone().into()),
        (&[("content-type", "text/plain")], body.clone().into()),
        (&[], format!("\u{feff} {body}\n").into()),
        (&[("content-encoding", "x-gzip")], gzip(format!("\u{feff}{body}"))),
    ];
    let count = cases.len();
    for (headers, body) in cases {
        let mut request = Request::post("/v1/batch").header("authorization", BASIC);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        gateway.send(request.body(body.into()).unwrap()).await.assert_success();
    }
    assert_eq!(gateway.records().len(), count);
    let whole = gzip(&body);
    let request = Request::post("/v1/batch").header("authorization", BASIC).header("content-encoding", "br");
    let unreadable = [whole[..whole.len() - 4].to_vec(), b"\x1f\x8b\0".to_vec(), b"\xff\xfe{}".to_vec()];
    for body in &unreadable {
        gateway.post("/v1/batch", body.clone()).await.assert_refused(400, "malformed");
    }
    gateway.send(request.body("{}".into()).unwrap()).await.assert_refused(400, "malformed");
    let failed = gateway.failed();
    assert_eq!(failed.len(), 4);
    assert!(failed.iter().zip(&unreadable).all(|(failed, body)| failed.payload == *body), "as they came");
    gateway.assert_balanced();
}

#[tokio::test]
async fn pixels_carry_one_event() {
    let gateway = Gateway::new(Options::default());
    let get = |uri: &str| Request::get(uri).body("".into()).unwrap();
    let answer = gateway.send(get("/pixel/v1/track?writeKey=wk&userId=u&event=A%20B&properties.plan=pro")).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "image/gif"));
    gateway.send(get("/v1/pixel/page/?data=eyJ1c2VySWQiOiJ1Iiwid3JpdGVLZXkiOiJ3ayJ9")).await;
    let records = gateway.records();
    assert_eq!(records[0].event.as_deref(), Some("A B"));
    assert_eq!(records[0].properties.to_json()["plan"], "pro");
    assert_eq!(records[1].kind.as_str(), "page");
    gateway.send(get("/v1/pixel/identify?writeKey=wk&userId=u&traits.plan=pro")).await;
    assert_eq!(gateway.records()[2].traits["plan"], "pro");
    gateway.send(get("/pixel/v1/track?userId=u")).await.assert_refused(401, "bad_write_key");
    gateway.send(get("/pixel/v1/track?writeKey=wk&userId=u")).await.assert_refused(400, "invalid");
    assert_eq!(gateway.failed().len(), 1);
    gateway.assert_balanced();
    let full = Gateway::new(Options { mode: Mode::Full, ..Options::default() });
    full.send(get("/v1/pixel/track?writeKey=wk&userId=u&event=A")).await.assert_refused(429, "log_full");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let gateway = Gateway::new(Options::default());
    gateway.post("/v1/nothing", "{}").await.assert_refused(404, "not_found");
    for (method, path) in [
        ("GET", "/v1/track"),
        ("DELETE", "/v1/batch"),
        ("PUT", "/v1/track"),
        ("POST", "/pixel/v1/track"),
        ("POST", "/health"),
    ] {
        let answer = gateway.send(Request::builder().method(method).uri(path).body("".into()).unwrap()).await;
        answer.assert_refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "GET, POST, OPTIONS");
    }
    let head = Request::builder().method("HEAD").uri("/v1/track").body("".into()).unwrap();
    assert_eq!(gateway.send(head).await.status, 405);
    let head = Request::builder().method("HEAD").uri("/health").body("".into()).unwrap();
    assert_eq!(gateway.send(head).await.status, 200);
}

/// Accepts what is signed `yes`; each line of a body is an event.
struct Lines;

impl WebhookSource for Lines {
    fn path(&self) -> &'static str {
        "/webhooks/lines"
    }

    fn source(&self) -> &'static str {
        "lines"
    }

    fn accept(&self, headers: &HeaderMap, body: &[u8], received_at: Timestamp) -> Result<Vec<LogValue>, Rejection> {
        if headers.get("signature").is_none_or(|signature| signature != "yes") {
            return Err(Rejection { status: 401, code: "invalid", message: "not signed".to_owned() });
        }
        let failed = |line: &[u8]| {
            let payload = line.to_vec();
            let (source, reason, message) = ("lines".to_owned(), "unmapped".to_owned(), "no mapping".to_owned());
            LogValue::Failed(FailedEvent { source, reason, message, payload, received_at })
        };
        Ok(body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(failed).collect())
    }
}

#[tokio::test]
async fn webhooks_are_taken_when_signed() {
    let webhooks: Vec<Arc<dyn WebhookSource>> = vec![Arc::new(Lines)];
    let gateway = Gateway::new(Options { webhooks, segment_strict: true, ..Options::default() });
    let signed = [("signature", "yes")];
    with_headers(&gateway, "/webhooks/lines", &signed, "a\nb\n".to_owned()).await.assert_success();
    with_headers(&gateway, "/webhooks/lines/", &signed, String::new()).await.assert_success();
    with_headers(&gateway, "/webhooks/lines", &[], "a".to_owned()).await.assert_refused(401, "invalid");
    with_headers(&gateway, "/webhooks/others", &signed, "a".to_owned()).await.assert_refused(404, "not_found");
    let large = " ".repeat(5 << 20);
    with_headers(&gateway, "/webhooks/lines", &signed, large).await.assert_refused(413, "too_large");
    assert_eq!(gateway.failed().len(), 2);
    gateway.assert_balanced();

    let webhooks: Vec<Arc<dyn WebhookSource>> = vec![Arc::new(Lines)];
    let full = Gateway::new(Options { webhooks, mode: Mode::Full, ..Options::default() });
    with_headers(&full, "/webhooks/lines", &signed, "a".to_owned()).await.assert_refused(503, "log_full");
    full.assert_balanced();
}
