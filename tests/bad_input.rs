//! One sentence for each mistake: what, where, what was expected, the nearest valid choice; exit code 2; nothing written.

mod files;
mod live;

use crate::program::{Finished, Program, SMALL};

/// A folder with SMALL in it, each `from` replaced by its `to`.
fn changed(changes: &[(&str, &str)]) -> Program {
    let program = Program::new();
    let mut text = SMALL.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "`{from}` is not in the example");
        text = text.replacen(from, to, 1);
    }
    program.write("small.toml", &text);
    program
}

/// Checks that a command was refused in one sentence that has all of `parts`.
fn is_refused(finished: &Finished, what: &str, parts: &[&str]) {
    assert_eq!(finished.code, 2, "{what}: {finished:?}");
    assert_eq!(finished.out, "", "{what}");
    assert_eq!(finished.err.lines().count(), 1, "{what}: {}", finished.err);
    for part in parts {
        assert!(finished.err.contains(part), "{what}: `{part}` is not in: {}", finished.err);
    }
}

/// Runs SMALL with `from` replaced by `to` and checks that it is refused with all of `parts`, and nothing written.
fn refused(from: &str, to: &str, parts: &[&str]) {
    let program = changed(&[(from, to)]);
    let before = program.listing();
    is_refused(&program.grid("small.toml", &[]), to, parts);
    assert_eq!(program.listing(), before, "{to}: something was written");
}

/// SMALL with a section before `[grid]`, which is on line 19.
fn section_refused(section: &str, parts: &[&str]) {
    refused("[grid]", &format!("{section}\n[grid]"), parts);
}

#[test]
fn unknown_key() {
    refused("epochs = 2", "epoch = 2", &["small.toml:17: unknown key `train.epoch`", "did you mean `train.epochs`?"]);
    refused("[train]", "[trian]", &["small.toml:16: ", "`trian`", "did you mean `train`?"]);
    refused("dim = 8", "dimm = 8", &["small.toml:6: unknown key `data.dimm`", "did you mean `data.dim`?"]);
    refused("seed = [1, 2]", "\"train.lrr\" = [0.1]", &["small.toml:21: unknown key `train.lrr`", "mean `train.lr`?"]);
    refused("epochs = 2", "epochs = 2\nepochs = 3", &["small.toml:18: ", "duplicate key"]);
}

#[test]
fn unknown_architecture() {
    refused("\"star\"]", "\"mmeo\"]", &["small.toml:20: unknown architecture `mmeo`", "did you mean `mmoe`?"]);
    section_refused("[compare]\nbaseline = { architecture = \"strr\" }", &["small.toml:20: ", "did you mean `star`?"]);
    is_refused(&Program::new().run(&["zoo", "mmeo"]), "zoo", &["unknown architecture `mmeo`; did you mean `mmoe`?"]);
}

#[test]
fn unknown_knob() {
    let parts = ["small.toml:11: unknown key `star.botom_widths`", "did you mean `star.bottom_widths`?"];
    refused("[star]\nbottom_widths", "[star]\nbotom_widths", &parts);
    let parts = ["small.toml:22: ", "exprts", "did you mean `mmoe.experts`?"];
    refused("seed = [1, 2]", "[grid.mmoe]\nexprts = [2]", &parts);
}

#[test]
fn unknown_task() {
    let parts = ["small.toml:20: `score` is \"tsk1.mse\"", "did you mean `task1.mse`?"];
    section_refused("[select]\nscore = \"tsk1.mse\"", &parts);
    let parts = ["small.toml:18: `task_weights` has 1 numbers, expected one for each of the 2 tasks (task1, task2)"];
    refused("epochs = 2", "epochs = 2\ntask_weights = [1.0]", &parts);
    let parts = ["small.toml:7: ", "`kinds` is a list of 1, expected one word for each of 2 tasks"];
    refused("scenes = 2", "kinds = [\"binary\"]", &parts);
}

#[test]
fn unknown_scene() {
    // A scene is named by the column that it comes from; the scenes themselves are what the data has.
    let reviews = "source = \"reviews\"\nscene = \"departmnt\"";
    let synthetic = "source = \"synthetic\"\nrows = 3000\ndim = 8\nscenes = 2";
    refused(synthetic, reviews, &["small.toml:5: `data.scene` is \"departmnt\"", "did you mean `department`?"]);
    refused("dim = 8", "dim = 8\nshares = [0.2, 0.3, 0.5]", &["small.toml:7: ", "each of 2 scenes"]);
}

#[test]
fn unknown_protocol() {
    refused("seed = [1, 2]", "protocol = [\"jiont\"]", &["small.toml:21: ", "`jiont`", "did you mean `joint`?"]);
}

#[test]
fn unknown_metric() {
    section_refused("[select]\nscore = \"task1.mes\"", &["small.toml:20: `score`", "did you mean `task1.mse`?"]);
    let parts = ["small.toml:20: `compare.metric.regression` is `mes`", "did you mean `mse`?"];
    section_refused("[compare]\nmetric = { regression = \"mes\" }", &parts);
}

#[test]
fn unknown_source_and_engine() {
    let parts = ["small.toml:4: unknown `data.source` `synthetc`", "did you mean `synthetic`?"];
    refused("\"synthetic\"", "\"synthetc\"", &parts);
    is_refused(&Program::new().run(&["data", "describe", "synthetc"]), "describe", &["did you mean `synthetic`?"]);
    let program = changed(&[]);
    let parts = ["engine `cpuu` is not to be had", "did you mean `cpu`?", "`cuda`, `wgpu`"];
    is_refused(&program.grid("small.toml", &["--engine", "cpuu"]), "engine", &parts);
    assert_eq!(program.listing(), [program.path("small.toml")]);
}

#[test]
fn out_of_range() {
    let parts = ["small.toml:9: `model.dropout` is 1.5, expected a number from 0 to 0.95; did you mean `0.95`?"];
    refused("dropout = 0.1", "dropout = 1.5", &parts);
    refused("epochs = 2", "epochs = 0", &["small.toml:17: `train.epochs` is 0, expected", "did you mean `1`?"]);
    refused("epochs = 2", "epochs = 2.5", &["small.toml:17: `train.epochs` is 2.5, expected a whole number"]);
    refused("seed = [1, 2]", "\"train.lr\" = [1e-3, 1e30]", &["small.toml:21: `train.lr`", "did you mean `1000`?"]);
    refused("dim = 8", "gram = [[1.0, 2.0], [2.0, 1.0]]", &["small.toml:6: ", "`gram` is no Gram matrix"]);
    refused("rows = 3000", "rows = 3", &["small.toml:3: the valid part of `synthetic` is empty (3 rows in all)"]);
}

#[test]
fn empty_list() {
    refused("seed = [1, 2]", "seed = []", &["small.toml:21: the axis `seed` is empty, expected at least one"]);
    let parts = ["small.toml:20: the axis `architecture` is empty, expected at least one", "`mmoe`"];
    refused("[\"shared-bottom\", \"star\"]", "[]", &parts);
}

#[test]
fn no_trial() {
    let parts = ["small.toml:1: `grid.architecture` is missing, so there is no trial", "`mmoe`"];
    refused("architecture = [\"shared-bottom\", \"star\"]\n", "", &parts);
    let parts = ["small.toml:21: `grid.seed.count` is 0, expected a whole number from 1", "did you mean `1`?"];
    refused("seed = [1, 2]", "seed = { from = 1, count = 0 }", &parts);
    let parts = ["small.toml:20: no trial of the grid makes sense, the first because: no task of `synthetic`"];
    refused("\"shared-bottom\", \"star\"", "\"esmm\"", &parts);
}

#[test]
fn too_many_trials() {
    let parts = ["small.toml:19: the grid has 100002 trials, expected at most 100000; shorten an axis"];
    refused("seed = [1, 2]", "seed = { from = 1, count = 50001 }", &parts);
}

#[test]
fn not_toml() {
    refused("[grid]", "[grid", &["small.toml:19: this is not TOML"]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let program = changed(&[("epochs = 2", "epoch = 2"), ("\"star\"]", "\"strr\"]")]);
    let finished = program.grid("small.toml", &[]);
    let lines: Vec<&str> = finished.err.lines().collect();
    assert_eq!((finished.code, lines.len()), (2, 2), "{finished:?}");
    assert!(lines[0].contains("small.toml:17: ") && lines[1].contains("small.toml:20: "), "{lines:?}");
}

#[test]
fn missing_file() {
    let program = Program::new();
    is_refused(&program.grid("nowhere.toml", &[]), "nowhere.toml", &["cannot read `nowhere.toml`"]);
    assert!(program.listing().is_empty());
}
