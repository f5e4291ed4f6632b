//! A report for a terminal.

use comfy_table::{CellAlignment, Table, presets};
use thousands::Separable;

use crate::device::DevicePeaks;
use crate::device_text;
use crate::growth::Growth;
use crate::kernel::Beside;
use crate::machine::Machine;
use crate::measured::{Measured, Report};
use crate::peaks::Peaks;
use crate::spread::Spread;

pub(crate) const NOTHING: &str = "—";

/// Heads a column of spreads.
pub(crate) const SPREAD: &str = "10th to 90th";

/// Machine, peaks, cases, kernels on a device, growth.
pub fn text(report: &Report) -> String {
    let limits = report.device.as_ref().map_or_else(|| peaks(&report.peaks), device_text::peaks);
    let mut blocks = vec![head(&report.machine), limits];
    if !report.cases.is_empty() {
        blocks.push(cases(report));
        blocks.push(
            "Times are medians, with the 10th and 90th percentile of rounds; GFLOP/s count the model's own operations."
                .to_owned(),
        );
    }
    match &report.device {
        Some(device) if !report.steps.is_empty() => blocks.extend(on_device(report, device)),
        Some(_) | None => {}
    }
    blocks.extend(report.beside.as_ref().and_then(|other| beside(report, other)));
    blocks.extend(report.growth.iter().map(along));
    blocks.join("\n\n") + "\n"
}

/// Steps in pieces and their kernels.
fn on_device(report: &Report, device: &DevicePeaks) -> Vec<String> {
    let mut blocks = vec![device_text::steps(report, device)];
    let timed = report.steps.iter().filter(|step| step.kernels.is_some());
    blocks.extend(timed.map(|step| device_text::kernels(step, &report.kernels, device)));
    blocks.extend((blocks.len() > 1).then(|| device_text::ABOUT_KERNELS.to_owned()));
    blocks
}

/// The same cases on another engine, but for those that stand beside their steps.
fn beside(report: &Report, beside: &Beside) -> Option<String> {
    let mut table = plain(&["beside it", "ms", SPREAD, "rows/s"]);
    let apart = |case: &&Measured| report.steps.iter().all(|step| step.case != case.case);
    let cases: Vec<&Measured> = beside.cases.iter().filter(apart).collect();
    if cases.is_empty() {
        return None;
    }
    for case in cases {
        let in_ms = case.seconds.map(|seconds| seconds * 1e3);
        let rows = (case.rows_per_second().round() as u64).separate_with_commas();
        table.add_row([case.case.clone(), ms(in_ms.median), spread(in_ms, ms), rows]);
    }
    Some(format!("{}\n\n{}", beside.numerics, aligned(table)))
}

fn head(machine: &Machine) -> String {
    let cpu = machine.cpu.as_deref().unwrap_or("unknown processor");
    let (cores, threads) = (count(machine.cores, "core"), count(machine.threads, "thread"));
    format!("{cpu}, {cores}; {threads}; {}", machine.numerics)
}

fn peaks(peaks: &Peaks) -> String {
    let mut table = plain(&["peak", "threads", "GFLOP/s", SPREAD]);
    for peak in &peaks.gemm {
        let (rows, depth, columns) = peak.shape;
        let name = format!("matrix product {rows} × {depth} × {columns}");
        table.add_row([name, peak.threads.to_string(), rate(peak.gflops.median), spread(peak.gflops, rate)]);
    }
    for peak in &peaks.fma {
        let name = format!("multiply-add, {}", peak.instructions);
        table.add_row([name, peak.threads.to_string(), rate(peak.gflops.median), spread(peak.gflops, rate)]);
    }
    aligned(table)
}

fn cases(report: &Report) -> String {
    let memory = if report.device.is_some() { "host memory" } else { "memory" };
    let mut table = plain(&["case", "ms", SPREAD, "rows/s", "GFLOP/s", "of peak", "parameters", "FLOPs/row", memory]);
    for case in &report.cases {
        table.add_row(line(report, case));
    }
    aligned(table)
}

fn line(report: &Report, case: &Measured) -> [String; 9] {
    let or_nothing = |value: Option<String>| value.unwrap_or_else(|| NOTHING.to_owned());
    let in_ms = case.seconds.map(|seconds| seconds * 1e3);
    [
        case.case.clone(),
        ms(in_ms.median),
        spread(in_ms, ms),
        (case.rows_per_second().round() as u64).separate_with_commas(),
        or_nothing(case.gflops().map(rate)),
        or_nothing(report.share(case).map(|share| format!("{:.0} %", share * 100.0))),
        or_nothing(case.size.map(|size| (size.dense_parameters + size.table_parameters).separate_with_commas())),
        or_nothing(case.size.map(|size| size.flops_per_row.separate_with_commas())),
        or_nothing(case.memory.map(|bytes| format!("{} MiB", bytes >> 20))),
    ]
}

fn along(growth: &Growth) -> String {
    let mut table = plain(&[growth.axis.name(), "ms", SPREAD, "MFLOP"]);
    for point in &growth.points {
        let in_ms = point.seconds.map(|seconds| seconds * 1e3);
        let flops = (point.flops / 1_000_000).separate_with_commas();
        table.add_row([point.count.separate_with_commas(), ms(in_ms.median), spread(in_ms, ms), flops]);
    }
    let exponent = |slope: Option<f64>| slope.map_or_else(|| NOTHING.to_owned(), |slope| format!("{slope:.2}"));
    let (time, flops) = (exponent(growth.slope), exponent(growth.flops_slope));
    format!("{}\ntime grows as {}^{time}, FLOPs as {}^{flops}", aligned(table), growth.axis.name(), growth.axis.name())
}

pub(crate) fn plain(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// Numbers to the right; the first column is names.
pub(crate) fn aligned(mut table: Table) -> String {
    table.column_iter_mut().skip(1).for_each(|column| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    table.to_string()
}

pub(crate) fn spread(of: Spread, shown: impl Fn(f64) -> String) -> String {
    format!("{} to {}", shown(of.p10), shown(of.p90))
}

pub(crate) fn ms(ms: f64) -> String {
    if ms < 1.0 { format!("{ms:.3}") } else { format!("{ms:.2}") }
}

pub(crate) fn rate(gflops: f64) -> String {
    format!("{gflops:.1}")
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
