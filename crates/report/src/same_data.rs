//! Which rows of tables were scored on the same data, where a grid varies it: only among those is one the best, since other
//! test rows or other labels are easier or harder for every model.
//!
//! Rows are on the same data if their runs of each seed have in common what decides the rows that are scored and their
//! labels. Settings that decide inputs alone (`mmtl_data::INPUTS`) do not, so that features may be ablated.

use std::collections::BTreeMap;

use mmtl_grid::store::Store;
use mmtl_grid::{Catalogue, Experiment, Row, TrialKey, decides_scored_rows};

/// What decides a run's scored rows by its seed, of each run of a row.
type BySeed = BTreeMap<u64, String>;

/// Whether rows of a grid may be on different data.
pub(crate) fn is_varied<'a>(mut rows: impl Iterator<Item = &'a Row>, experiment: &Experiment) -> bool {
    let ablated = || experiment.ablations.iter().flat_map(|ablation| &ablation.set);
    rows.any(|row| row.values.iter().any(|(key, _)| decides_scored_rows(key)))
        || ablated().any(|(key, _)| decides_scored_rows(&key.to_string()))
}

/// What decides a run's scored rows; nothing of a run that is not made yet, or whose trial cannot be read.
pub(crate) fn data(store: &Store, catalogue: &Catalogue, key: &str) -> Option<String> {
    let key: TrialKey = key.parse().ok()?;
    Some(store.run(&key).trial(catalogue).ok()?.configuration.scored_identity())
}

/// For each row a number that it has in common with the rows on the same data, from 0 in the order of rows.
pub(crate) fn numbered(rows: impl Iterator<Item = BySeed>) -> Vec<u32> {
    let mut numbers: BTreeMap<BySeed, u32> = BTreeMap::new();
    let number = |row: BySeed| {
        let next = numbers.len() as u32;
        *numbers.entry(row).or_insert(next)
    };
    rows.map(number).collect()
}

#[cfg(test)]
mod tests {
    use std::iter;

    use mmtl_grid::store::{Cell, Record, Rows, Times};
    use mmtl_grid::{Execution, prepare, read_grid};
    use mmtl_metrics::{Metric, Overall, Score, Scored};
    use mmtl_plan::Space;

    use super::*;
    use crate::{Scores, from_grid};

    fn record(task: &str, scene: &str) -> Record {
        let scored = Scored::over(Score::Value(0.5), 50);
        let cell = |rows, metric| {
            let (task, slice, part) = (task.to_owned(), "all".to_owned(), "test".to_owned());
            Cell { task, slice, space: Space::All, part, metric, rows, scored }
        };
        let of =
            |metric| [Rows::Overall(Overall::Pooled), Rows::Scene(scene.to_owned())].map(|rows| cell(rows, metric));
        let cells = [Metric::Mse, Metric::Rmse, Metric::Mae].into_iter().flat_map(of).collect();
        Record { numerics: "cpu".into(), fits: vec![], cells, selected: None }
    }

    /// The scores of a grid all of whose runs have finished.
    fn scores(text: &str) -> Scores {
        let (folder, catalogue) = (tempfile::tempdir().unwrap(), Catalogue::standard());
        let store = Store::create(&folder.path().join("mine")).unwrap();
        let text = format!(
            "name = \"mine\"\ndata = {{ source = \"synthetic\", rows = 500, dim = 2, cache = false }}\n\
             [compare]\nbaseline = {{ architecture = \"shared-bottom\" }}\n{text}"
        );
        let experiment = Experiment::parse("mine.toml", text.as_bytes(), &catalogue).unwrap();
        let prepared = prepare(&experiment, &catalogue, &Execution::default(), folder.path(), &mut |_| {}).unwrap();
        prepared.write(&store, &experiment, &catalogue).unwrap();
        let grid = read_grid(&store).unwrap();
        let record = record(&grid.tasks[0].name, &grid.scenes[0]);
        for run in &grid.runs {
            store.run(&run.key).finish(&record, &Times::default()).unwrap();
        }
        from_grid(&store, &experiment).unwrap()
    }

    /// Label, label of the baseline, and data of each row.
    fn rows(scores: &Scores) -> Vec<(&str, &str, u32)> {
        let label = |place: usize| scores.candidates[place].label.as_str();
        let row = |place: usize| {
            let of_row = || scores.entries.iter().filter(move |entry| entry.candidate == place);
            let mut data = of_row().flat_map(|entry| entry.scenes.iter().chain(iter::once(&entry.pooled)));
            let number = data.next().unwrap().data;
            assert!(data.all(|scored| scored.data == number));
            (label(place), label(scores.candidates[place].baseline.unwrap()), number)
        };
        (0..scores.candidates.len()).map(row).collect()
    }

    #[test]
    fn rows_along_an_axis_of_the_data_are_apart_and_have_a_baseline_each() {
        let scores = scores(
            "[grid]\narchitecture = [\"shared-bottom\", \"mmoe\"]\nseed = [1, 2]\n\"data.noise\" = [0.01, 0.02]\n",
        );
        let expected = [
            ("shared-bottom noise=0.01", "shared-bottom noise=0.01", 0),
            ("shared-bottom noise=0.02", "shared-bottom noise=0.02", 1),
            ("mmoe noise=0.01", "shared-bottom noise=0.01", 0),
            ("mmoe noise=0.02", "shared-bottom noise=0.02", 1),
        ];
        assert_eq!(rows(&scores), expected);
    }

    #[test]
    fn an_ablation_of_the_data_is_apart_unless_it_changes_nothing() {
        let ablation = |name: &str, noise: &str| {
            format!("[[ablation]]\nname = \"{name}\"\nset = {{ \"data.noise\" = {noise} }}\n")
        };
        let grid = "[grid]\narchitecture = [\"shared-bottom\"]\nseed = [1, 2]\n";
        let scores = scores(&[grid, &ablation("as it is", "0.01"), &ablation("noisy", "0.02")].concat());
        let base = "shared-bottom";
        let expected = [(base, base, 0), ("shared-bottom (as it is)", base, 0), ("shared-bottom (noisy)", base, 1)];
        assert_eq!(rows(&scores), expected);
    }

    #[test]
    fn rows_are_on_the_same_data_where_that_of_every_seed_is() {
        let row = |of: &[(u64, &str)]| of.iter().map(|(seed, data)| (*seed, (*data).to_owned())).collect::<BySeed>();
        let rows = [
            row(&[(1, "a"), (2, "b")]),
            row(&[(1, "a"), (2, "c")]),
            row(&[]),
            row(&[(1, "a"), (2, "b")]),
            row(&[(1, "b"), (2, "a")]),
        ];
        assert_eq!(numbered(rows.into_iter()), [0, 1, 2, 0, 3]);
    }

    #[test]
    fn what_decides_the_data() {
        let rows = ["data.test", "data.source", "data.rating", "seeds.split", "seeds.data"];
        assert!(rows.into_iter().all(decides_scored_rows));
        let none = ["data.text", "data.min_count", "data.drop", "seeds.order", "train.lr", "model.data"];
        assert!(!none.into_iter().any(decides_scored_rows));
    }
}
