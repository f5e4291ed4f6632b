//! What a device can do at best, to compare kernels with: a copy within its memory, multiply-adds on registers, products
//! on matrix units, and a launch of nothing.

use cubecl::prelude::*;
use mmtl_plan::{EngineError, Factors};

use crate::buffer::{Buffer, Queue, SWEEP_UNITS, sweeping};
use crate::matrix_peak;
use crate::own_thread::OwnThread;
use crate::stage::Stage;
use crate::tile::has_squares;
use crate::watch::Watch;

/// Something to time on a device; each call ends when the device is done.
pub trait Probe {
    /// Bytes that a copy reads and writes.
    fn copied_bytes(&self) -> u64;

    /// Copies once.
    ///
    /// # Errors
    /// On a device failure.
    fn copy(&self) -> Result<(), EngineError>;

    /// Operations of a call of [`Probe::multiply_add`].
    fn flops(&self) -> u64;

    /// Multiplies and adds on all units.
    ///
    /// # Errors
    /// On a device failure.
    fn multiply_add(&self) -> Result<(), EngineError>;

    /// The rounded factors that the device has matrix units for.
    fn matrix_units(&self) -> Vec<Factors>;

    /// Operations of a call of [`Probe::multiply_matrices`].
    fn matrix_flops(&self, factors: Factors) -> u64;

    /// Multiplies matrices on all of those units, which must be the device's.
    ///
    /// # Errors
    /// On a device failure.
    fn multiply_matrices(&self, factors: Factors) -> Result<(), EngineError>;

    /// Launches of a call of [`Probe::launch`].
    fn launches(&self) -> u64;

    /// Launches a kernel that does nothing, as often as kernels are launched between two waits.
    ///
    /// # Errors
    /// On a device failure.
    fn launch(&self) -> Result<(), EngineError>;
}

/// Bytes of a copy's source on a device: more than its caches hold.
const COPIED: u64 = 1 << 29;

/// The same on a software device.
const COPIED_SOFTLY: u64 = 1 << 26;

/// Launches in one call: a wait for the device costs as much as a short kernel.
const LAUNCHES: u64 = 8;

/// Launches of nothing in one call.
const EMPTY_LAUNCHES: u64 = 1000;

/// Units of a cube that does nothing.
const IDLE_UNITS: u32 = 32;

/// Sums that a unit adds to side by side: a multiply-add takes four cycles or so to come back.
const SUMS: usize = 16;

/// Multiply-adds of each sum on a device.
const ROUNDS: u32 = 4096;

/// The same on a software device.
const ROUNDS_SOFTLY: u32 = 64;

/// Cubes for each multiprocessor: however many of them it holds at once, the last ones leave few of them idle.
const CUBES: u32 = 32;

/// Multiprocessors of a device that does not tell.
const MULTIPROCESSORS: u32 = 64;

/// Copies, four elements a unit at a time.
#[cube(launch_unchecked)]
fn copy<N: Size>(to: &mut Array<Vector<f32, N>>, from: &Array<Vector<f32, N>>, vectors: u32) {
    let mut i = ABSOLUTE_POS;
    while i < vectors as usize {
        to[i] = from[i];
        i += CUBE_COUNT * CUBE_DIM as usize;
    }
}

/// Numbers in [0, 1) of which no two neighbours are alike: constants flip no bits, and a device that is spared the power
/// runs faster on them.
#[cube(launch_unchecked)]
fn noise(to: &mut Array<f32>, elements: u32) {
    let mut i = ABSOLUTE_POS as u32;
    while i < elements {
        // The finaliser of MurmurHash3.
        let mut word = (i + 1u32) * 0x9E37_79B9u32;
        word = (word ^ (word >> 16u32)) * 0x85EB_CA6Bu32;
        word = (word ^ (word >> 13u32)) * 0xC2B2_AE35u32;
        word ^= word >> 16u32;
        to[i as usize] = f32::cast_from(word >> 8u32) * 5.960_464_5e-8f32;
        i += (CUBE_COUNT * CUBE_DIM as usize) as u32;
    }
}

/// Chains of multiply-adds, all of which the output depends on. `x → 1.9 - x²` never settles, so that operands change.
#[cube(launch_unchecked)]
fn multiply_add(out: &mut Array<f32>, rounds: u32, constant: f32) {
    let mut sums = Array::<f32>::new(SUMS);
    #[unroll]
    for i in 0..SUMS {
        sums[i] = (f32::cast_from(UNIT_POS) + f32::cast_from(i as u32)) * 0.006f32;
    }
    for _ in 0..rounds {
        #[unroll]
        for i in 0..SUMS {
            sums[i] = fma(sums[i], -sums[i], constant);
        }
    }
    let mut total = 0.0f32;
    #[unroll]
    for i in 0..SUMS {
        total += sums[i];
    }
    out[UNIT_POS as usize] = total;
}

/// Nothing, as far as the device can tell only when it runs.
#[cube(launch_unchecked)]
fn nothing(out: &mut Array<f32>, never: u32) {
    if never > 0u32 {
        out[UNIT_POS as usize] = 1.0f32;
    }
}

/// A device's probe.
pub struct DeviceProbe<R: Runtime> {
    queue: Queue<R>,
    from: Buffer,
    to: Buffer,
    rounds: u32,
    cubes: u32,
}

impl<R: Runtime> DeviceProbe<R> {
    /// Of a device that has so many bytes left, if it tells.
    pub fn new(queue: Queue<R>, free: Option<u64>) -> Self {
        let (bytes, rounds) = if queue.is_software() { (COPIED_SOFTLY, ROUNDS_SOFTLY) } else { (COPIED, ROUNDS) };
        let properties = queue.client().properties();
        // Two buffers of that many, and as much again left alone.
        let most = properties.memory.max_page_size.min(free.map_or(u64::MAX, |free| free / 4));
        let elements = (bytes.min(most) / 4) as usize;
        let cubes = CUBES * properties.hardware.num_streaming_multiprocessors.unwrap_or(MULTIPROCESSORS);
        let (from, to) = (queue.room(elements), queue.zeros(elements));
        // SAFETY: the kernel stays within the elements it is given.
        unsafe {
            noise::launch_unchecked(
                queue.client(),
                sweeping(elements),
                CubeDim::new_1d(SWEEP_UNITS),
                queue.arg(&from),
                elements as u32,
            );
        }
        // What is timed first does not wait for this, too. A failure is remembered, and returned by its own wait.
        let _ = queue.sync();
        Self { queue, from, to, rounds, cubes }
    }
}

impl<R: Runtime> DeviceProbe<R> {
    fn copied_bytes(&self) -> u64 {
        2 * 4 * self.from.len() as u64 * LAUNCHES
    }

    fn copy(&self) -> Result<(), EngineError> {
        let vectors = (self.from.len() / 4) as u32;
        for _ in 0..LAUNCHES {
            // SAFETY: both buffers have that many vectors of 4.
            unsafe {
                copy::launch_unchecked(
                    self.queue.client(),
                    CubeCount::Static(vectors.div_ceil(SWEEP_UNITS).clamp(1, 65_535), 1, 1),
                    CubeDim::new_1d(SWEEP_UNITS),
                    4,
                    self.queue.arg(&self.to),
                    self.queue.arg(&self.from),
                    vectors,
                );
            }
        }
        self.queue.sync()
    }

    fn flops(&self) -> u64 {
        let units = u64::from(self.cubes) * u64::from(SWEEP_UNITS);
        2 * SUMS as u64 * u64::from(self.rounds) * units * LAUNCHES
    }

    fn multiply_add(&self) -> Result<(), EngineError> {
        for _ in 0..LAUNCHES {
            // SAFETY: the output has an element for each unit of a cube; cubes write the same numbers.
            unsafe {
                multiply_add::launch_unchecked(
                    self.queue.client(),
                    CubeCount::Static(self.cubes, 1, 1),
                    CubeDim::new_1d(SWEEP_UNITS),
                    self.queue.arg(&self.to),
                    self.rounds,
                    1.9,
                );
            }
        }
        self.queue.sync()
    }

    fn matrix_units(&self) -> Vec<Factors> {
        Factors::ALL.into_iter().filter(|&factors| has_squares(self.queue.client(), factors)).collect()
    }

    fn matrix_flops(&self, factors: Factors) -> u64 {
        matrix_peak::flops(factors, self.cubes) * LAUNCHES
    }

    fn multiply_matrices(&self, factors: Factors) -> Result<(), EngineError> {
        (0..LAUNCHES).for_each(|_| matrix_peak::launch(factors, &self.queue, self.cubes, &self.to, &self.from));
        self.queue.sync()
    }

    fn launch(&self) -> Result<(), EngineError> {
        for _ in 0..EMPTY_LAUNCHES {
            // SAFETY: the kernel writes nothing.
            unsafe {
                nothing::launch_unchecked(
                    self.queue.client(),
                    CubeCount::Static(1, 1, 1),
                    CubeDim::new_1d(IDLE_UNITS),
                    self.queue.arg(&self.to),
                    0,
                );
            }
        }
        self.queue.sync()
    }
}

/// A probe on a thread of its own, and what it told of itself.
struct WatchedProbe<R: Runtime> {
    thread: OwnThread<DeviceProbe<R>>,
    copied_bytes: u64,
    flops: u64,
    matrix_flops: Vec<(Factors, u64)>,
}

/// A probe that somebody makes on a new thread.
pub fn watched_probe<R: Runtime>(
    watch: Watch,
    stage: Stage,
    make: impl FnOnce() -> DeviceProbe<R> + Send + 'static,
) -> Result<Box<dyn Probe>, EngineError> {
    let thread = OwnThread::start(watch, stage, move || Ok(make()))?;
    let (copied_bytes, flops, matrix_flops) = thread.call(|probe: &mut DeviceProbe<R>| {
        let units = probe.matrix_units().into_iter().map(|unit| (unit, probe.matrix_flops(unit))).collect();
        Ok((probe.copied_bytes(), probe.flops(), units))
    })?;
    Ok(Box::new(WatchedProbe { thread, copied_bytes, flops, matrix_flops }))
}

impl<R: Runtime> Probe for WatchedProbe<R> {
    fn copied_bytes(&self) -> u64 {
        self.copied_bytes
    }

    fn copy(&self) -> Result<(), EngineError> {
        self.thread.call(|probe| probe.copy())
    }

    fn flops(&self) -> u64 {
        self.flops
    }

    fn multiply_add(&self) -> Result<(), EngineError> {
        self.thread.call(|probe| probe.multiply_add())
    }

    fn matrix_units(&self) -> Vec<Factors> {
        self.matrix_flops.iter().map(|(unit, _)| *unit).collect()
    }

    fn matrix_flops(&self, factors: Factors) -> u64 {
        self.matrix_flops.iter().find(|(unit, _)| *unit == factors).map_or(0, |(_, flops)| *flops)
    }

    fn multiply_matrices(&self, factors: Factors) -> Result<(), EngineError> {
        self.thread.call(move |probe| probe.multiply_matrices(factors))
    }

    fn launches(&self) -> u64 {
        EMPTY_LAUNCHES
    }

    fn launch(&self) -> Result<(), EngineError> {
        self.thread.call(|probe| probe.launch())
    }
}
