//! The widest instructions the machine has, chosen when the program runs.

use std::sync::OnceLock;

use pulp::{Arch, Simd, WithSimd};

/// Names an instruction set to use instead of the machine's widest: `scalar`, or `avx2` where there is AVX-512.
const VARIABLE: &str = "MMTL_SIMD";

static ARCH: OnceLock<Arch> = OnceLock::new();

/// Chooses the instruction set, once for the program.
///
/// # Errors
/// When the environment names one that the machine does not have.
pub fn choose() -> Result<(), String> {
    let arch = match std::env::var(VARIABLE).as_deref() {
        Err(_) | Ok("") => Arch::new(),
        Ok("scalar") => Arch::Scalar,
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Ok("avx2") if let Some(avx2) = pulp::x86::V3::try_new() => Arch::V3(avx2),
        Ok(other) => {
            return Err(format!(
                "{VARIABLE} is `{other}`, expected `scalar`, `avx2` on a machine that has it, or nothing"
            ));
        }
    };
    ARCH.get_or_init(|| arch);
    Ok(())
}

/// The instruction set in use.
#[inline(always)]
pub fn arch() -> Arch {
    *ARCH.get_or_init(Arch::new)
}

/// An expression compiled for the machine's instruction set, so that its loops are vectorised with it. Rust neither
/// contracts nor reorders floating-point operations, so the set changes speed and no bit.
///
/// A macro, since a closure that the compiler does not inline is compiled for the oldest processors: four numbers at a
/// time where there is room for sixteen. For the same reason what the expression calls has to be `#[inline(always)]`,
/// unless it is so small that the compiler inlines it anyway.
macro_rules! vectorised {
    ($body:expr) => {
        $crate::simd::arch().dispatch($crate::simd::Loops(
            #[inline(always)]
            || $body,
        ))
    };
}
pub(crate) use vectorised;

/// What [`vectorised`] runs. Calling a closure by reference reaches its body, by value a function between the two that
/// the compiler may not inline.
pub struct Loops<F>(pub F);

impl<R, F: FnMut() -> R> WithSimd for Loops<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}

/// Asks for the cache line of `values[at]`, if there is such an element, long before it is read.
#[inline(always)]
pub fn prefetch(values: &[f32], at: usize) {
    if let Some(value) = values.get(at) {
        prefetch_line(value);
    }
}

/// Asks for the cache line at an address, which may be no one's.
#[inline(always)]
pub fn prefetch_line(at: *const f32) {
    // SAFETY: a prefetch reads nothing that a program can see and does not fault.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
