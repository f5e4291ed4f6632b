//! Columns and their shares of each other as in eq. 1 of Misra et al., CVPR 2016.

use mmtl_plan::{Decay, DecayTowards, Initial, Optimiser, Session, Update, Value};

use crate::net::{Given, Net, any_moves, assert_close, batch, ints, schema};

fn net(own: Given) -> Net {
    let sizes = [("column_widths", ints(&[6, 5])), ("tower_widths", ints(&[4]))];
    Net::new("cross-stitch", &schema(), &[&sizes[..], own].concat())
}

fn number(value: f64) -> Value {
    Value::Float(value)
}

const STITCHES: [&str; 2] = ["stitch.0.weight", "stitch.1.weight"];

/// Trained side by side for ten steps, bit for bit: a share of 1 copies, and one of 0 adds nothing.
#[test]
fn with_alpha_the_identity_it_is_separate_towers_on_a_shared_embedding() {
    let separate = [("bottom_widths", ints(&[])), ("tower_widths", ints(&[6, 5, 4]))];
    let mut separate = Net::new("shared-bottom", &schema(), &separate);
    let mut stitched = net(&[("same", number(1.0)), ("stitch_lr", number(0.0))]);
    let counterpart = |name: &str| match name.split_once('.') {
        Some(("tower", rest)) if rest.starts_with('2') => name.replace("tower.2", "tower.0"),
        _ => name.replace("tower", "column"),
    };
    let params: Vec<String> = separate.plan.params.iter().map(|param| param.name.clone()).collect();
    for name in &params {
        let values = separate.oracle.parameters.dense[separate.range(name)].to_vec();
        let range = stitched.range(&counterpart(name));
        stitched.oracle.parameters.dense[range].copy_from_slice(&values);
    }
    stitched.oracle.parameters.tables.clone_from(&separate.oracle.parameters.tables);
    let initial = Initial::of(&stitched.plan, 1);
    for name in STITCHES {
        let range = stitched.range(name);
        for (share, start) in stitched.oracle.parameters.dense[range.clone()].iter_mut().zip(&initial.dense[range]) {
            *share = f64::from(*start);
        }
    }
    let gradient = stitched.gradient(&batch(1), &[1.0; 5]);
    assert!(STITCHES.iter().all(|name| any_moves(&gradient.dense[stitched.range(name)])), "held, not cut off");
    let optimiser = Optimiser::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    for step in 1..=10 {
        let decay = Decay { dense: 0.01, tables: 0.01 };
        let update = Update { optimiser, lr: 0.01, step, clip: None, decay };
        for net in [&mut separate, &mut stitched] {
            net.oracle.step(&batch(step), &[1.0, 2.0, 0.5, 1.5, 0.25], &update).unwrap();
        }
    }
    for name in &params {
        let (left, right) = (separate.range(name), stitched.range(&counterpart(name)));
        assert_eq!(separate.oracle.parameters.dense[left], stitched.oracle.parameters.dense[right], "{name}");
    }
    assert_eq!(separate.oracle.parameters.tables, stitched.oracle.parameters.tables);
    assert_eq!(separate.scores(&batch(99)), stitched.scores(&batch(99)));
}

#[test]
fn a_column_goes_on_with_its_shares_of_all() {
    let net = net(&[]);
    let tape = net.training(&batch(2));
    let (columns, stitched) = (net.written(&tape, "column.0"), net.written(&tape, "stitch.0"));
    let shares = &net.oracle.parameters.dense[net.range("stitch.0.weight")];
    let (tasks, width) = (5, 6);
    for (row, (columns, stitched)) in columns.chunks(tasks * width).zip(stitched.chunks(tasks * width)).enumerate() {
        for task in 0..tasks {
            let part = |at: usize, other: usize| shares[task * tasks + other] * columns[other * width + at];
            let expected: Vec<f64> = (0..width).map(|at| (0..tasks).map(|other| part(at, other)).sum()).collect();
            assert_close(&format!("row {row}, task {task}"), &stitched[task * width..(task + 1) * width], &expected);
        }
    }
}

#[test]
fn shares_start_as_a_convex_combination() {
    let of = |own: Given| {
        let net = net(own);
        Initial::of(&net.plan, 3).dense[net.range("stitch.1.weight")].to_vec()
    };
    let assert_starts = |own: Given, same: f32, other: f32| {
        for (at, share) in of(own).into_iter().enumerate() {
            assert_eq!(share, if at % 6 == 0 { same } else { other }, "{at}");
        }
    };
    assert_starts(&[], 0.9, 0.025);
    assert_starts(&[("same", number(1.0))], 1.0, 0.0);
    assert_starts(&[("same", number(0.2))], 0.2, 0.2);
    let alone = crate::net::plan("cross-stitch", &schema(), &[3], &[], &[]);
    let range = alone.param_named("stitch.0.weight").unwrap().range();
    assert_eq!(Initial::of(&alone, 3).dense[range], [1.0], "a column alone keeps what it has");
}

/// One step of gradient descent: by `stitch_lr` times the learning rate, whatever weights decay by.
#[test]
fn shares_have_a_learning_rate_of_their_own_and_do_not_decay() {
    let mut net = net(&[("stitch_lr", number(8.0))]);
    let gradient = net.gradient(&batch(4), &[1.0; 5]);
    let before = net.oracle.parameters.dense.clone();
    let decay = Decay { dense: 0.5, tables: 0.0 };
    let update = Update { optimiser: Optimiser::Sgd { momentum: 0.0 }, lr: 0.25, step: 1, clip: None, decay };
    net.oracle.step(&batch(4), &[1.0; 5], &update).unwrap();
    for param in &net.plan.params {
        let is_share = STITCHES.contains(&param.name.as_str());
        let (lr, lambda) = match (is_share, param.decay) {
            (true, decay) => {
                assert_eq!(decay, DecayTowards::Nothing);
                (8.0 * 0.25, 0.0)
            }
            (false, DecayTowards::Zero) => (0.25, 0.5),
            (false, DecayTowards::Nothing | DecayTowards::One) => (0.25, 0.0),
        };
        let expected: Vec<f64> =
            param.range().map(|at| before[at] - lr * (gradient.dense[at] + lambda * before[at])).collect();
        assert_close(&param.name, &net.oracle.parameters.dense[param.range()], &expected);
    }
}

/// What one task's loss teaches the shares: the rows of its own column in the last stitch, all of them below it.
#[test]
fn a_task_s_loss_reaches_all_columns_through_its_own() {
    let net = net(&[]);
    let tasks: Vec<String> = schema().tasks.iter().map(|task| task.name.clone()).collect();
    for objective in 0..net.objectives() {
        let gradient = net.gradient_of(&batch(5), objective);
        for (owner, task) in tasks.iter().enumerate() {
            let last = &gradient.dense[net.block(&format!("stitch.1.weight/{task}"))];
            assert_eq!(any_moves(last), owner == objective, "{task}");
            assert!(any_moves(&gradient.dense[net.block(&format!("stitch.0.weight/{task}"))]), "{task}");
            assert!(any_moves(&gradient.dense[net.block(&format!("column.0.weight/{task}"))]), "{task}");
        }
    }
}
