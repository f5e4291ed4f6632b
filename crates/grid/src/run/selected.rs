//! The score by which a setting is chosen: what `[select] score` asks for, over the validation rows of a whole run.

use mmtl_data::Dataset;
use mmtl_metrics::skill::skill;
use mmtl_metrics::{Error, Mean, Metric, Score, Scored};
use mmtl_train::Criterion;

use crate::run::cells::Scorer;
use crate::run::gather::PartPredictions;
use crate::run::thresholds::Thresholds;
use crate::store::Selected;

/// The score of a run by its criterion, whatever fits it has; by skill where it does not predict the criterion's task, as
/// its fits then are. `apart`: whether each scene has a fit, and so a threshold, of its own.
///
/// # Errors
/// When predictions and labels do not belong together.
pub(super) fn selected(
    dataset: &Dataset,
    valid: &PartPredictions,
    criterion: Criterion,
    apart: bool,
) -> Result<Selected, Error> {
    match criterion {
        Criterion::Metric { task, metric } if valid.tasks[task].is_some() => {
            let by = format!("{}.{}", dataset.schema().tasks[task].name, metric.name());
            Ok(Selected { by, score: by_metric(dataset, valid, task, metric, apart)? })
        }
        Criterion::Metric { .. } | Criterion::Skill => {
            Ok(Selected { by: SKILL.to_owned(), score: by_skill(dataset, valid)? })
        }
    }
}

/// The name of the score that no metric is.
pub(crate) const SKILL: &str = "skill";

fn by_metric(
    dataset: &Dataset,
    valid: &PartPredictions,
    task: usize,
    metric: Metric,
    apart: bool,
) -> Result<Score, Error> {
    let thresholds =
        if metric.needs_threshold() { Thresholds::choose(dataset, valid, apart)? } else { Thresholds::none(dataset) };
    let Some(prediction) = &valid.tasks[task] else { return Ok(Score::Undefined(mmtl_metrics::Reason::Empty)) };
    let scorer = Scorer { dataset, predicted: valid, task, prediction };
    Ok(scorer.rows(|_| true).score(metric, thresholds.of(task))?.score)
}

/// The mean over the tasks that are predicted.
fn by_skill(dataset: &Dataset, valid: &PartPredictions) -> Result<Score, Error> {
    let mut skills: Vec<Scored> = vec![];
    for (task, prediction) in valid.tasks.iter().enumerate() {
        let Some(prediction) = prediction else { continue };
        let known = Scorer { dataset, predicted: valid, task, prediction }.rows(|_| true);
        let baseline = dataset.base(task).baseline(dataset.schema().tasks[task].kind);
        skills.push(skill(&known.sample()?, &baseline)?);
    }
    Ok(Mean::over(&skills).score)
}
