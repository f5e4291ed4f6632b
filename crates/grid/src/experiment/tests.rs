//! What is accepted, and the sentence for each thing that is not.

use mmtl_metrics::Metric;
use mmtl_plan::Value;
use proptest::prelude::*;

use super::*;
use crate::catalogue::tests::catalogue;
use crate::configuration::Execution;

const HEAD: &str = "data.source = \"reviews\"\n";

fn parse(text: &str) -> Result<Experiment, Faults> {
    Experiment::parse("e.toml", text.as_bytes(), &catalogue())
}

/// The only fault of a file that begins with [`HEAD`] and a grid of one architecture.
fn fault(text: &str) -> String {
    let text = format!("{HEAD}{text}");
    let text = if text.contains("architecture = [") {
        text
    } else if text.contains("[grid]\n") {
        text.replacen("[grid]\n", "[grid]\narchitecture = [\"mmoe\"]\n", 1)
    } else {
        format!("{text}\n[grid]\narchitecture = [\"mmoe\"]\n")
    };
    let faults = parse(&text).expect_err(&text);
    assert_eq!(faults.iter().count(), 1, "{faults}");
    faults.to_string()
}

#[test]
fn the_long_example_is_read() {
    let text = r#"
name = "architecture-by-protocol"
[data]
source = "reviews"
tokens = 16
[mmoe]
gate = "uniform"
[seeds]
split = "trial"
order = 7
[grid]
architecture = ["single-task", "mmoe", "star"]
protocol = ["joint", "per-scene"]
scene_feature = [true]
"train.lr" = [1e-3, 1]
seed = { from = 1, count = 5 }
[grid.mmoe]
experts = [4, 8]
tower = [[], [64, 32]]
[select]
per = "task"
[compare]
baseline = { architecture = "single-task", protocol = "joint" }
metric = { binary = "logloss", regression = "rmse" }
[[ablation]]
name = "no gate"
base = { architecture = "mmoe", "mmoe.experts" = 8 }
set = { "mmoe.gate" = "softmax" }
"#;
    let experiment = parse(text).unwrap();
    assert_eq!(experiment.name, "architecture-by-protocol");
    assert_eq!(experiment.compare.binary, Metric::LogLoss);
    assert_eq!(experiment.compare.regression, Metric::Rmse);
    let trials = experiment.trials(&catalogue(), &Execution::default());
    // 2 protocols x 2 rates x 5 seeds, for mmoe 4 times as many, and half of mmoe's again.
    assert_eq!(trials.len(), 20 + 80 + 20 + 40);
    let seeds = trials[3].configuration.seeds;
    assert_eq!((seeds.split, seeds.order, seeds.dropout, seeds.data), (4, 7, 4, 4));
}

#[test]
fn a_short_file_is_enough() {
    let experiment = Experiment::parse(
        "folder/quick.toml",
        format!("{HEAD}grid.architecture = [\"star\"]").as_bytes(),
        &catalogue(),
    )
    .unwrap();
    assert_eq!(experiment.name, "quick");
    let trials = experiment.trials(&catalogue(), &Execution::default());
    assert_eq!(trials.len(), 1);
    assert_eq!(trials[0].configuration.seed, 1);
    assert_eq!(trials[0].rows[0].to_string(), "star");
}

#[test]
fn unknown_keys_are_named_with_their_neighbours() {
    for (text, expected) in [
        ("[trian]\nlr = 1", "e.toml:2: unknown key `trian`, expected `name` or one of the sections"),
        ("[trian]\nlr = 1", "; did you mean `train`?"),
        ("[tnue]\nx = 1", "; did you mean `tune`?"),
        ("[train]\nlr = 0.1\nepoch = 3", "e.toml:4: unknown key `train.epoch`, expected one of `lr`, `epochs`"),
        ("[train]\nlr = 0.1\nepoch = 3", "; did you mean `train.epochs`?"),
        ("[star]\nx = 3", "unknown key `star.x`, but `star` has no keys"),
        ("[data]\nrows = 3", "unknown key `data.rows`"),
        ("[seeds]\nsplits = 3", "unknown key `seeds.splits`, expected one of `data`, `split`"),
        ("[seeds]\nsplits = 3", "; did you mean `split`?"),
        ("[grid]\nsead = [1]", "e.toml:4: unknown key `sead`"),
        ("[grid]\nsead = [1]", "; did you mean `seed`?"),
        ("[grid]\n\"train.lrr\" = [1]", "unknown key `train.lrr`"),
        ("[grid.mmoe]\nexprets = [1]", "e.toml:3: unknown key `mmoe.exprets`"),
        ("[grid.mmeo]\nexperts = [1]\ntower = [[]]", "e.toml:2: unknown key `mmeo`, expected `architecture`"),
        ("[grid.mmeo]\nexperts = [1]\ntower = [[]]", "; did you mean `mmoe`?"),
        ("[grid]\nsed = { from = 1, count = 2 }", "e.toml:4: unknown key `sed`, expected `architecture`"),
        ("[grid]\nsed = { from = 1, count = 2 }", "; did you mean `seed`?"),
        ("[grid]\nsed.from = 1\nsed.count = 2", "; did you mean `seed`?"),
        ("[compare]\nbase = 1", "unknown key `compare.base`, expected one of `baseline`, `metric`"),
        ("[compare.metric]\nbinari = \"auc\"", "; did you mean `binary`?"),
        ("[[ablation]]\nname = \"a\"\nset = { x = 1 }", "e.toml:4: unknown key `x`"),
        ("[[ablation]]\nname = \"a\"\nsets = 1\nset = { \"mmoe.experts\" = 1 }", "; did you mean `set`?"),
    ] {
        let text = if text.starts_with("[data]") { "data.rows = 3" } else { text };
        let got = fault(text);
        assert!(got.contains(expected), "{text}\n{got}\nexpected {expected}");
    }
}

#[test]
fn unknown_words_are_named_with_their_neighbours() {
    for (text, expected) in [
        (
            "[grid]\narchitecture = [\"mmeo\"]",
            "e.toml:3: unknown architecture `mmeo`, expected one of `single-task`, `shared-bottom`, `mmoe`, `ple`, `star`; did you mean `mmoe`?",
        ),
        (
            "[grid]\nprotocol = [\"per-scne\"]",
            "e.toml:4: unknown protocol `per-scne`, expected one of `joint`, `per-scene`; did you mean `per-scene`?",
        ),
        (
            "[mmoe]\ngate = \"unifrm\"",
            "`mmoe.gate` is \"unifrm\", expected one of `softmax`, `uniform`; did you mean `uniform`?",
        ),
        ("[compare.metric]\nbinary = \"aux\"", "expected one of `auc`, `gauc`, `prauc`, `logloss`"),
        ("[compare.metric]\nbinary = \"aux\"", "`mrr`; did you mean `auc`?"),
        ("[compare.metric]\nregression = \"auc\"", "`compare.metric.regression` is `auc`, expected one of `mse`"),
        ("[grid]\narchitecture = [3]", "`architecture` is 3, expected one of `single-task`"),
    ] {
        let got = fault(text);
        assert!(got.contains(expected), "{text}\n{got}\nexpected {expected}");
    }
    let faults = parse("data.source = \"review\"\ngrid.architecture = [\"star\"]").unwrap_err().to_string();
    let expected =
        "e.toml:1: unknown `data.source` `review`, expected one of `reviews`, `synthetic`; did you mean `reviews`?";
    assert_eq!(faults, expected);
    let faults = parse("[grid]\narchitecture = [\"star\"]").unwrap_err().to_string();
    assert_eq!(faults, "e.toml:1: `data.source` is missing, expected one of `reviews`, `synthetic`");
    for (text, line, near) in [
        ("[data]\ntokens = 16\nsuorce = \"reviews\"", 3, "; is `suorce` misspelt?"),
        ("[train]\nlr = 1\n[dta]\nsource = \"reviews\"", 3, "; is `dta` misspelt?"),
        ("[data]\ntokens = 16", 1, ""),
        ("[train]\nlr = 1", 1, ""),
    ] {
        let missing = format!("e.toml:{line}: `data.source` is missing, expected one of `reviews`, `synthetic`{near}");
        assert_eq!(parse(text).unwrap_err().to_string(), missing);
    }
    let faults = parse("\n[data]\nsource = 3\n").unwrap_err().to_string();
    assert_eq!(faults, "e.toml:3: `data.source` is 3, expected one of `reviews`, `synthetic`");
}

#[test]
fn values_outside_their_range_are_named_with_the_nearest_inside() {
    for (text, expected) in [
        (
            "[mmoe]\nexperts = 65",
            "e.toml:3: `mmoe.experts` is 65, expected a whole number from 1 to 64; did you mean `64`?",
        ),
        ("[mmoe]\nexperts = 4.0", "`mmoe.experts` is 4.0, expected a whole number"),
        (
            "[mmoe]\nexperts = 99999999999999999999",
            "`mmoe.experts` is 99999999999999999999, which does not fit 64 bits",
        ),
        ("[train]\nlr = 2020-01-01", "`train.lr` is the date 2020-01-01, expected a number from 0 to 10"),
        ("[train]\nlr = nan", "`train.lr` is NaN"),
        ("[train]\nlr = { x = 1 }", "`train.lr` is a table"),
        ("[model]\ndropout = 0.91", "did you mean `0.9`?"),
        ("[grid]\n\"model.dropout\" = [0.5, 1.5]", "e.toml:4: `model.dropout` is 1.5, expected a number from 0 to 0.9"),
        ("[grid]\nseed = [-1]", "`seed` is -1, expected a whole number of at least 0; did you mean `0`?"),
        ("[seeds]\ndata = \"tial\"", "`seeds.data` is \"tial\", expected a whole number of at least 0 (or `trial`"),
        (
            "[grid]\nseed = { from = 1, count = 0 }",
            "`grid.seed.count` is 0, expected a whole number from 1 to 100000; did you mean `1`?",
        ),
        ("[grid]\nseed = { from = -1, count = 2 }", "`grid.seed.from` is -1"),
        ("[grid]\nseed = { from = 1 }", "`grid.seed` has no `count`"),
        ("[grid]\nseed = { from = 1, count = 2, by = 3 }", "unknown key `grid.seed.by`"),
    ] {
        let got = fault(text);
        assert!(got.contains(expected), "{text}\n{got}\nexpected {expected}");
    }
    for value in ["1", "64"] {
        assert!(parse(&format!("{HEAD}mmoe.experts = {value}\ngrid.architecture = [\"mmoe\"]")).is_ok(), "{value}");
    }
}

#[test]
fn axes_are_lists_that_are_not_empty() {
    for (text, expected) in [
        ("[grid]\nseed = []", "e.toml:4: the axis `seed` is empty, expected at least one value"),
        ("[grid]\narchitecture = []", "e.toml:3: the axis `architecture` is empty"),
        ("[grid.mmoe]\nexperts = []", "the axis `mmoe.experts` is empty"),
        (
            "[grid]\ntrain.lr = { min = 1 }",
            "the axis `train.lr` is a table, expected a list, each a number from 0 to 10",
        ),
        ("[grid]\nprotocol.joint = true", "the axis `protocol` is a table, expected a list, each one of `joint`"),
        (
            "[grid]\n\"train.lr\" = 0.5",
            "the axis `train.lr` is 0.5, expected a list, each a number from 0 to 10; did you mean `[0.5]`?",
        ),
        (
            "[grid.mmoe]\ntower = [64, 32]",
            "expected a list of lists, since each of its values is one; did you mean `[[64, 32]]`?",
        ),
        ("[grid]\n\"train.lr\" = [1, 1.0]", "the axis `train.lr` lists 1.0 twice"),
        ("[grid]\n\"train.lr\" = [1]\n[grid.train]\nlr = [2]", "the axis `train.lr` is given twice"),
        ("[train]\nlr = 1\n[grid]\n\"train.lr\" = [1]", "e.toml:6: `train.lr` is an axis but also fixed in line 3"),
        ("[grid]\n\"data.source\" = [\"reviews\"]", "`data.source` cannot be an axis"),
        (
            "[grid]\n\"train.checkpoint_every\" = [1, 2]",
            "`train.checkpoint_every` cannot be an axis, since it moves no number",
        ),
        ("[grid]\n\"seeds.data\" = [1, \"trial\"]", "the axis `seeds.data` lists \"trial\", expected seeds"),
    ] {
        let got = fault(text);
        assert!(got.contains(expected), "{text}\n{got}\nexpected {expected}");
    }
    let missing = parse(HEAD).unwrap_err().to_string();
    assert!(missing.starts_with("e.toml:1: `grid.architecture` is missing, so there is no trial"), "{missing}");
}

#[test]
fn the_number_of_trials_is_bounded() {
    let grid = |rates: usize| {
        let rates: Vec<String> = (1..=rates).map(|rate| format!("{rate}e-6")).collect();
        format!(
            "{HEAD}[grid]\narchitecture = [\"star\"]\nseed = {{ from = 1, count = 1000 }}\n\"train.lr\" = [{}]",
            rates.join(",")
        )
    };
    assert!(parse(&grid(99)).is_ok());
    assert!(parse(&grid(100)).is_ok());
    let error = parse(&grid(101)).unwrap_err().to_string();
    assert_eq!(error, "e.toml:2: the grid has 101000 trials, expected at most 100000; shorten an axis");
    let ablation = "\n[[ablation]]\nname = \"one more\"\nset = { \"model.dropout\" = 0.5 }\nbase = { seed = 1 }";
    let error = parse(&(grid(100) + ablation)).unwrap_err().to_string();
    assert!(error.contains("the grid has 100100 trials"), "{error}");
}

#[test]
fn what_is_tuned_is_read() {
    let text = r#"
[data]
source = "reviews"
[grid]
architecture = ["mmoe", "star"]
[tune]
"train.lr" = { min = 1e-4, max = 1, log = true }
dropout = { min = 0.0, max = 0.9, steps = 4 }
trials = 7
seeds = { from = 101, count = 2 }
[tune.mmoe]
experts = { min = 2, max = 32, steps = 5, log = true }
tower = [[], [64, 32]]
"#;
    let tune = parse(text).unwrap().tune.unwrap();
    assert_eq!((tune.trials, tune.seeds.as_slice()), (Some(7), [101, 102].as_slice()));
    let named: Vec<String> = tune.knobs.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(named, ["train.lr", "model.dropout", "mmoe.experts", "mmoe.tower"]);
    let floats = |values: &[f64]| tune::Space::Listed(values.iter().map(|value| Value::Float(*value)).collect());
    let whole = |values: &[i64]| tune::Space::Listed(values.iter().map(|value| Value::Int(*value)).collect());
    assert_eq!(tune.knobs[0].1, tune::Space::Real { min: 1e-4, max: 1.0, log: true });
    assert_eq!(tune.knobs[1].1, floats(&[0.0, 0.3, 0.6, 0.9]));
    assert_eq!(tune.knobs[2].1, whole(&[2, 4, 8, 16, 32]));
    assert!(parse(&format!("{HEAD}grid.architecture = [\"mmoe\"]")).unwrap().tune.is_none());
    let twice = text.replace("steps = 5, log = true", "steps = 2").replace("max = 32", "max = 3");
    assert_eq!(parse(&twice).unwrap().tune.unwrap().knobs[2].1, whole(&[2, 3]));
}

#[test]
fn lists_that_cannot_be_tuned_are_refused() {
    for (text, expected) in [
        ("", "e.toml:2: [tune] names no knob, expected at least one, as in"),
        ("\"train.lrr\" = [0.1]", "e.toml:4: unknown key `train.lrr`, expected one of `lr`"),
        ("\"train.lrr\" = [0.1]", "; did you mean `train.lr`?"),
        ("trails = 3", "e.toml:4: unknown key `tune.trails`; did you mean `trials`?"),
        ("\"train.lr\" = [0.1, 11]", "e.toml:4: `train.lr` is 11, expected a number from 0 to 10; did you mean `10"),
        ("\"train.lr\" = []", "`train.lr` in [tune] is empty, expected at least one value: a number from 0 to 10"),
        (
            "\"train.lr\" = 0.1",
            "`train.lr` in [tune] is 0.1, expected a list, each a number from 0 to 10; did you mean `[0.1]`?",
        ),
        ("\"train.lr\" = [0.1, 0.1]", "`train.lr` in [tune] lists 0.1 twice"),
        (
            "\"mmoe.tower\" = [64, 32]",
            "expected a list of lists, since each of its values is one; did you mean `[[64, 32]]`?",
        ),
        ("\"train.lr\" = [0.1]\ntrain.lr = [0.2]", "e.toml:5: `train.lr` is tuned twice"),
    ] {
        let got = fault(&format!("[tune]\nseeds = [101]\n{text}\n"));
        assert!(got.contains(expected), "{text}\n{got}\nexpected {expected}");
    }
}

#[test]
fn ranges_that_cannot_be_drawn_are_refused() {
    for (text, expected) in [
        (
            "trials = 2\n\"train.lr\" = { min = 0.1, max = 0.1 }",
            "the range of `train.lr` ends at 0.1, expected a `max` above its `min`, 0.1",
        ),
        ("trials = 2\n\"train.lr\" = { min = 0.2, max = 0.1 }", "e.toml:5: the range of `train.lr` ends at 0.1"),
        (
            "trials = 2\n\"train.lr\" = { min = 0, max = 0.1, log = true }",
            "the logarithmic range of `train.lr` begins at 0.0, expected a `min` above 0",
        ),
        ("trials = 2\n\"train.lr\" = { min = 0.1, max = 100 }", "`train.lr` is 100, expected a number from 0 to 10"),
        ("trials = 2\n\"train.lr\" = { min = 0.1 }", "the range of `train.lr` has no `max`"),
        (
            "trials = 2\n\"train.lr\" = { min = 0.1, max = 1, lg = true }",
            "unknown key `tune.train.lr.lg`, expected one of `min`, `max`, `log`, `steps`; did you mean `log`?",
        ),
        (
            "trials = 2\n\"train.lr\" = { min = 0.1, max = 1, log = 1 }",
            "`log` of the range of `train.lr` is 1, expected true or false",
        ),
        (
            "\"train.lr\" = { min = 0.1, max = 1, steps = 1 }",
            "steps of the range of `train.lr` is 1, expected a whole number from 2 to 100000; did you mean `2`?",
        ),
        (
            "\"mmoe.gate\" = { min = 1, max = 2 }",
            "`mmoe.gate` has no range, expected a list of values, each one of `softmax`, `uniform`",
        ),
        (
            "\"train.lr\" = { min = 0.1, max = 1 }",
            "e.toml:2: `tune.trials` is missing, expected how many settings to draw, as in `trials = 20`: `train.lr` is a range without `steps`",
        ),
        (
            "trials = 0\n\"train.lr\" = [0.1]",
            "e.toml:4: `tune.trials` is 0, expected a whole number from 1 to 100000; did you mean `1`?",
        ),
        ("trials = 1.5\n\"train.lr\" = [0.1]", "`tune.trials` is 1.5, expected a whole number"),
    ] {
        let got = fault(&format!("[tune]\nseeds = [101]\n{text}\n"));
        assert!(got.contains(expected), "{text}\n{got}\nexpected {expected}");
    }
}

#[test]
fn what_validation_scores_cannot_choose_is_refused() {
    for (text, expected) in [
        (
            "\"architecture\" = [\"star\"]",
            "`architecture` cannot be tuned: it is what tables compare, expected it in [grid]",
        ),
        ("protocol = [\"joint\"]", "`protocol` cannot be tuned"),
        ("seed = [1]", "`seed` cannot be tuned: it is no setting"),
        ("\"seeds.order\" = [1, 2]", "`seeds.order` cannot be tuned: it is a seed: the best of several would be luck"),
        ("\"data.tokens\" = [1, 2]", "`data.tokens` cannot be tuned: it changes the rows that scores are over"),
        (
            "\"select.per\" = [\"run\"]",
            "`select.per` cannot be tuned: it changes the score that settings are chosen by",
        ),
        ("\"train.checkpoint_every\" = [1, 2]", "`train.checkpoint_every` cannot be tuned: it moves no number"),
        ("\"ple.levels\" = [1, 2]", "`ple.levels` is tuned, but `ple` is not among the architectures of [grid]"),
    ] {
        let got = fault(&format!("[tune]\nseeds = [101]\n{text}\n"));
        assert!(got.contains(expected), "{text}\n{got}\nexpected {expected}");
    }
}

#[test]
fn seeds_and_what_else_the_file_says_must_leave_room_for_a_choice() {
    let lr = "\"train.lr\" = [0.1]";
    for (text, expected) in [
        (format!("[tune]\n{lr}"), "e.toml:2: `tune.seeds` is missing, expected seeds that are not in `grid.seed`"),
        (format!("[tune]\nseeds = []\n{lr}"), "`tune.seeds` is empty"),
        (format!("[tune]\nseeds = [3, 3]\n{lr}"), "`tune.seeds` lists 3 twice"),
        (format!("[tune]\nseeds = [-3]\n{lr}"), "`seed` is -3, expected a whole number of at least 0"),
        (format!("[tune]\nseeds = {{ from = 3 }}\n{lr}"), "`tune.seeds` has no `count`"),
        (
            format!("[tune]\nseeds = [1]\n{lr}"),
            "e.toml:3: `tune.seeds` and `grid.seed` both have 1, expected other seeds",
        ),
        (
            format!("[tune]\nseeds = [9, 3, 2]\n{lr}\n[grid]\nseed = [2, 3, 4]"),
            "both have 3, 2, expected other seeds for tuning",
        ),
        (
            format!("[train]\nlr = 0.5\n[tune]\nseeds = [5]\n{lr}"),
            "e.toml:6: `train.lr` is tuned but also fixed in line 3",
        ),
        (
            format!("[tune]\nseeds = [5]\n{lr}\n[grid]\n\"train.lr\" = [0.5]"),
            "e.toml:4: `train.lr` is tuned but also an axis in line 7",
        ),
        (
            format!("[tune]\nseeds = [5]\n{lr}\n[compare]\nbaseline = {{ \"train.lr\" = 0.1 }}"),
            "e.toml:6: the baseline has `train.lr`, which is tuned: its value is not known before",
        ),
        (
            format!(
                "[tune]\nseeds = [5]\n{lr}\n[[ablation]]\nname = \"a\"\nbase = {{ \"train.lr\" = 0.1 }}\nset = {{ dropout = 0.5 }}"
            ),
            "e.toml:5: the base of the ablation `a` has `train.lr`, which is tuned",
        ),
        (
            format!(
                "[tune]\nseeds = [5]\n{lr}\n[grid]\n\"model.dropout\" = [0.1, 0.5]\n[[ablation]]\nname = \"a\"\nset = {{ \"model.dropout\" = 0.0 }}"
            ),
            "e.toml:8: the ablation `a` sets `model.dropout`, so that rows of several bases would become one, each with the values chosen for its own base; expected `model.dropout` in its `base`",
        ),
        (
            format!(
                "[tune]\nseeds = [5]\n{lr}\n[grid]\narchitecture = [\"star\", \"mmoe\"]\n[[ablation]]\nname = \"a\"\nset = {{ architecture = \"ple\" }}"
            ),
            "the ablation `a` sets `architecture`, so that rows of several bases would become one",
        ),
        (
            format!(
                "[tune]\nseeds = [5]\n{lr}\n[grid]\narchitecture = [\"star\", \"mmoe\"]\n\"mmoe.experts\" = [1, 2]\n[[ablation]]\nname = \"a\"\n\
                 base = {{ architecture = \"mmoe\" }}\nset = {{ architecture = \"ple\" }}"
            ),
            "the ablation `a` drops `mmoe.experts`, so that rows of several bases would become one",
        ),
        (
            format!("[tune]\nseeds = [5]\n{lr}\n[seeds]\ndata = 1\ninitialisation = 1\norder = 1\ndropout = 1"),
            "is pinned, so that `tune.seeds` are the final runs' seeds by another name; leave one of them free",
        ),
        ("tune = 3".to_owned(), "e.toml:2: `tune` is 3, expected a section of keys"),
    ] {
        let got = fault(&text);
        assert!(got.contains(expected), "{text}\n{got}\nexpected {expected}");
    }
}

#[test]
fn a_base_with_a_knob_of_an_architecture_is_of_that_one() {
    let text = format!(
        "{HEAD}[tune]\nseeds = [5]\n\"train.lr\" = [0.1, 0.2]\n[grid]\narchitecture = [\"star\", \"mmoe\"]\n\"mmoe.experts\" = [1, 2]\n\
         [[ablation]]\nname = \"a\"\nbase = {{ \"mmoe.experts\" = 2 }}\nset = {{ architecture = \"ple\" }}"
    );
    assert_eq!(parse(&text).map(drop), Ok(()));
}

#[test]
fn what_was_accepted_once_is_read_from_its_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("mine")).unwrap();
    let text = format!("{HEAD}[grid]\narchitecture = [\"mmoe\"]\n\"train.checkpoint_every\" = [1.0, 2.0]\n");
    assert!(parse(&text).unwrap_err().to_string().contains("cannot be an axis"));
    std::fs::write(store.experiment_file(), text).unwrap();
    assert_eq!(Experiment::read_stored(&store, &catalogue()).unwrap().name, "mine");
}

#[test]
fn what_an_ablation_changes_is_not_what_there_is_anyway() {
    let ablation = |set: &str| format!("[[ablation]]\nname = \"a\"\nset = {set}\n");
    let changed = |text: &str| -> Vec<String> {
        let experiment = parse(&format!("{HEAD}{text}")).unwrap();
        let catalogue = catalogue();
        let changed = experiment.changed_by(&experiment.ablations[0], &catalogue);
        changed.map(|(key, _)| key).collect()
    };
    let grid = "[grid]\narchitecture = [\"mmoe\"]\n";
    let set = "{ \"train.lr\" = 0.5, \"model.dropout\" = 0.1, \"seeds.split\" = 1 }";
    assert_eq!(changed(&format!("[train]\nlr = 0.5\n{grid}{}", ablation(set))), ["model.dropout"]);
    assert_eq!(changed(&format!("{grid}\"train.lr\" = [0.1, 0.5]\n{}", ablation(set))), ["train.lr", "model.dropout"]);
}

#[test]
fn tuning_counts_among_the_trials() {
    let grid = |settings: usize| {
        format!(
            "{HEAD}[grid]\narchitecture = [\"star\"]\nseed = {{ from = 1, count = 1000 }}\n[tune]\ntrials = {settings}\nseeds = {{ from = 5000, count = 1000 }}\n\"train.lr\" = {{ min = 0.1, max = 1 }}"
        )
    };
    assert!(parse(&grid(99)).is_ok());
    let error = parse(&grid(100)).unwrap_err().to_string();
    assert!(error.contains("the grid has 101000 trials, expected at most 100000"), "{error}");
}

#[test]
fn names_are_folders() {
    let error = fault("name = \"../x y\"").replace("e.toml:2: ", "");
    assert!(error.starts_with("the name `../x y` cannot be a folder's"), "{error}");
    assert!(error.ends_with("did you mean `-x-y`?") || error.ends_with("did you mean `x-y`?"), "{error}");
    assert!(fault("name = \"\"").ends_with("did you mean `experiment`?"));
    assert!(fault("name = 3").contains("`name` is 3, expected text"));
    let long = |n: usize| format!("name = \"{}\"\n{HEAD}grid.architecture = [\"star\"]", "a".repeat(n));
    assert!(parse(&long(99)).is_ok() && parse(&long(100)).is_ok() && parse(&long(101)).is_err());
}

#[test]
fn baselines_and_bases_are_trials_of_the_grid() {
    for (text, expected) in [
        (
            "[compare]\nbaseline = { \"mmoe.experts\" = 5 }\n[grid.mmoe]\nexperts = [4, 8]",
            "e.toml:3: the baseline has `mmoe.experts` = 5, expected one of 4, 8",
        ),
        (
            "[compare]\nbaseline = { architecture = \"ple\" }",
            "the baseline has `architecture` = \"ple\", expected one of \"mmoe\"",
        ),
        ("[compare]\nbaseline = { protocol = \"per-scene\" }", "expected one of \"joint\""),
        ("[compare]\nbaseline = { \"star.x\" = 1 }", "unknown key `star.x`"),
        ("[compare]\nbaseline = { \"ple.levels\" = 2 }", "but no architecture of the grid has that key"),
        (
            "[[ablation]]\nname = \"a\"\nbase = { \"mmoe.experts\" = 9 }\nset = { \"mmoe.gate\" = \"uniform\" }",
            "e.toml:2: the base of the ablation `a` has `mmoe.experts` = 9, expected one of 8",
        ),
        ("[[ablation]]\nname = \"a\"\nset = { \"ple.gate\" = \"uniform\" }", "has no trial with `ple.gate`"),
        ("[[ablation]]\nname = \"a\"", "an ablation has nothing in `set`"),
        ("[[ablation]]\nset = { \"mmoe.experts\" = 2 }", "an ablation has no `name`"),
        ("[[ablation]]\nname = \"a\"\nset = { seed = 2 }", "an ablation cannot set `seed`"),
        (
            "[[ablation]]\nname = \"a\"\nset = { \"train.checkpoint_every\" = 2 }",
            "an ablation cannot set `train.checkpoint_every`, expected a key that makes a row of its own",
        ),
        ("[ablation]\nname = \"a\"", "`ablation` is a table, expected [[ablation]]"),
    ] {
        let got = fault(text);
        assert!(got.contains(expected), "{text}\n{got}\nexpected {expected}");
    }
    let twice = "[[ablation]]\nname = \"a\"\nset = { \"mmoe.experts\" = 2 }\n";
    assert!(fault(&twice.repeat(2)).contains("the ablation `a` is given twice"));
}

#[test]
fn all_faults_are_told_in_order_but_not_more_than_ten() {
    let text = format!("{HEAD}[train]\nlrr = 1\nlr = 99\n[grid]\narchitecture = [\"mmeo\"]\nseed = []");
    let faults = parse(&text).unwrap_err();
    let lines: Vec<usize> = faults.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [3, 4, 6, 7]);
    let many: Vec<String> = (0..13).map(|i| format!("unheard{i} = 1\n")).collect();
    let shown = parse(&format!("{}{HEAD}grid.architecture = [\"star\"]", many.concat())).unwrap_err().to_string();
    assert_eq!(shown.lines().count(), 11);
    assert!(shown.ends_with("e.toml: and 3 more like these"), "{shown}");
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let error = parse("a = 1\nb = \n").unwrap_err().to_string();
    assert!(error.starts_with("e.toml:2: this is not TOML: "), "{error}");
    let error = Experiment::parse("e.toml", b"a = 1\n\xff", &catalogue()).unwrap_err().to_string();
    assert_eq!(error, "e.toml:2: this is not UTF-8, expected a TOML file");
    let error = Experiment::read(Path::new("no/such.toml"), &catalogue()).unwrap_err().to_string();
    assert!(error.starts_with("cannot read `no/such.toml`: "), "{error}");
}

#[test]
fn later_faults_find_their_line() {
    let experiment =
        parse(&format!("{HEAD}\n[train]\nlr = 0.1\n[grid]\narchitecture = [\"star\"]\nseed = [3]")).unwrap();
    assert_eq!(experiment.fault("train.lr", "x").to_string(), "e.toml:4: x");
    assert_eq!(experiment.fault("train.epochs", "x").line, 3);
    assert_eq!(experiment.fault("seed", "x").line, 7);
    assert_eq!(experiment.fault("model.dropout", "x").line, 1);
}

/// Pieces of experiment files, so that random strings of them get past the TOML parser.
const PIECES: [&str; 40] = [
    "[grid]\n",
    "[data]\n",
    "source = \"reviews\"\n",
    "data.source = \"reviews\"\n",
    "[grid.mmoe]\n",
    "[train]\n",
    "architecture = [\"mmoe\", \"ple\"]\n",
    "seed = { from = 1, count = 3 }\n",
    "seed = [1, 2]\n",
    "lr = 1\n",
    "lr = [1, 2]\n",
    "experts = [4]\n",
    "experts = 4\n",
    "\"train.lr\" = [1e-3]\n",
    "[compare]\n",
    "[[ablation]]\n",
    "name = \"a\"\n",
    "base = { architecture = \"mmoe\" }\n",
    "set = { \"mmoe.gate\" = \"uniform\" }\n",
    "[seeds]\n",
    "split = \"trial\"\n",
    "order = 3\n",
    "baseline = { seed = 1 }\n",
    "metric = { binary = \"auc\" }\n",
    "[mmoe]\n",
    "tower = [[1], []]\n",
    "tower = [1]\n",
    "gate = [\"uniform\"]\n",
    "name = 3\n",
    "[[train]]\n",
    "seed = {}\n",
    "= ",
    "[grid.seed]\n",
    "from = 9223372036854775807\n",
    "count = 100000\n",
    "x.y.z = [[[]]]\n",
    "protocol = [\"joint\"]\n",
    "\u{feff}",
    "é = 'ü'\n",
    "scene_feature = [true, false]\n",
];

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Experiment::parse("e.toml", &bytes, &catalogue()).map_err(|faults| faults.to_string());
    }

    #[test]
    fn any_pieces_are_answered(pieces in proptest::collection::vec(0..PIECES.len(), 0..16)) {
        let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        match parse(&text) {
            Ok(experiment) => prop_assert!(!experiment.trials(&catalogue(), &Execution::default()).is_empty()),
            Err(faults) => {
                let lines = text.lines().count().max(1);
                prop_assert!(faults.iter().all(|fault| (1..=lines + 1).contains(&fault.line)), "{}", faults);
            }
        }
    }
}

#[test]
fn unpinned_values_are_the_documented_ones() {
    let experiment = parse(&format!("{HEAD}grid.architecture = [\"star\"]\ngrid.seed = [5]")).unwrap();
    let trials = experiment.trials(&catalogue(), &Execution::default());
    let seeds = trials[0].configuration.seeds;
    assert_eq!((seeds.split, seeds.data, seeds.initialisation, seeds.order, seeds.dropout), (1, 5, 5, 5, 5));
    let settings = trials[0].configuration.settings(&catalogue()).unwrap();
    assert_eq!(settings.data.value("source"), &Value::Text("reviews".into()));
    assert_eq!(settings.train.float("lr"), 1e-3);
}

#[test]
fn what_is_scored_beside_the_usual_metrics() {
    let eval = |text: &str| parse(&format!("{HEAD}{text}\n[grid]\narchitecture = [\"mmoe\"]\n")).unwrap().eval;
    assert_eq!(eval(""), Eval::default());
    assert_eq!(eval("eval.metrics = [\"auc\", \"mse\"]"), Eval::default(), "the usual ones are there anyway");
    let metrics = ["prauc", "gauc", "ndcg@5", "ndcg", "gauc"].map(|name| format!("{name:?}")).join(", ");
    let names: Vec<&str> = eval(&format!("eval.metrics = [{metrics}]")).metrics.into_iter().map(Metric::name).collect();
    assert_eq!(names, ["gauc", "prauc", "ndcg@5", "ndcg@10"], "in the order of tables, each once");
    let compared = eval("compare.metric = { binary = \"gauc\", regression = \"ndcg@3\" }\neval.at_looks = true");
    assert_eq!(compared.metrics, [Metric::Gauc, "ndcg@3".parse().unwrap()]);
    assert!(compared.at_looks);
}

#[test]
fn scores_that_do_not_exist_are_named() {
    let all = "expected any of `auc`, `gauc`, `prauc`, `logloss`";
    for (text, message) in [
        ("[eval]\nmetrics = [\"gacu\"]", format!("e.toml:3: `eval.metrics` lists `gacu`, {all}")),
        ("[eval]\nmetrics = [\"ndcg@0\"]", format!("e.toml:3: `eval.metrics` lists `ndcg@0`, {all}")),
        ("[eval]\nmetrics = [7]", "e.toml:3: `eval.metrics` lists 7, expected names of metrics".into()),
        ("[eval]\nmetrics = \"gauc\"", "e.toml:3: `eval.metrics` is \"gauc\", expected a list of metrics".into()),
        ("[eval]\nat_looks = 1", "e.toml:3: `eval.at_looks` is 1, expected true or false".into()),
        ("[eval]\nmetric = []", "e.toml:3: unknown key `eval.metric`".into()),
        (
            "[compare]\nmetric = { binary = \"r2\" }",
            "e.toml:3: `compare.metric.binary` is `r2`, expected one of".into(),
        ),
    ] {
        let fault = fault(text);
        assert!(fault.starts_with(&message), "{fault}");
    }
    assert!(fault("[eval]\nmetrics = [\"gacu\"]").contains("did you mean `gauc`?"));
}
