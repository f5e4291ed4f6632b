//! What commands print. Standard output may be a file on a full disk: that is told, where `println!` would panic.

use std::fmt::Display;
use std::io::{self, Write};

use crate::failure::Failure;

/// Prints a line.
pub fn say(text: impl Display) -> Result<(), Failure> {
    put(format_args!("{text}\n"))
}

/// Prints text that ends where it ends.
pub fn put(text: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = write!(out, "{text}").and_then(|()| out.flush());
    written.map_err(|error| Failure::input(format!("cannot write standard output: {error}")))
}
