//! All runs, sorted and filtered.

mod columns;
mod draw;
mod list;

use mmtl_grid::TrialKey;
use mmtl_grid::events::RunState;
use ratatui::layout::Rect;

use crate::action::{Action, Tab};
use crate::chosen::Chosen;
use crate::effect::Effect;
use crate::painter::Painter;
use crate::state::State;
use crate::views::runs::columns::{Head, text};
use crate::views::runs::list::{List, Order};
use crate::views::{Acted, View, moved};

/// All runs, sorted and filtered.
#[derive(Debug, Default)]
pub struct Runs {
    filter: String,
    order: Order,
    list: List,
    /// The line that the cursor was on when its run was last listed.
    cursor: usize,
    first: usize,
    /// Lines in the window that was drawn last.
    height: usize,
}

impl Runs {
    /// The filter that holds.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// What is wrong with it, if anything.
    pub fn mistake(&self) -> Option<&str> {
        self.list.mistake.as_deref()
    }

    fn refresh(&mut self, state: &State, chosen: &Chosen) {
        self.list.refresh(state, &self.filter, self.order);
        let runs: Vec<&RunState> = state.grid().runs().collect();
        self.cursor = self.line_of(&runs, chosen).unwrap_or(self.cursor);
        self.cursor = self.cursor.min(self.list.places.len().saturating_sub(1));
    }

    /// The line of the run under the cursor, if it is listed.
    fn line_of(&self, runs: &[&RunState], chosen: &Chosen) -> Option<usize> {
        let focus = chosen.focus.as_ref()?;
        let is_focus = |line: &usize| self.list.places.get(*line).is_some_and(|place| runs[*place].key == *focus);
        // It mostly is where it was.
        Some(self.cursor).filter(is_focus).or_else(|| (0..self.list.places.len()).find(is_focus))
    }

    fn key(&self, line: usize, state: &State) -> Option<TrialKey> {
        let place = self.list.places.get(line)?;
        state.grid().runs().nth(*place).map(|run| run.key.clone())
    }

    fn go(&mut self, line: usize, state: &State, chosen: &mut Chosen) -> Acted {
        self.cursor = line.min(self.list.places.len().saturating_sub(1));
        if let Some(key) = self.key(self.cursor, state) {
            chosen.focus = Some(key);
        }
        Acted::default()
    }

    /// Lists other runs, or in another order. The cursor stays on its run, or goes to the first where that is not listed:
    /// what a key does must never meet a run that is not seen.
    fn relist(&mut self, state: &State, chosen: &mut Chosen) -> Acted {
        self.list.refresh(state, &self.filter, self.order);
        let runs: Vec<&RunState> = state.grid().runs().collect();
        let line = self.line_of(&runs, chosen).unwrap_or(0);
        self.go(line, state, chosen)
    }

    fn sort(&mut self, by: Option<Head>, state: &State, chosen: &mut Chosen) -> Acted {
        let reversed = by == self.order.by && by.is_some() && !self.order.reversed;
        self.order = Order { by, reversed };
        self.relist(state, chosen)
    }

    /// The grid's order, then every column that has something to tell, from left to right.
    fn next_sort(&self) -> Option<Head> {
        let from = self.order.by.map_or(0, |head| head as usize + 1);
        Head::ALL[from..].iter().copied().find(|head| self.list.widths[*head as usize] > 0)
    }

    fn mark(&mut self, state: &State, chosen: &mut Chosen) -> Acted {
        let runs: Vec<&RunState> = state.grid().runs().collect();
        let Some(line) = self.line_of(&runs, chosen) else { return Acted::say("no run is under the cursor") };
        if let Some(key) = self.key(line, state) {
            chosen.toggle(&key);
        }
        self.go(line + 1, state, chosen)
    }

    fn mark_all(&self, state: &State, chosen: &mut Chosen) -> Acted {
        let runs: Vec<&RunState> = state.grid().runs().collect();
        chosen.marked.extend(self.list.places.iter().map(|place| runs[*place].key.clone()));
        Acted::default()
    }

    fn back(&mut self, state: &State, chosen: &mut Chosen) -> Option<Acted> {
        if !self.filter.is_empty() {
            self.filter.clear();
            return Some(self.relist(state, chosen));
        }
        let had_marks = !chosen.marked.is_empty();
        chosen.marked.clear();
        had_marks.then(Acted::default)
    }

    /// The runs that are listed, with all columns, as tab-separated values.
    fn copied(&self, state: &State) -> String {
        let runs: Vec<&RunState> = state.grid().runs().collect();
        let mut lines = vec![Head::ALL.map(Head::name).join("\t")];
        for place in &self.list.places {
            let (run, differs) = (runs[*place], &self.list.differs[*place]);
            let cells = Head::ALL.map(|head| match head {
                Head::Key => run.key.to_string(),
                head => text(run, head, differs).replace(char::is_control, " "),
            });
            lines.push(cells.join("\t"));
        }
        lines.join("\n") + "\n"
    }
}

impl View for Runs {
    fn draw(&mut self, painter: &mut Painter, area: Rect, state: &State, chosen: &Chosen) {
        self.refresh(state, chosen);
        draw::draw(self, painter, area, state, chosen);
    }

    fn act(&mut self, action: &Action, state: &State, chosen: &mut Chosen) -> Option<Acted> {
        self.refresh(state, chosen);
        let (line, lines) = (self.cursor, self.list.places.len());
        let acted = match action {
            Action::Move(down, _) => self.go(moved(line, i64::from(*down), lines), state, chosen),
            Action::Page(screens) => {
                let by = i64::from(*screens).saturating_mul(i64::try_from(self.height.max(1)).unwrap_or(i64::MAX));
                self.go(moved(line, by, lines), state, chosen)
            }
            Action::First => self.go(0, state, chosen),
            Action::Last => self.go(lines.saturating_sub(1), state, chosen),
            Action::Point(line) => self.go(*line, state, chosen),
            // Of the cells only heads can be clicked.
            Action::PointAt(_, head) => self.sort(Head::ALL.get(*head).copied(), state, chosen),
            Action::Open => Acted::show(Tab::Run),
            Action::Mark => self.mark(state, chosen),
            Action::MarkAll => self.mark_all(state, chosen),
            Action::ClearMarks => {
                chosen.marked.clear();
                Acted::default()
            }
            Action::NextSort => self.sort(self.next_sort(), state, chosen),
            Action::ReverseSort => {
                self.order.reversed = !self.order.reversed;
                self.relist(state, chosen)
            }
            Action::FilterBy(filter) => {
                self.filter.clone_from(filter);
                self.relist(state, chosen)
            }
            Action::Back => return self.back(state, chosen),
            Action::Copy => Acted {
                effects: vec![Effect::Copy(self.copied(state))],
                notice: Some(format!("{lines} runs copied")),
                ..Acted::default()
            },
            _ => return None,
        };
        Some(acted)
    }
}
