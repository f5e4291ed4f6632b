//! Lines of the last minutes.

use crate::symbols::sparkline;
use crate::theme::Theme;

/// Milliseconds that a line is about.
pub const SPAN: u64 = 600_000;

/// Means of values by time, in `width` parts of the time before `end`; `None` where there are none.
pub fn over_time(values: impl Iterator<Item = (u64, f64)>, end: u64, width: usize) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0u32); width];
    for (at, value) in values {
        let ago = end.saturating_sub(at);
        let part = (u128::from(ago) * width as u128 / u128::from(SPAN)) as usize;
        if let Some(sum) = width.checked_sub(1 + part).and_then(|at| sums.get_mut(at)) {
            *sum = (sum.0 + value, sum.1 + 1);
        }
    }
    sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum / f64::from(count))).collect()
}

/// An area as high as the values, from 0 to 1, in `height` lines, the uppermost first. What is known is seen even if it
/// is 0.
pub fn area(values: &[Option<f64>], height: usize, theme: Theme) -> Vec<String> {
    let line = |above: usize| {
        let part = |value: &Option<f64>| match value {
            None => 0.0,
            Some(value) if above == 0 => (value * height as f64).max(0.125),
            Some(value) => value * height as f64 - above as f64,
        };
        sparkline(values.iter().map(part), &theme)
    };
    (0..height).rev().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Depth;

    #[test]
    fn values_stand_where_their_time_is() {
        let values = [(0, 0.25), (SPAN, 0.5), (SPAN + SPAN / 2, 0.125), (2 * SPAN - 1, 0.5), (2 * SPAN, 1.0)];
        let of = over_time(values.into_iter(), 2 * SPAN, 4);
        // What is as old as the whole span is gone.
        assert_eq!(of, [None, Some(0.125), None, Some(0.75)]);
        assert_eq!(over_time(values.into_iter(), 2 * SPAN, 0), []);
        assert_eq!(over_time(values.into_iter(), 0, 2), [None, Some(0.475)]);
    }

    #[test]
    fn areas_fill_from_below() {
        let theme = Theme { depth: Depth::None, dark: true, ascii: false };
        assert_eq!(area(&[None, Some(0.0), Some(0.5), Some(0.75), Some(1.0)], 2, theme), ["   ▄█", " ▁███"]);
        assert_eq!(area(&[Some(f64::NAN), Some(9.0)], 1, theme), ["▁█"]);
    }
}
