//! Embedding tables in one buffer, and their updates: lazily exact, sparse, or by sweeping. Each row lies beside its
//! moments, which an update reads and writes as well: lines that follow each other come sooner from memory, where rows of
//! large tables are, than lines of three buffers.

use std::ops::Range;

use mmtl_plan::{Initial, Plan, TableUpdates, Update};

use crate::aligned::Aligned;
use crate::history::History;
use crate::layout::LINE;
use crate::simd::{prefetch_line, vectorised};
use crate::touched::Touched;
use crate::update::{Rule, Slope, advance_all};
use crate::workers::{Split, Workers};

/// Where one table lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    /// Number of rows.
    rows: usize,
    /// Width of a row.
    dim: usize,
    /// Its first row among those of all tables.
    first_row: usize,
    /// Its first element, on a cache line.
    first_element: usize,
}

/// Parts of a row: its [`VALUES`] and the optimiser's [`MOMENTS`].
pub const PARTS: usize = 3;

/// The part of a row that is looked up.
pub const VALUES: usize = 0;

/// The parts of a row that the optimiser remembers.
pub const MOMENTS: [usize; 2] = [1, 2];

impl Shape {
    /// Where its elements lie.
    fn elements(&self) -> Range<usize> {
        self.first_element..self.first_element + self.rows * PARTS * self.dim
    }

    /// One part of each row, of the elements of all tables.
    fn part_mut<'a>(&self, part: usize, elements: &'a mut [f32]) -> impl Iterator<Item = &'a mut [f32]> + use<'a> {
        let dim = self.dim;
        elements[self.elements()].chunks_exact_mut(PARTS * dim).map(move |row| &mut row[part * dim..][..dim])
    }
}

/// One table.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    /// `[rows, PARTS, dim]`
    pub elements: &'a [f32],
    /// Width of a row's values.
    pub dim: usize,
}

impl<'a> Table<'a> {
    /// The values of one row.
    #[inline(always)]
    pub fn row(&self, row: u32) -> &'a [f32] {
        &self.elements[row as usize * PARTS * self.dim..][..self.dim]
    }
}

/// All tables of a plan.
pub struct Tables {
    /// Where each lies.
    shapes: Vec<Shape>,
    /// Table after table, `[rows, PARTS, dim]` each.
    elements: Aligned,
    /// For each row, how many updates of the history it has seen.
    seen: Vec<u8>,
    history: History,
    mode: TableUpdates,
    /// Runs of rows of one table, about 4,096 elements each, for sweeps.
    runs: Vec<Run>,
}

struct Run {
    table: usize,
    row: usize,
    len: usize,
}

/// Rows between one that is asked for and the one at work.
const AHEAD: usize = 8;

/// Elements of a run.
const RUN: usize = 4096;

/// Consecutive rows of all tables, to be handed out in parts.
struct Rows<'a> {
    shapes: &'a [Shape],
    first: usize,
    elements: &'a mut [f32],
    seen: &'a mut [u8],
}

impl Split for Rows<'_> {
    fn split(self, at: usize) -> (Self, Self) {
        let (shapes, first) = (self.shapes, self.first);
        let place = element_of(shapes, first + at) - element_of(shapes, first);
        let (elements, elements_after) = self.elements.split_at_mut(place);
        let (seen, seen_after) = self.seen.split_at_mut(at);
        (
            Self { shapes, first, elements, seen },
            Self { shapes, first: first + at, elements: elements_after, seen: seen_after },
        )
    }
}

impl<'a> Rows<'a> {
    /// All of them.
    fn of(shapes: &'a [Shape], elements: &'a mut [f32], seen: &'a mut [u8]) -> Self {
        Self { shapes, first: 0, elements, seen }
    }

    /// The values, the moments and the updates seen of the `at`-th row, `dim` wide.
    #[inline(always)]
    fn row(&mut self, at: usize, dim: usize) -> (&mut [f32], &mut [f32], &mut [f32], &mut u8) {
        let (w, moments) = self.elements[at * PARTS * dim..(at + 1) * PARTS * dim].split_at_mut(dim);
        let (m, v) = moments.split_at_mut(dim);
        (w, m, v, &mut self.seen[at])
    }
}

/// First element of a row, counted over all tables.
fn element_of(shapes: &[Shape], row: usize) -> usize {
    let after = shapes.partition_point(|shape| shape.first_row <= row);
    let Some(shape) = after.checked_sub(1).map(|table| shapes[table]) else { return 0 };
    shape.first_element + (row - shape.first_row) * PARTS * shape.dim
}

impl Tables {
    /// A plan's tables with their initial values.
    pub fn new(plan: &Plan, initial: &Initial, mode: TableUpdates) -> Self {
        let (mut rows, mut elements) = (0, 0);
        let mut shapes = vec![];
        let mut runs = vec![];
        for (table, spec) in plan.tables.iter().enumerate() {
            shapes.push(Shape { rows: spec.rows, dim: spec.dim, first_row: rows, first_element: elements });
            let step = (RUN / spec.dim.max(1)).max(1);
            for row in (0..spec.rows).step_by(step) {
                runs.push(Run { table, row, len: step.min(spec.rows - row) });
            }
            rows += spec.rows;
            elements = (elements + spec.rows * PARTS * spec.dim).next_multiple_of(LINE);
        }
        let mut tables = Self {
            shapes,
            elements: Aligned::zeros(elements),
            seen: vec![0; rows],
            history: History::new(),
            mode,
            runs,
        };
        tables.put(VALUES, &initial.tables);
        tables
    }

    /// One table.
    pub fn of(&self, table: usize) -> Table<'_> {
        let shape = &self.shapes[table];
        Table { elements: &self.elements[shape.elements()], dim: shape.dim }
    }

    /// A copy of one part of every table, `[rows, dim]` each.
    pub fn part(&self, part: usize) -> Vec<Vec<f32>> {
        let copy = |shape: &Shape| {
            let mut copied = Vec::with_capacity(shape.rows * shape.dim);
            for row in self.elements[shape.elements()].chunks_exact(PARTS * shape.dim) {
                copied.extend_from_slice(&row[part * shape.dim..][..shape.dim]);
            }
            copied
        };
        self.shapes.iter().map(copy).collect()
    }

    /// Replaces one part of every table by `values`, `[rows, dim]` each.
    pub fn put(&mut self, part: usize, values: &[Vec<f32>]) {
        for (shape, values) in self.shapes.iter().zip(values) {
            assert_eq!(values.len(), shape.rows * shape.dim, "values of another table");
            for (to, values) in shape.part_mut(part, &mut self.elements).zip(values.chunks_exact(shape.dim)) {
                to.copy_from_slice(values);
            }
        }
    }

    /// Zeroes one part of every table.
    pub fn clear(&mut self, part: usize) {
        for shape in &self.shapes {
            shape.part_mut(part, &mut self.elements).for_each(|to| to.fill(0.0));
        }
    }

    /// Brings the rows that a batch looks up to where a dense optimiser would have them.
    pub fn catch_up(&mut self, workers: &Workers, touched: &Touched) {
        if self.history.is_empty() {
            return;
        }
        self.each_touched(
            workers,
            touched,
            #[inline(always)]
            |history, _, w, m, v, seen| {
                replay(history, w, m, v, seen);
            },
        );
    }

    /// Brings all rows to where a dense optimiser would have them.
    pub fn catch_up_all(&mut self, workers: &Workers) {
        if self.history.is_empty() {
            return;
        }
        let history = &self.history;
        let rows = Rows::of(&self.shapes, &mut self.elements, &mut self.seen);
        let start = |run: &Run| self.shapes[run.table].first_row + run.row;
        workers.tasks(rows, &self.runs, 1, &start, &|runs, _, mut rows: Rows<'_>| {
            let dim = self.shapes[runs[0].table].dim;
            vectorised!({
                for i in 0..runs[0].len {
                    let (w, m, v, seen) = rows.row(i, dim);
                    replay(history, w, m, v, seen);
                    *seen = 0;
                }
            });
        });
        self.history.clear();
    }

    /// One update. `gradients` are those of the touched rows, which have caught up; they are multiplied by `scale`.
    pub fn update(&mut self, workers: &Workers, update: &Update, touched: &Touched, gradients: &[f32], scale: f32) {
        let rule = Rule::of_tables(update);
        match self.mode {
            TableUpdates::Exact => {
                if !update.is_still(update.decay.tables) {
                    if !self.history.takes(&rule) {
                        self.catch_up_all(workers);
                    }
                    self.history.push(rule);
                }
                let now = self.history.position();
                self.each_touched(
                    workers,
                    touched,
                    #[inline(always)]
                    |_, element, w, m, v, seen| {
                        let g = Slope::Scaled(&gradients[element..element + w.len()], scale);
                        advance_all(&[rule], 0.0, w, m, v, g);
                        *seen = now;
                    },
                );
            }
            TableUpdates::Sparse => self.each_touched(
                workers,
                touched,
                #[inline(always)]
                |_, element, w, m, v, _| {
                    let g = Slope::Scaled(&gradients[element..element + w.len()], scale);
                    advance_all(&[rule], 0.0, w, m, v, g);
                },
            ),
            TableUpdates::Dense => self.sweep(workers, rule, touched, gradients, scale),
        }
    }

    fn sweep(&mut self, workers: &Workers, rule: Rule, touched: &Touched, gradients: &[f32], scale: f32) {
        let rows = Rows::of(&self.shapes, &mut self.elements, &mut self.seen);
        let start = |run: &Run| self.shapes[run.table].first_row + run.row;
        workers.tasks(rows, &self.runs, 1, &start, &|runs, _, mut rows: Rows<'_>| {
            let Run { table, row, len } = runs[0];
            let dim = self.shapes[table].dim;
            let (ids, gradients) = (touched.of(table), &gradients[touched.gradients_of(table)]);
            let mut next = ids.partition_point(|&id| (id as usize) < row);
            vectorised!({
                for i in 0..len {
                    let (w, m, v, _) = rows.row(i, dim);
                    let found = ids.get(next).is_some_and(|&id| id as usize == row + i);
                    let g = if found {
                        Slope::Scaled(&gradients[next * dim..(next + 1) * dim], scale)
                    } else {
                        Slope::Flat
                    };
                    next += usize::from(found);
                    advance_all(&[rule], 0.0, w, m, v, g);
                }
            });
        });
    }

    /// `f(history, element of the gradients, w, m, v, seen)` for each touched row.
    fn each_touched(
        &mut self,
        workers: &Workers,
        touched: &Touched,
        f: impl Fn(&History, usize, &mut [f32], &mut [f32], &mut [f32], &mut u8) + Sync,
    ) {
        let history = &self.history;
        let rows = Rows::of(&self.shapes, &mut self.elements, &mut self.seen);
        let shapes = &self.shapes;
        let start = |job: &crate::touched::Job| shapes[job.table].first_row + touched.rows[job.first] as usize;
        workers.tasks(rows, &touched.jobs, 1, &start, &|jobs, _, mut rows: Rows<'_>| {
            let job = jobs[0];
            let dim = shapes[job.table].dim;
            let ids = &touched.rows[job.first..job.first + job.len];
            vectorised!({
                for (i, &id) in ids.iter().enumerate() {
                    if let Some(&soon) = ids.get(i + AHEAD) {
                        let soon = &rows.elements[(soon - ids[0]) as usize * PARTS * dim..][..PARTS * dim];
                        soon.chunks(LINE).for_each(|line| prefetch_line(line.as_ptr()));
                    }
                    let (w, m, v, seen) = rows.row((id - ids[0]) as usize, dim);
                    f(history, job.element + i * dim, w, m, v, seen);
                }
            });
        });
    }
}

/// Applies the updates that a row missed.
#[inline(always)]
fn replay(history: &History, w: &mut [f32], m: &mut [f32], v: &mut [f32], seen: &mut u8) {
    let before = *seen;
    let missed = history.missed(before);
    *seen = history.position();
    // Most rows of a large table were never touched: nothing moves them unless weights decay.
    let still = missed.is_empty() || (history.rests_after(before) && is_zero(m) && is_zero(v));
    if !still {
        advance_all(missed, 0.0, w, m, v, Slope::Flat);
    }
}

/// Whether all are +0.
#[inline(always)]
fn is_zero(values: &[f32]) -> bool {
    values.iter().fold(0, |bits, x| bits | x.to_bits()) == 0
}
