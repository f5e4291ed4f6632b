//! Test scores that are looked at before their time: whoever chose by them must be able to find out.

use super::answer::answer;
use super::found::told;
use crate::error::GridError;
use crate::events::{Ending, EventWriter, GridEvent, Level};
use crate::store::{Command, Sender, Store};

/// Whether test scores and predictions may be shown: the grid is done, or somebody wanted to see them, which the store keeps.
///
/// # Errors
/// When the store cannot be read, or a newer program wrote to it.
pub fn shows_test(store: &Store) -> Result<bool, GridError> {
    Ok(told(store)?.shows_test())
}

/// Notes in the store that somebody looks at test scores before the grid is done: its scheduler does, or this process
/// where there is none. Once the grid is done, there is nothing to note.
///
/// # Errors
/// When the store cannot be read or written, or a newer program wrote to it.
pub fn reveal(store: &Store) -> Result<(), GridError> {
    match store.without_scheduler(|| write(store))? {
        Some(()) => Ok(()),
        None => store.inbox().send(&Command::Reveal),
    }
}

fn write(store: &Store) -> Result<(), GridError> {
    let state = told(store)?;
    if state.ending == Some(Ending::Done) || state.revealed.is_some() {
        return Ok(());
    }
    let mut events = EventWriter::go_on(&store.grid_file())?;
    events.tell(GridEvent::Revealed)?;
    let text = answer(&Command::Reveal, 0, Some(&Sender::current()));
    events.tell(GridEvent::Log { level: Level::Info, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{GridState, RunStatus};
    use crate::key::TrialKey;
    use crate::store::Acquired;

    fn store() -> (tempfile::TempDir, Store, EventWriter<GridEvent>) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        let mut events = EventWriter::open(&store.grid_file()).unwrap();
        let key: TrialKey = "0123456789abcdef".parse().unwrap();
        let (host, status) = ("h".to_owned(), RunStatus::Queued);
        for event in [
            GridEvent::Opened { experiment: "e".into(), host, pid: 1, jobs: 1, trials: 1 },
            GridEvent::Planned {
                key,
                architecture: "star".into(),
                protocol: "joint".into(),
                seed: 1,
                rows: vec![],
                status,
            },
        ] {
            events.tell(event).unwrap();
        }
        (folder, store, events)
    }

    fn folded(store: &Store) -> GridState {
        told(store).unwrap()
    }

    #[test]
    fn without_a_scheduler_it_is_written_at_once_and_changes_nothing_else() {
        let (_folder, store, mut events) = store();
        events.tell(GridEvent::Closed { ending: Ending::Stopped }).unwrap();
        let before = folded(&store);
        reveal(&store).unwrap();
        let after = folded(&store);
        assert!(after.revealed.is_some_and(|at| at >= before.last_at));
        assert_eq!((after.ending, after.runs().count()), (Some(Ending::Stopped), 1));
        assert!(after.log[0].3.starts_with("test scores are looked at before the grid is done, as asked by "));
        // Once is enough, and nobody has the lease any more.
        reveal(&store).unwrap();
        assert_eq!(folded(&store), after);
        assert!(matches!(store.lease_scheduler().unwrap(), Acquired::Ours(_)));
    }

    #[test]
    fn a_scheduler_is_asked_to_write_it() {
        let (_folder, store, _events) = store();
        let Acquired::Ours(_lease) = store.lease_scheduler().unwrap() else { panic!("it was free") };
        reveal(&store).unwrap();
        assert_eq!(folded(&store).revealed, None);
        let arrivals = store.inbox().read().unwrap();
        assert!(matches!(arrivals[0].command, Ok(Command::Reveal)));
    }

    #[test]
    fn a_grid_that_is_done_has_nothing_to_reveal() {
        let (_folder, store, mut events) = store();
        events.tell(GridEvent::Closed { ending: Ending::Done }).unwrap();
        let before = folded(&store);
        reveal(&store).unwrap();
        assert_eq!(folded(&store), before);
    }
}
