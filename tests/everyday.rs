//! What a person does first: write an experiment, look at the data, read tables in every format, pipe into `head`.

use std::fs;
use std::io::{self, BufRead, Read};
use std::process::Stdio;

use mmtl_grid::store::{Acquired, Command, Store};

use crate::program::{Finished, Program, SMALL};

#[test]
fn the_file_that_init_writes_is_an_experiment() {
    let program = Program::new();
    let written = program.run(&["init", "mine"]);
    assert_eq!(written.code, 0, "{written:?}");
    let described = program.run(&["data", "describe", "mine.toml"]);
    assert_eq!(described.code, 0, "{described:?}");
    assert!(described.out.contains("recommended") && described.out.contains("Dresses"), "{}", described.out);
    // Everything that it shows as a comment can be set.
    let text = std::fs::read_to_string(program.path("mine.toml")).unwrap();
    let comments = text.lines().skip_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("# "));
    let keys = comments.filter(|line| line.contains(" = ") && line.contains("  # "));
    assert!(keys.count() > 40);
    for source in ["synthetic", "card", "census"] {
        assert_eq!(program.run(&["init", source, "--source", source]).code, 0);
        let written = std::fs::read_to_string(program.path(&format!("{source}.toml"))).unwrap();
        assert!(written.contains(&format!("source = \"{source}\"\n# ")), "{written}");
    }
    let unknown = program.run(&["init", "other", "--source", "revews"]);
    assert!(unknown.code == 2 && unknown.err.contains("did you mean `reviews`?"), "{unknown:?}");
    assert!(!program.path("other.toml").exists());
    let again = program.run(&["init", "mine"]);
    assert_eq!((again.code, std::fs::read_to_string(program.path("mine.toml")).unwrap()), (2, text));
}

#[test]
fn tables_come_in_every_format() {
    let program = Program::new();
    program.write("small.toml", SMALL);
    assert_eq!(program.grid("small.toml", &[]).code, 0);
    let table = |format: &str| program.run(&["table", "results/small", "--format", format]).out;
    assert!(table("text").starts_with("Test scores of small: 4 of 4 runs finished\n"), "{}", table("text"));
    assert!(table("md").contains("| star |"), "{}", table("md"));
    let csv = table("csv");
    let columns = csv.lines().next().unwrap().split(',').count();
    assert!(columns > 5 && csv.lines().count() > 8, "{csv}");
    let json: serde_json::Value = serde_json::from_str(&table("json")).unwrap();
    assert!(json["tables"].as_array().is_some_and(|tables| tables.len() == 2), "{json}");
    let differ = program.run(&["data", "export", "small.toml", "exported"]);
    assert!(differ.code == 2 && differ.err.contains("expected an experiment whose trials share one"), "{differ:?}");
    program.write("pinned.toml", &format!("{SMALL}[seeds]\ndata = 1\n"));
    let exported = program.run(&["data", "export", "pinned.toml", "exported"]);
    assert_eq!(exported.code, 0, "{exported:?}");
    for name in ["schema.json", "trials.json", "rows.parquet"] {
        assert!(program.path("exported").join(name).exists(), "{name}");
    }
    let before = program.listing();
    let refused = program.run(&["data", "export", "pinned.toml", "exported"]);
    assert_eq!((refused.code, program.listing()), (2, before), "{refused:?}");
}

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let program = Program::new();
    let child = program.command(&["zoo", "mmoe"]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(141), String::new()));
}

#[test]
fn output_that_goes_nowhere_is_told() {
    let program = Program::new();
    for args in [&["zoo"][..], &["zoo", "mmoe"], &["data", "cards"], &["completions", "bash"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let told = program.command(args).stdout(full).output().unwrap();
        let error = String::from_utf8(told.stderr).unwrap();
        assert_eq!(told.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.starts_with("mmtl: cannot write standard output: No space left"), "{args:?}: {error}");
    }
}

#[test]
fn conversions_are_scored_on_clicked_rows() {
    let program = Program::new();
    let funnel = SMALL
        .replace("scenes = 2", "funnel = true\nbinary = \"logistic\"")
        .replace("[star]\nbottom_widths = [8]", "[esmm]")
        .replace("\"star\"", "\"esmm\"")
        .replace("epochs = 2", "epochs = 20");
    program.write("small.toml", &funnel);
    let ran = program.grid("small.toml", &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let table = program.run(&["table", "results/small", "--format", "json"]).out;
    let table: serde_json::Value = serde_json::from_str(&table).unwrap();
    let rows = |task: usize| {
        let block = &table["tables"][task];
        // The last architecture is esmm; the first column is all scored rows.
        let run = &block["rows"][1][0]["seeds"][0];
        // Twenty conversions or so say little, all clicks much.
        assert!(run["score"].as_f64().unwrap() > if task == 0 { 0.6 } else { 0.0 }, "{block}");
        [&block["task"], &run["rows"], &run["positives"]].map(ToString::to_string)
    };
    let [[click, impressions, clicks], [conversion, clicked, bought], [both, of, boughts]] = [0, 1, 2].map(rows);
    assert_eq!([click, conversion, both], ["\"click\"", "\"conversion\"", "\"ctcvr\""]);
    assert_eq!((clicked, of, boughts), (clicks, impressions, bought));
}

#[test]
fn a_stop_that_came_too_late_stops_no_later_scheduler() {
    let program = Program::new();
    program.write("small.toml", SMALL);
    let store = Store::create(&program.path("results/small")).unwrap();
    store.inbox().send(&Command::Stop).unwrap();
    let finished = program.grid("small.toml", &[]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(store.inbox().read().unwrap().is_empty());
}

/// A scheduler that has told nothing of itself is followed by what it will tell, not by what an earlier one did.
#[test]
fn a_scheduler_that_dies_before_it_begins_has_not_finished_the_grid() {
    let program = Program::new();
    program.write("small.toml", SMALL);
    let first = program.grid("small.toml", &[]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.out.contains("finished  "), "{}", first.out);
    let store = Store::open(&program.path("results/small")).unwrap();
    let Acquired::Ours(lease) = store.lease_scheduler().unwrap() else { panic!("the grid is done") };
    let mut command = program.command(&["run", "--plain", "small.toml"]);
    let mut following = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = io::BufReader::new(following.stderr.take().unwrap());
    let mut err = String::new();
    while !err.contains("running already; following it\n") {
        assert!(said.read_line(&mut err).unwrap() > 0, "{err}");
    }
    lease.release().unwrap();
    said.read_to_string(&mut err).unwrap();
    let followed = Finished::from(following.wait_with_output().unwrap());
    assert!(followed.code == 1 && err.contains("the scheduler died"), "{followed:?} {err}");
    assert!(!followed.out.contains("finished  "), "{}", followed.out);
}
