//! What a run's worker told and printed.

use mmtl_grid::events::{Level, RunState};

use crate::state::State;
use crate::theme::Role;
use crate::time::clock;
use crate::views::run::page::Page;

/// Printed lines that are shown; the file has all.
const PRINTED: usize = 200;

/// Writes both.
pub fn write(page: &mut Page, run: &RunState, state: &State) {
    page.head("Log", "");
    let mut any = false;
    for (at, key, level, text) in &state.grid().log {
        if key.as_ref() == Some(&run.key) {
            let (word, role) = match level {
                Level::Info => ("", Role::Text),
                Level::Warning => ("warning: ", Role::Warning),
                Level::Error => ("failed: ", Role::Failed),
            };
            page.wrapped(&format!("{} {word}{text}", clock(*at)), role);
            any = true;
        }
    }
    let printed: Vec<&str> = state.printed(Some(&run.key)).rev().take(PRINTED).collect();
    for line in printed.iter().rev() {
        page.say(&format!("| {line}"), Role::Dim);
    }
    if !any && printed.is_empty() {
        page.say("it said nothing yet", Role::Dim);
    }
}
