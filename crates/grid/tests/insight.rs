//! What a worker tells of gates and gradients, and that telling it moves no number.

use std::path::Path;

use mmtl_cpu::CpuEngine;
use mmtl_grid::events::{FitState, GridState, Happened};
use mmtl_grid::run::{fits, run_trial};
use mmtl_grid::store::Store;
use mmtl_grid::worker::{Ended, Tools, work};
use mmtl_grid::{Catalogue, Execution, Experiment, Round, Stop, prepare};

const EXPERIMENT: &str = r#"
name = "insight"
[data]
source = "synthetic"
rows = 1500
dim = 8
scenes = 3
[model]
embedding_dim = 4
dropout = 0.2
[train]
epochs = 2
batch_size = 128
[grid]
architecture = ["single-task", "mmoe", "ple", "star"]
[mmoe]
experts = 3
expert_widths = [8]
[ple]
expert_widths = [8]
"#;

#[test]
fn workers_tell_of_gates_and_gradients_and_record_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (file, cache) = (folder.path().join("experiment.toml"), folder.path().join("cache"));
    std::fs::write(&file, EXPERIMENT).unwrap();
    let (catalogue, execution) = (Catalogue::standard(), Execution::default());
    let experiment = Experiment::read(&file, &catalogue).unwrap();
    let prepared = prepare(&experiment, &catalogue, &execution, &cache, &mut |_| {}).unwrap();
    let store = Store::create(&folder.path().join("results")).unwrap();
    prepared.write(&store, &experiment, &catalogue).unwrap();
    for (planned, trial) in prepared.trials() {
        let run = store.run(&planned.key);
        let engine = |_: &Execution| Ok(Box::new(CpuEngine::new(1).unwrap()) as Box<dyn mmtl_plan::Engine>);
        let tools = Tools { catalogue: &catalogue, engine: &engine, cache: &cache, threads: 1 };
        assert_eq!(work(&run, tools, &Stop::default()).unwrap(), Ended::Finished, "{}", planned.architecture);
        assert_eq!(
            std::fs::read(run.file("record.json")).unwrap(),
            run.record_bytes(&blind(&trial.configuration, &catalogue, &cache)).unwrap(),
            "{}: the record is that of a run that nobody looked at",
            planned.architecture
        );
        let mut state = GridState::default();
        for line in run.events().poll().unwrap() {
            state.apply(Happened::Run(planned.key.clone(), line.into_value().expect("a whole line")));
        }
        check(&planned.architecture, &state.run(&planned.key).unwrap().fits);
    }
}

/// The record of a trial that nobody looks at.
fn blind(configuration: &mmtl_grid::Configuration, catalogue: &Catalogue, cache: &Path) -> mmtl_grid::store::Record {
    let settings = configuration.settings(catalogue).unwrap();
    let dataset = mmtl_data::open(&settings.data, &configuration.seeds, cache, &mut |_| {}).unwrap();
    let architecture = mmtl_zoo::architecture(&configuration.architecture).unwrap();
    let fits = fits(configuration, &settings, architecture, &dataset).unwrap();
    run_trial(&fits, &dataset, &CpuEngine::new(1).unwrap(), (Round::Final, &[]), &mut ()).unwrap().unwrap().record
}

fn check(architecture: &str, fits: &[FitState]) {
    let seen: Vec<_> = fits.iter().filter_map(|fit| fit.insight.as_ref()).collect();
    if architecture == "single-task" {
        assert!(fits.len() > 1 && seen.is_empty(), "one task has neither gates nor conflicts: {seen:?}");
        return;
    }
    assert_eq!((fits.len(), seen.len()), (1, 1), "{architecture}");
    let (fit, seen) = (&fits[0], seen[0]);
    assert_eq!(seen.step, fit.step, "{architecture}: the last step is looked at");
    let cosines = seen.cosines.as_ref().unwrap();
    let tasks = cosines.objectives.len();
    assert!(tasks > 1 && cosines.matrix.len() == tasks && cosines.matrix[0][0] == Some(1.0), "{cosines:?}");
    let names: Vec<&str> = seen.gates.iter().map(|gate| gate.name.as_str()).collect();
    match architecture {
        "mmoe" => {
            assert_eq!(names, ["gate"]);
            assert_eq!((&seen.gates[0].gates, seen.scenes.len()), (&cosines.objectives, 3));
            assert_eq!(seen.gates[0].experts, ["0", "1", "2"]);
        }
        "ple" => {
            assert_eq!(names, ["level.0.gate", "level.1.gate"]);
            let last = &seen.gates[1];
            assert_eq!(last.gates[0], format!("task/{}", cosines.objectives[0]));
            assert_eq!(last.experts.last().map(String::as_str), Some("shared/3"));
            let allowed = last.weights[0][0].iter().flatten().count();
            assert_eq!(allowed, 8, "four of its own and four that all share");
        }
        _ => assert!(names.is_empty(), "{architecture}: {names:?}"),
    }
}
