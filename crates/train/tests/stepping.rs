//! A fit is nothing but its steps: the same session stepped by hand, with numbers written out, has the same weights.

use std::sync::Arc;

use mmtl_data::{Dataset, Order, Part};
use mmtl_plan::{
    Batch, Decay, Engine, LossKind, Op, Optimiser, Plan, Seeds, Session, SessionOptions, TableUpdates, Update, Value,
};
use mmtl_reference::ReferenceEngine;
use mmtl_train::{Averaging, Command, FitSpec};

use crate::onlooker::Onlooker;
use crate::world::{dataset, plan, spec, watched, word};

const SEEDS: Seeds = Seeds { data: 1, split: 2, initialisation: 3, order: 4, dropout: 5 };

/// Rates of a linear schedule of twelve steps that warms up over two and falls to a tenth over ten: by hand.
const RATES: [f32; 8] = [0.025, 0.05, 0.05, 0.0455, 0.041, 0.0365, 0.032, 0.0275];

fn by_hand(dataset: &Dataset, plan: &Arc<Plan>, mut after: impl FnMut(usize, &mut dyn Session)) -> Box<dyn Session> {
    let options = SessionOptions { max_rows: 30, initialisation: 3, dropout: 5, tables: TableUpdates::Sparse };
    let mut session = ReferenceEngine::default().session(Arc::new(smoothed(Plan::clone(plan))), options).unwrap();
    let order = Order::new(&SEEDS, dataset.rows(Part::Train), 30);
    let mut batch = Batch::default();
    let mut step = 0;
    for epoch in 0..2 {
        for rows in order.epoch(epoch).chunks(30) {
            dataset.fill(rows, &mut batch);
            let update = Update {
                optimiser: Optimiser::AdamW { beta1: 0.8, beta2: 0.95, eps: 1e-6 },
                lr: RATES[step],
                step: step as u64 + 1,
                clip: Some(0.25),
                decay: Decay { dense: 0.5, tables: 0.125 },
            };
            // Halved and doubled after an epoch.
            let weights = [[2.0, 0.5, 9.0], [1.0, 1.0, 4.5]][epoch as usize];
            session.step(&batch, &weights, &update).unwrap();
            step += 1;
            after(step, session.as_mut());
        }
    }
    session
}

/// A quarter of every label that has classes is spread over them.
fn smoothed(mut plan: Plan) -> Plan {
    for op in &mut plan.ops {
        if let Op::Loss(loss) = op {
            loss.smoothing = if loss.kind == LossKind::Squared { 0.0 } else { 0.25 };
        }
    }
    plan
}

fn stepped(dataset: &Dataset, plan: &Arc<Plan>) -> FitSpec {
    let weights = [9.0, 0.5, 2.0].map(Value::Float).to_vec();
    let decays = [0.5, 2.0, 0.5].map(Value::Float).to_vec();
    let train = [
        // Eight of twelve steps are looked at; the schedule knows of all.
        ("epochs", Value::Int(3)),
        ("batch_size", Value::Int(30)),
        ("optimiser", word("adamw")),
        ("beta1", Value::Float(0.8)),
        ("beta2", Value::Float(0.95)),
        ("eps", Value::Float(1e-6)),
        ("decay_dense", Value::Float(0.5)),
        ("decay_tables", Value::Float(0.125)),
        ("clip", Value::Float(0.25)),
        ("lr", Value::Float(0.05)),
        ("schedule", word("linear")),
        ("final_lr", Value::Float(0.1)),
        ("warmup", Value::Float(0.5)),
        ("table_updates", word("sparse")),
        ("task_weights", Value::List(weights)),
        ("task_weight_decay", Value::List(decays)),
        ("label_smoothing", Value::Float(0.25)),
        ("patience", Value::Int(0)),
    ];
    FitSpec { seeds: SEEDS, ..spec(dataset, plan, &train, &[]) }
}

#[test]
fn a_fit_takes_the_steps_that_its_settings_say() {
    let dataset = dataset(200);
    // Objectives in another order than tasks: rating, amount, click.
    let plan = plan(&dataset, "mmoe", &[2, 1, 0], &[("dropout", Value::Float(0.25))]);
    let spec = stepped(&dataset, &plan);
    let mut onlooker = Onlooker::new(|| Command::Checkpoint);
    watched(&dataset, &spec, &mut onlooker);
    let checkpoint = onlooker.checkpoints.iter().find(|checkpoint| checkpoint.step() == 8).unwrap();
    let bytes = checkpoint.to_bytes();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let read = |name: &str| -> Vec<f32> { bytemuck::pod_collect_to_vec(tensors.tensor(name).unwrap().data()) };
    let expected = by_hand(&dataset, &plan, |_, _| {}).snapshot(true).unwrap();
    let memory = expected.memory.unwrap();
    assert_eq!(read("session/dense"), expected.dense);
    for (t, table) in expected.tables.iter().enumerate() {
        assert_eq!(&read(&format!("session/table/{t}")), table, "{}", plan.tables[t].name);
    }
    assert_eq!(read("session/moment/1"), memory.dense[1]);
    assert_eq!(memory.step, 8);
}

/// Averaged after steps 3 and 6 of 8, so that step 4 is evaluated with the weights of step 3.
#[test]
fn the_average_is_evaluated_and_kept_and_the_steps_are_those_of_the_weights() {
    let dataset = dataset(200);
    let plan = plan(&dataset, "mmoe", &[2, 1, 0], &[("dropout", Value::Float(0.25))]);
    let mut spec = stepped(&dataset, &plan);
    spec.training.averaging = Some(Averaging { decay: 0.5, every: 3 });
    let mut onlooker = Onlooker::new(|| Command::Checkpoint);
    watched(&dataset, &spec, &mut onlooker);
    let checkpoint = onlooker.checkpoints.iter().find(|checkpoint| checkpoint.step() == 8).unwrap().to_bytes();
    let tensors = safetensors::SafeTensors::deserialize(&checkpoint).unwrap();
    let read = |name: &str| -> Vec<f32> { bytemuck::pod_collect_to_vec(tensors.tensor(name).unwrap().data()) };
    let mut at = vec![];
    let mut session = by_hand(&dataset, &plan, |_, session| at.push(session.snapshot(false).unwrap()));
    assert_eq!(read("session/dense"), session.snapshot(true).unwrap().dense);
    let average = |three: &[f32], six: &[f32]| -> Vec<f32> {
        three.iter().zip(six).map(|(three, six)| three + 0.875 * (six - three)).collect()
    };
    let (three, six) = (&at[2], &at[5]);
    assert_eq!(read("average/dense"), average(&three.dense, &six.dense));
    for table in 0..plan.tables.len() {
        let expected = average(&three.tables[table], &six.tables[table]);
        assert_eq!(read(&format!("average/table/{table}")), expected, "{}", plan.tables[table].name);
    }
    let best = read("best/0/dense");
    let averages = [three.dense.clone(), average(&three.dense, &six.dense)];
    assert!(averages.contains(&best), "the best weights are an average");
}
