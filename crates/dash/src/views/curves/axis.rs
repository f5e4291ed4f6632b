//! Axes: from values to places, and the numbers beside them.

/// An axis from its least to its greatest value, linear or logarithmic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    /// An axis that has room for these values; on a logarithmic one they are above 0.
    pub fn around(values: impl Iterator<Item = f64>, log: bool) -> Self {
        let scaled = values.map(|value| if log { value.log10() } else { value }).filter(|value| value.is_finite());
        let (low, high) =
            scaled.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Self { low: 0.0, high: 1.0, log };
        }
        // One value, or values that differ in their last digits only, lie in the middle.
        let spread = high - low;
        let margin = if spread > 1e-9 * low.abs().max(high.abs()) { 0.05 * spread } else { 0.05 * low.abs().max(1e-3) };
        Self { low: low - margin, high: high + margin, log }
    }

    /// An axis of steps.
    pub fn of_steps((from, to): (u64, u64)) -> Self {
        Self { low: from as f64, high: (to as f64).max(from as f64 + 1.0), log: false }
    }

    /// Where a value lies, from 0 to 1; what is outside lies outside.
    pub fn place(&self, value: f64) -> f64 {
        let scaled = if self.log { value.log10() } else { value };
        (scaled - self.low) / (self.high - self.low)
    }

    /// At most `most` round values on it with how they are written, ascending.
    pub fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        if most == 0 {
            return vec![];
        }
        if self.log { self.log_ticks(most) } else { linear_ticks(self.low, self.high, most) }
    }

    fn log_ticks(&self, most: usize) -> Vec<(f64, String)> {
        let decades = self.low.floor() as i32..=self.high.ceil() as i32;
        let within = |value: &f64| (0.0..=1.0).contains(&self.place(*value));
        let of = |steps: &[f64]| -> Vec<f64> {
            let values = decades.clone().flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)));
            values.filter(within).collect()
        };
        let choices = [of(&[1.0, 2.0, 5.0]), of(&[1.0])];
        if let Some(values) = choices.into_iter().find(|values| (2..=most).contains(&values.len())) {
            return values.into_iter().map(|value| (value, plain(value))).collect();
        }
        let all = of(&[1.0]);
        if all.len() > most {
            let every = all.len().div_ceil(most);
            return all.into_iter().step_by(every).map(|value| (value, plain(value))).collect();
        }
        // Less than a decade: round values as on a linear axis.
        linear_ticks(10f64.powf(self.low), 10f64.powf(self.high), most)
    }
}

/// Multiples of 1, 2 or 5 times a power of ten.
fn linear_ticks(low: f64, high: f64, most: usize) -> Vec<(f64, String)> {
    let rough = (high - low) / most as f64;
    if !(rough.is_finite() && rough > 0.0) {
        return vec![];
    }
    let power = 10f64.powf(rough.log10().floor());
    let fits = |step: &f64| (high / step).floor() - (low / step).ceil() + 1.0 <= most as f64;
    let Some(step) = [1.0, 2.0, 5.0, 10.0, 20.0].map(|by| by * power).into_iter().find(fits) else { return vec![] };
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let large = low.abs().max(high.abs()) >= 1e7 || step < 1e-9;
    let written = |value: f64| {
        if large {
            return format!("{value:.2e}");
        }
        let written = format!("{value:.decimals$}");
        if written.trim_start_matches(['-', '0', '.']).is_empty() {
            written.trim_start_matches('-').to_owned()
        } else {
            written
        }
    };
    (0..=(last - first).max(0.0) as usize)
        .map(|at| (first + at as f64) * step)
        .map(|value| (value, written(value)))
        .collect()
}

fn plain(value: f64) -> String {
    if (1e-4..1e6).contains(&value) {
        let decimals = (-value.log10() - 1e-9).ceil().max(0.0) as usize;
        format!("{value:.decimals$}")
    } else {
        format!("{value:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(axis: Axis, most: usize) -> Vec<String> {
        axis.ticks(most).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_and_no_more_than_asked_for() {
        let axis = Axis { low: 0.47, high: 0.71, log: false };
        assert_eq!(written(axis, 5), ["0.50", "0.55", "0.60", "0.65", "0.70"]);
        assert_eq!(written(axis, 3), ["0.5", "0.6", "0.7"]);
        assert_eq!(written(Axis { low: -0.3, high: 0.3, log: false }, 3), ["-0.2", "0.0", "0.2"]);
        assert_eq!(written(Axis::of_steps((0, 100_000)), 6), ["0", "20000", "40000", "60000", "80000", "100000"]);
        for most in 0..20 {
            for (low, high) in [(0.0, 1.0), (-7.3, 1e9), (0.123_456, 0.123_457), (5.0, 5.1)] {
                assert!(Axis { low, high, log: false }.ticks(most).len() <= most, "{low} {high} {most}");
            }
        }
    }

    #[test]
    fn logarithmic_ticks_are_decades_or_parts_of_them() {
        let axis = |low: f64, high: f64| Axis::around([low, high].into_iter(), true);
        assert_eq!(written(axis(0.009, 110.0), 6), ["0.01", "0.1", "1", "10", "100"]);
        assert_eq!(written(axis(0.15, 2.2), 6), ["0.2", "0.5", "1", "2"]);
        assert_eq!(written(axis(0.52, 0.58), 4), ["0.52", "0.54", "0.56", "0.58"]);
        for most in 1..9 {
            assert!(axis(1e-30, 1e30).ticks(most).len() <= most);
        }
    }

    #[test]
    fn values_lie_where_they_should() {
        let linear = Axis::around([1.0, 3.0].into_iter(), false);
        assert!((linear.place(2.0) - 0.5).abs() < 1e-12 && linear.place(1.0) > 0.0 && linear.place(3.0) < 1.0);
        let log = Axis::around([0.01, 100.0].into_iter(), true);
        assert!((log.place(1.0) - 0.5).abs() < 1e-12);
        let one = Axis::around([7.0].into_iter(), false);
        assert!((one.place(7.0) - 0.5).abs() < 1e-12);
        let none = Axis::around([f64::NAN].into_iter(), false);
        assert_eq!(none.place(0.5), 0.5);
    }
}
