//! Which process this is, and whether another one of this machine still lives.

use std::fs;

use serde::{Deserialize, Serialize};

/// A process on a machine, so that another one can tell whether it still lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// The machine's name.
    pub host: String,
    /// Where process numbers mean something: containers may share the machine's name, but not this.
    pub namespace: Option<String>,
    /// Changes when the machine starts anew.
    pub boot: Option<String>,
    /// Process number.
    pub pid: u32,
    /// When the process started, in the system's own unit: process numbers are used again.
    pub started: Option<u64>,
}

impl Holder {
    /// This process.
    pub fn current() -> Self {
        let pid = std::process::id();
        Self { host: host_name(), namespace: namespace(), boot: boot(), pid, started: process(pid).map(|p| p.started) }
    }

    /// Whether process numbers of `self` and `other` are of one kind, so that [`Holder::is_alive`] can be asked. Names of
    /// machines and namespaces are not enough, as copies of one image share both: only of one boot nothing is mistaken.
    pub fn shares_machine(&self, other: &Self) -> bool {
        self.host == other.host && self.namespace == other.namespace && self.boot == other.boot
    }

    /// Whether the process lives, asked by one of the same machine. A zombie does not: its work is over, whether or not
    /// somebody has asked for its exit code.
    pub fn is_alive(&self) -> bool {
        match process(self.pid) {
            Some(process) => !process.is_over && self.started.is_none_or(|started| started == process.started),
            None => false,
        }
    }
}

/// What the system says of a process.
struct Process {
    started: u64,
    is_over: bool,
}

#[cfg(target_os = "linux")]
fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // proc(5): the name, in parentheses, may hold anything; state is the first field after it, start time the 20th.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    Some(Process { started: fields.nth(18)?.parse().ok()?, is_over: matches!(state, "Z" | "X" | "x") })
}

#[cfg(not(target_os = "linux"))]
fn process(pid: u32) -> Option<Process> {
    let pid = libc::pid_t::try_from(pid).ok()?;
    // SAFETY: signal 0 asks whether the process exists and touches no memory.
    let answer = unsafe { libc::kill(pid, 0) };
    let forbidden = std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM);
    (answer == 0 || forbidden).then_some(Process { started: 0, is_over: false })
}

fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

fn namespace() -> Option<String> {
    fs::read_link("/proc/self/ns/pid").ok().map(|name| name.display().to_string())
}

fn host_name() -> String {
    let mut name = [0u8; 256];
    // SAFETY: the buffer is writable for the length given, and its last byte stays 0.
    let answer = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    if answer != 0 {
        return "unnamed".to_owned();
    }
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    String::from_utf8_lossy(&name[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_alive_until_it_ends() {
        let here = Holder::current();
        assert!(here.is_alive());
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let pid = child.id();
        let there = Holder { pid, started: process(pid).map(|p| p.started), ..here.clone() };
        assert!(there.is_alive());
        child.kill().unwrap();
        if cfg!(target_os = "linux") {
            // Not yet asked for its exit code: a zombie.
            while !process(pid).is_some_and(|process| process.is_over) {
                std::thread::yield_now();
            }
            assert!(!there.is_alive());
        }
        child.wait().unwrap();
        assert!(!there.is_alive());
    }

    #[test]
    fn another_boot_or_another_process_of_the_same_number_is_not_it() {
        let here = Holder::current();
        let rebooted = Holder { boot: Some("another".into()), ..here.clone() };
        assert!(!rebooted.shares_machine(&here));
        if let Some(started) = here.started.filter(|_| cfg!(target_os = "linux")) {
            let reused = Holder { started: Some(started + 1), ..here.clone() };
            assert!(!reused.is_alive());
        }
        let elsewhere = Holder { host: format!("not-{}", here.host), ..here.clone() };
        let contained = Holder { namespace: Some("pid:[1]".into()), ..here.clone() };
        assert!(!elsewhere.shares_machine(&here) && !contained.shares_machine(&here));
    }
}
