//! Experts of a task's own, beside shared ones.

use crate::net::{Net, any_moves, batch, int, ints, schema};

#[test]
fn a_task_s_loss_reaches_its_own_and_the_shared_experts_only() {
    let own = [
        ("task_experts", int(2)),
        ("shared_experts", int(3)),
        ("expert_widths", ints(&[5])),
        ("tower_widths", ints(&[4])),
    ];
    let net = Net::new("cgc", &schema(), &own);
    for objective in 0..net.objectives() {
        let gradient = net.gradient_of(&batch(1), objective);
        let moves = |block: String| any_moves(&gradient.dense[net.block(&block)]);
        for (owner, task) in schema().tasks.iter().enumerate() {
            for number in 0..2 {
                for part in ["weight", "bias"] {
                    let block = format!("level.0.expert.0.{part}/task/{}/{number}", task.name);
                    assert_eq!(moves(block.clone()), owner == objective, "{block} by objective {objective}");
                }
            }
            let gate = format!("level.0.gate.weight/task/{}", task.name);
            assert_eq!(moves(gate.clone()), owner == objective, "{gate} by objective {objective}");
        }
        for number in 0..3 {
            assert!(moves(format!("level.0.expert.0.weight/shared/{number}")), "{number} by objective {objective}");
        }
    }
}
