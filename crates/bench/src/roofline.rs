//! A case's kernels under the device's roof, drawn in characters: GFLOP/s over operations a byte, both by decades.
//!
//! ```text
//!  10,000 ┤                     ────────── 8,000 GFLOP/s
//!         │                 ╱╱╱╱      A
//!   1,000 ┤            ╱╱╱╱
//!         │B      ╱╱╱╱
//! ```

use thousands::Separable;

use crate::device::DevicePeaks;
use crate::kernel::Kernel;

/// Characters across.
const WIDTH: usize = 64;

/// Lines.
const HEIGHT: usize = 16;

/// Operations a byte where a drawing begins, unless a kernel has fewer.
const LEFT: f64 = 0.1;

/// Share of the peak below which kernels stand at the bottom, however much lower they are.
const LOWEST: f64 = 1e-5;

/// A letter for each kernel, in their order; `·` for those that the alphabet has no letter for.
pub fn letter(number: usize) -> char {
    ('A'..='Z').chain('a'..='z').nth(number).unwrap_or('·')
}

/// A logarithmic axis.
#[derive(Clone, Copy)]
struct Axis {
    /// Decade at which it begins.
    first: i32,
    /// Decade at which it ends.
    last: i32,
    /// Characters from one end to the other.
    cells: usize,
}

impl Axis {
    /// From below the least value to above the greatest.
    fn over(least: f64, greatest: f64, cells: usize) -> Self {
        let first = least.log10().floor() as i32;
        let last = (greatest.log10().ceil() as i32).max(first + 1);
        Self { first, last, cells }
    }

    /// The cell of a value, or the nearest.
    fn cell(&self, value: f64) -> usize {
        let along = (value.log10() - f64::from(self.first)) / f64::from(self.last - self.first);
        (along * (self.cells - 1) as f64).round().clamp(0.0, (self.cells - 1) as f64) as usize
    }

    /// The value of a cell.
    fn value(&self, cell: usize) -> f64 {
        let along = cell as f64 / (self.cells - 1) as f64;
        10f64.powf(f64::from(self.first) + along * f64::from(self.last - self.first))
    }

    /// Its decades.
    fn decades(&self) -> impl Iterator<Item = f64> + use<> {
        (self.first..=self.last).map(|decade| 10f64.powi(decade))
    }
}

/// The roof and a letter for each kernel. Those that multiply nothing have no intensity: they stand at the left edge, as
/// high as their bytes would be there.
pub fn roofline(kernels: &[&Kernel], peaks: &DevicePeaks) -> String {
    let (peak, copy) = (peaks.in_use(), peaks.copy.median);
    let intensities = || kernels.iter().filter_map(|kernel| kernel.under_roof.intensity);
    let across = Axis::over(intensities().fold(LEFT, f64::min), intensities().fold(peak / copy, f64::max) * 2.0, WIDTH);
    let edge = across.value(0);
    let place = |kernel: &Kernel| match kernel.under_roof.intensity {
        Some(intensity) => (intensity, kernel.under_roof.gflops),
        None => (edge, kernel.under_roof.gigabytes * edge),
    };
    let heights = || kernels.iter().map(|kernel| place(kernel).1.max(peak * LOWEST));
    let up = Axis::over(heights().fold(copy * edge, f64::min), heights().fold(peak, f64::max), HEIGHT);
    let mut cells = vec![vec![' '; WIDTH]; HEIGHT];
    for column in 0..WIDTH {
        let slope = copy * across.value(column);
        cells[up.cell(slope.min(peak))][column] = if slope < peak { '╱' } else { '─' };
    }
    for (number, kernel) in kernels.iter().enumerate() {
        let (intensity, height) = place(kernel);
        let row = &mut cells[up.cell(height.max(f64::MIN_POSITIVE))];
        // Letters that would lie upon one another stand side by side.
        let free = (across.cell(intensity)..WIDTH).find(|&column| [' ', '╱', '─'].contains(&row[column]));
        row[free.unwrap_or(WIDTH - 1)] = letter(number);
    }
    let labels: Vec<(usize, f64)> = up.decades().map(|decade| (up.cell(decade), decade)).collect();
    let mut lines = vec!["GFLOP/s".to_owned()];
    for (row, cells) in cells.iter().enumerate().rev() {
        let label = labels.iter().find(|(cell, _)| *cell == row).map_or(String::new(), |(_, decade)| decimal(*decade));
        let tick = if label.is_empty() { '│' } else { '┤' };
        lines.push(format!("{label:>11} {tick}{}", cells.iter().collect::<String>()).trim_end().to_owned());
    }
    lines.push(format!("{:>11} └{}", "", "─".repeat(WIDTH)));
    lines.push(scale(&across));
    lines.push(format!(
        "{:13}operations a byte; ╱ {} GB/s, ─ {} GFLOP/s; at the left edge: kernels without products",
        "",
        (copy.round() as u64).separate_with_commas(),
        (peak.round() as u64).separate_with_commas(),
    ));
    lines.join("\n")
}

/// Decades under their cells, as many as there is room for.
fn scale(across: &Axis) -> String {
    let mut line = String::new();
    for decade in across.decades() {
        let (start, text) = (13 + across.cell(decade), decimal(decade));
        if line.is_empty() || line.chars().count() < start {
            line = format!("{line:<start$}{text}");
        }
    }
    line
}

fn decimal(value: f64) -> String {
    if value >= 1.0 { (value.round() as u64).separate_with_commas() } else { format!("{value}") }
}
