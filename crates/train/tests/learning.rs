//! A fit learns what there is to learn, and no more.

use mmtl_data::{Dataset, FieldColumn, Part};
use mmtl_plan::Value;

use crate::world::{AMOUNT, CLICK, columns, fitted, plan, spec, word};

/// Labels that depend on the item alone: no model of the item can have a train loss below the items' own spread, and
/// one with a free value an item reaches it.
#[test]
fn losses_fall_to_their_closed_form_floors_and_not_below() {
    let mut columns = columns(200);
    columns.parts.fill(Part::Train);
    let FieldColumn::Ids(items) = columns.fields[1].clone() else { unreachable!("items are categorical") };
    let prices = FieldColumn::Numeric(vec![0.0; 200]);
    let no_words = FieldColumn::Tokens { ids: vec![], starts: vec![0; 201] };
    (columns.fields[2], columns.fields[3]) = (no_words, prices);
    let (clicks, amounts) = (columns.labels[CLICK].clone(), columns.labels[AMOUNT].clone());
    let dataset = Dataset::from_columns(columns).unwrap();
    let floors = [entropy_given(&items, &clicks), unexplained(&items, &clicks, &amounts)];

    let plan = plan(&dataset, "single-task", &[CLICK, AMOUNT], &[("activation", word("tanh"))]);
    let train = [
        ("epochs", Value::Int(2000)),
        ("batch_size", Value::Int(200)),
        ("lr", Value::Float(0.05)),
        ("schedule", word("cosine")),
        ("eval_every", Value::Float(40.0)),
    ];
    let fitted = fitted(&dataset, &spec(&dataset, &plan, &train, &[]));
    let last = &fitted.history().last().unwrap().losses;
    for (loss, floor) in last.iter().zip(floors) {
        let loss = loss.unwrap();
        // The mean of the last 40 steps: 1e-3 above is converged, 1e-6 below is f32.
        assert!((floor - 1e-6..floor + 1e-3).contains(&loss), "{loss}, the floor is {floor}");
    }
    let first = &fitted.history()[0].losses;
    assert!(first.iter().zip(floors).all(|(loss, floor)| loss.unwrap() > floor + 0.01), "{first:?}, floors {floors:?}");
}

/// Mean over rows of the entropy of the label's rate among the rows of the same item.
fn entropy_given(items: &[u32], labels: &[f64]) -> f64 {
    let loss = |row: usize| {
        let same: Vec<f64> = (0..items.len()).filter(|&r| items[r] == items[row]).map(|r| labels[r]).collect();
        let rate = same.iter().sum::<f64>() / same.len() as f64;
        let of_label = if labels[row] == 1.0 { rate } else { 1.0 - rate };
        -of_label.ln()
    };
    (0..items.len()).map(loss).sum::<f64>() / items.len() as f64
}

/// Share of the clicked rows' variance that their items do not explain: the floor of a standardised squared error.
fn unexplained(items: &[u32], clicks: &[f64], labels: &[f64]) -> f64 {
    let rows: Vec<usize> = (0..items.len()).filter(|&row| clicks[row] == 1.0).collect();
    let mean = |of: &[usize]| of.iter().map(|&row| labels[row]).sum::<f64>() / of.len() as f64;
    let overall = mean(&rows);
    let total: f64 = rows.iter().map(|&row| (labels[row] - overall).powi(2)).sum();
    let within = |row: usize| {
        let same: Vec<usize> = rows.iter().copied().filter(|&r| items[r] == items[row]).collect();
        (labels[row] - mean(&same)).powi(2)
    };
    rows.iter().map(|&row| within(row)).sum::<f64>() / total
}
