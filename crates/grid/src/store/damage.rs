//! What was wrong with a file of lines.

use std::path::Path;

use crate::store::lines::Line;

/// Lines of a file that could not be used, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Lines that hold something else, and times that the file became shorter.
    pub corrupt: u64,
    /// Lines that a newer program wrote.
    pub newer: u64,
    /// The first of them: its number in the file, from 1, and what is wrong with it.
    pub first: Option<(u64, String)>,
}

impl Damage {
    /// Whether every line was good.
    pub fn is_none(&self) -> bool {
        self.corrupt + self.newer == 0
    }

    /// One sentence that names the file and its first bad line; `None` when every line was good.
    pub fn sentence(&self, path: &Path) -> Option<String> {
        let (line, reason) = self.first.as_ref()?;
        let more = match self.corrupt + self.newer {
            0 | 1 => String::new(),
            2 => "; and 1 more line".to_owned(),
            all => format!("; and {} more lines", all - 1),
        };
        Some(format!("{}:{line}: {reason}{more}", path.display()))
    }

    pub(crate) fn note<T>(&mut self, line: &Line<T>) {
        let (number, reason) = match line {
            Line::Value(_) => return,
            Line::Corrupt { line, reason } => {
                self.corrupt += 1;
                (*line, reason.clone())
            }
            Line::Newer { line, found } => {
                self.newer += 1;
                (*line, format!("written in format {} by a newer program", found.0))
            }
        };
        self.first.get_or_insert((number, reason));
    }

    pub(super) fn seen<T>(&mut self, line: Line<T>) -> Line<T> {
        self.note(&line);
        line
    }
}
