//! Initial values and dropout masks depend on names: adding a task or an expert moves nobody else's.

use std::collections::BTreeMap;

use mmtl_plan::{Initial, Op, Plan, Schema, Value};
use mmtl_zoo::{architecture, architectures};

use crate::schemas::{int, plan, plan_with, shop, shop_of};

/// The initial values of every random block, by its name.
fn blocks(plan: &Plan) -> BTreeMap<String, Vec<f32>> {
    let initial = Initial::of(plan, 7);
    let mut blocks = BTreeMap::new();
    for param in &plan.params {
        let mut at = param.offset;
        for block in &param.blocks {
            blocks.insert(block.name.clone(), initial.dense[at..at + block.len].to_vec());
            at += block.len;
        }
    }
    let tables = plan.tables.iter().zip(initial.tables);
    blocks.extend(tables.map(|(table, values)| (table.name.clone(), values)));
    blocks
}

/// Asserts that what both plans have starts the same, and says how much that is. A gate's matrix has a column for each
/// expert, so it is another matrix when there is another expert: `but` names such blocks.
fn assert_kept(small: &Plan, large: &Plan, but: impl Fn(&str) -> bool) -> usize {
    let (small, large) = (blocks(small), blocks(large));
    for (name, values) in small.iter().filter(|(name, _)| !but(name)) {
        assert_eq!(Some(values), large.get(name), "{name}");
    }
    small.len()
}

#[test]
fn a_new_task_moves_no_other_initial_value() {
    let before: Schema = shop_of(&["click", "conversion", "ctcvr"]);
    let mut after = shop_of(&["click", "conversion", "ctcvr", "price", "rating"]);
    after.tasks.rotate_right(2);
    for a in architectures() {
        let of_more = match a.name() {
            "cgc" | "ple" => "gate.weight",
            "cross-stitch" => "stitch",
            _ => "none",
        };
        let kept = assert_kept(&plan(&before, *a, &[]), &plan(&after, *a, &[]), |name| name.contains(of_more));
        assert!(kept >= 12, "{} has {kept} blocks", a.name());
    }
}

#[test]
fn a_new_expert_moves_no_other_initial_value() {
    for (name, knob) in [
        ("mmoe", "experts"),
        ("omoe", "experts"),
        ("cgc", "task_experts"),
        ("cgc", "shared_experts"),
        ("ple", "task_experts"),
    ] {
        let a = architecture(name).unwrap();
        let of = |experts| plan(&shop(), a, &[(knob, int(experts))]);
        assert_kept(&of(2), &of(3), |name| name.contains("gate.weight"));
    }
}

#[test]
fn experts_start_apart() {
    for name in ["omoe", "mmoe", "cgc", "ple"] {
        let plan = plan(&shop(), architecture(name).unwrap(), &[]);
        let weights: Vec<Vec<f32>> =
            blocks(&plan).into_iter().filter(|(name, _)| name.contains("expert.0.weight")).map(|(_, v)| v).collect();
        assert!(weights.len() >= 8, "{name}");
        for (i, one) in weights.iter().enumerate() {
            assert!(weights[..i].iter().all(|other| other != one), "{name}");
        }
    }
}

#[test]
fn dropout_masks_go_by_name_and_heads_have_none() {
    for a in architectures() {
        let plan = plan_with(&shop(), *a, &[("dropout", Value::Float(0.5))], &[]);
        let mut streams = vec![];
        for op in &plan.ops {
            if let Op::Linear(op) = op {
                assert_eq!(op.dropout.is_none(), op.name.contains("head"), "{}: {}", a.name(), op.name);
                streams.extend(op.dropout.iter().flat_map(|dropout| dropout.streams.clone()));
            }
        }
        let count = streams.len();
        streams.sort();
        streams.dedup();
        assert_eq!(streams.len(), count, "{}: two masks share a stream", a.name());
    }
}

/// Tasks may be called anything, also like the parts that all share.
#[test]
fn tasks_called_like_parts_of_a_net_clash_with_nothing() {
    let mut schema = shop();
    for (task, name) in schema.tasks.iter_mut().zip(["shared", "0", "task/shared", "head", "task/shared/0"]) {
        name.clone_into(&mut task.name);
        task.product_of.clear();
    }
    for a in architectures() {
        assert_eq!(plan(&schema, *a, &[]).outputs.len(), 5, "{}", a.name());
    }
}
