//! What of a run a filter can name.

use mmtl_grid::events::RunState;
use mmtl_metrics::Summary;

use crate::filter::reason;

/// A column that a filter can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Its state.
    State,
    /// Its architecture.
    Architecture,
    /// Its protocol.
    Protocol,
    /// Its seed.
    Seed,
    /// A part of its key.
    Key,
    /// The label of one of its rows.
    Row,
    /// The ablation of one of its rows.
    Ablation,
    /// Why it failed or is never run.
    Reason,
    /// What it does when it does not train.
    Stage,
    /// How far it is, in percent.
    Progress,
    /// Epochs done.
    Epoch,
    /// Steps done.
    Step,
    /// Train rows a second.
    Rate,
    /// The best selection score.
    Score,
    /// How many times it was started.
    Attempt,
    /// Its priority.
    Priority,
}

impl Column {
    /// All.
    pub const ALL: [Self; 16] = [
        Self::State,
        Self::Architecture,
        Self::Protocol,
        Self::Seed,
        Self::Key,
        Self::Row,
        Self::Ablation,
        Self::Reason,
        Self::Stage,
        Self::Progress,
        Self::Epoch,
        Self::Step,
        Self::Rate,
        Self::Score,
        Self::Attempt,
        Self::Priority,
    ];

    /// Its name in filters.
    pub fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Architecture => "arch",
            Self::Protocol => "protocol",
            Self::Seed => "seed",
            Self::Key => "key",
            Self::Row => "row",
            Self::Ablation => "ablation",
            Self::Reason => "reason",
            Self::Stage => "stage",
            Self::Progress => "progress",
            Self::Epoch => "epoch",
            Self::Step => "step",
            Self::Rate => "rate",
            Self::Score => "score",
            Self::Attempt => "attempt",
            Self::Priority => "priority",
        }
    }

    /// The column of a name.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let name = if name == "architecture" { "arch" } else { &name };
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// Whether it is compared as a number.
    pub fn is_number(self) -> bool {
        match self {
            Self::Seed
            | Self::Progress
            | Self::Epoch
            | Self::Step
            | Self::Rate
            | Self::Score
            | Self::Attempt
            | Self::Priority => true,
            Self::State
            | Self::Architecture
            | Self::Protocol
            | Self::Key
            | Self::Row
            | Self::Ablation
            | Self::Reason
            | Self::Stage => false,
        }
    }

    /// A run's texts in this column; a number has none.
    pub fn texts(self, run: &RunState) -> Vec<String> {
        match self {
            Self::State => vec![run.word().to_owned()],
            Self::Architecture => vec![run.architecture.clone()],
            Self::Protocol => vec![run.protocol.clone()],
            Self::Key => vec![run.key.to_string()],
            Self::Row => run.rows.iter().map(ToString::to_string).collect(),
            Self::Ablation => run.rows.iter().filter_map(|row| row.ablation.clone()).collect(),
            Self::Reason => reason(&run.status).map(str::to_owned).into_iter().collect(),
            Self::Stage => run.stage.clone().into_iter().collect(),
            Self::Seed
            | Self::Progress
            | Self::Epoch
            | Self::Step
            | Self::Rate
            | Self::Score
            | Self::Attempt
            | Self::Priority => vec![],
        }
    }

    /// A run's number in this column, if it has one.
    pub fn number(self, run: &RunState) -> Option<f64> {
        let fit = run.fits.get(run.fit);
        match self {
            Self::Seed => Some(run.seed as f64),
            Self::Progress => Some(100.0 * run.fraction()),
            Self::Epoch => fit.map(|fit| fit.epochs),
            Self::Step => fit.map(|fit| fit.step as f64),
            Self::Rate => fit.map(|fit| fit.rows_per_second),
            Self::Score => score(run),
            Self::Attempt => Some(f64::from(run.attempt)),
            Self::Priority => Some(f64::from(run.priority)),
            Self::State
            | Self::Architecture
            | Self::Protocol
            | Self::Key
            | Self::Row
            | Self::Ablation
            | Self::Reason
            | Self::Stage => None,
        }
    }
}

/// The best score by which weights are selected, on validation rows: the mean over the run's fits that have one so far.
pub fn score(run: &RunState) -> Option<f64> {
    let bests = run.fits.iter().filter_map(|fit| fit.best()).map(|best| best.score);
    Summary::of_scores(bests).ok().map(|summary| summary.mean)
}
