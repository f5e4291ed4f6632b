//! Experts and gates as in eq. 5-7 of Ma et al., KDD 2018.

use mmtl_plan::{Initial, Value};

use crate::net::{Given, Net, any_moves, assert_close, batch, int, ints, plan, schema};

/// Inputs of the drawn schema at embeddings of 3: item, tags, user and two numbers.
const INPUTS: usize = 3 * 3 + 2;
const EXPERTS: usize = 4;

fn net(own: Given) -> Net {
    let sizes = [("expert_widths", ints(&[6, 5])), ("tower_widths", ints(&[4]))];
    Net::new("mmoe", &schema(), &[&sizes[..], own].concat())
}

fn experts(count: usize) -> (&'static str, Value) {
    ("experts", int(count))
}

#[test]
fn one_expert_is_shared_bottom() {
    let bottom =
        Net::new("shared-bottom", &schema(), &[("bottom_widths", ints(&[6, 5])), ("tower_widths", ints(&[4]))]);
    let mut mixture = net(&[experts(1)]);
    let counterpart = |name: &str| name.replace("bottom.", "expert.");
    let params: Vec<String> = bottom.plan.params.iter().map(|param| param.name.clone()).collect();
    for name in &params {
        let values = bottom.oracle.parameters.dense[bottom.range(name)].to_vec();
        let range = mixture.range(&counterpart(name));
        mixture.oracle.parameters.dense[range].copy_from_slice(&values);
    }
    mixture.oracle.parameters.tables.clone_from(&bottom.oracle.parameters.tables);
    let batch = batch(1);
    assert_eq!(bottom.scores(&batch), mixture.scores(&batch));
    assert_eq!(bottom.training(&batch).losses, mixture.training(&batch).losses);
    let weights = [1.0, 2.0, 0.5, 1.5, 0.25];
    let (left, right) = (bottom.gradient(&batch, &weights), mixture.gradient(&batch, &weights));
    for name in &params {
        assert_close(name, &left.dense[bottom.range(name)], &right.dense[mixture.range(&counterpart(name))]);
    }
    assert_close("items", &left.tables[0], &right.tables[0]);
    assert!(!any_moves(&right.dense[mixture.range("gate.weight")]), "a gate of one expert has nothing to choose");
}

#[test]
fn a_task_s_loss_does_not_reach_another_task_s_gate() {
    let net = net(&[experts(EXPERTS)]);
    for objective in 0..net.objectives() {
        let gradient = net.gradient_of(&batch(2), objective);
        for (owner, task) in schema().tasks.iter().enumerate() {
            let gate = &gradient.dense[net.block(&format!("gate.weight/{}", task.name))];
            assert_eq!(any_moves(gate), owner == objective, "gate of {} by objective {objective}", task.name);
        }
        for expert in 0..EXPERTS {
            assert!(any_moves(&gradient.dense[net.block(&format!("expert.0.weight/{expert}"))]), "{expert}");
        }
    }
}

/// Puts expert `order[e]` in place of expert `e`; its gate columns with it if `gates`.
fn permute(net: &mut Net, order: [usize; EXPERTS], gates: bool) {
    let before = net.oracle.parameters.dense.clone();
    for param in ["expert.0.weight", "expert.0.bias", "expert.1.weight", "expert.1.bias"] {
        for (to, from) in order.iter().enumerate() {
            let (to, from) = (net.block(&format!("{param}/{to}")), net.block(&format!("{param}/{from}")));
            net.oracle.parameters.dense[to].copy_from_slice(&before[from]);
        }
    }
    if gates {
        let range = net.range("gate.weight");
        for row in net.oracle.parameters.dense[range].chunks_mut(EXPERTS) {
            let old = row.to_vec();
            for (to, from) in order.iter().enumerate() {
                row[to] = old[*from];
            }
        }
    }
}

#[test]
fn experts_have_no_order() {
    let original = net(&[experts(EXPERTS)]);
    let batch = batch(3);
    let before = original.scores(&batch);
    let mut together = net(&[experts(EXPERTS)]);
    permute(&mut together, [2, 0, 3, 1], true);
    assert_ne!(original.oracle.parameters, together.oracle.parameters);
    assert_close("scores", &before.concat(), &together.scores(&batch).concat());
    let mut alone = net(&[experts(EXPERTS)]);
    permute(&mut alone, [2, 0, 3, 1], false);
    let farthest = before.into_iter().flatten().zip(alone.scores(&batch).concat()).map(|(l, r)| (l - r).abs());
    assert!(farthest.fold(0.0, f64::max) > 1e-3, "the experts' order does not show without their gates");
}

#[test]
fn experts_differ_at_the_start() {
    let mut net = net(&[experts(EXPERTS)]);
    let initial = Initial::of(&net.plan, 5);
    net.oracle.parameters.dense = initial.dense.iter().map(|x| f64::from(*x)).collect();
    let tape = net.training(&batch(4));
    let out = net.written(&tape, "expert.1");
    for row in out.chunks(EXPERTS * 5) {
        let of = |expert: usize| &row[expert * 5..(expert + 1) * 5];
        for (one, other) in (0..EXPERTS).flat_map(|one| (0..one).map(move |other| (one, other))) {
            assert_ne!(of(one), of(other), "experts {one} and {other}");
        }
    }
}

#[test]
fn uniform_gates_take_the_mean() {
    let net = net(&[experts(EXPERTS), ("gate", Value::Text("uniform".to_owned()))]);
    let tape = net.training(&batch(5));
    let (experts, mixed) = (net.written(&tape, "expert.1"), net.written(&tape, "mix"));
    for (experts, mixed) in experts.chunks(EXPERTS * 5).zip(mixed.chunks(5 * 5)) {
        let mean: Vec<f64> = (0..5).map(|j| (0..EXPERTS).map(|e| experts[e * 5 + j]).sum::<f64>() / 4.0).collect();
        for task in mixed.chunks(5) {
            assert_close("mean", task, &mean);
        }
    }
}

#[test]
fn a_high_temperature_makes_gates_even() {
    let spread = |temperature: f64| {
        let net = net(&[experts(EXPERTS), ("temperature", Value::Float(temperature))]);
        let tape = net.training(&batch(6));
        net.written(&tape, "gate").iter().map(|weight| (weight - 0.25).abs()).fold(0.0, f64::max)
    };
    assert!(spread(1000.0) < 1e-2, "{}", spread(1000.0));
    assert!(spread(0.1) > 0.5, "{}", spread(0.1));
}

/// n·Σₗ (eₗ₋₁ + 1)·eₗ + K·d·n + K·Σₘ (tₘ₋₁ + 1)·tₘ + Σₖ (t_M + 1)·cₖ
#[test]
fn the_parameter_count_is_the_closed_form_s() {
    for n in [1, 3, 8] {
        for (e, t) in [([6, 5], 4), ([2, 9], 1)] {
            let own = [experts(n), ("expert_widths", ints(&e)), ("tower_widths", ints(&[t]))];
            let cost = plan("mmoe", &schema(), &[0, 1, 2, 3, 4], &[], &own).cost();
            let (tasks, logits) = (5, 4 + 3);
            let of_experts = n * ((INPUTS + 1) * e[0] + (e[0] + 1) * e[1]);
            let of_towers = tasks * (e[1] + 1) * t + (t + 1) * logits;
            assert_eq!(cost.dense_parameters, of_experts + tasks * INPUTS * n + of_towers);
        }
    }
}
