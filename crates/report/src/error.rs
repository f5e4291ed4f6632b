//! What a caller can get wrong. A score that is undefined is no error: a table shows it.

use mmtl_plan::nearest;

/// A table that cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that no task or slice has.
    #[error("unknown {what} `{name}`; {}", suggestion(name, choices))]
    UnknownName {
        /// What was looked for: `task` or `slice`.
        what: &'static str,
        /// The name as typed.
        name: String,
        /// All valid names.
        choices: Vec<String>,
    },
    /// A metric that is not defined for the task asked for, or for any.
    #[error("`{metric}` is not defined for {task}, expected one of {}", choices.join(", "))]
    NotApplicable {
        /// The metric's name.
        metric: &'static str,
        /// The task with its kind, or that it is none of them.
        task: String,
        /// The metrics that are.
        choices: Vec<&'static str>,
    },
    /// A metric that the runs were not scored by.
    #[error(
        "no run was scored by `{metric}`; add it to `metrics` under [eval] of the experiment file and run that again: \
         finished runs are scored from their predictions, and not trained again"
    )]
    NotScored {
        /// The metric's name.
        metric: &'static str,
    },
    /// An index past the end of its list.
    #[error("{what} number {index} does not exist, expected one below {count}")]
    Index {
        /// What was pointed at: `candidate`, `task` or `baseline`.
        what: &'static str,
        /// The index given.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// An entry that does not score each scene once.
    #[error("`{candidate}` with seed {seed} has scores for {got} scenes, expected {expected}")]
    SceneCount {
        /// The candidate's label.
        candidate: String,
        /// The run's seed.
        seed: u64,
        /// Scores found.
        got: usize,
        /// Scenes of the schema.
        expected: usize,
    },
    /// Two entries for the same scores.
    #[error("`{candidate}` with seed {seed} has {metric} of `{task}` twice, expected one record a run")]
    Twice {
        /// The candidate's label.
        candidate: String,
        /// The run's seed.
        seed: u64,
        /// The metric's name.
        metric: &'static str,
        /// The task's name.
        task: String,
    },
}

/// The end of an "unknown name" sentence: the nearest choice if one is close, and all choices.
fn suggestion(name: &str, choices: &[String]) -> String {
    let all = format!("expected one of {}", choices.join(", "));
    match nearest(name, choices.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? ({all})"),
        None => all,
    }
}
