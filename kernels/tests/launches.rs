//! A training step launches as many kernels however many experts, tasks and scenes there are, and fewer where they fit on
//! chip.

use std::sync::Arc;

use mmtl_kernels::{Launching, launches};
use mmtl_plan::{Plan, Schema, SessionOptions, Settings, Space, TableUpdates, Task, TaskKind, Update, Value};
use mmtl_reference::drawn::{self, Rows, SchemaSize};
use mmtl_zoo::{architecture, architectures, model_knobs};

use crate::world;

/// What each architecture needs at its defaults at most, exact updates of tables and clipping included: with each op launched
/// by itself, and with those of a tail together.
const MOST: [(&str, [usize; 2]); 10] = [
    ("matrix-factorisation", [15, 10]),
    ("single-task", [24, 11]),
    ("shared-bottom", [24, 11]),
    ("cross-stitch", [30, 24]),
    ("omoe", [25, 11]),
    ("mmoe", [25, 19]),
    ("cgc", [25, 19]),
    ("ple", [32, 26]),
    ("esmm", [24, 18]),
    ("star", [35, 20]),
];

/// What a step needs of which everything behind the lookups is a tail, with clipping.
const FUSED: [(&str, usize); 8] = [
    ("tables, catching up", 1),
    ("embed", 1),
    ("tail, forward and back", 1),
    ("parts of gradients, sums", 1),
    ("tables, gradient", 2),
    ("clipping", 3),
    ("update", 1),
    ("tables, update", 1),
];

/// How large a plan is.
#[derive(Clone, Copy)]
struct Size {
    experts: i64,
    /// Tasks of each kind; or, of chains, products.
    tasks: usize,
    scenes: usize,
}

const SMALL: Size = Size { experts: 2, tasks: 1, scenes: 1 };

/// `tasks` clicks, each with a conversion given it and their product, for chains; else `tasks` tasks.
fn schema(size: Size, chains: bool) -> Schema {
    let mut schema = drawn::schema(SchemaSize { scenes: size.scenes, ..SchemaSize::default() });
    let task = |name: String, space, product_of| Task { name, kind: TaskKind::Binary, space, product_of };
    schema.tasks = (0..size.tasks).map(|n| task(format!("click {n}"), Space::All, vec![])).collect();
    for n in (0..size.tasks).filter(|_| chains) {
        let [click, conversion] = [format!("click {n}"), format!("conversion {n}")];
        schema.tasks.push(task(conversion.clone(), Space::Given(click.clone()), vec![]));
        schema.tasks.push(task(format!("both {n}"), Space::All, vec![click, conversion]));
    }
    schema
}

fn plan(name: &str, size: Size) -> Plan {
    let architecture = architecture(name).expect("the zoo has it");
    let schema = schema(size, name == "esmm");
    let tasks: Vec<usize> = (0..schema.tasks.len()).collect();
    let model = Settings::resolve(&model_knobs(), []).expect("defaults");
    let counts = ["experts", "task_experts", "shared_experts"].map(|knob| (knob, Value::Int(size.experts)));
    let knobs = architecture.knobs();
    let of_knobs = counts.iter().filter(|(name, _)| knobs.iter().any(|knob| knob.name == *name));
    let own = Settings::resolve(&knobs, of_knobs.map(|(name, count)| (*name, count))).expect("a number of experts");
    architecture.plan(&schema, &tasks, &model, &own).expect("the settings make a net")
}

fn launched(plan: &Plan, launching: Launching) -> Vec<(&'static str, usize)> {
    launches(plan, TableUpdates::Exact, true, launching).expect("every plan of the zoo is executed")
}

fn total(launched: &[(&str, usize)]) -> usize {
    launched.iter().map(|(_, count)| count).sum()
}

#[test]
fn their_number_does_not_depend_on_how_many_experts_tasks_and_scenes_there_are() {
    let larger = [
        ("8 experts", Size { experts: 8, ..SMALL }),
        ("4 tasks", Size { tasks: 4, ..SMALL }),
        ("10 scenes", Size { scenes: 10, ..SMALL }),
        ("8 experts, 4 tasks, 10 scenes", Size { experts: 8, tasks: 4, scenes: 10 }),
    ];
    for name in architectures().iter().map(|architecture| architecture.name()) {
        let small = launched(&plan(name, SMALL), Launching::Composed);
        let most = total(&small);
        for (what, size) in larger {
            assert_eq!(launched(&plan(name, size), Launching::Composed), small, "{name}: {what}");
            // Launched together are as many ops as fit on chip.
            let fused = launched(&plan(name, size), Launching::Fused);
            assert!(total(&fused) <= most, "{name}: {what}: more than {most}: {fused:?}");
        }
    }
}

/// A plan of this architecture's of so many narrow experts, tasks and scenes fits on chip but for its lookups.
#[test]
fn a_small_network_is_one_launch_and_the_sums_of_its_gradients() {
    for (experts, tasks, scenes) in [(1, 1, 1), (4, 2, 1), (2, 4, 10)] {
        let plan = plan("mmoe", Size { experts, tasks, scenes });
        assert_eq!(launched(&plan, Launching::Fused), FUSED, "{experts} experts, {tasks} tasks, {scenes} scenes");
    }
}

#[test]
fn they_are_bounded() {
    assert!(architectures().iter().map(|architecture| architecture.name()).eq(MOST.map(|(name, _)| name)));
    for (name, most) in MOST {
        let plan = plan(name, Size { experts: 8, tasks: 4, scenes: 10 });
        for (launching, most) in [Launching::Composed, Launching::Fused].into_iter().zip(most) {
            let by_kernel = launched(&plan, launching);
            let count = total(&by_kernel);
            println!("{name}, {launching:?}: {count}: {by_kernel:?}");
            assert!(count <= most, "{name}, {launching:?}: {count}, expected at most {most}: {by_kernel:?}");
        }
    }
}

/// Tasks of three widths are as many layers, but one launch.
#[test]
fn tasks_of_all_kinds_need_no_launch_more() {
    for name in ["single-task", "shared-bottom", "mmoe", "cgc", "ple", "star"] {
        let architecture = architecture(name).expect("the zoo has it");
        let [model, own] =
            [model_knobs(), architecture.knobs()].map(|knobs| Settings::resolve(&knobs, []).expect("defaults"));
        let schema = drawn::schema(SchemaSize::default());
        let of_tasks = |tasks: &[usize]| {
            launched(&architecture.plan(&schema, tasks, &model, &own).expect("defaults"), Launching::Composed)
        };
        assert_eq!(of_tasks(&[0, 1, 2, 3, 4]), of_tasks(&[0]), "{name}");
    }
}

/// Steps taken before launches are counted: the first has nothing to catch up with.
const STEPS_BEFORE: u64 = 2;

/// What is uploaded for a step at most: its batch, its objectives' weights, the updates that rows may have missed and two
/// rules.
const UPLOADS: u64 = 5;

/// So often do sessions launch kernels, by their device's own count; and between two readings of losses they wait for
/// nothing.
#[test]
fn they_are_as_many_as_is_told() {
    let steps = 3;
    let software = mmtl_kernels::software().unwrap_or_else(|missing| panic!("{missing}"));
    for engine in [software.composed(), software] {
        for name in ["mmoe", "star", "ple"] {
            // Few ids, so that one is frequent; few rows, so that a software device launches a tail at once.
            let rows = if engine.launching() == Launching::Fused { 4 } else { 300 };
            for (tables, clips) in
                [(TableUpdates::Exact, true), (TableUpdates::Sparse, false), (TableUpdates::Dense, false)]
            {
                let plan = Arc::new(plan(name, Size { experts: 3, tasks: 2, scenes: 2 }));
                let counts = launches(&plan, tables, clips, engine.launching()).expect("the plan is executed");
                let options = SessionOptions { max_rows: rows, initialisation: 1, dropout: 1, tables };
                let mut session = engine.session(Arc::clone(&plan), options).expect("there is memory");
                let weights = world::objective_weights(&plan);
                let mut take = |numbers: std::ops::RangeInclusive<u64>| {
                    for number in numbers {
                        let batch = drawn::batch(&plan.schema, &Rows::count(rows), number);
                        let clip = clips.then_some(0.5);
                        let update = Update { clip, ..world::adam(number) };
                        session.step(&batch, &weights, &update).expect("the batch fits");
                    }
                    session.losses().expect("they are there");
                    engine.counted()
                };
                let before = take(1..=STEPS_BEFORE);
                let after = take(STEPS_BEFORE + 1..=STEPS_BEFORE + steps);
                // The second launch for gradients of tables adds up those of frequent ids.
                let told = total(&counts) as u64 - u64::from(rows < 256);
                let what = format!("{name}, {:?}, {tables:?}: {counts:?}", engine.launching());
                assert_eq!(after.launches - before.launches, steps * told, "{what}");
                assert_eq!(after.waits - before.waits, 1, "{what}");
                assert!(after.uploads - before.uploads <= steps * UPLOADS, "{what}");
            }
        }
    }
}
