//! What the figures were made on.

use serde::Serialize;

/// A machine, as far as figures depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Name of the processor, if the system tells.
    pub cpu: Option<String>,
    /// Cores that this process may use.
    pub cores: usize,
    /// Threads of every case.
    pub threads: usize,
    /// The engine's numerics class.
    pub numerics: String,
}

impl Machine {
    /// This one.
    pub fn here(threads: usize, numerics: String) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { cpu: processor(), cores, threads, numerics }
    }
}

fn processor() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
