//! Asks for memory before it is read.

/// Floor of a cache line's bytes on the machines that this runs on.
const LINE: usize = 64;

/// Asks for the cache lines of row `row` of `values`, `[rows, width]`.
#[inline]
pub fn prefetch<T>(values: &[T], row: usize, width: usize) {
    let bytes = width * size_of::<T>();
    if bytes == 0 {
        return;
    }
    let start = values.as_ptr().wrapping_add(row * width).cast::<u8>();
    for at in (0..bytes).step_by(LINE) {
        prefetch_line(start.wrapping_add(at));
    }
    prefetch_line(start.wrapping_add(bytes - 1));
}

#[inline]
fn prefetch_line(at: *const u8) {
    // SAFETY: a prefetch reads nothing that a program can see and does not fault.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
