//! Nothing of one task is in another's model.

use mmtl_plan::{Batch, Decay, Optimiser, Session, Update};

use crate::net::{Net, batch, plan, schema};

/// `batch` with the labels and weights of every task but `task` moved to the next row.
fn with_others_permuted(batch: &Batch, task: usize) -> Batch {
    let (mut permuted, rows) = (batch.clone(), batch.rows());
    for other in (0..schema().tasks.len()).filter(|other| *other != task) {
        permuted.labels[other * rows..(other + 1) * rows].rotate_right(1);
        permuted.weights[other * rows..(other + 1) * rows].rotate_right(1);
    }
    permuted
}

/// The scores of `task` after ten steps of Adam on ten batches.
fn trained(name: &str, tasks: &[usize], task: usize, prepare: impl Fn(Batch) -> Batch) -> Vec<f32> {
    let mut net = Net::on(plan(name, &schema(), tasks, &[], &[]), 1);
    let weights = vec![1.0; net.objectives()];
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    for step in 1..=10 {
        let update = Update { optimiser, lr: 0.01, step, clip: None, decay: Decay { dense: 1e-4, tables: 1e-4 } };
        net.oracle.step(&prepare(batch(step)), &weights, &update).unwrap();
    }
    let mut scores = vec![vec![]; net.plan.outputs.len()];
    net.oracle.predict(&batch(99), &mut scores).unwrap();
    let output = net.plan.outputs.iter().position(|output| output.task == task).unwrap();
    scores.swap_remove(output)
}

#[test]
fn permuting_other_tasks_labels_leaves_the_scores_bit_equal() {
    for task in 0..schema().tasks.len() {
        let scores = |prepare: &dyn Fn(Batch) -> Batch| trained("single-task", &[task], task, prepare);
        let (left, right) = (scores(&|batch| batch), scores(&|batch| with_others_permuted(&batch, task)));
        assert!(left.iter().zip(&right).all(|(l, r)| l.to_bits() == r.to_bits()), "task {task}");
    }
}

/// The same check does find tasks that share a trunk.
#[test]
fn permuting_them_changes_what_shares_a_bottom() {
    let all = [0, 1, 2, 3, 4];
    let scores = |prepare: &dyn Fn(Batch) -> Batch| trained("shared-bottom", &all, 0, prepare);
    assert_ne!(scores(&|batch| batch), scores(&|batch| with_others_permuted(&batch, 0)));
}
