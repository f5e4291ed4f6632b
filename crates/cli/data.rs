//! `mmtl data`: looks at data sets.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use mmtl_data::{Dataset, card_text, cards, describe, export, guess};
use mmtl_grid::{Catalogue, Execution, Experiment, Prepared, described, plain, prepare};
use mmtl_plan::{Seeds, Settings, Value, nearest};
use serde_json::json;

use crate::args::Data;
use crate::failure::Failure;
use crate::folder;
use crate::preparing::DataProgress;
use crate::say::{put, say};
use crate::workers::cache_of;

/// Does what was asked for.
pub fn data(args: &Data) -> Result<(), Failure> {
    match args {
        Data::Describe { experiment, results } => {
            say(describe(&open(experiment, results)?))?;
            Ok(())
        }
        Data::Import { card, files, seed, unseen_scenes, results } => {
            import(card, files, *seed, *unseen_scenes, results)
        }
        Data::Guess { file, out } => draft(file, out.as_deref()),
        Data::Cards { name } => show_cards(name.as_deref()),
        Data::Export { experiment, dir, results } => export_all(experiment, dir, results),
    }
}

/// Prepares files, says what is in them, and how an experiment names them.
fn import(card: &str, files: &[PathBuf], seed: u64, unseen_scenes: bool, results: &Path) -> Result<(), Failure> {
    let knobs = mmtl_data::knobs("card").map_err(Failure::input)?;
    let paths: Vec<Value> = files.iter().map(|path| Value::Text(path.display().to_string())).collect();
    let given = [
        ("source", Value::Text("card".to_owned())),
        ("card", Value::Text(card.to_owned())),
        ("files", Value::List(paths.clone())),
        ("unseen_scenes", Value::Bool(unseen_scenes)),
    ];
    let given = given.iter().map(|(key, value)| (*key, value));
    let settings = Settings::resolve(&knobs, given).map_err(Failure::input)?;
    let mut bar = DataProgress::new(false);
    let seeds = Seeds { split: seed, ..Seeds::all(1) };
    let dataset = mmtl_data::open(&settings, &seeds, &cache_of(results), &mut |progress| bar.show_one(progress));
    let took = bar.end();
    let dataset = dataset.map_err(Failure::input)?;
    say(describe(&dataset))?;
    let rate = dataset.len() as f64 / took.as_secs_f64().max(1e-3);
    say(format_args!("{} rows in {:.1} s ({rate:.0} rows/s). In an experiment:\n", dataset.len(), took.as_secs_f64()))?;
    say(format_args!(
        "[data]\nsource = \"card\"\ncard = {}\nfiles = {}{}",
        json!(card),
        json!(paths.iter().map(plain).collect::<Vec<_>>()),
        if unseen_scenes { "\nunseen_scenes = true" } else { "" }
    ))?;
    if seed != 1 {
        say(format_args!("\n[seeds]\nsplit = {seed}"))?;
    }
    Ok(())
}

fn draft(file: &Path, out: Option<&Path>) -> Result<(), Failure> {
    let card = guess(file).map_err(Failure::input)?;
    let Some(out) = out else {
        put(card)?;
        return Ok(());
    };
    if out.exists() {
        return Err(Failure::input(format!("`{}` exists, expected the name of a file to make", out.display())));
    }
    fs::write(out, card).map_err(Failure::writing(out))?;
    say(format_args!(
        "{} is a first draft: read it, correct it, then `mmtl data import {0} {}`",
        out.display(),
        file.display()
    ))?;
    Ok(())
}

fn show_cards(name: Option<&str>) -> Result<(), Failure> {
    let Some(name) = name else {
        for (name, about) in cards() {
            say(format_args!("{name:<22} {about}"))?;
        }
        return Ok(());
    };
    let text = card_text(name).ok_or_else(|| {
        let near = nearest(name, cards().map(|(name, _)| name));
        let near = near.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        let names = cards().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
        Failure::input(format!("no card `{name}` ships, expected one of {names}{near}"))
    })?;
    put(text)?;
    Ok(())
}

/// The data of an experiment file's first trial, or of a source with its defaults.
fn open(given: &str, results: &Path) -> Result<Dataset, Failure> {
    let cache = cache_of(results);
    let mut bar = DataProgress::new(false);
    let dataset = if mmtl_data::sources().iter().any(|source| source.name() == given) {
        let knobs = mmtl_data::knobs(given).map_err(Failure::input)?;
        let source = Value::Text(given.to_owned());
        let settings = Settings::resolve(&knobs, [("source", &source)]).map_err(Failure::input)?;
        mmtl_data::open(&settings, &Seeds::all(1), &cache, &mut |progress| bar.show_one(progress))
    } else if !Path::new(given).exists() {
        return Err(Failure::input(neither(given)));
    } else {
        let catalogue = Catalogue::standard();
        let experiment = Experiment::read(Path::new(given), &catalogue).map_err(Failure::input)?;
        let trials = experiment.trials(&catalogue, &Execution::default());
        let first = trials.first().ok_or_else(|| Failure::input(format!("{given} has no trial")))?;
        let settings = first.configuration.settings(&catalogue).map_err(Failure::input)?;
        mmtl_data::open(&settings.data, &first.configuration.seeds, &cache, &mut |progress| bar.show_one(progress))
    };
    bar.end();
    dataset.map_err(Failure::input)
}

/// The sentence for what is neither a file nor a source.
fn neither(given: &str) -> String {
    let names = || mmtl_data::sources().iter().map(|source| source.name());
    let near = nearest(given, names()).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
    let names = names().collect::<Vec<_>>().join(", ");
    format!("there is no file `{given}`, expected an experiment file or one of {names}{near}")
}

/// Writes schema, encoded rows and resolved trials into a new folder.
fn export_all(file: &Path, dir: &Path, results: &Path) -> Result<(), Failure> {
    folder::must_not_exist(dir)?;
    let catalogue = Catalogue::standard();
    let experiment = Experiment::read(file, &catalogue).map_err(Failure::input)?;
    let cache = cache_of(results);
    let mut bar = DataProgress::new(false);
    let prepared = prepare(&experiment, &catalogue, &Execution::default(), &cache, &mut |progress| bar.show(progress));
    bar.end();
    let prepared = prepared.map_err(Failure::input)?;
    let ready =
        the_dataset(&prepared, &catalogue, &cache).and_then(|data| Ok((data, resolved(&prepared, &catalogue)?)));
    let (dataset, trials) = ready.inspect_err(|_| prepared.take_back())?;
    folder::make(dir, |draft| fill_folder(draft, &dataset, &trials).map_err(Failure::writing(dir)))?;
    say(format_args!("{} rows and {} trials written to {}", dataset.len(), prepared.grid.runs.len(), dir.display()))?;
    Ok(())
}

fn fill_folder(dir: &Path, dataset: &Dataset, trials: &serde_json::Value) -> io::Result<()> {
    fs::write(dir.join("schema.json"), format!("{:#}\n", json!(dataset.schema())))?;
    fs::write(dir.join("trials.json"), format!("{trials:#}\n"))?;
    export(dataset, File::create(dir.join("rows.parquet"))?).map_err(io::Error::other)
}

/// The one data set that all trials share.
fn the_dataset(prepared: &Prepared, catalogue: &Catalogue, cache: &Path) -> Result<Dataset, Failure> {
    let mut trials = prepared.trials();
    let (_, first) = trials.next().ok_or_else(|| Failure::input("the experiment has no trial"))?;
    if trials.any(|(_, trial)| trial.fingerprint != first.fingerprint) {
        return Err(Failure::input("the trials have different data, expected an experiment whose trials share one"));
    }
    let settings = first.configuration.settings(catalogue).map_err(Failure::input)?;
    mmtl_data::open(&settings.data, &first.configuration.seeds, cache, &mut |_| {}).map_err(Failure::input)
}

/// Every trial with all its settings, defaults included.
fn resolved(prepared: &Prepared, catalogue: &Catalogue) -> Result<serde_json::Value, Failure> {
    let trial = |(run, trial): (&mmtl_grid::Planned, &mmtl_grid::store::StoredTrial)| {
        let configuration = &trial.configuration;
        let settings = configuration.settings(catalogue).map_err(Failure::input)?;
        let mut told = described(&run.key, configuration, &settings);
        if run.is_tuning() {
            told["tuning"] = true.into();
        }
        Ok(told)
    };
    let runs = prepared.trials().filter(|(run, _)| run.not_applicable.is_none());
    Ok(json!(runs.map(trial).collect::<Result<Vec<_>, Failure>>()?))
}
