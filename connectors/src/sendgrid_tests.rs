//! SendGrid's own vector (npm `@sendgrid/eventwebhook`, MIT) and what differs from it.

use super::*;

const PUBLIC_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
const SIGNED: &str = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
const AT: &str = "1600112502";
const BODY: &str = concat!(
    r#"[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA","sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0","smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]"#,
    "\r\n"
);

fn source() -> Sendgrid {
    let (name, path) = ("mail".to_owned(), "/webhooks/mail".to_owned());
    Sendgrid::new(&SendgridSource { name, public_key: PUBLIC_KEY.to_owned(), path, tolerance_seconds: 300 }).unwrap()
}

fn check(signature: &str, at: &str, body: &str, seconds: i64) -> Result<Vec<LogValue>, (u16, &'static str)> {
    let headers = |name: &str| match name {
        SIGNATURE if !signature.is_empty() => Some(signature.to_owned()),
        TIMESTAMP => Some(at.to_owned()),
        _ => None,
    };
    let outcome = source().verify_and_map(&headers, body.as_bytes(), Timestamp(seconds * 1_000_000));
    outcome.map_err(|rejection| (rejection.status, rejection.code))
}

#[test]
fn official_vector_verifies_and_maps() {
    let values = check(SIGNED, AT, BODY, 1_600_112_510).unwrap();
    let LogValue::Record(record) = &values[0] else { panic!("failed") };
    assert_eq!(values.len(), 1);
    assert_eq!(record.event.as_deref(), Some("Email Dropped"));
    assert_eq!(record.message_id, "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA");
    assert_eq!(record.node.as_ref().unwrap().to_string(), "email:hello@world.com");
    assert_eq!(record.timestamps.timestamp, Timestamp(1_600_112_492_000_000));
    assert_eq!(record.properties.to_json()["reason"], "Bounced Address");
}

#[test]
fn forged_and_replayed_are_refused() {
    let now = 1_600_112_510;
    let cases = [
        (check(SIGNED, AT, BODY.trim_end(), now), (401, "bad_signature")),
        (check(SIGNED, "1600112503", BODY, now), (401, "bad_signature")),
        (check("AAAA", AT, BODY, now), (401, "bad_signature")),
        (check("", AT, BODY, now), (401, "missing_signature")),
        (check(SIGNED, AT, BODY, now + 301), (401, "stale_timestamp")),
        (check(SIGNED, AT, BODY, now - 600), (401, "stale_timestamp")),
    ];
    for (outcome, expected) in cases {
        assert_eq!(outcome.unwrap_err(), expected);
    }
}

#[test]
fn events_have_the_specifications_names() {
    for (event, name) in [("open", "Email Opened"), ("click", "Email Link Clicked"), ("odd", "Email odd")] {
        let event = serde_json::json!({"event": event, "email": "A@b.co", "user_id": "u1", "url": "https://x"});
        let LogValue::Record(record) = source().map(&event.to_string(), Timestamp(1)) else { panic!("failed") };
        assert_eq!(record.event.as_deref(), Some(name));
        assert_eq!(record.node.as_ref().unwrap().to_string(), "user_id:u1");
        assert_eq!(record.properties.to_json()["link_url"], "https://x");
    }
}

#[test]
fn unreadable_events_are_kept_byte_for_byte() {
    for text in ["1", "{ \"event\" : 5 }", "{\"email\":\"a@b.co\"}", "null"] {
        let LogValue::Failed(failed) = source().map(text, Timestamp(7)) else { panic!("mapped {text}") };
        assert_eq!((failed.payload.as_slice(), failed.reason.as_str()), (text.as_bytes(), "invalid"));
    }
}

/// Signs `body` with a key of the test's own.
fn signed(body: &str, at: &str) -> (Sendgrid, String) {
    use p256::ecdsa::SigningKey;
    use p256::ecdsa::signature::Signer as _;
    use p256::pkcs8::EncodePublicKey as _;
    let key = SigningKey::from_slice(&[7; 32]).unwrap();
    let public_key = BASE64.encode(key.verifying_key().to_public_key_der().unwrap());
    let (name, path) = ("mail".to_owned(), "/webhooks/mail".to_owned());
    let source = Sendgrid::new(&SendgridSource { name, public_key, path, tolerance_seconds: 300 }).unwrap();
    let signature: Signature = key.sign([at.as_bytes(), body.as_bytes()].concat().as_slice());
    (source, BASE64.encode(signature.to_der()))
}

#[test]
fn a_signed_body_that_is_no_list_is_kept() {
    for (body, count, failed) in [("{oops", 1, 1), ("[]", 0, 0), (r#"[{"event":"open","email":"a@b.co"},4]"#, 2, 1)] {
        let (source, signature) = signed(body, AT);
        let headers = |name: &str| Some(if name == TIMESTAMP { AT.to_owned() } else { signature.clone() });
        let at = Timestamp(1_600_112_502_000_000);
        let values = source.verify_and_map(&headers, body.as_bytes(), at).unwrap();
        let bad = values.iter().filter(|value| matches!(value, LogValue::Failed(_))).count();
        assert_eq!((values.len(), bad), (count, failed), "{body}");
    }
}
