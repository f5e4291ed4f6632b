//! What somebody looks at and does: keys and clicks become actions, actions become effects.

mod steer;

use std::collections::{BTreeMap, BTreeSet};

use mmtl_grid::TrialKey;
use mmtl_grid::store::Command;
use ratatui::crossterm::event::{KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use crate::action::{Action, Tab};
use crate::chosen::Chosen;
use crate::effect::Effect;
use crate::keymap;
use crate::overlays::{Answer, Help, Overlay, Palette, Prompt};
use crate::painter::Painter;
use crate::state::State;
use crate::theme::Theme;
use crate::views::{Acted, Curves, Grid, MachineView, RunView, Runs, TableView, View};

/// What a terminal tells.
#[derive(Clone, Debug)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// The mouse.
    Mouse(MouseEvent),
}

/// How long a sentence stays in the status line, in milliseconds.
const NOTICE: u64 = 4_000;

/// Everything that a view remembers.
#[derive(Debug)]
pub struct Ui {
    /// How it looks.
    pub theme: Theme,
    pub(crate) clicks: Vec<(Rect, Action)>,
    tab: Tab,
    chosen: Chosen,
    grid: Grid,
    runs: Runs,
    curves: Curves,
    run: RunView,
    table: TableView,
    machine: MachineView,
    overlay: Option<Overlay>,
    log: bool,
    notice: Option<(String, u64)>,
    /// How many runs at once were last asked for, and when: the scheduler takes a moment to answer.
    jobs: Option<(usize, u64)>,
    /// The same of priorities.
    priorities: BTreeMap<TrialKey, (i32, u64)>,
    followed: BTreeSet<TrialKey>,
}

impl Ui {
    /// Looks at the first view.
    pub fn new(theme: Theme) -> Self {
        Self {
            theme,
            clicks: vec![],
            tab: Tab::default(),
            chosen: Chosen::default(),
            grid: Grid::default(),
            runs: Runs::default(),
            curves: Curves::default(),
            run: RunView::default(),
            table: TableView::default(),
            machine: MachineView::default(),
            overlay: None,
            log: false,
            notice: None,
            jobs: None,
            priorities: BTreeMap::new(),
            followed: BTreeSet::new(),
        }
    }

    /// The view that is shown.
    pub fn tab(&self) -> Tab {
        self.tab
    }

    /// Which runs are meant.
    pub fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    pub(crate) fn table(&self) -> &TableView {
        &self.table
    }

    /// Means these runs from now on.
    pub fn choose(&mut self, chosen: Chosen) {
        self.chosen = chosen;
    }

    /// Whether the log is shown.
    pub fn shows_log(&self) -> bool {
        self.log
    }

    /// What was just said, while it is new: by the clock of whoever looks, [`State::wall`].
    pub fn notice(&self, now: u64) -> Option<&str> {
        self.notice.as_ref().filter(|(_, until)| now < *until).map(|(text, _)| text.as_str())
    }

    /// Says something in the status line for a while.
    pub fn say(&mut self, text: impl Into<String>, now: u64) {
        self.notice = Some((text.into(), now.saturating_add(NOTICE)));
    }

    /// Heeds a key or the mouse.
    pub fn input(&mut self, input: &Input, state: &State) -> Vec<Effect> {
        let mut effects = match input {
            Input::Key(key) if key.kind == KeyEventKind::Release => vec![],
            Input::Key(key) => self.key(*key, state),
            Input::Mouse(mouse) => self.mouse(*mouse, state),
        };
        effects.extend(self.follow(state));
        effects
    }

    /// Which runs' lines are needed for what is shown now, if others than before. To be asked again when runs come and go.
    pub fn follow(&mut self, state: &State) -> Option<Effect> {
        if self.chosen.focus.is_none() {
            self.chosen.focus = state.grid().runs().next().map(|run| run.key.clone());
        }
        let wanted: BTreeSet<TrialKey> = match self.tab {
            Tab::Curves => {
                self.chosen.runs().into_iter().take(Theme::SERIES).chain(self.chosen.focus.clone()).collect()
            }
            Tab::Run => {
                let baseline = self.chosen.focus.as_ref().and_then(|key| crate::views::baseline(state, key));
                self.chosen.focus.iter().chain(baseline.map(|run| &run.key)).cloned().collect()
            }
            Tab::Grid | Tab::Runs | Tab::Table | Tab::Machine if self.log => {
                self.chosen.focus.iter().cloned().collect()
            }
            Tab::Grid | Tab::Runs | Tab::Table | Tab::Machine => return None,
        };
        (wanted != self.followed).then(|| {
            self.followed.clone_from(&wanted);
            Effect::Follow(wanted)
        })
    }

    fn key(&mut self, key: KeyEvent, state: &State) -> Vec<Effect> {
        if let Some(overlay) = &mut self.overlay {
            let answer = overlay.key(key);
            return self.answered(answer, state);
        }
        match keymap::action(key, self.tab) {
            Some(action) => self.act(&action.clone(), state),
            None => vec![],
        }
    }

    fn mouse(&mut self, mouse: MouseEvent, state: &State) -> Vec<Effect> {
        match mouse.kind {
            MouseEventKind::ScrollUp if self.overlay.is_none() => self.act(&Action::Move(-3, 0), state),
            MouseEventKind::ScrollDown if self.overlay.is_none() => self.act(&Action::Move(3, 0), state),
            MouseEventKind::Down(MouseButton::Left) => self.click(Position::new(mouse.column, mouse.row), state),
            _ => vec![],
        }
    }

    fn click(&mut self, at: Position, state: &State) -> Vec<Effect> {
        let hit = self.clicks.iter().rev().find(|(area, _)| area.contains(at)).map(|(_, action)| action.clone());
        match (&mut self.overlay, hit) {
            (Some(overlay), Some(Action::Choose(number))) => {
                let answer = overlay.choose(number);
                self.answered(answer, state)
            }
            (Some(_), _) => {
                self.overlay = None;
                vec![]
            }
            (None, Some(action)) => self.act(&action, state),
            (None, None) => vec![],
        }
    }

    fn answered(&mut self, answer: Answer, state: &State) -> Vec<Effect> {
        match answer {
            Answer::Stay => vec![],
            Answer::Close => {
                self.overlay = None;
                vec![]
            }
            Answer::Act(action) => self.act(&action, state),
            Answer::ActAndClose(action) => {
                let effects = self.act(&action, state);
                // The list says what is wrong with a filter while it is put right.
                if self.runs.mistake().is_none() {
                    self.overlay = None;
                }
                effects
            }
            Answer::CloseAndAct(action) => {
                self.overlay = None;
                self.act(&action, state)
            }
            Answer::CloseAndDo(effects) => {
                self.overlay = None;
                effects
            }
        }
    }

    /// Does what was asked for.
    pub fn act(&mut self, action: &Action, state: &State) -> Vec<Effect> {
        match action {
            Action::Show(tab) => self.show(*tab),
            Action::NextTab => self.show(turned(self.tab, 1)),
            Action::PreviousTab => self.show(turned(self.tab, Tab::ALL.len() - 1)),
            Action::Focus(key) => {
                self.chosen.focus = Some(key.clone());
                self.show(Tab::Run)
            }
            Action::Log => {
                self.log = !self.log;
                vec![]
            }
            Action::Help => self.ask(Overlay::Help(Help::default())),
            Action::Palette => self.ask(Overlay::Palette(Palette::new(self.tab))),
            Action::Filter => {
                self.tab = Tab::Runs;
                self.ask(Overlay::Prompt(Prompt::new(self.runs.filter())))
            }
            Action::FilterBy(_) => {
                let acted = self.runs.act(action, state, &mut self.chosen);
                self.take(acted.unwrap_or_default(), state)
            }
            Action::Pause(whom) => self.steer(*whom, "paused", Command::Pause, state),
            Action::Resume(whom) => self.steer(*whom, "resumed", Command::Resume, state),
            Action::Retry(whom) => self.steer(*whom, "queued again", Command::Retry, state),
            Action::Cancel(whom) => self.confirm_cancel(*whom, state),
            Action::Prune => self.confirm_prune(state),
            Action::Priority(by) => self.prioritise(*by, state),
            Action::Jobs(by) => self.jobs(*by, state),
            Action::Drain => self.confirm("End the grid when what runs is done?", "end it then", Command::Drain, state),
            Action::Stop => self.confirm("Let all runs checkpoint, and end the grid?", "stop it", Command::Stop, state),
            Action::RevealTest => self.reveal(state),
            Action::Quit => self.quit(state),
            Action::Export => self.export(),
            Action::Suspend => vec![Effect::Suspend],
            Action::Back if self.overlay.take().is_some() => vec![],
            Action::Move(..)
            | Action::Page(_)
            | Action::First
            | Action::Last
            | Action::Open
            | Action::Point(_)
            | Action::PointAt(..)
            | Action::Mark
            | Action::MarkAll
            | Action::ClearMarks
            | Action::NextTask
            | Action::NextMetric
            | Action::Relative
            | Action::NextSort
            | Action::ReverseSort
            | Action::NextFit
            | Action::NextQuantity
            | Action::Smooth(_)
            | Action::LogAxis
            | Action::Zoom(_)
            | Action::NextSplit
            | Action::Copy
            | Action::Back
            | Action::Choose(_) => {
                let (view, chosen) = self.view();
                let acted = view.act(action, state, chosen).unwrap_or_default();
                self.take(acted, state)
            }
        }
    }

    fn view(&mut self) -> (&mut dyn View, &mut Chosen) {
        let view: &mut dyn View = match self.tab {
            Tab::Grid => &mut self.grid,
            Tab::Runs => &mut self.runs,
            Tab::Curves => &mut self.curves,
            Tab::Run => &mut self.run,
            Tab::Table => &mut self.table,
            Tab::Machine => &mut self.machine,
        };
        (view, &mut self.chosen)
    }

    fn take(&mut self, acted: Acted, state: &State) -> Vec<Effect> {
        if let Some(notice) = acted.notice {
            self.say(notice, state.wall());
        }
        let mut effects = acted.effects;
        if let Some(filter) = acted.filter {
            effects.extend(self.act(&Action::FilterBy(filter), state));
        }
        if let Some(tab) = acted.show {
            effects.extend(self.show(tab));
        }
        effects
    }

    fn show(&mut self, tab: Tab) -> Vec<Effect> {
        self.tab = tab;
        if tab == Tab::Table { vec![Effect::ReadScores] } else { vec![] }
    }

    fn ask(&mut self, overlay: Overlay) -> Vec<Effect> {
        self.overlay = Some(overlay);
        vec![]
    }

    pub(crate) fn draw_view(&mut self, painter: &mut Painter, area: Rect, state: &State) {
        let chosen = self.chosen.clone();
        self.view().0.draw(painter, area, state, &chosen);
    }

    pub(crate) fn draw_overlay(&mut self, painter: &mut Painter, area: Rect) {
        let tab = self.tab;
        if let Some(overlay) = &mut self.overlay {
            overlay.draw(painter, area, tab);
        }
    }
}

fn turned(tab: Tab, by: usize) -> Tab {
    let at = Tab::ALL.iter().position(|other| *other == tab).unwrap_or(0);
    Tab::ALL[(at + by) % Tab::ALL.len()]
}
