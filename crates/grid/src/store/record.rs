//! What is stored of a finished run. `record.json` holds what the same trial gives bit for bit wherever its numerics
//! class is the same; `times.json` holds what differs from run to run, so that records can be compared as bytes.

use std::path::Path;

use mmtl_metrics::{Metric, Overall, Score, Scored};
use mmtl_plan::Space;
use serde::{Deserialize, Serialize};

use crate::error::GridError;
use crate::key::TrialKey;
use crate::store::atomic::replace;
use crate::store::format::{FormatVersion, read_json, to_json};

/// 2: a run may try a setting.
const VERSION: FormatVersion = FormatVersion(2);
/// Of a run that does not.
const PLAIN: FormatVersion = FormatVersion(1);

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What two machines must share to get the same bits (instruction set, device), as the engine names it.
    pub numerics: String,
    /// One for each fit, in the order in which they ran.
    pub fits: Vec<FitRecord>,
    /// All scores, in a fixed order.
    pub cells: Vec<Cell>,
    /// What its setting is chosen by, of a run that tries one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<Selected>,
}

/// The score of a run that tries a setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selected {
    /// `skill`, or TASK.METRIC.
    pub by: String,
    /// The score on validation rows.
    pub score: Score,
}

/// What came of one fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitRecord {
    /// Name, unique in the trial.
    pub name: String,
    /// Steps taken.
    pub steps: u64,
    /// The step whose weights were chosen.
    pub best_step: u64,
    /// BLAKE3 of the chosen weights and state, in hexadecimal.
    pub weights: String,
    /// Dense parameters, padding not counted.
    pub dense_parameters: u64,
    /// Parameters in embedding tables.
    pub table_parameters: u64,
    /// Floating-point operations of one row's forward pass.
    pub forward_flops_per_row: u64,
}

/// One score of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Name of the task.
    pub task: String,
    /// Name of the slice; `all` for all rows.
    pub slice: String,
    /// The space that it is scored in.
    pub space: Space,
    /// `valid` or `test`.
    pub part: String,
    /// The metric.
    pub metric: Metric,
    /// One scene, or all in one of three ways.
    pub rows: Rows,
    /// The score with its counts.
    pub scored: Scored,
}

/// Which rows a cell is about, within its slice, space and part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rows {
    /// All scenes together.
    Overall(Overall),
    /// The rows of the scene with this name.
    Scene(String),
}

/// Times of a run, for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// When the last attempt began, in milliseconds since 1970.
    pub started: u64,
    /// When the record was written.
    pub finished: u64,
    /// Attempts, the one that finished included.
    pub attempts: u32,
    /// Seconds in which a worker was at it, over all attempts.
    pub seconds: f64,
    /// Train rows a second as last reported; `None` for a run that ended before its first report.
    pub rows_per_second: Option<f64>,
    /// Name of the machine that finished it.
    pub host: String,
    /// Threads of the worker that finished it.
    pub threads: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordFile {
    version: FormatVersion,
    key: TrialKey,
    record: Record,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimesFile {
    version: FormatVersion,
    times: Times,
}

/// The bytes of `record.json`: the same for the same record.
pub(crate) fn record_bytes(path: &Path, key: &TrialKey, record: &Record) -> Result<Vec<u8>, GridError> {
    let version = if record.selected.is_some() { VERSION } else { PLAIN };
    to_json(&RecordFile { version, key: key.clone(), record: record.clone() }, path)
}

/// Writes `record.json`.
pub(super) fn write_record(path: &Path, key: &TrialKey, record: &Record) -> Result<(), GridError> {
    replace(path, &record_bytes(path, key, record)?)
}

/// Reads `record.json` of the trial `key`.
pub(super) fn read_record(path: &Path, key: &TrialKey) -> Result<Record, GridError> {
    let file: RecordFile = read_json(path, VERSION)?;
    if file.key != *key {
        return Err(GridError::damaged(path, format!("it belongs to the trial {}", file.key)));
    }
    Ok(file.record)
}

pub(super) fn write_times(path: &Path, times: &Times) -> Result<(), GridError> {
    replace(path, &to_json(&TimesFile { version: PLAIN, times: times.clone() }, path)?)
}

pub(super) fn read_times(path: &Path) -> Result<Times, GridError> {
    Ok(read_json::<TimesFile>(path, PLAIN)?.times)
}

#[cfg(test)]
pub(crate) mod tests {
    use mmtl_metrics::Reason;
    use proptest::prelude::*;

    use super::*;

    fn cell(rows: Rows, score: Score) -> Cell {
        Cell {
            task: "ctcvr".into(),
            slice: "all".into(),
            space: Space::Given("click".into()),
            part: "test".into(),
            metric: Metric::LogLoss,
            rows,
            scored: Scored { positives: Some(30), negatives: Some(70), ..Scored::over(score, 100) },
        }
    }

    pub(crate) fn record(score: f64) -> Record {
        Record {
            numerics: "cpu f32 x86-64-v4".into(),
            fits: vec![FitRecord {
                name: "all".into(),
                steps: 900,
                best_step: 600,
                weights: "ab".repeat(32),
                dense_parameters: 10,
                table_parameters: 1 << 40,
                forward_flops_per_row: 20,
            }],
            cells: vec![
                cell(Rows::Overall(Overall::Rows), Score::Value(score)),
                cell(Rows::Scene("Dresses \"é\"".into()), Score::Undefined(Reason::SingleClass)),
            ],
            selected: None,
        }
    }

    proptest! {
        #[test]
        fn records_come_back_bit_for_bit(score in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("record.json");
            let key: TrialKey = "0123456789abcdef".parse().unwrap();
            write_record(&path, &key, &record(score)).unwrap();
            let back = read_record(&path, &key).unwrap();
            prop_assert_eq!(&back, &record(score));
            prop_assert_eq!(back.cells[0].scored.score.value().map(f64::to_bits), Some(score.to_bits()));
            prop_assert_eq!(std::fs::read(&path).unwrap(), record_bytes(&path, &key, &back).unwrap());
        }
    }

    #[test]
    fn newer_foreign_and_damaged_records_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        let [one, two] = ["0123456789abcdef", "fedcba9876543210"].map(|key| key.parse::<TrialKey>().unwrap());
        assert!(matches!(read_record(&path, &one), Err(GridError::Read { .. })));
        write_record(&path, &one, &record(0.5)).unwrap();
        let error = read_record(&path, &two).unwrap_err().to_string();
        assert!(error.contains("it belongs to the trial 0123456789abcdef"), "{error}");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"version\": 1", "\"version\": 3")).unwrap();
        let error = read_record(&path, &one).unwrap_err().to_string();
        assert!(error.contains("has format 3, and this program reads up to 2; use the newer program"), "{error}");
        std::fs::write(&path, &text[..text.len() / 2]).unwrap();
        assert!(matches!(read_record(&path, &one), Err(GridError::Damaged { .. })));
    }

    #[test]
    fn what_a_setting_is_chosen_by_is_kept_and_changes_no_other_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        let key: TrialKey = "0123456789abcdef".parse().unwrap();
        let text = |record: &Record| String::from_utf8(record_bytes(&path, &key, record).unwrap()).unwrap();
        let plain = text(&record(0.5));
        assert!(plain.contains("\"version\": 1") && !plain.contains("selected"), "{plain}");
        for score in [Score::Value(0.1 + 0.2), Score::Undefined(Reason::PredictionNotFinite)] {
            let tried = Record { selected: Some(Selected { by: "click.auc".into(), score }), ..record(0.5) };
            assert!(text(&tried).contains("\"version\": 2"));
            write_record(&path, &key, &tried).unwrap();
            assert_eq!(read_record(&path, &key).unwrap(), tried);
        }
    }

    #[test]
    fn times_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("times.json");
        let times = Times { seconds: 0.1 + 0.2, attempts: 3, host: "h".into(), ..Times::default() };
        write_times(&path, &times).unwrap();
        assert_eq!(read_times(&path).unwrap(), times);
    }
}
