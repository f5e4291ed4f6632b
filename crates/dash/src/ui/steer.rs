//! What goes out to the grid: commands, of which those that destroy ask first, and what is to be written or left.

use std::collections::{BTreeMap, BTreeSet};

use mmtl_grid::TrialKey;
use mmtl_grid::events::RunStatus;
use mmtl_grid::store::{Command, Target};

use crate::action::Whom;
use crate::effect::{Effect, ExportFormat, Leave};
use crate::overlays::{Entry, Menu, Overlay};
use crate::state::{Scheduler, State};
use crate::ui::Ui;

/// Milliseconds in which a scheduler has answered.
const ANSWERED: u64 = 2_000;

impl Ui {
    /// Whether the grid is played back, where nothing may reach its store; says so if it is.
    fn is_replayed(&mut self, state: &State) -> bool {
        let replayed = state.replay().is_some();
        if replayed {
            self.say("a replay steers nothing", state.wall());
        }
        replayed
    }

    /// Whether there is a scheduler that heeds commands; says so if not.
    fn can_steer(&mut self, state: &State) -> bool {
        if self.is_replayed(state) {
            return false;
        }
        let gone = *state.scheduler() == Scheduler::Gone;
        if gone {
            self.say("nothing runs here any more; `mmtl run` starts or goes on with a grid", state.wall());
        }
        !gone
    }

    fn target(&mut self, whom: Whom, state: &State) -> Option<Target> {
        if !self.can_steer(state) {
            return None;
        }
        let target = match whom {
            Whom::Grid => Target::Grid,
            Whom::Chosen => Target::Runs(self.chosen.runs()),
        };
        if target == Target::Runs(BTreeSet::new()) {
            self.say("no run is chosen", state.wall());
            return None;
        }
        Some(target)
    }

    pub(super) fn steer(
        &mut self,
        whom: Whom,
        done: &str,
        command: fn(Target) -> Command,
        state: &State,
    ) -> Vec<Effect> {
        let Some(target) = self.target(whom, state) else { return vec![] };
        self.say(format!("{} to be {done}", words(&target)), state.wall());
        vec![Effect::Send(command(target))]
    }

    pub(super) fn confirm(&mut self, question: &str, yes: &str, command: Command, state: &State) -> Vec<Effect> {
        if !self.can_steer(state) {
            return vec![];
        }
        self.ask(Overlay::Menu(Menu::confirm(question, yes, vec![Effect::Send(command)])))
    }

    /// The chosen runs that have not ended, which are all that can be given up, and how many they are; says so if none is.
    fn unfinished(&mut self, done: &str, state: &State) -> Option<(String, BTreeSet<TrialKey>)> {
        let Target::Runs(chosen) = self.target(Whom::Chosen, state)? else { return None };
        let goes_on = |key: &&TrialKey| state.run(key).is_some_and(|run| !has_ended(&run.status));
        let runs: BTreeSet<TrialKey> = chosen.iter().filter(goes_on).cloned().collect();
        let (count, all) = (runs.len(), words(&Target::Runs(chosen.clone())));
        if runs.is_empty() {
            self.say(format!("{all} cannot be {done}: ended already"), state.wall());
            return None;
        }
        Some((if count == chosen.len() { all } else { format!("{count} of {all}") }, runs))
    }

    pub(super) fn confirm_cancel(&mut self, whom: Whom, state: &State) -> Vec<Effect> {
        let wanted = match whom {
            Whom::Grid => self.target(whom, state).map(|grid| (words(&grid), grid)),
            Whom::Chosen => self.unfinished("cancelled", state).map(|(words, runs)| (words, Target::Runs(runs))),
        };
        let Some((words, target)) = wanted else { return vec![] };
        let question = format!("Cancel {words}? They checkpoint; only a retry goes on with them.");
        self.confirm(&question, "cancel", Command::Cancel(target), state)
    }

    pub(super) fn confirm_prune(&mut self, state: &State) -> Vec<Effect> {
        let Some((words, runs)) = self.unfinished("pruned", state) else { return vec![] };
        let question = format!("Prune {words}? The table counts pruned seeds, and marks no best among the rest.");
        self.confirm(&question, "prune", Command::Prune(runs), state)
    }

    /// Each run keeps its distance to the others: one command for each priority that the chosen ones have. Counted on as
    /// [`Self::jobs`] is.
    pub(super) fn prioritise(&mut self, by: i32, state: &State) -> Vec<Effect> {
        let Some(Target::Runs(runs)) = self.target(Whom::Chosen, state) else { return vec![] };
        let wall = state.wall();
        self.priorities.retain(|_, (_, at)| wall.saturating_sub(*at) < ANSWERED);
        let mut groups: BTreeMap<i32, BTreeSet<TrialKey>> = BTreeMap::new();
        for key in runs {
            let known = || state.run(&key).map_or(0, |run| run.priority);
            let priority = self.priorities.get(&key).map_or_else(known, |(asked, _)| *asked).saturating_add(by);
            self.priorities.insert(key.clone(), (priority, wall));
            groups.entry(priority).or_default().insert(key);
        }
        let to = groups.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        self.say(format!("priority {to}"), state.wall());
        groups.into_iter().map(|(priority, runs)| Effect::Send(Command::Priority { runs, priority })).collect()
    }

    /// Counted on from what was asked for a moment ago, which the scheduler may not have told of yet.
    pub(super) fn jobs(&mut self, by: i32, state: &State) -> Vec<Effect> {
        if !self.can_steer(state) {
            return vec![];
        }
        let asked = self.jobs.filter(|(_, at)| state.wall().saturating_sub(*at) < ANSWERED);
        let jobs = asked.map_or(state.grid().jobs, |(jobs, _)| jobs).saturating_add_signed(by as isize).max(1);
        self.jobs = Some((jobs, state.wall()));
        self.say(format!("{jobs} at once"), state.wall());
        vec![Effect::Send(Command::Jobs(jobs))]
    }

    pub(super) fn reveal(&mut self, state: &State) -> Vec<Effect> {
        if state.shows_test() {
            self.say("test scores may be seen already: `d` shows them", state.wall());
            return vec![];
        }
        if self.is_replayed(state) {
            return vec![];
        }
        let question = "Show test scores before the grid is done? The store remembers it, and every table will say so: \
                        whoever chooses by test scores has none left to report.";
        let yes = Menu::confirm(question, "show them", vec![Effect::RevealTest]);
        self.ask(Overlay::Menu(yes))
    }

    pub(super) fn quit(&mut self, state: &State) -> Vec<Effect> {
        let alive = matches!(state.scheduler(), Scheduler::Alive { .. });
        if !alive || state.is_done() || state.replay().is_some() {
            return vec![Effect::Leave(Leave::Running)];
        }
        let entry = |key, says: &str, leave| Entry { key, says: says.to_owned(), effects: vec![Effect::Leave(leave)] };
        let entries = vec![
            entry('l', "leave it running", Leave::Running),
            entry('a', "end it after the current runs", Leave::AfterCurrent),
            entry('s', "stop it: runs checkpoint, `mmtl run` goes on", Leave::Stopped),
            Entry { key: 'n', says: "stay here".to_owned(), effects: vec![] },
        ];
        self.ask(Overlay::Menu(Menu::new("The grid still runs.", entries)))
    }

    pub(super) fn export(&mut self) -> Vec<Effect> {
        let entry =
            |key, says: &str, format| Entry { key, says: says.to_owned(), effects: vec![Effect::Export(format)] };
        let entries = vec![
            entry('m', "tables as Markdown", ExportFormat::Markdown),
            entry('c', "tables as CSV", ExportFormat::Csv),
            entry('l', "tables as LaTeX", ExportFormat::Latex),
            entry('s', "this screen as an SVG picture", ExportFormat::Svg),
        ];
        self.ask(Overlay::Menu(Menu::new("Export", entries)))
    }
}

/// Whether a run has come to its end, from where only a retry brings it back.
fn has_ended(status: &RunStatus) -> bool {
    match status {
        RunStatus::Queued | RunStatus::Running { .. } | RunStatus::Paused => false,
        RunStatus::Finished
        | RunStatus::Failed { .. }
        | RunStatus::Cancelled
        | RunStatus::Pruned
        | RunStatus::NotApplicable { .. } => true,
    }
}

fn words(target: &Target) -> String {
    match target {
        Target::Grid => "the whole grid".to_owned(),
        Target::Runs(runs) if runs.len() == 1 => "1 run".to_owned(),
        Target::Runs(runs) => format!("{} runs", runs.len()),
    }
}
