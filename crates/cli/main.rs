//! The program `mmtl`: arguments and wiring only.

mod args;
mod bench;
mod bench_device;
mod control;
mod cost;
mod data;
mod devices;
mod draft;
mod engines;
mod export;
mod failure;
mod folder;
mod follow;
mod init;
mod keeping;
mod manual;
mod predict;
mod preparing;
mod repro;
mod run;
mod say;
mod table;
mod verify;
mod watch;
mod workers;
mod zoo;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use signal_hook::consts::SIGPIPE;

use args::{Cli, Command};

/// What a shell reports of a program that wrote into a closed pipe.
const CLOSED_PIPE: i32 = 141;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    if !matches!(command, Command::Schedule(_) | Command::Worker(_)) {
        // As other programs do when `| head` has seen enough; a failure to say so would only cost that.
        let always = Arc::new(AtomicBool::new(true));
        let _ = signal_hook::flag::register_conditional_shutdown(SIGPIPE, CLOSED_PIPE, always);
    }
    let done = match command {
        Command::Init(args) => init::init(&args),
        Command::Run(args) => run::run(&args),
        Command::Watch(args) => watch::watch(&args),
        Command::Table(args) => table::table(&args),
        Command::Ctl(args) => control::control(&args),
        Command::Repro(args) => repro::repro(&args),
        Command::Export(args) => export::export(&args),
        Command::Predict(args) => predict::predict(&args),
        Command::Zoo(args) => zoo::zoo(args.name.as_deref()),
        Command::Data(args) => data::data(&args),
        Command::Devices => devices::devices(),
        Command::Verify(args) => verify::verify(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { dir } => manual::pages(&dir),
        Command::Schedule(args) => workers::schedule(&args),
        Command::Worker(args) => return workers::work(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
