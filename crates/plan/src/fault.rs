//! What is wrong with a file that a user wrote, and on which line.

use std::fmt;
use std::ops::Range;

/// One thing that is wrong with a file, as one sentence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file, as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong, what was expected, and the nearest valid choice.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// Everything that is wrong with a file, in the order of its lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

/// More than this many would hide the first, which may have caused the others.
const SHOWN: usize = 10;

impl Faults {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().take(SHOWN).map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))?;
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            hidden => write!(f, "\n{}: and {hidden} more like these", self.0[0].file),
        }
    }
}

/// Collects faults while a file is read.
pub struct Checker<'a> {
    file: &'a str,
    text: &'a str,
    faults: Vec<Fault>,
}

impl<'a> Checker<'a> {
    /// For the text of the file of this name.
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, faults: vec![] }
    }

    /// Line, from 1, of a span of the text.
    pub fn line(&self, span: &Range<usize>) -> usize {
        line_at(self.text.as_bytes(), span.start)
    }

    /// Notes what is wrong at a span of the text.
    pub fn report(&mut self, span: &Range<usize>, message: impl Into<String>) {
        let fault = Fault { file: self.file.to_owned(), line: self.line(span), message: message.into() };
        self.faults.push(fault);
    }

    /// The value of a result; an error is reported at `span`.
    pub fn keep<T>(&mut self, span: &Range<usize>, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.report(span, message)).ok()
    }

    /// What was reported so far, if anything.
    ///
    /// # Errors
    /// All of it, sorted by line.
    pub fn finish(mut self) -> Result<(), Faults> {
        if self.faults.is_empty() {
            return Ok(());
        }
        self.faults.sort_by_key(|fault| fault.line);
        self.faults.dedup();
        Err(Faults(self.faults))
    }
}

/// Line, from 1, of a byte of the text.
pub fn line_at(text: &[u8], at: usize) -> usize {
    text[..at.min(text.len())].split(|byte| *byte == b'\n').count()
}

/// `` `a`, `b` `` for messages, cut after 16 words.
pub fn listed<T: fmt::Display>(words: impl IntoIterator<Item = T>) -> String {
    const MOST: usize = 16;
    let mut words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    if words.len() > MOST {
        let hidden = words.len() - MOST;
        words.truncate(MOST);
        words.push(format!("{hidden} more"));
    }
    words.join(", ")
}

/// `; did you mean ...?`, or nothing.
pub fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
}
