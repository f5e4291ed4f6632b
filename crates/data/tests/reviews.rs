use mmtl_data::{Part, describe};
use mmtl_plan::{FieldKind, TaskKind, Value};

use crate::opening::{in_memory, message, text};

fn small<'a>(more: &[(&'a str, Value)]) -> Vec<(&'a str, Value)> {
    [("text", text("none"))].into_iter().chain(more.iter().cloned()).collect()
}

#[test]
fn counts_are_those_of_the_published_file() {
    let dataset = in_memory("reviews", &[], 1).unwrap();
    assert_eq!(dataset.len(), 23_486);
    let schema = dataset.schema();
    assert_eq!(schema.scenes, ["Bottoms", "Dresses", "Intimate", "Jackets", "Tops", "Trend", "(missing)"]);
    let fields: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(fields, ["scene", "clothing_id", "division", "class", "age", "title", "review"]);
    assert_eq!((&*schema.tasks[0].name, &*schema.tasks[1].name), ("recommended", "rating"));
    // The two texts share their words.
    assert_eq!(schema.fields[5].kind.vocabulary(), schema.fields[6].kind.vocabulary());

    let description = describe(&dataset);
    let rows: Vec<u64> = description.scenes.iter().map(|scene| scene.rows.iter().sum()).collect();
    assert_eq!(rows, [3799, 6319, 1735, 1032, 10_468, 119, 14]);
    assert_eq!(description.tasks[0].all.mean, 19_314.0 / 23_486.0);
    assert!((description.tasks[1].all.mean - 4.196).abs() < 5e-4, "{:?}", description.tasks[1]);
    assert!((description.tasks[1].all.deviation.powi(2) - 1.232).abs() < 1e-3);
    let (tops, missing) = (&description.scenes[4].tasks, &description.scenes[6].tasks);
    assert!((tops[0].mean - 0.815).abs() < 5e-4 && (tops[1].mean - 4.172).abs() < 5e-4, "{tops:?}");
    assert_eq!((missing[0].mean, missing[1].mean, missing[1].deviation), (1.0, 5.0, 0.0));

    let review = &description.fields[6];
    let without: f64 = review.missing.iter().zip(description.rows).map(|(share, rows)| share * rows as f64).sum();
    assert!((without - 845.0).abs() < 1e-6, "{review:?}");
    assert!((50.0..65.0).contains(&review.tokens.unwrap()), "{review:?}");
    let untitled = &description.slices[2];
    assert_eq!((&*untitled.name, untitled.rows.iter().sum::<u64>()), ("untitled", 3810));
    assert!(description.slices.iter().all(|slice| slice.share > 0.1 && slice.share < 0.5), "{:?}", description.slices);

    let shown = description.to_string();
    for line in ["reviews: 23,486 rows (", "│ Tops ", "│ recommended × rating ", "long_review", "82.2 %"] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
}

#[test]
fn labels_are_never_features_and_ids_stay_in_their_vocabularies() {
    let dataset = in_memory("reviews", &[], 3).unwrap();
    let schema = dataset.schema();
    for field in &schema.fields {
        assert!(!["rating", "recommended", "feedback", "votes"].iter().any(|label| field.name.contains(label)));
    }
    let mut batch = mmtl_plan::Batch::default();
    dataset.fill(dataset.rows(Part::Test), &mut batch);
    assert_eq!(batch.mismatch(schema), None);
    let FieldKind::Tokens { max, .. } = schema.fields[6].kind else { panic!("the review is a text") };
    assert!((0..batch.rows()).all(|row| batch.lookups[6].row(row).len() <= max));
}

#[test]
fn rows_without_a_department_follow_the_policy() {
    let dropped = in_memory("reviews", &small(&[("missing_scene", text("drop"))]), 1).unwrap();
    assert_eq!((dropped.len(), dropped.schema().scenes.len()), (23_472, 6));
    let own = in_memory("reviews", &small(&[]), 1).unwrap();
    // Leaving rows out moves no other row's part.
    let part_of = |dataset: &mmtl_data::Dataset, id: u64| {
        (0..dataset.len() as u32).find(|&row| dataset.row_id(row) == id).map(|row| dataset.part(row))
    };
    for id in [0, 1, 99, 10_000, 23_485] {
        assert_eq!(part_of(&dropped, id), part_of(&own, id), "row {id}");
    }
    let error = message(in_memory("reviews", &small(&[("missing_scene", text("error"))]), 1));
    assert!(error.contains("row 9445 of"), "{error}");
    assert!(error.contains("column `Department Name` is missing, expected a scene; missing scenes may"), "{error}");
}

#[test]
fn scenes_tasks_and_age_can_be_chosen() {
    let given = small(&[
        ("scene", text("division")),
        ("rating", text("classes")),
        ("helpful_votes", Value::Bool(true)),
        ("age", text("bins")),
        ("bins", Value::Int(4)),
    ]);
    let dataset = in_memory("reviews", &given, 1).unwrap();
    let schema = dataset.schema();
    assert_eq!(schema.scenes, ["General", "General Petite", "Initmates", "(missing)"]);
    assert_eq!(schema.tasks[1].kind, TaskKind::Multiclass { classes: 5 });
    let bases = dataset.base_of(1, &(0..23_486).collect::<Vec<_>>());
    assert_eq!(bases.rates[0], 842.0 / 23_486.0);
    assert_eq!(bases.rates[4], 13_131.0 / 23_486.0);
    let fields: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(fields, ["scene", "clothing_id", "department", "class", "age"]);
    assert_eq!(schema.vocabularies[4].size, 4 + 2);
    assert_eq!(describe(&dataset).tasks[2].name, "helpful_votes");
    let whole = in_memory("reviews", &small(&[("scene", text("none"))]), 1).unwrap();
    assert_eq!(whole.schema().scenes, ["all"]);
}
