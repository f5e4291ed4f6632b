//! A trial's predictions as they are stored.

use mmtl_data::{Dataset, Part};
use mmtl_train::Prediction;

use crate::run::gather::PartPredictions;
use crate::store::predictions::{Numbers, Predictions, TaskPredictions, Words};

/// The predictions of all parts, one part's rows after the other's.
pub fn stored(dataset: &Dataset, parts: &[PartPredictions]) -> Predictions {
    let schema = dataset.schema();
    let rows = || parts.iter().flat_map(|part| part.rows.iter().copied());
    let part_of_row = (0..).zip(parts).flat_map(|(number, part)| vec![number; part.rows.len()]).collect();
    let task = |(task, spec): (usize, &mmtl_plan::Task)| {
        let predicted = parts.iter().map(|part| part.tasks[task].as_ref()).collect::<Option<Vec<_>>>()?;
        Some(TaskPredictions {
            task: spec.name.clone(),
            width: spec.kind.width(),
            values: joined(&predicted),
            labels: rows().map(|row| dataset.label(task, row)).collect(),
        })
    };
    Predictions {
        rows: rows().map(|row| dataset.row_id(row)).collect(),
        parts: Words { words: parts.iter().map(|part| part.part.name().to_owned()).collect(), of_row: part_of_row },
        scenes: Words { words: schema.scenes.clone(), of_row: rows().map(|row| dataset.scene(row) as u32).collect() },
        tasks: schema.tasks.iter().enumerate().filter_map(task).collect(),
    }
}

/// What [`stored`] was given of the parts that were `predicted`, for data that has the same rows; a sentence where it has not.
///
/// # Errors
/// When parts, rows or tasks are not those of the data.
pub(crate) fn restored(
    dataset: &Dataset,
    predicted: &[Part],
    stored: &Predictions,
) -> Result<Vec<PartPredictions>, String> {
    let mut parts: Vec<PartPredictions> = predicted.iter().map(|part| PartPredictions::new(dataset, *part)).collect();
    let rows = || parts.iter().flat_map(|part| part.rows.iter().map(|row| dataset.row_id(*row)));
    let names = || parts.iter().flat_map(|part| std::iter::repeat_n(part.part.name(), part.rows.len()));
    let told = (0..stored.parts.of_row.len()).map(|row| stored.parts.word(row));
    if !rows().eq(stored.rows.iter().copied()) || !names().eq(told) {
        return Err("its rows are not those of the data".to_owned());
    }
    for (task, spec) in dataset.schema().tasks.iter().enumerate() {
        let Some(of_task) = stored.tasks.iter().find(|of_task| of_task.task == spec.name) else { continue };
        if of_task.width != spec.kind.width() {
            return Err(format!(
                "task `{}` has {} numbers a row, expected {}",
                spec.name,
                of_task.width,
                spec.kind.width()
            ));
        }
        let mut first = 0;
        for part in &mut parts {
            let places: Vec<u32> = (first..).take(part.rows.len()).collect();
            first += part.rows.len() as u32;
            part.tasks[task] = Some(match &of_task.values {
                Numbers::F32(values) => Prediction::Probabilities(values.clone()).gather(&places, of_task.width),
                Numbers::F64(values) => Prediction::Values(values.clone()).gather(&places, of_task.width),
            });
        }
    }
    Ok(parts)
}

/// One part's numbers after the other's.
fn joined(predicted: &[&Prediction]) -> Numbers {
    let (mut single, mut double) = (vec![], vec![]);
    for prediction in predicted {
        match prediction {
            Prediction::Probabilities(values) => single.extend_from_slice(values),
            Prediction::Values(values) => double.extend_from_slice(values),
        }
    }
    if double.is_empty() { Numbers::F32(single) } else { Numbers::F64(double) }
}
