use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use mmtl_data::{Dataset, FieldColumn, Part, knobs};
use mmtl_plan::{Seeds, Value};
use parquet::arrow::ArrowWriter;

use crate::batches::columns;
use crate::opening::{Given, cached, floats, in_memory, message, settings, text, texts};

fn int(value: i64) -> Value {
    Value::Int(value)
}

fn synthetic(given: Given) -> String {
    message(in_memory("synthetic", given, 1))
}

#[test]
fn unknown_sources_and_keys() {
    assert_eq!(
        knobs("reveiws").unwrap_err().to_string(),
        "unknown data source `reveiws`; did you mean `reviews`?; expected one of reviews, census, synthetic, card"
    );
    let error = settings("reviews", &[("max_token", int(5))]).unwrap_err().to_string();
    assert_eq!(error, "data: unknown key `max_token`; did you mean `max_tokens`?");
    let error = settings("reviews", &[("rating", text("class"))]).unwrap_err().to_string();
    assert!(error.starts_with("data: `rating` is \"class\", expected one of `regression`, `classes`"), "{error}");
    let error = settings("synthetic", &[("rows", int(0))]).unwrap_err().to_string();
    assert!(error.contains("`rows` is 0, expected a whole number from 1 to"), "{error}");
}

#[test]
fn every_knob_resolves_at_its_default_and_is_documented() {
    for source in mmtl_data::sources() {
        let knobs = knobs(source.name()).unwrap();
        assert_eq!(settings(source.name(), &[]).unwrap().text("source"), source.name());
        for (at, knob) in knobs.iter().enumerate() {
            assert_eq!(knob.accept(&knob.default).as_ref(), Ok(&knob.default), "{}", knob.name);
            assert!(knob.doc.ends_with('.') && !source.doc().is_empty(), "{}", knob.name);
            assert!(!knobs[..at].iter().any(|other| other.name == knob.name), "{} is there twice", knob.name);
        }
    }
}

#[test]
fn fields_counted_in_two_ways() {
    let error = synthetic(&[("categories", int(2)), ("cardinalities", Value::List(vec![int(3)]))]);
    assert_eq!(error, "data: `cardinalities` is a list of 1 with `categories` 2, expected one of the two");
}

#[test]
fn matrices_that_are_no_gram_matrix() {
    let error = synthetic(&[("tasks", int(3)), ("correlation", Value::Float(-0.9))]);
    assert_eq!(
        error,
        "data: `correlation` is no Gram matrix: its smallest eigenvalue is -0.800000, expected at least 0 (positive \
         semidefinite); 3 tasks can have a `correlation` from -0.500000 to 1"
    );
    let gram = |rows: &[&[f64]]| Value::List(rows.iter().map(|row| floats(row)).collect());
    let error = synthetic(&[("gram", gram(&[&[1.0, 2.0], &[2.0, 1.0]]))]);
    assert!(error.starts_with("data: `gram` is no Gram matrix: its smallest eigenvalue is -1.000000"), "{error}");
    let error = synthetic(&[("gram", gram(&[&[1.0, 0.5], &[0.4, 1.0]]))]);
    assert!(error.contains("0.4 in row 2, column 1 and 0.5 across, expected a symmetric matrix"), "{error}");
    let error = synthetic(&[("gram", gram(&[&[1.0, 0.5]]))]);
    assert!(error.ends_with("rows of 2 numbers, expected 2 rows of 2"), "{error}");
    let error = synthetic(&[("gram", gram(&[&[1.0, 0.0], &[0.0, 0.0]]))]);
    assert!(error.contains("0 in row and column 2, expected a diagonal above 0"), "{error}");
    // The bound itself is allowed.
    assert!(
        in_memory("synthetic", &[("rows", int(50)), ("tasks", int(3)), ("correlation", Value::Float(-0.5))], 1).is_ok()
    );
}

#[test]
fn settings_that_do_not_fit_each_other() {
    let scenes = ("scenes", int(3));
    let error = synthetic(&[scenes.clone(), ("shares", floats(&[0.5, 0.5]))]);
    assert_eq!(error, "data: `shares` is a list of 2, expected one number for each of 3 scenes, or an empty list");
    let error = synthetic(&[scenes.clone(), ("shares", floats(&[0.5, 0.25, 0.2]))]);
    assert!(error.contains("`shares` is a list whose sum is 0.95, expected a sum of 1"), "{error}");
    let error = synthetic(&[scenes, ("label_shift", floats(&[1.0]))]);
    assert!(error.contains("`label_shift` is a list of 1, expected one number for each of 3 scenes"), "{error}");
    let error = synthetic(&[("kinds", texts(&["binary"]))]);
    assert!(error.contains("`kinds` is a list of 1, expected one word for each of 2 tasks"), "{error}");
    let error = synthetic(&[("kinds", texts(&["binary", "regresion"]))]);
    assert!(error.ends_with("`regression` or `binary`; did you mean `regression`?"), "{error}");
    let error = synthetic(&[("funnel", Value::Bool(true)), ("tasks", int(3))]);
    assert!(error.contains("`funnel` is true with `tasks` 3"), "{error}");
    let error = synthetic(&[("dim", int(3)), ("relatedness", Value::Float(0.5))]);
    assert!(error.contains("`dim` is 3, expected at least 4, one orthogonal direction a task"), "{error}");
    let error = synthetic(&[("valid", Value::Float(0.5)), ("test", Value::Float(0.5))]);
    assert!(error.contains("`valid` is 0.5 and `test` 0.5, expected two shares whose sum is below 1"), "{error}");
}

#[test]
fn empty_parts_unseen_scenes_and_single_classes() {
    let error = synthetic(&[("rows", int(100)), ("test", Value::Float(0.0))]);
    assert_eq!(
        error,
        "the test part of `synthetic` is empty (100 rows in all); expected at least one row, which `valid` and `test` \
         decide"
    );
    let lone = [("rows", int(1000)), ("dim", int(2)), ("scenes", int(2)), ("shares", floats(&[1.0 - 1e-9, 1e-9]))];
    let error = synthetic(&lone);
    assert_eq!(
        error,
        "scene `scene2` of `synthetic` has no train row (0 rows in all); expected at least one, or `unseen_scenes = \
         true` in `[data]` (with `data import`, `--unseen-scenes`) to score it without training on it"
    );
    let allowed = [&lone[..], &[("unseen_scenes", Value::Bool(true))]].concat();
    assert_eq!(in_memory("synthetic", &allowed, 1).unwrap().schema().scenes.len(), 2);
    let far = [("rows", int(100)), ("kinds", texts(&["binary", "regression"])), ("threshold", Value::Float(1e6))];
    let error = synthetic(&far);
    assert!(error.starts_with("task `task1` of `synthetic` is 0 in all of its "), "{error}");
}

/// Writes a Parquet file like the reviews', in which `change` may change columns.
fn reviews_file(directory: &Path, change: impl Fn(&mut Vec<(&str, ArrayRef)>)) -> String {
    let words = |word: &str| Arc::new(StringArray::from(vec![word; 200])) as ArrayRef;
    let numbers = |modulus: i32| Arc::new(Int32Array::from_iter_values((0..200).map(|i| i % modulus))) as ArrayRef;
    let ratings = Arc::new(Int32Array::from_iter_values((0..200).map(|i| 1 + i % 5))) as ArrayRef;
    let mut columns = vec![
        ("Clothing ID", numbers(9)),
        ("Age", numbers(70)),
        ("Title", words("fits well")),
        ("Review Text", words("I love it")),
        ("Rating", ratings),
        ("Recommended IND", numbers(2)),
        ("Division Name", words("General")),
        ("Department Name", words("Tops")),
        ("Class Name", words("Knits")),
    ];
    change(&mut columns);
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let path = directory.join("reviews.parquet");
    let mut writer = ArrowWriter::try_new(fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path.to_str().unwrap().to_owned()
}

fn with_file(change: impl Fn(&mut Vec<(&str, ArrayRef)>)) -> Result<Dataset, mmtl_data::DataError> {
    let directory = tempfile::tempdir().unwrap();
    let path = reviews_file(directory.path(), change);
    in_memory("reviews", &[("path", text(&path))], 1)
}

#[test]
fn files_with_other_columns_types_or_values() {
    assert_eq!(with_file(|_| {}).unwrap().len(), 200);
    let error = message(with_file(|columns| columns[1].0 = "Ages"));
    assert!(error.contains("has no column `Age`; did you mean `Ages`?; it has Clothing ID, Ages, Title"), "{error}");
    let error = message(with_file(|columns| columns[1].1 = columns[2].1.clone()));
    assert!(error.contains("row 1 of `") && error.ends_with("column `Age` is fits well, expected a number"), "{error}");
    let error = message(with_file(|columns| columns[3].1 = columns[1].1.clone()));
    assert!(error.ends_with("` holds whole numbers, expected text"), "{error}");
    let error = message(with_file(|columns| columns[5].1 = columns[4].1.clone()));
    assert!(
        error.contains("row 2 of `") && error.ends_with("column `Recommended IND` is 2, expected 0 or 1"),
        "{error}"
    );
    let floating = |columns: &mut Vec<(&str, ArrayRef)>| {
        let ages = arrow_array::Float64Array::from_iter_values((0..200).map(|i| 1.0 / f64::from(i)));
        columns[1].1 = Arc::new(ages);
    };
    let error = message(with_file(floating));
    assert!(
        error.contains("row 1 of `") && error.ends_with("column `Age` is inf, expected a finite number"),
        "{error}"
    );
}

#[test]
fn files_that_are_not_there_or_not_parquet() {
    let error = message(in_memory("reviews", &[("path", text("nowhere/reviews.parquet"))], 1));
    assert_eq!(
        error,
        "no file `nowhere/reviews.parquet`; name it with `path`, or set MMTL_DATA to the `data` folder of the program's \
         repository"
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reviews.parquet");
    fs::write(&path, "Age,Rating\n1,2\n").unwrap();
    let error = message(in_memory("reviews", &[("path", text(path.to_str().unwrap()))], 1));
    assert!(error.contains("is no readable Parquet file: "), "{error}");
    fs::write(&path, "").unwrap();
    let error = message(in_memory("reviews", &[("path", text(path.to_str().unwrap()))], 1));
    assert!(error.contains("is no readable Parquet file: "), "{error}");
}

#[test]
fn nothing_is_written_for_bad_input() {
    let cache = tempfile::tempdir().unwrap();
    let directory = cache.path().join("cache");
    let given = [("rows", int(100)), ("test", Value::Float(0.0))];
    assert!(cached("synthetic", &given, &Seeds::all(1), &directory).is_err());
    assert!(!directory.exists());
}

#[test]
fn a_cache_directory_that_cannot_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let occupied = directory.path().join("occupied");
    fs::write(&occupied, "a file").unwrap();
    let few = [("rows", int(100)), ("dim", int(2))];
    let error = message(cached("synthetic", &few, &Seeds::all(1), &occupied.join("cache")));
    assert!(error.starts_with("cannot ") && error.contains("occupied"), "{error}");
}

fn refused(change: impl Fn(&mut mmtl_data::Columns)) -> String {
    let mut columns = columns();
    change(&mut columns);
    message(Dataset::from_columns(columns))
}

#[test]
fn columns_in_memory_that_do_not_fit() {
    let error = refused(|columns| columns.scenes.truncate(39_999));
    assert_eq!(error, "scenes has 39999 values, expected 40000");
    let error = refused(|columns| columns.scenes[7] = 3);
    assert_eq!(error, "scenes has id 3, expected ids below 3");
    let error = refused(|columns| columns.fields[2] = FieldColumn::Numeric(vec![0.0; 40_000]));
    assert_eq!(error, "field `item` has numbers, expected one id a row");
    let error = refused(|columns| columns.fields[0] = FieldColumn::Numeric(vec![f32::NAN; 40_000]));
    assert_eq!(error, "field `price` has NaN, expected finite numbers");
    let error = refused(|columns| {
        let FieldColumn::Tokens { starts, .. } = &mut columns.fields[3] else { unreachable!("it is a text") };
        starts[1] = 9;
    });
    assert_eq!(error, "field `history` has bounds that do not divide its ids, expected ascending bounds");
    let error = refused(|columns| columns.row_ids[5] = columns.row_ids[4]);
    assert_eq!(error, "row_ids has 1000004 twice, expected unique ids");
    let error = refused(|columns| columns.labels[0][3] = 0.5);
    assert_eq!(error, "the label column of task `click` has 0.5, expected 0 or 1");
    let error = refused(|columns| columns.weights[0] = -1.0);
    assert_eq!(error, "weights has -1, expected finite numbers of at least 0");
    let error = refused(|columns| columns.labels[1][1] = f64::INFINITY);
    assert_eq!(error, "the label column of task `spend` has inf, expected finite numbers");
    let train_only = |columns: &mut mmtl_data::Columns| columns.parts.fill(Part::Train);
    let mut columns = columns();
    train_only(&mut columns);
    assert!(Dataset::from_columns(columns).unwrap().rows(Part::Test).is_empty());
}
