//! The run store: `results/EXPERIMENT/` with
//!
//! ```text
//! store.json        the version of all this
//! experiment.toml   the experiment file as last run
//! planned.json      the runs, with their rows in tables; of a grid that tunes, those that try settings
//! tuned.json        what tuning chose so far, and the runs that show it
//! grid.jsonl        the scheduler's state transitions: all that an overview needs
//! scheduler.log     what the scheduler printed
//! scheduler.lease   who schedules     lock   held while leases change hands
//! inbox/            commands to the scheduler
//! KEY/              one run:
//!   trial.toml  events.jsonl  checkpoint*  weights*  predictions.parquet  record.json  times.json  lease  worker.log
//! ```
//!
//! Each file has one writer at a time: the scheduler (its lease), or the worker of the run (the run's lease).

pub mod atomic;
mod damage;
mod format;
mod inbox;
mod lease;
mod lines;
mod machine;
pub mod predictions;
mod printed;
pub(crate) mod record;
mod sender;
mod tended;
#[cfg(test)]
mod tests;
mod trial_file;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use damage::Damage;
pub use format::FormatVersion;
pub use inbox::{Arrival, Command, Inbox, Target};
pub use lease::{Acquired, Grant, Lease, RENEW_EVERY, SILENT_FOR, holder};
pub(crate) use lines::{Block, parse, split};
pub use lines::{Line, LineReader, LineWriter, Versioned};
pub use machine::Holder;
pub use printed::{LONGEST_PRINTED, Printed, printable};
pub use record::{Cell, FitRecord, Record, Rows, Selected, Times};
pub use sender::Sender;
pub use tended::without_worker;
pub use trial_file::StoredTrial;

use crate::catalogue::Catalogue;
use crate::error::GridError;
use crate::events::{GridLine, RunLine};
use crate::key::TrialKey;
pub(crate) use crate::store::format::{parse_json, read_json, to_json};

const VERSION: FormatVersion = FormatVersion(1);

#[derive(Serialize, Deserialize)]
struct StoreFile {
    version: FormatVersion,
}

/// The folder of one experiment's results.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// That [`Store::create`] will not refuse `root`; writes nothing.
    ///
    /// # Errors
    /// When a newer program made or planned the grid there, or when something else is in the folder.
    pub fn check(root: &Path) -> Result<(), GridError> {
        if root.join(STORE).exists() {
            let store = Self::open(root)?;
            return match crate::planned::read_grid(&store) {
                Err(error @ GridError::Newer { .. }) => Err(error),
                // One that is damaged or not there is written anew.
                Ok(_) | Err(_) => Ok(()),
            };
        }
        let entries = match fs::read_dir(root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(GridError::reading(root)(error)),
        };
        let other = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        match other.filter(|name| !name.starts_with('.') && name != STORE).min() {
            None => Ok(()),
            Some(other) => {
                let reason = format!("it holds `{other}` but no `{STORE}`; use another name or an empty folder");
                Err(GridError::NotAStore { path: root.to_owned(), reason })
            }
        }
    }

    /// Opens the store in `root`, making it if there is none.
    ///
    /// # Errors
    /// When a newer program made it, when something else is in the folder, or when it cannot be made.
    pub fn create(root: &Path) -> Result<Self, GridError> {
        Self::check(root)?;
        if !root.join(STORE).exists() {
            fs::create_dir_all(root).map_err(GridError::writing(root))?;
            let path = root.join(STORE);
            atomic::replace(&path, &to_json(&StoreFile { version: VERSION }, &path)?)?;
        }
        Self::open(root)
    }

    /// Opens a store that is there.
    ///
    /// # Errors
    /// When there is none in the folder, or a newer program made it.
    pub fn open(root: &Path) -> Result<Self, GridError> {
        let path = root.join(STORE);
        match read_json::<StoreFile>(&path, VERSION) {
            Ok(_) => Ok(Self { root: root.to_owned() }),
            Err(GridError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                let reason =
                    format!("it has no `{STORE}`; expected a folder that `mmtl run` made, such as results/NAME");
                Err(GridError::NotAStore { path: root.to_owned(), reason })
            }
            Err(error) => Err(error),
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The copy of the experiment file.
    pub fn experiment_file(&self) -> PathBuf {
        self.root.join("experiment.toml")
    }

    /// Where the scheduler tells what happens.
    pub fn grid_file(&self) -> PathBuf {
        self.root.join("grid.jsonl")
    }

    /// Follows the scheduler's lines.
    pub fn grid_lines(&self) -> LineReader<GridLine> {
        LineReader::new(&self.grid_file())
    }

    /// Where whatever the scheduler prints goes.
    pub fn scheduler_log(&self) -> PathBuf {
        self.root.join("scheduler.log")
    }

    /// Follows what the scheduler prints.
    pub fn printed(&self) -> Printed {
        Printed::new(&self.scheduler_log())
    }

    /// Where commands to the scheduler go.
    pub fn inbox(&self) -> Inbox {
        Inbox::new(&self.root.join("inbox"))
    }

    /// Asks to be the one scheduler.
    ///
    /// # Errors
    /// As [`Lease::acquire`].
    pub fn lease_scheduler(&self) -> Result<Acquired, GridError> {
        let acquired = Lease::acquire(&self.scheduler_lease(), &self.lock_file())?;
        if matches!(acquired, Acquired::Ours(_)) {
            atomic::sweep(&self.root)?;
        }
        Ok(acquired)
    }

    /// The scheduler that lives, if one does.
    ///
    /// # Errors
    /// As [`holder`].
    pub fn scheduler(&self) -> Result<Option<Grant>, GridError> {
        holder(&self.scheduler_lease())
    }

    /// Does something while there is no scheduler and none can begin; `None`, and nothing done, when there is one.
    ///
    /// # Errors
    /// As [`Lease::acquire`], and what `act` gives.
    pub fn without_scheduler<T>(&self, act: impl FnOnce() -> Result<T, GridError>) -> Result<Option<T>, GridError> {
        lease::while_free(&self.scheduler_lease(), &self.lock_file(), act)
    }

    fn scheduler_lease(&self) -> PathBuf {
        self.root.join("scheduler.lease")
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The folder of a run, which need not exist.
    pub fn run(&self, key: &TrialKey) -> RunFolder {
        RunFolder { root: self.root.join(key.as_str()), key: key.clone(), lock: self.lock_file() }
    }

    /// The runs whose folders exist, by key.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn runs(&self) -> Result<Vec<RunFolder>, GridError> {
        let entries = fs::read_dir(&self.root).map_err(GridError::reading(&self.root))?;
        let key = |entry: fs::DirEntry| entry.file_name().to_string_lossy().parse::<TrialKey>().ok();
        let mut keys: Vec<TrialKey> = entries.flatten().filter_map(key).collect();
        keys.sort();
        Ok(keys.iter().map(|key| self.run(key)).collect())
    }
}

const STORE: &str = "store.json";

/// What the names of checkpoints begin with.
const CHECKPOINT: &str = "checkpoint-";

/// The name of a run's predictions.
pub(crate) const PREDICTIONS: &str = "predictions.parquet";

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct RunFolder {
    root: PathBuf,
    key: TrialKey,
    lock: PathBuf,
}

impl RunFolder {
    /// The trial's key.
    pub fn key(&self) -> &TrialKey {
        &self.key
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file of the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Makes the folder and writes `trial.toml`, if it is not there or says otherwise: where files are may change without
    /// the key.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn create(&self, trial: &StoredTrial, catalogue: &Catalogue) -> Result<(), GridError> {
        let path = self.trial_file();
        let text = trial_file::to_text(trial, catalogue, &path)?;
        if fs::read(&path).is_ok_and(|before| before == text.as_bytes()) {
            return Ok(());
        }
        fs::create_dir_all(&self.root).map_err(GridError::writing(&self.root))?;
        atomic::replace(&path, text.as_bytes())
    }

    /// The trial.
    ///
    /// # Errors
    /// When `trial.toml` cannot be read, was written by a newer program, is damaged, or names what this program has
    /// not.
    pub fn trial(&self, catalogue: &Catalogue) -> Result<StoredTrial, GridError> {
        let path = self.trial_file();
        let bytes = fs::read(&path).map_err(GridError::reading(&path))?;
        let text = String::from_utf8(bytes).map_err(|error| GridError::damaged(&path, error))?;
        trial_file::from_text(&text, catalogue, &path)
    }

    fn trial_file(&self) -> PathBuf {
        self.file("trial.toml")
    }

    /// Asks to be the one worker of the run. What killed workers left half-written is removed.
    ///
    /// # Errors
    /// As [`Lease::acquire`].
    pub fn lease(&self) -> Result<Acquired, GridError> {
        let acquired = Lease::acquire(&self.file("lease"), &self.lock)?;
        if matches!(acquired, Acquired::Ours(_)) {
            atomic::sweep(&self.root)?;
        }
        Ok(acquired)
    }

    /// The worker that lives, if one does.
    ///
    /// # Errors
    /// As [`holder`].
    pub fn worker(&self) -> Result<Option<Grant>, GridError> {
        holder(&self.file("lease"))
    }

    /// Where the worker tells what happens.
    pub fn events_file(&self) -> PathBuf {
        self.file("events.jsonl")
    }

    /// Follows the worker's lines.
    pub fn events(&self) -> LineReader<RunLine> {
        LineReader::new(&self.events_file())
    }

    /// Where whatever the worker prints goes.
    pub fn worker_log(&self) -> PathBuf {
        self.file("worker.log")
    }

    /// Follows what the worker prints.
    pub fn printed(&self) -> Printed {
        Printed::new(&self.worker_log())
    }

    /// Where predictions are kept; see [`predictions`].
    pub fn predictions_file(&self) -> PathBuf {
        self.file(PREDICTIONS)
    }

    /// Where the chosen weights of a fit are kept; see [`crate::FinishedRun::weights`].
    pub fn weights_file(&self, fit: usize) -> PathBuf {
        self.file(&format!("weights-{fit}.safetensors"))
    }

    /// Where a fit of the run is kept while it trains.
    pub(crate) fn checkpoint_file(&self, fit: usize) -> PathBuf {
        self.file(&format!("{CHECKPOINT}{fit}.safetensors"))
    }

    /// Removes the checkpoints of a finished run. One that cannot be removed only takes up room.
    pub(crate) fn forget_checkpoints(&self) {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(CHECKPOINT)) {
            let _ = fs::remove_file(entry.path());
        }
    }

    /// Whether the run has finished: its record, which is written last, is there.
    pub fn is_finished(&self) -> bool {
        self.record_file().exists()
    }

    fn record_file(&self) -> PathBuf {
        self.file("record.json")
    }

    /// What came of the run.
    ///
    /// # Errors
    /// When `record.json` cannot be read, was written by a newer program, or is damaged.
    pub fn record(&self) -> Result<Record, GridError> {
        record::read_record(&self.record_file(), &self.key)
    }

    /// Writes `times.json`, then `record.json`: the run has finished once the latter is there.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn finish(&self, record: &Record, times: &Times) -> Result<(), GridError> {
        record::write_times(&self.file("times.json"), times)?;
        record::write_record(&self.record_file(), &self.key, record)
    }

    /// Makes the run unfinished; its record, which nothing can read, stays beside it as `record.json.damaged`.
    ///
    /// # Errors
    /// When the file cannot be renamed.
    pub(crate) fn set_record_aside(&self) -> Result<(), GridError> {
        let path = self.record_file();
        std::fs::rename(&path, path.with_extension("json.damaged")).map_err(GridError::writing(&path))
    }

    /// Writes `record.json` of a finished run again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn replace_record(&self, record: &Record) -> Result<(), GridError> {
        record::write_record(&self.record_file(), &self.key, record)
    }

    /// The bytes that `record.json` has for a record, to compare.
    ///
    /// # Errors
    /// When the record holds a score that is not finite.
    pub fn record_bytes(&self, record: &Record) -> Result<Vec<u8>, GridError> {
        record::record_bytes(&self.record_file(), &self.key, record)
    }

    /// How long it took.
    ///
    /// # Errors
    /// As [`RunFolder::record`].
    pub fn times(&self) -> Result<Times, GridError> {
        record::read_times(&self.file("times.json"))
    }
}
