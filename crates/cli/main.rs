//! The program `mmtl`: arguments and wiring only.

mod args;
mod control;
mod data;
mod engines;
mod failure;
mod follow;
mod init;
mod repro;
mod run;
mod table;
mod workers;
mod zoo;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Init(args) => init::init(&args.name),
        Command::Run(args) => run::run(&args),
        Command::Table(args) => table::table(&args),
        Command::Ctl(args) => control::control(&args),
        Command::Repro(args) => repro::repro(&args),
        Command::Zoo(args) => zoo::zoo(args.name.as_deref()),
        Command::Data(args) => data::data(&args),
        Command::Schedule(args) => workers::schedule(&args),
        Command::Worker(args) => return workers::work(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
