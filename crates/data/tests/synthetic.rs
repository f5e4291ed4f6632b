use mmtl_data::{Dataset, Part, describe};
use mmtl_plan::{Batch, Purpose, Space, Stream, TaskKind, Value};

use crate::opening::{floats, in_memory, text, texts};

fn int(value: i64) -> Value {
    Value::Int(value)
}

fn labels(dataset: &Dataset, task: usize) -> Vec<f64> {
    (0..dataset.len() as u32).map(|row| dataset.label(task, row).unwrap()).collect()
}

fn row(dataset: &Dataset, row: u32) -> Vec<f32> {
    (1..=dataset.schema().numeric_columns()).map(|field| dataset.number(field, row).unwrap()).collect()
}

#[test]
fn a_row_depends_on_its_number_and_the_seed_alone() {
    let few = in_memory("synthetic", &[("rows", int(300)), ("dim", int(7))], 4).unwrap();
    let many = in_memory("synthetic", &[("rows", int(9000)), ("dim", int(7))], 4).unwrap();
    let other = in_memory("synthetic", &[("rows", int(300)), ("dim", int(7))], 5).unwrap();
    for at in [0, 1, 150, 299] {
        assert_eq!(row(&few, at), row(&many, at));
        assert_eq!(few.label(1, at), many.label(1, at));
        assert_ne!(row(&few, at), row(&other, at));
    }
    assert_ne!(few.fingerprint(), many.fingerprint());
}

#[test]
fn another_task_moves_no_other() {
    let two = in_memory("synthetic", &[("rows", int(300)), ("dim", int(9))], 4).unwrap();
    let three = in_memory("synthetic", &[("rows", int(300)), ("dim", int(9)), ("tasks", int(3))], 4).unwrap();
    assert_eq!(labels(&two, 0), labels(&three, 0));
    assert_eq!(labels(&two, 1), labels(&three, 1));
}

#[test]
fn without_terms_and_noise_targets_are_linear_with_the_asked_correlation() {
    let given = [("rows", int(20_000)), ("dim", int(20)), ("terms", int(0)), ("noise", Value::Float(0.0))];
    for (p, tolerance) in [(0.5, 0.03), (-0.8, 0.02), (1.0, 1e-9)] {
        let given: Vec<_> = given.iter().cloned().chain([("correlation", Value::Float(p))]).collect();
        let dataset = in_memory("synthetic", &given, 1).unwrap();
        let pearson = describe(&dataset).correlations[0].pearson.unwrap();
        assert!((pearson - p).abs() < tolerance, "{p}: {pearson}");
        // Var(wᵀx) = c² = 1.
        assert!((dataset.base(0).deviation - 1.0).abs() < 0.03);
    }
    let gram = Value::List(vec![floats(&[4.0, 1.0]), floats(&[1.0, 1.0])]);
    let given: Vec<_> = given.iter().cloned().chain([("gram", gram)]).collect();
    let dataset = in_memory("synthetic", &given, 1).unwrap();
    assert!((dataset.base(0).deviation - 2.0).abs() < 0.05);
    assert!((describe(&dataset).correlations[0].pearson.unwrap() - 0.5).abs() < 0.03);
}

#[test]
fn noise_is_a_variance_unless_said_otherwise() {
    let deviation = |given: &[(&str, Value)]| {
        let fixed = [("rows", int(5000)), ("dim", int(4)), ("terms", int(0)), ("c", Value::Float(0.0))];
        let given: Vec<_> = fixed.into_iter().chain(given.iter().cloned()).collect();
        in_memory("synthetic", &given, 1).unwrap().base(0).deviation
    };
    assert!((deviation(&[]) - 0.1).abs() < 0.005);
    assert!((deviation(&[("noise_is", text("deviation"))]) - 0.01).abs() < 0.0005);
}

#[test]
fn the_papers_formula() {
    // Without terms and noise a target is z = wᵀx itself.
    let fixed = [("rows", int(300)), ("dim", int(4)), ("noise", Value::Float(0.0)), ("c", Value::Float(1.5))];
    let with = |terms: i64| {
        let given: Vec<_> = fixed.iter().cloned().chain([("terms", int(terms))]).collect();
        in_memory("synthetic", &given, 6).unwrap()
    };
    let normal = |name: &str, i: u64| Stream::new(6, Purpose::Data, name).normal(0, i);
    let (linear, waves) = (with(0), with(10));
    for task in [0, 1] {
        for (z, y) in labels(&linear, task).into_iter().zip(labels(&waves, task)) {
            let sum: f64 = (0..10).map(|i| (normal("alpha", i) * z + normal("beta", i)).sin()).sum();
            assert!((y - z - sum).abs() < 1e-12, "{z} {y}");
        }
    }
}

#[test]
fn scenes_have_their_shares_and_shifts() {
    let given = [
        ("rows", int(20_000)),
        ("dim", int(10)),
        ("scenes", int(3)),
        ("shares", floats(&[0.7, 0.2, 0.1])),
        ("label_shift", floats(&[0.0, 5.0, -5.0])),
        ("relatedness", Value::Float(0.5)),
    ];
    let dataset = in_memory("synthetic", &given, 1).unwrap();
    let description = describe(&dataset);
    for (scene, share, shift) in [(0, 0.7, 0.0), (1, 0.2, 5.0), (2, 0.1, -5.0)] {
        let described = &description.scenes[scene];
        assert!((described.share - share).abs() < 0.015, "{described:?}");
        let base = description.scenes[0].tasks[0].mean;
        assert!((described.tasks[0].mean - base - shift).abs() < 0.4, "{described:?}");
    }
    // The same rows of one world are of the same scene whatever the relatedness, and have other labels.
    let related = in_memory("synthetic", &[&given[..5], &[("relatedness", Value::Float(1.0))]].concat(), 1).unwrap();
    let differ = (0..1000).filter(|&row| related.label(0, row) != dataset.label(0, row)).count();
    assert!((0..1000).all(|row| related.scene(row) == dataset.scene(row)) && differ == 1000);
}

#[test]
fn a_funnel_has_spaces_and_a_product() {
    let given = [("rows", int(5000)), ("dim", int(6)), ("funnel", Value::Bool(true)), ("binary", text("logistic"))];
    let dataset = in_memory("synthetic", &given, 1).unwrap();
    let tasks = &dataset.schema().tasks;
    assert_eq!(tasks.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["click", "conversion", "ctcvr"]);
    assert_eq!(tasks[1].space, Space::Given("click".into()));
    assert_eq!(tasks[2].product_of, ["click", "conversion"]);
    let mut converted = 0;
    for row in 0..5000 {
        let click = dataset.label(0, row).unwrap();
        let conversion = dataset.label(1, row);
        assert_eq!(conversion.is_some(), click == 1.0);
        assert_eq!(dataset.label(2, row), Some(click * conversion.unwrap_or(0.0)));
        converted += usize::from(conversion == Some(1.0));
    }
    assert!(converted > 100, "{converted}");
    let mut batch = Batch::default();
    dataset.fill(dataset.rows(Part::Valid), &mut batch);
    assert_eq!(batch.mismatch(dataset.schema()), None);
    for row in 0..batch.rows() {
        assert_eq!(batch.weights(1)[row], batch.labels(0)[row]);
        assert_eq!(batch.weights(2)[row], 1.0);
    }
}

#[test]
fn fields_may_each_have_their_own_number_of_values() {
    let values = |list: &[i64]| Value::List(list.iter().map(|v| int(*v)).collect());
    let common = [("rows", int(5000)), ("dim", int(2))];
    let with = |more: [(&'static str, Value); 2]| in_memory("synthetic", &[common.clone(), more].concat(), 2).unwrap();
    let own = with([("cardinalities", values(&[7, 2])), ("popularity", Value::Float(0.5))]);
    let sizes: Vec<usize> = own.schema().vocabularies.iter().map(|v| v.size).collect();
    assert_eq!(sizes, [1, 7 + 2, 2 + 2]); // one scene, and two reserved ids a field
    // A list of equal numbers says what the two other keys say.
    let (list, both) = (
        with([("cardinalities", values(&[5, 5])), ("effect", Value::Float(1.0))]),
        in_memory(
            "synthetic",
            &[&common[..], &[("categories", int(2)), ("cardinality", int(5)), ("effect", Value::Float(1.0))]].concat(),
            2,
        )
        .unwrap(),
    );
    assert!((0..5000).all(|row| list.ids(4, row) == both.ids(4, row) && list.label(1, row) == both.label(1, row)));
}

#[test]
fn kinds_and_categories() {
    let given = [
        ("rows", int(20_000)),
        ("dim", int(4)),
        ("kinds", texts(&["binary", "regression"])),
        ("categories", int(2)),
        ("cardinality", int(5)),
        ("effect", Value::Float(3.0)),
    ];
    let dataset = in_memory("synthetic", &given, 2).unwrap();
    assert_eq!(dataset.schema().tasks[0].kind, TaskKind::Binary);
    assert!(matches!(dataset.schema().tasks[1].kind, TaskKind::Regression { .. }));
    let (field, size) = (&dataset.schema().fields[5], dataset.schema().vocabularies[1].size);
    assert_eq!((field.name.as_str(), size), ("category1", 5 + 2));
    // Ids go by train frequency: 1 / rank has shares 60, 30, 20, 15, 12 of 137.
    let share = |id: u32| (0..20_000).filter(|&row| dataset.ids(5, row) == [id]).count() as f64 / 20_000.0;
    for (id, of_137) in [(2, 60.0), (3, 30.0), (4, 20.0)] {
        assert!((share(id) - of_137 / 137.0).abs() < 0.02, "{id}: {}", share(id));
    }
    // An effect of 3 a field, twice, dwarfs the rest: means differ by value.
    let mean = |id: u32| {
        let rows: Vec<u32> = (0..20_000).filter(|&row| dataset.ids(5, row) == [id]).collect();
        dataset.base_of(1, &rows).mean
    };
    assert!((mean(2) - mean(3)).abs() > 0.3, "{} {}", mean(2), mean(3));
}
