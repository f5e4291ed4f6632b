//! What a builder accepts, how it lays parameters out, and what it finds each objective reaches.

use mmtl_plan::{
    ALIGN, Activation, Factor, Group, Init, LinearSpec, Plan, PlanBuilder, PlanError, Pool, Reduction, SlotId,
    WeightKind,
};

use crate::world::schema;

fn spec(input: SlotId, groups: Vec<Group>, width: usize) -> LinearSpec {
    let (activation, weights) = (Activation::Relu, WeightKind::Shared);
    LinearSpec { input, groups, width, activation, dropout: 0.0, weights, bias: true }
}

fn embedded(builder: &mut PlanBuilder) -> SlotId {
    let init = Init::Normal { deviation: 0.1 };
    let item = builder.table("item", 0, 4, init).unwrap();
    let words = builder.table("words", 1, 3, init).unwrap();
    let table_of = |vocabulary| if vocabulary == 0 { item } else { words };
    builder.embed("embed", &[0, 1, 2], Pool::Mean, table_of).unwrap()
}

/// A trunk, a tower that only the second task reaches, and two heads.
fn two_towers() -> Plan {
    let mut b = PlanBuilder::new("two-towers", &schema());
    let x = embedded(&mut b);
    let only_spend = b.linear("extra", &spec(x, Group::broadcast(["all"]), 6)).unwrap();
    let trunk = b.linear("trunk", &spec(x, Group::broadcast(["all"]), 6)).unwrap();
    let click = b.linear("click", &spec(trunk, Group::broadcast(["click"]), 1)).unwrap();
    let sum = b.add("sum", &[trunk, only_spend]).unwrap();
    let spend = b.linear("spend", &spec(sum, Group::broadcast(["spend"]), 1)).unwrap();
    for (task, slot) in [(0, click), (1, spend)] {
        let predict = b.predict(task, &[Factor { slot, group: 0 }]).unwrap();
        b.loss(predict, Reduction::Own).unwrap();
    }
    b.finish().unwrap()
}

#[test]
fn columns_lie_side_by_side_and_keep_the_field_axis() {
    let mut b = PlanBuilder::new("p", &schema());
    let x = embedded(&mut b);
    assert_eq!(b.shape(x), (1, 4 + 3 + 1));
}

#[test]
fn reach_is_traced_through_every_op() {
    let plan = two_towers();
    let reached = |name: &str| plan.param_named(name).unwrap().reached_by.clone();
    assert_eq!(reached("trunk.weight"), [0, 1]);
    assert_eq!(reached("extra.bias"), [1]);
    assert_eq!(reached("click.weight"), [0]);
    assert!(plan.tables.iter().all(|t| t.reached_by == [0, 1]));
}

#[test]
fn gates_and_experts_go_by_the_names_of_groups() {
    let mut b = PlanBuilder::new("gates", &schema());
    let x = embedded(&mut b);
    let experts = b.linear("experts", &spec(x, Group::broadcast(["click/0", "shared/0"]), 6)).unwrap();
    let normed = b.layer_norm("norm", experts, 1e-5).unwrap();
    let own = LinearSpec { weights: WeightKind::PerScene, ..spec(normed, Group::each(["left", "right"]), 6) };
    let own = b.linear("own", &own).unwrap();
    let gates = Group::broadcast(["click", "spend"]);
    let first = b.gate("first", x, &gates, 2, vec![true; 4], 1.0).unwrap();
    let second = b.gate("second", x, &gates, 2, vec![true; 4], 1.0).unwrap();
    let unread = b.gate("unread", x, &gates, 3, vec![true; 6], 1.0).unwrap();
    let (named, numbered) = (b.mix("named", normed, first).unwrap(), b.mix("numbered", own, second).unwrap());
    let sum = b.add("sum", &[named, numbered]).unwrap();
    let head = b.linear("head", &spec(sum, vec![Group { name: "click".into(), reads: 0 }], 1)).unwrap();
    let predict = b.predict(0, &[Factor { slot: head, group: 0 }]).unwrap();
    b.loss(predict, Reduction::Own).unwrap();
    let plan = b.finish().unwrap();
    assert!(plan.gates().map(|gate| gate.out).eq([first, second, unread]));
    let experts: Vec<_> = plan.gates().map(|gate| plan.expert_names(gate)).collect();
    assert_eq!(experts[0], ["click/0", "shared/0"], "through the norm");
    assert_eq!(experts[1], ["0", "1"], "scenes' own layers are named after scenes");
    assert_eq!(experts[2], ["0", "1", "2"], "mixed by nobody");
    assert_eq!(plan.group_names(second), ["click", "spend"]);
}

#[test]
fn reach_is_traced_group_by_group() {
    let mut b = PlanBuilder::new("cgc", &schema());
    let x = embedded(&mut b);
    let experts = b.linear("experts", &spec(x, Group::broadcast(["click.0", "shared.0", "spend.0"]), 6)).unwrap();
    let mask = vec![true, true, false, false, true, true];
    let gate = b.gate("gate", x, &Group::broadcast(["click", "spend"]), 3, mask, 1.0).unwrap();
    let mixed = b.mix("mix", experts, gate).unwrap();
    let towers = b.linear("towers", &spec(mixed, Group::each(["click", "spend"]), 1)).unwrap();
    for task in 0..2 {
        let predict = b.predict(task, &[Factor { slot: towers, group: task }]).unwrap();
        b.loss(predict, Reduction::Own).unwrap();
    }
    let plan = b.finish().unwrap();
    let reached = |name: &str| -> Vec<Vec<usize>> {
        plan.param_named(name).unwrap().blocks.iter().map(|block| block.reached_by.clone()).collect()
    };
    assert_eq!(reached("experts.weight"), [vec![0], vec![0, 1], vec![1]]);
    assert_eq!(reached("gate.weight"), [[0], [1]]);
    assert_eq!(reached("towers.bias"), [[0], [1]]);
    let shared = plan.param_named("experts.weight").unwrap().range();
    let bias = plan.param_named("experts.bias").unwrap().range();
    let of_shared = [shared.start + 8 * 6..shared.start + 2 * 8 * 6, bias.start + 6..bias.start + 12];
    assert_eq!(plan.shared_ranges(), of_shared);
}

#[test]
fn shared_parameters_lie_first_and_nothing_overlaps() {
    let plan = two_towers();
    let mut ranges: Vec<_> = plan.params.iter().map(|p| (p.range(), p.reached_by.len() > 1)).collect();
    ranges.sort_by_key(|(range, _)| range.start);
    for pair in ranges.windows(2) {
        assert!(pair[0].0.end <= pair[1].0.start, "{pair:?} overlap");
    }
    for (range, shared) in &ranges {
        assert_eq!(range.start % ALIGN, 0);
        assert_eq!(*shared, range.end <= plan.shared_len);
    }
    assert_eq!(ranges.last().unwrap().0.end.next_multiple_of(ALIGN), plan.arena_len);
}

#[test]
fn cost_counts_what_the_shapes_say() {
    let cost = two_towers().cost();
    assert_eq!(cost.dense_parameters, 2 * (8 * 6 + 6) + 2 * (6 + 1));
    assert_eq!(cost.table_parameters, 7 * 4 + 5 * 3);
    assert_eq!(cost.forward_flops_per_row, 2 * (2 * 8 * 6 + 2 * 6));
    assert_eq!(cost.training_flops_per_row(), 3 * cost.forward_flops_per_row);
}

#[test]
fn a_group_can_read_any_group_there_is_and_none_beyond() {
    let reads = |reads: usize| {
        let mut b = PlanBuilder::new("p", &schema());
        let x = embedded(&mut b);
        let experts = b.linear("experts", &spec(x, Group::broadcast(["0", "1"]), 6)).unwrap();
        b.linear("next", &spec(experts, vec![Group { name: "0".into(), reads }], 2)).map(|_| ())
    };
    assert_eq!((reads(0), reads(1)), (Ok(()), Ok(())));
    let error = reads(2).unwrap_err().to_string();
    assert_eq!(error, "op `next`: input group of `0` is 2, expected below 2");
}

#[test]
fn names_are_claimed_once() {
    let mut b = PlanBuilder::new("p", &schema());
    let x = embedded(&mut b);
    assert!(b.linear("a", &spec(x, Group::broadcast(["0"]), 6)).is_ok());
    let again = b.linear("a", &spec(x, Group::broadcast(["0"]), 6));
    assert_eq!(again.unwrap_err(), PlanError::DuplicateName("a.weight".into()));
    let twins = b.linear("b", &spec(x, Group::broadcast(["0", "0"]), 6));
    assert_eq!(twins.unwrap_err(), PlanError::DuplicateName("b/0".into()));
}

#[test]
fn a_gate_must_be_allowed_an_expert() {
    let gate = |mask: Vec<bool>| {
        let mut b = PlanBuilder::new("p", &schema());
        let x = embedded(&mut b);
        b.gate("gate", x, &Group::broadcast(["click", "spend"]), 2, mask, 1.0).map(|slot| b.shape(slot))
    };
    assert_eq!(gate(vec![true, false, false, true]), Ok((2, 2)));
    let error = gate(vec![true, true, false, false]).unwrap_err().to_string();
    assert_eq!(error, "op `gate`: number of experts of gate `spend` is 0, expected at least 1");
    assert!(gate(vec![true; 3]).is_err());
}

#[test]
fn a_plan_without_an_objective_is_none() {
    let mut b = PlanBuilder::new("idle", &schema());
    embedded(&mut b);
    assert_eq!(b.finish().unwrap_err(), PlanError::NoObjective("idle".into()));
}

#[test]
fn only_binary_tasks_take_products() {
    let mut b = PlanBuilder::new("p", &schema());
    let x = embedded(&mut b);
    let logits = b.linear("logits", &spec(x, Group::broadcast(["a", "b"]), 1)).unwrap();
    let both = [Factor { slot: logits, group: 0 }, Factor { slot: logits, group: 1 }];
    assert!(b.predict(0, &both).is_ok());
    let error = b.predict(1, &both).unwrap_err().to_string();
    assert_eq!(
        error,
        "op `spend`: number of factors is 2 for a regression task, expected 1, or more for a binary task"
    );
}
