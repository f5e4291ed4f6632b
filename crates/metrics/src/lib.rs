//! Scores and statistics: pure functions from rows to numbers.
//!
//! A [`Sample`] holds the predictions, labels and optional weights of some rows; a [`Metric`] turns it into a
//! [`Scored`]: a value with its counts, or the [`Reason`] why there is none. Undefined is a value of its own, never
//! 0.5 and never NaN. Scores combine over scenes ([`Overall`]), over tasks ([`skill`]) and over seeds ([`Summary`],
//! [`Interval`], [`marks`]).
//!
//! Every sum runs in row order with compensated f64 arithmetic, so that a result depends on the rows and their order
//! and on nothing else.
//!
//! ```
//! use mmtl_metrics::{Kind, Metric, Reason, Sample, Score};
//!
//! let sample = Sample::new(Kind::Binary, &[0.9_f32, 0.4, 0.4, 0.1], &[1.0_f32, 1.0, 0.0, 0.0])?;
//! let auc = Metric::Auc.score(&sample)?;
//! assert_eq!(auc.score, Score::Value(0.875)); // three pairs won, one tied, of four
//! assert_eq!((auc.positives, auc.negatives), (Some(2), Some(2)));
//!
//! let clicks_only = Sample::new(Kind::Binary, &[0.9_f32, 0.4], &[1.0_f32, 1.0])?;
//! assert_eq!(Metric::Auc.score(&clicks_only)?.score, Score::Undefined(Reason::SingleClass));
//! # Ok::<(), mmtl_metrics::Error>(())
//! ```

mod accuracy;
mod auc;
mod better;
mod cutoff;
mod decisions;
mod ece;
mod error;
mod facts;
mod gauc;
mod hit_rate;
mod interval;
mod log_loss;
mod macro_f1;
mod mae;
mod marks;
mod mean;
mod metric;
mod mrr;
mod mse;
mod ndcg;
mod normalised_entropy;
mod order;
mod overall;
mod pr_auc;
mod r2;
mod radix;
mod ratio;
mod rmse;
mod sample;
mod score;
mod scoring;
pub mod skill;
mod spearman;
mod sum;
mod summary;
mod sweep;
mod threshold;
mod within_groups;

pub use better::Better;
pub use cutoff::Cutoff;
pub use error::Error;
pub use interval::{Interval, LEVEL, paired_interval, student_interval};
pub use marks::{MIN_SEEDS, SeedScores, marks};
pub use mean::Mean;
pub use metric::Metric;
pub use overall::Overall;
pub use sample::{Column, Kind, Sample, WEIGHT_RANGE};
pub use score::{Blame, DIM_BELOW, Reason, Score, Scored};
pub use sum::Sum;
pub use summary::Summary;
pub use threshold::{Threshold, best_threshold};
