//! Kernels of a case's training step on a device, and the step beside them.

use serde::Serialize;

use crate::device::DevicePeaks;
use crate::measured::Measured;
use crate::spread::Spread;

/// How a kernel was timed and what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Launched<'a> {
    /// Name of the kernel.
    pub kernel: &'a str,
    /// Which of the step's launches of it, from 1 on, where there are several.
    pub number: Option<usize>,
    /// Seconds of one launch, by rounds; at least one.
    pub rounds: &'a [f64],
    /// Floating-point operations of its products.
    pub flops: u64,
    /// Bytes that it reads and writes at least.
    pub bytes: u64,
    /// Sessions that launches went round.
    pub sessions: usize,
    /// Whether its bytes in all of them exceed the device's caches.
    pub uncached: bool,
}

/// One launch of a case's training step on a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kernel {
    /// The case.
    pub case: String,
    /// Name of the kernel.
    pub kernel: String,
    /// Which of the step's launches of it, from 1 on, where there are several.
    pub number: Option<usize>,
    /// Seconds of a launch.
    pub seconds: Spread,
    /// Floating-point operations of its products.
    pub flops: u64,
    /// Bytes that it reads and writes at least.
    pub bytes: u64,
    /// How much of that a second, by the median.
    #[serde(flatten)]
    pub under_roof: UnderRoof,
    /// Sessions that launches went round.
    pub sessions: usize,
    /// Whether its bytes in all of them exceed the device's caches; else its bytes may not have come from memory.
    pub uncached: bool,
}

/// Work by time, and how far that is from what the device could do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct UnderRoof {
    /// GFLOP/s of its products.
    pub gflops: f64,
    /// GB/s of what it reads and writes at least.
    pub gigabytes: f64,
    /// Operations by bytes; none where it multiplies nothing.
    pub intensity: Option<f64>,
    /// Share of the roofline at its arithmetic intensity: the longer of what its products take at the device's peak and
    /// its bytes at that of copies, by its own time (Williams et al., CACM 2009). The peak is that of the precision's
    /// instruction, also for a tail, whose products are chains in any precision.
    pub share: f64,
}

/// A case's step on a device, as a whole and as the sum of its kernels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The case.
    pub case: String,
    /// Launches of a step, by kernel, in the order in which a step first comes to each.
    pub launches: Vec<LaunchCount>,
    /// Bytes that its launches read and write at least.
    pub bytes: u64,
    /// Those and the model's own operations a second, by the median.
    #[serde(flatten)]
    pub under_roof: UnderRoof,
    /// Seconds of all its kernels, by medians; none when they were not timed.
    pub kernels: Option<f64>,
    /// The same step with each op launched by itself; none where it is launched so anyway.
    pub composed: Option<Composed>,
}

/// A step with each op launched by itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Composed {
    /// Seconds of a step.
    pub seconds: Spread,
    /// Launches of one.
    pub launches: usize,
}

/// How often a step launches a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LaunchCount {
    /// Name of the kernel.
    pub kernel: String,
    /// How often.
    pub launches: usize,
}

/// The same cases on another engine, in the same call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Beside {
    /// The other engine's numerics class.
    pub numerics: String,
    /// What it takes.
    pub cases: Vec<Measured>,
}

impl UnderRoof {
    /// Of so many operations and bytes in so many seconds.
    pub fn of(flops: u64, bytes: u64, seconds: f64, peaks: &DevicePeaks) -> Self {
        let [gflop, gigabytes] = [flops, bytes].map(|work| work as f64 * 1e-9);
        let least = (gflop / peaks.in_use()).max(gigabytes / peaks.copy.median);
        Self {
            gflops: gflop / seconds,
            gigabytes: gigabytes / seconds,
            intensity: (flops > 0 && bytes > 0).then(|| flops as f64 / bytes as f64),
            share: least / seconds,
        }
    }
}

impl Kernel {
    /// Of a case, on a device with these peaks.
    pub fn new(case: &str, launched: &Launched<'_>, peaks: &DevicePeaks) -> Self {
        let seconds = Spread::of(launched.rounds);
        let Launched { flops, bytes, .. } = *launched;
        Self {
            case: case.to_owned(),
            kernel: launched.kernel.to_owned(),
            number: launched.number,
            seconds,
            flops,
            bytes,
            under_roof: UnderRoof::of(flops, bytes, seconds.median, peaks),
            sessions: launched.sessions,
            uncached: launched.uncached,
        }
    }

    /// Its name, with its number where it has one.
    pub fn label(&self) -> String {
        self.number.map_or_else(|| self.kernel.clone(), |number| format!("{} ({number})", self.kernel))
    }
}

impl Step {
    /// How many launches in all.
    pub fn launches(&self) -> usize {
        self.launches.iter().map(|count| count.launches).sum()
    }
}
