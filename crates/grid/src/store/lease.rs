//! Who owns a run or the scheduling of a grid. A lease is a file that its owner renews; it is stale when its owner is
//! known to be dead or has not been heard of for long.
//!
//! Every change of a lease happens under an exclusive lock of one file in the store, held for a few file operations.
//! Without it two processes that find the same stale lease could both take it over: one removes it and makes its own,
//! the other then removes that. The system frees the lock of a process that dies.

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
            !self.holder.is_alive(here)
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
        Ok(Acquired::Ours(Self { path: path.to_owned(), lock: lock.to_owned(), grant }))
    }

    /// Says that the owner lives.
    ///
    /// # Errors
    /// [`GridError::LeaseLost`] when somebody took it over, which the owner must heed at once: it may write no more.
    pub fn renew(&mut self) -> Result<(), GridError> {
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

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    struct Place {
        _folder: tempfile::TempDir,
        path: PathBuf,
        lock: PathBuf,
    }

    fn place() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let (path, lock) = (folder.path().join("lease"), folder.path().join("lock"));
        Place { _folder: folder, path, lock }
    }

    fn ours(acquired: Acquired) -> Lease {
        match acquired {
            Acquired::Ours(lease) => lease,
            Acquired::Held(grant) => panic!("held by {grant:?}"),
        }
    }

    /// A process of this machine that is dead.
    fn dead() -> Holder {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        Holder { pid, started: Some(0), ..Holder::current() }
    }

    fn elsewhere() -> Holder {
        Holder { host: "elsewhere".into(), ..Holder::current() }
    }

    #[test]
    fn a_lease_is_one_owners_until_given_back() {
        let Place { path, lock, _folder } = place();
        let mut lease = ours(Lease::acquire(&path, &lock).unwrap());
        assert!(matches!(Lease::acquire(&path, &lock).unwrap(), Acquired::Held(_)));
        assert_eq!(holder(&path).unwrap().unwrap().holder, Holder::current());
        lease.renew().unwrap();
        lease.release().unwrap();
        assert!(holder(&path).unwrap().is_none());
        ours(Lease::acquire(&path, &lock).unwrap());
    }

    #[test]
    fn the_dead_lose_theirs_at_once_and_the_silent_after_a_while() {
        let Place { path, lock, _folder } = place();
        ours(Lease::acquire_as(&path, &lock, dead(), now()).unwrap());
        let lease = ours(Lease::acquire(&path, &lock).unwrap());
        lease.release().unwrap();
        let limit = SILENT_FOR.as_millis() as u64;
        let mut stalled = ours(Lease::acquire_as(&path, &lock, elsewhere(), 1_000).unwrap());
        for (later, stale) in [(0, false), (limit - 1, false), (limit, false), (limit + 1, true)] {
            assert_eq!(stalled.grant.is_stale(&Holder::current(), 1_000 + later), stale, "{later}");
        }
        assert!(!stalled.grant.is_stale(&Holder::current(), 0), "a clock that is behind");
        let grabbed = Lease::acquire_as(&path, &lock, Holder::current(), 1_000 + limit).unwrap();
        assert!(matches!(grabbed, Acquired::Held(_)));
        let lease = ours(Lease::acquire(&path, &lock).unwrap());
        assert!(matches!(stalled.renew(), Err(GridError::LeaseLost { .. })));
        let error = stalled.release().unwrap_err().to_string();
        assert!(error.contains("is no longer ours: process"), "{error}");
        lease.release().unwrap();
    }

    #[test]
    fn of_many_that_find_a_stale_lease_one_takes_it() {
        let Place { path, lock, _folder } = place();
        for _ in 0..20 {
            ours(Lease::acquire_as(&path, &lock, dead(), now()).unwrap());
            let winners = AtomicUsize::new(0);
            let start = std::sync::Barrier::new(8);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        start.wait();
                        if let Acquired::Ours(mut lease) = Lease::acquire(&path, &lock).unwrap() {
                            winners.fetch_add(1, Ordering::Relaxed);
                            lease.renew().unwrap();
                        }
                    });
                }
            });
            assert_eq!(winners.load(Ordering::Relaxed), 1);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn never_two_owners_while_leases_come_and_go() {
        let Place { path, lock, _folder } = place();
        let (owners, grants) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let asked = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while grants.load(Ordering::Relaxed) < 200 && asked.elapsed() < Duration::from_mins(1) {
                        let Acquired::Ours(mut lease) = Lease::acquire(&path, &lock).unwrap() else { continue };
                        assert_eq!(owners.fetch_add(1, Ordering::SeqCst), 0);
                        grants.fetch_add(1, Ordering::Relaxed);
                        lease.renew().unwrap();
                        owners.fetch_sub(1, Ordering::SeqCst);
                        lease.release().unwrap();
                    }
                });
            }
        });
        assert!(grants.into_inner() >= 200);
    }

    #[test]
    fn a_garbled_lease_is_free_and_a_newer_one_is_not() {
        let Place { path, lock, _folder } = place();
        fs::write(&path, "").unwrap();
        let mut lease = ours(Lease::acquire(&path, &lock).unwrap());
        fs::remove_file(&path).unwrap();
        assert!(lease.renew().unwrap_err().to_string().ends_with("it was removed"));
        fs::write(&path, "{\"version\":2,\"owner\":3}").unwrap();
        assert!(matches!(Lease::acquire(&path, &lock), Err(GridError::Newer { found: 2, known: 1, .. })));
    }

    /// The folder that they fight over, for the processes that the test below starts from itself.
    const FIGHT: &str = "MMTL_TEST_LEASE_FIGHT";

    /// Takes the lease, checks that no other owner lives, gives it back; over and over, until killed.
    fn contend(folder: &Path) -> ! {
        let (owner, here) = (folder.join("owner"), Holder::current());
        loop {
            let Acquired::Ours(lease) = Lease::acquire(&folder.join("lease"), &folder.join("lock")).unwrap() else {
                continue;
            };
            let violation = |what: String| fs::write(folder.join("violation"), what).unwrap();
            if let Ok(bytes) = fs::read(&owner)
                && let Ok(other) = serde_json::from_slice::<Holder>(&bytes)
                && other.is_alive(&here)
            {
                violation(format!("{other:?} owns it too"));
            }
            fs::write(&owner, serde_json::to_vec(&here).unwrap()).unwrap();
            let mut grants = OpenOptions::new().create(true).append(true).open(folder.join("grants")).unwrap();
            io::Write::write_all(&mut grants, b".").unwrap();
            std::thread::sleep(Duration::from_micros(200));
            let _ = fs::remove_file(&owner);
            if let Err(error) = lease.release() {
                violation(error.to_string());
            }
        }
    }

    /// A child process, killed when dropped.
    struct Contender(std::process::Child);

    impl Contender {
        fn start(folder: &Path) -> Self {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "store::lease::tests::processes_that_are_killed_never_own_together"]);
            Self(command.env(FIGHT, folder).stdout(std::process::Stdio::null()).spawn().unwrap())
        }
    }

    impl Drop for Contender {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn processes_that_are_killed_never_own_together() {
        if let Some(folder) = std::env::var_os(FIGHT) {
            contend(Path::new(&folder));
        }
        let folder = tempfile::tempdir().unwrap();
        let contender = || Contender::start(folder.path());
        let grants = || fs::metadata(folder.path().join("grants")).map_or(0, |data| data.len());
        let mut contenders: Vec<_> = (0..3).map(|_| contender()).collect();
        for round in 0..30 {
            // Each kill comes at another moment of the victim's cycle, and the others must get on without it.
            let before = grants();
            let asked = Instant::now();
            while grants() < before + 5 {
                assert!(asked.elapsed() < Duration::from_secs(30), "nobody gets the lease any more");
                std::thread::sleep(Duration::from_micros(300 + 170 * round));
            }
            contenders[(round % 3) as usize] = contender();
        }
        drop(contenders);
        assert_eq!(fs::read_to_string(folder.path().join("violation")).ok(), None);
        assert!(grants() >= 150);
    }
}
