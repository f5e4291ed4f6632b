//! From an experiment file to trained trials: expansion, the run store, events, and what schedules and runs them.

mod catalogue;
mod configuration;
mod described;
mod error;
pub mod events;
mod experiment;
mod export;
mod finished;
mod forecast;
mod key;
mod key_name;
#[doc(hidden)]
pub mod large_store;
mod lattice;
mod made;
mod planned;
mod predictor;
mod rescore;
mod round;
pub mod run;
pub mod schedule;
mod second_round;
mod stop;
pub mod store;
mod trial;
mod tuning;
mod untrained;
pub mod worker;

pub use catalogue::{Catalogue, Named};
pub use configuration::{Configuration, Execution, TrialSettings, decides_scored_rows};
pub use described::{described, plain};
pub use error::GridError;
pub use experiment::{Ablation, Axis, Compare, Eval, Experiment, Fault, Faults, MOST_TRIALS, Tune};
pub use export::{Export, Exported};
pub use finished::FinishedRun;
pub use forecast::{ConfigurationCost, Forecast, TrialCost, TuningCost, forecast};
pub use key::{NUMBERS, TrialKey};
pub use key_name::{Key, Section};
pub use made::Made;
pub use mmtl_zoo::Protocol;
pub use planned::{Grid, Planned, Prepared, Preparing, prepare, read_grid};
pub use predictor::{Predicted, Predictor, column_names};
pub use round::Round;
pub use stop::Stop;
pub use trial::{Row, Trial};
pub use tuning::{Choice, Edge, LeftOut, Outcome, Setting, Tuning, TuningGroup, Unfit};
