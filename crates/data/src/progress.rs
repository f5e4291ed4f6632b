//! How far the making of a data set has come.

/// One report. No clock is read here: who shows it computes rates and the time left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Rows done.
    pub done: u64,
    /// Share of the stage that is done, from 0 to 1: of the rows where their number is known, else of the files' bytes.
    pub share: f64,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading all rows once, to fit vocabularies, means and bins on the train rows.
    Fit,
    /// Reading all rows again, to encode them.
    Encode,
}

impl Stage {
    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Encode => "encode",
        }
    }
}
