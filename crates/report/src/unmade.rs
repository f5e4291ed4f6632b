//! The runs that tables count although tuning has not made them: those that wait for its choice, and those that there is
//! nothing to choose for.

use mmtl_grid::store::Store;
use mmtl_grid::{Catalogue, Experiment, Grid, GridError, Planned, TuningGroup};

use crate::scores::RunState;

/// Those runs, of ablations too, each with its state. Where several have the row and seed, or the grid has a run of them,
/// the first counts.
pub(crate) fn unmade(
    grid: &Grid,
    store: &Store,
    experiment: &Experiment,
) -> Result<Vec<(Planned, RunState)>, GridError> {
    let groups = || grid.tuning.iter().flat_map(|tuning| &tuning.groups).filter(|group| group.is_tried());
    let is_stuck = |group: &TuningGroup| group.outcome.is_some() && group.chosen().is_none();
    let (catalogue, mut unmade) = (Catalogue::standard(), vec![]);
    if groups().any(|group| group.outcome.is_none()) {
        let waiting = grid.foreseen(store, experiment, &catalogue)?;
        unmade.extend(waiting.into_iter().map(|run| (run, RunState::Unfinished)));
    }
    if groups().any(is_stuck) {
        let failed = RunState::Failed("no run of its tuning has a score to choose by".to_owned());
        let all = grid.foreseen_had_all_chosen(store, experiment, &catalogue)?;
        unmade.extend(all.into_iter().map(|run| (run, failed.clone())));
    }
    Ok(unmade)
}

#[cfg(test)]
mod tests {
    use mmtl_grid::{Choice, Execution, Outcome, prepare, read_grid};

    use super::*;
    use crate::{Candidate, from_grid};

    const TEXT: &str = r#"
name = "mine"
data = { source = "synthetic", rows = 500, dim = 2, cache = false }
[grid]
architecture = ["shared-bottom", "mmoe"]
seed = [1, 2]
[tune]
"train.lr" = [0.1, 0.2]
seeds = [101]
[[ablation]]
name = "uniform gate"
base = { architecture = "mmoe" }
set = { "mmoe.gate" = "uniform" }
"#;

    fn planned() -> (tempfile::TempDir, Store, Experiment) {
        let (folder, catalogue) = (tempfile::tempdir().unwrap(), Catalogue::standard());
        let store = Store::create(&folder.path().join("mine")).unwrap();
        let experiment = Experiment::parse("mine.toml", TEXT.as_bytes(), &catalogue).unwrap();
        let prepared = prepare(&experiment, &catalogue, &Execution::default(), folder.path(), &mut |_| {}).unwrap();
        prepared.write(&store, &experiment, &catalogue).unwrap();
        (folder, store, experiment)
    }

    fn labels(unmade: &[(Planned, RunState)], state: &RunState) -> Vec<String> {
        let of_state = unmade.iter().filter(|(_, found)| found == state);
        of_state.map(|(run, _)| format!("{} {}", run.rows[0], run.seed)).collect()
    }

    #[test]
    fn rows_that_are_still_tuned_and_ablations_of_them_are_unfinished() {
        let (_folder, store, experiment) = planned();
        let scores = from_grid(&store, &experiment).unwrap();
        let of = |candidate: &Candidate| {
            let runs = candidate.planned().iter();
            (candidate.label.clone(), runs.map(|run| (run.seed, run.state.clone())).collect::<Vec<_>>())
        };
        let candidates: Vec<_> = scores.candidates.iter().map(of).collect();
        let unfinished = vec![(1, RunState::Unfinished), (2, RunState::Unfinished)];
        let expected = ["shared-bottom", "mmoe", "mmoe (uniform gate)"];
        assert_eq!(candidates, expected.map(|label| (label.to_owned(), unfinished.clone())));
    }

    #[test]
    fn a_base_with_nothing_to_choose_by_takes_its_ablation_with_it() {
        let (_folder, store, experiment) = planned();
        let mut grid = read_grid(&store).unwrap();
        let choose = |grid: &mut Grid, group: usize, choice: Option<Choice>| {
            let groups = &mut grid.tuning.as_mut().unwrap().groups;
            groups[group].outcome = Some(Outcome { choice, left_out: vec![] });
        };
        choose(&mut grid, 0, Some(Choice::default()));
        choose(&mut grid, 1, None);
        let found = unmade(&grid, &store, &experiment).unwrap();
        let failed = RunState::Failed("no run of its tuning has a score to choose by".to_owned());
        let stuck = ["mmoe 1", "mmoe 2", "mmoe (uniform gate) 1", "mmoe (uniform gate) 2"];
        let of_mmoe = |labels: Vec<String>| labels.into_iter().filter(|label| label.starts_with("mmoe")).collect();
        let found: Vec<String> = of_mmoe(labels(&found, &failed));
        assert_eq!(found, stuck);

        // The other is still at it: it waits, and what is stuck stays stuck.
        grid.tuning.as_mut().unwrap().groups[0].outcome = None;
        let found = unmade(&grid, &store, &experiment).unwrap();
        assert_eq!(labels(&found, &RunState::Unfinished), ["shared-bottom 1", "shared-bottom 2"]);
        let found: Vec<String> = of_mmoe(labels(&found, &failed));
        assert_eq!(found, stuck);

        choose(&mut grid, 0, Some(Choice::default()));
        choose(&mut grid, 1, Some(Choice::default()));
        assert_eq!(unmade(&grid, &store, &experiment).unwrap(), []);
    }
}
