//! Batches of a column are of one type: seconds that are whole in one of them and not in another are counted in the finer
//! unit in all.

use arrow_array::ArrayRef;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, TimeUnit};

use crate::sub_second::units_a_second;

/// Adds a batch; false where it is of another type than those before.
pub(super) fn push(column: &mut Vec<ArrayRef>, batch: &ArrayRef) -> bool {
    let before = column.first().unwrap_or(batch).data_type().clone();
    if before == *batch.data_type() {
        column.push(batch.clone());
        return true;
    }
    let Some(common) = common(&before, batch.data_type()) else { return false };
    let all: Result<Vec<ArrayRef>, _> = column.iter().chain([batch]).map(|batch| in_unit(batch, &common)).collect();
    all.map(|all| *column = all).is_ok()
}

fn common(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType as T;
    // Whole seconds of a span have no type of their own.
    let span = |kind: &DataType| matches!(kind, T::Duration(_) | T::Int64);
    let moment = |kind: &DataType| matches!(kind, T::Timestamp(_, None));
    let alike = (span(a) && span(b)) || (moment(a) && moment(b));
    alike.then(|| [a, b].into_iter().max_by_key(|kind| units_a_second(kind)).cloned()).flatten()
}

fn in_unit(batch: &ArrayRef, kind: &DataType) -> Result<ArrayRef, ArrowError> {
    // A moment that the finer unit cannot count is no moment without a value.
    let options = CastOptions { safe: false, ..CastOptions::default() };
    match (batch.data_type(), kind) {
        (DataType::Int64, DataType::Duration(_)) => {
            let seconds = cast_with_options(batch, &DataType::Duration(TimeUnit::Second), &options)?;
            cast_with_options(&seconds, kind, &options)
        }
        _ => cast_with_options(batch, kind, &options),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::DurationMillisecondType;
    use arrow_array::{
        Array, DurationMillisecondArray, Float64Array, Int64Array, TimestampNanosecondArray, TimestampSecondArray,
    };

    use super::*;

    #[test]
    fn spans_and_moments_are_counted_in_the_finest_unit() {
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![Some(2), None]));
        let fine: ArrayRef = Arc::new(DurationMillisecondArray::from(vec![1_500]));
        for order in [[&whole, &fine, &whole], [&fine, &whole, &whole]] {
            let mut column = vec![];
            assert!(order.into_iter().all(|batch| push(&mut column, batch)));
            let units = column.iter().flat_map(|batch| batch.as_primitive::<DurationMillisecondType>().iter());
            assert_eq!(units.flatten().sum::<i64>(), 5_500);
        }
        let moments: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1]));
        let finer: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1]));
        let mut column = vec![];
        assert!(push(&mut column, &moments) && push(&mut column, &finer));
        assert!(column.iter().all(|batch| batch.data_type() == finer.data_type()));
    }

    #[test]
    fn other_types_and_what_no_unit_can_count_are_not_taken() {
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let numbers: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
        let moments: ArrayRef = Arc::new(TimestampSecondArray::from(vec![253_402_207_200]));
        let finer: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1]));
        for (first, second) in [(&whole, &numbers), (&whole, &moments), (&moments, &finer)] {
            let mut column = vec![first.clone()];
            assert!(!push(&mut column, second));
            assert_eq!(column.len(), 1);
        }
    }
}
