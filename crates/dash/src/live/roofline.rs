//! What runs cost and what engines reach: from the records of a store, and from a report of `mmtl bench`.

use std::collections::BTreeMap;
use std::path::Path;

use mmtl_grid::Grid;
use mmtl_grid::store::Store;
use serde_json::Value;

use crate::roofline::{Bench, Reached};

/// Version of the reports of `mmtl bench --json` that [`read_bench`] knows.
const VERSION: u64 = 3;

/// Floating-point operations of a row's forward pass through each fit, by the label of the row in tables. One record a
/// row is read: seeds change no shape. What cannot be read is left out, as are rows of which nothing is finished.
#[must_use]
pub fn costs(store: &Store, grid: &Grid) -> BTreeMap<String, Vec<u64>> {
    let mut costs = BTreeMap::new();
    for run in &grid.runs {
        let Some(label) = run.rows.first().map(ToString::to_string) else { continue };
        let folder = store.run(&run.key);
        if costs.contains_key(&label) || !folder.is_finished() {
            continue;
        }
        if let Ok(record) = folder.record() {
            costs.insert(label, record.fits.iter().map(|fit| fit.forward_flops_per_row).collect());
        }
    }
    costs
}

/// What a report of `mmtl bench --json FILE` says of an engine.
///
/// # Errors
/// A sentence, when the file cannot be read, is of another version, or holds no peak.
pub fn read_bench(path: &Path) -> Result<Bench, String> {
    let of = |what: String| format!("{}: {what}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| of(error.to_string()))?;
    let report: Value = serde_json::from_str(&text).map_err(|error| of(error.to_string()))?;
    match report["version"].as_u64() {
        Some(VERSION) => {
            bench(&report).ok_or_else(|| of("no peak, expected a report of `mmtl bench --json`".to_owned()))
        }
        Some(other) => Err(of(format!("version {other}, expected version {VERSION} of `mmtl bench --json`"))),
        None => Err(of("no version, expected a report of `mmtl bench --json`".to_owned())),
    }
}

fn bench(report: &Value) -> Option<Bench> {
    let (machine, device) = (&report["machine"], &report["device"]);
    let peak = if device.is_null() { report["gemm_peak"].as_f64()? } else { of_device(device)? };
    let cases = report["cases"].as_array().into_iter().flatten();
    let kernels = report["kernels"].as_array().into_iter().flatten();
    Some(Bench {
        numerics: machine["numerics"].as_str()?.to_owned(),
        threads: machine["threads"].as_u64()?,
        peak,
        copy: device["copy"]["median"].as_f64(),
        steps: cases.filter_map(|case| reached(case, "case")).collect(),
        kernels: kernels.filter_map(|kernel| reached(kernel, "kernel")).collect(),
    })
}

/// GFLOP/s of the instruction in use: matrix units of the precision, else multiply-adds.
fn of_device(device: &Value) -> Option<f64> {
    let units = device["matrix"].as_array().into_iter().flatten();
    let of_precision = units.into_iter().find(|unit| unit["precision"] == device["precision"]);
    of_precision.map_or(&device["multiply_add"], |unit| &unit["gflops"])["median"].as_f64()
}

fn reached(of: &Value, name: &str) -> Option<Reached> {
    let number = of["number"].as_u64().map_or_else(String::new, |number| format!(" ({number})"));
    Some(Reached {
        name: format!("{}{number}", of[name].as_str()?),
        case: of["case"].as_str()?.to_owned(),
        gflops: of["gflops"].as_f64()?,
        intensity: of["intensity"].as_f64(),
        share: of["share"].as_f64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: &str = r#"{"version": 3, "machine": {"cpu": "Zen", "cores": 2, "threads": 2, "numerics": "cpu f32"},
        "device": null, "gemm_peak": 140.5, "kernels": [], "cases": [
        {"case": "mmoe", "gflops": 70.25, "share": 0.5}, {"case": "auc", "gflops": null, "share": null}]}"#;

    const GPU: &str = r#"{"version": 3, "machine": {"threads": 2, "numerics": "cuda tf32"}, "gemm_peak": null,
        "device": {"precision": "tf32", "copy": {"median": 4000.0}, "multiply_add": {"median": 60000.0},
        "matrix": [{"precision": "bf16", "gflops": {"median": 2.0}}, {"precision": "tf32", "gflops": {"median": 400000.0}}]},
        "cases": [], "kernels": [{"case": "mmoe", "kernel": "linear", "number": 2, "gflops": 100000.0, "gigabytes": 50.0,
        "intensity": 64.0, "share": 0.25}]}"#;

    fn read(text: &str) -> Result<Bench, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bench.json");
        std::fs::write(&path, text).expect("it can be written");
        read_bench(&path)
            .map_err(|said| said.rsplit_once("bench.json: ").map_or(said.clone(), |(_, end)| end.to_owned()))
    }

    #[test]
    fn a_report_of_the_processor_has_steps_under_the_peak_of_products() {
        let bench = read(CPU).expect("it is a report");
        assert_eq!((bench.peak, bench.threads, bench.copy), (140.5, 2, None));
        let steps: Vec<_> = bench.steps.iter().map(|step| (step.name.as_str(), step.gflops, step.share)).collect();
        assert_eq!(steps, [("mmoe", 70.25, 0.5)]);
    }

    /// What `mmtl bench` writes today, of no case.
    #[test]
    fn reports_are_of_the_version_that_is_written() {
        use mmtl_bench::{Machine, Report, measure_peaks};

        let report = Report { peaks: measure_peaks(1, 0.0), ..Report::of(Machine::here(1, "cpu f32".to_owned())) };
        let bench =
            read(&serde_json::to_string(&mmtl_bench::json(&report)).expect("it is JSON")).expect("it is a report");
        assert!(bench.peak > 0.0 && bench.numerics == "cpu f32");
    }

    #[test]
    fn a_report_of_a_device_has_kernels_under_the_peak_of_its_precision() {
        let bench = read(GPU).expect("it is a report");
        assert_eq!((bench.peak, bench.copy), (400_000.0, Some(4000.0)));
        assert_eq!(bench.kernels[0].name, "linear (2)");
        assert_eq!(bench.kernels[0].intensity, Some(64.0));
    }

    #[test]
    fn what_is_no_report_is_refused_in_words() {
        assert_eq!(read("{}").unwrap_err(), "no version, expected a report of `mmtl bench --json`");
        assert_eq!(read(r#"{"version": 2}"#).unwrap_err(), "version 2, expected version 3 of `mmtl bench --json`");
        assert_eq!(read(r#"{"version": 3}"#).unwrap_err(), "no peak, expected a report of `mmtl bench --json`");
        assert!(read("{").unwrap_err().contains("EOF"));
        assert!(read_bench(Path::new("/nowhere/bench.json")).unwrap_err().starts_with("/nowhere/bench.json: "));
    }
}
