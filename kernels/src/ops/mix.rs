//! Weighted sums over groups, for all tasks. What experts put out is read once for several mixtures.

#![expect(
    unused_assignments,
    reason = "an `if` as a value is silently wrong in a kernel when its branches are literals, so branches assign"
)]

use cubecl::prelude::*;

/// Words of a [`forward`] job: input (at, stride, width), experts, output (at, stride), mixtures, weights (at, stride: 0 for
/// constants, which then lie among the words).
pub const FORWARD: usize = 9;

/// Words of a [`backward`] job: those of [`FORWARD`], what to do with the derivatives of the groups mixed, and with those of
/// the weights.
pub const BACKWARD: usize = 11;

/// Derivatives that nobody asks for.
pub const NOTHING: u32 = 0;
/// Those that are written.
pub const WRITES: u32 = 1;
/// Those that are added to what is there.
pub const ADDS: u32 = 2;

/// Most mixtures, and most experts, that a unit works on at a time.
pub const AT_ONCE: usize = 4;

/// Units along a row of a cube of [`backward`].
pub const LANES: usize = 32;

/// Rows of such a cube.
pub const ROWS: usize = 8;

/// Elements from a pair's parts to the next: units that add those of different pairs meet in different banks.
const APART: usize = LANES + 1;

/// The weight of an expert in a mixture.
#[cube]
fn weight(values: &Array<f32>, jobs: &Array<u32>, job: usize, row: u32, mixture: u32, expert: u32) -> f32 {
    let at = jobs[job + 7] + mixture * jobs[job + 3] + expert;
    let stride = jobs[job + 8];
    let mut weight = 0.0f32;
    if stride > 0u32 {
        weight = values[(at + row * stride) as usize];
    } else {
        weight = f32::reinterpret(jobs[at as usize]);
    }
    weight
}

/// Adds `mixtures` mixtures at a time. Cubes are (columns of a mixture, rows, jobs).
#[cube(launch_unchecked)]
pub fn forward(
    values: &mut Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    #[comptime] mixtures: usize,
) {
    let job = (first + CUBE_POS_Z * comptime!(FORWARD as u32)) as usize;
    let width = jobs[job + 2];
    let row = ABSOLUTE_POS_Y;
    let col = ABSOLUTE_POS_X;
    if row >= batch[0] || col >= width {
        terminate!();
    }
    let x_at = jobs[job] + row * jobs[job + 1] + col;
    let experts = jobs[job + 3];
    let to = jobs[job + 4] + row * jobs[job + 5] + col;
    let last = jobs[job + 6] - 1u32;
    let mut from = 0u32;
    while from <= last {
        let mut sums = Array::<f32>::new(mixtures);
        #[unroll]
        for t in 0..mixtures {
            sums[t] = 0.0f32;
        }
        for e in 0..experts {
            let x = values[(x_at + e * width) as usize];
            #[unroll]
            for t in 0..mixtures {
                // Weights of a mixture that is not there are those of the last.
                let w = weight(values, jobs, job, row, min(from + t as u32, last), e);
                sums[t] = fma(w, x, sums[t]);
            }
        }
        #[unroll]
        for t in 0..mixtures {
            if from + t as u32 <= last {
                values[(to + (from + t as u32) * width) as usize] = sums[t];
            }
        }
        from += comptime!(mixtures as u32);
    }
}

/// Derivatives of the groups mixed, and of the weights, of [`AT_ONCE`] experts and `mixtures` mixtures at a time: while a
/// unit has the elements of both in registers, it adds to both. Cubes are (rows, 1, jobs), of [`LANES`] × [`ROWS`] units.
#[cube(launch_unchecked)]
pub fn backward(
    grads: &mut Array<f32>,
    values: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    first: u32,
    #[comptime] mixtures: usize,
) {
    let job = (first + CUBE_POS_Z * comptime!(BACKWARD as u32)) as usize;
    // Units beyond the last row go along, since all of a cube wait for each other.
    let row = min(CUBE_POS_X * comptime!(ROWS as u32) + UNIT_POS_Y, batch[0] - 1u32);
    let inside = CUBE_POS_X * comptime!(ROWS as u32) + UNIT_POS_Y < batch[0];
    let width = jobs[job + 2];
    let experts = jobs[job + 3];
    let last = jobs[job + 6] - 1u32;
    let x_at = jobs[job] + row * jobs[job + 1];
    let d_at = jobs[job + 4] + row * jobs[job + 5];
    let of_groups = jobs[job + 9];
    let of_weights = jobs[job + 10];
    let pairs = comptime!(AT_ONCE * mixtures);
    let mut parts = SharedMemory::<f32>::new(comptime!(ROWS * AT_ONCE * mixtures * APART));
    let own = UNIT_POS_Y as usize * comptime!(AT_ONCE * mixtures * APART);
    let mut expert = 0u32;
    while expert < experts {
        let mut from = 0u32;
        while from <= last {
            let mut weights = Array::<f32>::new(pairs);
            let mut products = Array::<f32>::new(pairs);
            #[unroll]
            for e in 0..AT_ONCE {
                #[unroll]
                for t in 0..mixtures {
                    let mut w = 0.0f32;
                    if expert + (e as u32) < experts && from + t as u32 <= last {
                        w = weight(values, jobs, job, row, from + t as u32, expert + e as u32);
                    }
                    weights[comptime!(e * mixtures + t)] = w;
                    products[comptime!(e * mixtures + t)] = 0.0f32;
                }
            }
            let mut col = UNIT_POS_X;
            while col < width {
                let mut slopes = Array::<f32>::new(mixtures);
                #[unroll]
                for t in 0..mixtures {
                    slopes[t] = grads[(d_at + min(from + t as u32, last) * width + col) as usize];
                }
                #[unroll]
                for e in 0..AT_ONCE {
                    if expert + (e as u32) < experts {
                        let at = (x_at + (expert + e as u32) * width + col) as usize;
                        let x = values[at];
                        let mut sum = 0.0f32;
                        #[unroll]
                        for t in 0..mixtures {
                            let pair = comptime!(e * mixtures + t);
                            sum = fma(weights[pair], slopes[t], sum);
                            products[pair] = fma(x, slopes[t], products[pair]);
                        }
                        if of_groups > NOTHING && inside {
                            if of_groups == ADDS || from > 0u32 {
                                sum += grads[at];
                            }
                            grads[at] = sum;
                        }
                    }
                }
                col += comptime!(LANES as u32);
            }
            #[unroll]
            for pair in 0..pairs {
                parts[own + comptime!(pair * APART) + UNIT_POS_X as usize] = products[pair];
            }
            sync_cube();
            let e = expert + UNIT_POS_X / comptime!(mixtures as u32);
            let t = from + UNIT_POS_X % comptime!(mixtures as u32);
            let wanted = of_weights > NOTHING && inside && UNIT_POS_X < comptime!((AT_ONCE * mixtures) as u32);
            if wanted && e < experts && t <= last {
                let mut sum = 0.0f32;
                for lane in 0..LANES {
                    sum += parts[own + UNIT_POS_X as usize * APART + lane];
                }
                let at = (jobs[job + 7] + row * jobs[job + 8] + t * experts + e) as usize;
                if of_weights == ADDS {
                    sum += grads[at];
                }
                grads[at] = sum;
            }
            sync_cube();
            from += comptime!(mixtures as u32);
        }
        expert += comptime!(AT_ONCE as u32);
    }
}
