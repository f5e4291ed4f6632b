//! One model in training on a device.

use std::sync::Arc;

use cubecl::prelude::*;
use mmtl_plan::{
    Batch, Compiling, EngineError, Gradient, Initial, LossTotals, Memory, Pass, Plan, Session, SessionOptions, SlotId,
    Snapshot, TableGradient, Update,
};

use crate::budget::{self, KEPT_LOSSES, parts, parts_of_losses, tail_parts, touched};
use crate::buffer::{Buffer, Queue, SWEEP_UNITS, sweeping};
use crate::compiling::Telling;
use crate::cutting::Cutting;
use crate::engine::FreeMemory;
use crate::header::Header;
use crate::launches::launches;
use crate::ops::loss::VALUE_ROWS;
use crate::packed::{Packed, Packer};
use crate::parameters::Parameters;
use crate::pass::Uploaded;
use crate::program::Program;
use crate::reduce;
use crate::watched::Fed;

/// One model in training on a device.
pub struct GpuSession<R: Runtime> {
    pub(crate) queue: Queue<R>,
    free: Option<FreeMemory>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) program: Program,
    pub(crate) header: Header,
    pub(crate) cutting: Cutting,
    max_rows: usize,
    pub(crate) parameters: Parameters,
    pub(crate) memory: Activations,
    packer: Arc<Packer>,
    /// The batch that was trained on last.
    packed: Packed,
    /// Room for the next.
    spare: Packed,
    /// The batch whose rows the gradients are of.
    pub(crate) batch: Option<Uploaded>,
    /// The gradient of a step or a combination.
    pub(crate) own: Gradients,
    /// Those that [`Session::gradients`] left: the first `kept`.
    several: Vec<Gradients>,
    kept: usize,
    /// Steps whose losses are on the device.
    pending: Vec<Pending>,
    totals: Vec<LossTotals>,
}

/// A step whose losses are on the device.
struct Pending {
    step: u64,
    rows: usize,
    /// For each objective.
    has_rows: Vec<bool>,
}

/// Memory of passes.
pub(crate) struct Activations {
    /// All slots.
    pub values: Buffer,
    /// Their derivatives.
    pub grads: Buffer,
    /// Statistics of normalisations over rows.
    pub statistics: Buffer,
    /// Running statistics.
    pub states: Buffer,
    /// Sums over parts of rows, those of a tail at last.
    pub parts: Buffer,
    /// Where those of a tail start.
    pub tail_parts_at: usize,
    /// `[steps, objectives, parts]`
    pub losses: Buffer,
    /// The lists of jobs.
    pub jobs: Buffer,
}

/// The gradient of everything.
#[derive(Clone)]
pub(crate) struct Gradients {
    /// The arena's.
    pub dense: Buffer,
    /// Touched rows of all tables.
    pub rows: Buffer,
}

impl<R: Runtime> GpuSession<R> {
    /// A session with freshly initialised parameters and the memory for all its steps.
    pub fn new(
        queue: Queue<R>,
        free: Option<FreeMemory>,
        plan: Arc<Plan>,
        program: Program,
        options: SessionOptions,
        cutting: Cutting,
    ) -> Result<Self, EngineError> {
        let max_rows = options.max_rows;
        let initial = Initial::of(&plan, options.initialisation);
        let tail_parts_at = parts(&plan, &program, max_rows, cutting);
        let memory = Activations {
            values: queue.zeros(program.slots.len()),
            grads: queue.zeros(program.slots.len()),
            statistics: queue.zeros(program.statistics_len),
            states: queue.keep(&initial.states.concat()),
            parts: queue.room(tail_parts_at + tail_parts(&program, max_rows, cutting)),
            tail_parts_at,
            losses: queue.zeros(KEPT_LOSSES * plan.objectives.len() * parts_of_losses(&program, max_rows, cutting)),
            jobs: queue.keep(program.jobs.words()),
        };
        let parameters = Parameters::new(&queue, &plan, &initial, options.tables);
        let own = Gradients::new(&queue, &plan, max_rows);
        let packer = Arc::new(Packer::new(&plan, &program, max_rows));
        queue.tidy()?;
        Ok(Self {
            header: Header::new(&plan.schema),
            totals: vec![LossTotals::default(); plan.objectives.len()],
            queue,
            free,
            program,
            cutting,
            max_rows,
            parameters,
            memory,
            packer,
            packed: Packed::default(),
            spare: Packed::default(),
            batch: None,
            own,
            several: vec![],
            kept: 0,
            pending: vec![],
            plan,
        })
    }

    fn upload(&self, packed: &Packed) -> Uploaded {
        let all = self.queue.upload(&packed.words);
        Uploaded {
            words: all.part(0..packed.numbers_at),
            numbers: all.part(packed.numbers_at..packed.words.len()),
            rows: packed.rows() as u32,
            touched: packed.rows_touched(),
            gradients: packed.gradients.last().copied().unwrap_or(0),
            parts: packed.parts(),
        }
    }

    /// A forward pass in training, of a batch that takes the place of the one before, which is returned; leaves the losses on
    /// the device.
    fn forward(&mut self, packed: Packed, step: u64) -> Result<Packed, EngineError> {
        if self.pending.len() == KEPT_LOSSES {
            self.count_losses()?;
        }
        let before = std::mem::replace(&mut self.packed, packed);
        let uploaded = self.upload(&self.packed);
        self.parameters.catch_up(&self.queue, &self.memory.jobs, self.program.tables, &self.header, &uploaded);
        self.pending.push(Pending { step, rows: self.packed.rows(), has_rows: self.packed.has_rows.clone() });
        self.pass(&self.program.training, &uploaded, Some(step));
        self.batch = Some(uploaded);
        Ok(before)
    }

    /// Adds up losses that are on the device.
    fn count_losses(&mut self) -> Result<(), EngineError> {
        let (parts, objectives) = (self.loss_parts(), self.plan.objectives.len());
        let losses: Vec<f32> = self.queue.read_all(&self.memory.losses, self.pending.len() * objectives * parts)?;
        let (tail, cutting) = (self.program.tail, self.cutting);
        // Those of a tail are one for each of its cubes.
        let written = |rows: usize| match tail {
            Some(tail) => cutting.cubes_of_tail(rows as u32, tail) as usize,
            None => rows.div_ceil(VALUE_ROWS as usize),
        };
        for (of, losses) in self.pending.drain(..).zip(losses.chunks_exact(objectives * parts)) {
            let losses = losses
                .chunks_exact(parts)
                .map(|of_parts| of_parts[..written(of.rows)].iter().map(|&part| f64::from(part)).sum::<f64>());
            for ((totals, loss), _) in self.totals.iter_mut().zip(losses).zip(of.has_rows).filter(|(_, has)| *has) {
                totals.sum += loss;
                totals.steps += 1;
                if !loss.is_finite() {
                    totals.first_not_finite.get_or_insert(of.step);
                }
            }
        }
        Ok(())
    }

    /// Parts of an objective's loss that there is room for.
    pub(crate) fn loss_parts(&self) -> usize {
        parts_of_losses(&self.program, self.max_rows, self.cutting)
    }

    /// Where the losses of the last step go.
    pub(crate) fn losses_at(&self) -> usize {
        self.pending.len().saturating_sub(1) * self.plan.objectives.len() * self.loss_parts()
    }

    /// Moves every parameter by the gradient in `own`.
    pub(crate) fn update(&mut self, update: &Update) {
        let Some(batch) = &self.batch else { return };
        let Self { queue, parameters, own, memory, program, header, .. } = self;
        parameters.update(queue, update, own, (batch, header), (&memory.jobs, program.tables));
    }

    /// One number for each chunk of an inner product, appended at `out_at`; how many.
    fn products(&self, out: &Buffer, out_at: usize, a: &Buffer, b: &Buffer, range: std::ops::Range<usize>) -> usize {
        reduce::launch_products(&self.queue, out, out_at, a, b, range)
    }
}

impl Gradients {
    fn new<R: Runtime>(queue: &Queue<R>, plan: &Plan, max_rows: usize) -> Self {
        Self { dense: queue.zeros(plan.arena_len), rows: queue.zeros(touched(plan, max_rows)) }
    }
}

impl<R: Runtime> Session for GpuSession<R> {
    fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    fn step(&mut self, batch: &Batch, weights: &[f32], update: &Update) -> Result<(), EngineError> {
        self.packer.training(batch, &[weights], &mut self.spare)?;
        let packed = std::mem::take(&mut self.spare);
        self.spare = self.step_packed(packed, weights, update)?;
        Ok(())
    }

    fn gradients(&mut self, batch: &Batch, pass: Pass, weightings: &[&[f32]]) -> Result<(), EngineError> {
        self.packer.training(batch, weightings, &mut self.spare)?;
        let packed = std::mem::take(&mut self.spare);
        self.spare = self.gradients_packed(packed, pass, weightings)?;
        Ok(())
    }

    fn gradient(&mut self, number: usize) -> Result<Gradient, EngineError> {
        if number >= self.kept {
            let what = "number of a gradient, below how many there are";
            return Err(EngineError::Argument { what, expected: self.kept, got: number });
        }
        let gradients = &self.several[number];
        let dense = self.queue.read_all(&gradients.dense, self.plan.arena_len)?;
        let starts = &self.packed.gradients;
        let rows: Vec<f32> = self.queue.read_all(&gradients.rows, starts.last().copied().unwrap_or(0))?;
        let table = |table: usize| TableGradient {
            rows: self.packed.touched[table].clone(),
            values: rows[starts[table]..starts[table + 1]].to_vec(),
        };
        Ok(Gradient { dense, tables: (0..self.plan.tables.len()).map(table).collect() })
    }

    fn gram(&mut self) -> Result<Vec<f64>, EngineError> {
        let shared = self.plan.shared_ranges();
        let starts = &self.packed.gradients;
        let shared_tables: Vec<_> = (0..self.plan.tables.len())
            .filter(|&table| self.plan.tables[table].reached_by.len() > 1)
            .map(|table| starts[table]..starts[table + 1])
            .collect();
        let chunks = |ranges: &[std::ops::Range<usize>]| -> usize {
            ranges.iter().map(|range| range.len().div_ceil(reduce::CHUNK)).sum()
        };
        let parts = chunks(&shared) + chunks(&shared_tables);
        let pairs: Vec<(usize, usize)> = (0..self.kept).flat_map(|i| (0..=i).map(move |j| (i, j))).collect();
        let out = self.queue.room(parts * pairs.len());
        let mut at = 0;
        for &(i, j) in &pairs {
            let (a, b) = (&self.several[i], &self.several[j]);
            for range in &shared {
                at += self.products(&out, at, &a.dense, &b.dense, range.clone());
            }
            for range in &shared_tables {
                at += self.products(&out, at, &a.rows, &b.rows, range.clone());
            }
        }
        let sums: Vec<f32> = self.queue.read_all(&out, parts * pairs.len())?;
        let mut gram = vec![0.0; self.kept * self.kept];
        for (number, &(i, j)) in pairs.iter().enumerate() {
            let product = sums[number * parts..(number + 1) * parts].iter().map(|&sum| f64::from(sum)).sum();
            gram[i * self.kept + j] = product;
            gram[j * self.kept + i] = product;
        }
        Ok(gram)
    }

    fn combine(&mut self, coefficients: &[f32], update: &Update) -> Result<(), EngineError> {
        EngineError::check("number of coefficients", self.kept, coefficients.len())?;
        for (number, &coefficient) in coefficients.iter().enumerate() {
            let from = &self.several[number];
            for (to, from) in [(&self.own.dense, &from.dense), (&self.own.rows, &from.rows)] {
                // SAFETY: both have as many elements as they say, the same number.
                unsafe {
                    reduce::blend::launch_unchecked(
                        self.queue.client(),
                        sweeping(to.len()),
                        CubeDim::new_1d(SWEEP_UNITS),
                        self.queue.arg(to),
                        self.queue.arg(from),
                        coefficient,
                        to.len() as u32,
                        u32::from(number > 0),
                    );
                }
            }
        }
        if coefficients.is_empty() {
            self.queue.fill(&self.own.dense, 0.0);
            self.queue.fill(&self.own.rows, 0.0);
        }
        self.update(update);
        Ok(())
    }

    fn losses(&mut self) -> Result<Vec<LossTotals>, EngineError> {
        self.count_losses()?;
        let fresh = vec![LossTotals::default(); self.totals.len()];
        Ok(std::mem::replace(&mut self.totals, fresh))
    }

    fn predict(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        self.packer.prediction(batch, out.len(), &mut self.spare)?;
        let packed = std::mem::take(&mut self.spare);
        self.spare = self.predict_packed(packed, out)?;
        Ok(())
    }

    fn gates(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        EngineError::check("number of gates", self.plan.gates().count(), out.len())?;
        self.packer.prediction(batch, self.plan.outputs.len(), &mut self.spare)?;
        let packed = std::mem::take(&mut self.spare);
        self.spare = self.gates_packed(packed, out)?;
        Ok(())
    }

    fn snapshot(&mut self, everything: bool) -> Result<Snapshot, EngineError> {
        self.parameters.catch_up_all(&self.queue);
        let states: Vec<f32> = self.queue.read_all(&self.memory.states, self.program.states_len)?;
        let state = |(spec, &at): (&mmtl_plan::StateSpec, &usize)| states[at..at + spec.len].to_vec();
        Ok(Snapshot {
            dense: self.queue.read_all(&self.parameters.dense, self.plan.arena_len)?,
            tables: self.read_tables(&self.parameters.tables)?,
            states: self.plan.states.iter().zip(&self.program.states).map(state).collect(),
            memory: if everything { Some(self.read_memory()?) } else { None },
        })
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EngineError> {
        snapshot.check(&self.plan)?;
        // The session's own moments stay where the snapshot has none: they must have missed nothing.
        self.parameters.catch_up_all(&self.queue);
        self.parameters.restore(&self.queue, snapshot);
        self.queue.write(&self.memory.states, 0, &snapshot.states.concat());
        self.queue.tidy()
    }
}

impl<R: Runtime> Fed for GpuSession<R> {
    fn packer(&self) -> Arc<Packer> {
        Arc::clone(&self.packer)
    }

    fn step_packed(&mut self, packed: Packed, weights: &[f32], update: &Update) -> Result<Packed, EngineError> {
        self.kept = 0;
        let before = self.forward(packed, update.step)?;
        let own = self.own.clone();
        self.backward(weights, update.step, &own);
        self.update(update);
        Ok(before)
    }

    fn step_announced(
        &mut self,
        packed: Packed,
        weights: &[f32],
        update: &Update,
        tell: Box<dyn FnMut(Compiling) + Send>,
    ) -> Result<Packed, EngineError> {
        let kernels =
            launches(&self.plan, self.parameters.mode, update.clip.is_some(), self.program.launching())?.len();
        self.queue.tell(Some(Telling::new(kernels, tell)));
        let taken = self.step_packed(packed, weights, update).and_then(|before| self.queue.sync().map(|()| before));
        if let Some(telling) = self.queue.tell(None) {
            telling.end();
        }
        taken
    }

    fn gradients_packed(&mut self, packed: Packed, pass: Pass, weightings: &[&[f32]]) -> Result<Packed, EngineError> {
        // None are there if this fails.
        self.kept = 0;
        let more = weightings.len().saturating_sub(self.several.len());
        if more > 0 {
            let free = self.free.as_ref().and_then(|free| free());
            budget::check_gradients(&self.plan, self.max_rows, more, free)?;
        }
        while self.several.len() < weightings.len() {
            self.several.push(Gradients::new(&self.queue, &self.plan, self.max_rows));
        }
        let aside = self.set_aside(pass)?;
        let before = self.forward(packed, pass.step)?;
        if weightings.is_empty() && self.program.tail.is_some() {
            // A tail's losses come with its derivatives.
            let own = self.own.clone();
            self.backward(&vec![0.0; self.plan.objectives.len()], pass.step, &own);
        }
        for (number, weights) in weightings.iter().enumerate() {
            let into = self.several[number].clone();
            self.backward(weights, pass.step, &into);
        }
        if let Some(states) = aside {
            self.pending.pop();
            self.queue.write(&self.memory.states, 0, &states);
        }
        self.kept = weightings.len();
        Ok(before)
    }

    fn predict_packed(&mut self, packed: Packed, out: &mut [Vec<f32>]) -> Result<Packed, EngineError> {
        let outputs = self.plan.outputs.iter().map(|output| output.slot).collect();
        self.evaluate_packed(packed, outputs, out)
    }

    fn gates_packed(&mut self, packed: Packed, out: &mut [Vec<f32>]) -> Result<Packed, EngineError> {
        let gates = self.plan.gates().map(|gate| gate.out).collect();
        self.evaluate_packed(packed, gates, out)
    }
}

impl<R: Runtime> GpuSession<R> {
    /// What a pass in evaluation mode leaves in some slots.
    fn evaluate_packed(
        &mut self,
        packed: Packed,
        seen: Vec<SlotId>,
        out: &mut [Vec<f32>],
    ) -> Result<Packed, EngineError> {
        self.parameters.catch_up_all(&self.queue);
        let uploaded = self.upload(&packed);
        self.pass(&self.program.evaluation, &uploaded, None);
        for (values, slot) in out.iter_mut().zip(seen) {
            let place = self.program.slots.whole(slot);
            let start = place.at as usize;
            *values = self.queue.read(&self.memory.values, start..start + packed.rows() * place.width as usize)?;
        }
        Ok(packed)
    }

    /// Running statistics before a pass that does not count.
    fn set_aside(&self, pass: Pass) -> Result<Option<Vec<f32>>, EngineError> {
        (!pass.counts).then(|| self.queue.read_all(&self.memory.states, self.program.states_len)).transpose()
    }

    fn read_tables(&self, buffer: &Buffer) -> Result<Vec<Vec<f32>>, EngineError> {
        let table =
            |(spec, &at): (&mmtl_plan::TableSpec, &usize)| self.queue.read(buffer, at..at + spec.rows * spec.dim);
        self.plan.tables.iter().zip(&self.program.table_at).map(table).collect()
    }

    fn read_memory(&self) -> Result<Memory, EngineError> {
        let kept = self.parameters.kept_moments;
        let dense = self.parameters.moments[..kept].iter();
        let tables = self.parameters.table_moments[..kept].iter();
        Ok(Memory {
            step: self.parameters.step,
            dense: dense.map(|moment| self.queue.read_all(moment, self.plan.arena_len)).collect::<Result<_, _>>()?,
            tables: tables.map(|moment| self.read_tables(moment)).collect::<Result<_, _>>()?,
        })
    }
}
