//! Vector arithmetic with a fixed order: sums run over 16 lanes that are then folded in halves, whatever the
//! machine's registers, so that bits do not depend on the instruction set. Call inside [`crate::simd::vectorised`].

/// Lanes of a sum.
pub const LANES: usize = 16;

/// Adds the lanes up, in halves.
#[inline(always)]
fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// `Σ f(a, b)` over pairs.
#[inline(always)]
pub fn sum_of(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail = (a_chunks.remainder(), b_chunks.remainder());
    for (a, b) in a_chunks.zip(b_chunks) {
        for i in 0..LANES {
            lanes[i] += f(a[i], b[i]);
        }
    }
    for (lane, (&a, &b)) in lanes.iter_mut().zip(tail.0.iter().zip(tail.1)) {
        *lane += f(a, b);
    }
    fold(lanes)
}

/// `Σ a·b`
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_of(a, b, |a, b| a * b)
}

/// `to += scale · from`
#[inline(always)]
pub fn add_scaled(to: &mut [f32], scale: f32, from: &[f32]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to += scale * from;
    }
}

/// `Σ a·b` in f64.
#[inline(always)]
pub fn wide_dot(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail = (a_chunks.remainder(), b_chunks.remainder());
    for (a, b) in a_chunks.zip(b_chunks) {
        for i in 0..LANES {
            lanes[i] += f64::from(a[i]) * f64::from(b[i]);
        }
    }
    for (lane, (&a, &b)) in lanes.iter_mut().zip(tail.0.iter().zip(tail.1)) {
        *lane += f64::from(a) * f64::from(b);
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_take_in_every_element_once() {
        for len in [0, 1, 15, 16, 17, 45] {
            let a: Vec<f32> = (0..len).map(|i| i as f32 * 0.25).collect();
            let ones = vec![1.0; len];
            let expected = 0.25 * (len * len.saturating_sub(1) / 2) as f32;
            assert_eq!((dot(&a, &ones), wide_dot(&a, &ones)), (expected, f64::from(expected)));
        }
    }
}
