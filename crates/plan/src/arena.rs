//! How dense parameters lie in memory.

/// Tensors start on multiples of this many `f32` (256 bytes: a cache line of every machine, and the alignment GPU
/// loads like).
pub const ALIGN: usize = 64;

/// `len` rounded up to the next multiple of [`ALIGN`].
pub fn padded(len: usize) -> usize {
    len.next_multiple_of(ALIGN)
}
