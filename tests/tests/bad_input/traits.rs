//! Traits that change type, fold to one name, or are too many for columns.

use serde_json::{Map, Value, json};
use tributary_tests::{Accounts, Server, ServerOptions};

async fn identify(server: &Server, user: &str, traits: Value) {
    let event = json!({ "userId": user, "traits": traits });
    let status = server.post("/v1/identify", &event).await.map(|answer| answer.status).ok();
    assert_eq!(status, Some(200), "{event}");
}

/// The traits of a user; null if there is no such profile.
async fn traits_of(server: &Server, user: &str) -> Value {
    let profile = server.profile(&format!("user_id:{user}")).await.ok().flatten();
    profile.map_or(Value::Null, |profile| profile["traits"].clone())
}

#[tokio::test]
async fn a_trait_may_change_its_type() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    identify(&server, "a", json!({ "size": 5 })).await;
    server.flush().await.unwrap();
    assert_eq!(server.sql("SELECT size + 1 FROM profiles").await.unwrap(), [[json!(6)]], "a column of integers");

    for (user, value) in [("b", json!(5.5)), ("c", json!("large")), ("d", json!(true)), ("e", json!({"cm": 5}))] {
        identify(&server, user, json!({ "size": value })).await;
        Accounts::balanced(&server).await.unwrap();
        assert_eq!(traits_of(&server, user).await["size"], value);
    }
    // The same person's trait changes, too.
    identify(&server, "a", json!({ "size": "five" })).await;
    Accounts::balanced(&server).await.unwrap();
    assert_eq!(traits_of(&server, "a").await["size"], "five");
    let sizes = server.sql("SELECT size FROM profiles WHERE size = 'large'").await.unwrap();
    assert_eq!(sizes, [[json!("large")]], "a column of texts now");
    assert_eq!(server.count("SELECT count(size) FROM profiles").await.unwrap(), 5);
}

#[tokio::test]
async fn a_declared_trait_that_does_not_fit_is_null_and_whole_in_traits() {
    let config = "traits: {visits: integer}\nsources: [{name: web, type: http, write_key: wk}]\n";
    let server = Server::start(ServerOptions::with_config(config)).await.unwrap();
    identify(&server, "a", json!({ "visits": 3 })).await;
    identify(&server, "b", json!({ "visits": "many" })).await;
    server.flush().await.unwrap();
    let rows = server.sql("SELECT visits FROM profiles ORDER BY visits NULLS LAST").await.unwrap();
    assert_eq!(rows, [[json!(3)], [Value::Null]]);
    assert_eq!(traits_of(&server, "b").await["visits"], "many");
}

#[tokio::test]
async fn names_that_fold_together_are_one_trait() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    identify(&server, "a", json!({ "Lead Status": "open" })).await;
    identify(&server, "b", json!({ "lead_status": "won" })).await;
    identify(&server, "c", json!({ "leadStatus": "lost", "createdAt": "2026-01-02", "profile_id": "mine" })).await;
    identify(&server, "d", json!({ "Lead Status": "open", "lead_status": "both" })).await;
    Accounts::balanced(&server).await.unwrap();
    let folded = server.sql("SELECT lead_status FROM profiles WHERE lead_status IN ('open', 'won') ORDER BY 1").await;
    let folded = folded.unwrap();
    assert_eq!(folded.first(), Some(&vec![json!("open")]), "{folded:?}");
    assert!(folded.len() >= 2, "{folded:?}");
    for user in ["a", "b", "d"] {
        let traits = traits_of(&server, user).await;
        let names: Vec<&String> = traits.as_object().unwrap().keys().collect();
        assert_eq!(names, ["lead_status"], "{user}: {traits}");
    }
    // A clash with our own columns gets a name of its own; createdAt is a time by the specification.
    let clash =
        server.sql("SELECT trait_created_at, trait_profile_id FROM profiles WHERE trait_profile_id IS NOT NULL");
    assert_eq!(clash.await.unwrap(), [[json!("2026-01-02T00:00:00.000000Z"), json!("mine")]]);
}

#[tokio::test]
async fn two_thousand_traits_are_all_kept() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    for user in 0..4 {
        let names = (0..500).map(|number| format!("trait_number_{:04}", user * 500 + number));
        let traits: Map<String, Value> = names.map(|name| (name, json!(user))).collect();
        identify(&server, &format!("u-{user}"), Value::Object(traits)).await;
    }
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!((accounts.events, accounts.failed_events), (4, 0));
    let answer = server.admin_post("/v1/query", &json!({ "sql": "SELECT * FROM profiles" })).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let columns = answer.body["columns"].as_array().unwrap().len();
    assert!((500..=505).contains(&columns), "{columns} columns");
    for user in 0..4 {
        let traits = traits_of(&server, &format!("u-{user}")).await;
        assert_eq!(traits.as_object().unwrap().len(), 500, "u-{user}");
    }
    let names: Vec<String> = server.metrics().await.unwrap().names().map(str::to_owned).collect();
    assert!(names.iter().any(|name| name.contains("trait")), "no metric counts traits without a column: {names:?}");
}
