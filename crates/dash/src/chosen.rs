//! Which runs somebody means.

use std::collections::BTreeSet;

use mmtl_grid::TrialKey;

/// The run under the cursor and those that are marked; shared by all views.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The run under the cursor.
    pub focus: Option<TrialKey>,
    /// The marked ones.
    pub marked: BTreeSet<TrialKey>,
}

impl Chosen {
    /// The marked runs; with none, the one under the cursor.
    pub fn runs(&self) -> BTreeSet<TrialKey> {
        if self.marked.is_empty() { self.focus.iter().cloned().collect() } else { self.marked.clone() }
    }

    /// Marks a run, or takes its mark away.
    pub fn toggle(&mut self, key: &TrialKey) {
        if !self.marked.remove(key) {
            self.marked.insert(key.clone());
        }
    }
}
