//! Commands to a running grid, from any process that can write to its folder: files that the one scheduler reads in
//! order and removes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::GridError;
use crate::key::TrialKey;
use crate::store::atomic::replace;
use crate::store::format::{FormatVersion, read_json, to_json};
use crate::store::sender::Sender;

/// 2: says who sends it.
const VERSION: FormatVersion = FormatVersion(2);

/// Which runs a command is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// All runs, and those to come.
    Grid,
    /// These.
    Runs(BTreeSet<TrialKey>),
}

/// What a grid is told to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Checkpoint, stop and wait.
    Pause(Target),
    /// Go on after a pause.
    Resume(Target),
    /// Checkpoint, stop and do not go on.
    Cancel(Target),
    /// Queue failed and cancelled runs again, and pruned ones that are named: what was found hopeless is not run again
    /// because something else failed.
    Retry(Target),
    /// Checkpoint, stop and do not go on, for validation scores that are hopeless. Unlike cancelled runs, these make
    /// what is left of their row a choice of survivors, which tables say.
    Prune(BTreeSet<TrialKey>),
    /// Start these before queued runs of a lower priority; 0 is everyone's at first.
    Priority {
        /// Which runs.
        runs: BTreeSet<TrialKey>,
        /// Their priority from now on; higher ones start first.
        priority: i32,
    },
    /// So many runs at once.
    Jobs(usize),
    /// Checkpoint all running runs and end the scheduler; the next `mmtl run` goes on.
    Stop,
    /// End the scheduler once the running runs are done.
    Drain,
    /// Note that somebody looks at test scores before the grid is done.
    Reveal,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Letter {
    version: FormatVersion,
    from: Option<Sender>,
    command: Command,
}

/// A file found in the inbox.
#[derive(Debug)]
pub struct Arrival {
    /// Its name.
    pub name: String,
    /// Who sent it, if that is told.
    pub from: Option<Sender>,
    /// What it says, or why it cannot be understood.
    pub command: Result<Command, GridError>,
}

/// The folder of commands.
#[derive(Clone, Debug)]
pub struct Inbox {
    folder: PathBuf,
}

impl Inbox {
    /// The inbox in `folder`, which need not exist until a command is sent.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Leaves a command, whole, behind all that are there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn send(&self, command: &Command) -> Result<(), GridError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(&self.folder).map_err(GridError::writing(&self.folder))?;
        let last = self.names()?.last().and_then(|name| name.split('-').next()?.parse::<u128>().ok()).unwrap_or(0);
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        // A clock that was set back must not put this command before those that wait.
        let order = clock.max(last.saturating_add(1));
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{order:039}-{:010}-{count:06}.json", std::process::id()));
        let letter = Letter { version: VERSION, from: Some(Sender::current()), command: command.clone() };
        replace(&path, &to_json(&letter, &path)?)
    }

    /// All commands, the first one first. Each stays until [`Inbox::remove`]: a scheduler that dies between reading
    /// and doing finds it again.
    ///
    /// # Errors
    /// When the folder cannot be read; a file that cannot is an arrival of its own.
    pub fn read(&self) -> Result<Vec<Arrival>, GridError> {
        let read = |name: String| match read_json::<Letter>(&self.folder.join(&name), VERSION) {
            Ok(Letter { from, command, .. }) => Arrival { name, from, command: Ok(command) },
            Err(error) => Arrival { name, from: None, command: Err(error) },
        };
        Ok(self.names()?.into_iter().map(read).collect())
    }

    /// Removes a command that was done or cannot be understood.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(&self, arrival: &Arrival) -> Result<(), GridError> {
        let path = self.folder.join(&arrival.name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(GridError::writing(&path)(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn names(&self) -> Result<Vec<String>, GridError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(GridError::reading(&self.folder)(error)),
        };
        let mut names = vec![];
        for entry in entries {
            let name = entry.map_err(GridError::reading(&self.folder))?.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox() -> (tempfile::TempDir, Inbox) {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::new(&folder.path().join("inbox"));
        (folder, inbox)
    }

    fn commands(inbox: &Inbox) -> Vec<Command> {
        inbox.read().unwrap().into_iter().map(|arrival| arrival.command.unwrap()).collect()
    }

    #[test]
    fn commands_come_in_order_and_stay_until_removed() {
        let (_folder, inbox) = inbox();
        assert!(inbox.read().unwrap().is_empty());
        let key: TrialKey = "0123456789abcdef".parse().unwrap();
        let runs = || Target::Runs(BTreeSet::from([key.clone()]));
        let mut all = vec![
            Command::Pause(Target::Grid),
            Command::Resume(runs()),
            Command::Cancel(runs()),
            Command::Retry(Target::Grid),
            Command::Prune(BTreeSet::from([key.clone()])),
            Command::Priority { runs: BTreeSet::from([key.clone()]), priority: -3 },
            Command::Stop,
            Command::Drain,
            Command::Reveal,
        ];
        all.extend((1..=40).map(Command::Jobs));
        for command in &all {
            inbox.send(command).unwrap();
        }
        assert_eq!(commands(&inbox), all);
        assert!(inbox.read().unwrap().iter().all(|arrival| arrival.from == Some(Sender::current())));
        inbox.remove(&inbox.read().unwrap()[0]).unwrap();
        assert_eq!(commands(&inbox), all[1..]);
    }

    #[test]
    fn a_clock_set_back_keeps_the_order() {
        let (_folder, inbox) = inbox();
        inbox.send(&Command::Jobs(1)).unwrap();
        let name = inbox.names().unwrap().remove(0);
        let future = format!("{:039}-0-0.json", u128::from(u64::MAX) * 2);
        fs::rename(inbox.folder.join(name), inbox.folder.join(future)).unwrap();
        inbox.send(&Command::Jobs(2)).unwrap();
        assert_eq!(commands(&inbox), [Command::Jobs(1), Command::Jobs(2)]);
    }

    #[test]
    fn what_cannot_be_understood_is_reported() {
        let (_folder, inbox) = inbox();
        inbox.send(&Command::Stop).unwrap();
        for (name, text) in [
            ("1.json", "{\"version\":1,\"command\":\"dance\"}"),
            ("2.json", "{\"version\":9,\"command\":{\"dance\":3}}"),
            ("3.json", "\u{0}"),
        ] {
            fs::write(inbox.folder.join(name), text).unwrap();
        }
        let arrivals = inbox.read().unwrap();
        let errors: Vec<String> =
            arrivals.iter().filter_map(|a| a.command.as_ref().err()).map(ToString::to_string).collect();
        assert!(errors[0].contains("unknown variant `dance`, expected one of `pause`"), "{}", errors[0]);
        assert!(errors[1].contains("has format 9, and this program reads up to 2"), "{}", errors[1]);
        assert_eq!(errors.len(), 3);
        for arrival in &arrivals {
            inbox.remove(arrival).unwrap();
            inbox.remove(arrival).unwrap();
        }
        assert!(inbox.read().unwrap().is_empty());
    }

    #[test]
    fn many_senders_lose_nothing() {
        let (_folder, inbox) = inbox();
        std::thread::scope(|scope| {
            for sender in 0..4 {
                let inbox = &inbox;
                scope.spawn(move || (0..25).for_each(|i| inbox.send(&Command::Jobs(sender * 100 + i)).unwrap()));
            }
        });
        let seen = commands(&inbox);
        assert_eq!(seen.len(), 100);
        for sender in 0..4 {
            let of_one = seen.iter().filter_map(|command| match command {
                Command::Jobs(jobs) if jobs / 100 == sender => Some(*jobs),
                _ => None,
            });
            assert!(of_one.is_sorted());
        }
    }
}
