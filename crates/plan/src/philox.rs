//! Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011).
//!
//! A number is a pure function of (seed, purpose, name, step, index). Nothing is consumed, so adding a parameter or
//! an expert moves no other number, and any thread may draw any element.

use serde::{Deserialize, Serialize};

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Ten rounds of Philox4x32.
#[inline]
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (mut c, mut k) = (counter, key);
    for _ in 0..10 {
        let a = u64::from(MULTIPLIERS[0]) * u64::from(c[0]);
        let b = u64::from(MULTIPLIERS[1]) * u64::from(c[2]);
        c = [(b >> 32) as u32 ^ c[1] ^ k[0], b as u32, (a >> 32) as u32 ^ c[3] ^ k[1], a as u32];
        k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
    }
    c
}

/// What random numbers are used for. Each purpose has a seed of its own in [`Seeds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Generated data.
    Data,
    /// Which rows are train, validation and test.
    Split,
    /// Initial parameters.
    Initialisation,
    /// The order of train rows in each epoch.
    Order,
    /// Dropout masks.
    Dropout,
}

impl Purpose {
    /// Every purpose, in the order of [`Seeds`]' fields.
    pub const ALL: [Self; 5] = [Self::Data, Self::Split, Self::Initialisation, Self::Order, Self::Dropout];

    /// Name, as in experiment files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Split => "split",
            Self::Initialisation => "initialisation",
            Self::Order => "order",
            Self::Dropout => "dropout",
        }
    }
}

/// One seed per purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds {
    /// Seed of generated data.
    pub data: u64,
    /// Seed of the split.
    pub split: u64,
    /// Seed of initial parameters.
    pub initialisation: u64,
    /// Seed of the row order.
    pub order: u64,
    /// Seed of dropout masks.
    pub dropout: u64,
}

impl Seeds {
    /// The same seed for every purpose.
    pub fn all(seed: u64) -> Self {
        Self { data: seed, split: seed, initialisation: seed, order: seed, dropout: seed }
    }

    /// The seed of one purpose.
    pub fn of(&self, purpose: Purpose) -> u64 {
        match purpose {
            Purpose::Data => self.data,
            Purpose::Split => self.split,
            Purpose::Initialisation => self.initialisation,
            Purpose::Order => self.order,
            Purpose::Dropout => self.dropout,
        }
    }
}

/// The numbers of one (seed, purpose, name): an array of 2^64 steps of 2^64 blocks of four `u32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
}

impl Stream {
    /// The stream of `name` for `purpose`. The key is the first 8 bytes of a BLAKE3 hash, so streams of different
    /// names collide with probability 2^-64.
    pub fn new(seed: u64, purpose: Purpose, name: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(purpose.name().as_bytes());
        hasher.update(&[0]);
        hasher.update(&seed.to_le_bytes());
        hasher.update(name.as_bytes());
        let hash = hasher.finalize();
        let word = |at: usize| u32::from_le_bytes(hash.as_bytes()[at..at + 4].try_into().expect("four bytes"));
        Self { key: [word(0), word(4)] }
    }

    /// The Philox key, for engines that draw the same numbers on a device.
    pub fn key(&self) -> [u32; 2] {
        self.key
    }

    /// Four words: elements `4 * block .. 4 * block + 4` of `step`.
    #[inline]
    pub fn block(&self, step: u64, block: u64) -> [u32; 4] {
        philox4x32([block as u32, (block >> 32) as u32, step as u32, (step >> 32) as u32], self.key)
    }

    /// Element `index` of `step`.
    #[inline]
    pub fn word(&self, step: u64, index: u64) -> u32 {
        self.block(step, index / 4)[(index % 4) as usize]
    }

    /// Uniform in (0, 1): 32 random bits in the middle of their interval, so neither end occurs.
    #[inline]
    pub fn uniform(&self, step: u64, index: u64) -> f64 {
        (f64::from(self.word(step, index)) + 0.5) * 2f64.powi(-32)
    }

    /// Standard normal by Box and Muller (1958): element `index` takes one block of its own. `libm` is used so
    /// that the bits do not depend on the platform's mathematical library.
    pub fn normal(&self, step: u64, index: u64) -> f64 {
        let words = self.block(step, index);
        let unit = |hi: u32, lo: u32| {
            let bits = (u64::from(hi) << 20) | u64::from(lo >> 12);
            (bits as f64 + 0.5) * 2f64.powi(-52)
        };
        let radius = libm::sqrt(-2.0 * libm::log(unit(words[0], words[1])));
        radius * libm::cos(std::f64::consts::TAU * unit(words[2], words[3]))
    }

    /// Puts `items` in the order of `step`, by Fisher and Yates with 64-bit draws (bias below n / 2^64).
    pub fn shuffle<T>(&self, step: u64, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let words = self.block(step, i as u64);
            let draw = (u64::from(words[0]) << 32) | u64::from(words[1]);
            let j = ((u128::from(draw) * (i as u128 + 1)) >> 64) as usize;
            items.swap(i, j);
        }
    }
}

/// The number that divides `low..=high` (both above 0) at `share` on a logarithmic scale: `share` 0 is `low`, 1 is `high`.
/// By `libm`, as normal numbers are.
#[must_use]
pub fn log_between(low: f64, high: f64, share: f64) -> f64 {
    let (from, to) = (libm::log(low), libm::log(high));
    libm::exp(from + share * (to - from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithmic_scale_has_even_ratios() {
        assert!((log_between(1e-4, 1e-2, 0.5) - 1e-3).abs() < 1e-15);
        assert!((log_between(2.0, 32.0, 0.25) - 4.0).abs() < 1e-12);
        assert!((log_between(0.5, 8.0, 0.0) - 0.5).abs() < 1e-15 && (log_between(0.5, 8.0, 1.0) - 8.0).abs() < 1e-12);
    }

    /// Known answers of the Random123 distribution (`kat_vectors`, philox4x32 10).
    #[test]
    fn known_answers() {
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox4x32([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox4x32([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_name() {
        let base = Stream::new(1, Purpose::Order, "rows");
        assert_ne!(base, Stream::new(2, Purpose::Order, "rows"));
        assert_ne!(base, Stream::new(1, Purpose::Dropout, "rows"));
        assert_ne!(base, Stream::new(1, Purpose::Order, "row"));
    }

    #[test]
    fn normal_has_its_moments() {
        let stream = Stream::new(7, Purpose::Data, "x");
        let n = 40_000u32;
        let draws: Vec<f64> = (0..n).map(|i| stream.normal(0, u64::from(i))).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(n);
        // Four standard errors: 1 / sqrt(n) and sqrt(2 / n).
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((variance - 1.0).abs() < 0.0283, "{variance}");
    }

    #[test]
    fn a_shuffle_keeps_every_item_and_changes_with_the_step() {
        let stream = Stream::new(3, Purpose::Order, "rows");
        let shuffled = |step| {
            let mut items: Vec<u32> = (0..1000).collect();
            stream.shuffle(step, &mut items);
            items
        };
        let mut first = shuffled(0);
        assert_ne!(first, shuffled(1));
        first.sort_unstable();
        assert!(first.iter().enumerate().all(|(i, &v)| i as u32 == v));
        stream.shuffle(0, &mut [(); 0]);
    }
}
