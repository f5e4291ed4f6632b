//! What adds the parts of gradients.

use crate::jobs::{Jobs, List};
use crate::parts::ADD;

/// Gradients that are made in parts.
#[derive(Default)]
pub(super) struct GradientSums {
    /// Elements of a part so far.
    size: u32,
    jobs: Vec<[u32; ADD]>,
}

impl GradientSums {
    /// Room in each part; where it starts.
    pub(super) fn claim(&mut self, elements: u32) -> u32 {
        let at = self.size;
        self.size += elements;
        at
    }

    /// Sums that are added by these words.
    pub(super) fn add(&mut self, job: [u32; ADD]) {
        self.jobs.push(job);
    }

    /// Room for sums over all rows, which go to an element of the gradient and the ones after it.
    pub(super) fn sum(&mut self, elements: u32, to: usize) -> u32 {
        let at = self.claim(elements);
        self.add([at, elements, to as u32, 0, 0, 0, 0, 0]);
        at
    }

    /// The list of all.
    pub(super) fn list(&self, jobs: &mut Jobs) -> List {
        let list = jobs.list(&self.jobs, self.jobs.iter().map(|job| job[1]).max().unwrap_or(0));
        List { part: self.size, ..list }
    }
}
