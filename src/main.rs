//! `tributary`: the command. The command line is parsed here, what each
//! command does is in the modules; `pipeline` is the flow on one screen.

mod admin;
mod cli;
mod client;
mod data_dir;
mod pipeline;
mod profiles;
mod pull;
mod settings;
mod telemetry;
mod webhooks;
mod worker;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let command = cli::Cli::parse();
    telemetry::start();
    match command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tributary: {error:#}");
            ExitCode::FAILURE
        }
    }
}
