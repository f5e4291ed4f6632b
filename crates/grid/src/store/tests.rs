//! Stores and runs' folders.

use super::*;
use crate::catalogue::tests::catalogue;
use crate::configuration::Execution;
use crate::experiment::Experiment;

fn key() -> TrialKey {
    "0123456789abcdef".parse().unwrap()
}

#[test]
fn a_store_is_made_once_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("results/mine");
    let error = Store::open(&root).unwrap_err().to_string();
    assert!(error.contains("it has no `store.json`; expected a folder that `mmtl run` made"), "{error}");
    Store::create(&root).unwrap();
    fs::write(root.join("other"), "").unwrap();
    Store::create(&root).unwrap();
    Store::open(&root).unwrap();
}

#[test]
fn nothing_is_written_into_foreign_folders_and_newer_stores() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "").unwrap();
    let error = Store::create(folder.path()).unwrap_err().to_string();
    assert!(error.contains("it holds `thesis.tex` but no `store.json`"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    fs::write(folder.path().join("store.json"), "{\"version\":2,\"shards\":[]}").unwrap();
    for opened in [Store::create(folder.path()), Store::open(folder.path())] {
        assert!(matches!(opened, Err(GridError::Newer { found: 2, known: 1, .. })));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    fs::write(folder.path().join("store.json"), "").unwrap();
    assert!(matches!(Store::create(folder.path()), Err(GridError::Damaged { .. })));
}

#[test]
fn a_run_is_stored_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let text = b"data.source = \"reviews\"\ngrid.architecture = [\"star\"]";
    let experiment = Experiment::parse("e.toml", text, &catalogue()).unwrap();
    let trial = experiment.trials(&catalogue(), &Execution::default()).remove(0);
    let stored =
        StoredTrial { configuration: trial.configuration, fingerprint: "f".into(), round: crate::round::Round::Final };
    let run = store.run(&key());
    run.create(&stored, &catalogue()).unwrap();
    run.create(&stored, &catalogue()).unwrap();
    assert_eq!(run.trial(&catalogue()).unwrap(), stored);
    // What is no part of its key may change.
    let text = b"data.source = \"reviews\"\ntrain.checkpoint_every = 7.0\ngrid.architecture = [\"star\"]";
    let later = Experiment::parse("e.toml", text, &catalogue()).unwrap();
    let configuration = later.trials(&catalogue(), &Execution::default()).remove(0).configuration;
    let stored = StoredTrial { configuration, ..stored };
    run.create(&stored, &catalogue()).unwrap();
    assert_eq!(run.trial(&catalogue()).unwrap(), stored);
    assert!(!run.is_finished());
    let record = record::tests::record(0.25);
    run.finish(&record, &Times::default()).unwrap();
    assert!(run.is_finished());
    assert_eq!(run.record().unwrap(), record);
    assert_eq!(fs::read(run.record_file()).unwrap(), run.record_bytes(&record).unwrap());
    assert_eq!(run.times().unwrap(), Times::default());
    let keys: Vec<TrialKey> = store.runs().unwrap().iter().map(|run| run.key().clone()).collect();
    assert_eq!(keys, [key()]);
}

#[test]
fn owning_a_run_sweeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let run = store.run(&key());
    fs::create_dir_all(run.root()).unwrap();
    let left = run.file(".checkpoint.1-0.tmp");
    fs::write(&left, "").unwrap();
    let Acquired::Ours(lease) = run.lease().unwrap() else { panic!("it was free") };
    assert!(!left.exists());
    assert!(matches!(run.lease().unwrap(), Acquired::Held(_)));
    assert!(run.worker().unwrap().is_some() && store.scheduler().unwrap().is_none());
    lease.release().unwrap();
    assert!(matches!(store.lease_scheduler().unwrap(), Acquired::Ours(_)));
    assert!(store.scheduler().unwrap().is_some());
}
