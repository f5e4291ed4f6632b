//! Times one training step of an MMoE: 38 categorical fields of 8 columns, 8 experts of 64, 2 tasks with towers of 32,
//! batch 1,024, Adam.
//!
//! `cargo run --release -p mmtl-cpu --example step -- [threads] [rows] [ids per field] [expert widths, as in 256-128]`

use std::sync::Arc;
use std::time::Instant;

use mmtl_cpu::CpuEngine;
use mmtl_plan::{
    Activation, Batch, Decay, Engine, Factor, Field, FieldKind, Group, Init, LinearSpec, Lookup, Optimiser, Plan,
    PlanBuilder, PlanError, Pool, Purpose, Reduction, Schema, SessionOptions, SlotId, Space, Stream, TableId,
    TableUpdates, Task, TaskKind, Update, Vocabulary, WeightKind,
};

const FIELDS: usize = 38;
const DIM: usize = 8;
const EXPERTS: usize = 8;
const TOWER: usize = 32;
const TASKS: [&str; 2] = ["click", "conversion"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (threads, rows, ids) = (number(0, 1)?, number(1, 1024)?, number(2, 1000)?);
    let widths = arguments.get(3).map_or("64", String::as_str);
    let widths: Vec<usize> = widths.split('-').map(str::parse).collect::<Result<_, _>>()?;
    let plan = Arc::new(mmoe(&schema(ids), &widths)?);
    let engine = CpuEngine::new(threads)?;
    let options = SessionOptions { max_rows: rows, initialisation: 1, dropout: 1, tables: TableUpdates::Exact };
    let mut session = engine.session(Arc::clone(&plan), options)?;
    let batches: Vec<Batch> = (0..16).map(|b| batch(&plan.schema, rows, b)).collect();
    let mut step = 0;
    let mut run = |steps: usize| -> Result<f64, Box<dyn std::error::Error>> {
        let start = Instant::now();
        for _ in 0..steps {
            step += 1;
            session.step(&batches[step as usize % batches.len()], &[1.0, 1.0], &update(step))?;
        }
        Ok(start.elapsed().as_secs_f64() / steps as f64)
    };
    let rough = run(20)?;
    let steps = ((0.25 / rough) as usize).max(5);
    let mut times = (0..9).map(|_| run(steps)).collect::<Result<Vec<f64>, _>>()?;
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let flops = plan.cost().training_flops_per_row() as f64 * rows as f64;
    println!(
        "{}, {threads} threads, {rows} rows, {FIELDS} x {ids} x {DIM}, {EXPERTS} experts of {widths:?}: \
         median {:.3} ms/step (best {:.3}), {:.0} rows/s, {:.1} GFLOP/s",
        engine.numerics(),
        median * 1e3,
        times[0] * 1e3,
        rows as f64 / median,
        flops / median * 1e-9
    );
    let losses = session.losses()?;
    println!("mean losses: {:?}", losses.iter().map(|l| l.sum / l.steps as f64).collect::<Vec<_>>());
    Ok(())
}

fn update(step: u64) -> Update {
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    Update { optimiser, lr: 1e-3, step, clip: None, decay: Decay::default() }
}

fn schema(ids: usize) -> Schema {
    let task =
        |name: &&str| Task { name: (*name).to_owned(), kind: TaskKind::Binary, space: Space::All, product_of: vec![] };
    let names: Vec<String> = (0..FIELDS).map(|f| format!("field {f}")).collect();
    let field = |(vocabulary, name): (usize, &String)| Field {
        name: name.clone(),
        kind: FieldKind::Categorical { vocabulary },
    };
    Schema {
        name: "drawn".to_owned(),
        scenes: vec!["all".to_owned()],
        tasks: TASKS.iter().map(task).collect(),
        fields: names.iter().enumerate().map(field).collect(),
        vocabularies: names.iter().map(|name| Vocabulary { name: name.clone(), size: ids }).collect(),
        scene_field: 0,
    }
}

fn mmoe(schema: &Schema, widths: &[usize]) -> Result<Plan, PlanError> {
    let mut builder = PlanBuilder::new("mmoe", schema);
    let init = Init::Normal { deviation: 0.01 };
    let tables: Vec<TableId> =
        (0..FIELDS).map(|v| builder.table(&schema.vocabularies[v].name, v, DIM, init)).collect::<Result<_, _>>()?;
    let fields: Vec<usize> = (0..FIELDS).collect();
    let x = builder.embed("embed", &fields, Pool::Sum, |v| tables[v])?;
    let names: Vec<String> = (0..EXPERTS).map(|e| format!("expert {e}")).collect();
    let mut experts = x;
    for (layer, &width) in widths.iter().enumerate() {
        let groups = if layer == 0 { Group::broadcast(&names) } else { Group::each(&names) };
        experts = linear(&mut builder, &format!("experts {layer}"), experts, groups, width, Activation::Relu)?;
    }
    let gate = builder.gate("gate", x, &Group::broadcast(TASKS), EXPERTS, vec![true; 2 * EXPERTS], 1.0)?;
    let mixed = builder.mix("mix", experts, gate)?;
    let towers = linear(&mut builder, "towers", mixed, Group::each(TASKS), TOWER, Activation::Relu)?;
    let logits = linear(&mut builder, "logits", towers, Group::each(TASKS), 1, Activation::Identity)?;
    for task in 0..TASKS.len() {
        let predict = builder.predict(task, &[Factor { slot: logits, group: task }])?;
        builder.loss(predict, Reduction::Own)?;
    }
    builder.finish()
}

fn linear(
    builder: &mut PlanBuilder,
    name: &str,
    input: SlotId,
    groups: Vec<Group>,
    width: usize,
    activation: Activation,
) -> Result<SlotId, PlanError> {
    let weights = WeightKind::Shared;
    builder.linear(name, &LinearSpec { input, groups, width, activation, dropout: 0.0, weights, bias: true })
}

fn batch(schema: &Schema, rows: usize, number: u64) -> Batch {
    let draw = |name: &str, bound: usize| -> Vec<u32> {
        let stream = Stream::new(7, Purpose::Data, name);
        (0..rows).map(|row| (stream.uniform(number, row as u64) * bound as f64) as u32).collect()
    };
    let sizes = schema.vocabularies.iter().map(|v| (v.name.as_str(), v.size));
    let labels = TASKS.iter().flat_map(|task| draw(task, 2)).map(|label| label as f32).collect();
    let mut batch = Batch {
        row_ids: (0..rows as u64).collect(),
        scene_starts: vec![0, rows as u32],
        lookups: sizes.map(|(name, size)| Lookup::single(draw(name, size))).collect(),
        labels,
        weights: vec![1.0; rows * TASKS.len()],
        ..Batch::default()
    };
    batch.rebuild_segments(schema);
    batch
}
