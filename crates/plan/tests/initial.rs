//! Initial values depend on a block's name and nothing else.

use mmtl_plan::{Activation, Factor, Group, Init, Initial, LinearSpec, Plan, PlanBuilder, Pool, Reduction, WeightKind};

use crate::world::schema;

fn with_groups(names: &[&str]) -> Plan {
    let mut b = PlanBuilder::new("p", &schema());
    let item = b.table("item", 0, 4, Init::Normal { deviation: 0.5 }).unwrap();
    let input = b.embed("embed", &[0], Pool::Mean, |_| item).unwrap();
    let (activation, weights) = (Activation::Identity, WeightKind::PerScene);
    let groups = Group::broadcast(names.iter().copied());
    let spec = LinearSpec { input, groups, width: 1, activation, dropout: 0.0, weights, bias: true };
    let slot = b.linear("experts", &spec).unwrap();
    let predict = b.predict(0, &[Factor { slot, group: 0 }]).unwrap();
    b.loss(predict, Reduction::Own).unwrap();
    b.finish().unwrap()
}

/// Values of the block called `name`.
fn block(plan: &Plan, initial: &Initial, name: &str) -> Vec<f32> {
    for param in &plan.params {
        let mut at = param.offset;
        for block in &param.blocks {
            if block.name == name {
                return initial.dense[at..at + block.len].to_vec();
            }
            at += block.len;
        }
    }
    panic!("no block is called {name}")
}

#[test]
fn adding_an_expert_moves_no_other() {
    let (few, many) = (with_groups(&["a", "z"]), with_groups(&["a", "between", "z"]));
    let (few_values, many_values) = (Initial::of(&few, 3), Initial::of(&many, 3));
    for name in ["experts.weight/search/a", "experts.weight/search/z", "experts.weight/feed/z"] {
        assert_eq!(block(&few, &few_values, name), block(&many, &many_values, name), "{name}");
    }
    assert_eq!(few_values.tables, many_values.tables);
}

#[test]
fn blocks_seeds_and_scenes_differ() {
    let plan = with_groups(&["a", "z"]);
    let (one, two) = (Initial::of(&plan, 1), Initial::of(&plan, 2));
    let a = block(&plan, &one, "experts.weight/search/a");
    assert_ne!(a, block(&plan, &one, "experts.weight/search/z"));
    assert_ne!(a, block(&plan, &one, "experts.weight/feed/a"));
    assert_ne!(a, block(&plan, &two, "experts.weight/search/a"));
    assert!(block(&plan, &one, "experts.bias/search/a").iter().all(|v| *v == 0.0));
}

#[test]
fn glorot_stays_within_its_bound_and_fills_it() {
    let plan = with_groups(&["a"]);
    let bound = (6.0f32 / 5.0).sqrt();
    let values: Vec<f32> =
        (0..200).flat_map(|seed| block(&plan, &Initial::of(&plan, seed), "experts.weight/search/a")).collect();
    assert!(values.iter().all(|v| v.abs() <= bound));
    let largest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    // 800 uniform draws: the largest is below 0.98 of the bound with probability 0.98^800 = 1e-7.
    assert!(largest > 0.98 * bound, "{largest}");
}
