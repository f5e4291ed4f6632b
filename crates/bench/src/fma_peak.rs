//! The machine's peak of fused multiply-adds on registers, which no matrix product can exceed.

use std::hint::black_box;

use serde::Serialize;

use crate::spread::Spread;
use crate::team::time_together;

/// Sums in flight: two units of a latency of four or five cycles need ten, and AVX-512 has 32 registers.
const SUMS: usize = 20;

/// Turns of the loop between two looks at the clock.
const TURNS: usize = 1 << 22;

/// Rate of fused multiply-adds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FmaPeak {
    /// Instruction set.
    pub instructions: &'static str,
    /// Threads.
    pub threads: usize,
    /// GFLOP/s of all threads together, by rounds; a multiply-add counts 2.
    pub gflops: Spread,
}

/// A loop of multiply-adds.
struct Loop {
    instructions: &'static str,
    /// Numbers that one instruction works on.
    lanes: usize,
    run: fn(),
}

/// The rate in about `seconds`.
pub fn fma_peak(threads: usize, seconds: f64) -> FmaPeak {
    let found = widest();
    let times = time_together(threads, seconds, |_| (), |()| (found.run)());
    let done = (2 * SUMS * found.lanes * TURNS * threads) as f64;
    FmaPeak { instructions: found.instructions, threads, gflops: times.map(|seconds| done / seconds * 1e-9) }
}

#[cfg(target_arch = "x86_64")]
fn widest() -> Loop {
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the feature was just detected.
        return Loop { instructions: "AVX-512", lanes: 16, run: || unsafe { avx512() } };
    }
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: both features were just detected.
        return Loop { instructions: "AVX2", lanes: 8, run: || unsafe { avx2() } };
    }
    Loop { instructions: "portable", lanes: 4, run: portable }
}

#[cfg(not(target_arch = "x86_64"))]
fn widest() -> Loop {
    Loop { instructions: if cfg!(target_arch = "aarch64") { "NEON" } else { "portable" }, lanes: 4, run: portable }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512() {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps};
    let (scale, shift) = (_mm512_set1_ps(black_box(0.5)), _mm512_set1_ps(black_box(1.0)));
    let mut sums = [_mm512_set1_ps(1.0); SUMS];
    for _ in 0..TURNS {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, scale, shift);
        }
    }
    black_box(sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2() {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps};
    let (scale, shift) = (_mm256_set1_ps(black_box(0.5)), _mm256_set1_ps(black_box(1.0)));
    let mut sums = [_mm256_set1_ps(1.0); SUMS];
    for _ in 0..TURNS {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, scale, shift);
        }
    }
    black_box(sums);
}

/// Four lanes a sum; fused only where the target's baseline has the instruction, as on aarch64.
fn portable() {
    let (scale, shift) = (black_box(0.5f32), black_box(1.0f32));
    let mut sums = [[1.0f32; 4]; SUMS];
    for _ in 0..TURNS {
        for lane in sums.as_flattened_mut() {
            *lane = if cfg!(target_arch = "aarch64") { lane.mul_add(scale, shift) } else { *lane * scale + shift };
        }
    }
    black_box(sums);
}
