//! Train, validation and test rows.

use serde::{Deserialize, Serialize};

/// What the rows of a data set are used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Models, vocabularies, means and bins are fitted on these.
    Train,
    /// Checkpoints and settings are chosen on these.
    Valid,
    /// Scored once, at the end.
    Test,
}

impl Part {
    /// Every part, in the order of their codes.
    pub const ALL: [Self; 3] = [Self::Train, Self::Valid, Self::Test];

    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }

    /// Position in [`Part::ALL`]; how a part is stored in a column.
    pub fn code(self) -> u8 {
        match self {
            Self::Train => 0,
            Self::Valid => 1,
            Self::Test => 2,
        }
    }
}
