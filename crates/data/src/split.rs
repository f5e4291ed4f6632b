//! Which rows are train, validation and test.

use mmtl_plan::{Purpose, Stream};

use crate::card::TimeUnit;
use crate::listed::Listed;
use crate::part::Part;

/// How rows are divided. A row's part is a pure function of the split seed and what the row is known by: it depends
/// neither on other rows nor on their order, and a larger validation share takes rows from train only.
#[derive(Clone, Debug, PartialEq)]
pub enum Split {
    /// At random.
    Random {
        /// Share of validation rows.
        valid: f64,
        /// Share of test rows.
        test: f64,
    },
    /// At random, all rows of one value of a column (a user) together.
    ByKey {
        /// The column.
        column: String,
        /// Share of values whose rows are for validation.
        valid: f64,
        /// Share of values whose rows are for the test.
        test: f64,
    },
    /// By what a column or the file's name says.
    Given {
        /// Which of the two.
        by: GivenBy,
        /// Words (of files: patterns) that mean train.
        train: Vec<Listed>,
        /// What means validation.
        valid: GivenValid,
        /// Words that mean test.
        test: Vec<Listed>,
    },
    /// By time: what is later is for validation, then for the test. Rows of equal times are in one part.
    Time {
        /// The column.
        column: String,
        /// What its numbers count.
        unit: TimeUnit,
        /// Where validation and test begin.
        bounds: TimeBounds,
        /// Rows less than so many seconds before validation or test begin are left out.
        gap: f64,
    },
}

/// What says to which part a row belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenBy {
    /// The words of a column.
    Column(String),
    /// The name of its file.
    File,
}

/// What means validation.
#[derive(Clone, Debug, PartialEq)]
pub enum GivenValid {
    /// Words of their own.
    Words(Vec<Listed>),
    /// A random share of the given test rows.
    ShareOfTest(f64),
    /// A random share of the given train rows.
    ShareOfTrain(f64),
}

/// Where validation and test begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TimeBounds {
    /// At these times (seconds).
    At {
        /// The first validation row is not before.
        valid: f64,
        /// The first test row is not before.
        test: f64,
    },
    /// So that these shares of the rows are later; found in a reading of their own.
    Shares {
        /// Of validation rows.
        valid: f64,
        /// Of test rows.
        test: f64,
    },
}

impl Split {
    /// The column it reads, if any.
    pub(crate) fn column(&self) -> Option<&str> {
        match self {
            Self::Random { .. } | Self::Given { by: GivenBy::File, .. } => None,
            Self::ByKey { column, .. }
            | Self::Given { by: GivenBy::Column(column), .. }
            | Self::Time { column, .. } => Some(column),
        }
    }

    /// The patterns of files that say to which part rows belong.
    pub(crate) fn patterns(&self) -> Vec<&str> {
        let Self::Given { by: GivenBy::File, train, valid, test } = self else { return vec![] };
        let valid: &[Listed] = if let GivenValid::Words(words) = valid { words } else { &[] };
        train.iter().chain(valid).chain(test).map(Listed::as_str).collect()
    }

    pub(crate) fn stream(seed: u64) -> Stream {
        Stream::new(seed, Purpose::Split, "rows")
    }
}

/// The part of what is known as `id` in a random split.
pub(crate) fn drawn(stream: Stream, id: u64, valid: f64, test: f64) -> Part {
    let draw = stream.uniform(0, id);
    match draw {
        _ if draw < test => Part::Test,
        _ if draw < test + valid => Part::Valid,
        _ => Part::Train,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(valid: f64, test: f64, seed: u64) -> Vec<Part> {
        let stream = Split::stream(seed);
        (0..10_000).map(|row| drawn(stream, row, valid, test)).collect()
    }

    fn count(parts: &[Part], part: Part) -> usize {
        parts.iter().filter(|p| **p == part).count()
    }

    #[test]
    fn shares_are_met_and_seeds_differ() {
        let drawn = parts(0.1, 0.2, 7);
        // Five standard deviations of a binomial count.
        assert!(count(&drawn, Part::Valid).abs_diff(1000) < 150, "{}", count(&drawn, Part::Valid));
        assert!(count(&drawn, Part::Test).abs_diff(2000) < 200, "{}", count(&drawn, Part::Test));
        assert_ne!(drawn, parts(0.1, 0.2, 8));
        assert_eq!(drawn, parts(0.1, 0.2, 7));
    }

    #[test]
    fn a_larger_validation_share_moves_no_test_row() {
        for (small, large) in parts(0.1, 0.2, 7).iter().zip(&parts(0.3, 0.2, 7)) {
            assert_eq!(*small == Part::Test, *large == Part::Test);
            assert!(*small != Part::Valid || *large == Part::Valid);
        }
    }

    #[test]
    fn shares_of_nothing_are_kept() {
        assert_eq!(count(&parts(0.0, 0.0, 1), Part::Train), 10_000);
    }
}
