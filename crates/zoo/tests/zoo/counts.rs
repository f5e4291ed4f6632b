//! Parameter counts against the closed forms of the papers' nets.

use mmtl_plan::{Cost, Value};
use mmtl_zoo::architecture;

use crate::schemas::{EMBEDDINGS, INPUTS, int, ints, plan, shop, text};

/// Parameters of a multi-layer perceptron with biases.
fn perceptron(input: usize, widths: &[usize]) -> usize {
    let inputs = [&[input], widths].concat();
    inputs.iter().zip(widths).map(|(from, to)| (from + 1) * to).sum()
}

/// Parameters of the heads of `shop`'s tasks, of 1, 1, 1, 1 and 4 logits, on towers of width `width`.
fn heads(width: usize) -> usize {
    (width + 1) * 8
}

fn cost(name: &str, own: &[(&str, Value)]) -> Cost {
    plan(&shop(), architecture(name).unwrap(), own).cost()
}

#[test]
fn shared_bottom() {
    let cost = cost("shared-bottom", &[("bottom_widths", ints(&[8, 6])), ("tower_widths", ints(&[4]))]);
    assert_eq!(cost.dense_parameters, perceptron(INPUTS, &[8, 6]) + 5 * perceptron(6, &[4]) + heads(4));
    assert_eq!(cost.table_parameters, EMBEDDINGS);
    let products = INPUTS * 8 + 8 * 6 + 5 * 6 * 4 + 4 * 8;
    assert_eq!(cost.forward_flops_per_row, 2 * products);
}

#[test]
fn mmoe() {
    let own = [("experts", int(3)), ("expert_widths", ints(&[7, 6])), ("tower_widths", ints(&[4]))];
    let with_towers = 3 * perceptron(INPUTS, &[7, 6]) + 5 * perceptron(6, &[4]) + heads(4);
    assert_eq!(cost("mmoe", &own).dense_parameters, with_towers + 5 * INPUTS * 3);
    let uniform = [&own[..], &[("gate", text("uniform"))]].concat();
    assert_eq!(cost("mmoe", &uniform).dense_parameters, with_towers);
}

/// As mmoe with one gate.
#[test]
fn omoe() {
    let own = [("experts", int(3)), ("expert_widths", ints(&[7, 6])), ("tower_widths", ints(&[4]))];
    assert_eq!(cost("mmoe", &own).dense_parameters - cost("omoe", &own).dense_parameters, 4 * INPUTS * 3);
}

/// A column a task, and after each of its layers a share for each pair of tasks.
#[test]
fn cross_stitch() {
    let cost = cost("cross-stitch", &[("column_widths", ints(&[8, 6])), ("tower_widths", ints(&[4]))]);
    let columns = 5 * perceptron(INPUTS, &[8, 6]) + 2 * 5 * 5;
    assert_eq!(cost.dense_parameters, columns + 5 * perceptron(6, &[4]) + heads(4));
    assert_eq!(cost.table_parameters, EMBEDDINGS);
}

/// Towers and heads of each scene's own.
#[test]
fn towers_of_scenes() {
    let own = [("bottom_widths", ints(&[6])), ("tower_widths", ints(&[4])), ("towers", text("per-scene"))];
    let towers = 2 * (5 * perceptron(6, &[4]) + heads(4));
    assert_eq!(cost("shared-bottom", &own).dense_parameters, perceptron(INPUTS, &[6]) + towers);
}

/// For each of 8 logits: 7 users' biases, 7 items' and 2 scenes', and 7 items' factors; for each task 7 users'.
#[test]
fn matrix_factorisation() {
    let cost = cost("matrix-factorisation", &[]);
    assert_eq!(cost.dense_parameters, 0);
    assert_eq!(cost.table_parameters, 8 * (7 + 7 + 2 + 3 * 7) + 5 * 3 * 7);
}

/// A task's gate has columns for its own experts and the shared ones, the shared gate for all.
#[test]
fn cgc_and_ple() {
    let own = [
        ("task_experts", int(2)),
        ("shared_experts", int(3)),
        ("expert_widths", ints(&[6])),
        ("tower_widths", ints(&[4])),
    ];
    let experts = 5 * 2 + 3;
    let towers = 5 * perceptron(6, &[4]) + heads(4);
    let task_gates = 5 * (2 + 3);
    let one = experts * perceptron(INPUTS, &[6]) + INPUTS * task_gates;
    assert_eq!(cost("cgc", &own).dense_parameters, one + towers);
    let ple = |levels| cost("ple", &[&own[..], &[("levels", int(levels))]].concat()).dense_parameters;
    assert_eq!(ple(1), one + towers);
    let second = experts * perceptron(6, &[6]) + 6 * task_gates;
    assert_eq!(ple(2), one + INPUTS * experts + second + towers);
    assert_eq!(ple(3) - ple(2), second + 6 * experts);
}

/// The product has no tower: click, conversion, price and the 4 logits of rating have.
#[test]
fn esmm() {
    let cost = cost("esmm", &[("tower_widths", ints(&[8, 4]))]);
    assert_eq!(cost.dense_parameters, 4 * perceptron(INPUTS, &[8, 4]) + (4 + 1) * 7);
}

#[test]
fn star() {
    let own = [("bottom_widths", ints(&[6])), ("tower_widths", ints(&[4])), ("auxiliary_widths", ints(&[5]))];
    let main = perceptron(INPUTS, &[6]) + 5 * perceptron(6, &[4]) + heads(4);
    let norm = 2 * INPUTS;
    // One shared centre and two scenes.
    let star = 3 * (main + norm);
    let auxiliary = perceptron(INPUTS + 3, &[5]) + heads(5);
    let cost_of = |more: &[(&str, Value)]| cost("star", &[&own[..], more].concat());
    assert_eq!(cost_of(&[]).dense_parameters, star + auxiliary);
    assert_eq!(cost_of(&[]).table_parameters, EMBEDDINGS + 3 * 2);
    assert_eq!(cost_of(&[("auxiliary", Value::Bool(false))]).dense_parameters, star);
    assert_eq!(cost_of(&[("norm", text("none"))]).dense_parameters, 3 * main + auxiliary);
    assert_eq!(cost_of(&[("norm", text("batch"))]).dense_parameters, 3 * main + norm + auxiliary);
}

#[test]
fn single_task_is_shared_bottom_with_one_task() {
    let schema = crate::schemas::shop_of(&["price"]);
    let of = |name: &str| plan(&schema, architecture(name).unwrap(), &[]).cost();
    assert_eq!(of("single-task"), of("shared-bottom"));
}
