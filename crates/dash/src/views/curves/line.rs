//! A curve on its way to the screen: smoothed, cut to a window, and reduced to what columns can show.

use crate::history::Point;

/// What of a curve can be seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// As it is drawn: smoothed if that was asked for, ascending by step; at most the least and the greatest of a column,
    /// and where it enters and leaves the window.
    pub drawn: Vec<Point>,
    /// The same before smoothing; empty without smoothing.
    pub raw: Vec<Point>,
    /// Values in the window that a logarithmic axis cannot show.
    pub left_out: usize,
}

/// How curves are cut and reduced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reduction {
    /// First and last step of the window.
    pub window: (u64, u64),
    /// Columns that it is drawn in.
    pub columns: usize,
    /// How much of the mean of all earlier values a smoothed one keeps, from 0 to below 1.
    pub smoothing: f64,
    /// Whether values at or below 0 are left out.
    pub log: bool,
}

impl Reduction {
    /// What of these points can be seen.
    pub fn line(&self, points: &[Point]) -> Line {
        if self.smoothing == 0.0 {
            let (drawn, left_out) = self.reduce(points.iter().copied());
            return Line { drawn, raw: vec![], left_out };
        }
        let (drawn, left_out) = self.reduce(smoothed(points, self.smoothing));
        Line { drawn, raw: self.reduce(points.iter().copied()).0, left_out }
    }

    /// The column of a step of the window.
    pub fn column(&self, step: u64) -> usize {
        let (from, to) = self.window;
        let share = step.saturating_sub(from) as f64 / to.saturating_sub(from).max(1) as f64;
        ((share * self.columns as f64) as usize).min(self.columns.saturating_sub(1))
    }

    /// The first step behind a column.
    fn end(&self, column: usize) -> u64 {
        let (from, to) = self.window;
        if column + 1 >= self.columns {
            return to.saturating_add(1);
        }
        let share = (column + 1) as f64 / self.columns as f64;
        from.saturating_add((share * to.saturating_sub(from).max(1) as f64).ceil() as u64)
    }

    fn reduce(&self, points: impl Iterator<Item = Point>) -> (Vec<Point>, usize) {
        let (from, to) = self.window;
        let mut kept = Vec::with_capacity(2 * self.columns + 2);
        let (mut before, mut left_out) = (None, 0);
        // Least and greatest of a column, and the step at which the next one begins: a division for each column, not for
        // each point.
        let mut column: Option<(Point, Point)> = None;
        let mut next = 0;
        for point in points {
            if self.log && point.value <= 0.0 {
                left_out += usize::from((from..=to).contains(&point.step));
            } else if point.step < from {
                before = Some(point);
            } else if point.step > to {
                flush(&mut kept, column.take());
                kept.push(point);
                break;
            } else if let Some((low, high)) = column.as_mut().filter(|_| point.step < next) {
                if point.value < low.value {
                    *low = point;
                }
                if point.value > high.value {
                    *high = point;
                }
            } else {
                flush(&mut kept, column.replace((point, point)));
                next = self.end(self.column(point.step)).max(point.step + 1);
            }
        }
        flush(&mut kept, column);
        if let Some(before) = before {
            kept.insert(0, before);
        }
        self.cut(&mut kept);
        (kept, left_out)
    }

    /// Lines to neighbours outside end at the window's edge.
    fn cut(&self, kept: &mut [Point]) {
        let (from, to) = self.window;
        if let [outside, inside, ..] = kept
            && outside.step < from
        {
            *outside = between(*outside, *inside, from);
        }
        if let [.., inside, outside] = kept
            && outside.step > to
        {
            *outside = between(*inside, *outside, to);
        }
    }
}

fn flush(kept: &mut Vec<Point>, column: Option<(Point, Point)>) {
    if let Some((low, high)) = column {
        let (first, last) = if low.step <= high.step { (low, high) } else { (high, low) };
        kept.push(first);
        if last.step != first.step {
            kept.push(last);
        }
    }
}

fn between(one: Point, other: Point, step: u64) -> Point {
    let share = (step - one.step) as f64 / (other.step - one.step) as f64;
    Point { step, value: one.value + share * (other.value - one.value) }
}

/// A part of 1 that is lost in rounding.
const NEGLIGIBLE: f64 = 1e-17;

/// Exponential means, divided by the weight that the values seen so far have, as TensorBoard and Adam do: without that the
/// first ones would lean towards 0.
pub fn smoothed(points: &[Point], smoothing: f64) -> impl Iterator<Item = Point> {
    let (mut mean, mut missing) = (0.0, 1.0);
    points.iter().map(move |point| {
        mean = smoothing * mean + (1.0 - smoothing) * point.value;
        // Once it no longer counts it is left alone: numbers near the least there is cost a hundred times as much.
        if missing > NEGLIGIBLE {
            missing *= smoothing;
            Point { step: point.step, value: mean / (1.0 - missing) }
        } else {
            Point { step: point.step, value: mean }
        }
    })
}

/// The value at the last step up to `step`.
pub fn value_at(points: &[Point], step: u64) -> Option<Point> {
    points[..points.partition_point(|point| point.step <= step)].last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: impl IntoIterator<Item = f64>) -> Vec<Point> {
        (1..).zip(values).map(|(step, value)| Point { step, value }).collect()
    }

    const ALL: Reduction = Reduction { window: (1, 100_000), columns: 50, smoothing: 0.0, log: false };

    #[test]
    fn a_column_keeps_its_extremes() {
        let mut spiky = points((0..100_000).map(|at| f64::from(at % 7)));
        spiky[54_321].value = 99.0;
        spiky[54_322].value = -99.0;
        let line = ALL.line(&spiky);
        assert!(line.drawn.len() <= 100, "{}", line.drawn.len());
        assert!(line.drawn.is_sorted_by(|one, other| one.step < other.step));
        let extremes: Vec<Point> = line.drawn.iter().filter(|point| point.value.abs() > 50.0).copied().collect();
        assert_eq!(extremes, [spiky[54_321], spiky[54_322]]);
    }

    #[test]
    fn lines_enter_and_leave_a_window_where_they_do() {
        let sparse = [(10, 0.0), (20, 1.0), (30, 0.0)].map(|(step, value)| Point { step, value });
        let of = |window| {
            let line = Reduction { window, ..ALL }.line(&sparse);
            line.drawn.iter().map(|point| (point.step, point.value)).collect::<Vec<_>>()
        };
        assert_eq!(of((15, 25)), [(15, 0.5), (20, 1.0), (25, 0.5)]);
        assert_eq!(of((12, 14)), [(12, 0.2), (14, 0.4)]);
        assert_eq!(of((10, 30)), [(10, 0.0), (20, 1.0), (30, 0.0)]);
    }

    #[test]
    fn a_logarithmic_axis_leaves_out_what_it_cannot_show_and_counts_it() {
        let line = Reduction { log: true, ..ALL }.line(&points([1.0, 0.0, -1.0, 2.0]));
        assert_eq!((line.drawn.len(), line.left_out), (2, 2));
        assert_eq!(ALL.line(&points([1.0, 0.0, -1.0, 2.0])).left_out, 0);
        let window = Reduction { log: true, window: (3, 4), ..ALL }.line(&points([1.0, 0.0, -1.0, 2.0]));
        assert_eq!(window.left_out, 1);
    }

    #[test]
    fn smoothing_has_no_bias_towards_zero() {
        let constant: Vec<f64> = smoothed(&points([3.0; 5]), 0.9).map(|point| point.value).collect();
        assert!(constant.iter().all(|value| (value - 3.0).abs() < 1e-12), "{constant:?}");
        // By hand: (0.5·0.5·1 + 0.5·3) / (1 − 0.25).
        let two: Vec<f64> = smoothed(&points([1.0, 3.0]), 0.5).map(|point| point.value).collect();
        assert_eq!(two, [1.0, 1.75 / 0.75]);
    }

    #[test]
    fn the_value_at_a_step_is_the_last_one_told() {
        let told = points([1.0, 2.0]);
        assert_eq!(
            [0, 1, 2, 9].map(|step| value_at(&told, step).map(|point| point.value)),
            [None, Some(1.0), Some(2.0), Some(2.0)]
        );
    }
}
