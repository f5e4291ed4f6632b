use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mmtl_data::{DataError, Dataset, Part, open, preprocessing};
use mmtl_plan::{Batch, Seeds, Value};

use crate::opening::{Given, cached, in_memory, message, settings, text};

const SMALL: Given = &[("rows", Value::Int(20_000)), ("dim", Value::Int(3)), ("categories", Value::Int(2))];

fn files(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The one file with this ending.
fn file(directory: &Path, ending: &str) -> PathBuf {
    let mut found = files(directory).into_iter().filter(|path| path.to_str().unwrap().ends_with(ending));
    found.next().unwrap_or_else(|| panic!("no {ending} in {}", directory.display()))
}

fn batches_of(dataset: &Dataset) -> Vec<Batch> {
    let fill = |part: Part| {
        let mut batch = Batch::default();
        dataset.fill(dataset.rows(part), &mut batch);
        batch
    };
    Part::ALL.map(fill).to_vec()
}

#[test]
fn a_mapped_data_set_equals_one_in_memory() {
    let cache = tempfile::tempdir().unwrap();
    let reviews = [("text", text("title")), ("helpful_votes", Value::Bool(true))];
    for (source, given) in [("synthetic", SMALL), ("reviews", &reviews[..])] {
        let mapped = cached(source, given, &Seeds::all(1), cache.path()).unwrap();
        let memory = in_memory(source, given, 1).unwrap();
        assert_eq!(mapped.schema(), memory.schema());
        assert_eq!(mapped.fingerprint(), memory.fingerprint());
        assert_eq!(batches_of(&mapped), batches_of(&memory));
        assert_eq!(mmtl_data::describe(&mapped), mmtl_data::describe(&memory));
    }
    assert_eq!(files(cache.path()).len(), 2 * 2, "rows, and what was fitted");
}

#[test]
fn the_second_opening_reads_nothing_but_the_file() {
    let cache = tempfile::tempdir().unwrap();
    let settings = settings("synthetic", SMALL).unwrap();
    let mut reports = vec![];
    let first = open(&settings, &Seeds::all(1), cache.path(), &mut |report| reports.push(report)).unwrap();
    let last = reports.last().copied().unwrap();
    assert_eq!((last.stage.name(), last.done, last.share), ("encode", 20_000, 1.0));
    let second = open(&settings, &Seeds::all(1), cache.path(), &mut |_| panic!("it is read again")).unwrap();
    assert_eq!(batches_of(&first), batches_of(&second));
}

#[test]
fn settings_seeds_and_nothing_else_make_another_file() {
    let cache = tempfile::tempdir().unwrap();
    let print =
        |given: Given, seeds: Seeds| cached("synthetic", given, &seeds, cache.path()).unwrap().fingerprint().to_owned();
    let few = [("rows", Value::Int(100)), ("dim", Value::Int(3))];
    let base = print(&few, Seeds::all(1));
    let more = [few.as_slice(), &[("noise", Value::Float(0.02))]].concat();
    let default = [few.as_slice(), &[("noise", Value::Float(0.01))]].concat();
    assert_ne!(base, print(&more, Seeds::all(1)));
    assert_eq!(base, print(&default, Seeds::all(1)));
    assert_ne!(base, print(&few, Seeds { data: 2, ..Seeds::all(1) }));
    assert_ne!(base, print(&few, Seeds { split: 2, ..Seeds::all(1) }));
    assert_eq!(base, print(&few, Seeds { order: 2, dropout: 2, initialisation: 2, ..Seeds::all(1) }));
    assert_eq!(files(cache.path()).len(), 4 * 2);
}

#[test]
fn the_seed_of_generated_data_does_not_matter_to_a_file() {
    let print = |data: u64| {
        let given = [("text", text("none")), ("cache", Value::Bool(false))];
        let seeds = Seeds { data, ..Seeds::all(1) };
        cached("reviews", &given, &seeds, Path::new("nowhere")).unwrap().fingerprint().to_owned()
    };
    assert_eq!(print(1), print(2));
}

#[test]
fn every_damage_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    let few = [("rows", Value::Int(60)), ("dim", Value::Int(2))];
    drop(cached("synthetic", &few, &Seeds::all(1), cache.path()).unwrap());
    let path = file(cache.path(), ".arrow");
    let whole = fs::read(&path).unwrap();
    let open_with = |bytes: &[u8]| {
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        let error = cached("synthetic", &few, &Seeds::all(1), cache.path());
        assert_eq!(fs::read(&path).unwrap(), bytes, "a damaged file is left as it is");
        error
    };
    for at in (0..whole.len()).step_by(37) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        let error = open_with(&damaged).expect_err("a flipped bit shows");
        assert!(matches!(error, DataError::DamagedCache { .. } | DataError::CacheVersion { .. }), "byte {at}: {error}");
    }
    for len in [0, 1, 47, 48, whole.len() / 2, whole.len() - 1] {
        let error = message(open_with(&whole[..len]));
        assert!(error.contains("is damaged (it") && error.contains("delete the file and it is made again"), "{error}");
    }
    let longer = message(open_with(&[&whole[..], &[0]].concat()));
    assert!(longer.contains("is damaged (its end is missing)"), "{longer}");
    let mut newer = whole.clone();
    let version = newer.len() - 8;
    newer[version] = 2;
    let error = message(open_with(&newer));
    assert!(error.contains("is of version 2, expected version 1; delete the file"), "{error}");
    assert_eq!(open_with(&whole).unwrap().len(), 60);
}

#[test]
fn a_file_of_other_data_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    let few = [("rows", Value::Int(60)), ("dim", Value::Int(2))];
    let other = [("rows", Value::Int(61)), ("dim", Value::Int(2))];
    drop(cached("synthetic", &few, &Seeds::all(1), cache.path()).unwrap());
    let path = file(cache.path(), ".arrow");
    let stranger = tempfile::tempdir().unwrap();
    drop(cached("synthetic", &other, &Seeds::all(1), stranger.path()).unwrap());
    fs::copy(file(stranger.path(), ".arrow"), &path).unwrap();
    let error = message(cached("synthetic", &few, &Seeds::all(1), cache.path()));
    assert!(error.contains("has fingerprint ") && error.contains("it was made from other data or settings"), "{error}");
}

#[test]
fn what_was_fitted_is_kept_whole_or_refused() {
    let cache = tempfile::tempdir().unwrap();
    let given = [("rows", Value::Int(300)), ("dim", Value::Int(2)), ("categories", Value::Int(2))];
    let seeds = Seeds::all(1);
    let print = cached("synthetic", &given, &seeds, cache.path()).unwrap().fingerprint().to_owned();
    let settings = settings("synthetic", &given).unwrap();
    let fitted = || preprocessing(&print, &settings, &seeds, cache.path(), &mut |_| {});
    let path = file(cache.path(), ".fitted.json");
    let whole = fs::read(&path).unwrap();
    let kept = preprocessing(&print, &settings, &seeds, cache.path(), &mut |_| panic!("it is fitted again")).unwrap();
    for at in (0..whole.len()).step_by(23) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        let error = fitted().expect_err("a flipped bit shows");
        assert!(matches!(error, DataError::DamagedCache { .. } | DataError::CacheVersion { .. }), "byte {at}: {error}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "a damaged file is left as it is");
    }
    let text = String::from_utf8(whole.clone()).unwrap();
    fs::write(&path, text.replacen("\"version\":1", "\"version\":2", 1)).unwrap();
    let error = fitted().unwrap_err().to_string();
    assert!(error.contains("is of version 2, expected version 1; delete the file"), "{error}");
    fs::remove_file(&path).unwrap();
    let again = fitted().unwrap();
    assert_eq!((fs::read(&path).unwrap(), again.vocabularies()), (whole, kept.vocabularies()));
    let other = preprocessing(&"0".repeat(64), &settings, &seeds, cache.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(other, DataError::OtherData { .. }), "{other}");
}

#[test]
fn many_may_open_the_same_cache_at_once() {
    let cache = tempfile::tempdir().unwrap();
    let directory = cache.path().join("made/on/demand");
    let done = AtomicUsize::new(0);
    let expected = batches_of(&in_memory("synthetic", SMALL, 3).unwrap());
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let dataset = cached("synthetic", SMALL, &Seeds::all(3), &directory).unwrap();
                assert_eq!(batches_of(&dataset), expected);
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(done.into_inner(), 6);
    assert_eq!(files(&directory).len(), 2, "no temporary file is left");
}

#[test]
fn a_mapped_data_set_outlives_its_file() {
    let cache = tempfile::tempdir().unwrap();
    let dataset = cached("synthetic", SMALL, &Seeds::all(1), cache.path()).unwrap();
    let before = batches_of(&dataset);
    drop(cache);
    assert_eq!(batches_of(&dataset), before);
}
