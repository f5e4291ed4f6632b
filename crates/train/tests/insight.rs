//! What gates and gradients do is told, and looking at it changes no bit.

use std::io;

use mmtl_cpu::CpuEngine;
use mmtl_plan::{Engine, Value};
use mmtl_reference::ReferenceEngine;
use mmtl_train::{Checkpoint, Command, Evaluation, FitRows, FitSpec, Fitted, Insight, Outcome, Progress, Watcher, fit};

use crate::world::{columns, dataset, plan, spec, word};

const ROWS: usize = 180;

/// Notes everything; stops whenever it is asked, if it is to.
#[derive(Default)]
struct Curious {
    looks: bool,
    stops: bool,
    insights: Vec<Insight>,
    checkpoints: Vec<Checkpoint>,
}

impl Watcher for Curious {
    fn progress(&mut self, _: &Progress) -> io::Result<()> {
        Ok(())
    }

    fn evaluated(&mut self, _: &Evaluation) -> io::Result<()> {
        Ok(())
    }

    fn wants_insight(&self) -> bool {
        self.looks
    }

    fn insight(&mut self, insight: &Insight) -> io::Result<()> {
        self.insights.push(insight.clone());
        Ok(())
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> io::Result<()> {
        self.checkpoints.push(checkpoint.clone());
        Ok(())
    }

    fn command(&mut self) -> io::Result<Command> {
        Ok(if self.stops { Command::Stop } else { Command::Checkpoint })
    }
}

/// Running statistics, masks, both kinds of table updates, gates on one level and on two.
fn specs(dataset: &mmtl_data::Dataset) -> Vec<FitSpec> {
    let of = |name: &str, own: &[(&'static str, Value)]| {
        let plan = plan(dataset, name, &[0, 1, 2], &[("dropout", Value::Float(0.3))]);
        let mut train = vec![
            ("epochs", Value::Int(3)),
            ("batch_size", Value::Int(13)),
            ("eval_every", Value::Float(0.4)),
            ("lr", Value::Float(0.02)),
            ("patience", Value::Int(0)),
        ];
        train.extend_from_slice(own);
        spec(dataset, &plan, &train, &[])
    };
    let decay = ("decay_tables", Value::Float(0.01));
    vec![of("star", &[decay]), of("mmoe", &[("table_updates", word("sparse"))]), of("ple", &[])]
}

/// In one piece, or stopped at every look and resumed from the bytes of the checkpoint.
fn trained(
    engine: &dyn Engine,
    dataset: &mmtl_data::Dataset,
    spec: &FitSpec,
    looks: bool,
    stops: bool,
) -> (Fitted, Curious) {
    let mut watcher = Curious { looks, stops, ..Curious::default() };
    loop {
        let bytes = watcher.checkpoints.last().filter(|_| stops).map(Checkpoint::to_bytes);
        let resume = bytes.map(|bytes| Checkpoint::from_bytes(&bytes).unwrap());
        if let Outcome::Finished(fitted) = fit(engine, dataset, spec, resume, &mut watcher).unwrap() {
            return (*fitted, watcher);
        }
    }
}

#[test]
fn looking_changes_no_bit() {
    let dataset = dataset(ROWS);
    let engines: [&dyn Engine; 2] = [&ReferenceEngine::default(), &CpuEngine::new(2).unwrap()];
    for engine in engines {
        for spec in specs(&dataset) {
            let name = format!("{} {}", engine.name(), spec.plan.name);
            let (unseen, without) = trained(engine, &dataset, &spec, false, false);
            assert_eq!(without.insights, [], "{name}");
            let (seen, whole) = trained(engine, &dataset, &spec, true, false);
            assert!(!whole.insights.is_empty(), "{name}");
            assert_eq!(whole.checkpoints, without.checkpoints, "{name}: every checkpoint on the way");
            assert_eq!((seen.digest(), seen.history()), (unseen.digest(), unseen.history()), "{name}");
            let (resumed, pieces) = trained(engine, &dataset, &spec, true, true);
            assert!(pieces.checkpoints.len() > 3, "{name}");
            assert_eq!((resumed.digest(), resumed.history()), (unseen.digest(), unseen.history()), "{name} resumed");
            assert_eq!(pieces.insights, whole.insights, "{name}: what is seen does not depend on stops");
        }
    }
}

#[test]
fn gates_and_gradients_are_seen_at_the_last_step() {
    let dataset = dataset(ROWS);
    let specs = specs(&dataset);
    let seen = |number: usize| {
        let (fitted, watcher) = trained(&ReferenceEngine::default(), &dataset, &specs[number], true, false);
        let last = watcher.insights.last().unwrap().clone();
        assert_eq!(last.step, fitted.steps());
        last
    };
    let (star, mmoe, ple) = (seen(0), seen(1), seen(2));
    assert_eq!([&star, &mmoe, &ple].map(|insight| insight.gates.len()), [0, 1, 2]);
    for insight in [&star, &mmoe, &ple] {
        assert_eq!(insight.cosines.len(), 9);
        assert!((0..3).all(|k| insight.cosines[4 * k].is_some_and(|one| (one - 1.0).abs() < 1e-9)), "{insight:?}");
        let apart = insight.cosines[1].unwrap();
        assert!(apart.abs() < 0.999 && insight.cosines[3] == Some(apart), "{insight:?}");
    }
    for insight in [&mmoe, &ple] {
        assert_eq!(insight.scenes, [0, 1, 2]);
        for weights in insight.gates.iter().flat_map(|gate| &gate.weights) {
            assert_eq!(weights.len(), 3, "a row for each scene");
            assert!(weights.iter().all(|row| (row.iter().flatten().sum::<f64>() - 1.0).abs() < 1e-5), "{weights:?}");
        }
    }
    // Two levels of PLE: the first has a gate for what all tasks share, the second none; a task's gate sees no other's
    // experts.
    assert_eq!(ple.gates.iter().map(|gate| gate.weights.len()).collect::<Vec<_>>(), [4, 3]);
    assert!(ple.gates[1].weights[0][0].iter().filter(|weight| weight.is_none()).count() > 0);
    assert!(ple.gates[0].weights[3][0].iter().all(Option::is_some));
}

#[test]
fn one_task_has_no_conflict_and_one_scene_no_other() {
    let dataset = mmtl_data::Dataset::from_columns(columns(ROWS)).unwrap();
    let plan = plan(&dataset, "mmoe", &[0], &[]);
    let mut alone = spec(&dataset, &plan, &[("epochs", Value::Int(1)), ("batch_size", Value::Int(16))], &[]);
    alone.rows = FitRows::of_scene(&dataset, 1);
    let (_, watcher) = trained(&ReferenceEngine::default(), &dataset, &alone, true, false);
    let last = watcher.insights.last().unwrap();
    assert_eq!((last.scenes.as_slice(), last.cosines.len(), last.gates[0].weights.len()), (&[1][..], 0, 1));
}
