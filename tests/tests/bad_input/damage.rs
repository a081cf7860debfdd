//! Damaged files of ours, and two processes on one folder.

use anyhow::Context as _;
use serde_json::json;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use tributary_tests::{Accounts, Server, ServerOptions, tributary_in};

const EVENTS: usize = 300;

/// A server with some events in its tables.
async fn filled() -> anyhow::Result<Server> {
    let server = Server::start(ServerOptions::default()).await?;
    for chunk in 0..3 {
        let event = |number: usize| {
            let number = chunk * (EVENTS / 3) + number;
            json!({ "type": "track", "userId": format!("u-{}", number % 10), "event": "E", "messageId": format!("m-{number}") })
        };
        let batch = json!({ "batch": (0..EVENTS / 3).map(event).collect::<Vec<_>>() });
        anyhow::ensure!(server.post("/v1/batch", &batch).await?.status == 200);
    }
    Accounts::balanced(&server).await?;
    Ok(server)
}

/// Every event once, none invented.
async fn whole(server: &Server) -> anyhow::Result<()> {
    server.flush().await?;
    let ids = server.count("SELECT count(DISTINCT message_id) FROM events").await?;
    let rows = server.count("SELECT count(*) FROM events").await?;
    anyhow::ensure!((ids, rows) == (EVENTS as u64, EVENTS as u64), "{ids} events in {rows} rows");
    anyhow::ensure!(server.count("SELECT count(*) FROM profiles").await? == 10);
    Ok(())
}

fn files(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Turns over some bits in the middle of a file.
fn damage(path: &Path) -> anyhow::Result<()> {
    let file = fs::File::options().read(true).write(true).open(path)?;
    let middle = file.metadata()?.len() / 2;
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, middle)?;
    file.write_all_at(&bytes.map(|byte| !byte), middle)?;
    Ok(())
}

#[tokio::test]
async fn a_second_process_on_the_folder_is_refused() {
    let server = filled().await.unwrap();
    let data = server.data_dir().to_string_lossy().into_owned();
    let arguments = ["run", "--data-dir", &data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let second = tributary_in(server.dir(), &arguments).await.unwrap();
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("in use") && second.stderr.contains(&data), "{}", second.stderr);
    whole(&server).await.unwrap();
    let answer = server.post("/v1/track", &json!({ "userId": "u", "event": "E" })).await.unwrap();
    assert_eq!(answer.status, 200, "the first goes on");
}

#[tokio::test]
async fn a_torn_tail_of_the_log_is_cut() {
    let mut server = filled().await.unwrap();
    server.kill9().unwrap();
    for segment in files(&server.data_dir().join("log"), "seg").unwrap() {
        let mut file = fs::File::options().append(true).open(segment).unwrap();
        file.write_all(&[0x5a; 37]).unwrap();
    }
    server.restart().await.unwrap();
    whole(&server).await.unwrap();
    let event = json!({ "userId": "u-1", "event": "E", "messageId": "after" });
    assert_eq!(server.post("/v1/track", &event).await.unwrap().status, 200);
    server.flush().await.unwrap();
    assert_eq!(server.count("SELECT count(*) FROM events WHERE message_id = 'after'").await.unwrap(), 1);
}

#[tokio::test]
async fn damage_in_the_middle_of_the_log_is_reported_and_loses_no_row() {
    let mut server = filled().await.unwrap();
    server.stop().await.unwrap();
    for segment in files(&server.data_dir().join("log"), "seg").unwrap() {
        if fs::metadata(&segment).unwrap().len() > 4096 {
            damage(&segment).unwrap();
        }
    }
    server.restart().await.unwrap();
    whole(&server).await.unwrap();
    let log = server.log_text().to_lowercase();
    assert!(log.contains("damage") || log.contains("corrupt"), "nothing is said of the damage");
}

#[tokio::test]
async fn a_lost_or_damaged_state_loses_no_row() {
    let mut server = filled().await.unwrap();
    server.stop().await.unwrap();
    let state = server.data_dir().join("state");
    let damaged = damage_all(&state).unwrap();
    assert!(damaged > 0, "there is nothing to damage in {}", state.display());
    if let Err(error) = server.restart().await {
        // A damage that cannot be mended by itself must be named, with what to do.
        let text = format!("{error:#}");
        assert!(text.contains("state"), "the message does not name the state: {text}");
        fs::remove_dir_all(&state).unwrap();
        server.restart().await.unwrap();
    }
    whole(&server).await.unwrap();
}

/// Damages every file of a folder that has some bytes; says how many.
fn damage_all(folder: &Path) -> anyhow::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            count += damage_all(&path)?;
        } else if fs::metadata(&path)?.len() >= 64 {
            damage(&path)?;
            count += 1;
        }
    }
    Ok(count)
}

#[tokio::test]
async fn a_damaged_format_file_is_named() {
    let mut server = filled().await.unwrap();
    server.stop().await.unwrap();
    let format = server.data_dir().join("format.json");
    let good = fs::read(&format).unwrap();
    for bad in ["", "{", "{\"format\": 999}", "[]"] {
        fs::write(&format, bad).unwrap();
        let error = format!("{:#}", server.restart().await.unwrap_err());
        assert!(error.contains("format") && error.contains("exit status: 1"), "{bad:?}: {error}");
    }
    fs::write(&format, good).unwrap();
    server.restart().await.unwrap();
    whole(&server).await.unwrap();
}

#[tokio::test]
async fn a_damaged_table_is_named_and_nothing_is_overwritten() {
    let mut server = filled().await.unwrap();
    server.stop().await.unwrap();
    let table = server.data_dir().join("tables/events/_delta_log");
    let version = files(&table, "json").unwrap().pop().unwrap();
    let good = fs::read(&version).unwrap();
    fs::write(&version, "{\"commitInfo\":").unwrap();
    let error = format!("{:#}", server.restart().await.unwrap_err());
    assert!(error.contains("events"), "the message does not name the table: {error}");
    fs::write(&version, good).unwrap();
    server.restart().await.unwrap();
    whole(&server).await.unwrap();
}

#[tokio::test]
async fn a_wrong_configuration_is_named_by_file_line_and_key() {
    let server =
        Server::prepare(ServerOptions::with_config("sources:\n  - name: web\n    type: http\n    write_kee: x\n"));
    let server = server.unwrap();
    let path = server.config_path().to_string_lossy().into_owned();
    for arguments in [vec!["config", "check", &path], vec!["run", "--config", &path]] {
        let output = tributary_in(server.dir(), &arguments).await.unwrap();
        assert_eq!(output.code, Some(1), "{}", output.stderr);
        for part in [path.as_str(), "write_kee", "4"] {
            assert!(output.stderr.contains(part), "{part} is not named: {}", output.stderr);
        }
    }
    let usage = tributary_in(server.dir(), &["run", "--nonsense"]).await.unwrap();
    assert_eq!(usage.code, Some(2), "{}", usage.stderr);
}
