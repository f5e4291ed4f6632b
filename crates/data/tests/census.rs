use mmtl_data::{Part, describe};
use mmtl_plan::Seeds;

use crate::opening::{cached, in_memory, message, text, texts};

#[test]
fn the_papers_protocol() {
    let dataset = in_memory("census", &[("scene", text("none"))], 1).unwrap();
    let schema = dataset.schema();
    assert_eq!(schema.scenes, ["all"]);
    // 38 features and the scene.
    assert_eq!((schema.fields.len(), schema.numeric_columns()), (39, 7));
    assert_eq!(dataset.rows(Part::Train).len(), 199_523);
    let (valid, test) = (dataset.rows(Part::Valid).len(), dataset.rows(Part::Test).len());
    assert_eq!(valid + test, 99_762);
    // Five standard deviations of a fair coin's count.
    assert!(valid.abs_diff(test) < 1600, "{valid} {test}");
    for (task, name, rate) in [(0, "income", 12_382.0), (1, "marital", 86_485.0)] {
        assert_eq!(schema.tasks[task].name, name);
        assert_eq!(dataset.base(task).rates[1], rate / 199_523.0);
    }
    for leaves in ["education", "marital_status", "income", "instance_weight", "part"] {
        assert!(!schema.fields.iter().any(|field| field.name == leaves), "{leaves}");
    }
    let description = describe(&dataset);
    // The paper says .1768 over 10,000 rows; data/census/README.md measures .178 ± .007.
    let pearson = description.correlations[0].pearson.unwrap().abs();
    assert!((pearson - 0.178).abs() < 5e-4, "{pearson}");
    let state = description.fields.iter().find(|field| field.name == "previous_state").unwrap();
    assert_eq!(state.missing[0], 708.0 / 199_523.0);
    assert_eq!(state.values, Some(50));
}

#[test]
fn the_other_group_and_scenes() {
    let cache = tempfile::tempdir().unwrap();
    let given = [("group", text("education")), ("scene", text("class_of_worker")), ("numeric", text("bins"))];
    let dataset = cached("census", &given, &Seeds::all(2), cache.path()).unwrap();
    let schema = dataset.schema();
    assert_eq!(dataset.base(0).rates[1], 39_183.0 / 199_523.0);
    assert_eq!((schema.tasks[0].name.as_str(), schema.numeric_columns()), ("education", 0));
    assert_eq!(schema.scenes.len(), 9);
    assert!(!schema.fields.iter().any(|field| field.name == "class_of_worker"));
    let unpaid = schema.scenes.iter().position(|scene| scene == "Without pay").unwrap();
    let train = dataset.rows(Part::Train);
    assert_eq!(train.iter().filter(|&&row| dataset.scene(row) == unpaid).count(), 165);
}

#[test]
fn a_label_stays_out_of_the_features_whatever_is_dropped() {
    let given = [("drop", texts(&["instance_weight"])), ("scene", text("year")), ("numeric", text("categories"))];
    let dataset = in_memory("census", &given, 1).unwrap();
    let names: Vec<&str> = dataset.schema().fields.iter().map(|field| field.name.as_str()).collect();
    assert!(names.contains(&"education") && !names.contains(&"income") && !names.contains(&"marital_status"));
    assert_eq!(dataset.schema().numeric_columns(), 0);
    let error = message(in_memory("census", &[("drop", texts(&["incme"]))], 1));
    assert_eq!(error, "data: `drop` is a list with `incme`, expected names of columns; did you mean `income`?");
}
