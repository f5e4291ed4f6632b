//! Levels of extraction, as in eq. 5-7 of Tang et al., RecSys 2020.

use mmtl_plan::{Gate, Linear, Op, Value};

use crate::net::{Net, any_moves, assert_close, batch, int, ints, plan, schema};

const TASKS: usize = 5;
/// Experts of each task's own.
const OWN: usize = 2;
const SHARED: usize = 3;
const EXPERTS: usize = TASKS * OWN + SHARED;

fn own(levels: usize) -> [(&'static str, Value); 5] {
    [
        ("levels", int(levels)),
        ("task_experts", int(OWN)),
        ("shared_experts", int(SHARED)),
        ("expert_widths", ints(&[5])),
        ("tower_widths", ints(&[4])),
    ]
}

fn net() -> Net {
    Net::new("ple", &schema(), &own(2))
}

fn gate<'a>(net: &'a Net, name: &str) -> &'a Gate {
    let Op::Gate(gate) = net.op(name) else { panic!("{name} is no gate") };
    gate
}

fn linear<'a>(net: &'a Net, name: &str) -> &'a Linear {
    let Op::Linear(linear) = net.op(name) else { panic!("{name} is no linear layer") };
    linear
}

/// The component that owns expert `expert`: a task, or `TASKS` for the shared one.
fn owner(expert: usize) -> usize {
    (expert / OWN).min(TASKS)
}

#[test]
fn another_task_s_experts_are_reached_at_the_first_level_and_not_at_the_last() {
    let net = net();
    for objective in 0..net.objectives() {
        let gradient = net.gradient_of(&batch(1), objective);
        let moves = |block: String| any_moves(&gradient.dense[net.block(&block)]);
        for (owner, task) in schema().tasks.iter().enumerate() {
            for number in 0..OWN {
                let block = |level| format!("level.{level}.expert.0.weight/task/{}/{number}", task.name);
                assert!(moves(block(0)), "{} by objective {objective}", block(0));
                assert_eq!(moves(block(1)), owner == objective, "{} by objective {objective}", block(1));
            }
            for level in [0, 1] {
                let gate = format!("level.{level}.gate.weight/task/{}", task.name);
                assert_eq!(moves(gate.clone()), owner == objective, "{gate} by objective {objective}");
            }
        }
        assert!(moves("level.0.gate.weight/shared".to_owned()), "by objective {objective}");
    }
}

#[test]
fn the_second_level_reads_the_first_level_s_outputs() {
    let net = net();
    let first = net.op("level.0.mix").out().unwrap();
    let gates = gate(&net, "level.1.gate");
    assert_eq!(gates.input, first);
    assert_eq!(gates.reads, [0, 1, 2, 3, 4], "each task's gate reads the task's own output");
    let experts = linear(&net, "level.1.expert.0");
    assert_eq!(experts.input, first);
    assert_eq!(experts.reads, (0..EXPERTS).map(owner).collect::<Vec<_>>());
    let inputs = net.op("inputs").out().unwrap();
    assert_eq!((gate(&net, "level.0.gate").input, linear(&net, "level.0.expert.0").input), (inputs, inputs));
}

/// A gate weighs what it may use above 0, and all else exactly 0.
#[test]
fn gates_see_their_own_and_the_shared_experts_and_the_lower_shared_gate_all() {
    let net = net();
    let tape = net.training(&batch(2));
    for (name, gates) in [("level.0.gate", TASKS + 1), ("level.1.gate", TASKS)] {
        let weights = net.written(&tape, name);
        assert_eq!(weights.len(), 16 * gates * EXPERTS, "{name}");
        for (at, weight) in weights.iter().enumerate() {
            let (gate, owner) = (at / EXPERTS % gates, owner(at % EXPERTS));
            let sees = gate == TASKS || owner == TASKS || gate == owner;
            assert_eq!(*weight > 0.0, sees, "{name}: gate {gate}, expert of {owner}");
        }
    }
}

#[test]
fn there_is_no_shared_gate_on_top() {
    for levels in 1..=3 {
        let net = Net::new("ple", &schema(), &own(levels));
        for level in 0..levels {
            let gates = gate(&net, &format!("level.{level}.gate")).reads.len();
            assert_eq!(gates, if level + 1 == levels { TASKS } else { TASKS + 1 }, "level {level} of {levels}");
        }
    }
}

#[test]
fn one_level_is_cgc() {
    let all = [0, 1, 2, 3, 4];
    let ple = plan("ple", &schema(), &all, &[], &own(1));
    let cgc = plan("cgc", &schema(), &all, &[], &own(1)[1..]);
    let named = |net: &Net| net.scores(&batch(3)).concat();
    assert_close("scores", &named(&Net::on(ple, 1)), &named(&Net::on(cgc, 1)));
}
