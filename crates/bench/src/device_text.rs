//! What was measured on a device, for a terminal: its peaks, steps in pieces, kernels under the roof.

use std::cmp::Reverse;

use comfy_table::CellAlignment;

use crate::device::DevicePeaks;
use crate::kernel::{Kernel, LaunchCount, Step, UnderRoof};
use crate::measured::{Measured, Report};
use crate::roofline::{letter, roofline};
use crate::text::{NOTHING, SPREAD, aligned, ms, plain, rate, spread};

/// What is said of a step.
const HEADER: [&str; 11] = [
    "step",
    "ms",
    "GB/s",
    "of roofline",
    "composed",
    "of kernels",
    "launches",
    "composed",
    "of nothing, ms",
    "other engine's ms",
    "times",
];

/// Characters of a full bar.
const BAR: f64 = 20.0;

/// What the device can do.
pub fn peaks(peaks: &DevicePeaks) -> String {
    let mut table = plain(&["peak of the device", "", SPREAD]);
    let mut rates = vec![("multiply-add, f32".to_owned(), "GFLOP/s", peaks.multiply_add)];
    rates.extend(peaks.matrix.iter().map(|unit| (format!("matrix units, {}", unit.precision), "GFLOP/s", unit.gflops)));
    rates.push(("copy, read and written".to_owned(), "GB/s", peaks.copy));
    rates.push(("launch of nothing".to_owned(), "µs", peaks.launch.map(|seconds| seconds * 1e6)));
    for (name, unit, of) in rates {
        table.add_row([name, format!("{} {unit}", rate(of.median)), spread(of, rate)]);
    }
    aligned(table)
}

/// Steps beside their kernels, their launches, the same with each op launched by itself and on another engine.
pub fn steps(report: &Report, peaks: &DevicePeaks) -> String {
    let mut table = plain(&HEADER);
    for step in &report.steps {
        let of = |cases: &[Measured]| cases.iter().find(|case| case.case == step.case).map(|case| case.seconds.median);
        let (whole, other) = (of(&report.cases), report.beside.as_ref().and_then(|beside| of(&beside.cases)));
        let in_ms = |seconds: Option<f64>| seconds.map_or_else(|| NOTHING.to_owned(), |seconds| ms(seconds * 1e3));
        let times =
            other.zip(whole).map_or_else(|| NOTHING.to_owned(), |(other, whole)| format!("{:.1} ×", other / whole));
        let composed = step.composed.map(|composed| composed.seconds.median);
        table.add_row([
            step.case.clone(),
            in_ms(whole),
            rate(step.under_roof.gigabytes),
            percent(step.under_roof.share),
            in_ms(composed),
            in_ms(step.kernels),
            step.launches().to_string(),
            step.composed.map_or_else(|| NOTHING.to_owned(), |composed| composed.launches.to_string()),
            ms(step.launches() as f64 * peaks.launch.median * 1e3),
            in_ms(other),
            times,
        ]);
    }
    let other =
        report.beside.as_ref().map_or(String::new(), |beside| format!("\nThe other engine is {}.", beside.numerics));
    let told = "A step's ms are of all of it, batches packed and uploaded; its kernels' are the sum of medians. GB/s are of \
        the bytes\nthat its launches read and write at least; the roofline's share is that of those and the model's own \
        operations.\nComposed: with each op launched by itself, where its last ops are launched together.";
    let launches: Vec<String> = report.steps.iter().map(launches).collect();
    format!("{}\n{told}{other}\n\n{}", aligned(table), launches.join("\n"))
}

/// Launches of a step by kernel, the most frequent first.
fn launches(step: &Step) -> String {
    let mut counts: Vec<&LaunchCount> = step.launches.iter().collect();
    counts.sort_by_key(|count| Reverse(count.launches));
    let counts: Vec<String> = counts.iter().map(|count| format!("{} × {}", count.launches, count.kernel)).collect();
    format!("{}, {} launches: {}", step.case, step.launches(), counts.join("; "))
}

/// Kernels of each step, and where they lie under the roof.
pub fn kernels(step: &Step, kernels: &[Kernel], peaks: &DevicePeaks) -> String {
    let of_step: Vec<&Kernel> = kernels.iter().filter(|kernel| kernel.case == step.case).collect();
    let all: f64 = of_step.iter().map(|kernel| kernel.seconds.median).sum();
    let mut table =
        plain(&["", "kernel", "ms", SPREAD, "of step", "GFLOP/s", "GB/s", "MB", "round", "of roofline", ""]);
    for (number, kernel) in of_step.iter().enumerate() {
        let in_ms = kernel.seconds.map(|seconds| seconds * 1e3);
        let UnderRoof { gflops, gigabytes, intensity, share } = kernel.under_roof;
        table.add_row([
            letter(number).to_string(),
            kernel.label(),
            ms(in_ms.median),
            spread(in_ms, ms),
            percent(kernel.seconds.median / all),
            if intensity.is_some() { rate(gflops) } else { NOTHING.to_owned() },
            rate(gigabytes),
            rate(kernel.bytes as f64 * 1e-6),
            format!("{}{}", kernel.sessions, if kernel.uncached { "" } else { " cached" }),
            percent(share),
            "█".repeat((share.min(1.0) * BAR).round() as usize),
        ]);
    }
    table.column_iter_mut().enumerate().skip(2).take(8).for_each(|(_, column)| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    format!("{}\n{table}\n\n{}", step.case, roofline(&of_step, peaks))
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// How to read the tables of kernels.
pub const ABOUT_KERNELS: &str = "Times of a launch are medians, with the 10th and 90th percentile of rounds, each launched \
    again and again on what a step left,\nin as many sessions in turn as the column `round` has; `cached`: not enough of \
    them for its MB to exceed a device's caches.\nThe bar is the share of what the device could do with as many operations \
    and bytes.\nRows of tables that missed no step are caught up with: in a step of many rows it takes longer.";
