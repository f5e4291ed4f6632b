//! Order-preserving integer keys of floats, and a radix sort for them.
//!
//! A least-significant-digit sort of 11-bit digits takes three passes over f32 keys and six over f64 keys, and skips
//! those in which all keys agree: linear where a comparison sort pays another log n.

/// Bits of one digit: 2048 counters fit the first-level cache.
const DIGIT_BITS: u32 = 11;
const BUCKETS: usize = 1 << DIGIT_BITS;

/// Below this many keys the counters cost more than comparing.
const COMPARE_BELOW: usize = 2 * BUCKETS;

/// An unsigned integer that a radix sort can take apart.
pub(crate) trait Key: Copy + Ord + Default {
    /// Width in bits.
    const BITS: u32;
    /// The digit that starts at bit `shift`.
    fn digit(self, shift: u32) -> usize;
}

impl Key for u32 {
    const BITS: u32 = 32;
    #[inline]
    fn digit(self, shift: u32) -> usize {
        (self >> shift) as usize & (BUCKETS - 1)
    }
}

impl Key for u64 {
    const BITS: u32 = 64;
    #[inline]
    fn digit(self, shift: u32) -> usize {
        (self >> shift) as usize & (BUCKETS - 1)
    }
}

/// The bits of `x` as an integer in the order of the numbers; −0 and 0 share one key. `x` is finite.
#[inline]
pub(crate) fn key32(x: f32) -> u32 {
    let bits = (x + 0.0).to_bits(); // −0 + 0 = 0
    // Negative numbers grow towards zero bits: flip all of them, and only the sign of the others.
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// As [`key32`], in double precision.
#[inline]
pub(crate) fn key64(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// Sorts ascending.
pub(crate) fn sort<K: Key>(keys: &mut Vec<K>) {
    if keys.len() < COMPARE_BELOW {
        keys.sort_unstable();
        return;
    }
    let mut other = vec![K::default(); keys.len()];
    for shift in (0..K::BITS).step_by(DIGIT_BITS as usize) {
        if pass(keys, &mut other, shift) {
            std::mem::swap(keys, &mut other);
        }
    }
}

/// One stable pass by the digit at `shift`; false, with `to` untouched, if all keys agree in it.
fn pass<K: Key>(from: &[K], to: &mut [K], shift: u32) -> bool {
    let mut starts = [0_usize; BUCKETS];
    for key in from {
        starts[key.digit(shift)] += 1;
    }
    if starts.contains(&from.len()) {
        return false;
    }
    let mut next = 0;
    for start in &mut starts {
        next += std::mem::replace(start, next);
    }
    for key in from {
        let place = &mut starts[key.digit(shift)];
        to[*place] = *key;
        *place += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_order_as_numbers_do() {
        let ascending = [-f64::MAX, -1.0, -1e-300, -f64::from_bits(1), 0.0, f64::from_bits(1), 1e-300, 1.0, f64::MAX];
        assert!(ascending.windows(2).all(|w| key64(w[0]) < key64(w[1])));
        assert_eq!(key64(-0.0), key64(0.0));
        let ascending = [-f32::MAX, -1.0, -f32::from_bits(1), 0.0, f32::from_bits(1), 1.0, f32::MAX];
        assert!(ascending.windows(2).all(|w| key32(w[0]) < key32(w[1])));
        assert_eq!(key32(-0.0), key32(0.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn sorts_as_the_standard_library(
            seed in any::<u64>(),
            len in prop_oneof![Just(0), Just(1), COMPARE_BELOW - 1..=COMPARE_BELOW + 1, 5000..9000_usize],
            keep in prop_oneof![Just(u64::MAX), Just(0x7FF), Just(0xFFFF_0000_0000_0000), Just(0)],
        ) {
            // Splitmix-like mixing, with some digits masked away so that passes are skipped.
            let mut keys: Vec<u64> = (0..len as u64)
                .map(|i| (i ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29) & keep)
                .collect();
            let mut narrow: Vec<u32> = keys.iter().map(|key| *key as u32).collect();
            let (mut expected, mut expected_narrow) = (keys.clone(), narrow.clone());
            expected.sort_unstable();
            expected_narrow.sort_unstable();
            sort(&mut keys);
            sort(&mut narrow);
            prop_assert_eq!(keys, expected);
            prop_assert_eq!(narrow, expected_narrow);
        }
    }
}
