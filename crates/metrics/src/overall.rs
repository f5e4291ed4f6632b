//! One number for all scenes, in three named kinds.
//!
//! For a mean over rows (log loss, MSE, MAE, accuracy) `rows` equals `pooled`. For AUC they differ: pooling also pairs
//! rows of different scenes, and so rewards ranking the scenes by their base rates. RMSE is no mean over rows either.

use std::str::FromStr;

use crate::error::Error;
use crate::mean::{Mean, Weighing};
use crate::score::{Score, Scored};

/// How the cells of the scenes become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overall {
    /// The metric over one list of all rows.
    Pooled,
    /// The mean over scenes, weighed by their rows (by Σ of the row weights where there are any).
    Rows,
    /// The plain mean over scenes, dim AUC cells left out.
    Macro,
}

impl Overall {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Pooled, Self::Rows, Self::Macro];

    /// The name in files and table headers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pooled => "pooled",
            Self::Rows => "rows",
            Self::Macro => "macro",
        }
    }

    /// The overall score, from the metric over all rows (`pooled`) and over each scene's.
    #[must_use]
    pub fn of(self, pooled: &Scored, scenes: &[Scored]) -> Mean {
        match self {
            Self::Pooled => {
                let used = u64::from(matches!(pooled.score, Score::Value(_)));
                Mean { score: pooled.score, used, undefined: 1 - used, dim: 0 }
            }
            Self::Rows => Mean::weighed(scenes, Weighing::ByRows),
            Self::Macro => Mean::weighed(scenes, Weighing::EqualWithoutDim),
        }
    }
}

impl FromStr for Overall {
    type Err = Error;

    /// Parses an [`Overall::name`].
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|overall| overall.name() == name).ok_or_else(|| Error::UnknownName {
            what: "overall",
            name: name.to_owned(),
            choices: Self::ALL.map(Self::name).to_vec(),
        })
    }
}
