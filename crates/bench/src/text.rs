//! A report for a terminal.

use comfy_table::{CellAlignment, Table, presets};
use thousands::Separable;

use crate::growth::Growth;
use crate::machine::Machine;
use crate::measured::{DevicePeaks, Kernel, Measured, Report};
use crate::peaks::Peaks;
use crate::spread::Spread;

const NOTHING: &str = "—";

/// Machine, peaks, cases, growth.
pub fn text(report: &Report) -> String {
    let limits = report.device.map_or_else(|| peaks(&report.peaks), device_peaks);
    let mut blocks = vec![head(&report.machine), limits];
    if !report.cases.is_empty() {
        blocks.push(cases(report));
        blocks
            .push("Times are medians with quartiles over rounds; GFLOP/s count the model's own operations.".to_owned());
    }
    if !report.kernels.is_empty() {
        blocks.push(kernels(&report.kernels));
        blocks.push(
            "Times of a step's launches are medians, with the 10th and 90th percentile of rounds, each kernel launched again \
             and again;\nthe bar is the share of what the device could do with as many operations and bytes."
                .to_owned(),
        );
    }
    blocks.extend(report.growth.iter().map(along));
    blocks.join("\n\n") + "\n"
}

fn head(machine: &Machine) -> String {
    let cpu = machine.cpu.as_deref().unwrap_or("unknown processor");
    let (cores, threads) = (count(machine.cores, "core"), count(machine.threads, "thread"));
    format!("{cpu}, {cores}; {threads}; {}", machine.numerics)
}

fn peaks(peaks: &Peaks) -> String {
    let mut table = plain(&["peak", "threads", "GFLOP/s", "quartiles"]);
    for peak in &peaks.gemm {
        let (rows, depth, columns) = peak.shape;
        let name = format!("matrix product {rows} × {depth} × {columns}");
        table.add_row([name, peak.threads.to_string(), rate(peak.gflops.median), quartiles(peak.gflops, rate)]);
    }
    for peak in &peaks.fma {
        let name = format!("multiply-add, {}", peak.instructions);
        table.add_row([name, peak.threads.to_string(), rate(peak.gflops.median), quartiles(peak.gflops, rate)]);
    }
    aligned(table)
}

fn device_peaks(peaks: DevicePeaks) -> String {
    let mut table = plain(&["peak of the device", "", "quartiles"]);
    let rows = [("multiply-add, f32", "GFLOP/s", peaks.multiply_add), ("copy, read and written", "GB/s", peaks.copy)];
    for (name, unit, spread) in rows {
        table.add_row([name.to_owned(), format!("{} {unit}", rate(spread.median)), quartiles(spread, rate)]);
    }
    aligned(table)
}

fn cases(report: &Report) -> String {
    let mut table =
        plain(&["case", "ms", "quartiles", "rows/s", "GFLOP/s", "of peak", "parameters", "FLOPs/row", "memory"]);
    for case in &report.cases {
        table.add_row(line(report, case));
    }
    aligned(table)
}

/// Characters of a full bar.
const BAR: f64 = 20.0;

fn kernels(kernels: &[Kernel]) -> String {
    let mut table =
        plain(&["case", "kernel", "launches", "ms", "10th to 90th", "of step", "GFLOP/s", "GB/s", "of roofline", ""]);
    for kernel in kernels {
        let of_case = kernels.iter().filter(|other| other.case == kernel.case);
        let step: f64 = of_case.map(|other| other.seconds[1]).sum();
        let [low, median, high] = kernel.seconds.map(|seconds| seconds * 1e3);
        table.add_row([
            kernel.case.clone(),
            kernel.kernel.clone(),
            kernel.launches.to_string(),
            ms(median),
            format!("{} to {}", ms(low), ms(high)),
            format!("{:.0} %", kernel.seconds[1] / step * 100.0),
            rate(kernel.gflops),
            rate(kernel.gigabytes),
            format!("{:.0} %", kernel.share * 100.0),
            "█".repeat((kernel.share.min(1.0) * BAR).round() as usize),
        ]);
    }
    table.column_iter_mut().enumerate().skip(2).take(7).for_each(|(_, column)| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    table.to_string()
}

fn line(report: &Report, case: &Measured) -> [String; 9] {
    let or_nothing = |value: Option<String>| value.unwrap_or_else(|| NOTHING.to_owned());
    let in_ms = case.seconds.map(|seconds| seconds * 1e3);
    [
        case.case.clone(),
        ms(in_ms.median),
        quartiles(in_ms, ms),
        (case.rows_per_second().round() as u64).separate_with_commas(),
        or_nothing(case.gflops().map(rate)),
        or_nothing(report.share(case).map(|share| format!("{:.0} %", share * 100.0))),
        or_nothing(case.size.map(|size| (size.dense_parameters + size.table_parameters).separate_with_commas())),
        or_nothing(case.size.map(|size| size.flops_per_row.separate_with_commas())),
        or_nothing(case.memory.map(|bytes| format!("{} MiB", bytes >> 20))),
    ]
}

fn along(growth: &Growth) -> String {
    let mut table = plain(&[growth.axis.name(), "ms", "quartiles", "MFLOP"]);
    for point in &growth.points {
        let in_ms = point.seconds.map(|seconds| seconds * 1e3);
        let flops = (point.flops / 1_000_000).separate_with_commas();
        table.add_row([point.count.separate_with_commas(), ms(in_ms.median), quartiles(in_ms, ms), flops]);
    }
    let exponent = |slope: Option<f64>| slope.map_or_else(|| NOTHING.to_owned(), |slope| format!("{slope:.2}"));
    let (time, flops) = (exponent(growth.slope), exponent(growth.flops_slope));
    format!("{}\ntime grows as {}^{time}, FLOPs as {}^{flops}", aligned(table), growth.axis.name(), growth.axis.name())
}

fn plain(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// Numbers to the right; the first column is names.
fn aligned(mut table: Table) -> String {
    table.column_iter_mut().skip(1).for_each(|column| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    table.to_string()
}

fn quartiles(spread: Spread, shown: impl Fn(f64) -> String) -> String {
    format!("{} to {}", shown(spread.q1), shown(spread.q3))
}

fn ms(ms: f64) -> String {
    if ms < 1.0 { format!("{ms:.3}") } else { format!("{ms:.2}") }
}

fn rate(gflops: f64) -> String {
    format!("{gflops:.1}")
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
