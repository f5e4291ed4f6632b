//! Conversion trained through the product, as in eq. 1-3 of Ma et al., SIGIR 2018.

use mmtl_plan::Batch;
use mmtl_reference::drawn::{self, Rows};

use crate::net::{Net, any_moves, assert_close, batch, ints, schema};

const CLICK: usize = 0;
const CONVERSION: usize = 1;
const CTCVR: usize = 2;
/// Positions among the objectives: conversion has none.
const OBJECTIVES: [&str; 4] = ["click", "ctcvr", "rating", "colour"];

fn net() -> Net {
    Net::new("esmm", &schema(), &[("tower_widths", ints(&[6, 4]))])
}

fn set(batch: &mut Batch, task: usize, label: f32, weight: f32) {
    let rows = batch.rows();
    batch.labels[task * rows..(task + 1) * rows].fill(label);
    batch.weights[task * rows..(task + 1) * rows].fill(weight);
}

/// One row, observed: not clicked, hence not converted.
fn unclicked(seed: u64) -> Batch {
    let mut batch = drawn::batch(&schema(), &Rows::count(1), seed);
    set(&mut batch, CLICK, 0.0, 1.0);
    set(&mut batch, CONVERSION, 0.0, 0.0);
    set(&mut batch, CTCVR, 0.0, 1.0);
    batch
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// −log(1 − p) with p = σ(a)·σ(b) has the derivative p·σ(−b) / (1 − p) by b.
#[test]
fn an_unclicked_row_trains_the_conversion_tower_by_the_closed_form() {
    let net = net();
    for seed in 0..20 {
        let batch = unclicked(seed);
        let tape = net.training(&batch);
        let logits = net.written(&tape, "head.1");
        let (a, b) = (logits[0], logits[1]);
        let p = sigmoid(a) * sigmoid(b);
        let by_logit = p * sigmoid(-b) / (1.0 - p);
        let gradient = net.oracle.backward(&batch, &tape, &[1.0, 1.0, 0.0, 0.0]);
        let bias = &gradient.dense[net.block("head.1.bias/conversion")];
        assert!(bias[0] > 1e-3, "{}", bias[0]);
        assert_close("bias", bias, &[by_logit]);
        let tower = net.written(&tape, "tower.1");
        let by_weight: Vec<f64> = tower[4..8].iter().map(|h| by_logit * h).collect();
        assert_close("weight", &gradient.dense[net.block("head.1.weight/conversion")], &by_weight);
        assert!(any_moves(&gradient.dense[net.block("tower.0.weight/conversion")]));
    }
}

#[test]
fn the_conversion_s_own_label_has_no_effect() {
    let net = net();
    let weights = [1.0, 2.0, 0.5, 0.25];
    for seed in 0..5 {
        let observed = batch(seed);
        let (tape, gradient) = (net.training(&observed), net.gradient(&observed, &weights));
        for (label, weight) in [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0)] {
            let mut other = observed.clone();
            set(&mut other, CONVERSION, label, weight);
            assert_ne!(observed, other);
            assert_eq!(net.training(&other).losses, tape.losses);
            assert_eq!(net.gradient(&other, &weights), gradient);
        }
    }
}

#[test]
fn there_is_no_loss_of_conversion_alone() {
    let net = net();
    let names: Vec<&str> = net.plan.objectives.iter().map(|objective| objective.name.as_str()).collect();
    assert_eq!(names, OBJECTIVES);
    assert_eq!(net.plan.outputs.len(), 5, "it is predicted nevertheless");
    let tower = net.block("tower.0.weight/conversion");
    for (objective, name) in OBJECTIVES.into_iter().enumerate() {
        let gradient = net.gradient_of(&batch(1), objective);
        assert_eq!(any_moves(&gradient.dense[tower.clone()]), name == "ctcvr", "by {name}");
    }
    let without = drawn::batch(&schema(), &Rows { unlabelled: vec![CTCVR], ..Rows::count(16) }, 1);
    assert!(!any_moves(&net.gradient(&without, &[1.0; 4]).dense[tower]));
}

#[test]
fn the_product_is_the_product_of_the_two_predictions() {
    let scores = net().scores(&batch(2));
    let product: Vec<f64> = scores[CLICK].iter().zip(&scores[CONVERSION]).map(|(a, b)| a * b).collect();
    assert_close("ctcvr", &scores[CTCVR], &product);
}

/// The heads' matrices are 0, so that the logits are their biases.
fn at_logits(a: f64, b: f64) -> Net {
    let mut net = net();
    let (weights, click, conversion) =
        (net.range("head.1.weight"), net.block("head.1.bias/click"), net.block("head.1.bias/conversion"));
    let dense = &mut net.oracle.parameters.dense;
    dense[weights].fill(0.0);
    dense[click].fill(a);
    dense[conversion].fill(b);
    net
}

#[test]
fn losses_and_gradients_are_finite_at_logits_of_80() {
    for (a, b) in [(80.0, 80.0), (80.0, -80.0), (-80.0, 80.0), (-80.0, -80.0)] {
        for label in [0.0, 1.0] {
            let net = at_logits(a, b);
            let mut batch = batch(3);
            set(&mut batch, CTCVR, label, 1.0);
            let tape = net.training(&batch);
            let loss = tape.losses[1].unwrap();
            // log p = log σ(a) + log σ(b). Where both are 80, 1 − p is 2·e⁻⁸⁰; where one is −80, it is 1.
            let expected: f64 = match (label == 1.0, a > 0.0 && b > 0.0) {
                (true, true) | (false, false) => 0.0,
                (true, false) => 80.0 * f64::from(u8::from(a < 0.0) + u8::from(b < 0.0)),
                (false, true) => 80.0 - 2f64.ln(),
            };
            assert!((loss - expected).abs() < 1e-12, "{a}, {b}, {label}: {loss}, expected {expected}");
            let gradient = net.oracle.backward(&batch, &tape, &[1.0; 4]);
            assert!(gradient.squared_norm().is_finite(), "{a}, {b}, {label}");
            let by_logit = gradient.dense[net.block("head.1.bias/conversion")][0];
            // At (80, 80) with label 0, p·σ(−b)/(1 − p) is ½: the two factors share the blame.
            let expected = match (label == 1.0, a > 0.0, b > 0.0) {
                (true, _, false) => -1.0,
                (false, true, true) => 0.5,
                (true, _, true) | (false, _, _) => 0.0,
            };
            assert!((by_logit - expected).abs() < 1e-12, "{a}, {b}, {label}: {by_logit}, expected {expected}");
            assert!(net.scores(&batch)[CTCVR].iter().all(|p| (0.0..=1.0).contains(p)));
        }
    }
}
