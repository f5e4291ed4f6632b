//! Writing events.

use std::marker::PhantomData;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::GridError;
use crate::events::{Stamped, VERSION, now};
use crate::store::{Line, LineReader, LineWriter};

/// Stamps events and appends them to a file, as one attempt.
#[derive(Debug)]
pub struct EventWriter<E> {
    lines: LineWriter,
    attempt: u32,
    seq: u64,
    events: PhantomData<E>,
}

impl<E: Serialize + DeserializeOwned> EventWriter<E> {
    /// A new attempt, one past the last that the file tells of. The caller must hold the lease that makes it the
    /// file's only writer.
    ///
    /// # Errors
    /// When the file cannot be read or written, or a newer program wrote to it.
    pub fn open(path: &Path) -> Result<Self, GridError> {
        let last = Self::go_on(path)?;
        Ok(Self { attempt: last.attempt.saturating_add(1), seq: 0, ..last })
    }

    /// The last attempt that the file tells of, for what happens after its writer has ended. The caller must see to it
    /// that there is no other writer.
    ///
    /// # Errors
    /// As [`EventWriter::open`].
    pub(crate) fn go_on(path: &Path) -> Result<Self, GridError> {
        // First, since it cuts off what a killed writer left unfinished.
        let lines = LineWriter::open(path)?;
        let (mut last, mut newest) = ((0, 0), VERSION);
        LineReader::<Stamped<E>>::new(path).poll_each(|line| match line {
            Line::Value(line) => last = last.max((line.attempt, line.seq)),
            Line::Newer { found, .. } => newest = newest.max(found),
            Line::Corrupt { .. } => {}
        })?;
        newest.check(VERSION, path)?;
        Ok(Self { lines, attempt: last.0, seq: last.1, events: PhantomData })
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Appends an event.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn tell(&mut self, event: E) -> Result<(), GridError> {
        self.seq += 1;
        self.lines.append(&Stamped { v: VERSION, attempt: self.attempt, seq: self.seq, at: now(), event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::RunEvent;

    type Writer = EventWriter<RunEvent>;

    #[test]
    fn every_opening_is_an_attempt_and_numbers_its_events() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        for attempt in 1..=3 {
            let mut writer = Writer::open(&path).unwrap();
            assert_eq!(writer.attempt(), attempt);
            writer.tell(RunEvent::Stopped).unwrap();
            writer.tell(RunEvent::Finished).unwrap();
        }
        let lines = LineReader::<Stamped<RunEvent>>::new(&path).poll().unwrap();
        let stamps = lines.into_iter().map(|line| match line {
            Line::Value(line) => (line.attempt, line.seq),
            Line::Corrupt { .. } | Line::Newer { .. } => panic!("{line:?}"),
        });
        assert_eq!(stamps.collect::<Vec<_>>(), [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]);
    }

    #[test]
    fn nothing_is_written_behind_a_newer_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        std::fs::write(&path, "garbage\n{\"v\":4}\n").unwrap();
        assert!(matches!(Writer::open(&path), Err(GridError::Newer { found: 4, known: 3, .. })));
        std::fs::write(&path, "garbage\n").unwrap();
        assert_eq!(Writer::open(&path).unwrap().attempt(), 1);
    }
}
