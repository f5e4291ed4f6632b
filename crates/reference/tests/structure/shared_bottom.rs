//! One trunk serves all tasks.

use mmtl_plan::Value;
use mmtl_reference::Parameters;

use crate::net::{Net, any_moves, assert_close, batch, ints, schema};

#[test]
fn the_trunk_s_gradient_is_the_weighted_sum_of_the_tasks() {
    let net = Net::new("shared-bottom", &schema(), &[("bottom_widths", ints(&[7, 5])), ("tower_widths", ints(&[4]))]);
    let weights = [1.0, 0.25, -0.5, 2.0, 0.75];
    let batch = batch(3);
    let whole = net.gradient(&batch, &weights);
    let mut sum = Parameters::zeros(&net.plan);
    for (objective, weight) in weights.into_iter().enumerate() {
        let alone = net.gradient_of(&batch, objective);
        for name in ["bottom.0.weight", "bottom.0.bias", "bottom.1.weight", "bottom.1.bias"] {
            assert!(any_moves(&alone.dense[net.range(name)]), "{name} gets nothing from objective {objective}");
        }
        sum.add_scaled(weight, &alone);
    }
    for name in ["bottom.0.weight", "bottom.0.bias", "bottom.1.weight", "bottom.1.bias"] {
        assert_close(name, &whole.dense[net.range(name)], &sum.dense[net.range(name)]);
    }
    for (table, (whole, sum)) in net.plan.tables.iter().zip(whole.tables.iter().zip(&sum.tables)) {
        assert!(any_moves(whole), "{}", table.name);
        assert_close(&table.name, whole, sum);
    }
}

#[test]
fn a_task_s_tower_and_head_belong_to_it() {
    let net = Net::new("shared-bottom", &schema(), &[]);
    let tasks = [("click", 1), ("conversion", 1), ("ctcvr", 1), ("rating", 1), ("colour", 3)];
    for objective in 0..net.objectives() {
        let gradient = net.gradient_of(&batch(3), objective);
        for (owner, (task, width)) in tasks.iter().enumerate() {
            for block in [format!("tower.0.weight/{task}"), format!("head.{width}.weight/{task}")] {
                assert_eq!(any_moves(&gradient.dense[net.block(&block)]), owner == objective, "{block}");
            }
        }
    }
}

/// A row passes through its own scene's towers: those of the others might as well not be there.
#[test]
fn towers_of_scenes_are_towers_for_the_rows_of_each() {
    let sizes = [("bottom_widths", ints(&[6])), ("tower_widths", ints(&[4]))];
    let own = ("towers", Value::Text("per-scene".to_owned()));
    let net = Net::new("shared-bottom", &schema(), &[&sizes[..], &[own]].concat());
    let mut plain = Net::new("shared-bottom", &schema(), &sizes);
    plain.oracle.parameters.tables.clone_from(&net.oracle.parameters.tables);
    let batch = batch(4);
    let scores = net.scores(&batch);
    for scene in 0..schema().scenes.len() {
        for param in plain.plan.params.clone() {
            let values = &net.oracle.parameters.dense[net.range(&param.name)];
            let first = if param.name.starts_with("bottom") { 0 } else { scene * param.len() };
            plain.oracle.parameters.dense[param.range()].copy_from_slice(&values[first..first + param.len()]);
        }
        let rows = batch.scene(scene);
        assert!(!rows.is_empty(), "scene {scene}");
        for (output, (scores, plain)) in net.plan.outputs.iter().zip(scores.iter().zip(plain.scores(&batch))) {
            let part = rows.start * output.width..rows.end * output.width;
            assert_eq!(scores[part.clone()], plain[part], "{}, scene {scene}", output.name);
        }
    }
}
