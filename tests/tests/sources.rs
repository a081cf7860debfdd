//! Files as sources: a CRM's export becomes people, companies, deals and tickets; a file that grows or is replaced is
//! read once, row by row; what is wrong with it is said and the rest goes on.

use anyhow::ensure;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tributary_tests::{Accounts, Server, ServerOptions, run_driver, tributary_in};

/// How long a change of a file may take to be seen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Contacts of a file; by identifiers alone, so that invented rows that look alike stay one profile each.
const CONTACTS: &str = "identity: {mode: deterministic}\n\
    sources: [{name: crm, type: file, path: contacts.csv, record: identify, key: Id, \
    identifiers: {email: Email}, traits: {first_name: First Name, email: Email, city: City}}]\n";

/// Starts a server whose folder holds a file.
async fn with_file(config: &str, name: &str, content: &str) -> anyhow::Result<Server> {
    let mut server = Server::prepare(ServerOptions::with_config(config))?;
    fs::write(server.dir().join(name), content)?;
    server.restart().await?;
    Ok(server)
}

/// Waits until a query counts as many.
async fn until(server: &Server, expected: u64, query: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let count = server.count(query).await?;
        if count == expected {
            return Ok(());
        }
        ensure!(started.elapsed() < PATIENCE, "{query} is {count} where {expected} is wanted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until_events(server: &Server, expected: u64) -> anyhow::Result<()> {
    until(server, expected, "SELECT count(*) FROM events").await
}

/// Replaces a file as programs do that write beside it and rename.
fn replace(path: &Path, content: &str) -> anyhow::Result<()> {
    let partial = path.with_extension("new");
    fs::write(&partial, content)?;
    Ok(fs::rename(partial, path)?)
}

fn append(path: &Path, content: &str) -> anyhow::Result<()> {
    Ok(File::options().append(true).open(path)?.write_all(content.as_bytes())?)
}

#[tokio::test]
async fn the_smallest_file_source_of_the_manual() {
    let content = "Id,First Name,Email,City,Unmapped\n42,Ada,Ada@Example.com,Löndon,x\n43,Bob,bob@example.com,,y\n";
    let server = with_file(CONTACTS, "contacts.csv", content).await.unwrap();
    until_events(&server, 2).await.unwrap();
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!((accounts.events, accounts.failed_events), (2, 0));

    let by_key = server.profile("crm:contacts:42").await.unwrap().unwrap();
    let by_email = server.profile("email:ada@example.com").await.unwrap().unwrap();
    assert_eq!(by_key, by_email);
    assert_eq!(by_key["traits"]["first_name"], "Ada");
    assert_eq!(by_key["traits"]["city"], "Löndon");
    assert_eq!(by_key["provenance"]["city"]["node"], "crm:contacts:42");
    assert_eq!(by_key["provenance"]["city"]["source"], "crm");
    let nodes = server.sql("SELECT node, type, source FROM events ORDER BY node").await.unwrap();
    let expected = |node: &str| vec![json!(node), json!("identify"), json!("crm")];
    assert_eq!(nodes, [expected("crm:contacts:42"), expected("crm:contacts:43")]);
}

#[tokio::test]
async fn a_file_that_grows_is_read_on() {
    let server = with_file(CONTACTS, "contacts.csv", "Id,First Name,Email,City\n1,A,a@example.com,X\n").await.unwrap();
    let path = server.dir().join("contacts.csv");
    until_events(&server, 1).await.unwrap();
    append(&path, "2,B,b@example.com,X\n3,C,c@exam").unwrap();
    until_events(&server, 2).await.unwrap();
    append(&path, "ple.com,X\n").unwrap();
    until_events(&server, 3).await.unwrap();
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!((accounts.events, accounts.failed_events), (3, 0));
    assert!(server.profile("email:c@example.com").await.unwrap().is_some());
    assert!(server.profile("email:c@exam").await.unwrap().is_none(), "half a row was taken");
}

#[tokio::test]
async fn a_file_that_is_replaced_is_read_once_row_by_row() {
    let server =
        with_file(CONTACTS, "contacts.csv", "Id,First Name,Email,City\n1,A,a@example.com,X\n2,B,b@example.com,X\n");
    let mut server = server.await.unwrap();
    let path = server.dir().join("contacts.csv");
    until_events(&server, 2).await.unwrap();
    // One row as it was, one changed, one new.
    let second = "Id,First Name,Email,City\n2,B,b@example.com,X\n1,A,a@example.com,Y\n3,C,c@example.com,X\n";
    replace(&path, second).unwrap();
    until_events(&server, 4).await.unwrap();
    until(&server, 1, "SELECT count(*) FROM profiles WHERE city = 'Y'").await.unwrap();
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!((accounts.events, accounts.duplicates), (4, 1));
    // Nothing is read again after a restart, and the same content under another order is nothing new.
    server.restart().await.unwrap();
    replace(&path, &(second.to_owned() + "4,D,d@example.com,X\n")).unwrap();
    until_events(&server, 5).await.unwrap();
    server.flush().await.unwrap();
    assert_eq!(server.count("SELECT count(*) FROM events").await.unwrap(), 5);
    assert_eq!(server.count("SELECT count(*) FROM profiles").await.unwrap(), 4);
}

#[tokio::test]
async fn broken_rows_are_kept_with_their_line_and_the_rest_goes_on() {
    let content = "\u{feff}Id,First Name,Email,City\r\n1,\"A, \"\"the\"\"\r\nfirst\",a@example.com,X\r\n2,B,b@example.com\r\n\
                   ,No Key,n@example.com,X\r\n3,C,c@example.com,X,too,many\r\n4,D,d@example.com,X\r\n";
    let server = with_file(CONTACTS, "contacts.csv", content).await.unwrap();
    until_events(&server, 2).await.unwrap();
    until(&server, 3, "SELECT count(*) FROM failed_events").await.unwrap();
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!((accounts.events, accounts.failed_events), (2, 3));
    let ada = server.profile("crm:contacts:1").await.unwrap().unwrap();
    assert_eq!(ada["traits"]["first_name"], "A, \"the\"\r\nfirst");
    let messages = server.sql("SELECT source, message FROM failed_events").await.unwrap();
    assert!(messages.iter().all(|row| row[0] == "crm"), "{messages:?}");
    for line in ["line 4", "line 6"] {
        assert!(messages.iter().any(|row| row[1].as_str().unwrap().contains(line)), "{line}: {messages:?}");
    }
}

#[tokio::test]
async fn a_quote_that_never_closes_takes_one_line_only() {
    let content = "Id,First Name,Email,City\n1,A,a@example.com,X\n2,\"B,b@example.com,X\n3,C,c@example.com,X\n";
    let server = with_file(CONTACTS, "contacts.csv", content).await.unwrap();
    until_events(&server, 2).await.unwrap();
    until(&server, 1, "SELECT count(*) FROM failed_events").await.unwrap();
    assert!(server.profile("crm:contacts:3").await.unwrap().is_some());
    Accounts::balanced(&server).await.unwrap();
}

#[tokio::test]
async fn an_unknown_column_is_named() {
    let content = "Id,First Name,E-Mail,City\n1,A,a@example.com,X\n";
    let web = CONTACTS.replace("sources: [", "sources: [{name: web, type: http, write_key: wk}, ");
    let server = with_file(&web, "contacts.csv", content).await.unwrap();
    let check = tributary_in(server.dir(), &["source", "check", "--config", "tributary.yaml", "crm"]).await.unwrap();
    assert_eq!(check.code, Some(1), "{}", check.stderr);
    for part in ["Email", "E-Mail", "contacts.csv"] {
        assert!(check.stderr.contains(part), "{part} is not named: {}", check.stderr);
    }
    // The server goes on with its other sources, and reads the file once it is right.
    let event = json!({ "userId": "u", "event": "E" });
    assert_eq!(server.post("/v1/track", &event).await.unwrap().status, 200);
    replace(&server.dir().join("contacts.csv"), &content.replace("E-Mail", "Email")).unwrap();
    until_events(&server, 2).await.unwrap();
    Accounts::balanced(&server).await.unwrap();
    let check = tributary_in(server.dir(), &["source", "check", "--config", "tributary.yaml", "crm"]).await.unwrap();
    assert_eq!(check.code, Some(0), "{}", check.stderr);
}

#[tokio::test]
async fn a_file_that_comes_later_is_read_then() {
    let mut server = Server::prepare(ServerOptions::with_config(CONTACTS)).unwrap();
    server.restart().await.unwrap();
    fs::write(server.dir().join("contacts.csv"), "Id,First Name,Email,City\n1,A,a@example.com,X\n").unwrap();
    until_events(&server, 1).await.unwrap();
}

#[tokio::test]
async fn json_lines() {
    let config = "sources: [{name: shop, type: file, path: orders.jsonl, record: track, event: Order Completed, key: id, \
        timestamp: at, timezone: Europe/Berlin, identifiers: {email: mail}, properties: {revenue: total, items: items}}]\n";
    let content = "{\"id\":1,\"mail\":\"a@example.com\",\"at\":\"2026-07-01 12:00:00\",\"total\":9.5,\"items\":[{\"sku\":\"x\"}]}\n\
                   not json\n\n{\"id\":2,\"mail\":\"b@example.com\",\"at\":\"2026-01-01T12:00:00Z\",\"total\":\"7\",\"items\":[]}\n";
    let server = with_file(config, "orders.jsonl", content).await.unwrap();
    until_events(&server, 2).await.unwrap();
    until(&server, 1, "SELECT count(*) FROM failed_events").await.unwrap();
    Accounts::balanced(&server).await.unwrap();
    let rows = server.sql("SELECT node, event, timestamp, properties FROM events ORDER BY node").await.unwrap();
    let properties: Value = serde_json::from_str(rows[0][3].as_str().unwrap()).unwrap();
    assert_eq!(properties, json!({ "revenue": 9.5, "items": [{ "sku": "x" }] }));
    assert_eq!(
        rows[0][..3],
        [json!("email:a@example.com"), json!("Order Completed"), json!("2026-07-01T10:00:00.000000Z")]
    );
    assert_eq!(rows[1][2], "2026-01-01T12:00:00.000000Z");
}

#[tokio::test]
async fn parquet_of_another_writer() {
    let config = "sources: [{name: crm, type: file, path: people.parquet, record: identify, key: id, \
        identifiers: {email: email}, traits: {email: email, age: age, vip: vip, score: score}}]\n";
    let mut server = Server::prepare(ServerOptions::with_config(config)).unwrap();
    let person = |id: u32| json!({ "id": id, "email": format!("p{id}@example.com"), "age": id, "vip": id.is_multiple_of(2), "score": f64::from(id) / 4.0 });
    let path = server.dir().join("people.parquet").to_string_lossy().into_owned();
    let rows = server.dir().join("rows.json");
    fs::write(&rows, Value::Array((1..=2000).map(person).collect()).to_string()).unwrap();
    run_driver("make-parquet.py", &[&path, &rows.to_string_lossy()], &[]).await.unwrap();
    server.restart().await.unwrap();
    until_events(&server, 2000).await.unwrap();
    Accounts::balanced(&server).await.unwrap();
    let sums = "SELECT count(*), sum(age), sum(score), count(*) FILTER (WHERE vip) FROM profiles";
    let sums = server.sql(sums).await.unwrap();
    assert_eq!(sums, [[json!(2000), json!(2_001_000), json!(500_250.0), json!(1000)]]);
}

const CRM: &str = r#"
sources:
  - { name: web, type: http, write_key: wk }
  - name: crm
    type: file
    path: contacts.csv
    record: identify
    key: Id
    identifiers: { email: Email }
    traits: { email: Email, first_name: Name, phone: Phone }
  - { name: firms, type: file, path: companies.csv, stream: companies, record: group, key: Id, traits: { name: Name } }
  - name: sales
    type: file
    path: deals.csv
    record: object
    key: Deal
    object: { type: deals, fields: { amount: Amount, stage: Stage }, associations: { "crm:contacts": Contact } }
  - { name: desk, type: file, path: tickets.csv, record: object, key: Ticket, object: { type: tickets } }
"#;

/// Writes the four files of an export.
fn write_export(folder: &Path) -> anyhow::Result<()> {
    let files = [
        (
            "contacts.csv",
            "Id,Email,Name,Phone\n1,ada@example.com,Ada,+491701234567\n2,bob@example.com,Bob,+491701234567\n",
        ),
        ("companies.csv", "Id,Name\nc-1,Acme\n"),
        ("deals.csv", "Deal,Amount,Stage,Contact\nd-1,1000.50,open,1\nd-2,20,won,2\n"),
        ("tickets.csv", "Ticket,Subject,Priority\nt-1,Broken,high\n"),
    ];
    files.iter().try_for_each(|(name, content)| Ok(fs::write(folder.join(name), content)?))
}

#[tokio::test]
async fn a_crm_export_becomes_people_companies_deals_and_tickets() {
    let mut server = Server::prepare(ServerOptions::with_config(CRM)).unwrap();
    write_export(server.dir()).unwrap();
    server.restart().await.unwrap();
    let identify = json!({ "userId": "u-ada", "anonymousId": "a-1", "traits": { "email": "Ada@Example.com" } });
    assert_eq!(server.post("/v1/identify", &identify).await.unwrap().status, 200);
    until_events(&server, 7).await.unwrap();
    Accounts::balanced(&server).await.unwrap();

    let web = server.profile("user_id:u-ada").await.unwrap().unwrap();
    assert_eq!(server.profile("crm:contacts:1").await.unwrap().unwrap(), web, "an email joins web and CRM");
    let bob = server.profile("crm:contacts:2").await.unwrap().unwrap();
    assert_ne!(bob["profile_id"], web["profile_id"], "a phone joins nobody");
    let objects =
        server.sql("SELECT source, type, id, fields, associations, deleted FROM objects ORDER BY type, id").await;
    let objects = objects.unwrap();
    let keys: Vec<&[Value]> = objects.iter().map(|object| &object[..3]).collect();
    let key = |source: &str, kind: &str, id: &str| [json!(source), json!(kind), json!(id)];
    let (firm, ticket) = (key("firms", "companies", "c-1"), key("desk", "tickets", "t-1"));
    assert_eq!(keys, [&firm, &key("sales", "deals", "d-1"), &key("sales", "deals", "d-2"), &ticket]);
    let parsed = |value: &Value| serde_json::from_str::<Value>(value.as_str().unwrap_or("null")).unwrap();
    assert_eq!(parsed(&objects[1][3])["stage"], "open");
    assert!(objects[1][4].as_str().unwrap().contains("crm:contacts"), "{objects:?}");
    assert_eq!(parsed(&objects[3][3])["Subject"], "Broken");

    // A snapshot replaces the one before; both are kept as events.
    replace(&server.dir().join("deals.csv"), "Deal,Amount,Stage,Contact\nd-1,1200,won,1\nd-2,20,won,2\n").unwrap();
    until(&server, 1, "SELECT count(*) FROM objects WHERE id = 'd-1' AND fields LIKE '%won%'").await.unwrap();
    let accounts = Accounts::balanced(&server).await.unwrap();
    assert_eq!((accounts.events, accounts.failed_events), (8, 0));
    assert_eq!(server.count("SELECT count(*) FROM objects").await.unwrap(), 4);
    assert_eq!(
        server.count("SELECT count(*) FROM events WHERE type = 'object' AND object IS NOT NULL").await.unwrap(),
        4
    );
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_file_loses_and_doubles_no_row() {
    const ROWS: u64 = 40_000;
    let rows = (0..ROWS).map(|row| format!("{row},Name {row},p{row}@example.com,X\n"));
    let content = std::iter::once("Id,First Name,Email,City\n".to_owned()).chain(rows).collect::<String>();
    let mut server = with_file(CONTACTS, "contacts.csv", &content).await.unwrap();
    let mut before = 0;
    for _ in 0..3 {
        let started = Instant::now();
        while server.count("SELECT count(*) FROM events").await.unwrap() <= before && started.elapsed() < PATIENCE {
            tokio::task::yield_now().await;
        }
        before = server.count("SELECT count(*) FROM events").await.unwrap();
        server.kill9().unwrap();
        server.restart().await.unwrap();
    }
    until_events(&server, ROWS).await.unwrap();
    server.flush().await.unwrap();
    assert_eq!(server.count("SELECT count(DISTINCT message_id) FROM events").await.unwrap(), ROWS);
    assert_eq!(server.count("SELECT count(*) FROM profiles").await.unwrap(), ROWS);
}

#[tokio::test]
async fn sources_can_be_listed_and_read_without_a_server() {
    let server = Server::prepare(ServerOptions::with_config(CRM)).unwrap();
    write_export(server.dir()).unwrap();
    let run = async |arguments: &[&str]| tributary_in(server.dir(), arguments).await.unwrap();
    let list = run(&["source", "list", "--config", "tributary.yaml"]).await;
    assert_eq!(list.code, Some(0), "{}", list.stderr);
    for name in ["web", "crm", "firms", "sales", "desk"] {
        assert!(list.stdout.contains(name), "{name}: {}", list.stdout);
    }
    let read = run(&["source", "read", "--config", "tributary.yaml", "sales"]).await;
    assert_eq!(read.code, Some(0), "{}", read.stderr);
    let records: Vec<Value> = read.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 2, "{}", read.stdout);
    let unknown = run(&["source", "check", "--config", "tributary.yaml", "nobody"]).await;
    assert_eq!(unknown.code, Some(1), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("nobody"), "{}", unknown.stderr);
}
