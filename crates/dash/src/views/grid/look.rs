//! How a cell looks: its signs and numbers, in as many columns as there is room for.

use mmtl_grid::events::{RunState, RunStatus};

use crate::painter::fitted;
use crate::symbols::of_run;
use crate::theme::{Role, Theme};
use crate::views::grid::cells::{Cell, Difference, Outcome};
use crate::views::grid::numbers::Digits;

/// How much of a cell is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The mean.
    Mean,
    /// And the spread.
    Spread,
    /// And finished seeds of all.
    Seeds,
}

/// A piece of a cell with its role; `None` takes the ground's letters.
pub type Piece = (String, Option<Role>);

/// What a cell says, before it is laid out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// `★` for the best so far, `~` for few rows, an arrow for a difference.
    pub mark: &'static str,
    /// Better or worse, or of no weight.
    pub role: Option<Role>,
    /// The mean or difference.
    pub number: String,
    /// Its spread.
    pub spread: String,
    /// Finished seeds of all, where they are not all.
    pub seeds: String,
    /// The state of seeds that are missing: the gravest.
    pub flag: Option<(&'static str, Role)>,
    /// What stands here where there is no number.
    pub instead: Vec<Piece>,
}

/// The signs of a heat map.
#[derive(Clone, Copy, Debug)]
pub struct Signs {
    /// The best so far.
    pub best: &'static str,
    /// Few rows.
    pub dim: &'static str,
    /// Better than the baseline.
    pub better: &'static str,
    /// Worse than it.
    pub worse: &'static str,
    /// As good.
    pub same: &'static str,
    /// The row that others are compared with.
    pub baseline: &'static str,
}

impl Signs {
    /// Those of a theme.
    pub fn of(theme: Theme) -> Self {
        if theme.ascii {
            Self { best: "*", dim: "~", better: "^", worse: "v", same: "=", baseline: "b" }
        } else {
            Self { best: "★", dim: "~", better: "▲", worse: "▼", same: "=", baseline: "◇" }
        }
    }
}

/// What a cell of scores says.
pub fn of_scores(cell: &Cell, runs: &[&RunState], is_best: bool, digits: Digits, theme: Theme) -> Look {
    let signs = Signs::of(theme);
    let look = match cell.outcome {
        Outcome::Mean(summary) => Look {
            mark: if cell.dim {
                signs.dim
            } else if is_best {
                signs.best
            } else {
                " "
            },
            role: cell.dim.then_some(Role::Dim),
            number: digits.number(summary.mean),
            spread: summary.sd.map_or(String::new(), |sd| spread(sd, digits, theme)),
            ..Look::default()
        },
        Outcome::Undefined(reason) => {
            let word = vec![(format!("? {reason}"), Some(Role::Undefined))];
            return Look { instead: word, ..Look::default() };
        }
        Outcome::Absent => return Look { instead: states(runs, theme), ..Look::default() },
    };
    with_seeds(look, cell, runs, theme)
}

/// What a cell of differences says.
pub fn of_difference(
    difference: &Difference,
    cell: &Cell,
    runs: &[&RunState],
    higher_is_better: bool,
    digits: Digits,
    theme: Theme,
) -> Look {
    let signs = Signs::of(theme);
    let Some(summary) = difference.summary else {
        let unpaired = vec![("no pair".to_owned(), Some(Role::Dim))];
        let instead = match cell.outcome {
            Outcome::Mean(_) => unpaired,
            Outcome::Undefined(reason) => vec![(format!("? {reason}"), Some(Role::Undefined))],
            Outcome::Absent => states(runs, theme),
        };
        return Look { instead, ..Look::default() };
    };
    let merit = if higher_is_better { summary.mean } else { -summary.mean };
    let (mark, role) = if merit > 0.0 {
        (signs.better, Role::Better)
    } else if merit < 0.0 {
        (signs.worse, Role::Worse)
    } else {
        (signs.same, Role::Dim)
    };
    let look = Look {
        mark,
        role: Some(role),
        number: digits.difference(summary.mean),
        spread: summary.sd.map_or(String::new(), |sd| spread(sd, digits, theme)),
        ..Look::default()
    };
    with_seeds(look, cell, runs, theme)
}

/// A spread as it will be drawn: in ASCII its sign is two characters wide.
fn spread(sd: f64, digits: Digits, theme: Theme) -> String {
    fitted(&digits.spread(sd), usize::MAX, theme.ascii)
}

fn with_seeds(look: Look, cell: &Cell, runs: &[&RunState], theme: Theme) -> Look {
    let all = runs.iter().filter(|run| !matches!(run.status, RunStatus::NotApplicable { .. })).count();
    if cell.done == all {
        return look;
    }
    let missing = runs.iter().filter(|run| run.status != RunStatus::Finished);
    let gravest = missing.min_by_key(|run| gravity(run));
    let undefined = ("?", Role::Undefined);
    let flag = gravest.map_or(undefined, |run| of_run(run, &theme));
    Look { seeds: format!("{}/{all}", cell.done), flag: Some(flag), ..look }
}

/// What matters first to somebody who wonders why a seed is missing.
fn gravity(run: &RunState) -> u8 {
    match run.status {
        RunStatus::Failed { .. } => 0,
        RunStatus::Pruned => 1,
        RunStatus::Cancelled => 2,
        RunStatus::Running { .. } if run.abandoned => 3,
        RunStatus::Running { .. } => 4,
        RunStatus::Paused => 5,
        RunStatus::Queued => 6,
        RunStatus::Finished => 7,
        RunStatus::NotApplicable { .. } => 8,
    }
}

/// The states of a row's runs where none has a score: what runs first, with how far it is, then what went wrong.
fn states(runs: &[&RunState], theme: Theme) -> Vec<Piece> {
    let running: Vec<f64> = runs.iter().filter(|run| is_running(run)).map(|run| run.fraction()).collect();
    let mut pieces: Vec<Piece> = vec![];
    let mut runs = runs.to_vec();
    runs.sort_by_key(|run| (!is_running(run), gravity(run)));
    runs.dedup_by_key(|run| gravity(run));
    for run in runs {
        let (sign, role) = if run.status == RunStatus::Finished {
            // Not scored here.
            (if theme.ascii { "-" } else { "–" }, Role::Dim)
        } else {
            of_run(run, &theme)
        };
        let mean = 100.0 * running.iter().sum::<f64>() / running.len().max(1) as f64;
        let percent = if is_running(run) { format!(" {mean:.0} %") } else { String::new() };
        pieces.push((format!("{sign}{percent}"), Some(role)));
    }
    pieces
}

/// Whether a worker is at it.
pub fn is_running(run: &RunState) -> bool {
    matches!(run.status, RunStatus::Running { .. }) && !run.abandoned
}

/// The widths that the parts of a heat map's numbers need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Widths {
    /// Of the means.
    pub number: usize,
    /// Of the spreads.
    pub spread: usize,
    /// Of the counts of seeds.
    pub seeds: usize,
}

impl Widths {
    /// No less than a look needs.
    pub fn hold(&mut self, look: &Look) {
        self.number = self.number.max(look.number.chars().count());
        self.spread = self.spread.max(look.spread.chars().count());
        self.seeds = self.seeds.max(look.seeds.chars().count());
    }

    /// Columns that a cell needs.
    pub fn of(&self, detail: Detail) -> usize {
        let spread = if self.spread > 0 && detail >= Detail::Spread { self.spread + 1 } else { 0 };
        let seeds = if self.seeds > 0 && detail >= Detail::Seeds { self.seeds + 1 } else { 0 };
        // A mark before and a flag behind.
        (self.number + spread + seeds + 2).max(LEAST)
    }
}

/// Room for `▶ 43 %✗`.
const LEAST: usize = 8;

/// The pieces of a look, which together are no wider than [`Widths::of`] says unless words stand instead of numbers.
pub fn pieces(look: &Look, widths: Widths, detail: Detail) -> Vec<Piece> {
    if !look.instead.is_empty() {
        return look.instead.clone();
    }
    let mut pieces = vec![(format!("{}{:>2$}", look.mark, look.number, widths.number), look.role)];
    if widths.spread > 0 && detail >= Detail::Spread {
        pieces.push((format!(" {:<1$}", look.spread, widths.spread), look.role));
    }
    if widths.seeds > 0 && detail >= Detail::Seeds {
        pieces.push((format!(" {:>1$}", look.seeds, widths.seeds), look.role));
    }
    match look.flag {
        Some((sign, role)) => pieces.push((sign.to_owned(), Some(role))),
        None => pieces.push((" ".to_owned(), None)),
    }
    pieces
}
