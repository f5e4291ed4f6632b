//! `mmtl bench` on next to no time.

use crate::program::Program;

#[test]
fn a_case_is_timed_beside_the_peak() {
    let program = Program::new();
    let timed = program.run(&["bench", "small-512", "--threads", "2", "--seconds", "0", "--format", "json"]);
    assert_eq!((timed.code, timed.err.as_str()), (0, ""), "{timed:?}");
    let json: serde_json::Value = serde_json::from_str(&timed.out).unwrap();
    let cases = json["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 1, "{json}");
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let seconds = number(&cases[0]["seconds"]["median"]);
    assert!((number(&cases[0]["rows_per_second"]) - 512.0 / seconds).abs() < 1e-6 / seconds, "{json}");
    assert!(number(&cases[0]["share"]) > 0.0 && number(&json["gemm_peak"]) > 0.0, "{json}");
    // Three shapes on one thread and on two.
    assert_eq!(json["peaks"]["gemm"].as_array().map(Vec::len), Some(6), "{json}");
    assert!(program.listing().is_empty());
}

#[test]
fn what_was_measured_is_told_when_another_case_fails() {
    let program = Program::new();
    let file = program.path("bench.json");
    let timed =
        program.run(&["bench", "auc", "small-512", "--rows", "1", "--seconds", "0", "--json", file.to_str().unwrap()]);
    let sentence = "`auc` failed: the AUC of the generated rows is undefined";
    assert_eq!((timed.code, timed.err.as_str()), (1, format!("mmtl: {sentence}\n").as_str()), "{timed:?}");
    assert!(timed.out.contains("small-512"), "{timed:?}");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(json["cases"].as_array().map(Vec::len), Some(1), "{json}");
    assert_eq!(
        (json["cases"][0]["case"].as_str(), json["failed"][0]["case"].as_str()),
        (Some("small-512"), Some("auc"))
    );
}

#[test]
fn an_unknown_case_is_refused_before_anything_is_timed() {
    let refused = Program::new().run(&["bench", "large", "smal-512"]);
    assert_eq!((refused.code, refused.out.as_str(), refused.err.lines().count()), (2, "", 1), "{refused:?}");
    let parts = ["unknown case `smal-512`", "wide-sparse", "did you mean `small-512`?"];
    assert!(parts.iter().all(|part| refused.err.contains(part)), "{}", refused.err);
    let program = Program::new();
    let nowhere = program.run(&["bench", "small-512", "--json", "no/such/folder.json"]);
    assert_eq!((nowhere.code, nowhere.out.as_str()), (2, ""), "nothing was timed: {nowhere:?}");
    assert!(nowhere.err.contains("cannot write `no/such/folder.json`: "), "{}", nowhere.err);
    let named = program.run(&["bench", "--filter", "norm"]);
    let hint = ", evaluation, auc; `norm-wide` is run by its whole name";
    assert!(named.code == 2 && named.err.trim_end().ends_with(hint), "{}", named.err);
    let unknown = program.run(&["bench", "smal-512", "--json", "new.json"]);
    assert_eq!((unknown.code, program.listing()), (2, vec![]), "nothing is left: {unknown:?}");
    for wrong in ["-1", "nan", "1e9", "soon"] {
        let refused = Program::new().run(&["bench", "--seconds", wrong]);
        assert!(refused.code == 2 && refused.err.contains("expected a number from 0 to 3600"), "{wrong}: {refused:?}");
    }
}
