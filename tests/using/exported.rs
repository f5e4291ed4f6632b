//! What `mmtl export` writes, read as another program would.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mmtl_grid::store::predictions;
use serde_json::Value;

use super::{cells, shop, shown};

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The header of a safetensors file and the bytes behind it.
fn safetensors(path: &Path) -> (Value, usize) {
    let bytes = fs::read(path).unwrap();
    let header = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    (serde_json::from_slice(&bytes[8..8 + header]).unwrap(), bytes.len() - 8 - header)
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_run_is_exported_whole() {
    let (program, runs) = shop(2000, &[]);
    let run = &runs["star joint"];
    let done = program.run(&["export", shown(run), "out", "--format", "csv"]);
    assert_eq!(done.code, 0, "{done:?}");
    let folder = program.path("out");
    let files = ["manifest.json", "model.safetensors", "predictions.csv", "split.csv", "vocabularies.csv"];
    assert_eq!(names(&folder), files.map(str::to_owned).into());
    let manifest = json(&folder.join("manifest.json"));
    assert_eq!(manifest["key"], run.file_name().unwrap().to_str().unwrap());
    assert_eq!((&manifest["architecture"], &manifest["test_predictions"]), (&"star".into(), &"included".into()));

    let (header, bytes) = safetensors(&folder.join("model.safetensors"));
    let about: Value = serde_json::from_str(header["__metadata__"]["mmtl"].as_str().unwrap()).unwrap();
    for key in ["key", "architecture", "settings", "schema", "mmtl", "fit", "step"] {
        assert!(!about[key].is_null(), "{key}");
    }
    let tensors = manifest["models"][0]["tensors"].as_array().unwrap();
    assert_eq!(header.as_object().unwrap().len(), tensors.len() + 1);
    let mut elements = 0;
    for tensor in tensors {
        let stored = &header[tensor["name"].as_str().unwrap()];
        assert_eq!((&stored["dtype"], &stored["shape"]), (&"F32".into(), &tensor["shape"]), "{tensor}");
        elements += tensor["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).product::<u64>();
    }
    assert_eq!(bytes as u64, 4 * elements);
    let scenes = |tensor: &&Value| tensor["shape"].as_array().unwrap().first() == Some(&3.into());
    assert!(tensors.iter().filter(|tensor| tensor["kind"] == "state").any(|tensor| scenes(&tensor)), "{tensors:?}");

    // Each table has a row for each line of its vocabulary.
    let text = fs::read_to_string(folder.join("vocabularies.csv")).unwrap();
    let lines = cells(&text);
    assert_eq!(lines[0], ["vocabulary", "row", "meaning", "value"]);
    let of = |name: &str| lines.iter().filter(|line| line[0] == name).collect::<Vec<_>>();
    for table in tensors.iter().filter(|tensor| tensor["kind"] == "table") {
        let rows = of(table["vocabulary"].as_str().unwrap()).len() as u64;
        assert_eq!(table["shape"][0], rows, "{table}");
    }
    assert_eq!(of("item")[..2], [&["item", "0", "unseen", ""], &["item", "1", "missing", ""]]);
    assert_eq!(of("item").len(), 2 + 17);
    assert_eq!(of("ts_weekday").get(2), Some(&&vec!["ts_weekday", "2", "value", "Monday"]), "{text}");
    assert_eq!(of("scene").iter().map(|line| line[3]).collect::<Vec<_>>(), ["cart", "feed", "search"]);

    let stored = predictions::read(&run.join("predictions.parquet")).unwrap();
    let text = fs::read_to_string(folder.join("predictions.csv")).unwrap();
    let lines = cells(&text);
    assert_eq!(lines[0][..6], ["row_id", "part", "scene", "label.click", "space.click", "prediction.click"]);
    assert_eq!(lines.len(), 1 + stored.rows.len());
    let spend = lines[0].iter().position(|name| *name == "label.spend").unwrap();
    assert!(lines[1..].iter().any(|line| line[spend].is_empty()), "unknown labels are empty");
    for (line, id) in lines[1..].iter().zip(&stored.rows) {
        assert_eq!((line[0], line[4]), (&*id.to_string(), "all"));
    }
    let split = fs::read_to_string(folder.join("split.csv")).unwrap();
    assert_eq!(split.lines().count(), 2001);
    let test: BTreeSet<&str> = cells(&split).iter().filter(|line| line[1] == "test").map(|line| line[0]).collect();
    let predicted = lines.iter().filter(|line| line[1] == "test").map(|line| line[0]).collect();
    assert_eq!(test, predicted);

    let before = program.listing();
    let again = program.run(&["export", shown(run), "out"]);
    assert!(again.code == 2 && again.err.contains("`out` exists"), "{again:?}");
    assert_eq!(program.listing(), before);
    let parquet = program.run(&["export", shown(run)]);
    let named = program.path(&format!("export-{}", run.file_name().unwrap().to_str().unwrap()));
    assert!(parquet.code == 0 && names(&named).contains("split.parquet"), "{parquet:?}");
    let model = |folder: &Path| fs::read(folder.join("model.safetensors")).unwrap();
    assert_eq!(model(&named), model(&folder), "the same bytes each time");
}

#[test]
fn test_rows_wait_until_the_grid_is_done() {
    let (program, runs) = shop(2000, &[]);
    let run = &runs["star joint"];
    // As it was before the other run began.
    let grid = program.path("results/shop/grid.jsonl");
    let other = runs["shared-bottom joint"].file_name().unwrap().to_str().unwrap().to_owned();
    let text = fs::read_to_string(&grid).unwrap();
    let is_early = |line: &&str| !line.contains("\"closed\"") && (!line.contains(&other) || line.contains("queued"));
    let early: String = text.split_inclusive('\n').filter(is_early).collect();
    assert_ne!(early, text);
    fs::write(&grid, early).unwrap();
    let export = |dir: &str| {
        let done = program.run(&["export", shown(run), dir, "--format", "csv"]);
        assert_eq!(done.code, 0, "{done:?}");
        let text = fs::read_to_string(program.path(dir).join("predictions.csv")).unwrap();
        let manifest = json(&program.path(dir).join("manifest.json"));
        (text.contains(",test,"), text.contains(",valid,"), manifest["test_predictions"].as_str().unwrap().to_owned())
    };
    let (test, valid, told) = export("early");
    assert!(!test && valid && told.contains("reveal-test"), "{told}");
    assert_eq!(program.run(&["ctl", "results/shop", "reveal-test"]).code, 0);
    assert_eq!(export("revealed"), (true, true, "included".to_owned()));
}

#[test]
fn fits_and_choices_have_files_of_their_own() {
    let changes = [("[grid]", "[select]\nper = \"task\"\n[grid]\nprotocol = [\"per-scene\"]"), (", \"star\"", "")];
    let (program, runs) = shop(2000, &changes);
    let done = program.run(&["export", shown(&runs["shared-bottom per-scene"]), "out"]);
    assert_eq!(done.code, 0, "{done:?}");
    let manifest = json(&program.path("out/manifest.json"));
    let models = manifest["models"].as_array().unwrap();
    // Three scenes, each with weights for everything and for each of three tasks.
    assert_eq!(models.len(), 12);
    let told: BTreeSet<String> =
        models.iter().map(|model| format!("{} {}", model["fit"], model["chosen_for"])).collect();
    assert_eq!(told.len(), 12, "{told:?}");
    for model in models {
        let (header, _) = safetensors(&program.path("out").join(model["file"].as_str().unwrap()));
        let about: Value = serde_json::from_str(header["__metadata__"]["mmtl"].as_str().unwrap()).unwrap();
        assert_eq!((&about["fit"], &about["step"]), (&model["fit"], &model["step"]));
    }
}
