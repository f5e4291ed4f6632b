//! Scores of made-up predictions: which rows they are over, and by which threshold they are decided.

use mmtl_data::{Columns, Dataset, FieldColumn, Part};
use mmtl_metrics::{Metric, Overall, Reason, Score, Scored};
use mmtl_plan::{Field, FieldKind, Schema, Space, Task, TaskKind, Vocabulary};
use mmtl_train::Prediction;

use super::cells::cells;
use super::gather::PartPredictions;
use crate::store::{Cell, Rows};

/// Scene, label, group and prediction of the validation rows, then of the test rows.
const VALID: [(u32, f64, u64, f32); 6] =
    [(0, 1.0, 1, 0.5), (0, 0.0, 1, 0.25), (0, 0.0, 2, 0.125), (1, 1.0, 2, 0.75), (1, 0.0, 3, 0.625), (1, 0.0, 3, 0.5)];
const TEST: [(u32, f64, u64, f32); 6] =
    [(0, 1.0, 1, 0.75), (0, 0.0, 1, 0.5), (0, 0.0, 2, 0.25), (1, 1.0, 4, 0.25), (1, 0.0, 4, 0.5), (1, 0.0, 5, 0.75)];

fn world(grouped: bool) -> (Dataset, Vec<PartPredictions>) {
    let rows: Vec<_> = VALID.into_iter().chain(TEST).collect();
    let schema = Schema {
        name: "made up".into(),
        scenes: vec!["home".into(), "search".into()],
        tasks: vec![Task { name: "click".into(), kind: TaskKind::Binary, space: Space::All, product_of: vec![] }],
        fields: vec![Field { name: "scene".into(), kind: FieldKind::Categorical { vocabulary: 0 } }],
        vocabularies: vec![Vocabulary { name: "scene".into(), size: 2 }],
        scene_field: 0,
    };
    let dataset = Dataset::from_columns(Columns {
        schema,
        row_ids: (0..12).collect(),
        parts: (0..12).map(|row| if row < 6 { Part::Valid } else { Part::Test }).collect(),
        fields: vec![FieldColumn::Scene],
        labels: vec![rows.iter().map(|row| row.1).collect()],
        scenes: rows.iter().map(|row| row.0).collect(),
        weights: vec![],
        groups: if grouped { rows.iter().map(|row| row.2).collect() } else { vec![] },
        slices: vec![],
    })
    .unwrap();
    let part = |part| {
        let mut predicted = PartPredictions::new(&dataset, part);
        let values = predicted.rows.iter().map(|row| rows[*row as usize].3).collect();
        predicted.tasks[0] = Some(Prediction::Probabilities(values));
        predicted
    };
    let parts = vec![part(Part::Valid), part(Part::Test)];
    (dataset, parts)
}

fn scored(cells: &[Cell], part: Part, metric: Metric, rows: &Rows) -> Scored {
    let found = cells.iter().find(|cell| cell.part == part.name() && cell.metric == metric && cell.rows == *rows);
    found.unwrap_or_else(|| panic!("no {} on {rows:?}", metric.name())).scored
}

fn pooled() -> Rows {
    Rows::Overall(Overall::Pooled)
}

fn scene(name: &str) -> Rows {
    Rows::Scene(name.to_owned())
}

#[test]
fn the_usual_cells_stay_what_they_are() {
    let (dataset, parts) = world(true);
    let usual = cells(&dataset, &parts, &[], false).unwrap();
    let asked = cells(&dataset, &parts, &[Metric::F1, Metric::Gauc, Metric::R2, Metric::Auc], false).unwrap();
    let is_usual = |cell: &&Cell| cell.metric.is_usual();
    assert_eq!(usual, asked.iter().filter(is_usual).cloned().collect::<Vec<_>>());
    // Two parts of two scenes and three overall kinds.
    assert_eq!((usual.len(), asked.len()), (3 * 10, 5 * 10), "R² is no metric of a binary task");
}

#[test]
fn groups_come_from_the_data() {
    let (dataset, parts) = world(true);
    let cells = cells(&dataset, &parts, &[Metric::Gauc, Metric::Mrr], false).unwrap();
    // Of validation rows groups 1 and 2 have both classes, both ranked right: four rows of six.
    let gauc = scored(&cells, Part::Valid, Metric::Gauc, &pooled());
    assert_eq!((gauc.score, gauc.covered), (Score::Value(1.0), Some(4.0 / 6.0)));
    // Of test rows groups 1 and 4, the latter ranked wrong.
    let gauc = scored(&cells, Part::Test, Metric::Gauc, &pooled());
    assert_eq!((gauc.score, gauc.covered), (Score::Value(0.5), Some(4.0 / 6.0)));
    let gauc = scored(&cells, Part::Test, Metric::Gauc, &scene("search"));
    assert_eq!((gauc.score, gauc.covered), (Score::Value(0.0), Some(2.0 / 3.0)));
    assert_eq!(scored(&cells, Part::Test, Metric::Mrr, &pooled()).score, Score::Value(0.75));

    let (dataset, parts) = world(false);
    let cells = self::cells(&dataset, &parts, &[Metric::Gauc], false).unwrap();
    let gauc = scored(&cells, Part::Test, Metric::Gauc, &pooled());
    assert_eq!((gauc.score, gauc.covered), (Score::Undefined(Reason::NoGroups), None));
}

#[test]
fn one_fit_decides_by_one_threshold_of_validation_rows() {
    let (dataset, parts) = world(true);
    let cells = cells(&dataset, &parts, &[Metric::Precision, Metric::Recall, Metric::F1], false).unwrap();
    // On validation rows 0.75 finds one of two, 0.5 both with two others: F1 of 2/3 either way, so the lower one.
    for part in [Part::Valid, Part::Test] {
        for rows in [pooled(), scene("home"), scene("search")] {
            assert_eq!(scored(&cells, part, Metric::F1, &rows).threshold, Some(0.5), "{part:?} {rows:?}");
        }
    }
    // On test rows that lets in four, one of them positive; 0.75 would have been better.
    assert_eq!(scored(&cells, Part::Test, Metric::Precision, &pooled()).score, Score::Value(0.25));
    assert_eq!(scored(&cells, Part::Test, Metric::Recall, &pooled()).score, Score::Value(0.5));
    assert_eq!(scored(&cells, Part::Test, Metric::Recall, &scene("search")).score, Score::Value(0.0));
}

#[test]
fn fits_of_one_scene_each_decide_by_their_own() {
    let (dataset, parts) = world(true);
    let cells = cells(&dataset, &parts, &[Metric::Precision], true).unwrap();
    let precision = |rows| scored(&cells, Part::Test, Metric::Precision, &rows);
    assert_eq!((precision(scene("home")).score, precision(scene("home")).threshold), (Score::Value(0.5), Some(0.5)));
    assert_eq!(
        (precision(scene("search")).score, precision(scene("search")).threshold),
        (Score::Value(0.0), Some(0.75))
    );
    // Two of home by 0.5 and one of search by 0.75, and no threshold of all.
    assert_eq!((precision(pooled()).score, precision(pooled()).threshold), (Score::Value(1.0 / 3.0), None));
}

/// The world with fewer validation rows.
fn with_validation_rows(kept: impl Fn(usize) -> bool) -> (Dataset, Vec<PartPredictions>) {
    let (dataset, mut parts) = world(true);
    let places: Vec<usize> = (0..VALID.len()).filter(|place| kept(*place)).collect();
    parts[0].rows = places.iter().map(|place| parts[0].rows[*place]).collect();
    let values = places.iter().map(|place| VALID[*place].3).collect();
    parts[0].tasks[0] = Some(Prediction::Probabilities(values));
    (dataset, parts)
}

#[test]
fn a_scene_without_a_threshold_says_what_its_validation_rows_lack() {
    for (kept, reason) in
        [([0, 1, 2].as_slice(), Reason::NoValidationRows), (&[0, 1, 2, 4, 5], Reason::NoPositiveValidationRow)]
    {
        let (dataset, parts) = with_validation_rows(|place| kept.contains(&place));
        let cells = cells(&dataset, &parts, &[Metric::F1, Metric::Precision, Metric::Recall], true).unwrap();
        for metric in [Metric::F1, Metric::Precision, Metric::Recall] {
            let search = scored(&cells, Part::Test, metric, &scene("search"));
            assert_eq!((search.score, search.rows), (Score::Undefined(reason), 3), "{metric:?}");
            assert!(scored(&cells, Part::Test, metric, &scene("home")).score.value().is_some(), "{metric:?}");
        }
    }
    // Validation rows that are not there are still called that in their own cell.
    let (dataset, parts) = with_validation_rows(|place| place < 3);
    let cells = cells(&dataset, &parts, &[Metric::F1], true).unwrap();
    let empty = Score::Undefined(Reason::Empty);
    assert_eq!(scored(&cells, Part::Valid, Metric::F1, &scene("search")).score, empty);
    assert_eq!(scored(&cells, Part::Test, Metric::Auc, &scene("search")).score, Score::Value(0.0));
}
