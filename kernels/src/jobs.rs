//! What launches work on, as words in one buffer: a launch does the same for each job of a list, so that their number
//! does not depend on how many experts, tasks and scenes there are.

use crate::ops::mix;

/// Words of all lists of a plan.
#[derive(Default)]
pub struct Jobs {
    words: Vec<u32>,
    /// Jobs of the longest list that a launch has cubes for.
    longest: usize,
}

/// A list of jobs, and how far they reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// The first job's first word.
    pub first: u32,
    /// Number of jobs.
    pub len: u32,
    /// Most columns that a job works on.
    pub columns: u32,
    /// Most rows that a job works on, where those are not the batch's.
    pub rows: u32,
    /// Elements of a part of all jobs' sums, where those are made in parts.
    pub part: u32,
    /// Whether a job drops elements in training.
    pub drops: bool,
    /// Most mixtures of a job.
    pub mixtures: u32,
}

impl List {
    /// Mixtures that a unit works on at a time.
    pub fn mixtures_at_once(self) -> usize {
        (self.mixtures as usize).next_power_of_two().min(mix::AT_ONCE)
    }
}

impl Jobs {
    /// Appends words that jobs refer to; where they start.
    pub fn push(&mut self, words: impl IntoIterator<Item = u32>) -> u32 {
        let at = self.words.len() as u32;
        self.words.extend(words);
        at
    }

    /// Appends jobs of equal size, of `columns` columns at most.
    pub fn list<const WORDS: usize>(&mut self, jobs: &[[u32; WORDS]], columns: u32) -> List {
        let first = self.push(jobs.iter().flatten().copied());
        self.longest = self.longest.max(jobs.len());
        List { first, len: jobs.len() as u32, columns, rows: 0, part: 0, drops: false, mixtures: 0 }
    }

    /// Counts no list that was appended since the longest had so many jobs: a launch goes through those by itself.
    pub fn count_no_longer_than(&mut self, longest: usize) {
        self.longest = longest;
    }

    /// Jobs of the longest list that a launch has cubes for.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// All words; never none, since a device has no empty buffers.
    pub fn words(&self) -> &[u32] {
        if self.words.is_empty() { &[0] } else { &self.words }
    }
}

/// An index that may be absent: one more, or 0.
pub fn maybe(index: Option<usize>) -> u32 {
    index.map_or(0, |index| index as u32 + 1)
}
