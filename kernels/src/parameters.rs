//! What training changes.

use cubecl::prelude::*;
use mmtl_plan::{Initial, Memories, Plan, Snapshot, TableUpdates, Update};

use crate::buffer::{Buffer, Queue, SWEEP_UNITS, sweeping};
use crate::header::Header;
use crate::pass::{LONGEST, Uploaded};
use crate::reduce;
use crate::session::Gradients;
use crate::tables::{self, ACROSS, NOWHERE, ROWS};
use crate::update::{self, PULL, RULE, pull_word, rule_words, table_words};

/// Updates kept before every row of a table has to catch up.
const WINDOW: usize = 256;

/// Weights and the optimiser's memory.
pub struct Parameters {
    /// The dense arena.
    pub dense: Buffer,
    /// Its moments.
    pub moments: [Buffer; 2],
    /// All tables.
    pub tables: Buffer,
    /// Their moments.
    pub table_moments: [Buffer; 2],
    /// How many moments the optimiser keeps; the others are 0.
    pub kept_moments: usize,
    /// What they are; put back from a snapshot, they are taken to be what the next rule remembers.
    memories: Option<Memories>,
    /// The number of the last step taken.
    pub step: u64,
    /// For each row of all tables, how many updates of the history it has seen.
    seen: Buffer,
    /// Updates that rows may have missed.
    history: Vec<[f32; RULE]>,
    /// How tables are updated.
    pub mode: TableUpdates,
    /// What decay pulls each 64 elements of the arena towards, and what their learning rate is multiplied by.
    pulls: Buffer,
    /// What gradients are multiplied by when nothing is clipped.
    pub whole: Buffer,
    /// The same after clipping.
    clipped: Buffer,
    /// Pairs of sums that a norm is made of.
    parts: Buffer,
    /// For each row of all tables, where its gradient starts, in sweeps.
    places: Buffer,
    /// For each table: first row, rows, width.
    shapes: Vec<(usize, usize, usize)>,
    arena_len: usize,
}

impl Parameters {
    /// Before the first step.
    pub fn new<R: Runtime>(queue: &Queue<R>, plan: &Plan, initial: &Initial, mode: TableUpdates) -> Self {
        let rows: usize = plan.tables.iter().map(|table| table.rows).sum();
        let elements: usize = plan.tables.iter().map(|table| table.rows * table.dim).sum();
        let mut first = 0;
        let shapes = plan.tables.iter().map(|table| {
            first += table.rows;
            (first - table.rows, table.rows, table.dim)
        });
        let mut pulls = vec![[0; PULL]; plan.arena_len.div_ceil(mmtl_plan::ALIGN)];
        for param in &plan.params {
            let range = param.range();
            pulls[range.start / mmtl_plan::ALIGN..range.end.div_ceil(mmtl_plan::ALIGN)]
                .fill([pull_word(param.decay), param.lr_factor.to_bits()]);
        }
        let tables = queue.room(elements);
        write_tables(queue, &tables, &initial.tables);
        let places = queue.room(if mode == TableUpdates::Dense { rows } else { 0 });
        fill_words(queue, &places, NOWHERE);
        Self {
            dense: queue.keep(&initial.dense),
            moments: [queue.zeros(plan.arena_len), queue.zeros(plan.arena_len)],
            tables,
            table_moments: [queue.zeros(elements), queue.zeros(elements)],
            kept_moments: 0,
            memories: None,
            step: 0,
            seen: queue.zeros(rows),
            history: vec![],
            mode,
            pulls: queue.keep(pulls.as_flattened()),
            whole: queue.keep(&[1.0f32; 2]),
            clipped: queue.keep(&[1.0f32; 2]),
            parts: queue.room(2 * ((plan.arena_len + elements).div_ceil(reduce::CHUNK) + 2)),
            places,
            shapes: shapes.collect(),
            arena_len: plan.arena_len,
        }
    }

    /// Brings the rows that a batch looks up to where a dense optimiser would have them.
    pub fn catch_up<R: Runtime>(
        &self,
        queue: &Queue<R>,
        jobs: &Buffer,
        tables_at: u32,
        header: &Header,
        batch: &Uploaded,
    ) {
        // A first step whose kernels are told of launches this one too, which then replays nothing.
        let first = self.mode == TableUpdates::Exact && queue.is_telling();
        if (self.history.is_empty() && !first) || batch.touched == 0 {
            return;
        }
        queue.about("tables, catching up");
        let history = queue.upload(self.history.as_flattened());
        let [m, v] = &self.table_moments;
        // SAFETY: touched rows lie within the tables, which the batch was checked for.
        unsafe {
            tables::catch_up::launch_unchecked(
                queue.client(),
                cubes_of_rows(batch.touched),
                CubeDim::new_2d(ACROSS as u32, ROWS as u32),
                queue.arg(&self.tables),
                queue.arg(m),
                queue.arg(v),
                queue.arg(&self.seen),
                queue.arg(&history),
                queue.arg(&batch.words),
                queue.arg(jobs),
                tables_at,
                header.touched(),
                self.history.len() as u32,
            );
        }
    }

    /// Brings all rows to where a dense optimiser would have them.
    pub fn catch_up_all<R: Runtime>(&mut self, queue: &Queue<R>) {
        if self.history.is_empty() {
            return;
        }
        let history = queue.upload(self.history.as_flattened());
        let [m, v] = &self.table_moments;
        let mut element = 0;
        for &(first_row, rows, width) in &self.shapes {
            // SAFETY: the table's elements lie within those of all tables.
            unsafe {
                tables::catch_up_all::launch_unchecked(
                    queue.client(),
                    sweeping(rows * width),
                    CubeDim::new_1d(SWEEP_UNITS),
                    queue.arg(&self.tables),
                    queue.arg(m),
                    queue.arg(v),
                    queue.arg(&self.seen),
                    queue.arg(&history),
                    element as u32,
                    first_row as u32,
                    width as u32,
                    (rows * width) as u32,
                    self.history.len() as u32,
                );
            }
            element += rows * width;
        }
        fill_words(queue, &self.seen, 0);
        self.history.clear();
    }

    /// One update by the gradients of a batch.
    pub fn update<R: Runtime>(
        &mut self,
        queue: &Queue<R>,
        update: &Update,
        gradients: &Gradients,
        (batch, header): (&Uploaded, &Header),
        (jobs, tables_at): (&Buffer, u32),
    ) {
        self.keep_moments(queue, update.optimiser.memories());
        self.step = update.step;
        let scale = update.clip.map_or_else(|| self.whole.clone(), |clip| self.clip(queue, gradients, batch, clip));
        self.update_dense(queue, update, &scale, gradients);
        if self.mode == TableUpdates::Exact {
            if self.history.len() == WINDOW {
                self.catch_up_all(queue);
            }
            if !update.is_still(update.decay.tables) {
                self.history.push(table_words(update));
            }
        }
        self.update_tables(queue, update, &scale, gradients, (batch, header), (jobs, tables_at));
    }

    /// That of dense parameters, with gradients multiplied by `scale`.
    pub fn update_dense<R: Runtime>(&self, queue: &Queue<R>, update: &Update, scale: &Buffer, gradients: &Gradients) {
        queue.about("update");
        let rule = queue.upload(&rule_words(update, update.decay.dense));
        let [m, v] = &self.moments;
        // SAFETY: all of them have as many elements as the arena.
        unsafe {
            update::dense::launch_unchecked(
                queue.client(),
                sweeping(self.arena_len),
                CubeDim::new_1d(SWEEP_UNITS),
                queue.arg(&self.dense),
                queue.arg(m),
                queue.arg(v),
                queue.arg(&gradients.dense),
                queue.arg(&self.pulls),
                queue.arg(&rule),
                queue.arg(scale),
                self.arena_len as u32,
            );
        }
    }

    /// That of tables, likewise.
    pub fn update_tables<R: Runtime>(
        &self,
        queue: &Queue<R>,
        update: &Update,
        scale: &Buffer,
        gradients: &Gradients,
        (batch, header): (&Uploaded, &Header),
        (jobs, tables_at): (&Buffer, u32),
    ) {
        let rule = queue.upload(&table_words(update));
        match self.mode {
            TableUpdates::Exact | TableUpdates::Sparse => {
                self.update_touched(queue, &rule, scale, gradients, (batch, header), (jobs, tables_at));
            }
            TableUpdates::Dense => self.sweep(queue, &rule, scale, gradients, (batch, header)),
        }
    }

    /// Another kind of rule: what rows missed belongs to the old one's moments, which it does not inherit.
    fn keep_moments<R: Runtime>(&mut self, queue: &Queue<R>, memories: Memories) {
        let others = self.memories.replace(memories).is_some_and(|kept| kept != memories);
        if memories.count() == self.kept_moments && !others {
            return;
        }
        self.catch_up_all(queue);
        if self.kept_moments > 0 {
            for moment in self.moments.iter().chain(&self.table_moments) {
                queue.fill(moment, 0.0);
            }
        }
        self.kept_moments = memories.count();
    }

    /// What gradients are multiplied by so that their norm is at most `clip`.
    pub fn clip<R: Runtime>(&self, queue: &Queue<R>, gradients: &Gradients, batch: &Uploaded, clip: f32) -> Buffer {
        queue.about("clipping");
        let (dense, rows) = (&gradients.dense, &gradients.rows);
        let mut parts = reduce::launch_squares(queue, &self.parts, 0, dense, self.arena_len);
        parts += reduce::launch_squares(queue, &self.parts, parts, rows, batch.gradients);
        // SAFETY: there are as many pairs as squares were launched for.
        unsafe {
            reduce::clipping::launch_unchecked(
                queue.client(),
                CubeCount::Static(1, 1, 1),
                CubeDim::new_1d(reduce::UNITS as u32),
                queue.arg(&self.clipped),
                queue.arg(&self.parts),
                parts as u32,
                clip,
            );
        }
        self.clipped.clone()
    }

    fn update_touched<R: Runtime>(
        &self,
        queue: &Queue<R>,
        rule: &Buffer,
        scale: &Buffer,
        gradients: &Gradients,
        (batch, header): (&Uploaded, &Header),
        (jobs, tables_at): (&Buffer, u32),
    ) {
        if batch.touched == 0 {
            return;
        }
        queue.about("tables, update");
        let [m, v] = &self.table_moments;
        // SAFETY: touched rows lie within the tables, and their gradients within the gradients' room.
        unsafe {
            tables::update_touched::launch_unchecked(
                queue.client(),
                cubes_of_rows(batch.touched),
                CubeDim::new_2d(ACROSS as u32, ROWS as u32),
                queue.arg(&self.tables),
                queue.arg(m),
                queue.arg(v),
                queue.arg(&self.seen),
                queue.arg(&gradients.rows),
                queue.arg(rule),
                queue.arg(scale),
                queue.arg(&batch.words),
                queue.arg(jobs),
                tables_at,
                header.touched(),
                0,
                self.history.len() as u32,
            );
        }
    }

    fn sweep<R: Runtime>(
        &self,
        queue: &Queue<R>,
        rule: &Buffer,
        scale: &Buffer,
        gradients: &Gradients,
        (batch, header): (&Uploaded, &Header),
    ) {
        let mark = |clear: u32| {
            if batch.touched == 0 {
                return;
            }
            let cubes = CubeCount::Static((batch.touched as u32).div_ceil(SWEEP_UNITS), 1, 1);
            // SAFETY: touched rows lie within the tables.
            unsafe {
                tables::mark::launch_unchecked(
                    queue.client(),
                    cubes,
                    CubeDim::new_1d(SWEEP_UNITS),
                    queue.arg(&self.places),
                    queue.arg(&batch.words),
                    header.touched(),
                    clear,
                );
            }
        };
        queue.about("tables, marks");
        mark(0);
        queue.about("tables, update");
        let [m, v] = &self.table_moments;
        let mut element = 0;
        for &(first_row, rows, width) in &self.shapes {
            // SAFETY: the table's elements lie within those of all tables.
            unsafe {
                tables::sweep::launch_unchecked(
                    queue.client(),
                    sweeping(rows * width),
                    CubeDim::new_1d(SWEEP_UNITS),
                    queue.arg(&self.tables),
                    queue.arg(m),
                    queue.arg(v),
                    queue.arg(&self.places),
                    queue.arg(&gradients.rows),
                    queue.arg(rule),
                    queue.arg(scale),
                    element as u32,
                    first_row as u32,
                    width as u32,
                    (rows * width) as u32,
                    0,
                );
            }
            element += rows * width;
        }
        mark(1);
    }

    /// Puts back what was checked; tables have caught up.
    pub fn restore<R: Runtime>(&mut self, queue: &Queue<R>, snapshot: &Snapshot) {
        queue.write(&self.dense, 0, &snapshot.dense);
        write_tables(queue, &self.tables, &snapshot.tables);
        let Some(memory) = &snapshot.memory else { return };
        self.step = memory.step;
        self.kept_moments = memory.dense.len();
        self.memories = None;
        for k in 0..self.moments.len() {
            if let (Some(dense), Some(tables)) = (memory.dense.get(k), memory.tables.get(k)) {
                queue.write(&self.moments[k], 0, dense);
                write_tables(queue, &self.table_moments[k], tables);
            } else {
                queue.fill(&self.moments[k], 0.0);
                queue.fill(&self.table_moments[k], 0.0);
            }
        }
    }
}

/// Puts tables one after the other.
fn write_tables<R: Runtime>(queue: &Queue<R>, to: &Buffer, tables: &[Vec<f32>]) {
    let mut at = 0;
    for table in tables {
        queue.write(to, at, table);
        at += table.len();
    }
}

/// Makes every word `value`.
fn fill_words<R: Runtime>(queue: &Queue<R>, words: &Buffer, value: u32) {
    // SAFETY: the kernel stays within the words it is given.
    unsafe {
        reduce::fill_words::launch_unchecked(
            queue.client(),
            sweeping(words.len()),
            CubeDim::new_1d(SWEEP_UNITS),
            queue.arg(words),
            value,
            words.len() as u32,
        );
    }
}

/// Cubes of [`ROWS`] rows each.
pub fn cubes_of_rows(rows: usize) -> CubeCount {
    // One dimension of cubes may not be longer, and a batch of bags touches more rows than that many cubes have.
    let cubes = (rows as u32).div_ceil(ROWS as u32);
    CubeCount::Static(cubes.min(LONGEST), cubes.div_ceil(LONGEST), 1)
}
