//! What a run is, how it stands, and how far its fits are.

use mmtl_grid::events::{FitState, RunState, RunStatus};
use thousands::Separable;
use unicode_width::UnicodeWidthStr;

use crate::action::Action;
use crate::state::State;
use crate::symbols::{bar, of_run};
use crate::theme::Role;
use crate::time::{clock, duration};
use crate::views::run::page::Page;

/// Below this share of a run, what it took so far says little about the rest.
const TELLING: f64 = 0.02;

/// Writes what the run is and how it stands.
pub fn write(page: &mut Page, run: &RunState, state: &State) {
    let theme = page.theme;
    let (sign, role) = of_run(run, &theme);
    let word = run.word();
    let status = match &run.status {
        RunStatus::Running { host, pid } if run.abandoned => format!("{sign} {word} by process {pid} on {host}"),
        RunStatus::Running { host, pid } => format!("{sign} {word} on {host}, process {pid}"),
        RunStatus::Queued
        | RunStatus::Paused
        | RunStatus::Finished
        | RunStatus::Failed { .. }
        | RunStatus::Cancelled
        | RunStatus::Pruned
        | RunStatus::NotApplicable { .. } => format!("{sign} {word}"),
    };
    page.line().at(0, &status, role);
    let mut facts = vec![format!("seed {}", run.seed), format!("key {}", run.key)];
    if run.attempt > 1 {
        facts.push(format!("attempt {}", run.attempt));
    }
    if run.priority != 0 {
        facts.push(format!("priority {}", run.priority));
    }
    let facts = facts.join("   ");
    if status.width() + 3 + facts.width() > page.width {
        page.line();
        page.at(0, &facts, Role::Text);
    } else {
        page.at(status.width() + 3, &facts, Role::Text);
    }
    if let RunStatus::Failed { reason } | RunStatus::NotApplicable { reason } = &run.status {
        page.wrapped(reason, role);
    }
    if run.abandoned {
        let kept = run.fits.get(run.fit).and_then(|fit| fit.checkpoint);
        let from = kept.map_or("its beginning".to_owned(), |step| format!("step {}", step.separate_with_commas()));
        page.wrapped(&format!("Nobody is at it: `mmtl run` goes on from {from}."), role);
    }
    let times = times(run, state);
    if !times.is_empty() {
        page.say(&times, Role::Text);
    }
    if let Some(stage) = run.stage.as_ref().filter(|_| is_running(run)) {
        page.say(&format!("now: {stage}"), Role::Running);
    }
    for row in run.rows.iter().skip(1) {
        page.say(&format!("also the row {row}"), Role::Dim);
    }
}

fn is_running(run: &RunState) -> bool {
    matches!(run.status, RunStatus::Running { .. }) && !run.abandoned
}

fn times(run: &RunState, state: &State) -> String {
    if run.attempt == 0 {
        return String::new();
    }
    let since = if is_running(run) { state.now().saturating_sub(run.last_at) } else { 0 };
    let taken = run.milliseconds().saturating_add(since);
    let mut times = vec![format!("started {} UTC", clock(run.started_at)), format!("took {}", duration(taken))];
    if is_running(run) {
        times[1] = format!("{} so far", duration(taken));
        let fraction = run.fraction();
        times.push(if fraction >= TELLING {
            format!("{} left", duration((taken as f64 * (1.0 - fraction) / fraction) as u64))
        } else {
            "time left unknown".to_owned()
        });
    }
    let rate = run.fits.get(run.fit).map_or(0.0, |fit| fit.rows_per_second);
    if rate > 0.0 {
        times.push(format!("{} rows/s", (rate as u64).separate_with_commas()));
    }
    times.join("   ")
}

/// Writes a line for each fit; `selected` is the one that is looked at.
pub fn fits(page: &mut Page, run: &RunState, selected: usize) {
    let several = run.fits.len() > 1;
    page.head("Fits", if several { "f: next" } else { "" });
    if run.fits.is_empty() {
        page.say("none yet: they are told when a worker starts", Role::Dim);
        return;
    }
    let numbers: Vec<[String; 4]> = run.fits.iter().map(numbers).collect();
    let heads = ["epoch", "step", "best", "saved"];
    let wide = |column: usize| {
        let texts = numbers.iter().map(|of| of[column].as_str());
        texts.chain([heads[column]]).map(UnicodeWidthStr::width).max().unwrap_or(0) + 2
    };
    let columns: [usize; 4] = std::array::from_fn(wide);
    let longest = run.fits.iter().map(|fit| fit.name.width()).max().unwrap_or(0);
    let name = longest.clamp(3, (page.width / 3).max(3));
    let taken = 2 + name + 1 + PERCENT + columns.iter().sum::<usize>();
    let bar_width = Some(page.width.saturating_sub(taken).min(20)).filter(|width| *width > 3).unwrap_or(0);
    let percent = 2 + name + 1 + bar_width + PERCENT;
    page.line().at(2, "fit", Role::Title);
    row(page, percent, &columns, &heads, Role::Title);
    let pointer = if page.theme.ascii { ">" } else { "▸" };
    for (number, (fit, numbers)) in run.fits.iter().zip(&numbers).enumerate() {
        let role = if number == selected { Role::Strong } else { Role::Text };
        page.line();
        if number == selected && several {
            page.at(0, pointer, Role::Key);
        }
        let full = bar(fit.fraction(), bar_width, &page.theme);
        let done = if fit.best_step.is_some() { Role::Finished } else { Role::Running };
        page.cut(2, name, &fit.name, role).at(3 + name, &full, done);
        page.right(percent, &format!("{:.0} %", fit.fraction() * 100.0), role);
        row(page, percent, &columns, numbers, role);
        page.clickable(Action::Point(number));
    }
}

/// The width of a share, as in ` 100 %`.
const PERCENT: usize = 6;

fn row(page: &mut Page, start: usize, columns: &[usize; 4], texts: &[impl AsRef<str>; 4], role: Role) {
    let mut end = start;
    for (width, text) in columns.iter().zip(texts) {
        end += width;
        page.right(end, text.as_ref(), role);
    }
}

/// Epochs and steps done, the step of the best weights and that of the checkpoint.
fn numbers(fit: &FitState) -> [String; 4] {
    let step = fit.step.separate_with_commas();
    // A fit that is too fast for a report of progress never tells how many there are.
    let step = if fit.steps > 0 { format!("{step} of {}", fit.steps.separate_with_commas()) } else { step };
    let known = |step: Option<u64>| step.map_or("—".to_owned(), |step| step.separate_with_commas());
    let best = fit.best_step.or(fit.best().map(|best| best.step));
    [format!("{:.1}", fit.epochs), step, known(best), known(fit.checkpoint)]
}
