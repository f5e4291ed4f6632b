//! A run's resolved configuration, beside that of the baseline.

use std::collections::{BTreeMap, BTreeSet};

use mmtl_grid::events::{RunState, RunStatus};
use mmtl_grid::{Row, TrialKey};
use unicode_width::UnicodeWidthStr;

use crate::state::State;
use crate::theme::Role;
use crate::views::run::page::Page;

/// The run that a run is compared to: of the baseline nearest to its row, the one of its seed, else the first. `None` for a
/// baseline's run itself.
pub fn baseline<'a>(state: &'a State, key: &TrialKey) -> Option<&'a RunState> {
    let run = state.run(key)?;
    if is_baseline(run) {
        return None;
    }
    let mut baselines: Vec<(usize, &Row)> = vec![];
    for row in state.grid().runs().flat_map(|other| &other.rows).filter(|row| row.baseline) {
        if baselines.iter().all(|(_, known)| *known != row) {
            baselines.push((baselines.len(), row));
        }
    }
    let (_, nearest) = baselines[run.rows.first()?.nearest_baseline(&baselines)?];
    let mut first = None;
    for other in state.grid().runs().filter(|other| other.rows.contains(nearest)) {
        if other.seed == run.seed {
            return Some(other);
        }
        first = first.or(Some(other));
    }
    first
}

fn is_baseline(run: &RunState) -> bool {
    run.rows.iter().any(|row| row.baseline)
}

/// Writes what differs, then the rest.
pub fn write(page: &mut Page, run: &RunState, state: &State) {
    let Some(values) = state.configuration(&run.key) else {
        page.head("Configuration", "");
        let never = matches!(run.status, RunStatus::NotApplicable { .. });
        let why = if never { "none: it is never run" } else { "not read yet" };
        page.say(why, Role::Dim);
        return;
    };
    if is_baseline(run) {
        page.head("Configuration", "this run is the baseline   y: copy");
        plain(page, key_width(page, values), values.iter(), Role::Text);
        return;
    }
    match baseline(state, &run.key) {
        None => {
            page.head("Configuration", "the experiment names no baseline   y: copy");
            plain(page, key_width(page, values), values.iter(), Role::Text);
        }
        Some(of) => match state.configuration(&of.key) {
            None => {
                page.head("Configuration", "the baseline's is not known yet   y: copy");
                plain(page, key_width(page, values), values.iter(), Role::Text);
            }
            Some(other) => compared(page, values, other, of),
        },
    }
}

fn compared(page: &mut Page, values: &BTreeMap<String, String>, other: &BTreeMap<String, String>, of: &RunState) {
    page.head("Configuration", &format!("beside the baseline, seed {}   y: copy", of.seed));
    let keys: BTreeSet<&String> = values.keys().chain(other.keys()).collect();
    let (same, differing): (Vec<&String>, Vec<&String>) =
        keys.into_iter().partition(|key| values.get(*key) == other.get(*key));
    let key_width = key_width(page, values);
    let column = page.width.saturating_sub(key_width + 4) / 2;
    let (second, third) = (key_width + 2, key_width + column + 3);
    if differing.is_empty() {
        page.say("nothing differs", Role::Dim);
    } else {
        page.line().at(2, "differs", Role::Title).at(second, "this run", Role::Title).at(
            third,
            "baseline",
            Role::Title,
        );
    }
    let sign = if page.theme.ascii { "*" } else { "≠" };
    for key in differing {
        let value = |of: &BTreeMap<String, String>| of.get(key).map_or("—".to_owned(), Clone::clone);
        page.line().at(0, sign, Role::Key).cut(2, key_width - 1, key, Role::Strong);
        page.cut(second, column, &value(values), Role::Strong).cut(third, column, &value(other), Role::Text);
    }
    page.line().at(2, "the same in both", Role::Dim);
    plain(page, key_width, same.into_iter().filter_map(|key| values.get_key_value(key)), Role::Dim);
}

/// Columns for keys: as many as the longest has, if that leaves enough for values.
fn key_width(page: &Page, values: &BTreeMap<String, String>) -> usize {
    let longest = values.keys().map(|key| key.width()).max().unwrap_or(0) + 1;
    longest.clamp(12, (page.width * 2 / 5).max(12))
}

fn plain<'a>(page: &mut Page, key_width: usize, values: impl Iterator<Item = (&'a String, &'a String)>, role: Role) {
    let room = page.width.saturating_sub(key_width + 2);
    for (key, value) in values {
        page.line().cut(2, key_width - 1, key, role).cut(key_width + 2, room, value, role);
    }
}

/// The configuration as TOML with dotted keys.
pub fn as_toml(values: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = values.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    lines.concat()
}
