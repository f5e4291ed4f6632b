//! The curves of the chosen runs, ready to be drawn.

use mmtl_grid::TrialKey;
use mmtl_grid::events::RunState;

use crate::chosen::Chosen;
use crate::history::{FitHistory, Point};
use crate::state::State;
use crate::theme::Theme;
use crate::views::curves::line::{Line, Reduction, value_at};
use crate::views::curves::quantity::Quantity;
use crate::views::curves::{Choices, SMOOTHING};

/// The curves of one run's fit.
#[derive(Debug)]
pub struct Curve {
    /// The run.
    pub key: TrialKey,
    /// The run in words, as in `mmoe joint`.
    pub label: String,
    /// Its seed.
    pub seed: u64,
    /// The place of the fit among the run's.
    pub fit: usize,
    /// The fit's name, of a run that has several.
    pub fit_name: Option<String>,
    /// On train rows.
    pub train: Line,
    /// On validation rows.
    pub valid: Line,
    /// What the run's best weights have, as far as it is known: a value on validation rows, or else on train rows.
    pub best: Option<Point>,
}

/// All curves of a picture.
#[derive(Debug, Default)]
pub struct Drawn {
    /// One a run, in the grid's order.
    pub curves: Vec<Curve>,
    /// First and last step that any of them has.
    pub all: (u64, u64),
    /// First and last step that are shown.
    pub window: (u64, u64),
    /// Runs that are not drawn, for they could not be told apart.
    pub more: usize,
    reduction: Option<Reduction>,
}

/// The runs that are drawn, in the grid's order.
pub fn keys(state: &State, chosen: &Chosen) -> Vec<TrialKey> {
    let mut keys: Vec<TrialKey> = chosen.runs().into_iter().take(Theme::SERIES).collect();
    if keys.len() > 1 {
        let place = |key: &TrialKey| state.grid().runs().position(|run| run.key == *key).unwrap_or(usize::MAX);
        keys.sort_by_cached_key(place);
    }
    keys
}

/// A run in words.
pub fn label(run: &RunState) -> String {
    run.rows.first().map_or_else(|| format!("{} {}", run.architecture, run.protocol), ToString::to_string)
}

impl Drawn {
    /// What is drawn of these choices in so many columns.
    pub fn new(state: &State, chosen: &Chosen, choices: &Choices, columns: usize) -> Self {
        let tasks: Vec<&str> = state.subjects().tasks.iter().map(|task| task.name.as_str()).collect();
        let keys = keys(state, chosen);
        let name = choices.fit.clone().or_else(|| {
            let run = state.run(chosen.focus.as_ref()?)?;
            Some(run.fits.get(run.fit)?.name.clone())
        });
        let fits: Vec<(&RunState, usize, Option<&FitHistory>)> = keys
            .iter()
            .filter_map(|key| {
                let run = state.run(key)?;
                let fit = run.fits.iter().position(|fit| Some(&fit.name) == name.as_ref()).unwrap_or(run.fit);
                Some((run, fit, state.history(key).and_then(|history| history.fits().get(fit))))
            })
            .collect();
        let points: Vec<_> = fits.iter().map(|(.., fit)| fit.map(|fit| choices.quantity.points(fit, &tasks))).collect();
        let slices = points.iter().flatten().flat_map(|points| [points.train.as_ref(), points.valid.as_ref()]);
        let all = slices.filter_map(|points| Some((points.first()?.step, points.last()?.step)));
        let all = all.reduce(|(from, to), (first, last)| (from.min(first), to.max(last))).unwrap_or((0, 0));
        let (first, last) = choices.window.unwrap_or(all);
        let window = (first, last.max(first + 1));
        let reduction = Reduction { window, columns, smoothing: SMOOTHING[choices.smoothing], log: choices.log };
        let curves = fits.iter().zip(&points).map(|((run, fit, _), points)| {
            let line = |of: Option<&[Point]>| of.map(|points| reduction.line(points)).unwrap_or_default();
            let (train, valid) =
                (points.as_ref().map(|of| of.train.as_ref()), points.as_ref().map(|of| of.valid.as_ref()));
            // Scores are too few to be smoothed.
            let unsmoothed = Reduction { smoothing: 0.0, ..reduction };
            let best_step = run.fits.get(*fit).and_then(|fit| fit.best_step.or(fit.best().map(|best| best.step)));
            let told = valid.filter(|points| !points.is_empty()).or(train);
            Curve {
                key: run.key.clone(),
                label: label(run),
                seed: run.seed,
                fit: *fit,
                fit_name: run.fits.get(*fit).filter(|_| run.fits.len() > 1).map(|fit| fit.name.clone()),
                train: line(train),
                valid: valid.map(|points| unsmoothed.line(points)).unwrap_or_default(),
                best: best_step.and_then(|step| value_at(told?, step)),
            }
        });
        let curves = curves.collect();
        Self {
            curves,
            all,
            window,
            more: chosen.runs().len().saturating_sub(Theme::SERIES),
            reduction: Some(reduction),
        }
    }

    /// Why there is nothing to draw, if so.
    pub fn why_empty(&self, state: &State, chosen: &Chosen, quantity: &Quantity) -> Option<String> {
        let is_there = |curve: &Curve| !curve.train.drawn.is_empty() || !curve.valid.drawn.is_empty();
        if self.curves.iter().any(is_there) {
            return None;
        }
        let left_out: usize = self.curves.iter().map(|curve| curve.train.left_out + curve.valid.left_out).sum();
        let started = self.curves.iter().any(|curve| state.run(&curve.key).is_some_and(|run| run.attempt > 0));
        Some(if chosen.runs().is_empty() || self.curves.is_empty() {
            "no run is chosen: mark runs with Space in the Runs view (2)".to_owned()
        } else if left_out > 0 {
            "no value is above 0: `a` leads back to a linear axis".to_owned()
        } else if !started {
            "none of the chosen runs has started yet: curves appear with the first report".to_owned()
        } else if self.curves.iter().all(|curve| state.history(&curve.key).is_none()) {
            "reading the curves of the chosen runs ...".to_owned()
        } else {
            format!("no value of this was told yet: {} (`v` for another quantity)", quantity.name())
        })
    }

    /// The steps that the cursor stops at: those of points, one for each column that has some.
    pub fn stops(&self) -> Vec<u64> {
        let Some(reduction) = self.reduction else { return vec![] };
        let lines = self.curves.iter().flat_map(|curve| [&curve.valid, &curve.train]);
        let mut stops: Vec<u64> = lines.flat_map(|line| line.drawn.iter().map(|point| point.step)).collect();
        stops.sort_unstable();
        stops.dedup_by_key(|step| reduction.column(*step));
        stops
    }

    /// The stop that is nearest to a column.
    pub fn stop_near(&self, column: usize) -> Option<u64> {
        let reduction = self.reduction?;
        self.stops().into_iter().min_by_key(|stop| reduction.column(*stop).abs_diff(column))
    }
}
