//! Stopped and resumed equals never stopped.

use mmtl_cpu::CpuEngine;
use mmtl_data::Dataset;
use mmtl_plan::{Engine, Purpose, Stream, Value};
use mmtl_reference::{Precision, ReferenceEngine};
use mmtl_train::{Checkpoint, Command, Evaluation, FitSpec, Fitted, Outcome, fit};

use crate::onlooker::Onlooker;
use crate::world::{dataset, finished, fitted, plan, spec, watched, word};

const ORACLE: ReferenceEngine = ReferenceEngine { precision: Precision::Single, factors: mmtl_plan::Factors::F32 };

/// Nine steps an epoch, the last one partial; evaluations every 3.6.
const ROWS: usize = 180;

fn specs(dataset: &Dataset) -> [FitSpec; 4] {
    let star = plan(dataset, "star", &[0, 1, 2], &[("dropout", Value::Float(0.3))]);
    let mmoe = plan(dataset, "mmoe", &[0, 1, 2], &[("dropout", Value::Float(0.2))]);
    let common = |own: &[(&'static str, Value)]| {
        let mut train =
            vec![("epochs", Value::Int(5)), ("batch_size", Value::Int(13)), ("eval_every", Value::Float(0.4))];
        train.extend_from_slice(own);
        train
    };
    let patience = ("patience", Value::Int(0));
    let star_train = common(&[
        ("lr", Value::Float(0.02)),
        ("schedule", word("cosine")),
        ("warmup", Value::Float(0.5)),
        ("clip", Value::Float(1.0)),
        ("decay_dense", Value::Float(0.01)),
        ("decay_tables", Value::Float(0.01)),
        patience.clone(),
    ]);
    let mmoe_train = common(&[
        ("optimiser", word("sgd")),
        ("momentum", Value::Float(0.9)),
        ("lr", Value::Float(0.02)),
        ("table_updates", word("sparse")),
        patience,
    ]);
    let impatient = common(&[("optimiser", word("adamw")), ("lr", Value::Float(0.3)), ("patience", Value::Int(3))]);
    let standing = common(&[
        ("optimiser", word("rmsprop")),
        ("lr", Value::Float(0.1)),
        ("schedule", word("plateau")),
        ("drop", Value::Float(0.5)),
        ("task_weight_decay", Value::List([0.5, 1.5, 1.0].map(Value::Float).to_vec())),
        ("label_smoothing", Value::Float(0.1)),
        ("ema", Value::Float(0.9)),
        ("ema_every", Value::Int(2)),
        ("patience", Value::Int(0)),
    ]);
    [
        spec(dataset, &star, &star_train, &[("per", word("scene"))]),
        spec(dataset, &mmoe, &mmoe_train, &[("per", word("task"))]),
        spec(dataset, &mmoe, &impatient, &[("score", word("amount.mae"))]),
        spec(dataset, &mmoe, &standing, &[]),
    ]
}

/// Fits in pieces, each from the bytes of the last one's checkpoint; `stop` decides at every look. Returns how many
/// times it stopped and what watchers were told on the way.
fn in_pieces(
    engine: &dyn Engine,
    dataset: &Dataset,
    spec: &FitSpec,
    mut stop: impl FnMut() -> bool,
) -> (Fitted, usize, Vec<Evaluation>) {
    let (mut file, mut stops, mut told): (Option<Vec<u8>>, usize, Vec<_>) = (None, 0, vec![]);
    loop {
        let mut onlooker = Onlooker::new(|| if stop() { Command::Stop } else { Command::Continue });
        let resume = file.as_ref().map(|bytes| Checkpoint::from_bytes(bytes).unwrap());
        let outcome = fit(engine, dataset, spec, resume, &mut onlooker).unwrap();
        told.append(&mut onlooker.evaluations);
        match outcome {
            Outcome::Finished(fitted) => return (*fitted, stops, told),
            Outcome::Stopped => {
                file = Some(onlooker.checkpoints.pop().unwrap().to_bytes());
                stops += 1;
            }
        }
    }
}

fn assert_same(dataset: &Dataset, whole: &mut Fitted, pieces: &mut Fitted) {
    assert_eq!(whole.history(), pieces.history());
    assert_eq!(whole.best(), pieces.best());
    assert_eq!(whole.digest(), pieces.digest());
    assert_eq!((whole.steps(), whole.end()), (pieces.steps(), pieces.end()));
    let rows: Vec<u32> = (0..dataset.len() as u32).collect();
    assert_eq!(whole.predict(dataset, &rows).unwrap(), pieces.predict(dataset, &rows).unwrap());
}

#[test]
fn stopping_anywhere_changes_no_bit() {
    let dataset = dataset(ROWS);
    for (s, spec) in specs(&dataset).iter().enumerate() {
        let mut whole = fitted(&dataset, spec);
        let history = whole.history().to_vec();
        let (mut every, stops, told) = in_pieces(&ORACLE, &dataset, spec, || true);
        assert!(stops > 8, "spec {s}: {stops} stops");
        assert_same(&dataset, &mut whole, &mut every);
        assert_eq!(told, history, "spec {s}: evaluations are told once each");
        let stream = Stream::new(s as u64, Purpose::Data, "stops");
        for attempt in 0..4 {
            let mut looks = 0;
            let (mut pieces, _, told) = in_pieces(&ORACLE, &dataset, spec, || {
                looks += 1;
                stream.uniform(attempt, looks) < 0.3
            });
            assert_same(&dataset, &mut whole, &mut pieces);
            assert_eq!(told, history, "spec {s}, attempt {attempt}");
        }
    }
}

#[test]
fn checkpoints_on_the_way_change_no_bit() {
    let dataset = dataset(ROWS);
    for spec in &specs(&dataset) {
        let mut whole = fitted(&dataset, spec);
        let mut onlooker = Onlooker::new(|| Command::Continue);
        let mut often = spec.clone();
        often.training.checkpoint_every = std::time::Duration::ZERO;
        let mut checkpointed = watched(&dataset, &often, &mut onlooker);
        assert!(onlooker.checkpoints.len() > 3, "{} checkpoints", onlooker.checkpoints.len());
        // The last one is that of the finished fit, which a trial of several fits goes on behind.
        assert_eq!(onlooker.checkpoints.last().map(Checkpoint::step), Some(whole.steps()));
        assert_same(&dataset, &mut whole, &mut checkpointed);
        // A worker killed at any moment goes on from the last checkpoint it left, whatever it did after.
        for checkpoint in onlooker.checkpoints {
            let outcome = fit(&ORACLE, &dataset, spec, Some(checkpoint), &mut ()).unwrap();
            assert_same(&dataset, &mut whole, &mut finished(outcome));
        }
    }
}

#[test]
fn threads_change_no_bit_however_a_fit_is_cut() {
    let dataset = dataset(ROWS);
    let [one, two] = [1, 2].map(|threads| CpuEngine::new(threads).unwrap());
    for (s, spec) in specs(&dataset).iter().enumerate() {
        let mut whole = finished(fit(&one, &dataset, spec, None, &mut ()).unwrap());
        let mut uncut = finished(fit(&two, &dataset, spec, None, &mut ()).unwrap());
        assert_same(&dataset, &mut whole, &mut uncut);
        let stream = Stream::new(s as u64, Purpose::Data, "threads");
        for attempt in 0..4 {
            let mut looks = 0;
            let (mut pieces, _, _) = in_pieces(&two, &dataset, spec, || {
                looks += 1;
                stream.uniform(attempt, looks) < 0.5
            });
            assert_same(&dataset, &mut whole, &mut pieces);
        }
    }
}

#[test]
fn the_impatient_fit_ends_by_patience() {
    let dataset = dataset(ROWS);
    let impatient = fitted(&dataset, &specs(&dataset)[2]);
    assert_eq!(impatient.end(), mmtl_train::End::Patience);
    let evaluations = impatient.history().len();
    let best = impatient.history().iter().rposition(|evaluation| evaluation.choices[0].best).unwrap();
    assert_eq!(evaluations - 1 - best, 3, "three evaluations after the best");
}

/// Its rate has dropped and so its weights are others than those of a constant rate, from the first plateau on.
#[test]
fn a_plateau_drops_the_rate() {
    let dataset = dataset(ROWS);
    let standing = &specs(&dataset)[3];
    let mut constant = standing.clone();
    constant.training.shape = mmtl_train::Shape::Constant;
    let (dropped, steady) = (fitted(&dataset, standing), fitted(&dataset, &constant));
    let first = dropped.history().iter().position(|evaluation| !evaluation.choices[0].best).unwrap();
    assert!(first + 1 < dropped.history().len(), "it stood still at the end only");
    assert_eq!(dropped.history()[..=first], steady.history()[..=first]);
    assert_ne!(dropped.history()[first + 1], steady.history()[first + 1]);
}
