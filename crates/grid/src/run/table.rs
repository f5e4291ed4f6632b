//! A trial's predictions as they are stored.

use mmtl_data::Dataset;
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
