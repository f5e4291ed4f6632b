//! Tests that need a process to themselves: what is compiled, allocated or has failed is the whole process's.

use std::env;
use std::process::Command;

/// Set in such a process.
const ALONE: &str = "MMTL_TEST_ALONE";

/// Runs `test`, which is the body of the test called `name`, in a process of its own.
pub fn alone(name: &str, test: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        return test();
    }
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    // Mesa keeps what it compiled on disk, for other processes.
    command.args([name, "--exact", "--nocapture"]).env(ALONE, "1").env("MESA_SHADER_CACHE_DISABLE", "true");
    let ran = command.output().expect("it starts");
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && out.contains("1 passed"), "{name}: {}\n{out}\n{err}", ran.status);
}
