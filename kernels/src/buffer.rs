//! Memory of a device, and calls that can fail.

use std::cell::RefCell;
use std::sync::Arc;

use bytemuck::Pod;
use cubecl::prelude::*;
use cubecl::server::Handle;
use mmtl_plan::EngineError;

use crate::compiling::Telling;
use crate::counts::Counts;
use crate::failures::checked;
use crate::watch::Pulse;

/// Elements of 4 bytes on a device.
#[derive(Clone)]
pub struct Buffer {
    handle: Handle,
    len: usize,
}

/// A device's memory and queue.
pub struct Queue<R: Runtime> {
    client: ComputeClient<R>,
    /// Beats at every launch, upload and wait: whoever watches sees that something is done.
    pulse: Arc<Pulse>,
    /// Counts launches, uploads and waits.
    counts: Arc<Counts>,
    /// Whom to tell of kernels that are launched for the first time.
    telling: RefCell<Option<Telling>>,
}

impl<R: Runtime> Queue<R> {
    /// Of a device, with the pulse of whoever watches it and the counts of whoever asks.
    pub fn watched(client: ComputeClient<R>, pulse: Arc<Pulse>, counts: Arc<Counts>) -> Self {
        Self { client, pulse, counts, telling: RefCell::new(None) }
    }

    /// What a launch goes to.
    pub fn client(&self) -> &ComputeClient<R> {
        self.counts.launch();
        self.pulse.beat();
        &self.client
    }

    /// From now on tells of kernels, or no more.
    pub fn tell(&self, telling: Option<Telling>) -> Option<Telling> {
        self.telling.replace(telling)
    }

    /// Whether somebody is told of kernels.
    pub fn is_telling(&self) -> bool {
        self.telling.borrow().is_some()
    }

    /// The next launches are of this kernel. While somebody is told, every launch before has ended when this returns:
    /// compilation happens on a thread of CubeCL's, where nobody hears of it otherwise.
    pub fn about(&self, kernel: &'static str) {
        if let Some(telling) = &mut *self.telling.borrow_mut() {
            // A failure is remembered, and returned by the step's next wait.
            let _ = self.sync();
            telling.comes(kernel);
        }
    }

    /// Whether the device is a processor.
    pub fn is_software(&self) -> bool {
        is_software(&self.client)
    }

    /// A buffer with these elements; a device has no empty ones, so that none become one of 0.
    pub fn upload<T: Pod>(&self, elements: &[T]) -> Buffer {
        let bytes: &[u8] = if elements.is_empty() { &[0; 4] } else { bytemuck::cast_slice(elements) };
        self.counts.upload();
        self.pulse.beat();
        Buffer { handle: self.client.create_from_slice(bytes), len: elements.len().max(1) }
    }

    /// A buffer of zeros.
    pub fn zeros(&self, len: usize) -> Buffer {
        let buffer = self.room(len);
        self.fill(&buffer, 0.0);
        buffer
    }

    /// A buffer of anything. It takes its own bytes and no more: CubeCL would otherwise reserve a page, which on a device of
    /// 140 GB has up to 35 GB.
    pub fn room(&self, len: usize) -> Buffer {
        self.pulse.beat();
        let client = &self.client;
        let empty = || client.empty(len.max(1) * 4);
        let handle = client.memory_persistent_allocation((), |()| empty()).unwrap_or_else(|_| empty());
        Buffer { handle, len: len.max(1) }
    }

    /// A buffer with these elements that lives long.
    pub fn keep<T: Pod>(&self, elements: &[T]) -> Buffer {
        let buffer = self.zeros(elements.len());
        self.write(&buffer, 0, elements);
        buffer
    }

    /// Puts elements into a buffer from the `at`-th on, piece by piece: nothing writes into a buffer from outside, and a copy
    /// of a whole table might find no room.
    pub fn write<T: Pod>(&self, buffer: &Buffer, at: usize, elements: &[T]) {
        for (number, piece) in elements.chunks(PIECE).enumerate() {
            if number > 0 {
                // The one before is no longer needed. A failure is remembered, and returned by whatever waits next.
                let _ = self.sync();
            }
            let from = self.upload(piece);
            // SAFETY: the piece has as many elements, and they fit where callers say.
            unsafe {
                crate::reduce::copy_words::launch_unchecked(
                    self.client(),
                    sweeping(piece.len()),
                    CubeDim::new_1d(SWEEP_UNITS),
                    self.arg(buffer),
                    self.arg(&from),
                    (at + number * PIECE) as u32,
                    piece.len() as u32,
                );
            }
        }
    }

    /// Waits, and gives back memory that nobody uses.
    pub fn tidy(&self) -> Result<(), EngineError> {
        self.sync()?;
        self.client.memory_cleanup();
        self.sync()
    }

    /// Makes every element `value`.
    pub fn fill(&self, buffer: &Buffer, value: f32) {
        // SAFETY: the kernel stays within the elements it is given.
        unsafe {
            crate::reduce::fill::launch_unchecked(
                self.client(),
                sweeping(buffer.len),
                CubeDim::new_1d(SWEEP_UNITS),
                self.arg(buffer),
                value,
                buffer.len as u32,
            );
        }
    }

    /// A buffer as a kernel's argument.
    #[expect(clippy::unused_self, reason = "a buffer of another device's would be no argument")]
    pub fn arg(&self, buffer: &Buffer) -> ArrayArg<R> {
        // SAFETY: a buffer has as many elements as it says.
        unsafe { ArrayArg::from_raw_parts(buffer.handle.clone(), buffer.len) }
    }

    /// Elements copied to the host, once everything before has been done; piece by piece, for CubeCL keeps the host's memory that
    /// a device copies into, and of what is large a page of the device's size: gigabytes that nobody else can have again.
    pub fn read<T: Pod>(&self, buffer: &Buffer, range: std::ops::Range<usize>) -> Result<Vec<T>, EngineError> {
        let mut elements = Vec::with_capacity(range.len());
        for start in range.clone().step_by(PIECE) {
            let end = range.end.min(start + PIECE);
            let (before, past) = (start as u64 * 4, (buffer.len - end) as u64 * 4);
            let handle = buffer.handle.clone().offset_start(before).offset_end(past);
            self.counts.wait();
            let bytes = checked(|| self.client.read_one(handle))?;
            self.pulse.beat();
            let piece = bytes.chunks_exact(size_of::<T>()).take(end - start);
            elements.extend(piece.map(bytemuck::pod_read_unaligned::<T>));
        }
        Ok(elements)
    }

    /// All elements.
    pub fn read_all<T: Pod>(&self, buffer: &Buffer, len: usize) -> Result<Vec<T>, EngineError> {
        self.read(buffer, 0..len)
    }

    /// Waits until everything has been done.
    pub fn sync(&self) -> Result<(), EngineError> {
        self.counts.wait();
        checked(|| cubecl::future::block_on(self.client.sync()))?;
        self.pulse.beat();
        Ok(())
    }
}

impl Buffer {
    /// Some of its elements, which a kernel sees as a buffer; the first is at a multiple of what devices ask for.
    pub fn part(&self, range: std::ops::Range<usize>) -> Self {
        let (start, past) = (range.start as u64 * 4, (self.len - range.end) as u64 * 4);
        Self { handle: self.handle.clone().offset_start(start).offset_end(past), len: range.len() }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }
}

/// Whether a device is a processor: on those CubeCL turns off what planes do together.
pub fn is_software<R: Runtime>(client: &ComputeClient<R>) -> bool {
    client.features().plane.is_empty()
}
/// Elements that are copied at once, to the device or from it: 4 MiB.
pub const PIECE: usize = 1 << 20;

/// Units of a cube that sweeps over elements.
pub const SWEEP_UNITS: u32 = 256;

/// Cubes that sweep over so many elements.
pub fn sweeping(elements: usize) -> CubeCount {
    CubeCount::Static((elements as u32).div_ceil(SWEEP_UNITS).clamp(1, 4096), 1, 1)
}
