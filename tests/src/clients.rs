//! Runs the programs under `tests/clients`, with what `deploy/install-test-deps` installs.

use anyhow::{Context as _, anyhow, ensure};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use tokio::process::Command;

/// Root of the checkout.
#[must_use]
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Folder of what the tests install.
#[must_use]
pub fn cache_folder() -> PathBuf {
    let given = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    given.unwrap_or_else(home).join("tributary-tests")
}

/// Folder whose `node_modules` holds the npm packages.
#[must_use]
pub fn node_packages() -> PathBuf {
    cache_folder().join("node")
}

/// The Python that has the PyPI packages.
#[must_use]
pub fn python() -> PathBuf {
    cache_folder().join("venv/bin/python")
}

/// Installs what the clients and readers need; does nothing where it is there.
///
/// # Errors
/// If the installation fails.
pub fn install_test_deps() -> anyhow::Result<()> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    let install = || {
        let output = std::process::Command::new(repository().join("deploy/install-test-deps")).output();
        let output = output.map_err(|error| error.to_string())?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    };
    DONE.get_or_init(install).clone().map_err(|error| anyhow!("deploy/install-test-deps failed: {error}"))
}

/// Runs a program of `tests/clients`, `.mjs` with Node and `.py` with Python, and returns what it printed.
///
/// # Errors
/// If it does not end with exit code 0; the error carries what it said.
pub async fn run_driver(script: &str, arguments: &[&str], env: &[(&str, &str)]) -> anyhow::Result<String> {
    install_test_deps()?;
    let is_python = Path::new(script).extension().is_some_and(|extension| extension == "py");
    let mut command = if is_python { Command::new(python()) } else { Command::new("node") };
    command.arg(repository().join("tests/clients").join(script)).args(arguments);
    command.env("TRIBUTARY_TEST_PACKAGES", node_packages()).env("PYTHONDONTWRITEBYTECODE", "1");
    command.envs(env.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.with_context(|| format!("run {script}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{script} {arguments:?} ended with {}: {errors}", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("read what {script} printed"))
}
