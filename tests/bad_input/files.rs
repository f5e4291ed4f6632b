//! What lies on the disk and is not as it should be, and disks that take nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::bad_input::{changed, is_refused};
use crate::program::{Finished, Program};

/// The cache files, which `mmtl data describe` makes.
fn caches(program: &Program) -> Vec<PathBuf> {
    program.listing().into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "arrow")).collect()
}

/// A finished grid of one run, and the run's folder.
fn finished() -> (Program, PathBuf) {
    let program = changed(&[("\"shared-bottom\", ", ""), ("seed = [1, 2]", "seed = [1]")]);
    let done = program.grid("small.toml", &[]);
    assert_eq!(done.code, 0, "{done:?}");
    let run = program.listing().into_iter().find(|path| path.ends_with("record.json")).unwrap();
    (program, run.parent().unwrap().to_owned())
}

/// Checks that `mmtl run` refuses with `parts` and writes nothing.
fn run_refused(program: &Program, what: &str, parts: &[&str]) {
    let before = program.listing();
    is_refused(&program.grid("small.toml", &[]), what, parts);
    assert_eq!(program.listing(), before, "{what}: something was written");
}

#[test]
fn damaged_cache() {
    let program = changed(&[]);
    assert_eq!(program.run(&["data", "describe", "small.toml"]).code, 0);
    let [cache] = &caches(&program)[..] else { panic!("{:?}", program.listing()) };
    let whole = fs::read(cache).unwrap();
    let name = cache.file_name().unwrap().to_str().unwrap();
    let parts = ["small.toml:3: the cache `", name, "is damaged", "delete the file and it is made again"];
    for at in [0, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(cache, flipped).unwrap();
        run_refused(&program, &format!("byte {at} flipped"), &parts);
    }
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(cache, &whole[..length]).unwrap();
        run_refused(&program, &format!("cut to {length}"), &parts);
    }
    fs::remove_file(cache).unwrap();
    assert_eq!(program.grid("small.toml", &[]).code, 0, "it is made again");
    assert_eq!(fs::read(cache).unwrap(), whole);
}

#[test]
fn cache_of_other_data() {
    let program = changed(&[]);
    assert_eq!(program.run(&["data", "describe", "small.toml"]).code, 0);
    let one = caches(&program).remove(0);
    program.write("other.toml", &crate::program::SMALL.replace("rows = 3000", "rows = 2000"));
    assert_eq!(program.run(&["data", "describe", "other.toml"]).code, 0);
    let other = caches(&program).into_iter().find(|path| *path != one).unwrap();
    fs::rename(other, &one).unwrap();
    let parts = ["small.toml:3: the cache `", "has fingerprint ", ", expected ", "it was made from other data"];
    run_refused(&program, "another's cache", &parts);
}

/// Raises the version in a JSON file.
fn make_newer(path: &PathBuf) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains("\"version\": 1"), "{text}");
    fs::write(path, text.replacen("\"version\": 1", "\"version\": 9", 1)).unwrap();
}

#[test]
fn records_and_predictions_that_cannot_be_read() {
    let (program, run) = finished();
    let (record, predictions) = (run.join("record.json"), run.join("predictions.parquet"));
    let (whole, whole_predictions) = (fs::read(&record).unwrap(), fs::read(&predictions).unwrap());
    let ends = |more: &[&str], code: i32, parts: &[&str]| {
        let ended = program.grid("small.toml", more);
        assert_eq!(ended.code, code, "{ended:?}");
        assert!(parts.iter().all(|part| ended.out.contains(part) || ended.err.contains(part)), "{parts:?}: {ended:?}");
    };
    fs::write(&record, "{broken").unwrap();
    ends(&[], 1, &["1 failed before", "`mmtl run --retry-failed` runs it again"]);
    ends(&["--retry-failed"], 0, &["finished  star"]);
    assert_eq!(fs::read(&record).unwrap(), whole, "it runs again, to the same bytes");
    assert_eq!(fs::read(run.join("record.json.damaged")).unwrap(), b"{broken", "nothing is thrown away");
    // A score that is asked for later needs the predictions.
    let asking = fs::read_to_string(program.path("small.toml")).unwrap() + "[eval]\nmetrics = [\"spearman\"]\n";
    program.write("small.toml", &asking);
    fs::write(&predictions, &whole_predictions[..40]).unwrap();
    let way_out = "predictions.parquet` is damaged: ";
    ends(
        &[],
        1,
        &[way_out, "; delete it and `record.json` beside it, and `mmtl run` makes both again", "1 run failed"],
    );
    fs::remove_file(&predictions).unwrap();
    ends(&[], 1, &["cannot read `", "predictions.parquet`: No such file", "1 run failed"]);
    fs::remove_file(&record).unwrap();
    ends(&["--retry-failed"], 0, &["finished  star"]);
    assert_eq!(fs::read(&predictions).unwrap(), whole_predictions);
}

#[test]
fn store_of_a_newer_version() {
    for (file, known) in [("store.json", 1), ("planned.json", 4)] {
        let (program, _) = finished();
        make_newer(&program.path("results/small").join(file));
        let newer = format!("has format 9, and this program reads up to {known}");
        let parts = [file, &newer, "use the newer program"];
        run_refused(&program, file, &parts);
        is_refused(&program.run(&["table", "results/small"]), "table", &parts);
        let ctl = program.run(&["ctl", "results/small", "cancel", "0"]);
        is_refused(&ctl, "ctl", &parts);
    }
    let (program, run) = finished();
    make_newer(&run.join("record.json"));
    let parts = ["record.json", "has format 9, and this program reads up to 2", "use the newer program"];
    is_refused(&program.run(&["table", "results/small"]), "table", &parts);
    is_refused(&program.run(&["repro", run.to_str().unwrap()]), "repro", &parts);
}

#[test]
fn folder_of_something_else() {
    let program = changed(&[]);
    fs::create_dir_all(program.path("results/small")).unwrap();
    program.write("results/small/thesis.tex", "");
    let parts = ["`results/small` is not a folder of results: it holds `thesis.tex`", "use another name"];
    run_refused(&program, "another's folder", &parts);
    for command in [&["table", "results"][..], &["ctl", "results", "stop"]] {
        is_refused(&program.run(command), command[0], &["`results` is not a folder of results", "`store.json`"]);
    }
    is_refused(&program.run(&["repro", "results"]), "repro", &["`results` is not the key of a trial"]);
}

/// Runs SMALL where no file may grow beyond so many blocks: a full disk that can be had without a disk.
fn run_limited(program: &Program, blocks: u32) -> Finished {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" run --plain small.toml");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_mmtl")]).current_dir(program.path("."));
    Finished::from(shell.output().unwrap())
}

#[test]
fn no_space() {
    let program = changed(&[("seed = [1, 2]", "seed = [1]")]);
    let before = program.listing();
    is_refused(&run_limited(&program, 16), "no space for data", &["small.toml:3: cannot write `results/.cache/"]);
    assert_eq!(program.listing(), before);
    // With its data there, the store is the first to need space.
    assert_eq!(program.run(&["data", "describe", "small.toml"]).code, 0);
    let before = program.listing();
    is_refused(&run_limited(&program, 1), "no space for trials", &["cannot write `results/small/"]);
    assert_eq!(program.listing(), before);
}

#[test]
fn no_permission() {
    let program = changed(&[]);
    // As root, which may write anywhere, the program runs as nobody; nobody may not look into a home, so it is copied.
    let binary = program.path("mmtl");
    // By a process of its own: a file that this one writes is busy for as long as any test is starting another process.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_mmtl")).arg(&binary).status().unwrap();
    assert!(copied.success());
    let allow = |mode| fs::set_permissions(program.path("."), PermissionsExt::from_mode(mode)).unwrap();
    allow(0o555);
    let before = program.listing();
    let mut command = Command::new(&binary);
    command.args(["run", "--plain", "small.toml"]).current_dir(program.path("."));
    if rustix::process::geteuid().is_root() {
        command.uid(65_534);
    }
    let done = Finished::from(command.output().unwrap());
    let after = program.listing();
    allow(0o755);
    is_refused(&done, "read-only folder", &["small.toml:3: cannot write `results/.cache`: no permission"]);
    assert_eq!(after, before);
}

#[test]
fn file_where_a_folder_should_be() {
    let program = changed(&[]);
    program.write("results", "");
    run_refused(&program, "a file called results", &["results", "Not a directory"]);
}

#[test]
fn tables_of_nothing_there() {
    let (program, run) = finished();
    let table = |more: &[&str]| program.run(&[&["table", "results/small"], more].concat());
    is_refused(&table(&["--task", "tsk1"]), "task", &["unknown task `tsk1`; did you mean `task1`?", "task1, task2"]);
    is_refused(&table(&["--metric", "mes"]), "metric", &["unknown metric `mes`; did you mean `mse`?"]);
    is_refused(&table(&["--metric", "auc"]), "metric", &["`auc` is not defined for", "mse, rmse, mae"]);
    is_refused(&table(&["--slice", "al"]), "slice", &["unknown slice `al`; ", "all"]);
    let gone = run.with_file_name("0123456789abcdef");
    is_refused(
        &program.run(&["repro", gone.to_str().unwrap()]),
        "repro",
        &["cannot read `", "0123456789abcdef`: No such file"],
    );
}

#[test]
fn tampered_record_differs() {
    let (program, run) = finished();
    let path = run.to_str().unwrap();
    let repro = program.run(&["repro", path]);
    assert_eq!(repro.code, 0, "{repro:?}");
    assert!(repro.out.contains("reproduced bit for bit"), "{repro:?}");
    let record = run.join("record.json");
    let text = fs::read_to_string(&record).unwrap();
    let tampered = text.replacen("\"steps\": 76", "\"steps\": 75", 1);
    assert_ne!(text, tampered);
    fs::write(&record, tampered).unwrap();
    let repro = program.run(&["repro", path]);
    assert_eq!((repro.code, repro.out.as_str()), (1, ""), "{repro:?}");
    assert!(repro.err.contains("differs: record.json") && repro.err.lines().count() == 1, "{repro:?}");
    fs::write(&record, text).unwrap();
    let predictions = run.join("predictions.parquet");
    let mut bytes = fs::read(&predictions).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&predictions, bytes).unwrap();
    let repro = program.run(&["repro", path]);
    assert_eq!(repro.code, 1, "{repro:?}");
    assert!(repro.err.contains("differs: predictions.parquet"), "{repro:?}");
}
