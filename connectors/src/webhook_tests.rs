//! The vector of the Standard Webhooks libraries, and mappings.

use super::*;
use tributary_config::{Config, Source};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const AT: i64 = 1_614_265_330;
const BODY: &str = r#"{"test": 2432232314}"#;
const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn source(rest: &str) -> Webhook {
    let text = format!("sources: [{{name: s, type: webhook, secrets: [whsec_b2xk, {SECRET}], {rest}}}]");
    let config = Config::parse(&text, "t").unwrap();
    let Source::Webhook(settings) = &config.sources[0] else { panic!("no webhook") };
    Webhook::new(settings).unwrap()
}

fn check(signature: &str, body: &str, now: i64) -> Result<Vec<LogValue>, (u16, &'static str)> {
    let headers = |name: &str| match name {
        "webhook-id" => Some(ID.to_owned()),
        "webhook-timestamp" => Some(AT.to_string()),
        _ => Some(signature.to_owned()).filter(|text| !text.is_empty()),
    };
    let source = source("record: track, event: Test, properties: {test: /test, fixed: 1, none: /none}");
    let outcome = source.verify_and_map(&headers, body.as_bytes(), Timestamp(now * 1_000_000));
    outcome.map_err(|rejection| (rejection.status, rejection.code))
}

#[test]
fn vector_verifies_and_maps() {
    for signature in [SIGNED.to_owned(), format!("v1a,xx v1,AAAA {SIGNED}")] {
        let values = check(&signature, BODY, AT + 5).unwrap();
        let LogValue::Record(record) = &values[0] else { panic!("failed") };
        assert_eq!(record.message_id, ID);
        assert_eq!(record.properties.as_str(), r#"{"fixed":1,"test":2432232314}"#);
        assert_eq!(record.timestamps.timestamp, Timestamp(AT * 1_000_000));
    }
}

#[test]
fn forged_and_replayed_are_refused() {
    let cases = [
        (check(SIGNED, "{}", AT), (401, "bad_signature")),
        (check("v1,AAAA", BODY, AT), (401, "bad_signature")),
        (check("v2,x", BODY, AT), (401, "bad_signature")),
        (check("", BODY, AT), (401, "missing_signature")),
        (check(SIGNED, BODY, AT + 301), (401, "stale_timestamp")),
    ];
    for (outcome, expected) in cases {
        assert_eq!(outcome.unwrap_err(), expected);
    }
}

#[test]
fn items_are_mapped() {
    let source = source(
        "record: identify, message_id: /id, timestamp: /at, identifiers: {email: /who/email}, traits: {plan: /plan}",
    );
    let item = serde_json::json!({"id": 7, "at": "2026-01-02T03:04:05Z", "who": {"email": "A@x.co"}, "plan": null});
    let delivery = Delivery { id: "d", signed_at: Timestamp(1), received_at: Timestamp(2) };
    let LogValue::Record(record) = source.map(&item, b"", "d-0".to_owned(), &delivery) else { panic!("failed") };
    assert_eq!((record.message_id.as_str(), record.traits["plan"].is_null()), ("7", true));
    assert_eq!(record.node.as_ref().unwrap().to_string(), "email:a@x.co");
    assert_eq!(record.timestamps.timestamp.to_string(), "2026-01-02T03:04:05.000000Z");
    let LogValue::Failed(failed) = source.map(&serde_json::json!({}), b"{}", "d-1".to_owned(), &delivery) else {
        panic!("mapped")
    };
    assert_eq!((failed.message.as_str(), failed.payload.as_slice()), ("no id at /id", b"{}".as_slice()));
}

/// Signs `body` with `secret` and has `source` read it.
fn deliver(source: &Webhook, secret: &str, body: &str) -> Result<Vec<LogValue>, Rejection> {
    let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = HmacSha256::new_from_slice(&key).unwrap();
    mac.update(format!("{ID}.{AT}.{body}").as_bytes());
    let signature = format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()));
    let headers = |name: &str| match name {
        "webhook-id" => Some(ID.to_owned()),
        "webhook-timestamp" => Some(AT.to_string()),
        _ => Some(signature.clone()),
    };
    source.verify_and_map(&headers, body.as_bytes(), Timestamp(AT * 1_000_000))
}

#[test]
fn either_key_signs_while_one_is_changed() {
    let source = source("record: identify");
    for (secret, good) in [(SECRET, true), ("whsec_b2xk", true), ("whsec_b2xkZXI=", false), ("whsec_b2xkZXI", false)] {
        assert_eq!(deliver(&source, secret, "{}").is_ok(), good, "{secret}");
    }
}

#[test]
fn survey_answers_and_reviews_are_mapped() {
    let source = source(
        "record: track, event: /type, explode: /answers, identifiers: {email: /who}, message_id: /id, \
         properties: {metric: nps, score: /score, scale_max: 10, comment: /comment}, traits: {email: /who}",
    );
    let body = r#"{"answers":[{"id":"a1","type":"Survey Responded","who":"A@x.co","score":9},{"id":"a2"},7]}"#;
    let values = deliver(&source, SECRET, body).unwrap();
    let LogValue::Record(record) = &values[0] else { panic!("failed") };
    assert_eq!(record.event.as_deref(), Some("Survey Responded"));
    assert_eq!(record.properties.as_str(), r#"{"metric":"nps","scale_max":10,"score":9}"#);
    assert_eq!(record.context.object("traits").unwrap()["email"], "A@x.co");
    let failed = |value: &LogValue| match value {
        LogValue::Failed(failed) => (failed.message.clone(), String::from_utf8_lossy(&failed.payload).into_owned()),
        LogValue::Record(_) => panic!("mapped"),
    };
    assert_eq!(failed(&values[1]), ("no name of the event".to_owned(), r#"{"id":"a2"}"#.to_owned()));
    assert_eq!(failed(&values[2]), ("not an object".to_owned(), "7".to_owned()));
    assert_eq!(failed(&deliver(&source, SECRET, "{oops").unwrap()[0]).1, "{oops");
    assert_eq!(failed(&deliver(&source, SECRET, "{}").unwrap()[0]).0, "there is no list at /answers");
}
