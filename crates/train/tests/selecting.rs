//! What is chosen is what is restored.

use mmtl_data::{Dataset, Part};
use mmtl_metrics::skill::skill;
use mmtl_metrics::{Kind, Metric, Sample, Score};
use mmtl_plan::{Seeds, Value};
use mmtl_train::{Choice, End, Evaluation, Fitted, Key, Prediction};

use crate::world::{AMOUNT, CLICK, RATING, columns, dataset, fitted, plan, spec, word};

const ROWS: usize = 300;

/// So high a rate that scores go up and down.
fn unsteady(dataset: &Dataset, select: crate::world::Given) -> Fitted {
    let plan = plan(dataset, "mmoe", &[CLICK, AMOUNT, RATING], &[]);
    let train = [
        ("epochs", Value::Int(4)),
        ("batch_size", Value::Int(16)),
        ("lr", Value::Float(0.2)),
        ("eval_every", Value::Float(0.25)),
        ("patience", Value::Int(0)),
    ];
    let mut spec = spec(dataset, &plan, &train, select);
    spec.seeds = Seeds::all(9);
    fitted(dataset, &spec)
}

fn valid(dataset: &Dataset, scene: Option<usize>) -> Vec<u32> {
    let is_of = |row: &u32| scene.is_none_or(|scene| dataset.scene(*row) == scene);
    dataset.rows(Part::Valid).iter().copied().filter(is_of).collect()
}

/// Skill of the fit's own predictions on `rows`, from the labels up.
fn skill_of(fitted: &mut Fitted, dataset: &Dataset, rows: &[u32], task: usize) -> f64 {
    let prediction = fitted.predict(dataset, rows).unwrap().swap_remove(task);
    let (kind, width) = match task {
        CLICK => (Kind::Binary, 1),
        AMOUNT => (Kind::Regression, 1),
        _ => (Kind::Multiclass { classes: 3 }, 3),
    };
    let labels: Vec<Option<f64>> = rows.iter().map(|&row| dataset.label(task, row)).collect();
    let known: Vec<usize> = (0..rows.len()).filter(|&place| labels[place].is_some()).collect();
    let labels: Vec<f64> = labels.into_iter().flatten().collect();
    let prediction = match prediction {
        Prediction::Values(values) => Prediction::Values(known.iter().map(|&k| values[k]).collect()),
        Prediction::Probabilities(values) => {
            Prediction::Probabilities(known.iter().flat_map(|&k| &values[k * width..][..width]).copied().collect())
        }
    };
    let baseline = dataset.base(task).baseline(dataset.schema().tasks[task].kind);
    let sample = Sample::new(kind, prediction.column(), &labels).unwrap();
    skill(&sample, &baseline).unwrap().score.value().unwrap()
}

/// The evaluation that a key's weights should come from: the first with the highest score.
fn expected(fitted: &Fitted, key: Key) -> (u64, Score) {
    let choice = |evaluation: &Evaluation| -> Choice {
        *evaluation.choices.iter().find(|choice| choice.key == key).expect("the key is judged")
    };
    let of = |evaluation: &Evaluation| choice(evaluation).score.value().expect("there are rows of every kind");
    let top = fitted.history().iter().map(of).fold(f64::NEG_INFINITY, f64::max);
    let first = fitted.history().iter().find(|evaluation| of(evaluation) == top).unwrap();
    assert!(choice(first).best);
    (first.step, choice(first).score)
}

#[test]
fn the_run_s_best_is_restored_though_patience_lasted() {
    let dataset = dataset(ROWS);
    let mut fitted = unsteady(&dataset, &[]);
    assert_eq!(fitted.end(), End::Epochs);
    let best = fitted.best()[0].clone();
    assert_eq!((best.step, best.score), expected(&fitted, Key::Run));
    assert!(best.step < fitted.steps(), "the last step is the best: nothing to tell them apart by");
    let rows = valid(&dataset, None);
    let skills = [CLICK, AMOUNT, RATING].map(|task| skill_of(&mut fitted, &dataset, &rows, task));
    let mean = skills.iter().sum::<f64>() / 3.0;
    assert!((mean - best.score.value().unwrap()).abs() < 1e-12, "{mean}, selected by {:?}", best.score);
}

#[test]
fn each_task_is_predicted_by_its_own_weights() {
    let dataset = dataset(ROWS);
    let mut fitted = unsteady(&dataset, &[("per", word("task"))]);
    let rows = valid(&dataset, None);
    let mut steps = vec![];
    for task in [CLICK, AMOUNT, RATING] {
        let best = fitted.best()[1 + task].clone();
        assert_eq!((best.key, best.step, best.score), {
            let (step, score) = expected(&fitted, Key::Output(task));
            (Key::Output(task), step, score)
        });
        assert_eq!(Score::Value(skill_of(&mut fitted, &dataset, &rows, task)), best.score);
        steps.push(best.step);
    }
    assert!(steps.windows(2).any(|pair| pair[0] != pair[1]), "all tasks chose step {}", steps[0]);
}

#[test]
fn each_scene_is_predicted_by_its_own_weights() {
    let dataset = dataset(ROWS);
    let mut fitted = unsteady(&dataset, &[("per", word("scene"))]);
    let mut steps = vec![];
    let everything = valid(&dataset, None);
    let together = fitted.predict(&dataset, &everything).unwrap();
    for scene in 0..3 {
        let best = fitted.best()[1 + scene].clone();
        assert_eq!((best.step, best.score), expected(&fitted, Key::Scene(scene)));
        let rows = valid(&dataset, Some(scene));
        let skills = [CLICK, AMOUNT, RATING].map(|task| skill_of(&mut fitted, &dataset, &rows, task));
        let mean = skills.iter().sum::<f64>() / 3.0;
        assert!((mean - best.score.value().unwrap()).abs() < 1e-12, "{mean}, selected by {:?}", best.score);
        let alone = fitted.predict(&dataset, &rows).unwrap();
        let (Prediction::Probabilities(alone), Prediction::Probabilities(together)) = (&alone[CLICK], &together[CLICK])
        else {
            panic!("clicks are probable")
        };
        let places = everything.iter().zip(together).filter(|(row, _)| rows.contains(row)).map(|(_, p)| *p);
        assert_eq!(&places.collect::<Vec<f32>>(), alone);
        steps.push(best.step);
    }
    assert!(steps.windows(2).any(|pair| pair[0] != pair[1]), "all scenes chose step {}", steps[0]);
}

#[test]
fn a_lower_error_of_one_task_may_choose() {
    let dataset = dataset(ROWS);
    let fitted = unsteady(&dataset, &[("score", word("amount.mse"))]);
    let mse = |evaluation: &Evaluation| {
        let metrics = &evaluation.outputs[AMOUNT].all.metrics;
        metrics.iter().find(|(metric, _)| *metric == Metric::Mse).unwrap().1.score.value().unwrap()
    };
    let lowest = fitted.history().iter().map(mse).fold(f64::INFINITY, f64::min);
    assert_eq!(fitted.best()[0].score, Score::Value(lowest));
    let chosen = fitted.history().iter().find(|evaluation| evaluation.step == fitted.best()[0].step).unwrap();
    assert_eq!(mse(chosen), lowest);
    // Standardised errors would be about 1 at worst; these are in the target's unit, whose variance is about 16.
    assert!(fitted.history().iter().map(mse).fold(0.0, f64::max) > 2.0);
}

#[test]
fn without_validation_rows_the_last_weights_stand_and_say_so() {
    let mut columns = columns(100);
    columns.parts.iter_mut().for_each(|part| {
        if *part == Part::Valid {
            *part = Part::Test;
        }
    });
    let dataset = Dataset::from_columns(columns).unwrap();
    let plan = plan(&dataset, "single-task", &[CLICK], &[]);
    let train = [("epochs", Value::Int(4)), ("batch_size", Value::Int(16)), ("patience", Value::Int(1))];
    let fitted = fitted(&dataset, &spec(&dataset, &plan, &train, &[]));
    assert_eq!((fitted.end(), fitted.best()[0].step), (End::Epochs, fitted.steps()));
    assert_eq!(fitted.best()[0].score, Score::Undefined(mmtl_metrics::Reason::Empty));
}

#[test]
fn weighted_rows_weigh_in_scores() {
    let mut columns = columns(100);
    columns.weights = (0..100).map(|row| [1.0, 0.5, 4.0][row % 3]).collect();
    let dataset = Dataset::from_columns(columns).unwrap();
    let plan = plan(&dataset, "single-task", &[CLICK], &[]);
    let mut fitted = fitted(&dataset, &spec(&dataset, &plan, &[("epochs", Value::Int(1))], &[]));
    let rows = valid(&dataset, None);
    let predictions = fitted.predict(&dataset, &rows).unwrap();
    let labels: Vec<f64> = rows.iter().map(|&row| dataset.label(CLICK, row).unwrap()).collect();
    let weights: Vec<f32> = rows.iter().map(|&row| dataset.weight(row)).collect();
    let plain = Sample::new(Kind::Binary, predictions[0].column(), &labels).unwrap();
    let weighted = plain.with_weights(&weights).unwrap();
    let of = |sample: &Sample| Metric::LogLoss.score(sample).unwrap();
    assert_ne!(of(&plain).score, of(&weighted).score);
    let metrics = &fitted.history()[0].outputs[0].all.metrics;
    assert!(metrics.contains(&(Metric::LogLoss, of(&weighted))), "{metrics:?}");
}
