//! Conditions on the columns of a row, as cards write them: `age_days < 7 and country in ['NL', 'BE']`.
//!
//! ```text
//! condition  = all { "or" all }
//! all        = one { "and" one }
//! one        = "not" one | "(" condition ")" | test
//! test       = value ("<" | "<=" | ">" | ">=" | "==" | "!=") literal
//!            | column ["not"] "in" "[" literal { "," literal } "]"
//!            | column "is" ["not"] "missing"
//! value      = column | "words" "(" column ")"
//! column     = a name of letters, digits, `_` and `.`, or any name between backquotes
//! literal    = a number, or text between single or double quotes
//! ```
//!
//! A comparison with a missing value is neither true nor false, as in SQL: a slice leaves such a row out, and a label
//! made of it is unknown.

mod evaluate;
mod parse;

use crate::listed::Listed;

/// A condition on the columns of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// Each of these holds.
    And(Vec<Expression>),
    /// One of these holds.
    Or(Vec<Expression>),
    /// This does not hold.
    Not(Box<Expression>),
    /// A test of one column.
    Test {
        /// The column.
        column: String,
        /// What is asked of it.
        test: Test,
    },
}

/// A test of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Its number compares so with this one.
    Number(Compare, f64),
    /// Its number is one of these.
    OneOfNumbers(Vec<f64>),
    /// It is one of these.
    OneOf(Vec<Listed>),
    /// The number of its words compares so with this one.
    Words(Compare, f64),
    /// It has no value.
    Missing,
}

/// A comparison of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// <
    Below,
    /// <=
    AtMost,
    /// >
    Above,
    /// >=
    AtLeast,
    /// ==
    Equal,
    /// !=
    NotEqual,
}

impl Compare {
    pub(crate) fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Self::Below => a < b,
            Self::AtMost => a <= b,
            Self::Above => a > b,
            Self::AtLeast => a >= b,
            Self::Equal => a == b,
            Self::NotEqual => a != b,
        }
    }
}

impl Expression {
    /// A test of one column.
    pub(crate) fn test(column: &str, test: Test) -> Self {
        Self::Test { column: column.to_owned(), test }
    }

    /// Calls `each` with every column it reads and whether it reads its words.
    pub(crate) fn each_column<'a>(&'a self, each: &mut dyn FnMut(&'a str, bool)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.each_column(each)),
            Self::Not(part) => part.each_column(each),
            Self::Test { column, test } => each(column, matches!(test, Test::Words(..))),
        }
    }
}
