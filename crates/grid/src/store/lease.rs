//! Who owns a run or the scheduling of a grid. A lease is a file that its owner renews; it is stale when its owner is
//! known to be dead or has not been heard of for long.
//!
//! Every change of a lease happens under an exclusive lock of one file in the store, held for a few file operations.
//! Without it two processes that find the same stale lease could both take it over: one removes it and makes its own,
//! the other then removes that. The system frees the lock of a process that dies.

#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::GridError;
use crate::events::now;
use crate::store::atomic::replace_lightly;
use crate::store::format::{FormatVersion, parse_json, to_json};
use crate::store::machine::Holder;

const VERSION: FormatVersion = FormatVersion(1);

/// Owners renew their leases this often.
pub const RENEW_EVERY: Duration = Duration::from_secs(5);

/// The owner of a lease of another machine is given up after this long without a sign of life: twelve missed
/// renewals, so that a stalled network file system or clocks half a minute apart cost no run.
pub const SILENT_FOR: Duration = Duration::from_mins(1);

/// An owner that cannot renew its lease gives it up after this long: a wait for the lock takes a third of what is left.
const FORGIVEN_FOR: Duration = Duration::from_secs(30);

/// What is written in a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    version: FormatVersion,
    /// Who has it.
    pub holder: Holder,
    /// Tells two grants to one process apart.
    token: String,
    /// When it was last renewed, in milliseconds since 1970 by the holder's clock.
    pub heartbeat: u64,
}

impl Grant {
    /// Whether the owner is gone, as seen from `here` at time `now`.
    pub fn is_stale(&self, here: &Holder, now: u64) -> bool {
        if self.holder.shares_machine(here) {
            !self.holder.is_alive()
        } else {
            now.saturating_sub(self.heartbeat) > SILENT_FOR.as_millis() as u64
        }
    }
}

/// A lease that this process owns. Dropping it does not give it back: a process that ends by accident is found dead.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    lock: PathBuf,
    grant: Grant,
    /// When others last could see that the owner lives.
    renewed: Instant,
}

/// The answer to asking for a lease.
#[derive(Debug)]
pub enum Acquired {
    /// It is ours.
    Ours(Lease),
    /// Somebody else has it.
    Held(Grant),
}

impl Lease {
    /// Asks for the lease at `path`, taking it over if it is stale. `lock` is the lock file of the store.
    ///
    /// # Errors
    /// When files cannot be read or written, or the lease was written by a newer program.
    pub fn acquire(path: &Path, lock: &Path) -> Result<Acquired, GridError> {
        Self::acquire_as(path, lock, Holder::current(), now())
    }

    fn acquire_as(path: &Path, lock: &Path, here: Holder, now: u64) -> Result<Acquired, GridError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let _locked = Locked::take(lock)?;
        if let Some(grant) = current(path)?
            && !grant.is_stale(&here, now)
        {
            return Ok(Acquired::Held(grant));
        }
        let token = format!("{now}-{}-{}", here.pid, COUNT.fetch_add(1, Ordering::Relaxed));
        let grant = Grant { version: VERSION, holder: here, token, heartbeat: now };
        write(path, &grant)?;
        Ok(Acquired::Ours(Self { path: path.to_owned(), lock: lock.to_owned(), grant, renewed: Instant::now() }))
    }

    /// Says that the owner lives. A file system that fails for a while is forgiven, as long as nobody can have taken the owner
    /// for dead.
    ///
    /// # Errors
    /// [`GridError::LeaseLost`] when somebody took it over, which the owner must heed at once: it may write no more. When it
    /// could not be renewed for half a minute.
    pub fn renew(&mut self) -> Result<(), GridError> {
        match self.try_to_renew() {
            Ok(()) => self.renewed = Instant::now(),
            Err(error @ GridError::LeaseLost { .. }) => return Err(error),
            Err(error) if self.renewed.elapsed() > FORGIVEN_FOR => return Err(error),
            Err(_) => {}
        }
        Ok(())
    }

    fn try_to_renew(&mut self) -> Result<(), GridError> {
        let _locked = Locked::take(&self.lock)?;
        self.check()?;
        self.grant.heartbeat = now();
        write(&self.path, &self.grant)
    }

    /// Gives it back.
    ///
    /// # Errors
    /// [`GridError::LeaseLost`] when it was no longer ours.
    pub fn release(self) -> Result<(), GridError> {
        let _locked = Locked::take(&self.lock)?;
        self.check()?;
        fs::remove_file(&self.path).map_err(GridError::writing(&self.path))
    }

    fn check(&self) -> Result<(), GridError> {
        let lost = |reason: String| GridError::LeaseLost { path: self.path.clone(), reason };
        match current(&self.path)? {
            Some(grant) if grant.token == self.grant.token => Ok(()),
            Some(grant) => Err(lost(format!("process {} on {} has it", grant.holder.pid, grant.holder.host))),
            None => Err(lost("it was removed".to_owned())),
        }
    }
}

/// The live owner of a lease, if there is one. For looking on: the answer may be old the next moment.
///
/// # Errors
/// When it cannot be read or was written by a newer program.
pub fn holder(path: &Path) -> Result<Option<Grant>, GridError> {
    let (here, now) = (Holder::current(), now());
    Ok(current(path)?.filter(|grant| !grant.is_stale(&here, now)))
}

/// Does something while nobody has the lease and nobody can get it; `None`, and nothing done, when somebody has it. A
/// stale lease is removed first, so that an owner who was only asleep finds that it was lost. For moments: everybody
/// who wants any lease of the store waits.
///
/// # Errors
/// When files cannot be read or written, or the lease was written by a newer program; what `act` gives.
pub(super) fn while_free<T>(
    path: &Path,
    lock: &Path,
    act: impl FnOnce() -> Result<T, GridError>,
) -> Result<Option<T>, GridError> {
    let _locked = Locked::take(lock)?;
    if let Some(grant) = current(path)? {
        if !grant.is_stale(&Holder::current(), now()) {
            return Ok(None);
        }
        fs::remove_file(path).map_err(GridError::writing(path))?;
    }
    act().map(Some)
}

/// The grant in a lease file. One that power loss left empty or garbled is as good as none: its owner died with the
/// machine, or finds at its next renewal that it has lost it.
fn current(path: &Path) -> Result<Option<Grant>, GridError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(GridError::reading(path)(error)),
    };
    match parse_json(&bytes, path, VERSION) {
        Ok(grant) => Ok(Some(grant)),
        Err(GridError::Damaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, grant: &Grant) -> Result<(), GridError> {
    replace_lightly(path, &to_json(grant, path)?).map_err(GridError::writing(path))
}

/// The store's lock, freed when dropped.
struct Locked {
    _file: File,
}

impl Locked {
    fn take(path: &Path) -> Result<Self, GridError> {
        /// A holder needs milliseconds; one that was suspended inside must not hang everybody else.
        const PATIENCE: Duration = Duration::from_secs(20);
        let failed = GridError::writing(path);
        let locked = || {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            let asked = Instant::now();
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(Self { _file: file }),
                    Err(TryLockError::Error(error)) => return Err(error),
                    Err(TryLockError::WouldBlock) if asked.elapsed() > PATIENCE => {
                        return Err(io::Error::new(io::ErrorKind::TimedOut, "another process keeps it locked"));
                    }
                    Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
                }
            }
        };
        locked().map_err(failed)
    }
}
