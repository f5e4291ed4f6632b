//! What a grid will cost: as tables for a terminal, and for other programs.

use comfy_table::{CellAlignment, Table, presets};
use mmtl_grid::{ConfigurationCost, Forecast, Row, TrialCost, TuningCost};
use mmtl_plan::Footprint;
use serde::Serialize;
use thousands::Separable;
use unit_prefix::NumberPrefix;

use crate::words::{count, one_line};

/// Raised when a field of the JSON changes its meaning or goes; a new field leaves it.
const VERSION: u32 = 1;

const NOTES: &str = "\
FLOPs count matrix products, gates and mixes, of all epochs and of one prediction at the end: patience may end a run
earlier, and scores chosen by task or scene predict once more for each that differs.
Snapshots are the best weights, and a checkpoint while it is written. Rows are lists of them, labels and predictions.
The program itself, and what reading and writing files takes for a moment, is not counted.";

/// Writes a forecast for a terminal: operations, then memory, a configuration a line.
#[must_use]
pub fn forecast_text(forecast: &Forecast) -> String {
    let mut parts = vec![head(forecast)];
    parts.extend(forecast.tuning.as_ref().map(tuning));
    parts.extend([work(forecast), memory(forecast), together(forecast)]);
    let not_run = |(row, reason): &(Row, String)| one_line(&format!("{row} is not run: {reason}"));
    if !forecast.not_applicable.is_empty() {
        parts.push(forecast.not_applicable.iter().map(not_run).collect::<Vec<_>>().join("\n"));
    }
    parts.push(NOTES.to_owned());
    parts.join("\n\n") + "\n"
}

/// Writes a forecast as JSON: bytes, floating-point operations and counts, unrounded.
#[must_use]
pub fn forecast_json(forecast: &Forecast) -> String {
    let document = Document {
        version: VERSION,
        experiment: &forecast.experiment,
        jobs: forecast.jobs,
        threads: forecast.threads,
        runs: runs(forecast),
        tuning: forecast.tuning.as_ref().map(Tuning::of),
        flops: forecast.flops,
        memory: forecast.memory,
        mapped: forecast.mapped,
        configurations: forecast.configurations.iter().map(Configuration::of).collect(),
        not_applicable: forecast.not_applicable.iter().map(NotApplicable::of).collect(),
    };
    serde_json::to_string_pretty(&document).expect("strings, numbers and lists of them can be written") + "\n"
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    experiment: &'a str,
    jobs: usize,
    threads: usize,
    runs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tuning: Option<Tuning>,
    flops: u128,
    memory: Option<u64>,
    mapped: u64,
    configurations: Vec<Configuration<'a>>,
    not_applicable: Vec<NotApplicable<'a>>,
}

/// Runs of each round, and the settings that each row may try.
#[derive(Serialize)]
struct Tuning {
    runs: usize,
    fresh: usize,
    settings: usize,
}

impl Tuning {
    fn of(TuningCost { runs, fresh, settings, .. }: &TuningCost) -> Self {
        Self { runs: *runs, fresh: *fresh, settings: *settings }
    }
}

#[derive(Serialize)]
struct Configuration<'a> {
    label: String,
    architecture: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tuning: bool,
    runs: usize,
    dense_parameters: u64,
    table_parameters: u64,
    forward_flops_per_row: u64,
    training_flops_per_row: u64,
    steps: u64,
    epoch_flops: u128,
    flops: u128,
    memory: Memory,
    mapped: u64,
}

impl<'a> Configuration<'a> {
    fn of(ConfigurationCost { row, runs, cost }: &'a ConfigurationCost) -> Self {
        Self {
            label: row.to_string(),
            architecture: &row.architecture,
            tuning: row.tuning,
            runs: *runs,
            dense_parameters: cost.dense_parameters,
            table_parameters: cost.table_parameters,
            forward_flops_per_row: cost.forward_flops_per_row,
            training_flops_per_row: cost.training_flops_per_row,
            steps: cost.steps,
            epoch_flops: cost.epoch_flops,
            flops: cost.flops,
            memory: Memory::of(cost),
            mapped: cost.mapped,
        }
    }
}

#[derive(Serialize)]
struct NotApplicable<'a> {
    label: String,
    reason: &'a str,
}

impl<'a> NotApplicable<'a> {
    fn of((row, reason): &'a (Row, String)) -> Self {
        Self { label: row.to_string(), reason }
    }
}

/// A run's bytes by part.
#[derive(Serialize)]
struct Memory {
    parameters: Option<u64>,
    gradients: Option<u64>,
    activations: Option<u64>,
    optimiser: Option<u64>,
    snapshots: u64,
    batches: u64,
    rows: u64,
    total: Option<u64>,
}

impl Memory {
    fn of(cost: &TrialCost) -> Self {
        let part = |of: fn(Footprint) -> u64| cost.session.map(of);
        Self {
            parameters: part(|session| session.parameters),
            gradients: part(|session| session.gradients),
            activations: part(|session| session.activations),
            optimiser: part(|session| session.optimiser),
            snapshots: cost.snapshots,
            batches: cost.batches,
            rows: cost.rows,
            total: cost.memory(),
        }
    }
}

fn runs(forecast: &Forecast) -> u64 {
    forecast.configurations.iter().map(|configuration| configuration.runs as u64).sum()
}

fn head(forecast: &Forecast) -> String {
    let (runs, configurations) = (count(runs(forecast), "run"), forecast.configurations.len() as u64);
    let (jobs, threads) = (forecast.jobs, count(forecast.threads as u64, "thread"));
    one_line(&format!(
        "{}: {runs} of {}; {jobs} at once, {threads} each",
        forecast.experiment,
        count(configurations, "configuration")
    ))
}

fn tuning(TuningCost { runs, fresh, settings, fewer }: &TuningCost) -> String {
    let (runs, fresh, settings) =
        (count(*runs as u64, "run"), count(*fresh as u64, "run"), count(*settings as u64, "setting"));
    let fewer: Vec<String> = fewer.iter().map(|(row, has)| one_line(&format!("{row} has {has}"))).collect();
    let fewer = if fewer.is_empty() { String::new() } else { format!(" ({})", fewer.join(", ")) };
    format!(
        "First {runs} for tuning: {settings} a row{fewer}, scored on validation rows alone.\n\
         Then {fresh} of what was chosen, counted here as those of the costliest settings."
    )
}

fn work(forecast: &Forecast) -> String {
    let mut table =
        plain(&["configuration", "runs", "parameters", "FLOPs/row", "with backward", "steps", "an epoch", "a run"]);
    for ConfigurationCost { row, runs, cost } in &forecast.configurations {
        table.add_row([
            one_line(&row.to_string()),
            runs.separate_with_commas(),
            (cost.dense_parameters + cost.table_parameters).separate_with_commas(),
            cost.forward_flops_per_row.separate_with_commas(),
            cost.training_flops_per_row.separate_with_commas(),
            cost.steps.separate_with_commas(),
            flops(cost.epoch_flops),
            flops(cost.flops),
        ]);
    }
    let nothing = String::new;
    let all = [runs(forecast).separate_with_commas(), nothing(), nothing(), nothing(), nothing(), nothing()];
    table.add_row(["all runs".to_owned()].into_iter().chain(all).chain([flops(forecast.flops)]));
    format!("Operations\n{}", aligned(table))
}

fn memory(forecast: &Forecast) -> String {
    let mut table = plain(&[
        "configuration",
        "parameters",
        "gradients",
        "activations",
        "optimiser",
        "snapshots",
        "batches",
        "rows",
        "a run",
        "mapped data",
    ]);
    for ConfigurationCost { row, cost, .. } in &forecast.configurations {
        let memory = Memory::of(cost);
        let own = [memory.parameters, memory.gradients, memory.activations, memory.optimiser];
        let around = [Some(memory.snapshots), Some(memory.batches), Some(memory.rows), memory.total, Some(cost.mapped)];
        let parts = own.into_iter().chain(around).map(bytes);
        table.add_row([one_line(&row.to_string())].into_iter().chain(parts));
    }
    format!("Memory of a run at its peak\n{}", aligned(table))
}

fn together(forecast: &Forecast) -> String {
    let jobs = runs(forecast).min(forecast.jobs as u64);
    let own = match forecast.memory {
        Some(memory) => format!("at most {}", bytes(Some(memory))),
        None => "this engine cannot tell its memory".to_owned(),
    };
    let shared = match forecast.mapped {
        0 => String::new(),
        mapped => format!("; and up to {} of mapped data, which runs share", bytes(Some(mapped))),
    };
    format!("{} at once: {own}{shared}", count(jobs, "run"))
}

fn plain(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty().set_header(header);
    table
}

/// Numbers to the right; the first column is names.
fn aligned(mut table: Table) -> String {
    table.column_iter_mut().skip(1).for_each(|column| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    table.trim_fmt()
}

fn bytes(bytes: Option<u64>) -> String {
    match bytes.map(|bytes| NumberPrefix::binary(bytes as f64)) {
        None => "—".to_owned(),
        Some(NumberPrefix::Standalone(bytes)) => format!("{bytes:.0} B"),
        Some(NumberPrefix::Prefixed(prefix, bytes)) => format!("{bytes:.1} {prefix}B"),
    }
}

fn flops(flops: u128) -> String {
    match NumberPrefix::decimal(flops as f64) {
        NumberPrefix::Standalone(flops) => format!("{flops:.0} FLOP"),
        NumberPrefix::Prefixed(prefix, flops) => format!("{flops:.1} {prefix}FLOP"),
    }
}

#[cfg(test)]
mod tests {
    use mmtl_plan::Value;

    use super::*;

    #[test]
    fn sizes_have_one_decimal_and_a_prefix() {
        let of_bytes = [0, 1023, 1024, 1536, 5 << 30].map(|size| bytes(Some(size)));
        assert_eq!(of_bytes, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 GiB"]);
        assert_eq!(bytes(None), "—");
        assert_eq!([0, 999, 1000, 19_300_000_000].map(flops), ["0 FLOP", "999 FLOP", "1.0 kFLOP", "19.3 GFLOP"]);
    }

    fn cost(session: Option<Footprint>) -> TrialCost {
        TrialCost {
            dense_parameters: 1000,
            table_parameters: 234,
            forward_flops_per_row: 2000,
            training_flops_per_row: 6000,
            steps: 40,
            epoch_flops: 6_000_000,
            flops: 15_000_000,
            session,
            snapshots: 2048,
            batches: 1024,
            rows: 512,
            mapped: 0,
        }
    }

    fn forecast(session: Option<Footprint>) -> Forecast {
        let row = |values: Vec<(String, Value)>| Row {
            architecture: "mmoe".into(),
            values,
            ablation: None,
            baseline: false,
            tuning: false,
        };
        let configuration = ConfigurationCost { row: row(vec![]), runs: 3, cost: cost(session) };
        Forecast {
            experiment: "small".into(),
            jobs: 8,
            threads: 1,
            flops: 45_000_000,
            memory: configuration.cost.memory().map(|memory| 3 * memory),
            mapped: 0,
            tuning: None,
            configurations: vec![configuration],
            not_applicable: vec![(row(vec![("protocol".into(), Value::Text("per-scene".into()))]), "why".into())],
        }
    }

    #[test]
    fn the_text_names_every_part() {
        let session = Footprint { parameters: 4096, gradients: 4096, activations: 1 << 20, optimiser: 8192 };
        let expected = "\
small: 3 runs of 1 configuration; 8 at once, 1 thread each

Operations
 configuration  runs  parameters  FLOPs/row  with backward  steps   an epoch       a run
 mmoe              3       1,234      2,000          6,000     40  6.0 MFLOP  15.0 MFLOP
 all runs          3                                                          45.0 MFLOP

Memory of a run at its peak
 configuration  parameters  gradients  activations  optimiser  snapshots  batches   rows    a run  mapped data
 mmoe              4.0 KiB    4.0 KiB      1.0 MiB    8.0 KiB    2.0 KiB  1.0 KiB  512 B  1.0 MiB          0 B

3 runs at once: at most 3.1 MiB

mmoe per-scene is not run: why

";
        let text = forecast_text(&forecast(Some(session)));
        assert_eq!(text, format!("{expected}{NOTES}\n"), "{text}");
        assert!(forecast_text(&forecast(None)).contains("3 runs at once: this engine cannot tell its memory"));
    }

    #[test]
    fn json_has_null_where_the_engine_cannot_tell() {
        let of = |session| serde_json::from_str::<serde_json::Value>(&forecast_json(&forecast(session))).unwrap();
        let told = of(Some(Footprint { parameters: 4096, gradients: 0, activations: 0, optimiser: 0 }));
        assert_eq!(told["configurations"][0]["memory"]["total"], 4096 + 3584);
        assert_eq!((&told["runs"], &told["flops"]), (&3.into(), &45_000_000.into()));
        assert_eq!(told["not_applicable"][0]["label"], "mmoe per-scene");
        let unknown = of(None);
        assert!(unknown["memory"].is_null() && unknown["configurations"][0]["memory"]["total"].is_null());
    }
}
