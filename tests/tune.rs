//! `[tune]`: settings are tried on validation rows, and what is chosen runs on fresh seeds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use mmtl_grid::events::GridEvent;
use mmtl_grid::store::{Line, Store, predictions};
use mmtl_grid::{Grid, Planned, TrialKey, read_grid};
use mmtl_plan::{Purpose, Stream};

use crate::program::{Finished, Program, SMALL};

/// SMALL, with a rate that learns next to nothing in two epochs beside one that does.
fn tuned() -> String {
    format!("{SMALL}[tune]\n\"train.lr\" = [1e-6, 0.01]\nseeds = [101, 102]\n[tune.star]\ntower_widths = [[4], [6]]\n")
        .replace("[star]\nbottom_widths = [8]\ntower_widths = [4]", "[star]\nbottom_widths = [8]")
        + "[compare]\nbaseline = { architecture = \"shared-bottom\" }\n"
}

fn store(program: &Program, name: &str) -> Store {
    Store::open(&program.path("results").join(name)).unwrap()
}

fn split(grid: &Grid) -> (Vec<&Planned>, Vec<&Planned>) {
    grid.runs.iter().partition(|run| run.is_tuning())
}

/// `record.json` and `predictions.parquet` of runs.
fn results<'a>(root: &Path, runs: impl IntoIterator<Item = &'a Planned>) -> BTreeMap<TrialKey, [Vec<u8>; 2]> {
    let read = |run: &Planned, name: &str| {
        fs::read(root.join(run.key.as_str()).join(name)).unwrap_or_else(|error| panic!("{} {name}: {error}", run.key))
    };
    let files = |run: &Planned| ["record.json", "predictions.parquet"].map(|name| read(run, name));
    runs.into_iter().map(|run| (run.key.clone(), files(run))).collect()
}

fn table(program: &Program, format: &str) -> String {
    let table = program.run(&["table", "results/small", "--format", format]);
    assert_eq!(table.code, 0, "{table:?}");
    table.out
}

#[test]
fn what_is_chosen_runs_on_fresh_seeds_as_in_a_plain_grid() {
    let program = Program::new();
    program.write("small.toml", &tuned());
    let ran = program.grid("small.toml", &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in [
        "small: 12 runs, 0 finished before, 0 failed before, 0 n/a; 4 more once tuning has chosen\n",
        "finished  shared-bottom lr=0.01 (tuning) seed 101",
        "chose lr=0.01 for shared-bottom, of 2 settings, by a mean skill of ",
        " over 2 of 2 seeds",
        "finished  star seed 2",
    ] {
        assert!(ran.out.contains(part), "`{part}` is not in: {}", ran.out);
    }
    let (store, grid) = (store(&program, "small"), read_grid(&store(&program, "small")).unwrap());
    let ahead = |event: GridEvent| if let GridEvent::Ahead { runs } = event { Some(runs) } else { None };
    let told = store.grid_lines().poll().unwrap().into_iter().filter_map(Line::into_value);
    let ahead: Vec<usize> = told.filter_map(|line| ahead(line.event)).map(|runs| runs.values().sum()).collect();
    assert!(ahead.first() == Some(&4) && ahead.last() == Some(&0), "{ahead:?}");
    let (tuning, finals) = split(&grid);
    assert_eq!((tuning.len(), finals.len()), ((2 + 4) * 2, 4));
    for run in &tuning {
        let record = store.run(&run.key).record().unwrap();
        assert!(record.selected.is_some() && record.cells.iter().all(|cell| cell.part == "valid"), "{}", run.key);
        let stored = predictions::read(&store.run(&run.key).predictions_file()).unwrap();
        assert_eq!(stored.parts.words, ["valid"], "a test row was predicted");
        assert!(!store.run(&run.key).weights_file(0).exists(), "weights that nobody uses");
        assert!([101, 102].contains(&run.seed));
    }
    for run in &finals {
        let record = store.run(&run.key).record().unwrap();
        assert!(record.selected.is_none() && record.cells.iter().any(|cell| cell.part == "test"), "{}", run.key);
        assert!(store.run(&run.key).weights_file(0).exists());
        assert!([1, 2].contains(&run.seed));
    }
    // A grid that has the values in the first place.
    let chosen: Vec<String> =
        grid.tuning.as_ref().unwrap().groups.iter().map(|group| group.chosen().unwrap().to_string()).collect();
    assert!(chosen.iter().all(|chosen| chosen.starts_with("lr=0.01")), "{chosen:?}");
    let widths = chosen[1].rsplit('=').next().unwrap();
    let plain = SMALL.replace("name = \"small\"", "name = \"plain\"").replace("[train]", "[train]\nlr = 0.01").replace(
        "[star]\nbottom_widths = [8]\ntower_widths = [4]",
        &format!("[star]\nbottom_widths = [8]\ntower_widths = {widths}"),
    );
    program.write("plain.toml", &plain);
    assert_eq!(program.grid("plain.toml", &[]).code, 0);
    let of_plain = read_grid(&self::store(&program, "plain")).unwrap();
    let keys =
        |runs: &[&Planned]| runs.iter().map(|run| (run.key.clone(), run.rows[0].to_string())).collect::<Vec<_>>();
    assert_eq!(keys(&finals), keys(&of_plain.runs.iter().collect::<Vec<_>>()));
    let of_tuned = results(&program.path("results/small"), finals.iter().copied());
    assert_eq!(of_tuned, results(&program.path("results/plain"), &of_plain.runs));
    // Nothing is run twice, and what tried a setting can be reproduced too.
    let before = results(&program.path("results/small"), &grid.runs);
    let again = program.grid("small.toml", &[]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.out.contains("small: 16 runs, 16 finished before, 0 failed before, 0 n/a\n"), "{}", again.out);
    assert_eq!(results(&program.path("results/small"), &read_grid(&store).unwrap().runs), before);
    for run in [tuning[0], finals[0]] {
        let repro = program.run(&["repro", &format!("results/small/{}", run.key)]);
        assert!(repro.code == 0 && repro.out.contains("reproduced bit for bit"), "{repro:?}");
    }
}

#[test]
fn tables_tell_budget_seeds_and_choices_and_show_no_tuning_run() {
    let program = Program::new();
    program.write("small.toml", &tuned());
    assert_eq!(program.grid("small.toml", &[]).code, 0);
    for format in ["text", "md", "latex"] {
        let table = table(&program, format).replace('\\', "");
        for part in [
            "Test scores of small: 4 of 4 runs finished",
            "Tuned first: each row tried 4 settings on seeds 101, 102; the one of the best mean score on validation rows was run on seeds 1, 2: shared-bottom: lr=0.01 (skill ",
            "; star: lr=0.01 tower",
            "Less than that budget was used where there are no more settings: shared-bottom (2).",
            "Warning: chosen at the edge of what was tried, beyond which may be better: shared-bottom: lr=0.01 (highest); star: lr=0.01 (highest).",
            "Mean ± sample standard deviation over 2 seeds (1, 2).",
        ] {
            let table = table.replace("$pm$", "±");
            assert!(table.contains(part), "`{part}` is not in: {table}");
        }
        assert!(!table.contains("(tuning)"), "{table}");
    }
    let json: serde_json::Value = serde_json::from_str(&table(&program, "json")).unwrap();
    assert_eq!(json["candidates"].as_array().map(Vec::len), Some(2), "{json}");
    let tuning = &json["tuning"];
    assert_eq!(
        (&tuning["budget"], &tuning["seeds"][1], &tuning["fresh_seeds"][0]),
        (&4.into(), &102.into(), &1.into())
    );
    assert_eq!(tuning["rows"][0]["chosen"]["values"]["train.lr"], 0.01);
    assert_eq!(tuning["rows"][0]["chosen"]["highest"][0], "train.lr");
    let csv = table(&program, "csv");
    assert!(!csv.contains("tuning") && csv.contains("star"), "{csv}");
}

#[test]
fn a_plan_has_both_rounds_and_runs_nothing() {
    let program = Program::new();
    program.write("small.toml", &tuned());
    let text = program.grid("small.toml", &["--plan"]);
    assert_eq!((text.code, program.path("results/small").exists()), (0, false), "{text:?}");
    for part in [
        "small: 16 runs of ",
        "First 12 runs for tuning: 4 settings a row (shared-bottom has 2), scored on validation rows alone.",
        "Then 4 runs of what was chosen, counted here as those of the costliest settings.",
        " star tower_widths=[6] (tuning) ",
    ] {
        assert!(text.out.contains(part), "`{part}` is not in: {}", text.out);
    }
    let json = program.grid("small.toml", &["--plan", "--format", "json"]).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["tuning"]["runs"], &json["tuning"]["fresh"], &json["runs"]), (&12.into(), &4.into(), &16.into()));
    let of = |tuning: bool| {
        let all = json["configurations"].as_array().unwrap().iter();
        let of_round = all.filter(move |told| told["tuning"].as_bool().unwrap_or(false) == tuning);
        of_round.filter(|told| told["architecture"] == "star").collect::<Vec<_>>()
    };
    // Two shapes of towers are tried; the larger is what may follow, and predicts test rows besides.
    let numbers =
        |tuning: bool, key: &str| of(tuning).iter().map(|told| told[key].as_u64().unwrap()).collect::<Vec<_>>();
    let largest = |key: &str| numbers(true, key).into_iter().max().unwrap();
    assert_eq!(numbers(false, "forward_flops_per_row"), [largest("forward_flops_per_row")]);
    assert_eq!(numbers(false, "epoch_flops"), [largest("epoch_flops")]);
    assert!(numbers(false, "flops")[0] > largest("flops"), "{json}");
}

#[test]
fn tuning_on_the_seeds_of_the_grid_is_refused() {
    let program = Program::new();
    for (from, to, expected) in [
        ("seeds = [101, 102]", "seeds = [2, 102]", "`tune.seeds` and `grid.seed` both have 2, expected other seeds"),
        ("\"train.lr\"", "\"train.lrr\"", "unknown key `train.lrr`"),
        ("\"train.lr\"", "\"data.dim\"", "`data.dim` cannot be tuned: it changes the rows that scores are over"),
        ("tower_widths = [[4], [6]]", "tower_widths = [[4], [-6]]", "`star.tower_widths` is [-6]"),
    ] {
        let text = tuned();
        assert!(text.contains(from), "{from}");
        program.write("small.toml", &text.replacen(from, to, 1));
        let before = program.listing();
        let refused = program.grid("small.toml", &[]);
        assert_eq!((refused.code, refused.out.as_str(), refused.err.lines().count()), (2, "", 1), "{refused:?}");
        assert!(refused.err.contains(expected) && refused.err.contains("small.toml:"), "{}", refused.err);
        assert_eq!(program.listing(), before, "something was written");
    }
}

#[test]
fn rows_that_make_no_sense_are_not_tuned_and_ablations_take_over_what_their_base_chose() {
    let program = Program::new();
    let ablation =
        "[[ablation]]\nname = \"wide\"\nbase = { architecture = \"star\" }\nset = { \"star.tower_widths\" = [9] }\n";
    let text = tuned().replace("seed = [1, 2]", "protocol = [\"joint\", \"per-scene\"]\nseed = [1, 2]") + ablation;
    program.write("small.toml", &text);
    let ran = program.grid("small.toml", &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = table(&program, "text");
    for part in [
        "Test scores of small: 8 of 8 runs finished",
        "n/a: star per-scene; star per-scene (wide): ",
        "shared-bottom per-scene: lr=0.01 (skill ",
        "; star joint: lr=0.01 tower_widths=[",
    ] {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    assert!(!text.contains("star per-scene: lr") && !text.contains("(wide): lr"), "{text}");
    let (store, grid) = (store(&program, "small"), read_grid(&store(&program, "small")).unwrap());
    let ablated = grid.runs.iter().find(|run| run.rows[0].to_string() == "star joint (wide)").unwrap();
    let trial = fs::read_to_string(store.run(&ablated.key).file("trial.toml")).unwrap();
    assert!(trial.contains("lr = 0.01\n") && trial.contains("tower_widths = [9]"), "{trial}");
}

/// The grid's folder keeps the file as `experiment.toml`: where that gives no name, what is drawn must be drawn by the grid's.
#[test]
fn a_grid_without_a_name_runs_the_settings_that_it_tells() {
    let program = Program::new();
    let drawn = "[tune]\n\"train.lr\" = { min = 1e-4, max = 1e-1, log = true }\ntrials = 3\nseeds = [101]\n";
    program.write("small.toml", &(SMALL.replace("name = \"small\"\n", "") + drawn));
    let ran = program.grid("small.toml", &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let (store, grid) = (store(&program, "small"), read_grid(&store(&program, "small")).unwrap());
    let (tuning, finals) = split(&grid);
    assert_eq!((tuning.len(), finals.len()), (2 * 3, 2 * 2));
    let rate = |run: &Planned| {
        let trial = fs::read_to_string(store.run(&run.key).file("trial.toml")).unwrap();
        trial.lines().find(|line| line.starts_with("lr = ")).unwrap().replace(' ', "")
    };
    let tried: Vec<String> = tuning.iter().map(|run| rate(run)).collect();
    for run in &finals {
        let row = run.rows[0].to_string();
        let told = ran.out.lines().find(|line| line.contains(&format!(" for {row}, of 3 settings"))).unwrap();
        assert!(told.contains(&format!("chose {} for", rate(run))), "{}: {told}", rate(run));
        assert!(tried.contains(&rate(run)), "{} was never tried", rate(run));
    }
    assert!(table(&program, "text").contains("Test scores of small: 4 of 4 runs finished"));
}

/// Long enough to be interrupted.
fn slow(epochs: u32) -> String {
    let epochs = format!("epochs = {epochs}\npatience = 0\ncheckpoint_every = 0.02");
    tuned().replace("epochs = 2", &epochs)
}

const TWO: [&str; 4] = ["--jobs", "2", "--threads", "1"];

fn start(program: &Program, jobs: &str) {
    let started = program.grid("small.toml", &["--jobs", jobs, "--threads", "1", "--detach"]);
    assert_eq!(started.code, 0, "{started:?}");
}

#[test]
fn kills_move_no_byte_and_no_choice() {
    let (calm, killed) = (Program::new(), Program::new());
    for program in [&calm, &killed] {
        program.write("small.toml", &slow(40));
    }
    assert_eq!(calm.grid("small.toml", &TWO).code, 0);
    kill_often(&killed, 15);
    // The scheduler that the last kill left may report a worker that it lost; the next one goes on with it.
    killed.grid("small.toml", &TWO);
    let ended = killed.grid("small.toml", &TWO);
    assert_eq!(ended.code, 0, "{ended:?}");
    let grids = [&calm, &killed].map(|program| read_grid(&store(program, "small")).unwrap());
    assert_eq!(grids[0], grids[1]);
    let [one, other] = [&calm, &killed].map(|program| program.path("results/small"));
    assert_eq!(fs::read(one.join("tuned.json")).unwrap(), fs::read(other.join("tuned.json")).unwrap());
    assert_eq!(results(&one, &grids[0].runs), results(&other, &grids[1].runs));
    assert_eq!(table(&calm, "md"), table(&killed, "md"));
}

/// Kills workers and schedulers by turns, starting the grid again whenever nothing runs.
fn kill_often(program: &Program, kills: u64) {
    let random = Stream::new(1, Purpose::Data, "moments of kills while tuning");
    for kill in 0..kills {
        let began = Instant::now();
        loop {
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "nothing to kill at kill {kill}: the grid is over too soon"
            );
            start(program, "2");
            thread::sleep(Duration::from_millis(20 + 200 * u64::from(random.word(0, kill)) / u64::from(u32::MAX)));
            let store = store(program, "small");
            let pid = if kill % 3 == 0 {
                store.scheduler().unwrap().map(|grant| grant.holder.pid)
            } else {
                store.runs().unwrap().into_iter().find_map(|run| run.worker().unwrap().map(|grant| grant.holder.pid))
            };
            let killed =
                pid.is_some_and(|pid| Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
            if killed {
                break;
            }
        }
    }
}

fn ctl(program: &Program, order: &[&str]) -> Finished {
    program.run(&[&["ctl", "results/small"], order].concat())
}

#[test]
fn a_cancelled_tuning_run_has_no_say_until_it_is_retried() {
    let program = Program::new();
    program.write("small.toml", &slow(20));
    start(&program, "1");
    let grid = read_grid(&store(&program, "small")).unwrap();
    // Of the row that is tuned last, so that it still waits, however fast the others are.
    assert_eq!(ctl(&program, &["pause"]).code, 0);
    let last = grid.runs.last().unwrap();
    assert_eq!(last.rows[0].to_string(), "star lr=0.01 tower_widths=[6] (tuning)");
    let cancelled = ctl(&program, &["cancel", last.key.as_str()]);
    assert_eq!(cancelled.code, 0, "{cancelled:?}");
    assert_eq!(ctl(&program, &["resume"]).code, 0);
    let ran = program.grid("small.toml", &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = table(&program, "text");
    let note = "Left out of the choice (1 of 12 tuning runs), which goes to settings with a score on most seeds: cancelled: star lr=0.01 tower_widths=[6] seed 102.";
    assert!(text.contains(note) && text.contains("; star: lr=0.01 tower_widths=[4] (skill "), "{text}");
    assert!(text.starts_with("Test scores of small: 4 of 4 runs finished\n"), "{text}");
    let retried = program.grid("small.toml", &["--retry-failed"]);
    assert_eq!(retried.code, 0, "{retried:?}");
    assert!(retried.out.contains("chose lr=0.01 tower_widths=["), "it chooses anew: {}", retried.out);
    assert!(!table(&program, "text").contains("Left out of the choice"));
}

#[test]
fn a_grid_that_is_cancelled_while_it_tunes_runs_nothing_more_and_says_so() {
    let program = Program::new();
    program.write("small.toml", &slow(2000));
    start(&program, "1");
    assert_eq!(ctl(&program, &["cancel"]).code, 0);
    program.grid("small.toml", &[]);
    let again = program.grid("small.toml", &[]);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.err.contains("tuning had nothing to choose by for shared-bottom, star"), "{}", again.err);
    assert!(again.out.contains("no run of its tuning has a score to choose by"), "{}", again.out);
    let grid = read_grid(&store(&program, "small")).unwrap();
    assert_eq!(split(&grid).1.len(), 0);
}

#[test]
fn before_anything_is_chosen_rows_are_unfinished() {
    let program = Program::new();
    program.write("small.toml", &slow(2000));
    start(&program, "1");
    let text = table(&program, "text");
    assert_eq!(ctl(&program, &["stop"]).code, 0);
    assert!(text.starts_with("Validation scores of small: 0 of 4 runs finished, 4 unfinished\n"), "{text}");
    assert!(text.contains("Still tuned, nothing chosen yet: shared-bottom; star."), "{text}");
    let looked = "Test scores were looked at before the grid was done.";
    assert!(!text.contains(looked), "{text}");
    let store = store(&program, "small");
    while store.scheduler().unwrap().is_some() {
        thread::sleep(Duration::from_millis(20));
    }
    // Whoever asks for test scores nevertheless may have them, and is remembered.
    let asked = program.run(&["table", "results/small", "--split", "test"]);
    assert!(asked.out.starts_with("Test scores of small: ") && asked.out.contains(looked), "{asked:?}");
    assert!(table(&program, "text").contains(looked));
}
