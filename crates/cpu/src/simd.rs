//! The widest instructions the machine has, chosen when the program runs.

use std::sync::LazyLock;

use pulp::Arch;

static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Runs `f` compiled for the machine's instruction set, so that its loops are vectorised with it. Rust neither
/// contracts nor reorders floating-point operations, so the set changes speed and no bit; only matrix products, which
/// fuse multiplication and addition, have bits of their own in each.
#[inline(always)]
pub fn vectorised<R>(f: impl FnOnce() -> R) -> R {
    ARCH.dispatch(f)
}

/// Name of the instruction set that matrix products use, by the same detection as the `gemm` crate's.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub fn name() -> &'static str {
    if std::arch::is_x86_feature_detected!("avx512f") {
        "avx512"
    } else if std::arch::is_x86_feature_detected!("fma") {
        "avx2"
    } else {
        "scalar"
    }
}

/// Name of the instruction set that matrix products use, by the same detection as the `gemm` crate's.
#[cfg(target_arch = "aarch64")]
pub fn name() -> &'static str {
    if std::arch::is_aarch64_feature_detected!("neon") { "neon" } else { "scalar" }
}

/// Name of the instruction set that matrix products use.
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
pub fn name() -> &'static str {
    "scalar"
}
