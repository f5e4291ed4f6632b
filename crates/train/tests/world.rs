//! A small world: three scenes, three tasks of different kinds, fields of every kind.

use std::sync::Arc;

use mmtl_data::{Columns, Dataset, FieldColumn, Part};
use mmtl_plan::{
    Field, FieldKind, Plan, Purpose, Schema, Seeds, Settings, Space, Stream, TargetScale, Task, TaskKind, Value,
    Vocabulary,
};
use mmtl_reference::ReferenceEngine;
use mmtl_train::{FitRows, FitSpec, Fitted, Outcome, Selection, Training, Watcher, fit};

pub const CLICK: usize = 0;
pub const AMOUNT: usize = 1;
pub const RATING: usize = 2;

const ITEMS: usize = 10;
const WORDS: usize = 7;

pub fn schema() -> Schema {
    let task = |name: &str, kind, space| Task { name: name.into(), kind, space, product_of: vec![] };
    let field = |name: &str, kind| Field { name: name.into(), kind };
    let vocabulary = |name: &str, size| Vocabulary { name: name.into(), size };
    let scale = TargetScale { mean: 0.0, deviation: 1.0 };
    Schema {
        name: "world".into(),
        scenes: vec!["home".into(), "search".into(), "cart".into()],
        tasks: vec![
            task("click", TaskKind::Binary, Space::All),
            task("amount", TaskKind::Regression { scale }, Space::Given("click".into())),
            task("rating", TaskKind::Multiclass { classes: 3 }, Space::All),
        ],
        fields: vec![
            field("scene", FieldKind::Categorical { vocabulary: 0 }),
            field("item", FieldKind::Categorical { vocabulary: 1 }),
            field("words", FieldKind::Tokens { vocabulary: 2, max: 3 }),
            field("price", FieldKind::Numeric),
        ],
        vocabularies: vec![vocabulary("scene", 3), vocabulary("item", ITEMS), vocabulary("word", WORDS)],
        scene_field: 0,
    }
}

/// Rows whose labels follow from their fields, up to noise. Of ten rows six are for training and two each for
/// validation and test.
pub fn columns(rows: usize) -> Columns {
    let stream = Stream::new(17, Purpose::Data, "world");
    let draw = |row: usize, column: u64| stream.uniform(column, row as u64);
    let below = |row: usize, column: u64, bound: usize| (draw(row, column) * bound as f64) as u32;
    let column = |column: u64, bound: usize| (0..rows).map(|row| below(row, column, bound)).collect::<Vec<u32>>();
    let (scenes, items) = (column(0, 3), column(1, ITEMS));
    let prices: Vec<f64> = (0..rows).map(|row| stream.normal(2, row as u64)).collect();
    let lens = column(3, 4);
    let starts: Vec<u32> = std::iter::once(0)
        .chain(lens.iter().scan(0, |end, len| {
            *end += len;
            Some(*end)
        }))
        .collect();
    let words = (0..starts[rows] as usize).map(|at| below(at, 4, WORDS)).collect();
    let liking = |row: usize| f64::from(items[row]) / 3.0 - 1.5 + prices[row] + (draw(row, 5) - 0.5);
    let click = |row: usize| f64::from(u8::from(liking(row) > 0.0));
    let amount = |row: usize| 50.0 + 4.0 * prices[row] + f64::from(scenes[row]) + draw(row, 6);
    let rating = |row: usize| f64::from((items[row] + u32::from(draw(row, 7) < 0.2)) % 3);
    let labels = |of: &dyn Fn(usize) -> f64| (0..rows).map(of).collect::<Vec<f64>>();
    let part = |row: usize| match row % 10 {
        0..6 => Part::Train,
        6..8 => Part::Valid,
        _ => Part::Test,
    };
    Columns {
        schema: schema(),
        row_ids: (0..rows as u64).map(|row| 1000 + row).collect(),
        parts: (0..rows).map(part).collect(),
        fields: vec![
            FieldColumn::Scene,
            FieldColumn::Ids(items.clone()),
            FieldColumn::Tokens { ids: words, starts },
            FieldColumn::Numeric(prices.iter().map(|price| *price as f32).collect()),
        ],
        labels: vec![labels(&click), labels(&amount), labels(&rating)],
        scenes: scenes.clone(),
        weights: vec![],
        groups: vec![],
        slices: vec![],
    }
}

pub fn dataset(rows: usize) -> Dataset {
    Dataset::from_columns(columns(rows)).unwrap()
}

/// Settings in the words of an experiment file.
pub type Given<'a> = &'a [(&'a str, Value)];

pub fn word(text: &str) -> Value {
    Value::Text(text.into())
}

/// Small layers for the oracle's sake.
pub fn plan(dataset: &Dataset, architecture: &str, tasks: &[usize], model: Given) -> Arc<Plan> {
    let architecture = mmtl_zoo::architecture(architecture).unwrap();
    let known = architecture.knobs();
    let list = |widths: &[i64]| Value::List(widths.iter().map(|w| Value::Int(*w)).collect());
    let small = [
        ("experts", Value::Int(2)),
        ("expert_widths", list(&[6])),
        ("bottom_widths", list(&[6])),
        ("tower_widths", list(&[4])),
        ("auxiliary_widths", list(&[3])),
    ];
    let small = small.iter().filter(|(name, _)| known.iter().any(|knob| knob.name == *name));
    let own = Settings::resolve(&known, small.map(|(name, value)| (*name, value))).unwrap();
    let narrow = ("embedding_dim", Value::Int(3));
    let model = std::iter::once(&narrow).chain(model).map(|(name, value)| (*name, value));
    let model = Settings::resolve(&mmtl_zoo::model_knobs(), model).unwrap();
    Arc::new(architecture.plan(dataset.schema(), tasks, &model, &own).unwrap())
}

/// A fit on all scenes.
pub fn spec(dataset: &Dataset, plan: &Arc<Plan>, train: Given, select: Given) -> FitSpec {
    let resolve =
        |knobs: &[_], given: Given| Settings::resolve(knobs, given.iter().map(|(name, value)| (*name, value))).unwrap();
    FitSpec {
        plan: plan.clone(),
        training: Training::new(&resolve(&mmtl_train::knobs(), train), dataset.schema()).unwrap(),
        selection: Selection::new(&resolve(&mmtl_train::select_knobs(), select), dataset.schema()).unwrap(),
        seeds: Seeds::all(5),
        rows: FitRows::all(dataset),
        looks: vec![],
    }
}

pub fn finished(outcome: Outcome) -> Fitted {
    match outcome {
        Outcome::Finished(fitted) => *fitted,
        Outcome::Stopped => panic!("it was stopped"),
    }
}

/// Fits to the end with `watcher` looking on.
pub fn watched(dataset: &Dataset, spec: &FitSpec, watcher: &mut dyn Watcher) -> Fitted {
    finished(fit(&ReferenceEngine::default(), dataset, spec, None, watcher).unwrap())
}

/// Fits to the end.
pub fn fitted(dataset: &Dataset, spec: &FitSpec) -> Fitted {
    watched(dataset, spec, &mut ())
}
