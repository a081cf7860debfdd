//! `tributary demo` ends by itself and leaves a folder to go on with. Every figure it prints is computed here once
//! more: from the records it generates (`--records` with the same seed) or from the tables it leaves.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tributary_tests::{binary, tributary, tributary_in};

const PEOPLE: &str = "150";
const SEED: &str = "11";
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A demo that has ended.
struct Demo {
    folder: TempDir,
    printed: String,
}

impl Demo {
    async fn run() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["demo", "--people", PEOPLE, "--seed", SEED, "--data-dir", "demo"];
        let output = tributary_in(folder.path(), &arguments).await.unwrap();
        assert_eq!(output.code, Some(0), "{}\n{}", output.stdout, output.stderr);
        let records = folder.path().join("records");
        let records = records.to_str().unwrap();
        tributary(&["demo", "--people", PEOPLE, "--seed", SEED, "--records", records]).await.unwrap();
        Self { folder, printed: output.stdout }
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("demo")
    }

    fn record_lines(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("records").join(file)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Rows of a query over the committed tables.
    async fn sql(&self, query: &str) -> Vec<Value> {
        let data_dir = self.data_dir();
        let arguments = ["sql", "--data-dir", data_dir.to_str().unwrap(), "--format", "json", query];
        serde_json::from_str(&tributary(&arguments).await.unwrap()).unwrap()
    }

    async fn count(&self, query: &str) -> u64 {
        let rows = self.sql(query).await;
        let row = rows[0].as_object().unwrap();
        row.values().next().unwrap().as_u64().unwrap()
    }

    /// The lines of a section of the report, without its title.
    fn section(&self, title: &str) -> Vec<&str> {
        let behind = self.printed.lines().skip_while(|line| !line.starts_with(title)).skip(1);
        behind.take_while(|line| line.starts_with(' ')).collect()
    }

    fn line(&self, part: &str) -> &str {
        let found = self.printed.lines().find(|line| line.contains(part));
        found.unwrap_or_else(|| panic!("no line with {part:?} in {}", self.printed))
    }
}

/// The whole numbers of a line, thousands separators taken out; `9-10` and `1.96` are none.
fn numbers(line: &str) -> Vec<u64> {
    let plain = line.replace(',', "");
    let words = plain.split(|c: char| !(c.is_ascii_digit() || ".+-".contains(c)));
    words.filter_map(|word| word.parse().ok()).collect()
}

fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

async fn check_sources(demo: &Demo) {
    let files = BTreeMap::from([
        ("web", "web.jsonl"),
        ("mail", "sendgrid.jsonl"),
        ("survey", "surveys.jsonl"),
        ("crm", "contacts.csv"),
        ("crm_companies", "companies.csv"),
        ("crm_deals", "deals.csv"),
        ("crm_tickets", "tickets.csv"),
    ]);
    let lines = demo.section("What came in");
    let mut totals = [0; 4];
    for (source, file) in &files {
        let line = lines.iter().find(|line| line.split_whitespace().next() == Some(source)).unwrap();
        let [sent, events, failed, repeats] = numbers(line)[..] else { panic!("{line}") };
        assert_eq!(sent, events + failed + repeats, "{line}");
        let header = usize::from(source.starts_with("crm"));
        let distinct: BTreeSet<String> = demo.record_lines(file).into_iter().skip(header).collect();
        assert_eq!(events + failed, distinct.len() as u64, "{line}");
        for (table, shown) in [("events", events), ("failed_events", failed)] {
            let query = format!("SELECT count(*) FROM {table} WHERE source = '{source}'");
            assert_eq!(demo.count(&query).await, shown, "{line}");
        }
        totals.iter_mut().zip([sent, events, failed, repeats]).for_each(|(total, figure)| *total += figure);
    }
    assert_eq!(numbers(lines.last().unwrap()), totals);
    assert!(totals[2] > 0 && totals[3] > 0, "some records fail and some are repeated");
}

/// Pairs joined, right, found of the connected ones, connected, planted.
type Pairs = [u64; 5];

/// Compares a partition with the truth, whose lines are `node,person,component`.
fn pairs(truth: &[String], set_of: &HashMap<String, String>) -> Pairs {
    let records: Vec<Vec<&str>> = truth.iter().skip(1).map(|line| line.rsplitn(3, ',').collect()).collect();
    let mut pairs = [0; 5];
    for (index, a) in records.iter().enumerate() {
        for b in &records[index + 1..] {
            let together = set_of[a[2]] == set_of[b[2]];
            let (is_one, is_connected) = (a[1] == b[1], (a[1], a[0]) == (b[1], b[0]));
            let counts = [together, together && is_one, together && is_connected, is_connected, is_one];
            pairs.iter_mut().zip(counts).for_each(|(sum, counts)| *sum += u64::from(counts));
        }
    }
    pairs
}

/// What identifiers join: each set of the truth's own reading.
fn by_identifiers(truth: &[String]) -> HashMap<String, String> {
    let parts = truth.iter().skip(1).map(|line| line.rsplitn(3, ',').collect::<Vec<_>>());
    parts.map(|parts| (parts[2].to_owned(), format!("{}/{}", parts[1], parts[0]))).collect()
}

async fn profiles_of_nodes(demo: &Demo) -> HashMap<String, String> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = demo.sql("SELECT node, profile_id FROM identities").await;
    rows.iter().map(|row| (text(row, "node"), text(row, "profile_id"))).collect()
}

async fn check_profiles(demo: &Demo) {
    let [profiles, identities, ..] = numbers(demo.line(" profiles with "))[..] else { panic!() };
    assert_eq!(demo.count("SELECT count(*) FROM profiles").await, profiles);
    assert_eq!(demo.count("SELECT count(*) FROM identities").await, identities);
    let truth = demo.record_lines("truth.csv");
    let by_identifiers = pairs(&truth, &by_identifiers(&truth));
    let by_contents = pairs(&truth, &profiles_of_nodes(demo).await);
    let lines = demo.section("What came out");
    for (name, [joined, right, found, connected, planted]) in
        [("identifiers alone", by_identifiers), ("and contents matched", by_contents)]
    {
        let place = lines.iter().position(|line| line.trim_start().starts_with(name)).unwrap();
        assert_eq!(numbers(lines[place + 1]), [joined, right, found, connected], "{name}");
        let shares = [(right, joined), (right, planted), (found, connected)];
        let [precision, recall, of_connected] = shares.map(|(part, whole)| float(part) / float(whole));
        let said = format!(
            "{name}: precision {precision:.3}, recall {recall:.3}, of pairs that identifiers connect {of_connected:.3}"
        );
        assert_eq!(lines[place].trim_start(), said);
        assert!(precision >= 0.98 && of_connected >= 0.99, "{said}");
    }
    assert_eq!(by_identifiers[..2], [by_identifiers[3]; 2], "identifiers alone join exactly what they connect");
    assert!(by_contents[1] > by_identifiers[1], "contents find people that identifiers do not");
    let [planted, hidden, ..] = numbers(demo.line(" were planted; in "))[..] else { panic!() };
    assert_eq!(planted, by_contents[4]);
    let told = float(by_contents[1]) / float(planted - hidden);
    assert_eq!(demo.line("recall of the others").trim(), format!("recall of the others {told:.3}"));
}

/// One merge was undone and made again, and nothing is left of it but the history.
async fn check_undone(demo: &Demo) {
    let lines = demo.section("The last one undone");
    let records: Vec<&str> = lines[0].split_whitespace().filter(|word| *word != "and").collect();
    let profiles = profiles_of_nodes(demo).await;
    assert_eq!(profiles[records[0]], profiles[records[1]]);
    let counts = [1, 2, 3].map(|line| *numbers(lines[line]).last().unwrap());
    assert_eq!(counts[0], demo.count("SELECT count(*) FROM profiles").await);
    assert!(counts[1] > counts[0] && counts[2] == counts[0], "{counts:?}");
    let said = [1, 2, 3].map(|line| lines[line].contains(": two profiles, "));
    assert_eq!(said, [false, true, false]);
    let decided = "SELECT count(*) FROM objects WHERE type = 'identity_decisions'";
    assert_eq!(demo.count(decided).await, 1, "the decision is known for good");
    assert_eq!(demo.count(&format!("{decided} AND NOT deleted")).await, 0, "and not in force");
}

/// Every record that the report names is there, and says what the report says it says.
async fn check_merges(demo: &Demo) {
    let lines = demo.section("Three merges explained");
    let mut profile = String::new();
    let (mut joins, mut bits, mut evidence) = (0, 0.0, 0);
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some((_, behind)) = line.split_once(", profile ") {
            behind.split(',').next().unwrap().clone_into(&mut profile);
        } else if words[0] == "matched" {
            let shared = "SELECT count(*) FROM (SELECT identifiers FROM events WHERE node = ";
            for node in [words[1], words[3].trim_end_matches(',')] {
                let query = format!("{shared}'{node}' AND profile_id = '{profile}') AS of_profile");
                assert!(demo.count(&query).await >= 1, "{line}");
            }
        } else if words[1] == "bits" {
            bits += words[0].parse::<f64>().unwrap();
            evidence += 1;
        } else if words[0] == "=" {
            let total: f64 = words[1].parse().unwrap();
            assert!((total - bits).abs() < 0.03 && evidence >= 3, "{line}: {bits}");
            assert!(line.ends_with(" % the same person"), "{line}");
        } else if words[0] == "holds" {
            let query = format!("SELECT count(*) FROM events WHERE node = '{}' AND profile_id = '{profile}'", words[1]);
            assert_eq!(demo.count(&query).await, words[2].parse::<u64>().unwrap(), "{line}");
        } else {
            let (a, b) = (words[1], words[3].trim_end_matches(':'));
            let (_, value) = b.rsplit_once(':').unwrap();
            let (source, kind, day) = (words[4], words[5], words[7]);
            let query = format!(
                "SELECT count(*) FROM events WHERE node = '{a}' AND source = '{source}' AND type = '{kind}' \
                 AND identifiers LIKE '%{value}%' AND CAST(timestamp AS VARCHAR) LIKE '{day}%'"
            );
            assert!(demo.count(&query).await >= 1, "{line}");
            joins += 1;
        }
    }
    assert!(joins >= 4, "two merges have at least two joins each");
    assert!(evidence >= 3, "one was found by contents alone");
}

async fn check_segments(demo: &Demo) {
    let data_dir = demo.data_dir();
    for (name, file) in
        [("power users", "power_users"), ("lapsed buyers", "lapsed_buyers"), ("warm leads", "warm_leads")]
    {
        let file = data_dir.join(format!("demo/segments/{file}.json"));
        let arguments = ["segment", "count", "--data-dir", data_dir.to_str().unwrap(), file.to_str().unwrap()];
        let count: u64 = tributary(&arguments).await.unwrap().trim().parse().unwrap();
        assert_eq!(numbers(demo.line(&format!("  {name} ")))[0], count, "{name}");
        assert!(count > 0, "{name} is empty");
    }
}

async fn check_nps(demo: &Demo) {
    let profiles = profiles_of_nodes(demo).await;
    let mut latest: BTreeMap<String, (String, u64)> = BTreeMap::new();
    for line in demo.record_lines("surveys.jsonl") {
        let answer: Value = serde_json::from_str(&line).unwrap();
        if answer["metric"] != "nps" {
            continue;
        }
        let email = answer["contact"]["email"].as_str().unwrap().trim().to_lowercase();
        let answered = (answer["answered_at"].as_str().unwrap().to_owned(), answer["score"].as_u64().unwrap());
        let profile = profiles[&format!("email:{email}")].clone();
        let newest = latest.entry(profile).or_insert_with(|| answered.clone());
        if answered.0 > newest.0 {
            *newest = answered;
        }
    }
    let of = |range: std::ops::RangeInclusive<u64>| {
        latest.values().filter(|(_, score)| range.contains(score)).count() as u64
    };
    let (promoters, passives, detractors) = (of(9..=10), of(7..=8), of(0..=6));
    assert_eq!(numbers(demo.line(" promoters (")), [promoters, passives, detractors]);
    let n = float(latest.len() as u64);
    let (p, d) = (float(promoters) / n, float(detractors) / n);
    let margin = 196.0 * ((p + d - (p - d) * (p - d)) / n).sqrt();
    let expected = format!("  {:+.1} ± {margin:.1} (95 %), of the newest answer of {n} people", 100.0 * (p - d));
    assert_eq!(demo.section("Net promoter score")[0], expected);
}

fn check_pipeline(demo: &Demo) {
    // From the right, because names hold commas: time, company, contact, currency, amount, stage.
    let rows = demo.record_lines("deals.csv");
    let mut newest: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in rows.iter().skip(1) {
        let columns: Vec<&str> = row.rsplitn(7, ',').collect();
        let (id, _) = row.split_once(',').unwrap();
        let known = newest.entry(id).or_insert_with(|| columns.clone());
        if columns[0] > known[0] {
            *known = columns;
        }
    }
    let cents = |amount: &str| amount.replace([',', '.'], "").parse::<u64>().unwrap();
    let mut expected: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for columns in newest.values() {
        let sums = expected.entry(columns[5]).or_default();
        *sums = (sums.0 + 1, sums.1 + cents(columns[4]));
    }
    let shown = demo.section("Pipeline").into_iter().skip(1).map(|line| {
        let [stage, deals, amount] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        (stage, (numbers(deals)[0], cents(amount)))
    });
    assert_eq!(shown.collect::<BTreeMap<_, _>>(), expected);
}

/// The commands of the report work as they are printed.
async fn check_ways_on(demo: &Demo) {
    let shell = async |command: &str| {
        let command = tokio::process::Command::new("sh").args(["-c", command]).current_dir(demo.folder.path()).output();
        let output = command.await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(shell(demo.line(" sql --data-dir ")).await.contains("pro"));
    assert!(shell(demo.line(" segment count ")).await.trim().parse::<u64>().unwrap() > 0);
    let run = demo.line(" run --config ").trim();
    let program = binary().unwrap();
    let arguments = run.strip_prefix(program.to_str().unwrap()).expect("the program's own path is printed");
    let mut server = tokio::process::Command::new(&program)
        .args(arguments.split_whitespace())
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .current_dir(demo.folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let url = demo.line("curl -s ").trim().trim_start_matches("curl -s ");
    let path = url.strip_prefix("http://127.0.0.1:8091").unwrap();
    let profile: Value = serde_json::from_slice(&answer(&demo.data_dir(), path).await).unwrap();
    assert!(profile["profile_id"].is_string(), "{profile}");
    server.kill().await.unwrap();
}

/// Asks the admin port of the server on a folder, once it accepts.
async fn answer(data_dir: &Path, path: &str) -> Vec<u8> {
    let begun = Instant::now();
    loop {
        let address = fs::read(data_dir.join("server.json")).ok();
        let address = address.and_then(|text| serde_json::from_slice::<Value>(&text).ok()).unwrap_or_default();
        let admin = address["admin"].as_str().unwrap_or("127.0.0.1:9");
        let request = reqwest::Client::new().get(format!("http://{admin}{path}"));
        let request = request.bearer_auth(address["token"].as_str().unwrap_or_default());
        if let Ok(answer) = request.send().await
            && answer.status() == 200
        {
            return answer.bytes().await.unwrap().to_vec();
        }
        assert!(begun.elapsed() < PATIENCE, "no answer to {path}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn every_printed_figure_is_true() {
    let demo = Demo::run().await;
    assert!(!demo.data_dir().join("server.json").exists(), "its server has ended");
    check_sources(&demo).await;
    check_profiles(&demo).await;
    check_merges(&demo).await;
    check_undone(&demo).await;
    check_segments(&demo).await;
    check_nps(&demo).await;
    check_pipeline(&demo);
    check_ways_on(&demo).await;
}

#[tokio::test]
async fn a_folder_of_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    let output = tributary_in(folder.path(), &["demo", "--people", "20", "--data-dir", "."]).await.unwrap();
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("something else than a demo"), "{}", output.stderr);
    assert!(folder.path().join("letter.txt").exists());
}
