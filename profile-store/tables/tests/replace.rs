//! `profiles`, `identities`, `objects` and `profile_changes`: the rows of the
//! state, each in one place, whatever happens between two commits.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Bench, Oracle, busy, check, eventually, identify, object, open, quiet, rows, texts, track};
use tributary_protocol::LogValue;
use tributary_state::{Applied, Mode, Options, State};
use tributary_tables::{TableSettings, TraitType};

fn person(n: u32, plan: &str) -> LogValue {
    let time = ["free", "paid", "gold"].iter().position(|known| *known == plan).unwrap() * 100;
    let id = format!("m{}", time + n as usize);
    identify(&id, &[("user_id", &format!("u{n}"))], &json!({ "plan": plan, "n": n }))
}

fn plans(bench: &Bench) -> Vec<String> {
    let mut plans = texts(&bench.rows("profiles"), "plan");
    plans.sort();
    plans
}

#[tokio::test]
async fn changed_rows_replace_their_old_selves() {
    let mut bench = Bench::new(quiet()).await;
    bench.take(0, (0..10).map(|n| person(n, "free")).collect()).await;
    bench.flush().await;
    assert_eq!(plans(&bench), vec!["free"; 10]);
    bench.take(0, (0..3).map(|n| person(n, "paid")).collect()).await;
    bench.flush().await;
    let expected = [vec!["free"; 7], vec!["paid"; 3]].concat();
    assert_eq!(plans(&bench), expected);
    let view = bench.tables.read_view();
    let dead: Vec<u64> =
        view.tables["profiles"].files.iter().filter_map(|file| file.dead.as_ref().map(|dead| dead.len())).collect();
    assert!(dead.is_empty() || dead == [3], "{dead:?}");
    bench.reopen().await;
    assert_eq!(plans(&bench), expected);
    assert!(bench.tables.read_view().tables["profiles"].tail.is_empty(), "nothing was left to commit");
}

#[tokio::test]
async fn a_deletion_vector_holds_the_old_rows() {
    let settings = TableSettings { dead_share_max: 1.0, ..quiet() };
    let mut bench = Bench::new(settings).await;
    bench.take(0, (0..10).map(|n| person(n, "free")).collect()).await;
    bench.flush().await;
    for n in 0..4 {
        bench.take(0, vec![person(n, "paid")]).await;
        bench.flush().await;
    }
    let dead = |bench: &Bench| -> Vec<(u64, u64)> {
        let view = bench.tables.read_view();
        let mut dead: Vec<(u64, u64)> = view.tables["profiles"]
            .files
            .iter()
            .map(|file| (file.rows, file.dead.as_ref().map_or(0, |dead| dead.len())))
            .collect();
        dead.sort_unstable();
        dead
    };
    let expected = [(1, 0), (1, 0), (1, 0), (1, 0), (10, 4)];
    assert_eq!(dead(&bench), expected);
    bench.reopen().await;
    assert_eq!(dead(&bench), expected, "the vector is read back");
    assert_eq!(plans(&bench).len(), 10);
}

#[tokio::test]
async fn a_merge_removes_a_profile() {
    let bench = Bench::new(quiet()).await;
    let email = ("email", "ada@example.com");
    bench.take(0, vec![identify("m1", &[("user_id", "ada")], &json!({})), identify("m2", &[email], &json!({}))]).await;
    bench.flush().await;
    assert_eq!(bench.rows("profiles").len(), 2);
    bench.take(0, vec![identify("m3", &[("user_id", "ada"), email], &json!({}))]).await;
    bench.flush().await;
    assert_eq!(bench.rows("profiles").len(), 1);
    let identities = bench.rows("identities");
    assert_eq!(texts(&identities, "node"), ["email:ada@example.com", "user_id:ada"]);
    assert_eq!(identities[0]["profile_id"], identities[1]["profile_id"]);
    let changes = texts(&bench.rows("profile_changes"), "change");
    assert!(changes.contains(&"merge".to_owned()), "{changes:?}");
}

#[tokio::test]
async fn objects_show_their_current_snapshot() {
    let bench = Bench::new(quiet()).await;
    bench.take(0, vec![object("m1", "7", &json!({ "stage": "new" })), object("m2", "8", &json!({}))]).await;
    bench.flush().await;
    bench.take(0, vec![object("m3", "7", &json!({ "stage": "won", "amount": 5 }))]).await;
    bench.flush().await;
    assert_eq!(texts(&bench.rows("objects"), "fields"), [r#"{"amount":5,"stage":"won"}"#, "{}"]);
}

#[tokio::test]
async fn a_writer_shows_changes_before_it_commits_them() {
    let settings = TableSettings { refresh_interval: Duration::from_millis(1), ..quiet() };
    let bench = Bench::new(settings).await;
    bench.take(0, vec![person(1, "free")]).await;
    bench.flush().await;
    let shutdown = tokio_util::sync::CancellationToken::new();
    let writers = bench.tables.spawn(shutdown.clone());
    bench.take(0, vec![person(1, "paid"), person(2, "free")]).await;
    eventually("the change shows", || plans(&bench) == ["free", "paid"]).await;
    assert_eq!(bench.files("profiles"), 0, "its only row is replaced by one in memory");
    bench.take(0, vec![person(1, "gold")]).await;
    eventually("the second change shows", || plans(&bench) == ["free", "gold"]).await;
    bench.flush().await;
    assert_eq!(plans(&bench), ["free", "gold"]);
    shutdown.cancel();
    writers.await.unwrap();
}

/// A state that is made again stands where it stood, and every row of it is to be written.
#[tokio::test]
async fn a_flush_waits_for_rows_that_no_position_tells_of() {
    let bench = Bench::new(quiet()).await;
    bench.take(0, vec![person(1, "free")]).await;
    bench.flush().await;
    let shutdown = tokio_util::sync::CancellationToken::new();
    let writers = bench.tables.spawn(shutdown.clone());
    for plan in ["paid", "gold"] {
        let position = bench.state.position(0).unwrap();
        bench.state.apply(0, position, vec![(position, person(1, plan))], Mode::Live).unwrap();
        bench.tables.flush(&[position], support::MINUTE).await.unwrap();
        assert_eq!(plans(&bench), [plan]);
        assert!(bench.tables.read_view().tables["profiles"].tail.is_empty(), "{plan}");
    }
    shutdown.cancel();
    writers.await.unwrap();
}

#[tokio::test]
async fn traits_are_columns_of_their_types() {
    let declared = [("score", TraitType::Float), ("vip", TraitType::Boolean)];
    let traits = declared.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
    let mut bench = Bench::new(TableSettings { traits, columns_max: 12, ..quiet() }).await;
    let ada = json!({
        "age": 36, "birthday": "1815-12-10", "createdAt": "2024-01-02T03:04:05Z", "score": "1.5", "vip": true,
        "plan": 7, "traits": "mine",
    });
    bench.take(0, vec![identify("m1", &[("user_id", "ada")], &ada)]).await;
    bench.flush().await;
    let bob = json!({ "age": "old", "birthday": "1990", "vip": "maybe", "one": 1, "two": 2, "plan": { "b": 1 } });
    bench.take(0, vec![identify("m2", &[("user_id", "bob")], &bob)]).await;
    bench.flush().await;
    bench.reopen().await;
    let shown = bench.rows("profiles");
    let row = |id: &str| shown.iter().find(|row| row["identifiers"].as_str().unwrap().contains(id)).unwrap();
    let ada = row("ada");
    assert_eq!(ada["age"], 36);
    assert_eq!(ada["birthday"], "1815-12-10");
    assert_eq!(ada["trait_created_at"], "2024-01-02T03:04:05Z");
    assert_eq!(ada["score"], 1.5);
    assert_eq!((&ada["vip"], &ada["plan"], &ada["trait_traits"]), (&json!(true), &json!("7"), &json!("mine")));
    let bob = row("bob");
    assert_eq!((&bob["age"], &bob["vip"], &bob["plan"]), (&Value::Null, &Value::Null, &json!(r#"{"b":1}"#)));
    assert!(bob["traits"].as_str().unwrap().contains(r#""age":"old""#), "whole where it does not fit");
    let view = bench.tables.read_view();
    assert_eq!(view.tables["profiles"].schema.fields().len(), 12);
    assert!(bob["traits"].as_str().unwrap().contains(r#""two":2"#), "traits without a column are kept");
}

#[tokio::test]
async fn changes_are_written_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(&folder.path().join("state"), support::LOG, Options::default(), None).unwrap();
    let mut bench = Bench::with(state, 1, quiet()).await;
    let mut expected = 0;
    for round in 0..6 {
        let id = format!("a{round}");
        let loose = identify(&format!("m{round}"), &[("anonymous_id", &id)], &json!({}));
        let joined = identify(&format!("n{round}"), &[("anonymous_id", &id), ("user_id", "ada")], &json!({}));
        expected += bench.take(0, vec![loose]).await;
        expected += bench.take(0, vec![joined]).await;
        if round % 2 == 0 {
            bench.flush().await;
            assert_eq!(bench.rows("profile_changes").len(), expected);
            assert!(bench.state.outbox().unwrap().is_empty());
        } else {
            bench.reopen().await;
            assert_eq!(bench.rows("profile_changes").len(), expected, "they wait in the state and show");
        }
    }
    assert!(expected >= 6, "{expected}");
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, place) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).unwrap();
        if entry.is_dir() {
            copy(&entry, &place);
        } else {
            std::fs::copy(&entry, &place).unwrap();
        }
    }
}

/// A kill after a commit, before the state took note of it, is the same as a
/// state from before the commit.
#[tokio::test]
async fn a_state_that_missed_the_commit_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (now, before) = (folder.path().join("state"), folder.path().join("before"));
    let open_state = |place: &std::path::Path| State::open(place, support::LOG, Options::default(), None).unwrap();
    let oracle = Oracle::new();
    let mut rng = SmallRng::seed_from_u64(7);
    let values: Vec<LogValue> = (0..20).flat_map(|n| random_batch(&mut rng, &mut (n * 100))).collect();
    oracle.take(0, values.clone());
    let next = values.len() as u64;
    let state = open_state(&now);
    let values: Vec<(u64, LogValue)> = (0..).zip(values).collect();
    for batch in values.chunks(5) {
        let next = batch.last().unwrap().0 + 1;
        state.apply(0, next, batch.to_vec(), Mode::Live).unwrap();
    }
    drop(state);
    copy(&now, &before);
    let mut changes = Vec::new();
    for place in [&now, &before] {
        let tables = open(folder.path(), &open_state(place), 1, &quiet()).await;
        tables.accept(0, next, Applied::default()).await.unwrap();
        changes.push(rows(&tables.read_view(), "profile_changes"));
        check(&oracle, &tables.read_view());
        tables.flush(&[next], support::MINUTE).await.unwrap();
        changes.push(rows(&tables.read_view(), "profile_changes"));
        check(&oracle, &tables.read_view());
    }
    assert!(!changes[0].is_empty());
    assert!(changes.iter().all(|shown| *shown == changes[0]), "{changes:?}");
}

/// Random people who meet, change and merge, in random batches.
fn random_batch(rng: &mut SmallRng, number: &mut u32) -> Vec<LogValue> {
    let mut batch = Vec::new();
    for _ in 0..rng.random_range(1..12) {
        *number += 1;
        let id = format!("m{number}");
        let (user, email) =
            (format!("u{}", rng.random_range(0..30)), format!("p{}@example.com", rng.random_range(0..40)));
        let fields = json!({ "plan": rng.random_range(0..5), format!("t{}", rng.random_range(0..20)): "x" });
        batch.push(match rng.random_range(0..10) {
            0..4 => identify(&id, &[("user_id", &user)], &fields),
            4..6 => identify(&id, &[("email", &email)], &fields),
            6 => identify(&id, &[("email", &email), ("user_id", &user)], &fields),
            7 => track(&id, &user),
            _ => object(&id, &user, &fields),
        });
    }
    batch
}

#[tokio::test]
async fn tables_are_what_the_state_says() {
    for seed in 0..4 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state"), support::LOG, Options::default(), None).unwrap();
        let settings = TableSettings { commit_rows_max: 7, vector_files_max: 2, ..busy() };
        let mut bench = Bench::with(state, 2, settings).await;
        let oracle = Oracle::new();
        let mut number = 0;
        for _ in 0..40 {
            let batch = random_batch(&mut rng, &mut number);
            let partition = rng.random_range(0..2);
            oracle.take(partition, batch.clone());
            bench.take(partition, batch).await;
            match rng.random_range(0..5) {
                0 | 1 => {
                    bench.flush().await;
                    check(&oracle, &bench.tables.read_view());
                }
                2 => bench.reopen().await,
                _ => {}
            }
        }
        bench.flush().await;
        check(&oracle, &bench.tables.read_view());
        let (view, _) = tributary_tables::Tables::committed(&bench.folder.path().join("tables")).unwrap();
        check(&oracle, &view);
        let mut ids = texts(&rows(&view, "events"), "message_id");
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), count), (number as usize, number as usize), "each event once");
    }
}

#[tokio::test]
async fn a_lost_state_is_made_up_for() {
    let bench = Bench::new(quiet()).await;
    bench.take(0, (0..5).map(|n| person(n, "free")).collect()).await;
    bench.take(0, vec![person(1, "paid")]).await;
    bench.flush().await;
    let changes = bench.rows("profile_changes").len();

    // The state is gone; of its records, those of two people cannot be had again.
    let state = State::in_memory(Options::default());
    let tables = open(bench.folder.path(), &state, 1, &quiet()).await;
    assert!(tables.rebuilds());
    let oracle = Oracle::new();
    let values: Vec<LogValue> = (0..3).map(|n| person(n, "free")).chain([person(1, "paid")]).collect();
    oracle.take(0, values.clone());
    let placed = (0..).zip(values).collect();
    state.apply(0, 6, placed, Mode::Rebuild).unwrap();

    // A second start before the tables are written again still knows.
    drop(tables);
    let tables = open(bench.folder.path(), &state, 1, &quiet()).await;
    assert!(tables.rebuilds());
    tables.flush(&[6], support::MINUTE).await.unwrap();
    assert!(!tables.rebuilds());
    check(&oracle, &tables.read_view());
    assert_eq!(rows(&tables.read_view(), "profile_changes").len(), changes, "history is kept");

    // History goes on although the new state counts from the start.
    let join = vec![(6, identify("m9", &[("user_id", "u1"), ("anonymous_id", "a1")], &json!({})))];
    let loose = vec![(7, identify("m10", &[("anonymous_id", "a2")], &json!({})))];
    let both = vec![(8, identify("m11", &[("anonymous_id", "a2"), ("user_id", "u2")], &json!({})))];
    for (next, values) in [(7, join), (8, loose), (9, both)] {
        let applied = state.apply(0, next, values, Mode::Live).unwrap();
        tables.accept(0, next, applied).await.unwrap();
    }
    let new = state.outbox().unwrap().len();
    assert!(new > 0);
    tables.flush(&[9], support::MINUTE).await.unwrap();
    assert_eq!(rows(&tables.read_view(), "profile_changes").len(), changes + new);
}
