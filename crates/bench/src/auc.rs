//! Times the exact AUC.

use mmtl_metrics::{Kind, Metric, Sample, Score};
use mmtl_plan::{Purpose, Stream};

use crate::error::BenchError;
use crate::measured::Measured;
use crate::timing::{Budget, WarmUp, time_rounds};

/// Seconds of the AUC of `rows` generated predictions, of which a fifth is positive and ranks a little higher.
///
/// # Errors
/// When they have no AUC: fewer than a few rows may be of one class.
pub fn time_auc(name: &str, rows: usize, seconds: f64) -> Result<Measured, BenchError> {
    let (predictions, labels) = scored(rows);
    let seconds = time_rounds(Budget { seconds, warm_up: WarmUp::UpTo(1) }, |_| {
        let sample = Sample::new(Kind::Binary, &predictions, &labels).map_err(|_| BenchError::Undefined)?;
        match Metric::Auc.score(&sample).map(|scored| scored.score) {
            Ok(Score::Value(_)) => Ok(()),
            Ok(Score::Undefined(_)) | Err(_) => Err(BenchError::Undefined),
        }
    })?;
    Ok(Measured { case: name.to_owned(), rows, seconds, size: None, memory: None })
}

/// Predictions and labels.
fn scored(rows: usize) -> (Vec<f32>, Vec<f32>) {
    let stream = Stream::new(1, Purpose::Data, "auc");
    let words = (0..rows.div_ceil(2) as u64).flat_map(|block| {
        let [a, b, c, d] = stream.block(0, block);
        [(a, b), (c, d)]
    });
    let unit = |word: u32| (f64::from(word) + 0.5) * 2f64.powi(-32);
    let row = |(score, coin): (u32, u32)| {
        let positive = unit(coin) < 0.2;
        let score = if positive { unit(score).sqrt() } else { unit(score) };
        (score as f32, f32::from(u8::from(positive)))
    };
    words.take(rows).map(row).unzip()
}
