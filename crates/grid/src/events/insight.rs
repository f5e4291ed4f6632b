//! What gates and gradients do, by name.

use mmtl_plan::Plan;
use serde::{Deserialize, Serialize};

/// What a fit's gates and gradients do after a step. Numbers have four digits behind the point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Insight {
    /// Which fit.
    pub fit: usize,
    /// Steps done.
    pub step: u64,
    /// Names of the scenes that gates were looked at in.
    pub scenes: Vec<String>,
    /// One for each gate op of the plan: none without gates, one for each level that has them.
    pub gates: Vec<GateWeights>,
    /// How the objectives' gradients agree; `None` for one objective, and where a device has no memory for several gradients.
    pub cosines: Option<Cosines>,
}

/// What the gates of one op of the plan give to its experts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateWeights {
    /// The op's name, as in `level.0.gate`.
    pub name: String,
    /// What its gates are called: after the task that each is for, or `shared`.
    pub gates: Vec<String>,
    /// What the experts are called.
    pub experts: Vec<String>,
    /// Mean weight over validation rows, `[gates, scenes, experts]`; `None` where the gate may not use the expert, or the
    /// weight is not a number.
    pub weights: Vec<Vec<Vec<Option<f32>>>>,
    /// Places of experts that no gate makes use of in any scene: less than [`mmtl_train::DEAD`] of an even share.
    pub dead: Vec<usize>,
}

/// How the objectives' gradients agree by the parameters that they share, on train rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cosines {
    /// Names of the objectives.
    pub objectives: Vec<String>,
    /// Cosines of their gradients, symmetric: below 0 they are in conflict. `None` where one of the two has no gradient.
    pub matrix: Vec<Vec<Option<f32>>>,
}

impl Insight {
    /// What was seen of a fit of `plan`, by name.
    pub fn new(fit: usize, seen: &mmtl_train::Insight, plan: &Plan) -> Self {
        let gates = plan.gates().zip(&seen.gates).map(|(gate, seen)| GateWeights {
            name: gate.name.clone(),
            gates: plan.group_names(gate.out),
            experts: plan.expert_names(gate),
            weights: seen.weights.iter().map(|of_gate| of_gate.iter().map(|row| four_digits(row)).collect()).collect(),
            dead: seen.dead.clone(),
        });
        let objectives: Vec<String> = plan.objectives.iter().map(|objective| objective.name.clone()).collect();
        let cosines = (!seen.cosines.is_empty())
            .then(|| Cosines { matrix: seen.cosines.chunks(objectives.len()).map(four_digits).collect(), objectives });
        let scenes = seen.scenes.iter().filter_map(|&scene| plan.schema.scenes.get(scene).cloned());
        Self { fit, step: seen.step, scenes: scenes.collect(), gates: gates.collect(), cosines }
    }
}

fn four_digits(numbers: &[Option<f64>]) -> Vec<Option<f32>> {
    // Adding 0 makes -0 a plain one.
    let round = |number: f64| number.is_finite().then(|| ((number * 1e4).round() / 1e4) as f32 + 0.0);
    numbers.iter().map(|number| number.and_then(round)).collect()
}

#[cfg(test)]
mod tests {
    use mmtl_plan::{
        Activation, Factor, Field, FieldKind, Group, LinearSpec, PlanBuilder, Pool, Reduction, Schema, Space, Task,
        TaskKind, Vocabulary, WeightKind,
    };
    use mmtl_train::GateInsight;

    use super::*;

    /// Two tasks' gates, of which the second may not use the first expert.
    fn plan() -> Plan {
        let task =
            |name: &str| Task { name: name.into(), kind: TaskKind::Binary, space: Space::All, product_of: vec![] };
        let schema = Schema {
            name: "small".into(),
            scenes: ["home", "cart", "search"].map(str::to_owned).into(),
            tasks: vec![task("click"), task("buy")],
            fields: vec![
                Field { name: "scene".into(), kind: FieldKind::Categorical { vocabulary: 0 } },
                Field { name: "price".into(), kind: FieldKind::Numeric },
            ],
            vocabularies: vec![Vocabulary { name: "scene".into(), size: 3 }],
            scene_field: 0,
        };
        let mut builder = PlanBuilder::new("small", &schema);
        let input = builder.embed("input", &[1], Pool::Sum, |_| unreachable!("no table")).unwrap();
        let layer = |input, groups| LinearSpec {
            input,
            groups,
            width: 1,
            activation: Activation::Identity,
            dropout: 0.0,
            weights: WeightKind::Shared,
            bias: true,
        };
        let experts = builder.linear("expert.0", &layer(input, Group::broadcast(["own/0", "shared/0"]))).unwrap();
        let gates = Group::broadcast(["click", "buy"]);
        let gate = builder.gate("gate", input, &gates, 2, vec![true, true, false, true], 1.0).unwrap();
        let mixed = builder.mix("mix", experts, gate).unwrap();
        let logits = builder.linear("head", &layer(mixed, Group::each(["click", "buy"]))).unwrap();
        for task in 0..2 {
            let prediction = builder.predict(task, &[Factor { slot: logits, group: task }]).unwrap();
            builder.loss(prediction, Reduction::Own).unwrap();
        }
        builder.finish().unwrap()
    }

    fn seen() -> mmtl_train::Insight {
        let weights = vec![
            vec![vec![Some(0.123_449), Some(0.876_551)], vec![Some(1.0), Some(f64::NAN)]],
            vec![vec![None, Some(1.0)], vec![None, Some(0.999_99)]],
        ];
        let cosines = vec![Some(1.0), Some(-0.000_01), Some(-0.25), None];
        mmtl_train::Insight {
            step: 40,
            scenes: vec![0, 2],
            gates: vec![GateInsight { weights, dead: vec![1] }],
            cosines,
        }
    }

    #[test]
    fn everything_has_a_name_and_four_digits() {
        let told = serde_json::to_string(&Insight::new(1, &seen(), &plan())).unwrap();
        let expected = concat!(
            r#"{"fit":1,"step":40,"scenes":["home","search"],"gates":[{"name":"gate","gates":["click","buy"],"#,
            r#""experts":["own/0","shared/0"],"weights":[[[0.1234,0.8766],[1.0,null]],[[null,1.0],[null,1.0]]],"#,
            r#""dead":[1]}],"cosines":{"objectives":["click","buy"],"matrix":[[1.0,0.0],[-0.25,null]]}}"#,
        );
        assert_eq!(told, expected);
        assert_eq!(serde_json::from_str::<Insight>(&told).unwrap(), Insight::new(1, &seen(), &plan()));
    }

    #[test]
    fn what_was_not_found_out_is_not_told() {
        let told = Insight::new(0, &mmtl_train::Insight { cosines: vec![], ..seen() }, &plan());
        assert_eq!(told.cosines, None);
    }
}
