//! Which lines of a run's events the fold can do without.
//!
//! Most lines tell of progress, which the next one tells again. Within a chain (lines that follow each other in the file,
//! of one attempt and one fit, in the order of their numbers and times) only these make a difference to [`RunState`] in
//! the end:
//!
//! - the first line, since an attempt and a fit within it begin with what is first told of them, and the last;
//! - the last progress, evaluation, insight and checkpoint, since each replaces the one before;
//! - the last best evaluation, and the last one before the last checkpoint, to which a later attempt goes back;
//! - whatever is told to people.
//!
//! [`RunState`]: crate::events::RunState

use crate::events::head::{About, Head, head};
use crate::store::split;

/// A line within a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    start: usize,
    end: usize,
    /// Its number in the file.
    pub(super) number: u64,
    /// Whether its head was understood, so that others may have been left out because of it.
    pub(super) has_head: bool,
    needed: bool,
}

impl Place {
    /// The line.
    pub(super) fn of<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        &block[self.start..self.end]
    }
}

/// Finds the lines that make a difference; kept between blocks for its room.
#[derive(Debug, Default)]
pub(super) struct Sift {
    places: Vec<Place>,
    chain: Option<Chain>,
}

/// The chain that grows, by places in the block.
#[derive(Clone, Copy, Debug)]
struct Chain {
    last: Head,
    fit: Option<usize>,
    first: usize,
    progress: Option<usize>,
    evaluated: Option<usize>,
    best: Option<usize>,
    /// The last best evaluation before the last checkpoint.
    best_kept: Option<usize>,
    checkpointed: Option<usize>,
    insight: Option<usize>,
}

impl Sift {
    /// Looks through the lines of a block, of which `first` is the first one's number in the file.
    pub(super) fn sift(&mut self, block: &[u8], first: u64) {
        self.places.clear();
        self.chain = None;
        let mut start = 0;
        for (line, number) in split(block).zip(first..) {
            let head = head(line);
            let end = start + line.len();
            self.places.push(Place { start, end, number, has_head: head.is_some(), needed: true });
            start = end + 1;
            match head {
                Some(head) => self.link(self.places.len() - 1, head),
                None => self.chain = None,
            }
        }
    }

    /// The lines that make a difference.
    pub(super) fn needed(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| place.needed)
    }

    /// All lines.
    pub(super) fn all(&self) -> impl Iterator<Item = &Place> {
        self.places.iter()
    }

    fn link(&mut self, place: usize, head: Head) {
        let goes_on = self.chain.filter(|chain| chain.goes_on_with(head));
        let mut chain = goes_on.unwrap_or_else(|| Chain::new(place, head));
        let replaced = chain.add(place, head);
        for old in replaced.into_iter().flatten().filter(|old| !chain.needs(*old)) {
            self.places[old].needed = false;
        }
        self.chain = Some(chain);
    }
}

impl Chain {
    fn new(first: usize, head: Head) -> Self {
        Self {
            last: head,
            fit: None,
            first,
            progress: None,
            evaluated: None,
            best: None,
            best_kept: None,
            checkpointed: None,
            insight: None,
        }
    }

    fn goes_on_with(&self, next: Head) -> bool {
        let of_one_fit = self.fit.is_none() || next.about.fit().is_none_or(|fit| self.fit == Some(fit));
        of_one_fit && next.attempt == self.last.attempt && next.seq > self.last.seq && next.at >= self.last.at
    }

    /// The places that stood where this one stands now.
    fn add(&mut self, place: usize, head: Head) -> [Option<usize>; 2] {
        self.last = head;
        self.fit = head.about.fit().or(self.fit);
        match head.about {
            About::Progress { .. } => [self.progress.replace(place), None],
            About::Evaluated { best: false, .. } => [self.evaluated.replace(place), None],
            About::Evaluated { best: true, .. } => [self.evaluated.replace(place), self.best.replace(place)],
            About::Checkpointed { .. } => {
                let kept = std::mem::replace(&mut self.best_kept, self.best);
                [self.checkpointed.replace(place), kept]
            }
            About::Insight { .. } => [self.insight.replace(place), None],
            About::Log => [None, None],
        }
    }

    fn needs(&self, place: usize) -> bool {
        let of_fit = [self.progress, self.evaluated, self.best, self.best_kept, self.checkpointed, self.insight];
        place == self.first || of_fit.contains(&Some(place))
    }
}
