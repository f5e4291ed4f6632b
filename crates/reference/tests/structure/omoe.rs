//! One gate for all tasks is a gate for each, all of them the same.

use crate::net::{Given, Net, assert_close, batch, int, ints, schema};

const TASKS: usize = 5;

fn net(name: &str, own: Given) -> Net {
    let sizes = [("experts", int(4)), ("expert_widths", ints(&[6, 5])), ("tower_widths", ints(&[4]))];
    Net::new(name, &schema(), &[&sizes[..], own].concat())
}

#[test]
fn it_is_mmoe_with_tied_gates() {
    let (one, mut many) = (net("omoe", &[]), net("mmoe", &[]));
    for param in &one.plan.params {
        let copies = if param.name == "gate.weight" { TASKS } else { 1 };
        let (range, values) = (many.range(&param.name), &one.oracle.parameters.dense[param.range()]);
        many.oracle.parameters.dense[range].copy_from_slice(&values.repeat(copies));
    }
    many.oracle.parameters.tables.clone_from(&one.oracle.parameters.tables);
    let batch = batch(1);
    assert_eq!(one.scores(&batch), many.scores(&batch));
    assert_eq!(one.training(&batch).losses, many.training(&batch).losses);
    let weights = [1.0, 2.0, 0.5, 1.5, 0.25];
    let (left, right) = (one.gradient(&batch, &weights), many.gradient(&batch, &weights));
    for param in &one.plan.params {
        let got = &left.dense[param.range()];
        let expected = &right.dense[many.range(&param.name)];
        // A tied parameter's gradient is the sum over its uses.
        let sum: Vec<f64> = (0..got.len()).map(|at| expected.iter().skip(at).step_by(got.len()).sum()).collect();
        assert_close(&param.name, got, &sum);
    }
    for (table, (left, right)) in one.plan.tables.iter().zip(left.tables.iter().zip(&right.tables)) {
        assert_close(&table.name, left, right);
    }
}
