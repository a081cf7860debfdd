//! Signed webhooks against the running gateway: the vendors' own vectors and libraries sign, each delivery comes three
//! times and counts once, forged and old ones leave nothing.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tributary_tests::{Accounts, Answer, Server, ServerOptions, run_driver};

/// How often each delivery is made: vendors send again whatever they saw no answer to.
const DELIVERIES: usize = 3;
/// Any age: the vectors' signatures are years old.
const TOLERANCE_OF_VECTORS: u64 = 10_000_000_000;

fn now_seconds() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// One vector of SendGrid's library.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    public_key: String,
    payload: String,
    signature: String,
    timestamp: String,
    genuine: bool,
}

async fn deliver_email(
    server: &Server,
    path: &str,
    timestamp: &str,
    signature: &str,
    body: &str,
) -> anyhow::Result<Answer> {
    let headers = [
        ("content-type", "application/json"),
        ("x-twilio-email-event-webhook-timestamp", timestamp),
        ("x-twilio-email-event-webhook-signature", signature),
    ];
    server.post_with(path, &headers, body.to_owned()).await
}

#[tokio::test]
async fn sendgrids_own_vectors() {
    let printed = run_driver("sendgrid-vectors.mjs", &[], &[]).await.unwrap();
    let vectors: Vec<Vector> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(vectors.iter().filter(|vector| vector.genuine).count() >= 2, "there are vectors of both kinds: {printed}");
    assert!(vectors.iter().any(|vector| !vector.genuine));
    // One source per vector, as each has a key of its own.
    let source = |(index, vector): (usize, &Vector)| {
        let public_key = &vector.public_key;
        json!({ "name": format!("mail{index}"), "type": "sendgrid", "public_key": public_key, "tolerance_seconds": TOLERANCE_OF_VECTORS })
    };
    let sources: Vec<Value> = vectors.iter().enumerate().map(source).collect();
    let server = Server::start(ServerOptions::with_config(json!({ "sources": sources }).to_string())).await.unwrap();

    let mut expected = 0;
    for (index, vector) in vectors.iter().enumerate() {
        for _ in 0..DELIVERIES {
            let path = format!("/webhooks/mail{index}");
            let answer =
                deliver_email(&server, &path, &vector.timestamp, &vector.signature, &vector.payload).await.unwrap();
            assert_eq!(answer.status == 200, vector.genuine, "vector {index}: {}", answer.text);
        }
        if vector.genuine {
            expected += serde_json::from_str::<Vec<Value>>(&vector.payload).unwrap().len() as u64;
        }
    }
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!((accounts.events, accounts.failed_events), (expected, 0));
    assert_eq!(accounts.duplicates, expected * (DELIVERIES as u64 - 1));
    let bounced = server.sql("SELECT event, profile_id IS NOT NULL FROM events WHERE event = 'Email Bounced'").await;
    assert_eq!(bounced.unwrap(), [[json!("Email Bounced"), json!(true)]]);
}

/// A SendGrid account of the test.
struct Mailer {
    key: SigningKey,
}

impl Mailer {
    fn new(seed: u8) -> anyhow::Result<Self> {
        Ok(Self { key: SigningKey::from_slice(&[seed; 32])? })
    }

    fn public_key(&self) -> anyhow::Result<String> {
        Ok(BASE64.encode(self.key.verifying_key().to_public_key_der()?.as_bytes()))
    }

    fn sign(&self, timestamp: &str, body: &str) -> String {
        let signature: Signature = self.key.sign(format!("{timestamp}{body}").as_bytes());
        BASE64.encode(signature.to_der().as_bytes())
    }
}

#[tokio::test]
async fn emails_count_once_and_meet_the_person() {
    let mailer = Mailer::new(7).unwrap();
    let config = json!({ "sources": [
        { "name": "web", "type": "http", "write_key": "wk" },
        { "name": "mail", "type": "sendgrid", "public_key": mailer.public_key().unwrap() },
    ] });
    let server = Server::start(ServerOptions::with_config(config.to_string())).await.unwrap();
    let identify = json!({ "userId": "u-1", "traits": { "email": "eve@example.com" } });
    assert_eq!(server.post("/v1/identify", &identify).await.unwrap().status, 200);

    let now = now_seconds();
    let events =
        ["delivered", "open", "click", "bounce", "dropped", "deferred", "processed", "spamreport", "unsubscribe"];
    let event = |(index, name): (usize, &&str)| {
        json!({ "email": "Eve@Example.com", "event": name, "timestamp": now - 60, "sg_event_id": format!("id-{index}"),
                "sg_message_id": "m-1", "url": "https://example.com/a?b=c&d=é" })
    };
    let body = Value::Array(events.iter().enumerate().map(event).collect()).to_string();
    let timestamp = now.to_string();
    let signature = mailer.sign(&timestamp, &body);
    for _ in 0..DELIVERIES {
        let answer = deliver_email(&server, "/webhooks/mail", &timestamp, &signature, &body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!(accounts.events, 1 + events.len() as u64);
    assert_eq!(accounts.duplicates, (events.len() * (DELIVERIES - 1)) as u64);
    assert_eq!(server.count("SELECT count(*) FROM profiles").await.unwrap(), 1);
    let clicked = "SELECT properties FROM events WHERE event = 'Email Link Clicked'";
    let clicked: Value = serde_json::from_str(server.sql_value(clicked).await.unwrap().as_str().unwrap()).unwrap();
    assert_eq!(clicked["link_url"], "https://example.com/a?b=c&d=é");
}

#[tokio::test]
async fn forged_and_replayed_emails_leave_nothing() {
    let (mailer, forger) = (Mailer::new(7).unwrap(), Mailer::new(8).unwrap());
    let config =
        json!({ "sources": [{ "name": "mail", "type": "sendgrid", "public_key": mailer.public_key().unwrap() }] });
    let server = Server::start(ServerOptions::with_config(config.to_string())).await.unwrap();
    let body = json!([{ "email": "a@example.com", "event": "open", "sg_event_id": "1", "timestamp": 1 }]).to_string();
    let now = now_seconds().to_string();
    let (old, future) = ((now_seconds() - 3600).to_string(), (now_seconds() + 3600).to_string());
    let other_body = body.replace("a@example.com", "b@example.com");
    for (what, timestamp, signature, body) in [
        ("another key", &now, forger.sign(&now, &body), &body),
        ("another body", &now, mailer.sign(&now, &body), &other_body),
        ("another time", &now, mailer.sign(&old, &body), &body),
        ("an old time", &old, mailer.sign(&old, &body), &body),
        ("a time to come", &future, mailer.sign(&future, &body), &body),
        ("no base64", &now, "***".to_owned(), &body),
    ] {
        let answer = deliver_email(&server, "/webhooks/mail", timestamp, &signature, body).await.unwrap();
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        assert!(!answer.code().is_empty() && answer.body["message"].is_string(), "{what}: {}", answer.text);
    }
    let unsigned = server.post_with("/webhooks/mail", &[], body).await.unwrap();
    assert_eq!(unsigned.status, 401, "{}", unsigned.text);
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!((accounts.accepted, accounts.events, accounts.failed_events), (0, 0, 0));
}

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OLD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn survey_server() -> anyhow::Result<Server> {
    let config = json!({ "sources": [{
        "name": "survey", "type": "webhook", "secrets": [SECRET, OLD_SECRET], "path": "/hooks/answers",
        "record": "track", "event": "Survey Responded", "explode": "/responses", "message_id": "/id",
        "timestamp": "/answered_at", "identifiers": { "email": "/contact/email" },
        "properties": { "survey_id": "/survey", "metric": "nps", "score": "/score", "scale_min": 0, "scale_max": 10 },
    }] });
    Server::start(ServerOptions::with_config(config.to_string())).await
}

async fn deliver_survey(
    server: &Server,
    id: &str,
    seconds: i64,
    signature: &str,
    body: &str,
) -> anyhow::Result<Answer> {
    let seconds = seconds.to_string();
    let headers = [("webhook-id", id), ("webhook-timestamp", &seconds), ("webhook-signature", signature)];
    server.post_with("/hooks/answers", &headers, body.to_owned()).await
}

async fn sign(script: &str, secret: &str, id: &str, seconds: i64, body: &str) -> anyhow::Result<String> {
    let signature = run_driver(script, &[secret, id, &seconds.to_string(), body], &[]).await?;
    Ok(signature.trim().to_owned())
}

#[tokio::test]
async fn surveys_signed_by_the_official_libraries_count_once() {
    let server = survey_server().await.unwrap();
    let answer = |id: u32, score: u32| {
        json!({ "id": format!("r-{id}"), "survey": "s-1", "score": score, "contact": { "email": format!("p{id}@example.com") },
                "answered_at": "2026-03-01T10:00:00+01:00" })
    };
    let mut expected = BTreeMap::new();
    for (delivery, (script, secret)) in [("sign.mjs", SECRET), ("sign.py", OLD_SECRET)].into_iter().enumerate() {
        let first = u32::try_from(delivery * 2).unwrap();
        let body = json!({ "responses": [answer(first, 9), answer(first + 1, first)] }).to_string();
        expected.extend([(format!("r-{first}"), 9), (format!("r-{}", first + 1), first)]);
        let id = format!("msg_{delivery}");
        let seconds = now_seconds();
        let signature = sign(script, secret, &id, seconds, &body).await.unwrap();
        // While a secret is changed, senders sign with both.
        let signatures = format!("v1,AAAA {signature}");
        for _ in 0..DELIVERIES {
            let answer = deliver_survey(&server, &id, seconds, &signatures, &body).await.unwrap();
            assert_eq!(answer.status, 200, "{script}: {}", answer.text);
        }
    }
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!((accounts.events, accounts.duplicates, accounts.failed_events), (4, 8, 0));
    let rows = "SELECT message_id, event, properties, timestamp, profile_id FROM events ORDER BY message_id";
    for row in server.sql(rows).await.unwrap() {
        let properties: Value = serde_json::from_str(row[2].as_str().unwrap()).unwrap();
        assert_eq!(row[1], "Survey Responded");
        assert_eq!(properties["score"], expected[row[0].as_str().unwrap()]);
        assert_eq!((&properties["metric"], &properties["scale_max"]), (&json!("nps"), &json!(10)));
        assert_eq!(row[3], "2026-03-01T09:00:00.000000Z");
        assert!(row[4].is_string(), "the answer belongs to nobody: {row:?}");
    }
}

#[tokio::test]
async fn forged_and_replayed_surveys_leave_nothing() {
    let server = survey_server().await.unwrap();
    let body = json!({ "responses": [{ "id": "r-1", "score": 1 }] }).to_string();
    let (now, old) = (now_seconds(), now_seconds() - 3600);
    let genuine = sign("sign.py", SECRET, "msg_1", now, &body).await.unwrap();
    let stale = sign("sign.py", SECRET, "msg_1", old, &body).await.unwrap();
    let forged = sign("sign.py", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "msg_1", now, &body).await.unwrap();
    for (what, id, seconds, signature, body) in [
        ("another key", "msg_1", now, &forged, body.as_str()),
        ("another id", "msg_2", now, &genuine, &body),
        ("another time", "msg_1", now + 1, &genuine, &body),
        ("another body", "msg_1", now, &genuine, "{\"responses\":[]}"),
        ("an old time", "msg_1", old, &stale, &body),
    ] {
        let answer = deliver_survey(&server, id, seconds, signature, body).await.unwrap();
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
    }
    assert_eq!(Accounts::balanced(&server).await.unwrap().accepted, 0);
    let answer = deliver_survey(&server, "msg_1", now, &genuine, &body).await.unwrap();
    assert_eq!(answer.status, 200, "the genuine one is taken: {}", answer.text);
}

#[tokio::test]
async fn what_is_signed_and_unreadable_is_kept() {
    let server = survey_server().await.unwrap();
    let bodies = ["not json", "{\"responses\": 3}", "{\"responses\": [{\"score\": 5}, 7]}"];
    for (index, body) in bodies.into_iter().enumerate() {
        let id = format!("msg_{index}");
        let seconds = now_seconds();
        let signature = sign("sign.py", SECRET, &id, seconds, body).await.unwrap();
        let answer = deliver_survey(&server, &id, seconds, &signature, body).await.context(body).unwrap();
        assert_eq!(answer.status, 200, "{body}: {}", answer.text);
    }
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!((accounts.events, accounts.failed_events), (0, 4));
}
