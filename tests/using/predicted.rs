//! What is predicted of a run's own test rows is what was stored of them, bit for bit, however they come.

use std::collections::HashMap;
use std::fs;
#[cfg(unix)]
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use mmtl_grid::store::predictions::{self, Numbers};

use super::{cells, log, shop, shop_of, shown, without};
use crate::program::{Program, SMALL};

const ROWS: usize = 3000;

fn predict(program: &Program, run: &Path, files: &[&str]) -> String {
    let done = program.run(&[&["predict", shown(run)], files].concat());
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{files:?}");
    done.out
}

/// The bits of each task's numbers by row id, as printed.
fn printed(text: &str, tasks: &[(&str, &[&str], bool)]) -> HashMap<u64, Vec<u64>> {
    let lines = cells(text);
    let place = |name: &str| lines[0].iter().position(|column| *column == name).unwrap_or_else(|| panic!("{name}"));
    let id = place("id");
    let columns: Vec<(usize, bool)> =
        tasks.iter().flat_map(|(_, columns, double)| columns.iter().map(|name| (place(name), *double))).collect();
    let bits = |cell: &str, double: bool| {
        if double { cell.parse::<f64>().unwrap().to_bits() } else { u64::from(cell.parse::<f32>().unwrap().to_bits()) }
    };
    let of_line = |line: &Vec<&str>| columns.iter().map(|(at, double)| bits(line[*at], *double)).collect();
    lines[1..].iter().map(|line| (line[id].parse().unwrap(), of_line(line))).collect()
}

/// The same of what the run stored of validation and test rows.
fn stored(run: &Path, tasks: &[(&str, &[&str], bool)]) -> HashMap<u64, Vec<u64>> {
    let stored = predictions::read(&run.join("predictions.parquet")).unwrap();
    assert!((0..stored.rows.len()).any(|row| stored.parts.word(row) == "test"));
    let of_row = |row: usize| {
        let numbers = tasks.iter().flat_map(|(name, columns, _)| {
            let task = stored.tasks.iter().find(|task| task.task == *name).unwrap();
            assert_eq!(task.width, columns.len());
            match task.rows(&[row]) {
                Numbers::F32(values) => values.iter().map(|v| u64::from(v.to_bits())).collect::<Vec<_>>(),
                Numbers::F64(values) => values.iter().map(|v| v.to_bits()).collect(),
            }
        });
        numbers.collect()
    };
    stored.rows.iter().enumerate().map(|(row, id)| (*id, of_row(row))).collect()
}

const TASKS: &[(&str, &[&str], bool)] = &[
    ("click", &["prediction.click"], false),
    ("spend", &["prediction.spend"], true),
    ("kind", &["prediction.kind.red", "prediction.kind.green", "prediction.kind.blue"], false),
];

fn assert_same(run: &Path, text: &str) {
    let (printed, stored) = (printed(text, TASKS), stored(run, TASKS));
    assert!(stored.len() > ROWS / 10, "{}", stored.len());
    for (id, bits) in &stored {
        assert_eq!(printed.get(id), Some(bits), "row {id} of {}", run.display());
    }
}

#[test]
fn a_run_s_own_rows_are_predicted_to_the_bit() {
    let (program, runs) = shop(ROWS, &[("[grid]", "[grid]\nprotocol = [\"joint\", \"per-scene\"]")]);
    assert_eq!(runs.len(), 3, "{runs:?}");
    for run in runs.values() {
        let text = predict(&program, run, &["log.csv"]);
        let lines = cells(&text);
        assert_eq!(lines.len(), ROWS + 1);
        assert_eq!(lines[0][..3], ["row", "id", "scene"]);
        for (at, line) in lines[1..].iter().enumerate() {
            assert_eq!((line[0], line[1]), (&*(at + 1).to_string(), &*(1_000_000 - at).to_string()));
        }
        assert_same(run, &text);
    }
}

#[test]
fn weights_chosen_apart_and_other_batches_move_no_bit() {
    for per in ["task", "scene"] {
        let (program, runs) =
            shop(ROWS, &[("[grid]", &format!("[select]\nper = \"{per}\"\n[grid]")), ("epochs = 1", "epochs = 3")]);
        for run in runs.values() {
            assert_same(run, &predict(&program, run, &["log.csv", "--threads", "1"]));
        }
    }
}

#[test]
fn rows_come_in_any_file_without_labels_and_long_after() {
    let (program, runs) = shop(ROWS, &[]);
    let run = &runs["star joint"];
    let whole = predict(&program, run, &["log.csv"]);
    let text = log(ROWS, true);
    program.write("bare.csv", &without(&text, &["click", "spend", "kind"]));
    assert_eq!(predict(&program, run, &["bare.csv"]), whole, "labels are not looked at");
    let no_ids = predict(&program, run, &[shown(&program.write("no-ids.csv", &without(&text, &["id"])))]);
    assert_eq!(no_ids, without(&whole, &["id"]), "ids are not needed");
    let zipped = Command::new("gzip").args(["-k", "bare.csv"]).current_dir(program.path("")).status().unwrap();
    assert!(zipped.success());
    assert_eq!(predict(&program, run, &["bare.csv.gz"]), whole);
    // Files are read in the order in which they are given, not in that of their names.
    let lines: Vec<&str> = text.lines().collect();
    let part = |rows: &[&str]| [&lines[..1], rows].concat().join("\n") + "\n";
    program.write("b.csv", &part(&lines[1..1000]));
    program.write("a.csv", &part(&lines[1000..]));
    assert_eq!(predict(&program, run, &["b.csv", "a.csv"]), whole);
    // What train rows decided is in the cache: neither the card nor the log is looked at again.
    fs::rename(program.path("log.csv"), program.path("later.csv")).unwrap();
    program.write("shop.toml", "no card");
    assert_eq!(predict(&program, run, &["later.csv"]), whole);
    // Rows are enough, and none too: columns there are always.
    let none = predict(&program, run, &[shown(&program.write("none.csv", &log(0, true)))]);
    assert_eq!(none, "row,scene,".to_owned() + &whole.lines().next().unwrap()["row,id,scene,".len()..] + "\n");
}

#[test]
fn lists_that_are_exploded_need_no_labels() {
    let list = |row: usize, ends: [&str; 3]| {
        let shown = |at: usize| format!("n{}{}", (row * 7 + at * 3) % 11, ends[at]);
        format!("u{},{} {} {}\n", row % 13, shown(0), shown(1), shown(2))
    };
    let lists = |ends: fn(usize) -> [&'static str; 3]| {
        "user,shown\n".to_owned() + &(0..400).map(|row| list(row, ends(row))).collect::<String>()
    };
    let card = "name = \"shop\"\n[read.explode]\ncolumn = \"shown\"\nseparator = \" \"\ninto = [\"news\", \"clicked\"]\n\
        between = \"-\"\n[tasks.click]\nkind = \"binary\"\nlabel = \"clicked\"\n[fields.user]\nkind = \"categorical\"\n\
        [fields.news]\nkind = \"categorical\"\n";
    let ends = |row: usize| if row.is_multiple_of(3) { ["-1", "-0", "-0"] } else { ["-0", "-0", "-1"] };
    let (program, runs) = shop_of(card, &lists(ends), &[("\"shared-bottom\", \"star\"", "\"shared-bottom\"")]);
    let run = &runs["shared-bottom joint"];
    program.write("bare.csv", &lists(|_| [""; 3]));
    let whole = predict(&program, run, &["log.csv"]);
    assert_eq!(whole.lines().count(), 1 + 3 * 400);
    assert_eq!(predict(&program, run, &["bare.csv"]), whole);
    // Where labels are wanted, they must be there.
    let done = program.run(&["data", "import", "shop.toml", "bare.csv"]);
    assert_eq!((done.code, done.out.as_str()), (2, ""));
    assert!(
        done.err.contains("row 1 of `bare.csv`") && done.err.contains("2 parts, between which stands `-`"),
        "{done:?}"
    );
}

#[test]
fn what_was_fitted_is_fitted_again_only_on_the_same_rows() {
    let (program, runs) = shop(ROWS, &[]);
    let run = &runs["shared-bottom joint"];
    let whole = predict(&program, run, &["log.csv"]);
    let cache = program.path("results/.cache");
    let fitted = || -> Vec<_> {
        let entries = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| shown(path).ends_with(".fitted.json")).collect()
    };
    let [kept] = &fitted()[..] else { panic!("{:?}", fitted()) };
    let bytes = fs::read(kept).unwrap();
    fs::remove_file(kept).unwrap();
    assert_eq!(predict(&program, run, &["log.csv"]), whole);
    assert_eq!(fs::read(kept).unwrap(), bytes, "fitted again, it is the same to the byte");
    fs::write(kept, &bytes[..bytes.len() - 9]).unwrap();
    let damaged = program.run(&["predict", shown(run), "log.csv"]);
    assert!(damaged.code == 2 && damaged.err.contains("is damaged") && damaged.out.is_empty(), "{damaged:?}");
    fs::remove_file(kept).unwrap();
    program.write("log.csv", &log(ROWS + 1, true));
    let other = program.run(&["predict", shown(run), "log.csv"]);
    assert!(other.code == 2 && other.err.contains("the data is not what it was"), "{other:?}");
    assert!(fitted().is_empty() && other.out.is_empty(), "{other:?}");
}

#[test]
fn a_file_of_predictions_is_whole_or_not_there() {
    let (program, runs) = shop(ROWS, &[]);
    let run = shown(&runs["star joint"]);
    for name in ["out.csv", "out.parquet"] {
        let done = program.run(&["predict", run, "log.csv", "--out", name]);
        assert_eq!((done.code, done.out.as_str()), (0, ""), "{done:?}");
    }
    let text = fs::read_to_string(program.path("out.csv")).unwrap();
    assert_eq!(text, predict(&program, &runs["star joint"], &["log.csv"]));
    assert_eq!(fs::read(program.path("out.parquet")).unwrap()[..4], *b"PAR1");
    let bad = log(ROWS, true).replace("search", "serach");
    program.write("bad.csv", &bad);
    let before = program.listing();
    for (out, told) in [("out.csv", "exists"), ("out.txt", "neither .csv nor .parquet"), ("no/out.csv", "no/out.csv")] {
        let done = program.run(&["predict", run, "log.csv", "--out", out]);
        assert!(done.code == 2 && done.err.contains(told), "{done:?}");
    }
    let done = program.run(&["predict", run, "bad.csv", "--out", "new.csv"]);
    assert!(done.code == 2 && done.err.contains("did you mean `search`?"), "{done:?}");
    assert_eq!(program.listing(), before);
}

/// Whether a process has a handler for it, by proc(5).
#[cfg(unix)]
fn catches_sigterm(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (15 - 1)) != 0
}

#[cfg(unix)]
#[test]
fn a_signal_leaves_nothing_half_written() {
    let (program, runs) = shop(ROWS, &[]);
    let before = program.listing();
    // Whoever reads a pipe waits for somebody to write.
    assert!(Command::new("mkfifo").arg(program.path("pipe.csv")).status().unwrap().success());
    let drafts = || program.listing().iter().filter(|path| shown(path).contains(".predict-")).count();
    let args = ["predict", shown(&runs["star joint"]), "pipe.csv", "--out", "new.csv"];
    let mut child = program.command(&args).spawn().unwrap();
    let until = Instant::now() + Duration::from_mins(1);
    while drafts() == 0 && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    // The draft is there a moment before the signal is caught.
    while !catches_sigterm(child.id()) && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(drafts(), 1);
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let ended = child.wait().unwrap();
    assert!(killed.success() && ended.signal() == Some(15), "{ended:?}");
    fs::remove_file(program.path("pipe.csv")).unwrap();
    assert_eq!(program.listing(), before, "something was left");
}

#[test]
fn the_reviews_that_ship_are_predicted_to_the_bit_and_generated_rows_are_not() {
    let program = Program::new();
    let text = SMALL.replace("source = \"synthetic\"\nrows = 3000\ndim = 8\nscenes = 2", "source = \"reviews\"");
    let text =
        text.replace("epochs = 2", "epochs = 1").replace("\"star\"]", "]").replace("seed = [1, 2]", "seed = [1]");
    program.write("small.toml", &text.replace("\"shared-bottom\", ", "\"shared-bottom\""));
    let done = program.grid("small.toml", &[]);
    assert_eq!(done.code, 0, "{done:?}");
    let runs = super::runs(&program.path("results/small"));
    let run = &runs["shared-bottom joint"];
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/data/reviews/reviews.parquet");
    let text = predict(&program, run, &[file]).replacen("row,", "id,", 1);
    let tasks: &[(&str, &[&str], bool)] =
        &[("recommended", &["prediction.recommended"], false), ("rating", &["prediction.rating"], true)];
    // A review is known by its place, from 0.
    let printed: HashMap<u64, Vec<u64>> =
        printed(&text, tasks).into_iter().map(|(row, bits)| (row - 1, bits)).collect();
    for (id, bits) in stored(run, tasks) {
        assert_eq!(printed.get(&id), Some(&bits), "review {id}");
    }
    let other = Program::new();
    other.write("small.toml", &SMALL.replace("\"shared-bottom\", ", "").replace("seed = [1, 2]", "seed = [1]"));
    assert_eq!(other.grid("small.toml", &[]).code, 0);
    let run = &super::runs(&other.path("results/small"))["star joint"];
    let refused = other.run(&["predict", shown(run), "log.csv"]);
    assert!(refused.code == 2 && refused.err.contains("`synthetic` are generated, not read from files"), "{refused:?}");
}
