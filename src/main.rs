//! `tributary`: the command. The command line is parsed here, what each
//! command does is in the modules; `pipeline` is the flow on one screen.

mod admin;
mod blocked;
mod cli;
mod client;
mod data_dir;
mod demo;
mod identity;
mod identity_live;
mod log_ends;
mod metrics;
mod pipeline;
mod pull;
mod query;
mod recovery;
mod runtimes;
mod settings;
mod stages;
mod telemetry;
mod webhooks;
mod worker;

use clap::Parser as _;
use std::io::ErrorKind;
use std::process::ExitCode;

/// Threads that hand each other batches cost the system's allocator half as much memory again. It asks for no
/// huge pages: to clear one takes milliseconds at the first touch, and a sixth more memory is held.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = cli::Cli::parse();
    telemetry::start();
    match command.run() {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output wants no more of it: `tributary sql ... | head`.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tributary: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, without those that the text before them says already.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
