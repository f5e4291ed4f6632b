//! The real binary in a folder of its own.

use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder to run `mmtl` in.
pub struct Program {
    dir: TempDir,
}

/// What a finished command left.
#[derive(Debug)]
pub struct Finished {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Program {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The binary with its folder as working directory and the shipped data where the program looks for it.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mmtl"));
        command.current_dir(self.dir.path()).args(args);
        command.env("MMTL_DATA", concat!(env!("CARGO_MANIFEST_DIR"), "/data"));
        command
    }

    pub fn run(&self, args: &[&str]) -> Finished {
        Finished::from(self.command(args).output().unwrap())
    }

    /// Runs `mmtl run FILE` to its end with one job of one thread, unless `more` says otherwise.
    pub fn grid(&self, file: &str, more: &[&str]) -> Finished {
        self.run(&[&["run", "--plain", file], more].concat())
    }

    /// Everything below the folder, for "nothing was written".
    pub fn listing(&self) -> Vec<PathBuf> {
        let mut found = vec![];
        let mut open = vec![self.dir.path().to_owned()];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path.clone());
                }
                found.push(path);
            }
        }
        found.sort();
        found
    }
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A grid that trains in a moment: two tasks, two scenes, an architecture that owns every kind of state.
pub const SMALL: &str = r#"
name = "small"
[data]
source = "synthetic"
rows = 3000
dim = 8
scenes = 2
[model]
dropout = 0.1
[star]
bottom_widths = [8]
tower_widths = [4]
[shared-bottom]
bottom_widths = [8]
tower_widths = [4]
[train]
epochs = 2
batch_size = 64
[grid]
architecture = ["shared-bottom", "star"]
seed = [1, 2]
"#;
