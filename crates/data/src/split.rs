//! Which rows are train, validation and test.

use mmtl_plan::{Purpose, Stream};

use crate::part::Part;

/// How rows are divided. A row's part is a pure function of the split seed and the row's id: it depends neither on
/// other rows nor on their order, and a larger validation share takes rows from train only.
#[derive(Clone, Debug, PartialEq)]
pub enum Split {
    /// At random.
    Random {
        /// Share of validation rows.
        valid: f64,
        /// Share of test rows.
        test: f64,
    },
    /// By a column that says `train` or `test`, where a random share of the test rows is for validation.
    Given {
        /// The column.
        column: &'static str,
        /// Share of the given test rows.
        valid: f64,
    },
}

/// What a column says about a row's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// Nothing: the split is random.
    Nothing,
    Train,
    Test,
}

impl Split {
    /// The column it reads, if any.
    pub(crate) fn column(&self) -> Option<&'static str> {
        match self {
            Self::Random { .. } => None,
            Self::Given { column, .. } => Some(column),
        }
    }

    pub(crate) fn stream(seed: u64) -> Stream {
        Stream::new(seed, Purpose::Split, "rows")
    }

    /// The part of one row.
    pub(crate) fn part(&self, stream: Stream, row_id: u64, given: Given) -> Part {
        let draw = stream.uniform(0, row_id);
        match (self, given) {
            (Self::Random { test, .. }, _) if draw < *test => Part::Test,
            (Self::Random { valid, test }, _) if draw < test + valid => Part::Valid,
            (Self::Given { valid, .. }, Given::Test) if draw < *valid => Part::Valid,
            (Self::Given { .. }, Given::Test) => Part::Test,
            (Self::Random { .. }, _) | (Self::Given { .. }, Given::Train | Given::Nothing) => Part::Train,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(split: &Split, seed: u64, given: Given) -> Vec<Part> {
        let stream = Split::stream(seed);
        (0..10_000).map(|row| split.part(stream, row, given)).collect()
    }

    fn count(parts: &[Part], part: Part) -> usize {
        parts.iter().filter(|p| **p == part).count()
    }

    #[test]
    fn shares_are_met_and_seeds_differ() {
        let split = Split::Random { valid: 0.1, test: 0.2 };
        let drawn = parts(&split, 7, Given::Nothing);
        // Five standard deviations of a binomial count.
        assert!(count(&drawn, Part::Valid).abs_diff(1000) < 150, "{}", count(&drawn, Part::Valid));
        assert!(count(&drawn, Part::Test).abs_diff(2000) < 200, "{}", count(&drawn, Part::Test));
        assert_ne!(drawn, parts(&split, 8, Given::Nothing));
        assert_eq!(drawn, parts(&split, 7, Given::Nothing));
    }

    #[test]
    fn a_larger_validation_share_moves_no_test_row() {
        let small = parts(&Split::Random { valid: 0.1, test: 0.2 }, 7, Given::Nothing);
        let large = parts(&Split::Random { valid: 0.3, test: 0.2 }, 7, Given::Nothing);
        for (small, large) in small.iter().zip(&large) {
            assert_eq!(*small == Part::Test, *large == Part::Test);
            assert!(*small != Part::Valid || *large == Part::Valid);
        }
    }

    #[test]
    fn shares_of_nothing_and_given_parts_are_kept() {
        assert_eq!(count(&parts(&Split::Random { valid: 0.0, test: 0.0 }, 1, Given::Nothing), Part::Train), 10_000);
        let split = Split::Given { column: "part", valid: 0.5 };
        assert_eq!(count(&parts(&split, 1, Given::Train), Part::Train), 10_000);
        let held_out = parts(&split, 1, Given::Test);
        assert_eq!(count(&held_out, Part::Train), 0);
        assert!(count(&held_out, Part::Valid).abs_diff(5000) < 250);
    }
}
