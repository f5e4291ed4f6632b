//! What a machine does, sampled now and then.

use std::collections::VecDeque;

/// One look at a machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MachineSample {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Its name.
    pub host: String,
    /// Its processor, in words.
    pub processor: String,
    /// Use of each core, from 0 to 1.
    pub cores: Vec<f64>,
    /// Memory in use, in bytes.
    pub memory_used: u64,
    /// Memory that there is, in bytes.
    pub memory: u64,
    /// The GPUs that can be seen.
    pub gpus: Vec<Gpu>,
    /// Why none can be seen, if so.
    pub without_gpu: Option<String>,
    /// The workers on this machine: process number, use of cores (1 is one core), memory in bytes.
    pub workers: Vec<(u32, f64, u64)>,
}

/// One look at a GPU.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gpu {
    /// Its name.
    pub name: String,
    /// Its use, from 0 to 1.
    pub used: f64,
    /// Memory in use, in bytes.
    pub memory_used: u64,
    /// Memory that it has, in bytes.
    pub memory: u64,
    /// Degrees Celsius, where known.
    pub celsius: Option<u32>,
    /// Watts, where known.
    pub watts: Option<f64>,
}

/// The samples of the last minutes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    /// Each with the train rows a second of all runs at that time.
    samples: VecDeque<(MachineSample, f64)>,
}

impl MachineSample {
    /// Use of the whole processor, from 0 to 1; `None` where no core is seen.
    pub fn processor_used(&self) -> Option<f64> {
        let cores = self.cores.len();
        (cores > 0).then(|| self.cores.iter().sum::<f64>() / cores as f64)
    }

    /// Use of the memory, from 0 to 1, where it is known.
    pub fn memory_share(&self) -> Option<f64> {
        (self.memory > 0).then(|| self.memory_used as f64 / self.memory as f64)
    }
}

impl Machine {
    /// Ten minutes at a sample a second.
    const KEPT: usize = 600;

    /// Takes in a sample, with the train rows a second of all runs; one that is no younger than the last changes nothing.
    pub fn add(&mut self, sample: MachineSample, rows_per_second: f64) {
        if self.samples.back().is_some_and(|(last, _)| last.at >= sample.at) {
            return;
        }
        if self.samples.len() == Self::KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back((sample, rows_per_second));
    }

    /// The youngest.
    pub fn latest(&self) -> Option<&MachineSample> {
        self.samples.back().map(|(sample, _)| sample)
    }

    /// All that are kept, the oldest first, each with the train rows a second of all runs at that time.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = (&MachineSample, f64)> {
        self.samples.iter().map(|(sample, rows)| (sample, *rows))
    }
}
