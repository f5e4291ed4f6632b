//! What a session takes in memory.

/// Bytes that a session allocates, for batches of the most rows that it is made for. Lists that an engine keeps for
/// itself and that do not grow with the model or its batches are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// The dense arena, tables, and state without a gradient.
    pub parameters: u64,
    /// Gradients of the arena and of the most table rows that a batch can touch, with the lists of those rows.
    pub gradients: u64,
    /// Slots, their derivatives, and what else a pass over a batch needs.
    pub activations: u64,
    /// Moments, and what tells how many steps each row of a table has missed.
    pub optimiser: u64,
}

impl Footprint {
    /// All of it.
    pub fn total(&self) -> u64 {
        let parts = [self.parameters, self.gradients, self.activations, self.optimiser];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}
