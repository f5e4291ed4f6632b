//! Embedding tables, side by side in one buffer, and their updates: lazily exact, sparse, or by sweeping.

use mmtl_plan::{Initial, Plan, TableUpdates, Update};

use crate::aligned::Aligned;
use crate::history::History;
use crate::simd::{prefetch, vectorised};
use crate::touched::Touched;
use crate::update::{Rule, Slope, advance_all};
use crate::workers::{Split, Workers};

/// Where one table lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of rows.
    pub rows: usize,
    /// Width of a row.
    pub dim: usize,
    /// Its first row among those of all tables.
    pub first_row: usize,
    /// Its first element.
    pub first_element: usize,
}

impl Shape {
    /// Where its elements lie.
    pub fn elements(&self) -> std::ops::Range<usize> {
        self.first_element..self.first_element + self.rows * self.dim
    }
}

/// All tables of a plan.
pub struct Tables {
    /// Where each lies.
    pub shapes: Vec<Shape>,
    /// All values.
    pub values: Aligned,
    /// The optimiser's moments, each of the same layout.
    pub moments: [Aligned; 2],
    /// For each row, how many updates of the history it has seen.
    seen: Vec<u32>,
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
    row: usize,
    w: &'a mut [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
    seen: &'a mut [u32],
}

impl Split for Rows<'_> {
    fn split(self, at: usize) -> (Self, Self) {
        let elements = element_of(self.shapes, self.row + at) - element_of(self.shapes, self.row);
        let ((w, w_rest), (m, m_rest)) = (self.w.split_at_mut(elements), self.m.split_at_mut(elements));
        let ((v, v_rest), (seen, seen_rest)) = (self.v.split_at_mut(elements), self.seen.split_at_mut(at));
        let (shapes, row) = (self.shapes, self.row);
        (
            Self { shapes, row, w, m, v, seen },
            Self { shapes, row: row + at, w: w_rest, m: m_rest, v: v_rest, seen: seen_rest },
        )
    }
}

/// First element of a row, counted over all tables.
fn element_of(shapes: &[Shape], row: usize) -> usize {
    let after = shapes.partition_point(|shape| shape.first_row <= row);
    let Some(shape) = after.checked_sub(1).map(|table| shapes[table]) else { return 0 };
    shape.first_element + (row - shape.first_row) * shape.dim
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
            elements += spec.rows * spec.dim;
        }
        let mut values = Aligned::zeros(elements);
        for (shape, table) in shapes.iter().zip(&initial.tables) {
            values[shape.elements()].copy_from_slice(table);
        }
        let moments = [Aligned::zeros(elements), Aligned::zeros(elements)];
        Self { shapes, values, moments, seen: vec![0; rows], history: History::new(), mode, runs }
    }

    /// One table's values, `[rows, dim]`.
    pub fn of(&self, table: usize) -> &[f32] {
        &self.values[self.shapes[table].elements()]
    }

    /// Brings the rows that a batch looks up to where a dense optimiser would have them.
    pub fn catch_up(&mut self, workers: &Workers, touched: &Touched) {
        if self.history.len() == 0 {
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
        if self.history.len() == 0 {
            return;
        }
        let history = &self.history;
        let rows = rows(&self.shapes, &mut self.values, &mut self.moments, &mut self.seen);
        let start = |run: &Run| self.shapes[run.table].first_row + run.row;
        workers.tasks(rows, &self.runs, 1, &start, &|runs, _, rows: Rows<'_>| {
            let dim = self.shapes[runs[0].table].dim;
            vectorised!({
                for (i, seen) in rows.seen[..runs[0].len].iter_mut().enumerate() {
                    let place = i * dim..(i + 1) * dim;
                    let (w, m, v) = (&mut rows.w[place.clone()], &mut rows.m[place.clone()], &mut rows.v[place]);
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
                if self.history.is_full() {
                    self.catch_up_all(workers);
                }
                if !update.is_still(update.decay.tables) {
                    self.history.push(rule);
                }
                let now = self.history.len() as u32;
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
        let rows = rows(&self.shapes, &mut self.values, &mut self.moments, &mut self.seen);
        let start = |run: &Run| self.shapes[run.table].first_row + run.row;
        workers.tasks(rows, &self.runs, 1, &start, &|runs, _, rows: Rows<'_>| {
            let Run { table, row, len } = runs[0];
            let dim = self.shapes[table].dim;
            let (ids, gradients) = (touched.of(table), &gradients[touched.gradients_of(table)]);
            let mut next = ids.partition_point(|&id| (id as usize) < row);
            vectorised!({
                for i in 0..len {
                    let place = i * dim..(i + 1) * dim;
                    let (w, m, v) = (&mut rows.w[place.clone()], &mut rows.m[place.clone()], &mut rows.v[place]);
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
        f: impl Fn(&History, usize, &mut [f32], &mut [f32], &mut [f32], &mut u32) + Sync,
    ) {
        let history = &self.history;
        let rows = rows(&self.shapes, &mut self.values, &mut self.moments, &mut self.seen);
        let shapes = &self.shapes;
        let start = |job: &crate::touched::Job| shapes[job.table].first_row + touched.rows[job.first] as usize;
        workers.tasks(rows, &touched.jobs, 1, &start, &|jobs, _, rows: Rows<'_>| {
            let job = jobs[0];
            let dim = shapes[job.table].dim;
            let ids = &touched.rows[job.first..job.first + job.len];
            vectorised!({
                for (i, &id) in ids.iter().enumerate() {
                    if let Some(&soon) = ids.get(i + AHEAD) {
                        let at = (soon - ids[0]) as usize * dim;
                        for values in [&*rows.w, &*rows.m, &*rows.v] {
                            prefetch(values, at);
                        }
                    }
                    let at = (id - ids[0]) as usize;
                    let place = at * dim..(at + 1) * dim;
                    let (w, m, v) = (&mut rows.w[place.clone()], &mut rows.m[place.clone()], &mut rows.v[place]);
                    f(history, job.element + i * dim, w, m, v, &mut rows.seen[at]);
                }
            });
        });
    }
}

fn rows<'a>(shapes: &'a [Shape], values: &'a mut [f32], [m, v]: &'a mut [Aligned; 2], seen: &'a mut [u32]) -> Rows<'a> {
    Rows { shapes, row: 0, w: values, m, v, seen }
}

/// Applies the updates that a row missed.
#[inline(always)]
fn replay(history: &History, w: &mut [f32], m: &mut [f32], v: &mut [f32], seen: &mut u32) {
    let missed = history.missed(*seen);
    *seen = history.len() as u32;
    // Most rows of a large table were never touched: nothing moves them unless weights decay.
    let still = missed.is_empty() || (history.rests_after(*seen - missed.len() as u32) && is_zero(m) && is_zero(v));
    if !still {
        advance_all(missed, 0.0, w, m, v, Slope::Flat);
    }
}

/// Whether all are +0.
#[inline(always)]
fn is_zero(values: &[f32]) -> bool {
    values.iter().fold(0, |bits, x| bits | x.to_bits()) == 0
}
