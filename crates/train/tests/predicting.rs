//! Predictions: their order, their unit, their batches.

use mmtl_plan::{Engine, SessionOptions, TableUpdates, TaskKind};
use mmtl_reference::ReferenceEngine;
use mmtl_train::{Portions, Prediction, predict};

use crate::world::{AMOUNT, dataset, plan};

fn probabilities(prediction: &Prediction) -> &[f32] {
    match prediction {
        Prediction::Probabilities(values) => values,
        Prediction::Values(_) => panic!("a regression"),
    }
}

fn values(prediction: &Prediction) -> &[f64] {
    match prediction {
        Prediction::Values(values) => values,
        Prediction::Probabilities(_) => panic!("no regression"),
    }
}

#[test]
fn rows_keep_their_order_and_batches_do_not_matter() {
    let dataset = dataset(60);
    let plan = plan(&dataset, "star", &[0, 1, 2], &[]);
    let options = SessionOptions { max_rows: 64, initialisation: 3, dropout: 3, tables: TableUpdates::Exact };
    let mut session = ReferenceEngine::default().session(plan.clone(), options).unwrap();
    // One step, so that scene matrices and statistics differ between scenes.
    let mut batch = mmtl_plan::Batch::default();
    let rows: Vec<u32> = (0..60).collect();
    dataset.fill(&rows, &mut batch);
    let optimiser = mmtl_plan::Optimiser::Sgd { momentum: 0.0 };
    let update = mmtl_plan::Update { optimiser, lr: 0.5, step: 1, clip: None, decay: mmtl_plan::Decay::default() };
    session.step(&batch, &[1.0; 3], &update).unwrap();

    let forward = predict(session.as_mut(), &dataset, &rows, Portions { rows: 64, ahead: 2 }).unwrap();
    let [click, amount, rating] = &forward[..] else { panic!("three outputs") };
    let lens = (probabilities(click).len(), values(amount).len(), probabilities(rating).len());
    assert_eq!(lens, (60, 60, 180));
    for portions in [(1, 0), (7, 0), (7, 1), (60, 3)].map(|(rows, ahead)| Portions { rows, ahead }) {
        assert_eq!(predict(session.as_mut(), &dataset, &rows, portions).unwrap(), forward, "{portions:?}");
    }

    let some: Vec<u32> = rows.iter().rev().step_by(2).copied().collect();
    let backward = predict(session.as_mut(), &dataset, &some, Portions { rows: 7, ahead: 0 }).unwrap();
    for (place, &row) in some.iter().enumerate() {
        let row = row as usize;
        assert_eq!(probabilities(&backward[0])[place], probabilities(click)[row]);
        assert_eq!(values(&backward[1])[place], values(amount)[row]);
        assert_eq!(probabilities(&backward[2])[3 * place..][..3], probabilities(rating)[3 * row..][..3]);
    }
    assert!(
        predict(session.as_mut(), &dataset, &[], Portions { rows: 7, ahead: 2 })
            .unwrap()
            .iter()
            .all(|p| p.column().is_empty())
    );
}

#[test]
fn a_regression_comes_back_in_its_own_unit() {
    let dataset = dataset(60);
    let plan = plan(&dataset, "single-task", &[AMOUNT], &[]);
    let options = SessionOptions { max_rows: 8, initialisation: 3, dropout: 3, tables: TableUpdates::Exact };
    let mut session = ReferenceEngine::default().session(plan, options).unwrap();
    let mut batch = mmtl_plan::Batch::default();
    dataset.fill(&[11], &mut batch);
    let mut out = vec![vec![]];
    session.predict(&batch, &mut out).unwrap();
    let predicted = predict(session.as_mut(), &dataset, &[11], Portions { rows: 8, ahead: 2 }).unwrap();
    let TaskKind::Regression { scale } = dataset.schema().tasks[AMOUNT].kind else { panic!("amount is a regression") };
    assert!(scale.mean > 40.0 && scale.deviation > 1.0, "{scale:?}");
    assert_eq!(values(&predicted[0]), [scale.mean + scale.deviation * f64::from(out[0][0])]);
}
