//! What adds the parts of gradients.

use crate::jobs::{Jobs, List};
use crate::parts::{ADD, ONLY_SUM};

/// Words of a job but the last, which says whose parts are added.
const OF_SUM: usize = ADD - 1;

/// Gradients that are made in parts.
#[derive(Default)]
pub(super) struct GradientSums {
    /// Elements of a part so far.
    size: u32,
    jobs: Vec<[u32; OF_SUM]>,
    /// Scenes that each begin a part of all sums, 0 for none.
    scenes: u32,
}

impl GradientSums {
    /// Those of a tail, in which scenes may begin parts of their own.
    pub(super) fn of_tail(scenes: u32) -> Self {
        Self { scenes, ..Self::default() }
    }

    /// Elements of a part.
    pub(super) fn size(&self) -> u32 {
        self.size
    }

    /// Room in each part; where it starts.
    pub(super) fn claim(&mut self, elements: u32) -> u32 {
        let at = self.size;
        self.size += elements;
        at
    }

    /// Sums that are added by these words.
    pub(super) fn add(&mut self, job: [u32; OF_SUM]) {
        self.jobs.push(job);
    }

    /// Sums over all rows, from an element of each part on, that go to an element of the gradient and the ones after it.
    pub(super) fn over_all(&mut self, at: u32, elements: u32, to: usize) {
        self.add([at, elements, to as u32, 0, 0, 0, self.scenes, if self.scenes > 0 { ONLY_SUM } else { 0 }]);
    }

    /// Room for sums over all rows, and what adds them.
    pub(super) fn sum(&mut self, elements: u32, to: usize) -> u32 {
        let at = self.claim(elements);
        self.over_all(at, elements, to);
        at
    }

    /// The list of all, those of a tail after the others.
    pub(super) fn list(&self, tail: &Self, jobs: &mut Jobs) -> List {
        let with = |of_tail: u32| {
            move |job: &[u32; OF_SUM]| {
                let mut words = [of_tail; ADD];
                words[..OF_SUM].copy_from_slice(job);
                words
            }
        };
        let all: Vec<[u32; ADD]> = self.jobs.iter().map(with(0)).chain(tail.jobs.iter().map(with(1))).collect();
        let list = jobs.list(&all, all.iter().map(|job| job[1]).max().unwrap_or(0));
        List { part: self.size, ..list }
    }
}
