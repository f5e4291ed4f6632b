//! A batch as words and numbers: what it says, and where in them.

use mmtl_plan::{Batch, Plan, Reduction, Schema};

use crate::tables::{OCCURRENCES, PART, SPLIT, TOUCHED};

/// Where a batch's words say what. Word 0 is the number of rows; the scenes' first rows and the end of the last follow.
pub struct Header {
    /// Number of scenes.
    scenes: usize,
    /// Number of fields.
    fields: usize,
}

/// A batch, ready for the device.
#[derive(Default)]
pub struct Packed {
    /// Counts, places, ids.
    pub words: Vec<u32>,
    /// Numeric columns, labels, weights, reciprocals.
    pub numbers: Vec<f32>,
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

impl Header {
    /// Of a data set's batches.
    pub fn new(schema: &Schema) -> Self {
        Self { scenes: schema.scenes.len(), fields: schema.fields.len() }
    }

    /// The word that says where a field's ids start; the next says where their bounds do, 0 for one id a row.
    pub fn field(&self, field: usize) -> u32 {
        (self.scenes + 2 + 2 * field) as u32
    }

    /// The words that say where labels, weights and reciprocals start among the numbers.
    pub fn labels(&self) -> u32 {
        self.field(self.fields)
    }

    /// The word that says where the rows' scenes start.
    pub fn scene_of(&self) -> u32 {
        self.labels() + 3
    }

    /// The word that says how many rows of tables are touched; the next says where their words start.
    pub fn touched(&self) -> u32 {
        self.scene_of() + 1
    }

    /// The same of the parts of their occurrences.
    pub fn parts(&self) -> u32 {
        self.touched() + 2
    }

    /// The same of the rows of several parts.
    pub fn splits(&self) -> u32 {
        self.parts() + 2
    }

    fn len(&self) -> usize {
        self.splits() as usize + 2
    }
}

/// Where each table lies among all.
pub struct TablePlace {
    /// Its first row.
    pub first_row: usize,
    /// Its first element.
    pub first_element: usize,
}

impl Packed {
    /// Packs a batch; for training also the rows of tables that it touches. Buffers are reused.
    pub fn pack(&mut self, plan: &Plan, batch: &Batch, training: bool, places: &[TablePlace], reads: &[Vec<bool>]) {
        let header = Header::new(&plan.schema);
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
        self.pack_numbers(plan, batch, &header);
        if training {
            self.pack_touched(plan, batch, &header, places, reads);
        }
    }

    fn pack_numbers(&mut self, plan: &Plan, batch: &Batch, header: &Header) {
        self.numbers.clear();
        self.numbers.extend_from_slice(&batch.numeric);
        let labels = header.labels() as usize;
        self.words[labels] = self.numbers.len() as u32;
        self.numbers.extend_from_slice(&batch.labels);
        self.words[labels + 1] = self.numbers.len() as u32;
        self.numbers.extend_from_slice(&batch.weights);
        self.words[labels + 2] = self.numbers.len() as u32;
        self.has_rows.clear();
        let reductions = reductions(plan);
        for (objective, reduction) in plan.objectives.iter().zip(reductions) {
            let reciprocal = batch.reciprocal(objective.task, reduction);
            self.numbers.push(reciprocal as f32);
            self.has_rows.push(reciprocal > 0.0);
        }
        if self.numbers.is_empty() {
            self.numbers.push(0.0);
        }
    }

    fn pack_touched(
        &mut self,
        plan: &Plan,
        batch: &Batch,
        header: &Header,
        places: &[TablePlace],
        reads: &[Vec<bool>],
    ) {
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
