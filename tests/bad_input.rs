//! One sentence for each mistake: what, where, what was expected, the nearest valid choice; exit code 2; nothing written.

use crate::program::{Program, SMALL};

/// Runs SMALL with `from` replaced by `to` and checks that it is refused, in one sentence that has all of `parts`.
fn refused(from: &str, to: &str, parts: &[&str]) {
    assert!(SMALL.contains(from), "`{from}` is not in the example");
    let program = Program::new();
    let text = SMALL.replacen(from, to, 1);
    program.write("small.toml", &text);
    let before = program.listing();
    let finished = program.grid("small.toml", &[]);
    assert_eq!(finished.code, 2, "{to}: {finished:?}");
    assert_eq!(finished.out, "", "{to}");
    assert_eq!(finished.err.lines().count(), 1, "{to}: {}", finished.err);
    for part in parts {
        assert!(finished.err.contains(part), "{to}: `{part}` is not in: {}", finished.err);
    }
    assert_eq!(program.listing(), before, "{to}: something was written");
}

#[test]
fn unknown_keys() {
    refused("epochs = 2", "epoch = 2", &["small.toml:17", "`epoch`", "did you mean", "`epochs`"]);
    refused("[train]", "[trian]", &["small.toml:16", "trian", "did you mean", "train"]);
    refused("dim = 8", "dimm = 8", &["small.toml:6", "dimm", "dim"]);
}

#[test]
fn unknown_architecture() {
    refused("\"star\"]", "\"mmeo\"]", &["small.toml:20", "`mmeo`", "did you mean `mmoe`?"]);
}

#[test]
fn unknown_knob() {
    refused("[star]\nbottom_widths", "[star]\nbotom_widths", &["small.toml:11", "botom_widths", "`bottom_widths`"]);
}

#[test]
fn unknown_protocol() {
    refused("seed = [1, 2]", "protocol = [\"jiont\"]", &["small.toml:21", "jiont", "joint"]);
}

#[test]
fn unknown_task() {
    refused("[grid]", "[select]\nscore = \"task9.auc\"\n[grid]", &["small.toml:20", "task9.auc"]);
}

#[test]
fn unknown_source() {
    refused("\"synthetic\"", "\"synthetc\"", &["small.toml:4", "synthetc", "synthetic"]);
}

#[test]
fn out_of_range() {
    refused("dropout = 0.1", "dropout = 1.5", &["small.toml:9", "dropout", "1.5", "0.95"]);
    refused("epochs = 2", "epochs = 0", &["small.toml:17", "epochs", "0", "1"]);
    refused("epochs = 2", "epochs = 2.5", &["small.toml:17", "epochs", "2.5", "whole number"]);
}

#[test]
fn empty_list() {
    refused("seed = [1, 2]", "seed = []", &["small.toml:21", "seed", "empty"]);
}

#[test]
fn no_trial() {
    refused("architecture = [\"shared-bottom\", \"star\"]\n", "", &["small.toml", "architecture"]);
}

#[test]
fn too_many_trials() {
    refused("seed = [1, 2]", "seed = { from = 1, count = 60000 }", &["small.toml", "120,000", "100,000"]);
}

#[test]
fn not_toml() {
    refused("[grid]", "[grid", &["small.toml:19"]);
}

#[test]
fn missing_file() {
    let program = Program::new();
    let finished = program.grid("nowhere.toml", &[]);
    assert_eq!((finished.code, finished.err.lines().count()), (2, 1), "{finished:?}");
    assert!(finished.err.contains("nowhere.toml"), "{}", finished.err);
    assert!(program.listing().is_empty());
}
