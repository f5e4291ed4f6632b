//! The value of a condition for the rows of a piece.

use arrow_array::Array;
use arrow_schema::DataType;

use crate::error::DataError;
use crate::expression::{Compare, Expression, Test};
use crate::listed::Listed;
use crate::prepare::{MISSING, Words, missing, numbers, texts, word_count};
use crate::table::{Column, Piece};

/// Whether a condition holds for a row; `None` where a missing value leaves it open.
pub(crate) type Truth = Option<bool>;

impl Expression {
    /// Whether it holds for each row of a piece.
    ///
    /// # Errors
    /// When a column is not there or does not hold what it is compared with.
    pub(crate) fn of(&self, piece: &Piece) -> Result<Vec<Truth>, DataError> {
        match self {
            // An `and` is false as soon as a part is, whatever is unknown; an `or` likewise true.
            Self::And(parts) => joined(parts, piece, false),
            Self::Or(parts) => joined(parts, piece, true),
            Self::Not(part) => Ok(part.of(piece)?.into_iter().map(|truth| truth.map(|holds| !holds)).collect()),
            Self::Test { column, test } => test.of(piece, column),
        }
    }
}

/// Parts of which one that is `decisive` decides.
fn joined(parts: &[Expression], piece: &Piece, decisive: bool) -> Result<Vec<Truth>, DataError> {
    let mut all = vec![Some(!decisive); piece.rows()];
    for part in parts {
        for (so_far, truth) in all.iter_mut().zip(part.of(piece)?) {
            *so_far = match (*so_far, truth) {
                (Some(a), _) if a == decisive => Some(decisive),
                (_, Some(b)) if b == decisive => Some(decisive),
                (Some(_), Some(_)) => Some(!decisive),
                (None, _) | (_, None) => None,
            };
        }
    }
    Ok(all)
}

impl Test {
    fn of(&self, piece: &Piece, column: &str) -> Result<Vec<Truth>, DataError> {
        let column = piece.column(column)?;
        let compared = |values: Vec<f64>, compare: Compare, with: f64| {
            let truth = |value: f64| (!value.is_nan()).then(|| compare.holds(value, with));
            values.into_iter().map(truth).collect()
        };
        match self {
            Self::Number(compare, with) => Ok(compared(numbers(&column)?, *compare, *with)),
            Self::OneOfNumbers(these) => {
                let truth = |value: f64| (!value.is_nan()).then(|| these.contains(&value));
                Ok(numbers(&column)?.into_iter().map(truth).collect())
            }
            Self::OneOf(these) => {
                // What has no value at all tells nothing of its type: some programs write empty columns of text as numbers.
                if let Some(wanted) = self.never_met(&column)
                    && missing(&column)?.contains(&false)
                {
                    return Err(column.type_error(wanted));
                }
                let words =
                    if these.iter().any(Listed::is_number) { Words::of_any(&column)? } else { Words::of(&column)? };
                let means = |word: &str| these.iter().any(|one| one.means(word));
                let of_word: Vec<bool> = words.values.iter().map(means).collect();
                Ok(words.keys.iter().map(|&key| (key != MISSING).then(|| of_word[key as usize])).collect())
            }
            Self::Words(compare, with) => {
                let texts = texts(&column)?;
                let count = |at| texts.is_valid(at).then(|| word_count(texts.value(at)) as f64);
                Ok((0..texts.len()).map(|at| count(at).map(|count| compare.holds(count, *with))).collect())
            }
            Self::Missing => Ok(missing(&column)?.into_iter().map(Some).collect()),
        }
    }

    /// What a column would have to hold for a comparison with words that no value of it can be: its truth values are 1 and 0,
    /// its dates and times are seconds.
    fn never_met(&self, column: &Column) -> Option<&'static str> {
        let Self::OneOf(these) = self else { return None };
        let is_text = matches!(column.array.data_type(), DataType::Utf8 | DataType::Dictionary(..) | DataType::List(_));
        let is_word = |listed: &Listed| listed.as_str().parse::<f64>().is_err();
        (!is_text && these.iter().any(is_word)).then_some(
            "text, since it is compared with words (truth values are 1 and 0 here, times seconds from 1970 on)",
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};

    use super::*;

    fn of(text: &str) -> Vec<Truth> {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("age", Arc::new(Float64Array::from(vec![Some(3.0), Some(8.0), None]))),
            ("country", Arc::new(StringArray::from(vec![Some("NL"), None, Some("US")]))),
            ("My text", Arc::new(StringArray::from(vec![Some("two words"), Some(""), None]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let piece = Piece::whole("memory", batch);
        text.parse::<Expression>().unwrap().of(&piece).unwrap()
    }

    const YES: Truth = Some(true);
    const NO: Truth = Some(false);

    #[test]
    fn a_missing_value_leaves_a_comparison_open() {
        assert_eq!(of("age < 7"), [YES, NO, None]);
        assert_eq!(of("not age < 7"), [NO, YES, None]);
        assert_eq!(of("age in [8, 9]"), [NO, YES, None]);
        assert_eq!(of("country == 'NL'"), [YES, None, NO]);
        assert_eq!(of("country not in ['NL', \"US\"]"), [NO, None, NO]);
        assert_eq!(of("age is missing"), [NO, NO, YES]);
        assert_eq!(of("words(`My text`) >= 1"), [YES, NO, None]);
    }

    #[test]
    fn words_that_no_value_can_be_are_refused() {
        let flags: ArrayRef = Arc::new(Int64Array::from(vec![1, 0]));
        let piece = Piece::whole("memory", RecordBatch::try_from_iter([("returned", flags)]).unwrap());
        let of = |text: &str| text.parse::<Expression>().unwrap().of(&piece);
        assert_eq!(of("returned == 1").unwrap(), [YES, NO]);
        assert_eq!(of("returned == '1'").unwrap(), [YES, NO]);
        for text in ["returned == 'true'", "returned != 'true'", "returned in ['1', 'true']"] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.contains("truth values are 1 and 0 here"), "{text}: {error}");
        }
    }

    #[test]
    fn a_column_without_values_is_compared_with_anything() {
        let empty: ArrayRef = Arc::new(Float64Array::from(vec![Some(f64::NAN), None]));
        let piece = Piece::whole("memory", RecordBatch::try_from_iter([("coupon", empty)]).unwrap());
        assert_eq!("coupon == 'SUMMER'".parse::<Expression>().unwrap().of(&piece).unwrap(), [None, None]);
    }

    #[test]
    fn what_is_known_may_decide() {
        assert_eq!(of("age < 7 and country == 'NL'"), [YES, NO, NO]);
        assert_eq!(of("age < 7 or country == 'US'"), [YES, None, YES]);
        assert_eq!(of("age < 7 or country == 'US' and age is missing"), [YES, NO, YES]);
        assert_eq!(of("(age < 7 or country == 'US') and age is not missing"), [YES, None, NO]);
    }

    #[test]
    fn wrong_columns_are_named() {
        let batch = RecordBatch::try_from_iter([(
            "country",
            Arc::new(StringArray::from(vec![Some("5"), Some("US")])) as ArrayRef,
        )]);
        let piece = Piece::whole("memory", batch.unwrap());
        let error = |text: &str| text.parse::<Expression>().unwrap().of(&piece).unwrap_err().to_string();
        assert_eq!(error("county == 'NL'"), "`memory` has no column `county`; did you mean `country`?; it has country");
        assert_eq!(error("country < 7"), "row 2 of `memory`: column `country` is US, expected a number");
    }
}
