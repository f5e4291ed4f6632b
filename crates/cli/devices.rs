//! `mmtl devices`: what can execute plans here, and what is missing for the rest.

use comfy_table::{Table, presets};
use mmtl_cpu::CpuEngine;
use mmtl_plan::Engine;
use unit_prefix::NumberPrefix;

use crate::failure::Failure;
use crate::say::say;

/// Prints all devices.
pub fn devices() -> Result<(), Failure> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = CpuEngine::new(1).map_err(Failure::failed)?;
    let (found, missing) = mmtl_kernels::devices();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["--engine", "device", "memory", "driver", "plane", "matrix units"]);
    let cores = format!("this processor, {threads} threads ({})", cpu.numerics());
    table.add_row(["cpu", &cores, "", "", "", ""]);
    for device in &found {
        let memory = device.memory.map_or("not told".to_owned(), bytes);
        let about = if device.software { format!("{} (software)", device.about) } else { device.about.clone() };
        let units = if device.matrix_units.is_empty() { "none".to_owned() } else { device.matrix_units.join(", ") };
        table.add_row([&device.name, &about, &memory, &device.driver, &device.plane.to_string(), &units]);
    }
    say(table)?;
    for missing in &missing {
        say(format_args!("\n{missing}"))?;
    }
    Ok(())
}

fn bytes(bytes: u64) -> String {
    match NumberPrefix::binary(bytes as f64) {
        NumberPrefix::Standalone(bytes) => format!("{bytes} B"),
        NumberPrefix::Prefixed(prefix, number) => format!("{number:.1} {prefix}B"),
    }
}
