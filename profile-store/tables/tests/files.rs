//! The files of the tables: compaction keeps rows, clean-up keeps what is
//! needed, damage is named.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use support::{Bench, MINUTE, busy, identify, open, quiet, rows, track, try_open};
use tributary_state::Applied;
use tributary_tables::{Error, ReadView, TableSettings};

const TABLES: [&str; 6] = ["events", "failed_events", "identities", "objects", "profile_changes", "profiles"];

/// A few people whose traits change again and again.
async fn churn(bench: &Bench, from: u32, rounds: u32) {
    for round in from..from + rounds {
        let batch = (0..10).map(|n| {
            let person = if n < 7 { n } else { 100 + 10 * round + n };
            let id = format!("m{round}-{n}");
            identify(
                &id,
                &[("user_id", &format!("u{person}"))],
                &json!({ "round": round, format!("r{}", round % 5): n }),
            )
        });
        bench.take(0, batch.collect()).await;
        bench.flush().await;
    }
}

fn all_rows(view: &ReadView) -> Vec<Vec<Value>> {
    TABLES.iter().map(|table| rows(view, table)).collect()
}

#[tokio::test]
async fn compaction_keeps_the_rows() {
    let plain = Bench::new(TableSettings { small_files: 1_000, dead_share_max: 1.0, ..quiet() }).await;
    let compacted = Bench::new(busy()).await;
    for bench in [&plain, &compacted] {
        churn(bench, 0, 25).await;
    }
    assert_eq!(plain.files("events"), 25);
    assert!(compacted.files("events") < 5, "{} files", compacted.files("events"));
    assert!(compacted.files("profiles") < 5, "{} files", compacted.files("profiles"));
    assert_eq!(all_rows(&compacted.tables.read_view()), all_rows(&plain.tables.read_view()));
}

#[tokio::test]
async fn files_with_vectors_stay_few() {
    let settings = TableSettings { dead_share_max: 1.0, vector_files_max: 3, small_files: 1_000, ..quiet() };
    let bench = Bench::new(settings).await;
    churn(&bench, 0, 30).await;
    let view = bench.tables.read_view();
    let vectors = view.tables["profiles"].files.iter().filter(|file| file.dead.is_some()).count();
    assert!(vectors <= 3, "{vectors} files with a vector");
    assert_eq!(bench.rows("profiles").len(), 7 + 3 * 30);
}

#[tokio::test]
async fn compaction_ends_while_rows_wait_in_memory() {
    let settings = TableSettings { refresh_interval: std::time::Duration::from_millis(1), ..busy() };
    let bench = Bench::new(settings).await;
    let shutdown = tokio_util::sync::CancellationToken::new();
    let writers = bench.tables.spawn(shutdown.clone());
    churn(&bench, 0, 20).await;
    assert_eq!(bench.rows("profiles").len(), 7 + 3 * 20);
    assert_eq!(bench.rows("events").len(), 200);
    shutdown.cancel();
    writers.await.unwrap();
    assert_eq!(bench.tables.health(), None);
}

fn names(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.filter(|entry| entry.file_type().unwrap().is_file()).map(|entry| entry.path()).collect()
}

#[tokio::test]
async fn clean_up_leaves_what_is_needed() {
    let settings = TableSettings { checkpoint_every: 1, ..busy() };
    let bench = Bench::new(settings).await;
    churn(&bench, 0, 12).await;
    for table in TABLES {
        let folder = bench.folder.path().join("tables").join(table);
        for stray in ["part-00000000-0000-0000-0000-000000000000.parquet", "deletion_vector_x.bin", "part-x.parquet#12"]
        {
            std::fs::write(folder.join(stray), "left by a crash").unwrap();
        }
        std::fs::write(folder.join("notes.txt"), "a stranger's").unwrap();
    }
    churn(&bench, 12, 2).await;
    // What the last turn rewrote goes with the next, which has nothing to write.
    bench.flush().await;
    for table in ["events", "profiles", "identities"] {
        let folder = bench.folder.path().join("tables").join(table);
        let view = bench.tables.read_view();
        let mut data: BTreeSet<PathBuf> = view.tables[table].files.iter().map(|file| file.path.clone()).collect();
        data.insert(folder.join("notes.txt"));
        let with_vectors = view.tables[table].files.iter().filter(|file| file.dead.is_some()).count();
        let (vectors, present): (BTreeSet<_>, BTreeSet<_>) =
            names(&folder).into_iter().partition(|path| path.extension().is_some_and(|end| end == "bin"));
        assert_eq!(present, data, "{table}");
        assert!(vectors.len() <= with_vectors, "{vectors:?} for {with_vectors} files");
        let log = names(&folder.join("_delta_log"));
        assert!(log.len() <= 6, "{log:?}");
    }
    let before = all_rows(&bench.tables.read_view());
    let tables = open(bench.folder.path(), &bench.state, 1, &quiet()).await;
    assert_eq!(all_rows(&tables.read_view()), before);
    assert_eq!(tables.recorded(), bench.tables.recorded());
}

#[tokio::test]
async fn a_query_under_way_keeps_its_files() {
    let settings = TableSettings { checkpoint_every: 1, file_grace: 10 * MINUTE, ..busy() };
    let bench = Bench::new(settings).await;
    churn(&bench, 0, 3).await;
    let view = bench.tables.read_view();
    let before = all_rows(&view);
    churn(&bench, 3, 12).await;
    assert_eq!(all_rows(&view), before);
}

#[tokio::test]
async fn damage_is_named() {
    let bench = Bench::new(quiet()).await;
    churn(&bench, 0, 2).await;
    let path = bench.tables.read_view().tables["profiles"].files[0].path.clone();
    let whole = std::fs::read(&path).unwrap();

    let named = |error: Error| {
        assert!(matches!(&error, Error::Damaged { path: damaged, .. } if *damaged == path), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(path.file_name().unwrap().to_str().unwrap()), "{text}");
    };
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    named(try_open(bench.folder.path(), &bench.state, 1, &quiet()).await.err().unwrap());

    let mut flipped = whole.clone();
    let footer = flipped.len() - 20;
    flipped[footer] ^= 0xff;
    std::fs::write(&path, &flipped).unwrap();
    named(try_open(bench.folder.path(), &bench.state, 1, &quiet()).await.err().unwrap());

    std::fs::remove_file(&path).unwrap();
    let missing = try_open(bench.folder.path(), &bench.state, 1, &quiet()).await.err().unwrap();
    assert!(matches!(&missing, Error::File { action: "open", path: missing, .. } if *missing == path), "{missing:?}");

    std::fs::write(&path, &whole).unwrap();
    assert_eq!(rows(&open(bench.folder.path(), &bench.state, 1, &quiet()).await.read_view(), "profiles").len(), 13);
}

#[tokio::test]
async fn damaged_rows_are_not_compacted_away() {
    let bench = Bench::new(TableSettings { small_files: 3, ..quiet() }).await;
    bench.take(0, vec![track("m1", "ada")]).await;
    bench.flush().await;
    let path = bench.tables.read_view().tables["events"].files[0].path.clone();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, b"PAR1 no more").unwrap();
    for n in 2..5 {
        bench.take(0, vec![track(&format!("m{n}"), "ada")]).await;
        let ends = [bench.state.position(0).unwrap()];
        let flushed = bench.tables.flush(&ends, MINUTE).await;
        assert_eq!(flushed.is_ok(), n < 3, "the rewrite fails, the commit before it does not");
    }
    std::fs::write(&path, whole).unwrap();
    bench.tables.accept(0, 0, Applied::default()).await.unwrap();
    assert_eq!(bench.rows("events").len(), 4);
}
