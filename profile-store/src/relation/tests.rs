//! Relations as queries see them.

use crate::fixture::{Fixture, id, profile, shown};
use serde_json::{Value, json};

/// A profile with identifiers and traits.
fn person(n: u32, identifiers: &Value, traits: &Value) -> Value {
    let mut row = profile(n, traits);
    row["identifiers"] = json!(identifiers.to_string());
    row
}

fn family(n: u32, name: &str, street: &str) -> Value {
    let known = json!([{"kind": "group_id", "value": "g"}, {"kind": "user_id", "value": format!("u{n}")}]);
    person(n, &known, &json!({"last_name": name, "address": {"street": street, "postalCode": "10115"}}))
}

async fn answer(fixture: &Fixture, sql: &str) -> String {
    let result = fixture.engine().sql(sql, None).await;
    shown(&result.unwrap_or_else(|error| panic!("{sql}: {}", error.chain())))
}

const HOUSEHOLDS: &str = "SELECT profile_id, evidence, members FROM households ORDER BY profile_id";

#[tokio::test]
async fn households_follow_the_rows_of_profiles() {
    let rows = [family(1, "Kaya", "Weg 1"), family(2, "Kaya", "Weg 1"), family(3, "Kaya", "Weg 2")];
    let fixture = Fixture::new().file("profiles", &rows, &[]);
    let engine = fixture.engine();
    let ask = async |sql: &str| shown(&engine.sql(sql, None).await.unwrap());
    let (one, two, three) = (id(1), id(2), id(3));
    let head = "profile_id,evidence,members";
    assert_eq!(ask(HOUSEHOLDS).await, format!("{head}|{one},address,2|{two},address,2"));
    // The third moves in, the first is deleted or merged away.
    let mut table = fixture.table("profiles");
    table.files[0].dead = Some(std::sync::Arc::new([0, 2].into_iter().collect()));
    fixture.set(table);
    assert_eq!(ask(HOUSEHOLDS).await, head, "a profile alone is no household");
    let _moved = fixture.tail("profiles", &[family(3, "Kaya", "Weg 1")]);
    assert_eq!(ask(HOUSEHOLDS).await, format!("{head}|{two},address,2|{three},address,2"));
    let joined = "SELECT count(*) AS n FROM households h JOIN profiles p ON h.profile_id = p.profile_id";
    assert_eq!(ask(joined).await, "n|2");
}

#[tokio::test]
async fn accounts_follow_profiles_and_objects() {
    let object = |id: &str, deleted: bool| {
        json!({
            "source": "crm", "type": "companies", "id": id, "fields": r#"{"name":"Acme, Inc."}"#,
            "associations": r#"[{"kind":"user_id","value":"u2"}]"#, "deleted": deleted,
            "updated_at": "2026-01-01T00:00:00Z",
        })
    };
    let fixture = Fixture::new()
        .file("profiles", &[family(1, "Kaya", "Weg 1"), family(2, "Kaya", "Weg 2")], &[])
        .tail("objects", &[object("9", false), object("8", true)]);
    let sql = "SELECT account_id, profile_id, name, evidence FROM accounts ORDER BY account_id, profile_id";
    let expected = format!(
        "account_id,profile_id,name,evidence|crm:companies:9,{},\"Acme, Inc.\",object|group_id:g,{},,group|group_id:g,{},,group",
        id(2),
        id(1),
        id(2)
    );
    assert_eq!(answer(&fixture, sql).await, expected);
}

#[tokio::test]
async fn relations_of_nobody_are_empty_tables() {
    assert_eq!(answer(&Fixture::new(), HOUSEHOLDS).await, "profile_id,evidence,members");
    assert_eq!(answer(&Fixture::new(), "SELECT count(*) AS n FROM accounts").await, "n|0");
    let damaged = json!({"profile_id": id(1), "identifiers": "[{", "traits": r#"{"last_name":"#});
    let fixture = Fixture::new().tail("profiles", &[damaged]);
    assert_eq!(answer(&fixture, "SELECT count(*) AS n FROM households, accounts").await, "n|0");
}
