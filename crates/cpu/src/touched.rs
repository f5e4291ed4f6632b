//! The rows of tables that a batch looks up, cut into jobs of about equal work, and their gradients.

use mmtl_plan::{Batch, Occurrence, Plan, Segments};

use crate::lanes::add_scaled;
use crate::layout::Frame;
use crate::model::{Model, Use};
use crate::node::Kind;
use crate::ops::embed::share;
use crate::simd::{prefetch, vectorised};
use crate::sweep::Work;

/// Sorted unique rows of each table that a batch looks up, table after table.
pub struct Touched {
    /// Rows of tables.
    pub rows: Vec<u32>,
    /// For each of `rows`, its position in the vocabulary's segments.
    at: Vec<u32>,
    /// `tables + 1` bounds into `rows`.
    starts: Vec<usize>,
    /// `tables + 1` bounds into their gradients.
    elements: Vec<usize>,
    /// The same rows, cut where the shape of the batch says.
    pub jobs: Vec<Job>,
}

/// Consecutive touched rows of one table.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// The table.
    pub table: usize,
    /// First of [`Touched::rows`].
    pub first: usize,
    /// Number of rows.
    pub len: usize,
    /// Start of their gradients.
    pub element: usize,
}

/// Occurrences of a job: about 10 µs of work.
const OCCURRENCES: usize = 512;

/// Occurrences between one whose derivative is asked for and the one at work.
const AHEAD: usize = 12;

impl Touched {
    /// With room for the rows of `max_rows` rows of a batch.
    pub fn with_room(plan: &Plan, max_rows: usize) -> Self {
        let (most_rows, most_occurrences) = (plan.most_touched_rows(max_rows), plan.most_occurrences(max_rows));
        let jobs = most_rows.iter().zip(&most_occurrences).map(|(&rows, all)| rows.min(all / OCCURRENCES + 1));
        let rows = most_rows.iter().sum();
        Self {
            rows: Vec::with_capacity(rows),
            at: Vec::with_capacity(rows),
            starts: vec![0; plan.tables.len() + 1],
            elements: vec![0; plan.tables.len() + 1],
            jobs: Vec::with_capacity(jobs.sum()),
        }
    }

    /// Finds the rows that `batch` looks up. Fields of a vocabulary that the plan does not read touch nothing.
    pub fn collect(&mut self, plan: &Plan, model: &Model, batch: &Batch) {
        self.rows.clear();
        self.at.clear();
        self.jobs.clear();
        self.starts.clear();
        self.elements.clear();
        let mut element = 0;
        for (table, spec) in plan.tables.iter().enumerate() {
            self.starts.push(self.rows.len());
            self.elements.push(element);
            let segments = &batch.segments[spec.vocabulary];
            let uses = &model.uses[table];
            let of_vocabulary = |field: &usize| plan.schema.fields[*field].kind.vocabulary() == Some(spec.vocabulary);
            let all_read = (0..uses.len()).filter(of_vocabulary).all(|field| !uses[field].is_empty());
            let first = self.rows.len();
            if all_read {
                self.rows.extend_from_slice(&segments.unique);
                self.at.extend(0..segments.unique.len() as u32);
            } else {
                let read = |occurrence: &Occurrence| !uses[occurrence.field as usize].is_empty();
                for (u, &row) in segments.unique.iter().enumerate() {
                    if segments.of(u).iter().any(read) {
                        self.rows.push(row);
                        self.at.push(u as u32);
                    }
                }
            }
            self.cut(table, first, (element, spec.dim), &segments.starts);
            element += (self.rows.len() - first) * spec.dim;
        }
        self.starts.push(self.rows.len());
        self.elements.push(element);
    }

    /// Cuts a table's rows, from `first` on, where the occurrences since the last cut are enough for a job. `starts`
    /// are those of the vocabulary's segments.
    fn cut(&mut self, table: usize, mut first: usize, (mut element, dim): (usize, usize), starts: &[u32]) {
        while let Some(&from) = self.at.get(first) {
            let enough = starts[from as usize] as usize + OCCURRENCES;
            let few = |u: &u32| (starts[*u as usize + 1] as usize) < enough;
            let rest = &self.at[first..];
            let len = (rest.partition_point(few) + 1).min(rest.len());
            self.jobs.push(Job { table, first, len, element });
            (first, element) = (first + len, element + len * dim);
        }
    }

    /// Touched rows of one table.
    pub fn of(&self, table: usize) -> &[u32] {
        &self.rows[self.starts[table]..self.starts[table + 1]]
    }

    /// Where the gradients of one table lie.
    pub fn gradients_of(&self, table: usize) -> std::ops::Range<usize> {
        self.elements[table]..self.elements[table + 1]
    }

    /// Elements of all their gradients.
    pub fn len(&self) -> usize {
        self.elements[self.elements.len() - 1]
    }

    /// Sums the derivatives of every place that a row went to, in the segments' order, and those summed by id.
    pub fn gradients(&self, work: &Work<'_>, plan: &Plan, from: &LookedUp<'_>, out: &mut [f32]) {
        work.workers.tasks(out, &self.jobs, 1, &|job| job.element, &|jobs, _, out: &mut [f32]| {
            let job = jobs[0];
            let spec = &plan.tables[job.table];
            let sum = Sum {
                batch: work.batch,
                segments: &work.batch.segments[spec.vocabulary],
                at: &self.at[job.first..job.first + job.len],
                frame: work.frame,
                uses: &work.model.uses[job.table],
                any: work.model.uses[job.table].iter().flatten().any(|to| !to.by_id),
                live: from.live,
                looked_up: work.model.looked_up,
                grads: from.grads,
            };
            let out = &mut out[..job.len * spec.dim];
            // The usual widths are compiled, so that a sum stays in registers.
            vectorised!(match spec.dim {
                4 => sum.write_wide::<4>(out),
                8 => sum.write_wide::<8>(out),
                16 => sum.write_wide::<16>(out),
                32 => sum.write_wide::<32>(out),
                dim => out.chunks_exact_mut(dim).enumerate().for_each(|(i, out)| sum.write(i, out)),
            });
            from.add_by_id(work.model, job.table, &self.rows[job.first..job.first + job.len], out);
        });
    }
}

/// What a pass back left for the gradients of tables.
pub struct LookedUp<'a> {
    /// For each node, whether a gradient reaches it.
    pub live: &'a [bool],
    /// Derivatives of all lookups, tile after tile.
    pub grads: &'a [f32],
    /// Those summed by id.
    pub id_sums: &'a [f32],
    /// Weights computed once per pass.
    pub prepared: &'a [f32],
}

impl LookedUp<'_> {
    /// Adds what ops that multiply a table by id contribute to the gradients of its rows `ids`, ascending.
    fn add_by_id(&self, model: &Model, table: usize, ids: &[u32], out: &mut [f32]) {
        for &(number, small) in model.by_id[table].iter().filter(|(number, _)| self.live[*number]) {
            let Kind::Linear(node) = &model.nodes[number].kind else { unreachable!("only linear ops multiply by id") };
            let (small, width) = (&node.by_id.tables[small], node.out.width);
            let dim = small.columns.len();
            for group in 0..node.out.groups {
                let (sums, turned) = (node.id_sums(self.id_sums, group), node.turned(self.prepared, 0, group));
                let mut out = &mut *out;
                for run in ids.chunk_by(|id, next| id + 1 == *next) {
                    let (rows, rest) = out.split_at_mut(run.len() * dim);
                    small.add_table_gradient(run[0] as usize, (sums, width), (turned, node.input.place.width), rows);
                    out = rest;
                }
            }
        }
    }
}

/// What the gradients of some rows are summed from.
struct Sum<'a> {
    batch: &'a Batch,
    segments: &'a Segments,
    at: &'a [u32],
    frame: Frame,
    uses: &'a [Vec<Use>],
    /// Whether a derivative arrives at any of them.
    any: bool,
    live: &'a [bool],
    looked_up: usize,
    grads: &'a [f32],
}

impl Sum<'_> {
    #[inline(always)]
    fn write_wide<const DIM: usize>(&self, out: &mut [f32]) {
        for (i, out) in out.as_chunks_mut::<DIM>().0.iter_mut().enumerate() {
            let mut sum = [0.0; DIM];
            self.write(i, &mut sum);
            *out = sum;
        }
    }

    /// The gradient of the `i`-th row.
    #[inline(always)]
    fn write(&self, i: usize, out: &mut [f32]) {
        out.fill(0.0);
        if !self.any {
            return;
        }
        let unique = self.at[i] as usize;
        // Those of rows that follow here follow there, whether or not this is one of the places where they are summed.
        let soon = &self.segments.occurrences[self.segments.starts[unique] as usize..];
        for (occurrence, soon) in self.segments.of(unique).iter().zip((AHEAD..).map(|at| soon.get(at))) {
            if let Some(soon) = soon {
                self.live_uses(soon).for_each(|to| prefetch(self.grads, self.place(to, soon.row as usize)));
            }
            let row = occurrence.row as usize;
            for to in self.live_uses(occurrence) {
                let lookup = &self.batch.lookups[occurrence.field as usize];
                let scale = if lookup.starts.is_none() { 1.0 } else { share(to.pool, lookup.row(row).len()) };
                let at = self.place(to, row);
                add_scaled(out, scale, &self.grads[at..at + out.len()]);
            }
        }
    }

    #[inline(always)]
    fn live_uses(&self, occurrence: &Occurrence) -> impl Iterator<Item = &Use> {
        self.uses[occurrence.field as usize].iter().filter(|to| self.live[to.node] && !to.by_id)
    }

    /// Where the derivative of what a row of the batch was used for starts.
    #[inline(always)]
    fn place(&self, to: &Use, row: usize) -> usize {
        // Tiles have a power of two of rows.
        let (shift, mask) = (self.frame.size.trailing_zeros(), self.frame.size - 1);
        let tile = (row >> shift) * self.frame.size * self.looked_up;
        tile + self.frame.size * to.place.at + (row & mask) * to.place.stride() + to.offset
    }
}
