//! Whether somebody sees to a grid, and what is wrong with its store: values for those who look on, never errors.

use std::path::{Path, PathBuf};

use crate::events::{Ending, GridState};
use crate::key::TrialKey;
use crate::store::{Damage, Grant, Store};

/// How a grid is.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Who sees to it.
    pub scheduler: Scheduler,
    /// Runs that are told to run, but whose scheduler and worker are gone. The next `mmtl run` goes on with them.
    pub abandoned: Vec<TrialKey>,
    /// What could not be found out, a sentence each.
    pub unknown: Vec<String>,
}

/// Who sees to a grid.
#[derive(Clone, Debug, PartialEq)]
pub enum Scheduler {
    /// Nobody ever did.
    Never,
    /// A scheduler that lives.
    Lives(Grant),
    /// The last one ended in good order.
    Ended(Ending),
    /// The last one died without a word.
    Died,
    /// The lease cannot be read, or a newer program wrote it.
    Unknown,
}

impl Health {
    /// Looks who lives. `catch_up` brings what `grid.jsonl` tells up to date; it is called after the lease was looked at,
    /// so that the last words of a scheduler that just ended are not missed.
    pub fn look<'a>(store: &Store, catch_up: impl FnOnce() -> &'a GridState) -> Self {
        let lease = store.scheduler();
        let state = catch_up();
        let mut unknown = vec![];
        let scheduler = match lease {
            Ok(Some(grant)) => Scheduler::Lives(grant),
            Ok(None) => match state.ending {
                Some(ending) => Scheduler::Ended(ending),
                None if state.has_begun() => Scheduler::Died,
                None => Scheduler::Never,
            },
            Err(error) => {
                unknown.push(error.to_string());
                Scheduler::Unknown
            }
        };
        let mut abandoned = vec![];
        if matches!(scheduler, Scheduler::Died | Scheduler::Ended(_)) {
            let (found, not) = without_worker(store, state.running().map(|run| &run.key));
            abandoned = found;
            unknown.extend(not);
        }
        Self { scheduler, abandoned, unknown }
    }
}

/// Of runs that are told to run those whose worker is gone, and what could not be found out, a sentence each.
pub fn without_worker<'a>(store: &Store, running: impl Iterator<Item = &'a TrialKey>) -> (Vec<TrialKey>, Vec<String>) {
    let (mut without, mut unknown) = (vec![], vec![]);
    for key in running {
        match store.run(key).worker() {
            Ok(None) => without.push(key.clone()),
            // It was started by hand, or notices in a moment that its scheduler is gone.
            Ok(Some(_)) => {}
            Err(error) => unknown.push(error.to_string()),
        }
    }
    (without, unknown)
}

/// Damage of the files of a store, by file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damages(Vec<(PathBuf, Damage)>);

impl Damages {
    /// Takes in how a file is by now.
    pub fn update(&mut self, path: &Path, damage: &Damage) {
        match self.0.binary_search_by(|(known, _)| known.as_path().cmp(path)) {
            Ok(place) => self.0[place].1.clone_from(damage),
            Err(_) if damage.is_none() => {}
            Err(place) => self.0.insert(place, (path.to_owned(), damage.clone())),
        }
    }

    /// A sentence for each damaged file, which names its first bad line; by path.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        self.0.iter().filter_map(|(path, damage)| damage.sentence(path))
    }

    /// Lines that could not be used, in all files.
    pub fn lines(&self) -> u64 {
        self.0.iter().map(|(_, damage)| damage.corrupt + damage.newer).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::events::{EventWriter, GridEvent, Happened, RunStatus};
    use crate::store::{Acquired, Line};

    fn key(number: usize) -> TrialKey {
        format!("{number:016x}").parse().unwrap()
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        (folder, store)
    }

    /// A scheduler that has three runs, of which two run.
    fn scheduled(store: &Store) -> EventWriter<GridEvent> {
        let mut events = EventWriter::open(&store.grid_file()).unwrap();
        let host = || "h".to_owned();
        events.tell(GridEvent::Opened { experiment: "e".into(), host: host(), pid: 1, jobs: 2, trials: 3 }).unwrap();
        for run in 0..3 {
            let status = if run == 2 { RunStatus::Queued } else { RunStatus::Running { host: host(), pid: 2 } };
            let (architecture, protocol) = ("star".to_owned(), "joint".to_owned());
            events
                .tell(GridEvent::Planned { key: key(run), architecture, protocol, seed: 1, rows: vec![], status })
                .unwrap();
            fs::create_dir_all(store.run(&key(run)).root()).unwrap();
        }
        events
    }

    fn folded(store: &Store) -> GridState {
        let mut state = GridState::default();
        let lines = store.grid_lines().poll().unwrap();
        lines.into_iter().filter_map(Line::into_value).for_each(|line| state.apply(Happened::Grid(line)));
        state
    }

    fn look(store: &Store) -> Health {
        let mut state = GridState::default();
        Health::look(store, || {
            state = folded(store);
            &state
        })
    }

    /// The lease as of a process that had this one's number and is gone.
    fn bury(path: &Path) {
        let text = fs::read_to_string(path).unwrap();
        let number = std::process::id().to_string();
        let text = text.replace(&format!("\"pid\": {number}"), &format!("\"pid\": {}", i32::MAX));
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_grid_is_tended_until_its_scheduler_ends_or_dies() {
        let (_folder, store) = store();
        assert_eq!(look(&store).scheduler, Scheduler::Never);
        let Acquired::Ours(lease) = store.lease_scheduler().unwrap() else { panic!("it was free") };
        let mut events = scheduled(&store);
        let alive = look(&store);
        assert!(matches!(alive.scheduler, Scheduler::Lives(_)), "{alive:?}");
        assert!(alive.abandoned.is_empty(), "its scheduler will find out");
        let path = store.root().join("scheduler.lease");
        let ours = fs::read(&path).unwrap();
        bury(&path);
        assert_eq!(look(&store).scheduler, Scheduler::Died);
        fs::write(&path, ours).unwrap();
        events.tell(GridEvent::Closed { ending: Ending::Stopped }).unwrap();
        lease.release().unwrap();
        assert_eq!(look(&store).scheduler, Scheduler::Ended(Ending::Stopped));
    }

    #[test]
    fn runs_without_a_living_worker_are_abandoned_once_their_scheduler_died() {
        let (_folder, store) = store();
        scheduled(&store);
        let leases = [0, 1].map(|run| match store.run(&key(run)).lease().unwrap() {
            Acquired::Ours(lease) => lease,
            Acquired::Held(_) => panic!("it was free"),
        });
        let all_live = look(&store);
        assert_eq!((all_live.scheduler, all_live.abandoned), (Scheduler::Died, vec![]));
        bury(&store.run(&key(0)).file("lease"));
        assert_eq!(look(&store).abandoned, [key(0)]);
        let [_, second] = leases;
        second.release().unwrap();
        assert_eq!(look(&store).abandoned, [key(0), key(1)]);
    }

    #[test]
    fn what_a_newer_program_wrote_is_unknown() {
        let (_folder, store) = store();
        scheduled(&store);
        fs::write(store.run(&key(0)).file("lease"), "{\"version\":9}").unwrap();
        let health = look(&store);
        assert_eq!((health.scheduler, health.abandoned), (Scheduler::Died, vec![key(1)]));
        assert!(health.unknown[0].contains("has format 9, and this program reads up to 1"), "{:?}", health.unknown);
        fs::write(store.root().join("scheduler.lease"), "{\"version\":9}").unwrap();
        let health = look(&store);
        assert_eq!((health.scheduler, health.unknown.len()), (Scheduler::Unknown, 1));
    }

    #[test]
    fn damage_is_told_by_file_and_line() {
        let (_folder, store) = store();
        scheduled(&store);
        let text = fs::read_to_string(store.grid_file()).unwrap();
        fs::write(store.grid_file(), text.clone() + "{\"v\":2,\"att\n" + &text[..text.len() / 2] + "\n{\"v\":7}\n")
            .unwrap();
        let mut lines = store.grid_lines();
        let mut damages = Damages::default();
        damages.update(lines.path(), lines.damage());
        assert_eq!((damages.lines(), damages.sentences().count()), (0, 0));
        lines.poll().unwrap();
        damages.update(lines.path(), lines.damage());
        damages.update(lines.path(), lines.damage());
        let sentences: Vec<String> = damages.sentences().collect();
        assert_eq!((damages.lines(), sentences.len()), (3, 1));
        assert!(sentences[0].contains("grid.jsonl:5: EOF while parsing"), "{sentences:?}");
        assert!(sentences[0].ends_with("; and 2 more lines"), "{sentences:?}");
    }
}
