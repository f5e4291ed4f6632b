//! A run's scores on validation rows, by task and scene.

use std::collections::BTreeMap;

use mmtl_grid::events::{RunState, ValidScore};
use mmtl_metrics::{Better, Metric, Reason, Score};
use unicode_width::UnicodeWidthStr;

use crate::digits;
use crate::painter::fitted;
use crate::state::State;
use crate::theme::Role;
use crate::views::run::page::Page;

/// The width of the scenes' column.
const SCENE: usize = 18;

type Cells<'a> = BTreeMap<(&'a str, Option<&'a str>, Metric), &'a ValidScore>;

/// Writes a table of scenes × tasks. `metric` counts from the one that a task is compared by.
pub fn write(page: &mut Page, run: &RunState, state: &State, metric: usize, selected: usize) {
    page.head("Validation scores of the best weights", "m: metric");
    let cells = cells(run, selected);
    let columns = columns(state, &cells, metric);
    if cells.is_empty() || columns.is_empty() {
        page.say("none yet: they come with the first evaluation", Role::Dim);
        return;
    }
    let mut reasons: Vec<Reason> = vec![];
    let mut few = false;
    let heads: Vec<String> = columns.iter().map(|column| head(page, column)).collect();
    let wide = heads.iter().map(|head| head.width()).max().unwrap_or(0).max(9) + 2;
    let room = (page.width.saturating_sub(SCENE) / wide).max(1);
    for (block, heads) in columns.chunks(room).zip(heads.chunks(room)) {
        page.line().at(0, "scene", Role::Title);
        for (number, head) in (1..).zip(heads) {
            page.right(SCENE + number * wide, head, Role::Title);
        }
        for scene in scenes(state, &cells) {
            page.line().cut(0, SCENE - 1, scene.unwrap_or("all scenes"), Role::Text);
            for (number, (task, metric)) in block.iter().enumerate() {
                let (text, role) = match cells.get(&(*task, scene, *metric)).map(|cell| cell.scored) {
                    None => ("—".to_owned(), Role::Dim),
                    Some(scored) => match scored.score {
                        Score::Value(value) if scored.is_dim() => {
                            few = true;
                            (format!("({})", digits::score(*metric, value)), Role::Dim)
                        }
                        Score::Value(value) => (digits::score(*metric, value), Role::Text),
                        Score::Undefined(reason) => {
                            if !reasons.contains(&reason) {
                                reasons.push(reason);
                            }
                            ("undefined".to_owned(), Role::Undefined)
                        }
                    },
                };
                page.right(SCENE + (number + 1) * wide, &text, role);
            }
        }
    }
    if few {
        page.say("(in brackets: fewer than 30 rows of either class)", Role::Dim);
    }
    for reason in reasons {
        page.say(&format!("undefined: {reason}"), Role::Dim);
    }
}

/// A task of at most 20 columns with its metric, and which way is better.
fn head(page: &Page, (task, metric): &(&str, Metric)) -> String {
    let way = match (page.theme.ascii, metric.better()) {
        (true, _) => "",
        (false, Better::Higher) => " ↑",
        (false, Better::Lower) => " ↓",
        (false, Better::NearOne) => " →1",
    };
    format!("{} {}{way}", fitted(task, 20, page.theme.ascii), metric.name())
}

/// Each fit tells of its own tasks and scenes; where several tell of one, the selected fit is right.
fn cells(run: &RunState, selected: usize) -> Cells<'_> {
    let mut cells = Cells::new();
    let others = run.fits.iter().enumerate().filter(|(number, _)| *number != selected).map(|(_, fit)| fit);
    for fit in others.chain(run.fits.get(selected)) {
        for score in fit.best().into_iter().flat_map(|best| &best.scores) {
            cells.insert((&score.task, score.scene.as_deref(), score.metric), score);
        }
    }
    cells
}

/// The tasks in the schema's order; until that is known, in that of their names.
fn columns<'a>(state: &'a State, cells: &Cells<'a>, metric: usize) -> Vec<(&'a str, Metric)> {
    let tasks = &state.subjects().tasks;
    if !tasks.is_empty() {
        let of = |metrics: Vec<Metric>| metrics[metric % metrics.len()];
        return tasks.iter().map(|task| (task.name.as_str(), of(task.looked_at()))).collect();
    }
    let mut by_task: BTreeMap<&str, Vec<Metric>> = BTreeMap::new();
    for (task, _, metric) in cells.keys() {
        let metrics = by_task.entry(task).or_default();
        if !metrics.contains(metric) {
            metrics.push(*metric);
        }
    }
    by_task.into_iter().map(|(task, metrics)| (task, metrics[metric % metrics.len()])).collect()
}

fn scenes<'a>(state: &'a State, cells: &Cells<'a>) -> Vec<Option<&'a str>> {
    let told = cells.keys().any(|(_, scene, _)| scene.is_none()).then_some(None);
    let mut scenes: Vec<Option<&str>> = told.into_iter().collect();
    scenes.extend(state.subjects().scenes.iter().map(|scene| Some(scene.as_str())));
    for (_, scene, _) in cells.keys() {
        if !scenes.contains(scene) {
            scenes.push(*scene);
        }
    }
    scenes
}
