//! One draw after another.

use mmtl_plan::{Purpose, Stream};

/// Draws from the stream of a name.
pub struct Draws {
    stream: Stream,
    next: u64,
}

impl Draws {
    /// The draws of `name` under `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        Self { stream: Stream::new(seed, Purpose::Data, name), next: 0 }
    }

    /// Uniform in (0, 1).
    pub fn unit(&mut self) -> f64 {
        self.next += 1;
        self.stream.uniform(0, self.next - 1)
    }

    /// Uniform among `0..n`; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in (-bound, bound).
    pub fn symmetric(&mut self, bound: f64) -> f32 {
        ((2.0 * self.unit() - 1.0) * bound) as f32
    }

    /// A multiple of ¼ in [-2, 2]: sums and products of a few are exact in `f32`.
    pub fn quarters(&mut self) -> f32 {
        (self.below(17) as f32 - 8.0) / 4.0
    }
}
