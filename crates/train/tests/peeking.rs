//! Who sees which labels.

use mmtl_data::{Columns, Dataset, Part};
use mmtl_plan::Value;
use mmtl_train::{Command, FitRows, FitSpec, Fitted};

use crate::onlooker::Onlooker;
use crate::world::{AMOUNT, CLICK, RATING, columns, plan, spec, watched};

const ROWS: usize = 200;

/// What a fit came to, and its weights at the last step at which it was asked.
struct Traces {
    fitted: Fitted,
    last_weights: Vec<f32>,
}

fn traces(columns: Columns, tasks: &[usize], restrict: impl Fn(&mut FitSpec, &Dataset)) -> Traces {
    let dataset = Dataset::from_columns(columns).unwrap();
    let plan = plan(&dataset, "mmoe", tasks, &[("dropout", Value::Float(0.1))]);
    let train = [
        ("epochs", Value::Int(4)),
        ("batch_size", Value::Int(16)),
        ("lr", Value::Float(0.02)),
        ("patience", Value::Int(0)),
    ];
    let mut spec = spec(&dataset, &plan, &train, &[]);
    restrict(&mut spec, &dataset);
    let mut onlooker = Onlooker::new(|| Command::Checkpoint);
    let fitted = watched(&dataset, &spec, &mut onlooker);
    let file = onlooker.checkpoints.last().unwrap().to_bytes();
    let last_weights = dense_of(&file);
    Traces { fitted, last_weights }
}

/// The session's arena in a checkpoint's file, which is plain safetensors.
fn dense_of(file: &[u8]) -> Vec<f32> {
    let tensors = safetensors::SafeTensors::deserialize(file).unwrap();
    bytemuck::pod_collect_to_vec(tensors.tensor("session/dense").unwrap().data())
}

fn flip_labels(columns: &mut Columns, of: impl Fn(&Columns, usize) -> bool) {
    let rows: Vec<usize> = (0..ROWS).filter(|&row| of(columns, row)).collect();
    assert!(rows.len() > 5, "only {} rows", rows.len());
    for row in rows {
        columns.labels[CLICK][row] = 1.0 - columns.labels[CLICK][row];
        columns.labels[RATING][row] = 2.0 - columns.labels[RATING][row];
    }
}

fn flipped(of: impl Fn(&Columns, usize) -> bool) -> Columns {
    let mut columns = columns(ROWS);
    flip_labels(&mut columns, of);
    columns
}

#[test]
fn test_labels_move_nothing() {
    let [plain, peeked] = [columns(ROWS), flipped(|c, row| c.parts[row] == Part::Test)]
        .map(|columns| traces(columns, &[CLICK, AMOUNT, RATING], |_, _| {}));
    assert_eq!(plain.fitted.digest(), peeked.fitted.digest());
    assert_eq!(plain.fitted.history(), peeked.fitted.history());
}

#[test]
fn validation_labels_move_scores_but_no_weight() {
    let [plain, peeked] = [columns(ROWS), flipped(|c, row| c.parts[row] == Part::Valid)]
        .map(|columns| traces(columns, &[CLICK, AMOUNT, RATING], |_, _| {}));
    assert_ne!(plain.fitted.history(), peeked.fitted.history());
    assert_eq!(plain.last_weights, peeked.last_weights);
}

#[test]
fn train_labels_move_weights() {
    let [plain, other] = [columns(ROWS), flipped(|c, row| c.parts[row] == Part::Train)]
        .map(|columns| traces(columns, &[CLICK, AMOUNT, RATING], |_, _| {}));
    assert_ne!(plain.last_weights, other.last_weights);
}

#[test]
fn a_fit_of_one_scene_sees_no_other() {
    let [plain, peeked] = [columns(ROWS), flipped(|c, row| c.scenes[row] != 1)]
        .map(|columns| traces(columns, &[CLICK, RATING], |spec, dataset| spec.rows = FitRows::of_scene(dataset, 1)));
    assert_eq!(plain.last_weights, peeked.last_weights);
    // Skill is not compared: its baseline is that of all train rows.
    let metrics = |traces: &Traces| -> Vec<_> {
        let outputs = traces.fitted.history().iter().flat_map(|evaluation| evaluation.outputs.clone());
        outputs.map(|output| output.all.metrics).collect()
    };
    assert_eq!(metrics(&plain), metrics(&peeked));
}
