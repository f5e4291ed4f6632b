//! One run in full.
//!
//! ```text
//! ╭ Run 3 of 16: mmoe joint ─────────────╮
//! │ state, seed, key, times              │
//! │ Fits            │ Configuration      │  side by side where there is room,
//! │ Scores          │   beside baseline  │  else one below the other
//! │ Gates, Gradients│                    │
//! │ Log                                  │
//! ╰──────────────────────────────────────╯
//! ```

mod configuration;
mod header;
mod insight;
mod log;
mod page;
mod scores;

use mmtl_grid::TrialKey;
use mmtl_grid::events::RunState;
use ratatui::layout::Rect;

use crate::action::{Action, Tab};
use crate::chosen::Chosen;
use crate::effect::Effect;
use crate::painter::Painter;
use crate::state::State;
use crate::theme::{Role, Theme};
use crate::views::{Acted, View, moved};

pub use configuration::baseline;
use page::Page;

/// One run in full.
#[derive(Debug, Default)]
pub struct RunView {
    of: Option<TrialKey>,
    first: usize,
    /// Lines of the longest column beyond the window, when it was last drawn.
    below: usize,
    height: usize,
    metric: usize,
    /// The fit that is looked at; `None` for the one last heard of.
    fit: Option<usize>,
}

/// From this width on there are two columns.
const TWO_COLUMNS: u16 = 116;

impl RunView {
    fn fit(&self, run: &RunState) -> usize {
        self.fit.filter(|fit| *fit < run.fits.len()).unwrap_or(run.fit)
    }

    /// What is remembered of another run is of no use.
    fn look_at(&mut self, key: Option<&TrialKey>) {
        if self.of.as_ref() != key {
            self.of = key.cloned();
            (self.first, self.fit) = (0, None);
        }
    }

    fn scroll(&mut self, by: i64) {
        self.first = moved(self.first, by, self.below + 1);
    }

    fn training(&self, page: &mut Page, run: &RunState, state: &State) {
        header::fits(page, run, self.fit(run));
        scores::write(page, run, state, self.metric, self.fit(run));
        insight::write(page, run.fits.get(self.fit(run)).and_then(|fit| fit.insight.as_ref()));
    }

    fn columns(&self, theme: Theme, width: u16, run: &RunState, state: &State) -> Vec<Page> {
        if width < TWO_COLUMNS {
            let mut page = Page::new(theme, width);
            header::write(&mut page, run, state);
            self.training(&mut page, run, state);
            configuration::write(&mut page, run, state);
            log::write(&mut page, run, state);
            return vec![page];
        }
        let left = (width - 2) / 2;
        let (mut one, mut other) = (Page::new(theme, left), Page::new(theme, width - 2 - left));
        header::write(&mut one, run, state);
        self.training(&mut one, run, state);
        log::write(&mut one, run, state);
        configuration::write(&mut other, run, state);
        vec![one, other]
    }
}

impl View for RunView {
    fn draw(&mut self, painter: &mut Painter, area: Rect, state: &State, chosen: &Chosen) {
        self.look_at(chosen.focus.as_ref());
        let Some(run) = chosen.focus.as_ref().and_then(|key| state.run(key)) else {
            let inside = painter.frame(area, "Run");
            painter.say(inside, 1, 0, "no run is chosen: choose one in the Runs view (2)", Role::Dim);
            return;
        };
        let all = state.grid().runs().count();
        let place = state.grid().runs().position(|other| other.key == run.key);
        let name = run.rows.first().map_or_else(|| run.architecture.clone(), ToString::to_string);
        let title = match place {
            Some(place) => format!("Run {} of {all}: {name}", place + 1),
            None => format!("Run that the grid has no more: {name}"),
        };
        let inside = painter.frame(area, &title);
        let inside = Rect { x: inside.x.saturating_add(1), width: inside.width.saturating_sub(2), ..inside };
        let pages = self.columns(painter.theme, inside.width, run, state);
        self.height = usize::from(inside.height);
        self.below = pages.iter().map(Page::len).max().unwrap_or(0).saturating_sub(self.height);
        self.first = self.first.min(self.below);
        let mut x = inside.x;
        for page in &pages {
            let column = Rect { x, width: page.width as u16, ..inside };
            // A column that ends sooner stays at its end.
            page.draw(painter, column.intersection(inside), self.first.min(page.len().saturating_sub(self.height)));
            x = column.right().saturating_add(2);
        }
        if self.below > 0 && area.height > 1 {
            let share =
                format!(" lines {}-{} of {} ", self.first + 1, self.first + self.height, self.below + self.height);
            painter.say_right(area, area.width.saturating_sub(2), area.height - 1, &share, Role::Dim);
        }
    }

    fn act(&mut self, action: &Action, state: &State, chosen: &mut Chosen) -> Option<Acted> {
        self.look_at(chosen.focus.as_ref());
        let run = chosen.focus.as_ref().and_then(|key| state.run(key));
        match action {
            Action::Move(0, by) => {
                let keys: Vec<&TrialKey> = state.grid().runs().map(|run| &run.key).collect();
                let now = keys.iter().position(|key| Some(*key) == chosen.focus.as_ref()).unwrap_or(0);
                if let Some(key) = keys.get(moved(now, i64::from(*by), keys.len())) {
                    chosen.focus = Some((*key).clone());
                }
            }
            Action::Move(by, _) => self.scroll(i64::from(*by)),
            Action::Page(by) => {
                let page = i64::try_from(self.height.max(2)).unwrap_or(i64::MAX) - 1;
                self.scroll(i64::from(*by).saturating_mul(page));
            }
            Action::First => self.first = 0,
            Action::Last => self.first = self.below,
            Action::Open => return Some(Acted::show(Tab::Curves)),
            Action::NextMetric => self.metric = self.metric.wrapping_add(1),
            Action::NextFit => {
                let run = run.filter(|run| run.fits.len() > 1);
                let Some(run) = run else { return Some(Acted::say("this run has one fit")) };
                self.fit = Some((self.fit(run) + 1) % run.fits.len());
            }
            Action::Point(fit) => self.fit = Some(*fit),
            Action::Copy => {
                let Some(values) = run.and_then(|run| state.configuration(&run.key)) else {
                    return Some(Acted::say("its configuration is not read yet"));
                };
                let copy = Effect::Copy(configuration::as_toml(values));
                return Some(Acted { effects: vec![copy], ..Acted::say("the configuration is copied") });
            }
            _ => return None,
        }
        Some(Acted::default())
    }
}
