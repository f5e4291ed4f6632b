//! Columns of times.

use std::ops::RangeInclusive;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::card::{TimePart, TimeUnit};
use crate::error::DataError;
use crate::prepare::numbers::{is_text, numbers};
use crate::prepare::words::{MISSING, Words};
use crate::table::{Column, is_moment};

/// Seconds from 1970 on where the calendar begins and ends, with the years −9999 and 9999.
const CALENDAR: RangeInclusive<f64> = -377_705_023_201.0..=253_402_207_200.0;

/// Dates that numbers of eight digits are taken for, and moments in seconds that nobody's log has: August of 1970.
const DATES: RangeInclusive<f64> = 19_000_101.0..=21_001_231.0;

const EXPECTED: &str = "a number, or a date or time like 2024-06-01, 2024-06-01T12:00:00 or 2024-06-01T12:00:00Z";

const IN_ZONE: &str = "a time in a zone that this machine knows, or with its offset, like 2024-06-01T12:00:00+02:00";

impl TimeUnit {
    /// The time of a number, in seconds; `None` where it is none, or may be another.
    fn time(self, number: f64) -> Option<f64> {
        let time = match self {
            Self::Unsaid if DATES.contains(&number) && midnight(number).is_some() => return None,
            Self::Unsaid | Self::Seconds => number,
            Self::Milliseconds => number * 1e-3,
            Self::Microseconds => number * 1e-6,
            Self::Days => number * 86_400.0,
            Self::Date => return midnight(number),
        };
        Some(time).filter(|time| CALENDAR.contains(time))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Unsaid | Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Days => "d",
            Self::Date => "date",
        }
    }

    /// What a number that is no time should be.
    fn expected(self, number: f64) -> String {
        match self {
            Self::Unsaid if DATES.contains(&number) => {
                "a `unit` beside a number that may be a date or a time: `unit = \
                 \"date\"` if it is one written YYYYMMDD, or `unit = \"s\"` if it counts seconds"
                    .to_owned()
            }
            Self::Date => "a date written YYYYMMDD, like 20240601, as `unit` is `date`".to_owned(),
            // Milliseconds that are taken for seconds lie there, where they would have no hour and a gap of a day would be
            // none.
            _ => format!(
                "a time before the year 10000; numbers are taken for `{}`, see `unit` (s, ms, us, d or date)",
                self.name()
            ),
        }
    }
}

/// Where the day of a date written YYYYMMDD begins, in seconds.
fn midnight(number: f64) -> Option<f64> {
    // Of a day of a year of four digits.
    if !(10_101.0..=99_991_231.0).contains(&number) || number.fract() != 0.0 {
        return None;
    }
    let digits = number as i32;
    let (year, month, day) = (digits / 10_000, digits / 100 % 100, digits % 100);
    let date = Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second() as f64)
}

/// The times of a column in seconds from 1970-01-01 UTC on; `None` where missing. `unit` is that of numbers: moments have
/// their own.
///
/// # Errors
/// When a value is no time.
pub(crate) fn times(column: &Column, unit: TimeUnit) -> Result<Vec<Option<f64>>, DataError> {
    if !is_text(column.array.data_type()) {
        let unit = if is_moment(column.array.data_type()) { TimeUnit::Seconds } else { unit };
        let scaled = |(at, value): (usize, f64)| match unit.time(value) {
            _ if value.is_nan() => Ok(None),
            Some(time) => Ok(Some(time)),
            None => Err(column.value_error(at, value.to_string(), unit.expected(value))),
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
            let number = word.parse().ok().filter(|number: &f64| number.is_finite());
            let expected = match number {
                Some(number) => unit.expected(number),
                None if word.contains('[') => IN_ZONE.to_owned(),
                None => EXPECTED.to_owned(),
            };
            Err(column.value_error(at, word.to_owned(), expected))
        }
    };
    debug_assert_eq!(MISSING, u32::MAX);
    words.keys.iter().enumerate().map(time).collect()
}

/// A time as text, in seconds. An offset counts before a zone's name; without both it is UTC.
pub(crate) fn seconds(text: &str, unit: TimeUnit) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return unit.time(number);
    }
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        if text.contains('[') {
            return text.parse::<Zoned>().ok().map(|zoned| zoned.timestamp());
        }
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
                 taken for `s`, see `unit` (s, ms, us, d or date)"
            );
            assert_eq!(error, expected);
            let read = times(&piece.column(name).unwrap(), TimeUnit::Milliseconds).unwrap();
            assert_eq!(read, [Some(1_717_243.2), Some(1_717_243_200.0)], "{name}");
        }
    }

    #[test]
    fn numbers_that_may_be_dates_are_refused_unless_the_card_says_what_they_are() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(20_240_601), None, Some(20_240_631)]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("20240601"), None, Some("20240631")]));
        let batch = RecordBatch::try_from_iter([("numbers", numbers), ("texts", texts)]).unwrap();
        let (piece, good) = (Piece::whole("memory", batch.clone()), Piece::whole("memory", batch.slice(0, 2)));
        for name in ["numbers", "texts"] {
            let error = |unit| times(&piece.column(name).unwrap(), unit).unwrap_err().to_string();
            assert_eq!(
                error(TimeUnit::Unsaid),
                format!(
                    "row 1 of `memory`: column `{name}` is 20240601, expected a `unit` beside a number that may be a date \
                     or a time: `unit = \"date\"` if it is one written YYYYMMDD, or `unit = \"s\"` if it counts seconds"
                )
            );
            assert_eq!(
                error(TimeUnit::Date),
                format!(
                    "row 3 of `memory`: column `{name}` is 20240631, expected a date written YYYYMMDD, like 20240601, as \
                     `unit` is `date`"
                )
            );
            let read = |unit| times(&good.column(name).unwrap(), unit).unwrap();
            assert_eq!(read(TimeUnit::Date), [Some(1_717_200_000.0), None], "{name}");
            assert_eq!(read(TimeUnit::Seconds), [Some(20_240_601.0), None], "{name}");
        }
        // The first and the last, what lies beside them, and what is no date.
        for (number, time) in [
            (19_000_101.0, None),
            (21_001_231.0, None),
            (18_991_231.0, Some(18_991_231.0)),
            (21_010_101.0, Some(21_010_101.0)),
            (20_241_301.0, Some(20_241_301.0)),
            (20_240_601.5, Some(20_240_601.5)),
            (1_717_243_200.0, Some(1_717_243_200.0)),
        ] {
            assert_eq!(TimeUnit::Unsaid.time(number), time, "{number}");
        }
        assert_eq!(seconds("2024-06-01", TimeUnit::Date), Some(1_717_200_000.0));
    }

    #[test]
    fn a_zone_s_name_counts_where_there_is_no_offset() {
        for (text, expected) in [
            ("2024-06-01T12:00:00[Europe/Berlin]", Some(1_717_236_000.0)),
            ("2024-06-01T12:00:00+02:00[Europe/Berlin]", Some(1_717_236_000.0)),
            ("2024-06-01T12:00:00+01:00[Europe/Berlin]", Some(1_717_239_600.0)),
            ("2024-06-01T12:00:00[UTC]", Some(1_717_243_200.0)),
            ("2024-06-01T12:00:00[Europe/Nowhere]", None),
        ] {
            assert_eq!(seconds(text, TimeUnit::Seconds), expected, "{text}");
        }
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["2024-06-01T12:00:00[Europe/Nowhere]"]));
        let piece = Piece::whole("memory", RecordBatch::try_from_iter([("at", texts)]).unwrap());
        assert_eq!(
            times(&piece.column("at").unwrap(), TimeUnit::Seconds).unwrap_err().to_string(),
            "row 1 of `memory`: column `at` is 2024-06-01T12:00:00[Europe/Nowhere], expected a time in a zone that this \
             machine knows, or with its offset, like 2024-06-01T12:00:00+02:00"
        );
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
