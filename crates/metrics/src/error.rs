//! What a caller can get wrong. Rows that cannot be scored are no error: they give [`Score::Undefined`](crate::Score).

use mmtl_plan::nearest;

/// A call that makes no sense, whatever the rows hold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that no metric or overall kind has.
    #[error("unknown {what} `{name}`; {}", suggestion(name, choices))]
    UnknownName {
        /// What was looked for: `metric` or `overall`.
        what: &'static str,
        /// The name as typed.
        name: String,
        /// All valid names.
        choices: Vec<&'static str>,
    },
    /// A metric asked of a task kind that it is not defined for.
    #[error("metric `{metric}` does not apply to a {kind} task; expected one of {}", choices.join(", "))]
    NotApplicable {
        /// The metric's name.
        metric: &'static str,
        /// The task kind's name.
        kind: &'static str,
        /// The metrics that apply to this kind.
        choices: Vec<&'static str>,
    },
    /// A metric of decisions, asked of a sample that was given no threshold.
    #[error("metric `{metric}` needs a threshold, expected one chosen on validation rows")]
    NoThreshold {
        /// The metric's name.
        metric: &'static str,
    },
    /// Columns of one sample that disagree in length.
    #[error("{column} have {got} values, expected {expected} for {rows} rows")]
    Length {
        /// `predictions`, `weights`, `groups` or `thresholds`.
        column: &'static str,
        /// Values found.
        got: usize,
        /// Values expected.
        expected: usize,
        /// Rows, by the labels.
        rows: usize,
    },
    /// A multiclass sample with fewer than two classes.
    #[error("a multiclass sample has {classes} classes, expected at least 2")]
    TooFewClasses {
        /// Classes given.
        classes: usize,
    },
    /// A skill baseline that does not fit the sample's task kind.
    #[error("the skill of a {kind} task is measured against {expected}, got {got}")]
    Baseline {
        /// The task kind's name.
        kind: &'static str,
        /// The baseline that fits.
        expected: &'static str,
        /// The baseline given.
        got: &'static str,
    },
    /// Train rates that are no distribution over the sample's classes.
    #[error("train rates {rates:?} are not {classes} probabilities that sum to 1")]
    Rates {
        /// The rates given.
        rates: Vec<f64>,
        /// Classes of the sample.
        classes: usize,
    },
}

/// The end of an "unknown name" sentence: the nearest choice if one is close, and all choices.
fn suggestion(name: &str, choices: &[&str]) -> String {
    let all = format!("expected one of {}", choices.join(", "));
    match nearest(name, choices.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? ({all})"),
        None => all,
    }
}
