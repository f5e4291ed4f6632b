//! Buffers that start on a cache line.

use std::ops::{Deref, DerefMut};

use bytemuck::{Pod, Zeroable};

/// 64 bytes: a cache line, and one AVX-512 register.
#[derive(Clone, Copy, Zeroable, Pod)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Zeroed `f32` that start on a multiple of 64 bytes. Pages are the operating system's until first written.
#[derive(Clone, Default)]
pub struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        Self { lines: bytemuck::zeroed_vec(len.div_ceil(16)), len }
    }

    /// A copy of `values`.
    pub fn from_slice(values: &[f32]) -> Self {
        let mut aligned = Self::zeros(values.len());
        aligned.copy_from_slice(values);
        aligned
    }

    /// Makes it at least `len` long; new elements are 0.
    pub fn grow(&mut self, len: usize) {
        if len > self.len {
            self.lines.resize(len.div_ceil(16), Line::zeroed());
            self.len = len;
        }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_on_a_cache_line_and_grows_with_zeros() {
        let mut buffer = Aligned::from_slice(&[1.0; 17]);
        assert_eq!((buffer.as_ptr().align_offset(64), buffer.len()), (0, 17));
        buffer.grow(40);
        assert_eq!((&buffer[..17], &buffer[17..]), (&[1.0; 17][..], &[0.0; 23][..]));
        buffer.grow(3);
        assert_eq!(buffer.len(), 40);
    }
}
