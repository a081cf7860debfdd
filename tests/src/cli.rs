//! Finds the binary and runs its commands.

use anyhow::{Context as _, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// What a command printed, and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Path of the binary under test: `TRIBUTARY_BIN`, else the one in the target folder that this test was built in.
///
/// # Errors
/// If there is none: build it first.
pub fn binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("TRIBUTARY_BIN") {
        return Ok(PathBuf::from(path));
    }
    let test = std::env::current_exe().context("find the test's own path")?;
    let candidates = test.ancestors().skip(1).take(2).map(|folder| folder.join("tributary"));
    let found = candidates.into_iter().find(|path| path.is_file());
    found.with_context(|| format!("no tributary binary beside {}: build it, or set TRIBUTARY_BIN", test.display()))
}

/// Runs a command of the binary and returns its standard output.
///
/// # Errors
/// If it does not end with exit code 0; the error carries what it said.
pub async fn tributary<S: AsRef<OsStr>>(arguments: &[S]) -> anyhow::Result<String> {
    let output = tributary_in(&std::env::temp_dir(), arguments).await?;
    if output.code != Some(0) {
        let words: Vec<_> = arguments.iter().map(|argument| argument.as_ref().to_string_lossy()).collect();
        bail!("tributary {} ended with {:?}: {}", words.join(" "), output.code, output.stderr);
    }
    Ok(output.stdout)
}

/// Runs a command of the binary in a folder, however it ends.
///
/// # Errors
/// If it cannot be started or prints no UTF-8.
pub async fn tributary_in<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> anyhow::Result<Output> {
    let mut command = Command::new(binary()?);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.context("run tributary")?;
    Ok(Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).context("read standard output")?,
        stderr: String::from_utf8(output.stderr).context("read standard error")?,
    })
}
