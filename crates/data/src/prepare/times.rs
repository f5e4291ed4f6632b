//! Columns of times.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::card::{TimePart, TimeUnit};
use crate::error::DataError;
use crate::prepare::numbers::{is_text, numbers};
use crate::prepare::words::{MISSING, Words};
use crate::table::{Column, is_moment};

/// Seconds from 1970 on where the calendar begins and ends, with the years −9999 and 9999.
const CALENDAR: RangeInclusive<f64> = -377_705_023_201.0..=253_402_207_200.0;

const EXPECTED: &str = "a number, or a date or time like 2024-06-01, 2024-06-01T12:00:00 or 2024-06-01T12:00:00Z";

impl TimeUnit {
    fn seconds(self) -> f64 {
        match self {
            Self::Seconds => 1.0,
            Self::Milliseconds => 1e-3,
            Self::Microseconds => 1e-6,
            Self::Days => 86_400.0,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Days => "d",
        }
    }
}

/// The times of a column in seconds from 1970-01-01 UTC on; `None` where missing. `unit` is that of numbers: moments have
/// their own.
///
/// # Errors
/// When a value is no time.
pub(crate) fn times(column: &Column, unit: TimeUnit) -> Result<Vec<Option<f64>>, DataError> {
    if !is_text(column.array.data_type()) {
        let seconds = if is_moment(column.array.data_type()) { 1.0 } else { unit.seconds() };
        let scaled = |(at, value): (usize, f64)| match value * seconds {
            time if time.is_nan() => Ok(None),
            time if CALENDAR.contains(&time) => Ok(Some(time)),
            _ => Err(column.value_error(at, value.to_string(), beyond_the_calendar(unit))),
        };
        return numbers(column)?.into_iter().enumerate().map(scaled).collect();
    }
    let words = Words::of(column)?;
    let of_word: Vec<Option<f64>> = words.values.iter().map(|word| seconds(word, unit)).collect();
    let time = |(at, key): (usize, &u32)| match of_word.get(*key as usize) {
        None => Ok(None),
        Some(Some(time)) => Ok(Some(*time)),
        Some(None) => {
            let word = words.row(at).unwrap_or_default();
            let is_number = word.parse::<f64>().is_ok_and(f64::is_finite);
            let expected = if is_number { beyond_the_calendar(unit) } else { EXPECTED.to_owned() };
            Err(column.value_error(at, word.to_owned(), expected))
        }
    };
    debug_assert_eq!(MISSING, u32::MAX);
    words.keys.iter().enumerate().map(time).collect()
}

/// Milliseconds that are taken for seconds lie there, where they would have no hour and a gap of a day would be none.
fn beyond_the_calendar(unit: TimeUnit) -> String {
    format!("a time before the year 10000; numbers are taken for `{}`, see `unit` (s, ms, us or d)", unit.name())
}

/// A time as text, in seconds; without a zone it is UTC.
pub(crate) fn seconds(text: &str, unit: TimeUnit) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return Some(number * unit.seconds()).filter(|time| CALENDAR.contains(time));
    }
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        let civil = text
            .parse::<DateTime>()
            .ok()
            .or_else(|| Some(text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight())));
        civil?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    // In one number of nanoseconds the last bit of whole seconds would be lost.
    Some(moment.as_second() as f64 + f64::from(moment.subsec_nanosecond()) * 1e-9)
}

impl TimePart {
    /// Number of values.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Hour => 24,
            Self::Weekday => 7,
            Self::Day => 31,
            Self::Month => 12,
        }
    }

    /// The part of a time, from 0; `None` where the calendar ends.
    pub(crate) fn of(self, seconds: f64) -> Option<u32> {
        let civil = TimeZone::UTC.to_datetime(Timestamp::from_second(seconds.floor() as i64).ok()?);
        let part = match self {
            Self::Hour => civil.hour(),
            Self::Weekday => civil.weekday().to_monday_zero_offset(),
            Self::Day => civil.day() - 1,
            Self::Month => civil.month() - 1,
        };
        u32::try_from(part).ok()
    }

    /// What the parts stand for, from 0.
    pub(crate) fn values(self) -> Vec<String> {
        const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        match self {
            Self::Hour => (0..self.size()).map(|hour| hour.to_string()).collect(),
            Self::Weekday => DAYS.map(str::to_owned).into(),
            Self::Day | Self::Month => (1..=self.size()).map(|number| number.to_string()).collect(),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Weekday => "weekday",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        ArrayRef, DurationMillisecondArray, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
        TimestampSecondArray,
    };

    use super::*;
    use crate::card::{Card, Identity};
    use crate::prepare::identity::row_ids;
    use crate::table::Piece;

    #[test]
    fn numbers_dates_and_times_are_the_same_moments() {
        let moment = Some(1_717_243_200.0);
        for text in ["2024-06-01T12:00:00Z", "2024-06-01T12:00:00", "2024-06-01 12:00:00", "2024-06-01T14:00:00+02:00"]
        {
            assert_eq!(seconds(text, TimeUnit::Days), moment, "{text}");
        }
        assert_eq!(seconds("2024-06-01", TimeUnit::Seconds), Some(1_717_200_000.0));
        assert_eq!(seconds("1717243200", TimeUnit::Seconds), moment);
        assert_eq!(seconds("1717243200000", TimeUnit::Milliseconds), moment);
        assert_eq!(seconds("19875.5", TimeUnit::Days), moment);
        assert_eq!(seconds("2004-01-08", TimeUnit::Seconds), Some(1_073_520_000.0));
        assert_eq!(seconds("1970-01-01T00:00:00.25Z", TimeUnit::Seconds), Some(0.25));
        for wrong in ["yesterday", "", "2024-13-01", "inf", "1717243200000"] {
            assert_eq!(seconds(wrong, TimeUnit::Seconds), None, "{wrong}");
        }
    }

    #[test]
    fn the_unit_is_that_of_numbers_and_not_of_moments() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(86_400_000), None]));
        let moments: ArrayRef = Arc::new(TimestampSecondArray::from(vec![Some(86_400), None]));
        let batch = RecordBatch::try_from_iter([("numbers", numbers), ("moments", moments)]).unwrap();
        let piece = Piece::whole("memory", batch);
        for name in ["numbers", "moments"] {
            let read = times(&piece.column(name).unwrap(), TimeUnit::Milliseconds).unwrap();
            assert_eq!(read, [Some(86_400.0), None], "{name}");
        }
    }

    #[test]
    fn moments_and_spans_are_known_by_what_they_are_and_not_by_their_neighbours() {
        let whole: [ArrayRef; 2] = [Arc::new(TimestampSecondArray::from(vec![7])), Arc::new(Int64Array::from(vec![7]))];
        let fine: [ArrayRef; 2] = [
            Arc::new(TimestampMillisecondArray::from(vec![7_000, 7_250])),
            Arc::new(DurationMillisecondArray::from(vec![7_000, 7_250])),
        ];
        let card = Card {
            identity: Identity::Contents(vec!["x".to_owned()]),
            weight: Some("x".to_owned()),
            ..Card::default()
        };
        for (whole, fine) in whole.into_iter().zip(fine) {
            let piece = |array| Piece::whole("memory", RecordBatch::try_from_iter([("x", array)]).unwrap());
            let (whole, fine) = (piece(whole), piece(fine));
            let column = fine.column("x").unwrap();
            assert_eq!(times(&column, TimeUnit::Seconds).unwrap(), [Some(7.0), Some(7.25)]);
            assert_eq!(numbers(&column).unwrap(), [7.0, 7.25]);
            assert_eq!(Words::of(&column).unwrap().values.iter().collect::<Vec<_>>(), ["7", "7.25"]);
            let (alone, beside) = (row_ids(&card, &whole).unwrap(), row_ids(&card, &fine).unwrap());
            assert!(alone[0] == beside[0] && beside[0] != beside[1]);
        }
    }

    #[test]
    fn times_beyond_the_calendar_are_of_another_unit() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1_717_243_200), Some(1_717_243_200_000)]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["1717243200", "1717243200000"]));
        let batch = RecordBatch::try_from_iter([("numbers", numbers), ("texts", texts)]).unwrap();
        let piece = Piece::whole("memory", batch);
        for name in ["numbers", "texts"] {
            let error = times(&piece.column(name).unwrap(), TimeUnit::Seconds).unwrap_err().to_string();
            let expected = format!(
                "row 2 of `memory`: column `{name}` is 1717243200000, expected a time before the year 10000; numbers are \
                 taken for `s`, see `unit` (s, ms, us or d)"
            );
            assert_eq!(error, expected);
            let read = times(&piece.column(name).unwrap(), TimeUnit::Milliseconds).unwrap();
            assert_eq!(read, [Some(1_717_243.2), Some(1_717_243_200.0)], "{name}");
        }
    }

    #[test]
    fn parts_of_times_count_from_nothing() {
        // A Saturday.
        let moment = 1_717_243_200.0;
        let parts = [TimePart::Hour, TimePart::Weekday, TimePart::Day, TimePart::Month];
        assert_eq!(parts.map(|part| part.of(moment)), [Some(12), Some(5), Some(0), Some(5)]);
        assert_eq!(TimePart::Hour.of(-1.0), Some(23));
        assert_eq!(TimePart::Hour.of(1e300), None);
    }
}
