//! Scores that are asked for once runs have finished: made from their predictions, and the same to the byte as had they
//! been asked for before.

use std::path::Path;

use mmtl_cpu::CpuEngine;
use mmtl_grid::events::{GridState, Happened};
use mmtl_grid::store::{Line, Record, Rows, Store};
use mmtl_grid::worker::{Ended, Tools, work};
use mmtl_grid::{Catalogue, Execution, Experiment, Stop, TrialKey, prepare};
use mmtl_metrics::{Metric, Overall, Reason, Score};
use mmtl_plan::Engine;

const EXPERIMENT: &str = r#"
name = "rescore"
[data]
source = "synthetic"
rows = 900
dim = 8
scenes = 2
[model]
embedding_dim = 4
[train]
epochs = 2
batch_size = 128
[grid]
architecture = ["shared-bottom"]
protocol = ["joint", "per-scene"]
"#;

const EVAL: &str = "[eval]\nmetrics = [\"ratio\", \"r2\", \"ndcg@5\", \"spearman\"]\nat_looks = true\n";

/// Runs an experiment to its end; its runs' keys.
fn run(store: &Store, cache: &Path, text: &str, may_train: bool) -> Vec<TrialKey> {
    let (catalogue, execution) = (Catalogue::standard(), Execution::default());
    let experiment = Experiment::parse("rescore.toml", text.as_bytes(), &catalogue).unwrap();
    let prepared = prepare(&experiment, &catalogue, &execution, cache, &mut |_| {}).unwrap();
    prepared.write(store, &experiment, &catalogue).unwrap();
    let engine = |_: &Execution| {
        assert!(may_train, "a finished run needs no engine");
        Ok(Box::new(CpuEngine::new(1).unwrap()) as Box<dyn Engine>)
    };
    let keys: Vec<TrialKey> = prepared.trials().map(|(planned, _)| planned.key.clone()).collect();
    for key in &keys {
        let tools = Tools { catalogue: &catalogue, engine: &engine, cache, threads: 1 };
        assert_eq!(work(&store.run(key), tools, &Stop::default()).unwrap(), Ended::Finished);
    }
    keys
}

fn bytes(store: &Store, key: &TrialKey) -> Vec<u8> {
    std::fs::read(store.run(key).file("record.json")).unwrap()
}

fn pooled(record: &Record, metric: Metric) -> Vec<Score> {
    let of = |rows: &Rows| *rows == Rows::Overall(Overall::Pooled);
    record.cells.iter().filter(|cell| cell.metric == metric && of(&cell.rows)).map(|cell| cell.scored.score).collect()
}

#[test]
fn what_is_asked_for_later_is_scored_from_the_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let store = |name: &str| Store::create(&folder.path().join(name)).unwrap();
    let (later, before) = (store("later"), store("before"));
    let asked = format!("{EVAL}{EXPERIMENT}").replacen("name = \"rescore\"\n", "", 1);

    let keys = run(&later, &cache, EXPERIMENT, true);
    let usual: Vec<Vec<u8>> = keys.iter().map(|key| bytes(&later, key)).collect();
    let times: Vec<_> = keys.iter().map(|key| later.run(key).times().unwrap()).collect();
    assert_eq!(run(&later, &cache, &asked, false), keys, "what is scored is no part of a key");
    assert_eq!(run(&before, &cache, &asked, true), keys);

    for ((key, usual), times) in keys.iter().zip(usual).zip(times) {
        let both = bytes(&later, key);
        assert_ne!(both, usual);
        assert_eq!(both, bytes(&before, key));
        assert_eq!(later.run(key).times().unwrap(), times);
        let record = later.run(key).record().unwrap();
        assert!(pooled(&record, Metric::R2).iter().all(|score| score.value().is_some_and(|r2| r2 < 1.0)));
        let ndcg = pooled(&record, "ndcg@5".parse().unwrap());
        assert!(!ndcg.is_empty() && ndcg.iter().all(|score| *score == Score::Undefined(Reason::NoGroups)));
        // Looked at again, nothing is left to do.
        run(&later, &cache, &asked, false);
        assert_eq!(bytes(&later, key), both);
        assert!(stages(&later, key).contains(&"scoring the predictions".to_owned()));
        assert!(!stages(&before, key).contains(&"scoring the predictions".to_owned()));
        assert!(looks(&before, key).contains(&Metric::Spearman) && !looks(&later, key).contains(&Metric::Spearman));
    }
}

#[test]
fn a_metric_of_no_task_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (catalogue, execution) = (Catalogue::standard(), Execution::default());
    let text = format!("[eval]\nmetrics = [\"r2\", \"gauc\"]\n{EXPERIMENT}").replacen("name = \"rescore\"\n", "", 1);
    let experiment = Experiment::parse("e.toml", text.as_bytes(), &catalogue).unwrap();
    let error = prepare(&experiment, &catalogue, &execution, folder.path(), &mut |_| {}).unwrap_err().to_string();
    assert!(
        error.starts_with("e.toml:2: `eval.metrics` lists `gauc`, which is defined for none of the tasks"),
        "{error}"
    );
    assert!(error.contains("expected any of r2, spearman, ratio, ndcg@10"), "{error}");
}

fn stages(store: &Store, key: &TrialKey) -> Vec<String> {
    let lines = store.run(key).events().poll().unwrap().into_iter();
    let events = lines.filter_map(Line::into_value).map(|line| line.event);
    events
        .filter_map(|event| match event {
            mmtl_grid::events::RunEvent::Stage { name } => Some(name),
            _ => None,
        })
        .collect()
}

/// The metrics of the last evaluation.
fn looks(store: &Store, key: &TrialKey) -> Vec<Metric> {
    let mut state = GridState::default();
    for line in store.run(key).events().poll().unwrap() {
        state.apply(Happened::Run(key.clone(), line.into_value().expect("a whole line")));
    }
    let run = state.run(key).unwrap();
    assert!(run.fits.iter().all(|fit| fit.best_step.is_some()), "scoring leaves what is known of the fits");
    run.fits[0].latest().unwrap().scores.iter().map(|score| score.metric).collect()
}
