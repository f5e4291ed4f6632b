//! What training changes, and its copies on the host.

use mmtl_plan::{Initial, Memories, Memory, Plan, Snapshot, TableUpdates, Update};

use crate::aligned::Aligned;
use crate::compiled::Compiled;
use crate::tables::{MOMENTS, Tables, VALUES};
use crate::touched::Touched;

/// Weights and the optimiser's memory.
pub struct Parameters {
    /// The dense arena.
    pub dense: Aligned,
    /// The optimiser's moments, of the same layout.
    moments: [Aligned; 2],
    /// Embedding tables and their moments.
    pub tables: Tables,
    /// How many moments the optimiser keeps; the others are 0.
    kept_moments: usize,
    /// What they are; put back from a snapshot, they are taken to be what the next rule remembers.
    memories: Option<Memories>,
    /// The number of the last step taken.
    step: u64,
}

impl Parameters {
    /// Before the first step.
    pub fn new(plan: &Plan, initial: &Initial, tables: TableUpdates) -> Self {
        let arena = || Aligned::zeros(plan.arena_len);
        Self {
            dense: Aligned::from_slice(&initial.dense),
            moments: [arena(), arena()],
            tables: Tables::new(plan, initial, tables),
            kept_moments: 0,
            memories: None,
            step: 0,
        }
    }

    /// One step by the given gradients of the arena and of touched rows, multiplied by `scale` first.
    pub fn update(
        &mut self,
        compiled: &Compiled,
        update: &Update,
        touched: &Touched,
        (dense, rows): (&[f32], &[f32]),
        scale: f32,
    ) {
        let workers = &compiled.workers;
        let memories = update.optimiser.memories();
        if memories.count() != self.kept_moments || self.memories.is_some_and(|kept| kept != memories) {
            // Another kind of rule: what rows missed belongs to the old one's moments, which it does not inherit.
            self.tables.catch_up_all(workers);
            if self.kept_moments > 0 {
                for (k, moment) in self.moments.iter_mut().enumerate() {
                    moment.fill(0.0);
                    self.tables.clear(MOMENTS[k]);
                }
            }
            self.kept_moments = memories.count();
        }
        self.memories = Some(memories);
        self.step = update.step;
        let [m, v] = &mut self.moments;
        compiled.arena_update.run(workers, update, &mut self.dense, [m, v], dense, scale);
        self.tables.update(workers, update, touched, rows, scale);
    }

    /// Copies everything but the states, which the caller adds; tables have caught up.
    pub fn snapshot(&self, states: &[Vec<f32>], everything: bool) -> Snapshot {
        let kept = 0..self.kept_moments;
        Snapshot {
            dense: self.dense.to_vec(),
            tables: self.tables.part(VALUES),
            states: states.to_vec(),
            memory: everything.then(|| Memory {
                step: self.step,
                dense: kept.clone().map(|k| self.moments[k].to_vec()).collect(),
                tables: kept.map(|k| self.tables.part(MOMENTS[k])).collect(),
            }),
        }
    }

    /// Puts back what [`Snapshot::check`] let pass; tables have caught up.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        self.dense.copy_from_slice(&snapshot.dense);
        self.tables.put(VALUES, &snapshot.tables);
        let Some(memory) = &snapshot.memory else { return };
        self.step = memory.step;
        self.kept_moments = memory.dense.len();
        self.memories = None;
        for k in 0..self.moments.len() {
            let Some(dense) = memory.dense.get(k) else {
                self.moments[k].fill(0.0);
                self.tables.clear(MOMENTS[k]);
                continue;
            };
            self.moments[k].copy_from_slice(dense);
            self.tables.put(MOMENTS[k], &memory.tables[k]);
        }
    }
}
