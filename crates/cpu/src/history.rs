//! The updates that rows of tables may have missed.

use crate::update::Rule;

/// Updates kept before every row has to catch up. Long enough that sweeping a table costs little per step, short enough
/// (a few KiB) to stay in the first-level cache while rows replay it, and for a byte to count those that a row has seen.
const WINDOW: usize = u8::MAX as usize;

/// The latest updates, in order, all of one kind.
pub struct History {
    rules: Vec<Rule>,
    /// Updates up to here may move a row whose moments are 0.
    restless: usize,
}

impl History {
    /// Without updates.
    pub fn new() -> Self {
        Self { rules: Vec::with_capacity(WINDOW), restless: 0 }
    }

    /// Whether no row can have missed an update.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many updates a row has seen that has caught up.
    pub fn position(&self) -> u8 {
        // No more than fit in the window.
        self.rules.len() as u8
    }

    /// Whether there is room for an update, and it is like those before it; else rows have to catch up first.
    pub fn takes(&self, rule: &Rule) -> bool {
        self.rules.len() < WINDOW && self.rules.last().is_none_or(|last| last.is_like(rule))
    }

    /// Adds an update that it [takes](Self::takes).
    pub fn push(&mut self, rule: Rule) {
        debug_assert!(self.takes(&rule), "rows have not caught up");
        self.rules.push(rule);
        if !rule.rests() {
            self.restless = self.rules.len();
        }
    }

    /// Those that a row which has seen `seen` of them missed.
    #[inline(always)]
    pub fn missed(&self, seen: u8) -> &[Rule] {
        &self.rules[seen as usize..]
    }

    /// Whether none of those moves a row whose moments are 0.
    #[inline(always)]
    pub fn rests_after(&self, seen: u8) -> bool {
        seen as usize >= self.restless
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.rules.clear();
        self.restless = 0;
    }
}
