//! `mmtl completions` and `mmtl man`: made from the arguments, so that they never say anything else.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::Failure;
use crate::say::{put, say};

/// Prints a shell's completions.
pub fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = vec![];
    clap_complete::generate(shell, &mut Cli::command(), "mmtl", &mut script);
    put(String::from_utf8_lossy(&script))
}

/// Writes `mmtl.1` and a page for each command, `mmtl-data-import.1` and the like.
pub fn pages(dir: &Path) -> Result<(), Failure> {
    let failed = Failure::writing(dir);
    fs::create_dir_all(dir).map_err(&failed)?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(&failed)?;
    let pages = fs::read_dir(dir).map_err(failed)?.count();
    say(format_args!("{pages} pages in {0}; `man -l {0}/mmtl.1` shows the first", dir.display()))
}
