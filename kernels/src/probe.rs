//! What a device can do at best, to compare kernels with: a copy within its memory, and multiply-adds on registers.

use cubecl::prelude::*;
use mmtl_plan::EngineError;

use crate::buffer::{Buffer, Queue, SWEEP_UNITS};

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
}

/// Bytes of a copy's source on a device: more than its caches hold.
const COPIED: u64 = 1 << 29;

/// The same on a software device.
const COPIED_SOFTLY: u64 = 1 << 26;

/// Launches in one call: a wait for the device costs as much as a short kernel.
const LAUNCHES: u64 = 8;

/// Sums that a unit adds to side by side: a multiply-add takes four cycles or so to come back.
const SUMS: usize = 16;

/// Multiply-adds of each sum on a device.
const ROUNDS: u32 = 4096;

/// The same on a software device.
const ROUNDS_SOFTLY: u32 = 64;

/// Cubes that keep all of a device busy.
const CUBES: u32 = 2048;

/// Copies, one element a unit.
#[cube(launch_unchecked)]
fn copy<N: Size>(to: &mut Array<Vector<f32, N>>, from: &Array<Vector<f32, N>>, vectors: u32) {
    let mut i = ABSOLUTE_POS;
    while i < vectors as usize {
        to[i] = from[i];
        i += CUBE_COUNT * CUBE_DIM as usize;
    }
}

/// Chains of multiply-adds, all of which the output depends on.
#[cube(launch_unchecked)]
fn multiply_add(out: &mut Array<f32>, rounds: u32, factor: f32) {
    let mut sums = Array::<f32>::new(SUMS);
    #[unroll]
    for i in 0..SUMS {
        sums[i] = f32::cast_from(UNIT_POS) + f32::cast_from(i as u32);
    }
    for _ in 0..rounds {
        #[unroll]
        for i in 0..SUMS {
            sums[i] = fma(sums[i], factor, 0.5f32);
        }
    }
    let mut total = 0.0f32;
    #[unroll]
    for i in 0..SUMS {
        total += sums[i];
    }
    out[UNIT_POS as usize] = total;
}

/// A device's probe.
pub struct DeviceProbe<R: Runtime> {
    queue: Queue<R>,
    from: Buffer,
    to: Buffer,
    rounds: u32,
}

impl<R: Runtime> DeviceProbe<R> {
    /// Of a device.
    pub fn new(client: ComputeClient<R>) -> Self {
        let queue = Queue::new(client);
        let (bytes, rounds) = if queue.is_software() { (COPIED_SOFTLY, ROUNDS_SOFTLY) } else { (COPIED, ROUNDS) };
        let elements = (bytes.min(queue.client().properties().memory.max_page_size) / 4) as usize;
        let (from, to) = (queue.room(elements), queue.zeros(elements));
        queue.fill(&from, 1.5);
        Self { queue, from, to, rounds }
    }
}

impl<R: Runtime> Probe for DeviceProbe<R> {
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
        let units = u64::from(CUBES) * u64::from(SWEEP_UNITS);
        2 * SUMS as u64 * u64::from(self.rounds) * units * LAUNCHES
    }

    fn multiply_add(&self) -> Result<(), EngineError> {
        for _ in 0..LAUNCHES {
            // SAFETY: the output has an element for each unit of a cube; cubes write the same numbers.
            unsafe {
                multiply_add::launch_unchecked(
                    self.queue.client(),
                    CubeCount::Static(CUBES, 1, 1),
                    CubeDim::new_1d(SWEEP_UNITS),
                    self.queue.arg(&self.to),
                    self.rounds,
                    0.999,
                );
            }
        }
        self.queue.sync()
    }
}
