//! Requests that real clients sent, replayed: each event arrives once, with its owner.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use axum::body::Body;
use common::{Gateway, Options, gzip};
use http::Request;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Client {
    client: String,
    requests: Vec<Captured>,
}

#[derive(Deserialize)]
struct Captured {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    #[serde(default)]
    gzip: bool,
    body: Option<Value>,
}

impl Captured {
    fn request(&self, path: &str) -> Request<Body> {
        let mut request = Request::builder().method(&*self.method).uri(path).header("host", "cdp.example:8090");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let text = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        request.body(if self.gzip { gzip(text).into() } else { text.into() }).unwrap()
    }

    fn events(&self) -> Vec<&Value> {
        let Some(body) = &self.body else { return Vec::new() };
        body["batch"].as_array().map_or(vec![body], |events| events.iter().collect())
    }
}

fn clients() -> Vec<Client> {
    serde_json::from_str(include_str!("data/clients.json")).unwrap()
}

fn text(event: &Value, key: &str) -> Option<String> {
    event[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[tokio::test]
async fn every_event_arrives_with_its_owner() {
    for Client { client, requests } in clients() {
        let gateway = Gateway::new(Options::default());
        let mut expected = Vec::new();
        for captured in requests.iter().filter(|captured| captured.method == "POST") {
            gateway.send(captured.request(&captured.path)).await.assert_success();
            expected.extend(captured.events());
        }
        let records = gateway.records();
        assert!(!records.is_empty() && gateway.failed().is_empty(), "{client}");
        assert_eq!(records.len(), expected.len(), "{client}");
        for (record, event) in records.iter().zip(expected) {
            assert_eq!(Some(&record.message_id), text(event, "messageId").as_ref(), "{client}");
            assert_eq!(record.user_id, text(event, "userId"), "{client}");
            assert_eq!(record.anonymous_id, text(event, "anonymousId"), "{client}");
            assert_eq!(Some(record.kind.as_str()), event["type"].as_str(), "{client}");
            let owner = match (&record.user_id, &record.anonymous_id) {
                (Some(id), _) => format!("user_id:{id}"),
                (None, Some(id)) => format!("anonymous_id:{id}"),
                (None, None) => panic!("{client}: nobody"),
            };
            let email = ["/traits/email", "/context/traits/email"].map(|at| event.pointer(at));
            let is_anonymous = record.user_id.is_none() && email != [None, None];
            assert!(is_anonymous || record.node.as_ref().map(ToString::to_string) == Some(owner), "{client}");
            assert!(record.timestamps.original_timestamp.is_some(), "{client}");
            assert!(record.timestamps.sent_at.is_some(), "{client}");
        }
        gateway.assert_balanced();
    }
}

#[tokio::test]
async fn a_slash_at_the_end_changes_nothing() {
    for Client { client, requests } in clients() {
        let gateway = Gateway::new(Options::default());
        for captured in requests.iter().filter(|captured| captured.method == "POST") {
            let (path, query) = captured.path.split_once('?').unwrap_or((&captured.path, ""));
            gateway.send(captured.request(&format!("{path}/?{query}"))).await.assert_success();
        }
        let events: usize = requests.iter().map(|captured| captured.events().len()).sum();
        assert_eq!(gateway.records().len(), events, "{client}");
    }
}

#[tokio::test]
async fn traits_and_emails_are_found_wherever_clients_put_them() {
    for Client { client, requests } in clients() {
        let identifies = |captured: &&Captured| captured.events().iter().any(|event| event["type"] == "identify");
        for captured in requests.iter().filter(identifies) {
            let gateway = Gateway::new(Options::default());
            gateway.send(captured.request(&captured.path)).await.assert_success();
            let records = gateway.records();
            let identify = records.iter().find(|record| record.kind.as_str() == "identify").unwrap();
            assert!(identify.identifiers.iter().any(|id| id.kind == "email"), "{client}: {:?}", identify.identifiers);
        }
    }
}

#[tokio::test]
async fn preflights_allow_what_browsers_ask_for() {
    let mut seen = 0;
    for Client { client, requests } in clients() {
        let gateway = Gateway::new(Options::default());
        for captured in requests.iter().filter(|captured| captured.method == "OPTIONS") {
            let answer = gateway.send(captured.request(&captured.path)).await;
            assert_eq!(answer.status, 204, "{client}");
            assert_eq!(answer.header("access-control-allow-origin"), "*");
            assert_eq!(answer.header("access-control-allow-credentials"), "", "never with credentials");
            assert!(answer.header("access-control-allow-methods").contains("POST"));
            let allowed: BTreeSet<&str> = answer.header("access-control-allow-headers").split(", ").collect();
            let asked = captured.headers.get("access-control-request-headers").map_or("", String::as_str);
            for header in asked.split(',').filter(|header| !header.is_empty()) {
                assert!(allowed.contains(header.trim()), "{client}: {header}");
            }
            assert!(allowed.contains("*"), "clients to come have headers of their own");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

#[tokio::test]
async fn browser_clients_get_their_settings() {
    let gateway = Gateway::new(Options::default());
    for Client { client, requests } in clients() {
        for captured in requests.iter().filter(|captured| captured.method == "GET") {
            let answer = gateway.send(captured.request(&captured.path)).await;
            assert_eq!(answer.status, 200, "{client} {}", captured.path);
            assert_eq!(answer.header("access-control-allow-origin"), "*");
            let body = answer.json();
            if captured.path.starts_with("/sourceConfig") {
                assert_eq!(body["source"]["writeKey"], "WK_TEST");
                assert_eq!(body["source"]["enabled"], true);
                assert!(body["source"]["config"].is_object() && body["source"]["destinations"].is_array());
            } else {
                let segment = &body["integrations"]["Segment.io"];
                assert_eq!(segment["apiKey"], "WK_TEST");
                assert_eq!(segment["apiHost"], "cdp.example:8090/v1", "events must come here");
                assert_eq!(segment["protocol"], "https", "as the page");
            }
        }
    }
    let unknown = Request::get("/v1/projects/nobody/settings").body(Body::empty()).unwrap();
    gateway.send(unknown).await.assert_refused(404, "not_found");
    let unknown = Request::get("/sourceConfig/?writeKey=nobody").body(Body::empty()).unwrap();
    gateway.send(unknown).await.assert_refused(404, "not_found");
}

#[tokio::test]
async fn clients_own_measurements_are_thrown_away() {
    let gateway = Gateway::new(Options::default());
    let body = r#"{"series":[{"type":"Counter","metric":"analytics_js.invoke","value":1,"tags":{}}]}"#;
    for path in ["/v1/m", "/m"] {
        let request = Request::post(path).header("content-type", "text/plain").body(body.into()).unwrap();
        gateway.send(request).await.assert_success();
    }
    assert!(gateway.log.entries().is_empty());
}
