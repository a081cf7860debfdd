//! Identity in the running server: people that only their contents tell apart
//! or together, and what operators decide about them.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tributary_tests::{Server, ServerOptions, WRITE_KEY, tributary};

fn options(mode: &str) -> ServerOptions {
    let sources = format!("sources: [{{name: web, type: http, write_key: {WRITE_KEY}}}]");
    ServerOptions::with_config(format!("{sources}\nidentity: {{mode: {mode}}}\n"))
}

fn visit(anonymous: &str, birthday: &str, phone: &str, street: &str) -> Value {
    json!({
        "type": "identify", "anonymousId": anonymous, "messageId": anonymous, "timestamp": "2026-01-01T00:00:00Z",
        "traits": {
            "firstName": "Leonora", "lastName": "Featherstone", "birthday": birthday, "phone": phone,
            "address": { "street": street, "city": "Hereford", "postalCode": "HR1 2BB" },
        },
    })
}

/// Two visits of one person and one of a namesake, without a common identifier but the phone.
async fn visited(mode: &str) -> anyhow::Result<Server> {
    let server = Server::start(options(mode)).await?;
    let visits = [
        visit("v-a", "1971-03-04", "+441432264123", "14 Castle Street"),
        visit("v-b", "1971-03-04", "+441432264123", "14 Castle St"),
        visit("v-c", "1998-11-27", "+441432777888", "3 Mill Lane"),
    ];
    let answer = server.post("/v1/batch", &json!({ "batch": visits })).await?;
    ensure!(answer.status == 200, "{}", answer.text);
    server.flush().await?;
    Ok(server)
}

async fn profile_of(server: &Server, anonymous: &str) -> anyhow::Result<String> {
    let profile = server.profile(&format!("anonymous_id:{anonymous}")).await?.context("a profile")?;
    Ok(profile["profile_id"].as_str().context("an id")?.to_owned())
}

async fn together(server: &Server) -> anyhow::Result<(bool, bool)> {
    let first = profile_of(server, "v-a").await?;
    Ok((first == profile_of(server, "v-b").await?, first == profile_of(server, "v-c").await?))
}

#[tokio::test]
async fn records_of_one_person_are_found_by_their_contents() {
    let server = visited("probabilistic").await.unwrap();
    assert_eq!(together(&server).await.unwrap(), (true, false));
    assert_eq!(server.count("SELECT count(*) FROM profiles").await.unwrap(), 2);
    let wanted = json!({ "firstName": "Leonora", "lastName": "Featherstone", "birthday": "1971-03-04" });
    let found = server.admin_post("/v1/identity/search", &wanted).await.unwrap();
    assert_eq!(found.body["matches"][0]["item"]["values"]["birth_date"], json!(["1971-03-04"]), "{}", found.text);
    for (other, answer) in [("v-b", "together"), ("v-c", "apart")] {
        let path = format!("/v1/identity/explain?a=anonymous_id:v-a&b=anonymous_id:{other}");
        let explained = server.admin_get(&path).await.unwrap();
        assert!(explained.body["explanation"][answer].is_object(), "{}", explained.text);
    }
    let how = server.admin_get("/v1/identity/how/anonymous_id:v-a").await.unwrap();
    assert_eq!(how.body["history"]["merges"].as_array().map(Vec::len), Some(1), "{}", how.text);
    let metrics = server.admin_get("/metrics").await.unwrap().text;
    for line in ["tributary_resolve_items 3", "tributary_resolve_model_out_of_range 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line}");
    }
    let other_keys = json!({ "cut": 0.4, "keys": [["email"], ["national_id"]] });
    let apart = server.admin_post("/v1/identity/preview", &other_keys).await.unwrap();
    assert_eq!((&apart.body["forecast"]["splits"], &apart.body["forecast"]["profiles_then"]), (&json!(1), &json!(3)));
    let wrong = json!({ "cut": 0.4, "keys": [["emial"]] });
    let refused = server.admin_post("/v1/identity/preview", &wrong).await.unwrap();
    assert!(refused.status == 422 && refused.text.contains("there is no"), "{} {}", refused.status, refused.text);
    let same = server.admin_post("/v1/identity/preview", &json!({ "cut": 0.4 })).await.unwrap();
    assert_eq!((&same.body["forecast"]["merges"], &same.body["forecast"]["splits"]), (&json!(0), &json!(0)));
    let strict = server.admin_post("/v1/identity/preview", &json!({ "cut": 1.0 })).await.unwrap();
    // The pair is certain to within 1/65535: no cut parts it.
    assert_eq!(strict.body["forecast"]["profiles_then"], 2, "{}", strict.text);
}

/// Without files the commands ask the server.
#[tokio::test]
async fn the_command_line_asks_the_server_who_is_who() {
    let server = visited("probabilistic").await.unwrap();
    let folder = server.data_dir().to_string_lossy().into_owned();
    let picture = server.dir().join("why.svg");
    let (a, b, svg) = ("anonymous_id:v-a", "anonymous_id:v-b", picture.to_string_lossy().into_owned());
    let why = tributary(&["identity", "explain", a, b, "--svg", &svg, "--data-dir", &folder]).await.unwrap();
    assert!(why.contains("match weight") && why.contains("birth_date"), "{why}");
    assert!(std::fs::read_to_string(&picture).unwrap().starts_with("<svg"));
    let how = tributary(&["identity", "how", a, "--json", "--data-dir", &folder]).await.unwrap();
    let how: Value = serde_json::from_str(&how).unwrap();
    assert_eq!(how["merges"].as_array().map(Vec::len), Some(1), "{how}");
    let wanted = r#"{"name": "Leonora Featherstone", "birthday": "1971-03-04", "shoe": 44}"#;
    let found = tributary(&["identity", "search", wanted, "--data-dir", &folder]).await.unwrap();
    assert!(found.starts_with("note: not compared: shoe\n") && found.contains("(anonymous_id:v-a)"), "{found}");
    let nothing = server.admin_post("/v1/identity/search", &json!({ "shoe": 44 })).await.unwrap();
    assert!(nothing.status == 400 && nothing.text.contains("what is compared is"), "{}", nothing.text);
}

#[tokio::test]
async fn other_blocking_keys_group_again_what_is_there() {
    let with = |keys: &str| {
        format!("sources: [{{name: web, type: http, write_key: {WRITE_KEY}}}]\nidentity: {{keys: {keys}}}\n")
    };
    let mut server = visited("probabilistic").await.unwrap();
    for (keys, expected) in
        [("[[email]]", false), ("[[name, birth_date.year]]", true), ("[[family_name, email]]", false)]
    {
        server.stop().await.unwrap();
        server.set_config(with(keys)).unwrap();
        server.restart().await.unwrap();
        assert_eq!(together(&server).await.unwrap(), (expected, false), "{keys}");
    }
}

#[tokio::test]
async fn decisions_are_durable_and_undone() {
    let mut server = visited("probabilistic").await.unwrap();
    let decide = |preview: bool| {
        json!({ "action": "never-together", "one": ["anonymous_id:v-a"], "other": ["anonymous_id:v-b"],
            "author": "ada", "reason": "sisters", "preview": preview })
    };
    let foreseen = server.admin_post("/v1/identity/decisions", &decide(true)).await.unwrap();
    assert_eq!(foreseen.body["changes"][0]["change"], "split", "{}", foreseen.text);
    assert_eq!(together(&server).await.unwrap(), (true, false));
    let decided = server.admin_post("/v1/identity/decisions", &decide(false)).await.unwrap();
    assert_eq!((&decided.body["changes"], &decided.body["applied"]), (&foreseen.body["changes"], &json!(true)));
    assert_eq!(together(&server).await.unwrap(), (false, false));
    server.flush().await.unwrap();
    server.stop().await.unwrap();
    std::fs::remove_dir_all(server.data_dir().join("state")).unwrap();
    server.restart().await.unwrap();
    assert_eq!(together(&server).await.unwrap(), (false, false), "the decision is made again with the state");

    let id = decided.body["decision"]["id"].as_str().unwrap();
    let folder = server.data_dir().to_string_lossy().into_owned();
    let listed = tributary(&["identity", "decisions", "--data-dir", &folder]).await.unwrap();
    let named = format!("{id} never-together item:");
    assert!(listed.starts_with(&named) && listed.ends_with(" by ada: sisters\n"), "{listed}");
    let undo = ["identity", "undo", id, "--reason", "one person", "--data-dir", &folder];
    let undone = tributary(&undo).await.unwrap();
    assert!(undone.starts_with("merge: profile "), "{undone}");
    assert_eq!(together(&server).await.unwrap(), (true, false));
    assert_eq!(server.count("SELECT count(*) FROM objects WHERE type = 'identity_decisions'").await.unwrap(), 1);
}

#[tokio::test]
async fn what_cannot_be_decided_is_said() {
    let server = visited("probabilistic").await.unwrap();
    let because = |mut wanted: Value| {
        wanted["author"] = "ada".into();
        wanted["reason"] = "so".into();
        wanted
    };
    let (known, unknown) = ("anonymous_id:v-a", "anonymous_id:nobody");
    for (wanted, status, part) in [
        (because(json!({ "action": "assert", "one": known, "other": unknown })), 404, "nobody"),
        (because(json!({ "action": "undo", "decision": "x" })), 400, "no decision"),
        (because(json!({ "action": "never-together", "one": [known], "other": [known] })), 400, "both sides"),
        (because(json!({ "action": "detach", "item": "v-a", "field": "phone", "value": "1" })), 400, "expected"),
        (because(json!({ "action": "generic", "field": "phon", "value": "1" })), 400, "there is no field"),
        (
            because(json!({ "action": "detach", "item": known, "field": "phon", "value": "1" })),
            400,
            "there is no field",
        ),
        (json!({ "action": "undo", "decision": "x", "author": "ada", "reason": " " }), 400, "reason"),
        (
            because(json!({ "action": "detach", "item": known, "field": "phone", "value": "+441" })),
            400,
            "+441432264123",
        ),
        (because(json!({ "action": "detach", "item": known, "field": "user_id", "value": "u" })), 400, "none to take"),
        (because(json!({ "action": "assert", "one": known, "other": known })), 400, "one person already"),
        (because(json!({ "action": "split", "profile": known, "items": ["anonymous_id:v-c"] })), 400, "is not in"),
        (
            because(json!({ "action": "assert", "one": known, "other": "anonymous_id:v-c", "previw": true })),
            422,
            "unknown field `previw`",
        ),
        (because(json!({ "action": "merge" })), 422, "unknown variant"),
    ] {
        let answer = server.admin_post("/v1/identity/decisions", &wanted).await.unwrap();
        assert!(answer.status == status && answer.text.contains(part), "{wanted}: {} {}", answer.status, answer.text);
    }
}

#[tokio::test]
async fn a_split_parts_items_from_all_others_of_their_profile() {
    let server = Server::start(options("probabilistic")).await.unwrap();
    let visits = ["v-a", "v-b", "v-c"].map(|id| visit(id, "1971-03-04", "+441432264123", "14 Castle Street"));
    let answer = server.post("/v1/batch", &json!({ "batch": visits })).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    server.flush().await.unwrap();
    assert_eq!(together(&server).await.unwrap(), (true, true));
    let split = json!({ "action": "split", "profile": "anonymous_id:v-a", "items": ["anonymous_id:v-b"],
        "author": "ada", "reason": "sisters" });
    let decided = server.admin_post("/v1/identity/decisions", &split).await.unwrap();
    let sides = ["one", "other"].map(|side| decided.body["decision"][side].as_array().map(Vec::len));
    assert_eq!(sides, [Some(1), Some(2)], "{}", decided.text);
    assert_eq!(together(&server).await.unwrap(), (false, true));
}

/// Two accounts that look like one person, which the limit of one user_id holds back.
async fn held_back() -> anyhow::Result<Server> {
    let server = Server::start(options("probabilistic")).await?;
    let account = |user: &str| {
        let mut account = visit("v-a", "1971-03-04", "+441432264123", "14 Castle Street");
        (account["userId"], account["messageId"], account["anonymousId"]) = (user.into(), user.into(), Value::Null);
        account
    };
    let answer = server.post("/v1/batch", &json!({ "batch": [account("u1"), account("u2")] })).await?;
    ensure!(answer.status == 200, "{}", answer.text);
    server.flush().await?;
    Ok(server)
}

#[tokio::test]
async fn what_guards_held_back_is_accepted_or_rejected_by_its_id() {
    let server = held_back().await.unwrap();
    let listed = async || server.admin_get("/v1/identity/review").await.unwrap().body["review"].clone();
    let entries = listed().await;
    assert_eq!((entries.as_array().map(Vec::len), &entries[0]["reason"]), (Some(1), &json!("limit")), "{entries}");
    let id = entries[0]["id"].as_str().unwrap();
    let folder = server.data_dir().to_string_lossy().into_owned();
    let shown = tributary(&["identity", "review", "--data-dir", &folder]).await.unwrap();
    assert!(shown.starts_with(&format!("{id} ")) && shown.contains(" limit item:"), "{shown}");
    let shown = tributary(&["identity", "review", "list", "--json", "--data-dir", &folder]).await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), entries);

    let profiles = async || server.count("SELECT count(*) FROM profiles").await.unwrap();
    let because = |preview: bool| json!({ "author": "ada", "reason": "she called", "preview": preview });
    for (verdict, after) in [("accept", 1), ("reject", 2)] {
        let path = format!("/v1/identity/review/{id}/{verdict}");
        let foreseen = server.admin_post(&path, &because(true)).await.unwrap();
        assert_eq!((foreseen.status, &foreseen.body["applied"]), (200, &json!(false)), "{}", foreseen.text);
        assert_eq!(listed().await, entries, "a preview decides nothing");
        let arguments =
            ["identity", "review", verdict, id, "--author", "ada", "--reason", "she called", "--data-dir", &folder];
        let answer = tributary(&arguments).await.unwrap();
        assert!(answer.contains("\ndecision "), "{answer}");
        assert_eq!((profiles().await, listed().await), (after, json!([])), "{verdict}");
        let again = server.admin_post(&path, &because(false)).await.unwrap();
        assert_eq!((again.status, again.code()), (409, "already_decided"), "{}", again.text);
        let decisions = server.admin_get("/v1/identity/decisions").await.unwrap();
        let decision = decisions.body["decisions"][0]["id"].as_str().unwrap().to_owned();
        assert!(again.text.contains(&decision), "{}", again.text);
        tributary(&["identity", "undo", &decision, "--reason", "was wrong", "--data-dir", &folder]).await.unwrap();
        assert_eq!((profiles().await, listed().await), (2, entries.clone()), "undone {verdict}");
    }
    for unknown in ["0000000000000001", "x"] {
        let path = format!("/v1/identity/review/{unknown}/accept");
        let answer = server.admin_post(&path, &because(false)).await.unwrap();
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{}", answer.text);
    }
    let wrong = server.admin_get("/v1/identity/review?limit=x").await.unwrap();
    assert_eq!((wrong.status, wrong.code()), (400, "invalid_request"), "{}", wrong.text);
}

#[tokio::test]
async fn observing_only_suggests() {
    let server = visited("observe").await.unwrap();
    assert_eq!(together(&server).await.unwrap(), (false, false));
    let suggested = server.admin_get("/v1/identity/suggestions").await.unwrap();
    let sets = suggested.body["suggestions"]
        .as_array()
        .map(|sets| sets.iter().map(|set| set.as_array().map(Vec::len)).collect::<Vec<_>>());
    assert_eq!(sets, Some(vec![Some(2)]), "{}", suggested.text);
    let decide = async |action: &str| {
        let mut wanted = json!({ "action": action, "author": "ada", "reason": "so" });
        let several = action == "never-together";
        for (side, item) in [("one", "anonymous_id:v-a"), ("other", "anonymous_id:v-b")] {
            wanted[side] = if several { json!([item]) } else { json!(item) };
        }
        server.admin_post("/v1/identity/decisions", &wanted).await.unwrap()
    };
    let asserted = decide("assert").await;
    assert_eq!((asserted.status, asserted.code()), (409, "observing"), "{}", asserted.text);
    assert_eq!(decide("never-together").await.status, 200);
    let left = server.admin_get("/v1/identity/suggestions").await.unwrap();
    assert_eq!(left.body["suggestions"], json!([]), "a suggestion that is wrong is none");
    let deterministic = visited("deterministic").await.unwrap();
    assert_eq!(together(&deterministic).await.unwrap(), (false, false));
    let refused = deterministic.admin_get("/v1/identity/review").await.unwrap();
    assert_eq!((refused.status, refused.code()), (409, "not_matching"));
}
