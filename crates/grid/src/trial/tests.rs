//! Expansion, labels and ablations.

use proptest::prelude::*;

use super::*;
use crate::catalogue::tests::catalogue;

fn experiment(text: &str) -> Experiment {
    of_source("reviews", text)
}

fn of_source(source: &str, text: &str) -> Experiment {
    let text = format!("data.source = \"{source}\"\n{text}");
    Experiment::parse("e.toml", text.as_bytes(), &catalogue()).unwrap_or_else(|faults| panic!("{faults}"))
}

fn trials(text: &str) -> Vec<Trial> {
    experiment(text).trials(&catalogue(), &Execution::default())
}

/// Label of the first row, and seed.
fn labels(trials: &[Trial]) -> Vec<String> {
    trials.iter().map(|trial| format!("{} {}", trial.rows[0], trial.configuration.seed)).collect()
}

#[test]
fn the_order_is_the_documented_one() {
    let text = r#"
[grid]
seed = [2, 1]
"train.lr" = [0.5, 0.25]
architecture = ["mmoe", "star"]
protocol = ["per-scene", "joint"]
[grid.mmoe]
experts = [4]
gate = ["softmax", "uniform"]
"#;
    let expected = [
        "mmoe per-scene lr=0.5 gate=softmax 2",
        "mmoe per-scene lr=0.5 gate=softmax 1",
        "mmoe per-scene lr=0.5 gate=uniform 2",
        "mmoe per-scene lr=0.5 gate=uniform 1",
        "mmoe per-scene lr=0.25 gate=softmax 2",
    ];
    let all = labels(&trials(text));
    assert_eq!(all[..5], expected);
    assert_eq!(all[8], "mmoe joint lr=0.5 gate=softmax 2");
    assert_eq!(all[16], "star per-scene lr=0.5 2");
    assert_eq!(all.len(), 24);
}

#[test]
fn an_axis_with_one_value_is_set_but_tells_nothing_apart() {
    let all = trials("[grid]\narchitecture = [\"star\"]\nscene_feature = [true]\nseed = [1, 2]");
    assert_eq!(labels(&all), ["star 1", "star 2"]);
    let settings = all[0].configuration.settings(&catalogue()).unwrap();
    assert!(settings.model.bool("scene_feature"));
}

#[test]
fn knobs_of_others_are_nothing_to_an_architecture() {
    let all = trials("ple.levels = 3\n[grid]\narchitecture = [\"ple\", \"star\"]\n[grid.mmoe]\nexperts = [1, 2]");
    assert_eq!(labels(&all), ["ple 1", "star 1"]);
    let levels = |at: usize| all[at].configuration.settings(&catalogue()).unwrap().own.iter().count();
    assert_eq!((levels(0), levels(1)), (2, 0));
    let key = Key::Knob(crate::key_name::Section::Architecture("ple"), "levels");
    assert_eq!(all[0].configuration.value(&catalogue(), key), Some(Value::Int(3)));
    assert_eq!(all[1].configuration.value(&catalogue(), key), None);
}

#[test]
fn an_ablation_changes_the_trials_of_its_base() {
    let text = r#"
[grid]
architecture = ["mmoe", "star"]
seed = [1, 2]
[grid.mmoe]
experts = [4, 8]
[[ablation]]
name = "uniform gate"
base = { architecture = "mmoe", "mmoe.experts" = 8 }
set = { "mmoe.gate" = "uniform" }
[[ablation]]
name = "no dropout"
set = { "model.dropout" = 0.5 }
base = { seed = 2 }
[[ablation]]
name = "as ple"
base = { architecture = "star" }
set = { architecture = "ple", "ple.levels" = 1 }
"#;
    let all = trials(text);
    assert_eq!(
        labels(&all)[6..],
        [
            "mmoe experts=8 (uniform gate) 1",
            "mmoe experts=8 (uniform gate) 2",
            "mmoe experts=4 (no dropout) 2",
            "mmoe experts=8 (no dropout) 2",
            "star (no dropout) 2",
            "ple (as ple) 1",
            "ple (as ple) 2",
        ]
    );
    let ple = all[11].configuration.settings(&catalogue()).unwrap();
    assert_eq!((all[11].configuration.architecture.as_str(), ple.own.size("levels")), ("ple", 1));
}

#[test]
fn equal_trials_are_one_with_both_rows() {
    let text = r#"
[grid]
architecture = ["mmoe"]
[grid.mmoe]
gate = ["softmax", "uniform"]
[[ablation]]
name = "uniform gate"
base = { "mmoe.gate" = "softmax" }
set = { "mmoe.gate" = "uniform" }
"#;
    let all = trials(text);
    assert_eq!(all.len(), 2);
    let rows: Vec<String> = all[1].rows.iter().map(ToString::to_string).collect();
    assert_eq!(rows, ["mmoe gate=uniform", "mmoe gate=uniform (uniform gate)"]);
    let pinned = "[seeds]\ndata = 1\ninitialisation = 1\norder = 1\ndropout = 1\n";
    assert_eq!(trials(&format!("{pinned}[grid]\narchitecture = [\"star\"]\nseed = [1, 2, 3]")).len(), 1);
}

#[test]
fn the_baseline_is_marked() {
    let text = "[grid]\narchitecture = [\"mmoe\", \"star\"]\nprotocol = [\"joint\", \"per-scene\"]\nseed = [1, 2]\n";
    let marked = |baseline: &str| -> Vec<String> {
        let all = trials(&format!("{text}[compare]\nbaseline = {baseline}"));
        let marked = all.iter().filter(|trial| trial.rows[0].baseline);
        marked.map(|trial| format!("{} {}", trial.rows[0], trial.configuration.seed)).collect()
    };
    assert_eq!(marked("{ architecture = \"star\", protocol = \"joint\" }"), ["star joint 1", "star joint 2"]);
    assert_eq!(marked("{ architecture = \"mmoe\", \"mmoe.experts\" = 8, protocol = \"joint\" }").len(), 2);
    assert!(marked("{}").is_empty());
}

#[test]
fn a_grid_needs_a_trial_that_makes_sense() {
    let experiment = experiment("[grid]\narchitecture = [\"mmoe\", \"star\"]\nprotocol = [\"joint\", \"per-scene\"]");
    experiment.some_apply([None, Some("star needs scenes")].into_iter()).unwrap();
    let fault = experiment.some_apply([Some("no scenes"), Some("no tasks")].into_iter()).unwrap_err().to_string();
    assert_eq!(fault, "e.toml:3: no trial of the grid makes sense, the first because: no scenes");
}

#[test]
fn trials_share_data_where_nothing_of_it_differs() {
    let text = "[grid]\narchitecture = [\"star\"]\n\"train.lr\" = [1, 2]\n\"data.tokens\" = [8, 16]\n[seeds]\ndata = 3";
    let identities: Vec<String> = trials(text).iter().map(|trial| trial.configuration.data_identity()).collect();
    assert_eq!(identities[0], identities[2]);
    assert_ne!(identities[0], identities[1]);
    // Seeds draw a world and leave logs as they are.
    for (source, alike) in [("synthetic", false), ("reviews", true)] {
        let seeds = of_source(source, "[grid]\narchitecture = [\"star\"]\nseed = [1, 2]")
            .trials(&catalogue(), &Execution::default());
        let [first, second] = [&seeds[0], &seeds[1]].map(|trial| trial.configuration.data_identity());
        assert_eq!(first == second, alike, "{source}");
    }
}

#[test]
fn a_hundred_thousand_trials_take_no_time() {
    let text = "[grid]\narchitecture = [\"mmoe\"]\nseed = { from = 0, count = 50000 }\nscene_feature = [true, false]";
    let all = trials(text);
    assert_eq!(all.len(), 100_000);
    assert_eq!(all[99_999].configuration.seed, 49_999);
}

proptest! {
    #[test]
    fn expansion_is_the_product(experts in 1..5i64, rates in 1..5usize, seeds in 1..5i64, both in any::<bool>()) {
        let rates: Vec<f64> = (1..=rates).map(|rate| rate as f64 / 8.0).collect();
        let experts: Vec<i64> = (1..=experts).collect();
        let protocols = if both { "[\"joint\", \"per-scene\"]" } else { "[\"joint\"]" };
        let all = trials(&format!(
            "[grid]\narchitecture = [\"star\", \"mmoe\"]\nprotocol = {protocols}\n\"train.lr\" = {rates:?}\nseed = {{ from = 3, count = {seeds} }}\n[grid.mmoe]\nexperts = {experts:?}"
        ));
        let each = rates.len() * seeds as usize * (1 + usize::from(both));
        prop_assert_eq!(all.len(), each * (1 + experts.len()));
        let mut labels = labels(&all);
        labels.sort();
        labels.dedup();
        prop_assert_eq!(labels.len(), all.len());
    }
}

const TUNED: &str = r#"
[grid]
architecture = ["mmoe", "star"]
protocol = ["joint", "per-scene"]
seed = [1, 2]
[tune]
"train.lr" = [0.5, 0.25]
seeds = [101, 102, 103]
[tune.mmoe]
experts = [4, 8]
[compare]
baseline = { architecture = "star", protocol = "joint" }
[[ablation]]
name = "uniform gate"
base = { architecture = "mmoe", protocol = "joint" }
set = { "mmoe.gate" = "uniform" }
"#;

#[test]
fn every_row_tries_its_settings_on_the_tuning_seeds() {
    let tried = experiment(TUNED).tuning_trials(&catalogue(), &Execution::default());
    let all = labels(&tried.trials);
    let expected = [
        "mmoe joint lr=0.5 experts=4 (tuning) 101",
        "mmoe joint lr=0.5 experts=4 (tuning) 102",
        "mmoe joint lr=0.5 experts=4 (tuning) 103",
        "mmoe joint lr=0.5 experts=8 (tuning) 101",
    ];
    assert_eq!(all[..4], expected);
    assert_eq!(
        (all[12].as_str(), all[24].as_str()),
        ("mmoe per-scene lr=0.5 experts=4 (tuning) 101", "star joint lr=0.5 (tuning) 101")
    );
    assert_eq!(all.len(), 2 * (4 + 2) * 3, "an ablation takes over what its base chose");
    let groups: Vec<_> =
        tried.groups.iter().map(|group| (group.row.to_string(), group.settings.len(), group.row.baseline)).collect();
    let group = |row: &str, settings, baseline| (row.to_owned(), settings, baseline);
    let expected = [
        group("mmoe joint", 4, false),
        group("mmoe per-scene", 4, false),
        group("star joint", 2, true),
        group("star per-scene", 2, false),
    ];
    assert_eq!(groups, expected);
    for group in &tried.groups {
        for (values, places) in &group.settings {
            assert_eq!(places.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(), [101, 102, 103]);
            for (seed, place) in places {
                let configuration = &tried.trials[*place].configuration;
                assert_eq!(configuration.seed, *seed);
                assert!(
                    values.iter().all(|(key, value)| configuration.value(&catalogue(), *key).as_ref() == Some(value))
                );
            }
        }
    }
}

#[test]
fn final_trials_are_those_of_a_grid_that_has_the_values() {
    let tuned = experiment(TUNED);
    let groups = tuned.tuning_groups();
    // mmoe joint 0.25 and 8, mmoe per-scene not yet, star joint 0.5, star per-scene 0.25.
    let chosen = [Some(3), None, Some(0), Some(1)];
    let finals = tuned.final_trials(&catalogue(), &Execution::default(), &groups, &chosen);
    let expected = [
        "mmoe joint 1",
        "mmoe joint 2",
        "star joint 1",
        "star joint 2",
        "star per-scene 1",
        "star per-scene 2",
        "mmoe joint (uniform gate) 1",
        "mmoe joint (uniform gate) 2",
    ];
    assert_eq!(labels(&finals), expected);
    let plain = |lr: &str| {
        let text = TUNED.replace(
            "[tune]\n\"train.lr\" = [0.5, 0.25]\nseeds = [101, 102, 103]\n[tune.mmoe]\nexperts = [4, 8]\n",
            "",
        );
        trials(&format!("train.lr = {lr}\nmmoe.experts = 8\n{text}"))
    };
    let (slow, fast) = (plain("0.25"), plain("0.5"));
    for (trial, of) in finals.iter().zip([&slow, &slow, &fast, &fast, &slow, &slow, &slow, &slow]) {
        let same =
            of.iter().find(|other| other.rows == trial.rows && other.configuration.seed == trial.configuration.seed);
        let same = same.unwrap_or_else(|| panic!("{} is not in the plain grid", trial.rows[0]));
        assert_eq!(same.configuration, trial.configuration);
    }
}
