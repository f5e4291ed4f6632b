//! `mmtl init`: a commented experiment file, written from the same descriptions that check one.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;

use mmtl_plan::Knob;
use mmtl_zoo::{architectures, model_knobs};

use crate::args::Init;
use crate::failure::Failure;
use crate::say::say;

/// Writes NAME.toml; an existing file is never overwritten.
pub fn init(args: &Init) -> Result<(), Failure> {
    let name = &args.name;
    let usable = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && !name.starts_with('.');
    if !usable {
        return Err(Failure::input(format!(
            "`{name}` cannot name an experiment: use letters, digits, `-`, `_` and `.`"
        )));
    }
    let text = template(name, &args.source)?;
    let path = format!("{name}.toml");
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(|e| Failure::input(format!("{path}: {e}")))?;
    file.write_all(text.as_bytes()).map_err(|e| Failure::failed(format!("{path}: {e}")))?;
    say(format_args!("{path} written; try: mmtl run {path}"))?;
    Ok(())
}

fn template(name: &str, source: &str) -> Result<String, Failure> {
    let mut text = format!(
        "# An experiment: every list under [grid] is an axis, every combination a trial. Lines that begin with `#` show\n\
         # what else can be set, with its default; under [grid], [seeds], [tune], [eval] and [[ablation]], with an example.\n\
         name = \"{name}\"\n\n[data]\nsource = \"{source}\"\n"
    );
    let data = mmtl_data::knobs(source).map_err(Failure::input)?;
    comment(&mut text, data.iter().filter(|k| k.name != "source"));
    section(&mut text, "model", &model_knobs());
    section(&mut text, "train", &mmtl_train::knobs());
    section(&mut text, "select", &mmtl_train::select_knobs());
    text.push_str(
        "\n[grid]\narchitecture = [\"shared-bottom\", \"mmoe\"]\nseed = { from = 1, count = 3 }\n\
         # protocol = [\"joint\", \"per-scene\"]  # one fit of all scenes, which is the default, or a fit for each\n# scene_feature = [false, true]\n# \"train.lr\" = [1e-3, 1e-2]\n\
         # [grid.mmoe]\n# experts = [4, 8]\n\n\
         # [seeds]  # of data, split, initialisation, order and dropout; all but the split follow the trial's\n\
         # split = \"trial\"  # another split for each seed; a number, 1 unless set, is one for all\n\n\
         # [tune]  # chosen on validation rows for each row of the tables, then run on the seeds of [grid]\n\
         # \"train.lr\" = { min = 1e-4, max = 1e-2, log = true }  # a list of values, or a range; `steps = 5` is a list\n\
         # \"model.dropout\" = [0.0, 0.2]\n# trials = 10  # settings for each row, the same for all\n\
         # seeds = [101, 102]  # none of them in [grid]\n# [tune.mmoe]\n# experts = [4, 8]  # tried by this architecture alone\n\n\
         # [eval]\n# metrics = [\"prauc\", \"ece\"]  # scored beside the usual ones, also once the runs have finished\n\
         # at_looks = true  # at every evaluation too, as curves\n\n\
         [compare]\nbaseline = { architecture = \"shared-bottom\" }\n\
         # metric = { binary = \"auc\", regression = \"mse\", multiclass = \"accuracy\" }  # what a task's table is about\n\n\
         # [[ablation]]\n# name = \"uniform gate\"\n# base = { architecture = \"mmoe\" }\n# set = { \"mmoe.gate\" = \"uniform\" }\n",
    );
    for architecture in architectures() {
        let _ = write!(text, "\n# [{}]  # {}\n", architecture.name(), architecture.title());
        comment(&mut text, architecture.knobs().iter());
    }
    Ok(text)
}

fn section(text: &mut String, name: &str, knobs: &[Knob]) {
    let _ = write!(text, "\n[{name}]\n");
    comment(text, knobs.iter());
}

fn comment<'a>(text: &mut String, knobs: impl Iterator<Item = &'a Knob>) {
    for knob in knobs {
        let _ = writeln!(text, "# {} = {}  # {} ({})", knob.name, knob.default, knob.doc, knob.kind);
    }
}
