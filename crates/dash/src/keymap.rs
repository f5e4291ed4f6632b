//! The keys: one table, from which help, palette and footer are made.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::action::{Action, Tab, Whom};

/// Where a key does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In every view.
    Everywhere,
    /// In these.
    In(&'static [Tab]),
    /// Nowhere: only the palette has it.
    Palette,
}

/// A key with what it does.
#[derive(Debug)]
pub struct Binding {
    /// The key.
    pub key: KeyCode,
    /// Whether Control is held.
    pub control: bool,
    /// Where.
    pub place: Place,
    /// What it does.
    pub action: Action,
    /// The same in words; the palette finds them.
    pub says: &'static str,
}

const fn key(key: KeyCode, place: Place, action: Action, says: &'static str) -> Binding {
    Binding { key, control: false, place, action, says }
}

const fn char(c: char, place: Place, action: Action, says: &'static str) -> Binding {
    key(KeyCode::Char(c), place, action, says)
}

const fn control(c: char, action: Action, says: &'static str) -> Binding {
    Binding { key: KeyCode::Char(c), control: true, place: Place::Everywhere, action, says }
}

const fn command(action: Action, says: &'static str) -> Binding {
    key(KeyCode::Null, Place::Palette, action, says)
}

use Place::{Everywhere, In};

const CURVES: Place = In(&[Tab::Curves]);
const FITS: Place = In(&[Tab::Curves, Tab::Run]);
const LISTS: Place = In(&[Tab::Runs]);
const METRICS: Place = In(&[Tab::Grid, Tab::Run, Tab::Table]);
const SCORES: Place = In(&[Tab::Grid, Tab::Table]);
const STEERED: Place = In(&[Tab::Grid, Tab::Runs, Tab::Curves, Tab::Run]);

/// All keys, in the order in which help shows them. Where two fit, the first one counts.
pub static BINDINGS: [Binding; 75] = [
    char('1', Everywhere, Action::Show(Tab::Grid), "grid: rows × scenes as a heat map"),
    char('2', Everywhere, Action::Show(Tab::Runs), "runs: all of them, sorted and filtered"),
    char('3', Everywhere, Action::Show(Tab::Curves), "curves: losses and scores over steps"),
    char('4', Everywhere, Action::Show(Tab::Run), "run: one run in full"),
    char('5', Everywhere, Action::Show(Tab::Table), "table: scores of finished runs"),
    char('6', Everywhere, Action::Show(Tab::Machine), "machine: processor, memory, GPU, workers"),
    key(KeyCode::Tab, Everywhere, Action::NextTab, "next view"),
    key(KeyCode::BackTab, Everywhere, Action::PreviousTab, "previous view"),
    key(KeyCode::Up, Everywhere, Action::Move(-1, 0), "up"),
    key(KeyCode::Down, Everywhere, Action::Move(1, 0), "down"),
    key(KeyCode::Left, Everywhere, Action::Move(0, -1), "left"),
    key(KeyCode::Right, Everywhere, Action::Move(0, 1), "right"),
    char('k', Everywhere, Action::Move(-1, 0), "up"),
    char('j', Everywhere, Action::Move(1, 0), "down"),
    char('h', Everywhere, Action::Move(0, -1), "left"),
    char('l', Everywhere, Action::Move(0, 1), "right"),
    key(KeyCode::PageUp, Everywhere, Action::Page(-1), "a screen up"),
    key(KeyCode::PageDown, Everywhere, Action::Page(1), "a screen down"),
    key(KeyCode::Home, Everywhere, Action::First, "to the beginning"),
    key(KeyCode::End, Everywhere, Action::Last, "to the end"),
    char('g', Everywhere, Action::First, "to the beginning"),
    char('G', Everywhere, Action::Last, "to the end"),
    key(KeyCode::Enter, Everywhere, Action::Open, "look closer"),
    key(KeyCode::Esc, Everywhere, Action::Back, "close what lies on top, end the filter, take marks away"),
    char('t', SCORES, Action::NextTask, "next task"),
    char('m', METRICS, Action::NextMetric, "next metric"),
    char('b', SCORES, Action::Relative, "differences to the baseline, or scores again"),
    char('d', SCORES, Action::NextSplit, "validation or test rows, once test may be seen"),
    char('T', SCORES, Action::RevealTest, "show test scores before the grid is done; the store remembers that"),
    char(' ', LISTS, Action::Mark, "mark the run, or take its mark away"),
    char('A', LISTS, Action::MarkAll, "mark all runs that are listed"),
    char('U', LISTS, Action::ClearMarks, "take all marks away"),
    char('s', LISTS, Action::NextSort, "sort by the next column"),
    char('S', LISTS, Action::ReverseSort, "turn the order around"),
    char('/', Everywhere, Action::Filter, "filter runs, as in `arch:ple seed:2 state:failed`"),
    char('f', FITS, Action::NextFit, "next fit of the run"),
    char('v', CURVES, Action::NextQuantity, "next quantity: losses, selection, scores"),
    char(']', CURVES, Action::Smooth(1), "smoother"),
    char('[', CURVES, Action::Smooth(-1), "less smooth"),
    char('a', CURVES, Action::LogAxis, "logarithmic or linear axis"),
    char('z', CURVES, Action::Zoom(1), "closer in, around the cursor"),
    char('Z', CURVES, Action::Zoom(-1), "further out"),
    char('p', STEERED, Action::Pause(Whom::Chosen), "pause the run, or the marked ones: checkpoint and wait"),
    char('r', STEERED, Action::Resume(Whom::Chosen), "resume"),
    char('c', STEERED, Action::Cancel(Whom::Chosen), "cancel"),
    char('x', STEERED, Action::Prune, "prune: give up as hopeless, counted in the table"),
    char('R', STEERED, Action::Retry(Whom::Chosen), "retry what failed, was cancelled or pruned"),
    char('>', STEERED, Action::Priority(1), "raise the priority"),
    char('<', STEERED, Action::Priority(-1), "lower the priority"),
    char('+', Everywhere, Action::Jobs(1), "one more run at once"),
    char('-', Everywhere, Action::Jobs(-1), "one run fewer at once"),
    char('P', Everywhere, Action::Pause(Whom::Grid), "pause the whole grid"),
    command(Action::Resume(Whom::Grid), "resume the whole grid"),
    command(Action::Retry(Whom::Grid), "retry all that failed or were cancelled"),
    command(Action::Cancel(Whom::Grid), "cancel the whole grid"),
    command(Action::Drain, "end the grid when what runs is done"),
    command(Action::Stop, "stop the grid: checkpoint all runs and end"),
    char('y', Everywhere, Action::Copy, "copy what is shown"),
    char('e', Everywhere, Action::Export, "export tables or a picture of the screen"),
    char('L', Everywhere, Action::Log, "show or hide the log"),
    char('?', Everywhere, Action::Help, "show or hide this help"),
    char(':', Everywhere, Action::Palette, "find a command by its words"),
    char('q', Everywhere, Action::Quit, "quit; asks what becomes of the grid"),
    control('c', Action::Quit, "quit; asks what becomes of the grid"),
    control('z', Action::Suspend, "suspend, until the shell's `fg`"),
    control('p', Action::Palette, "find a command by its words"),
    control('d', Action::Page(1), "a screen down"),
    control('u', Action::Page(-1), "a screen up"),
    control('f', Action::Page(1), "a screen down"),
    control('b', Action::Page(-1), "a screen up"),
    control('n', Action::Move(1, 0), "down"),
    char('n', Everywhere, Action::Move(1, 0), "down"),
    char('N', Everywhere, Action::Move(-1, 0), "up"),
    key(KeyCode::F(1), Everywhere, Action::Help, "show or hide this help"),
    key(KeyCode::F(10), Everywhere, Action::Quit, "quit; asks what becomes of the grid"),
];

/// What a key does in a view.
pub fn action(event: KeyEvent, tab: Tab) -> Option<&'static Action> {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    let fits = |binding: &&Binding| binding.key == event.code && binding.control == control && binding.place.has(tab);
    BINDINGS.iter().find(fits).map(|binding| &binding.action)
}

impl Place {
    /// Whether a key of this place does something in a view.
    pub fn has(self, tab: Tab) -> bool {
        match self {
            Self::Everywhere => true,
            Self::In(tabs) => tabs.contains(&tab),
            Self::Palette => false,
        }
    }
}

impl Binding {
    /// The key as it is written on keyboards.
    pub fn label(&self) -> String {
        let key = match self.key {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::F(number) => format!("F{number}"),
            KeyCode::Null => String::new(),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            other => other.to_string(),
        };
        if self.control { format!("Ctrl-{key}") } else { key }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings_in_one_view() {
        for tab in Tab::ALL {
            let mut seen = vec![];
            for binding in BINDINGS.iter().filter(|binding| binding.place.has(tab)) {
                let key = (binding.key, binding.control);
                assert!(!seen.contains(&key), "{} twice in {}", binding.label(), tab.name());
                seen.push(key);
            }
        }
    }

    #[test]
    fn every_view_has_its_number() {
        for (number, tab) in ('1'..).zip(Tab::ALL) {
            let event = KeyEvent::new(KeyCode::Char(number), KeyModifiers::NONE);
            assert_eq!(action(event, Tab::Runs), Some(&Action::Show(tab)));
        }
    }
}
