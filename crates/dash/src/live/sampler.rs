//! Looks at the machine: processor, memory, GPUs, and the workers among its processes.

use std::collections::BTreeMap;
use std::time::Instant;

use mmtl_grid::events::now;
use mmtl_grid::store::Holder;
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::machine::{Gpu, MachineSample};

/// Whoever looks. Uses are means since the look before, so that the first one tells none.
#[derive(Debug)]
pub struct Sampler {
    host: String,
    processor: String,
    system: Option<System>,
    nvml: Result<Nvml, String>,
    /// When each worker was looked at last, and the milliseconds that it had used by then, of all cores together.
    used: BTreeMap<u32, (Instant, u64)>,
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampler {
    /// Finds out what there is to look at. What cannot be seen on this system is left out of samples.
    #[must_use]
    pub fn new() -> Self {
        let mut system = System::new().ok();
        if let Some(system) = &mut system {
            system.refresh_cpu_list(CpuRefreshKind::nothing().with_usage());
        }
        let brand = system.as_ref().and_then(|system| system.cpus().first()).map(|cpu| cpu.brand().trim().to_owned());
        // The library of NVIDIA's driver is loaded at run time, if there is one.
        let nvml = Nvml::init().map_err(|error| format!("no NVIDIA driver: {error}"));
        Self { host: Holder::current().host, processor: brand.unwrap_or_default(), system, nvml, used: BTreeMap::new() }
    }

    /// Looks at the machine, and of its processes at `pids` alone: reading all of them would take longer the more
    /// there are.
    pub fn sample(&mut self, pids: &[u32]) -> MachineSample {
        let (gpus, without_gpu) = self.gpus();
        let mut sample = MachineSample {
            at: now(),
            host: self.host.clone(),
            processor: self.processor.clone(),
            gpus,
            without_gpu,
            ..MachineSample::default()
        };
        if let Some(system) = &mut self.system {
            system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
            system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
            sample.cores = system.cpus().iter().map(|cpu| share(f64::from(cpu.usage())).min(1.0)).collect();
            (sample.memory_used, sample.memory) = (system.used_memory(), system.total_memory());
            sample.workers = workers(system, pids, &mut self.used);
        }
        sample
    }

    fn gpus(&self) -> (Vec<Gpu>, Option<String>) {
        let nvml = match &self.nvml {
            Ok(nvml) => nvml,
            Err(reason) => return (vec![], Some(reason.clone())),
        };
        match nvml.device_count() {
            Ok(0) => (vec![], Some("the NVIDIA driver has no device".to_owned())),
            Ok(count) => ((0..count).filter_map(|number| gpu(nvml, number)).collect(), None),
            Err(error) => (vec![], Some(format!("the NVIDIA driver does not answer: {error}"))),
        }
    }
}

/// Per cent as a share; what is no number is none of it.
fn share(percent: f64) -> f64 {
    if percent.is_finite() { (percent / 100.0).max(0.0) } else { 0.0 }
}

/// The library's own use of a process skips a look when the process was idle before; differences of what it has used
/// in all do not.
fn workers(system: &mut System, pids: &[u32], used: &mut BTreeMap<u32, (Instant, u64)>) -> Vec<(u32, f64, u64)> {
    let wanted: Vec<Pid> = pids.iter().copied().map(Pid::from_u32).collect();
    let what = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&wanted), true, what);
    used.retain(|pid, _| pids.contains(pid));
    let mut of = |pid: &u32| {
        let process = system.process(Pid::from_u32(*pid))?;
        let (at, total) = (Instant::now(), process.accumulated_cpu_time());
        let before = used.insert(*pid, (at, total));
        let cores = before.map_or(0.0, |(then, before)| {
            let milliseconds = at.duration_since(then).as_secs_f64() * 1000.0;
            total.saturating_sub(before) as f64 / milliseconds.max(1.0)
        });
        Some((*pid, cores, process.memory()))
    };
    pids.iter().filter_map(&mut of).collect()
}

/// A GPU that does not tell its name is gone; one that does not tell its temperature is not.
fn gpu(nvml: &Nvml, number: u32) -> Option<Gpu> {
    let device = nvml.device_by_index(number).ok()?;
    let memory = device.memory_info().ok();
    Some(Gpu {
        name: device.name().ok()?,
        used: device.utilization_rates().map_or(0.0, |rates| share(f64::from(rates.gpu)).min(1.0)),
        memory_used: memory.as_ref().map_or(0, |memory| memory.used),
        memory: memory.as_ref().map_or(0, |memory| memory.total),
        celsius: device.temperature(TemperatureSensor::Gpu).ok(),
        watts: device.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1000.0),
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn this_process_is_seen_at_work_and_no_other() {
        let me = std::process::id();
        let mut sampler = Sampler::new();
        sampler.sample(&[me]);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(400) {
            std::hint::black_box((0..1000u64).sum::<u64>());
        }
        let sample = sampler.sample(&[me, u32::MAX - 1]);
        assert_eq!(sample.workers.len(), 1, "{sample:?}");
        let (pid, cores, memory) = sample.workers[0];
        assert_eq!(pid, me);
        // Other tests may run in this process, and others' work may take the core away; it is not idle, though.
        assert!(cores > 0.01, "{cores}");
        assert!(memory > 1 << 20 && memory < sample.memory, "{memory}");
        assert!(!sample.cores.is_empty() && sample.cores.iter().all(|core| (0.0..=1.0).contains(core)));
        assert!(sample.memory_used > 0 && sample.memory_used <= sample.memory);
        assert_eq!(sample.host, Holder::current().host);
        assert_eq!(sample.gpus.is_empty(), sample.without_gpu.is_some());
    }

    #[test]
    fn eight_workers_are_looked_at_in_no_time() {
        let mut children: Vec<_> =
            (0..8).map(|_| std::process::Command::new("sleep").arg("30").spawn().expect("sleep is there")).collect();
        let pids: Vec<u32> = children.iter().map(std::process::Child::id).collect();
        let mut sampler = Sampler::new();
        let seen = sampler.sample(&pids).workers.len();
        let times = (0..5).map(|_| {
            let start = Instant::now();
            sampler.sample(&pids);
            start.elapsed()
        });
        let fastest = times.min().expect("five were taken");
        for child in &mut children {
            child.kill().and_then(|()| child.wait()).expect("it is ours");
        }
        assert_eq!(seen, 8);
        // The fastest of five: the machine may be busy with something else.
        assert!(fastest < Duration::from_millis(5), "{fastest:?}");
    }
}
