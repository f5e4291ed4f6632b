//! Losses and scores over steps.
//!
//! ```text
//! ╭ Curves: click log loss ──────────────╮
//! │ last values ...                      │  what the values below are
//! │ 0.60 ┤ ⠑⠢⣀A                          │  the plot
//! │ 0.50 ┤    ⠉⠒⠤⣀                       │
//! │      └──┬──────┬──── step            │
//! │ A mmoe joint  seed 1   train   valid │  one line a run
//! ╰──────────────────────────────────────╯
//! ```

mod axis;
mod curve;
mod legend;
mod line;
mod plot;
mod quantity;
mod raster;

use mmtl_grid::TrialKey;
use ratatui::layout::Rect;

use crate::action::{Action, Tab};
use crate::chosen::Chosen;
use crate::painter::Painter;
use crate::state::State;
use crate::theme::{Role, Theme};
use crate::views::{Acted, View, moved};

use curve::{Curve, Drawn};
use quantity::Quantity;

/// Losses and scores over steps.
#[derive(Debug, Default)]
pub struct Curves {
    choices: Choices,
    /// The step that values are read at.
    cursor: Option<u64>,
    cached: Option<(Wanted, Drawn)>,
}

/// What somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq)]
struct Choices {
    quantity: Quantity,
    /// A place in [`SMOOTHING`].
    smoothing: usize,
    log: bool,
    /// First and last step; `None` for all.
    window: Option<(u64, u64)>,
    /// The name of a fit; `None` for the one that the run under the cursor was last heard of.
    fit: Option<String>,
}

/// What curves are drawn anew for.
#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    revision: u64,
    choices: Choices,
    chosen: Chosen,
    columns: usize,
}

/// How much of the mean of all earlier values a smoothed one keeps.
const SMOOTHING: [f64; 8] = [0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99];

impl Curves {
    fn drawn(&mut self, state: &State, chosen: &Chosen, columns: usize) -> &Drawn {
        let wanted =
            Wanted { revision: state.revision(), choices: self.choices.clone(), chosen: chosen.clone(), columns };
        if self.cached.as_ref().is_none_or(|(of, _)| *of != wanted) {
            let drawn = Drawn::new(state, chosen, &self.choices, columns);
            self.cached = Some((wanted, drawn));
        }
        &self.cached.as_ref().expect("it was just made").1
    }

    fn title(&self) -> String {
        let choices = &self.choices;
        let mut parts = vec![format!("Curves: {}", choices.quantity.name())];
        if choices.smoothing > 0 {
            parts.push(format!("smoothed by {}", SMOOTHING[choices.smoothing]));
        }
        if choices.log {
            parts.push("log axis".to_owned());
        }
        parts.join(", ")
    }

    /// Puts the cursor on the point that lies so many columns with points further.
    fn read(&mut self, by: i32) {
        let Some((_, drawn)) = &self.cached else { return };
        let stops = drawn.stops();
        let at = match self.cursor {
            Some(cursor) => {
                let at = stops.partition_point(|stop| *stop < cursor);
                if let Some(beyond) = self.beyond(cursor, at, by, stops.len()) {
                    self.cursor = Some(beyond);
                    return self.pan();
                }
                moved(at, i64::from(by), stops.len())
            }
            None if by < 0 => stops.len().saturating_sub(1),
            None => 0,
        };
        self.cursor = stops.get(at).copied();
        self.pan();
    }

    /// The step that the cursor goes to when it is at the last stop of a window on that side, but not of all steps: a
    /// quarter of the window further.
    fn beyond(&self, cursor: u64, at: usize, by: i32, stops: usize) -> Option<u64> {
        let ((_, drawn), (from, to)) = (self.cached.as_ref()?, self.choices.window?);
        let ((first, last), quarter) = (drawn.all, (to.saturating_sub(from) / 4).max(1));
        let further =
            if by < 0 { cursor.saturating_sub(quarter).max(first) } else { cursor.saturating_add(quarter).min(last) };
        let is_at_edge = if by < 0 { at == 0 } else { at + 1 >= stops };
        (is_at_edge && further != cursor).then_some(further)
    }

    /// A window goes where the cursor goes.
    fn pan(&mut self) {
        if let (Some(cursor), Some((from, to))) = (self.cursor, self.choices.window) {
            let wide = to - from;
            let from = if cursor < from { cursor } else { from.max(cursor.saturating_sub(wide)) };
            self.choices.window = Some((from, from.saturating_add(wide)));
        }
    }

    fn zoom(&mut self, by: i32) {
        let Some((_, drawn)) = &self.cached else { return };
        let (first, last) = drawn.all;
        let (from, to) = drawn.window;
        let wide = to.saturating_sub(from);
        let wide = if by > 0 { (wide / 2).max(2) } else { wide.saturating_mul(2) };
        // Without a cursor the end stays, where news comes.
        let from = self.cursor.map_or(to.saturating_sub(wide), |cursor| cursor.saturating_sub(wide / 2));
        let from = from.min(last.saturating_sub(wide)).max(first);
        // Halving rounds: what is nearly all is meant to be all.
        let all = wide.saturating_add(wide / 8) >= last.saturating_sub(first);
        self.choices.window = (!all).then(|| (from, from.saturating_add(wide)));
    }

    fn next_fit(&mut self, state: &State, chosen: &Chosen) -> Acted {
        let run = chosen.focus.as_ref().and_then(|key| state.run(key)).filter(|run| run.fits.len() > 1);
        let Some(run) = run else { return Acted::say("this run has one fit") };
        let now = self.choices.fit.as_ref().and_then(|name| run.fits.iter().position(|fit| fit.name == *name));
        let next = (now.unwrap_or(run.fit) + 1) % run.fits.len();
        self.choices.fit = Some(run.fits[next].name.clone());
        Acted::default()
    }

    fn next_quantity(&mut self, state: &State, chosen: &Chosen) {
        let fit = chosen.runs().iter().find_map(|key| state.history(key)?.fits().first());
        let all = Quantity::all(state, fit);
        let now = all.iter().position(|quantity| *quantity == self.choices.quantity);
        self.choices.quantity = all[now.map_or(0, |now| (now + 1) % all.len())].clone();
    }

    fn back(&mut self) -> Option<Acted> {
        if self.cursor.take().is_none() && self.choices.window.take().is_none() {
            return None;
        }
        Some(Acted::default())
    }
}

/// Another run under the cursor: one of the marked ones, or with none, one of the grid.
fn step_focus(by: i64, state: &State, chosen: &mut Chosen) {
    let keys: Vec<TrialKey> = if chosen.marked.is_empty() {
        state.grid().runs().map(|run| run.key.clone()).collect()
    } else {
        curve::keys(state, chosen)
    };
    let now = chosen.focus.as_ref().and_then(|focus| keys.iter().position(|key| key == focus));
    let next = now.map_or(0, |now| moved(now, by, keys.len()));
    if let Some(key) = keys.into_iter().nth(next) {
        chosen.focus = Some(key);
    }
}

impl View for Curves {
    fn draw(&mut self, painter: &mut Painter, area: Rect, state: &State, chosen: &Chosen) {
        let inside = painter.frame(area, &self.title());
        let title = Rect { height: 1.min(area.height), ..area };
        painter.clickable(title, Action::NextQuantity);
        if inside.is_empty() {
            return;
        }
        let curves = chosen.runs().len().clamp(1, Theme::SERIES);
        let legend_height = (legend::height(chosen, curves)).min(inside.height.saturating_sub(5));
        let plot_area = Rect { height: inside.height - legend_height, ..inside };
        let legend_area = Rect { y: plot_area.bottom(), height: legend_height, ..inside };
        let columns = plot::columns(plot_area);
        let (quantity, log, cursor) = (self.choices.quantity.clone(), self.choices.log, self.cursor);
        let drawn = self.drawn(state, chosen, columns);
        if let Some(why) = drawn.why_empty(state, chosen, &quantity) {
            painter.say(plot_area, 1, 1, &why, Role::Dim);
        } else {
            plot::draw(painter, plot_area, drawn, &quantity, log, cursor);
        }
        legend::draw(painter, legend_area, drawn, &quantity, cursor, state, chosen);
    }

    fn act(&mut self, action: &Action, state: &State, chosen: &mut Chosen) -> Option<Acted> {
        match action {
            Action::Move(0, by) => self.read(*by),
            Action::Move(by, _) => step_focus(i64::from(*by), state, chosen),
            Action::Page(by) => self.read(by.saturating_mul(10)),
            Action::First => self.cursor = Some(self.cached.as_ref()?.1.window.0),
            Action::Last => self.cursor = Some(self.cached.as_ref()?.1.window.1),
            Action::PointAt(_, column) => {
                let (_, drawn) = self.cached.as_ref()?;
                self.cursor = drawn.stop_near(*column);
            }
            Action::Point(row) => {
                let curve: &Curve = self.cached.as_ref()?.1.curves.get(*row)?;
                chosen.focus = Some(curve.key.clone());
            }
            Action::Open => return Some(Acted::show(Tab::Run)),
            Action::NextFit => return Some(self.next_fit(state, chosen)),
            Action::NextQuantity => self.next_quantity(state, chosen),
            Action::Smooth(by) => {
                self.choices.smoothing = moved(self.choices.smoothing, i64::from(*by), SMOOTHING.len());
            }
            Action::LogAxis => self.choices.log = !self.choices.log,
            Action::Zoom(by) => self.zoom(*by),
            Action::Back => return self.back(),
            _ => return None,
        }
        Some(Acted::default())
    }
}
