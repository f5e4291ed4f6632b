//! The worker processes of a scheduler. A worker stops when its standard input ends: the scheduler drops the pipe to ask
//! for it, and the kernel does when the scheduler dies.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::queue::Outcome;
use crate::key::TrialKey;

/// How a worker tells its scheduler what came of the run.
pub mod exit {
    /// The record is written.
    pub const FINISHED: u8 = 0;
    /// The run failed; its events say why.
    pub const FAILED: u8 = 1;
    /// It checkpointed and stopped, as asked.
    pub const STOPPED: u8 = 3;
    /// Another worker holds the run.
    pub const BUSY: u8 = 4;
}

/// The processes that run, by key.
#[derive(Debug)]
pub struct Workers {
    program: PathBuf,
    dir: PathBuf,
    threads: usize,
    children: BTreeMap<TrialKey, Child>,
}

impl Workers {
    /// Workers of the grid in `dir`, each `program worker DIR KEY --threads N`.
    pub fn new(program: &Path, dir: &Path, threads: usize) -> Self {
        Self { program: program.to_owned(), dir: dir.to_owned(), threads, children: BTreeMap::new() }
    }

    /// Starts one; whatever it prints goes to `KEY/worker.log`. Returns its process id.
    ///
    /// # Errors
    /// When the log cannot be opened or the process not started.
    pub fn start(&mut self, key: &TrialKey) -> io::Result<u32> {
        let log = OpenOptions::new().create(true).append(true).open(self.dir.join(key.as_str()).join("worker.log"))?;
        let child = Command::new(&self.program)
            .arg("worker")
            .arg(&self.dir)
            .arg(key.as_str())
            .args(["--threads", &self.threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let pid = child.id();
        self.children.insert(key.clone(), child);
        Ok(pid)
    }

    /// Asks one to checkpoint and stop.
    pub fn stop(&mut self, key: &TrialKey) {
        if let Some(child) = self.children.get_mut(key) {
            drop(child.stdin.take());
        }
    }

    /// Those that ended since the last call.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn ended(&mut self) -> io::Result<Vec<(TrialKey, Outcome)>> {
        let mut ended = vec![];
        for (key, child) in &mut self.children {
            if let Some(status) = child.try_wait()? {
                ended.push((key.clone(), outcome(status)));
            }
        }
        for (key, _) in &ended {
            self.children.remove(key);
        }
        Ok(ended)
    }
}

fn outcome(status: ExitStatus) -> Outcome {
    match status.code().map(u8::try_from) {
        Some(Ok(exit::FINISHED)) => Outcome::Finished,
        Some(Ok(exit::STOPPED)) => Outcome::Stopped,
        Some(Ok(exit::BUSY)) => Outcome::Busy,
        // The reason is in the run's folder.
        Some(Ok(exit::FAILED)) => Outcome::Failed(String::new()),
        // A signal (out of memory, `kill -9`) or a panic; the run's last checkpoint is intact.
        _ => Outcome::Failed(format!("the worker died ({status}); see worker.log")),
    }
}
