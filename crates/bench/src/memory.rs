//! Memory of this process.

/// Bytes resident now, without what was freed but is still kept by the allocator; `None` where the system does not
/// tell in this way.
pub fn resident() -> Option<u64> {
    give_back();
    // proc(5): VmRSS in kibibytes.
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Lets the allocator return free pages: those that one case leaves would hide what the next one takes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back() {
    // SAFETY: malloc_trim(3) may be called at any time, from any thread; it moves nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}
