//! What goes wrong is said.

use std::io;

use mmtl_data::{Dataset, Part};
use mmtl_plan::{Seeds, Value};
use mmtl_reference::ReferenceEngine;
use mmtl_train::{Checkpoint, Command, Evaluation, FitRows, Progress, TrainError, Watcher, fit};

use crate::onlooker::Onlooker;
use crate::world::{columns, dataset, plan, spec, word};

fn failure(
    dataset: &Dataset,
    spec: &mmtl_train::FitSpec,
    resume: Option<Checkpoint>,
    watcher: &mut dyn Watcher,
) -> TrainError {
    fit(&ReferenceEngine::default(), dataset, spec, resume, watcher).expect_err("it should fail")
}

#[test]
fn a_loss_that_is_no_number_names_step_and_task() {
    let dataset = dataset(60);
    let plan = plan(&dataset, "single-task", &[0, 1], &[]);
    // Three layers of weights of about 1e9 after the first step: 1e27 is a logit with a finite loss, and its square is not.
    let train = [("optimiser", word("sgd")), ("batch_size", Value::Int(36)), ("epochs", Value::Int(9))];
    let mut spec = spec(&dataset, &plan, &train, &[]);
    spec.training.lr = 1e10;
    match failure(&dataset, &spec, None, &mut ()) {
        TrainError::NotFinite { step: 2, objective } => assert_eq!(objective, "amount"),
        other => panic!("{other}"),
    }
}

#[test]
fn a_scene_without_train_rows_is_named() {
    let mut columns = columns(60);
    for (part, scene) in columns.parts.iter_mut().zip(&columns.scenes) {
        if *scene == 2 {
            *part = Part::Test;
        }
    }
    let dataset = Dataset::from_columns(columns).unwrap();
    let plan = plan(&dataset, "single-task", &[0], &[]);
    let mut spec = spec(&dataset, &plan, &[], &[]);
    spec.rows = FitRows::of_scene(&dataset, 2);
    let message = failure(&dataset, &spec, None, &mut ()).to_string();
    assert_eq!(message, "fit `single-task` has no train row of scene `cart`");
}

#[test]
fn a_checkpoint_of_another_fit_is_refused() {
    let dataset = dataset(60);
    let plan = plan(&dataset, "single-task", &[0], &[]);
    let own = spec(&dataset, &plan, &[("epochs", Value::Int(9)), ("batch_size", Value::Int(4))], &[]);
    let mut onlooker = Onlooker::new(|| Command::Stop);
    fit(&ReferenceEngine::default(), &dataset, &own, None, &mut onlooker).unwrap();
    let checkpoint = onlooker.checkpoints.pop().unwrap();
    assert_eq!((checkpoint.step(), checkpoint.history().len()), (8, 0));
    let mut other = own.clone();
    other.seeds = Seeds { order: 6, ..own.seeds };
    let error = failure(&dataset, &other, Some(checkpoint.clone()), &mut ());
    assert!(matches!(error, TrainError::Foreign { what: "fit", .. }), "{error}");
    let double = ReferenceEngine { precision: mmtl_reference::Precision::Double, factors: mmtl_plan::Factors::F32 };
    let error = fit(&double, &dataset, &own, Some(checkpoint), &mut ()).expect_err("another numerics class");
    assert!(matches!(error, TrainError::Foreign { what: "numerics class", .. }), "{error}");
}

/// Has no room left.
struct Full;

impl Watcher for Full {
    fn progress(&mut self, _: &Progress) -> io::Result<()> {
        Ok(())
    }

    fn evaluated(&mut self, _: &Evaluation) -> io::Result<()> {
        Ok(())
    }

    fn checkpoint(&mut self, _: &Checkpoint) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn command(&mut self) -> io::Result<Command> {
        Ok(Command::Checkpoint)
    }
}

#[test]
fn what_cannot_be_recorded_ends_the_fit() {
    let dataset = dataset(60);
    let plan = plan(&dataset, "single-task", &[0], &[]);
    let spec = spec(&dataset, &plan, &[("batch_size", Value::Int(4))], &[]);
    let message = failure(&dataset, &spec, None, &mut Full).to_string();
    assert_eq!(message, "the fit's progress could not be recorded: no storage space");
}
