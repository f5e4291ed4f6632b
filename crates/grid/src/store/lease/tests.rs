//! Leases that are taken, lost and fought for.

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
    assert_eq!(while_free(&path, &lock, || -> Result<(), GridError> { panic!("it is ours") }).unwrap(), None);
    let error = stalled.release().unwrap_err().to_string();
    assert!(error.contains("is no longer ours: process"), "{error}");
    lease.release().unwrap();
    let mut asleep = ours(Lease::acquire_as(&path, &lock, elsewhere(), 1_000).unwrap());
    assert_eq!(while_free(&path, &lock, || Ok(7)).unwrap(), Some(7));
    assert!(matches!(asleep.renew(), Err(GridError::LeaseLost { .. })), "it must not go on as if it had slept");
}

#[test]
fn a_file_system_that_fails_for_a_while_is_forgiven() {
    let Place { path, lock, _folder } = place();
    let mut lease = ours(Lease::acquire(&path, &lock).unwrap());
    fs::remove_file(&lock).unwrap();
    // No file can be opened for writing there.
    fs::create_dir(&lock).unwrap();
    lease.renew().unwrap();
    lease.renewed = Instant::now().checked_sub(FORGIVEN_FOR + Duration::from_secs(1)).unwrap();
    assert!(matches!(lease.renew(), Err(GridError::Write { .. })));
    fs::remove_dir(&lock).unwrap();
    lease.renew().unwrap();
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
            && other.is_alive()
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
