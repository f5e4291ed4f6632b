//! `mmtl run --plan`: what a grid would cost, with nothing run.

use serde_json::Value;

use crate::program::{Program, SMALL};

/// SMALL with data that all seeds share, an axis that changes no shape, one that does, and a combination that makes no
/// sense.
fn experiment() -> String {
    let grid =
        "[grid]\n\"train.lr\" = [0.01, 0.001]\n\"train.batch_size\" = [64, 128]\nprotocol = [\"joint\", \"per-scene\"]";
    format!("{}[seeds]\ndata = 1\n", SMALL.replace("[grid]", grid).replace("batch_size = 64\n", ""))
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} in {value}"))
}

#[test]
fn a_plan_tells_costs_and_runs_nothing() {
    let program = Program::new();
    program.write("small.toml", &experiment());
    let json = program.grid("small.toml", &["--plan", "--format", "json", "--jobs", "3", "--threads", "2"]);
    assert_eq!((json.code, json.err.as_str()), (0, ""), "{json:?}");
    assert!(!program.path("results/small").exists(), "{:?}", program.listing());
    let told: Value = serde_json::from_str(&json.out).unwrap();
    let configurations = told["configurations"].as_array().unwrap();
    let labels: Vec<&str> = configurations.iter().map(|told| told["label"].as_str().unwrap()).collect();
    let bottoms = ["joint", "per-scene"]
        .map(|protocol| [64, 128].map(|rows| format!("shared-bottom {protocol} batch_size={rows}")));
    let stars = [64, 128].map(|rows| format!("star joint batch_size={rows}"));
    assert_eq!(labels, [bottoms.concat(), stars.to_vec()].concat(), "seeds and rates collapse");
    assert_eq!(told["not_applicable"].as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(told["not_applicable"][0]["label"], "star per-scene");
    let (mut runs, mut flops, mut memory) = (0, 0, vec![]);
    for told in configurations {
        assert_eq!(number(told, "runs"), 4);
        let (count, parts) = (number(told, "runs"), &told["memory"]);
        runs += count;
        flops += count * number(told, "flops");
        memory.extend(std::iter::repeat_n(number(parts, "total"), count as usize));
        let named = ["parameters", "gradients", "activations", "optimiser", "snapshots", "batches", "rows"];
        assert_eq!(named.iter().map(|part| number(parts, part)).sum::<u64>(), number(parts, "total"), "{told}");
        assert_eq!(number(told, "training_flops_per_row"), 3 * number(told, "forward_flops_per_row"));
        // Two epochs of about 2,400 of the 3,000 rows, then evaluations.
        let (epoch, row) = (number(told, "epoch_flops"), number(told, "training_flops_per_row"));
        assert!(epoch % row == 0 && (2300..2500).contains(&(epoch / row)), "{told}");
        assert!(number(told, "flops") > 2 * epoch);
    }
    assert_eq!((number(&told, "runs"), number(&told, "flops")), (runs, flops));
    memory.sort_unstable();
    assert_eq!(number(&told, "memory"), memory.iter().rev().take(3).sum::<u64>(), "the three largest runs at once");
    assert_eq!(number(&told, "mapped"), number(&configurations[0], "mapped"), "one data set, shared");
}

#[test]
fn a_plan_is_a_table_and_the_same_each_time() {
    let program = Program::new();
    program.write("small.toml", SMALL);
    let plan = || program.grid("small.toml", &["--plan", "--jobs", "2", "--threads", "1"]);
    let (first, again) = (plan(), plan());
    assert_eq!((first.code, first.err.as_str()), (0, ""), "{first:?}");
    assert_eq!(first.out, again.out);
    assert!(first.out.starts_with("small: 4 runs of 2 configurations; 2 at once, 1 thread each\n"), "{}", first.out);
    for part in
        ["Operations\n", " with backward ", " all runs ", "Memory of a run at its peak\n", "2 runs at once: at most "]
    {
        assert!(first.out.contains(part), "`{part}` is not in: {}", first.out);
    }
    // Two data sets, one a seed, which two runs have open.
    assert!(first.out.contains(" of mapped data, which runs share"), "{}", first.out);
    let reference = program.grid("small.toml", &["--plan", "--engine", "reference"]);
    assert!(reference.code == 0 && reference.out.contains("this engine cannot tell its memory"), "{reference:?}");
    // Planning takes nothing from the run, which finds the data prepared.
    let run = program.grid("small.toml", &[]);
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn a_plan_agrees_with_the_records_of_its_runs() {
    let program = Program::new();
    program.write("small.toml", SMALL);
    let told: Value = serde_json::from_str(&program.grid("small.toml", &["--plan", "--format", "json"]).out).unwrap();
    assert_eq!(program.grid("small.toml", &[]).code, 0);
    let mut seen = vec![];
    for path in program.listing().iter().filter(|path| path.ends_with("record.json")) {
        let record: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let fits = record["record"]["fits"].as_array().unwrap();
        let of = |key: &str| fits.iter().map(|fit| number(fit, key)).sum::<u64>();
        let same = |told: &&Value| {
            let keys = ["dense_parameters", "table_parameters", "forward_flops_per_row"];
            keys.iter().all(|key| number(told, key) == of(key)) && number(told, "steps") == of("steps")
        };
        let label = told["configurations"].as_array().unwrap().iter().find(same).map(|told| told["label"].to_string());
        seen.push(label.unwrap_or_else(|| panic!("{record} is not in {told}")));
    }
    seen.sort();
    assert_eq!(seen, ["\"shared-bottom\"", "\"shared-bottom\"", "\"star\"", "\"star\""]);
}

#[test]
fn what_cannot_be_planned_is_refused_in_one_sentence() {
    let program = Program::new();
    program.write("small.toml", &SMALL.replace("\"star\"]", "\"mmeo\"]"));
    let before = program.listing();
    let refused = program.grid("small.toml", &["--plan"]);
    assert_eq!((refused.code, refused.out.as_str(), refused.err.lines().count()), (2, "", 1), "{refused:?}");
    assert!(refused.err.contains("did you mean `mmoe`?"), "{}", refused.err);
    program.write("small.toml", SMALL);
    let engine = program.grid("small.toml", &["--plan", "--engine", "gpu"]);
    assert_eq!((engine.code, engine.out.as_str(), engine.err.lines().count()), (2, "", 1), "{engine:?}");
    for wrong in [&["--format", "json"][..], &["--plan", "--detach"], &["--plan", "--retry-failed"]] {
        let refused = program.grid("small.toml", wrong);
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{wrong:?}: {refused:?}");
    }
    assert_eq!(program.listing(), before);
}
