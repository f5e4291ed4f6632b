//! A batch as words and numbers, as kernels read it.

use std::sync::Arc;

use mmtl_plan::{Batch, EngineError, Plan, Reduction};

use crate::budget::touched;
use crate::header::Header;
use crate::program::Program;
use crate::tables::{OCCURRENCES, PART, SPLIT, TOUCHED};

/// A batch, ready for the device.
#[derive(Default)]
pub struct Packed {
    /// Counts, places, ids; then the numbers, so that all go to the device at once.
    pub words: Vec<u32>,
    /// Where the numbers start.
    pub numbers_at: usize,
    /// Numeric columns, labels, weights, reciprocals.
    numbers: Vec<f32>,
    /// For each table, the rows that gradients name.
    pub touched: Vec<Vec<u32>>,
    /// Elements of the gradients of touched rows, table after table.
    pub gradients: Vec<usize>,
    /// Parts of the occurrences of touched rows.
    parts: Vec<[u32; PART]>,
    /// Touched rows of several parts.
    splits: Vec<[u32; SPLIT]>,
    /// Elements of gradients and of the parts of those that have several.
    pub summed: usize,
    /// For each objective, whether it has a row.
    pub has_rows: Vec<bool>,
}

/// Words that numbers start at a multiple of: 512 bytes, the most that a device asks of a buffer's beginning.
const APART: usize = 128;

/// Where each table lies among all.
struct TablePlace {
    /// Its first row.
    first_row: usize,
    /// Its first element.
    first_element: usize,
}

/// What packs batches, on whatever thread.
pub struct Packer {
    plan: Arc<Plan>,
    header: Header,
    places: Vec<TablePlace>,
    /// For each table and field of the schema, whether an op looks it up.
    reads: Vec<Vec<bool>>,
    /// How each objective's sum is reduced.
    reductions: Vec<Reduction>,
    max_rows: usize,
    /// Elements of gradients of touched rows, and of their parts, that there is room for.
    room: usize,
}

impl Packer {
    /// For a session of at most `max_rows` rows.
    pub fn new(plan: &Arc<Plan>, program: &Program, max_rows: usize) -> Self {
        let mut first_row = 0;
        let place = |(table, &first_element): (usize, &usize)| {
            let place = TablePlace { first_row, first_element };
            first_row += plan.tables[table].rows;
            place
        };
        Self {
            header: Header::new(&plan.schema),
            places: program.table_at.iter().enumerate().map(place).collect(),
            reads: program.reads.clone(),
            reductions: reductions(plan),
            max_rows,
            room: touched(plan, max_rows),
            plan: Arc::clone(plan),
        }
    }

    /// Packs a batch that is trained on, with objectives weighted in any of these ways.
    ///
    /// # Errors
    /// When it is none of the session's, or the weights are.
    pub fn training(&self, batch: &Batch, weightings: &[&[f32]], into: &mut Packed) -> Result<(), EngineError> {
        batch.check_for_training(&self.plan.schema, self.max_rows)?;
        for weights in weightings {
            EngineError::check("number of objective weights", self.plan.objectives.len(), weights.len())?;
        }
        into.pack(self, batch);
        into.pack_touched(self, batch);
        into.append_numbers();
        if into.summed > self.room {
            let (got, room) = (into.summed, self.room);
            let told =
                format!("its fields have more ids a row than the schema allows: {got} elements, room for {room}");
            return Err(EngineError::Batch(told));
        }
        Ok(())
    }

    /// Packs a batch that is predicted, to so many outputs.
    ///
    /// # Errors
    /// When it is none of the session's, or the outputs are.
    pub fn prediction(&self, batch: &Batch, outputs: usize, into: &mut Packed) -> Result<(), EngineError> {
        batch.check(&self.plan.schema, self.max_rows)?;
        EngineError::check("number of outputs", self.plan.outputs.len(), outputs)?;
        into.pack(self, batch);
        into.append_numbers();
        into.parts.clear();
        into.splits.clear();
        into.gradients.clear();
        into.touched.clear();
        Ok(())
    }
}

impl Packed {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.words.first().map_or(0, |&rows| rows as usize)
    }

    fn pack(&mut self, packer: &Packer, batch: &Batch) {
        let Packer { plan, header, .. } = packer;
        self.words.clear();
        self.words.resize(header.len(), 0);
        self.words[0] = batch.rows() as u32;
        self.words[1..=batch.scene_starts.len()].copy_from_slice(&batch.scene_starts);
        for (field, lookup) in batch.lookups.iter().enumerate() {
            let at = header.field(field) as usize;
            self.words[at] = self.words.len() as u32;
            self.words.extend_from_slice(&lookup.ids);
            if let Some(starts) = &lookup.starts {
                self.words[at + 1] = self.words.len() as u32;
                self.words.extend_from_slice(starts);
            }
        }
        self.words[header.scene_of() as usize] = self.words.len() as u32;
        for scene in 0..plan.schema.scenes.len() {
            self.words.extend(batch.scene(scene).map(|_| scene as u32));
        }
        self.pack_numbers(packer, batch);
    }

    fn append_numbers(&mut self) {
        self.words.resize(self.words.len().next_multiple_of(APART), 0);
        self.numbers_at = self.words.len();
        self.words.extend(self.numbers.iter().map(|number| number.to_bits()));
    }

    fn pack_numbers(&mut self, Packer { plan, header, reductions, .. }: &Packer, batch: &Batch) {
        self.numbers.clear();
        self.numbers.extend_from_slice(&batch.numeric);
        let labels = header.labels() as usize;
        self.words[labels] = self.numbers.len() as u32;
        self.numbers.extend_from_slice(&batch.labels);
        self.words[labels + 1] = self.numbers.len() as u32;
        self.numbers.extend_from_slice(&batch.weights);
        self.words[labels + 2] = self.numbers.len() as u32;
        self.has_rows.clear();
        for (objective, &reduction) in plan.objectives.iter().zip(reductions) {
            let reciprocal = batch.reciprocal(objective.task, reduction);
            self.numbers.push(reciprocal as f32);
            self.has_rows.push(reciprocal > 0.0);
        }
        if self.numbers.is_empty() {
            self.numbers.push(0.0);
        }
    }

    fn pack_touched(&mut self, packer: &Packer, batch: &Batch) {
        let Packer { plan, header, places, reads, .. } = packer;
        // Occurrences are pairs of words, which kernels count in pairs from the words' start on.
        if self.words.len() % 2 == 1 {
            self.words.push(0);
        }
        let mut occurrences = vec![];
        for segments in &batch.segments {
            occurrences.push(self.words.len() / 2);
            self.words.extend(segments.occurrences.iter().flat_map(|occurrence| [occurrence.field, occurrence.row]));
        }
        let first = self.words.len();
        self.words[header.touched() as usize + 1] = first as u32;
        self.touched.resize_with(plan.tables.len(), Vec::new);
        self.gradients.clear();
        let mut element = 0;
        for (table, spec) in plan.tables.iter().enumerate() {
            self.gradients.push(element);
            let (segments, rows) = (&batch.segments[spec.vocabulary], &mut self.touched[table]);
            rows.clear();
            for (u, &row) in segments.unique.iter().enumerate() {
                if !segments.of(u).iter().any(|occurrence| reads[table][occurrence.field as usize]) {
                    continue;
                }
                rows.push(row);
                let place = &places[table];
                let entry: [u32; TOUCHED] = [
                    (place.first_row + row as usize) as u32,
                    table as u32,
                    (place.first_element + row as usize * spec.dim) as u32,
                    element as u32,
                ];
                self.words.extend(entry);
                element += spec.dim;
            }
        }
        self.gradients.push(element);
        self.words[header.touched() as usize] = ((self.words.len() - first) / TOUCHED) as u32;
        self.pack_parts(plan, batch, header, &occurrences);
    }

    /// The touched rows' occurrences, in parts. The sums of rows of several parts follow the gradients.
    fn pack_parts(&mut self, plan: &Plan, batch: &Batch, header: &Header, occurrences: &[usize]) {
        let Self { words, touched, gradients, parts, splits, summed, .. } = self;
        parts.clear();
        splits.clear();
        *summed = gradients[plan.tables.len()];
        for (table, spec) in plan.tables.iter().enumerate() {
            let segments = &batch.segments[spec.vocabulary];
            let mut u = 0;
            for (number, &row) in touched[table].iter().enumerate() {
                // Touched rows are among the unique ones, in the same order.
                while segments.unique[u] != row {
                    u += 1;
                }
                let [begin, end] = [u, u + 1].map(|u| occurrences[spec.vocabulary] as u32 + segments.starts[u]);
                let to = (gradients[table] + number * spec.dim) as u32;
                let count = (end - begin).div_ceil(OCCURRENCES as u32);
                if count <= 1 {
                    parts.push([table as u32, to, begin, end]);
                    continue;
                }
                splits.push([to, spec.dim as u32, *summed as u32, count]);
                for part in 0..count {
                    let begin = begin + part * OCCURRENCES as u32;
                    parts.push([table as u32, *summed as u32, begin, end.min(begin + OCCURRENCES as u32)]);
                    *summed += spec.dim;
                }
            }
        }
        for (at, records) in [(header.parts(), &*parts), (header.splits(), &*splits)] {
            words[at as usize] = records.len() as u32;
            words[at as usize + 1] = words.len() as u32;
            words.extend(records.iter().flatten());
        }
    }

    /// Parts of the touched rows' occurrences, and rows of several.
    pub fn parts(&self) -> [usize; 2] {
        [self.parts.len(), self.splits.len()]
    }

    /// Number of touched rows.
    pub fn rows_touched(&self) -> usize {
        self.touched.iter().map(Vec::len).sum()
    }
}

/// How each objective's sum is reduced.
fn reductions(plan: &Plan) -> Vec<Reduction> {
    let mut reductions = vec![Reduction::Own; plan.objectives.len()];
    for op in &plan.ops {
        if let mmtl_plan::Op::Loss(loss) = op {
            reductions[loss.objective] = loss.reduction;
        }
    }
    reductions
}
