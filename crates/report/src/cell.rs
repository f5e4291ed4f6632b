//! One cell of a table: the scores of a candidate's seeds and what they come to.

use std::collections::BTreeMap;

use mmtl_metrics::{Better, Blame, Interval, Reason, Scored, SeedScores, Summary};

use crate::scores::{Candidate, RunState, Runs};

/// A candidate in one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The score of each seed, with its counts.
    pub scored: BTreeMap<u64, Scored>,
    /// What they come to.
    pub outcome: Outcome,
    /// Whether an AUC of some seed rests on too few rows of a class: shown, but never marked.
    pub dim: bool,
    /// Whether it is the best of its column, or cannot be told from it.
    pub marked: bool,
    /// Mean and interval of the difference to the candidate's baseline, over the seeds that both have.
    pub difference: Option<Interval>,
}

/// What the scores of a cell come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// Their mean and spread.
    Mean(Summary),
    /// No number, for this reason.
    Undefined(Reason),
    /// There are no scores.
    Absent(Absence),
}

/// Why there are no scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The combination makes no sense.
    NotApplicable,
    /// No run has finished yet.
    Unfinished,
    /// No run finished; at least one failed.
    Failed,
    /// All runs were given up, at least one for its validation scores.
    Pruned,
    /// All runs were given up.
    Cancelled,
    /// Runs finished, but without a score of this.
    NotScored,
}

impl Absence {
    /// The word that stands in the cell.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotApplicable => "n/a",
            Self::Unfinished => "unfinished",
            Self::Failed => "failed",
            Self::Pruned => "pruned",
            Self::Cancelled => "cancelled",
            Self::NotScored => "not scored",
        }
    }

    fn of(candidate: &Candidate) -> Self {
        let runs = match &candidate.runs {
            Runs::NotApplicable(_) => return Self::NotApplicable,
            Runs::Planned(runs) => runs,
        };
        let any = |is: fn(&RunState) -> bool| runs.iter().any(|run| is(&run.state));
        if any(|state| *state == RunState::Finished) {
            Self::NotScored
        } else if any(|state| *state == RunState::Unfinished) {
            Self::Unfinished
        } else if any(|state| matches!(state, RunState::Failed(_))) {
            Self::Failed
        } else if any(|state| *state == RunState::Pruned) {
            Self::Pruned
        } else {
            Self::Cancelled
        }
    }
}

impl Cell {
    pub(crate) fn new(candidate: &Candidate, scored: BTreeMap<u64, Scored>) -> Self {
        let outcome = match Summary::of_scores(scored.values().map(|seed| seed.score)) {
            _ if scored.is_empty() => Outcome::Absent(Absence::of(candidate)),
            Ok(summary) => Outcome::Mean(summary),
            Err(reason) => Outcome::Undefined(first_reason(&scored, reason)),
        };
        let dim = scored.values().any(|seed| seed.score.value().is_some() && seed.is_dim());
        Self { scored, outcome, dim, marked: false, difference: None }
    }

    /// Mean and spread, if there are any.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        match self.outcome {
            Outcome::Mean(summary) => Some(summary),
            Outcome::Undefined(_) | Outcome::Absent(_) => None,
        }
    }

    /// Which data its scores are over, if it has any: those of all seeds, whose data may be drawn for each.
    #[must_use]
    pub fn data(&self) -> Option<u32> {
        self.scored.values().next().map(|scored| scored.data)
    }

    /// How good the mean is, on a scale on which higher is better: of what is best near 1, seed by seed.
    #[must_use]
    pub fn merit(&self, better: Better) -> Option<f64> {
        let mean = self.summary()?.mean;
        match better {
            Better::Higher | Better::Lower => Some(better.merit(mean)),
            Better::NearOne => {
                let merits = self.scored.values().map(|seed| seed.score.map(|value| better.merit(value)));
                Summary::of_scores(merits).ok().map(|summary| summary.mean)
            }
        }
    }

    /// The scores alone, by seed.
    pub(crate) fn seed_scores(&self) -> SeedScores {
        self.scored.iter().map(|(seed, scored)| (*seed, scored.score)).collect()
    }

    /// Why seeds have no value, if some have none, and how many have none for this reason: the model's fault before the
    /// data's, since it is what makes the mean undefined.
    pub(crate) fn fault(&self) -> Option<(Reason, usize)> {
        let reasons = || self.scored.values().filter_map(|seed| seed.score.reason());
        let model = reasons().find(|reason| reason.blame() == Blame::Model);
        let reason = model.or_else(|| reasons().next())?;
        Some((reason, reasons().filter(|other| *other == reason).count()))
    }
}

/// With no value left, a mean is called empty; that its seeds have one class only says more.
fn first_reason(scored: &BTreeMap<u64, Scored>, of_mean: Reason) -> Reason {
    match of_mean.blame() {
        Blame::Model => of_mean,
        Blame::Data => scored.values().find_map(|seed| seed.score.reason()).unwrap_or(of_mean),
    }
}
