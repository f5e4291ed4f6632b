//! One model in training on the processor.

use std::sync::Arc;

use mmtl_plan::{
    Batch, EngineError, Gradient, Initial, LossTotals, Pass, Plan, Session, SessionOptions, Snapshot, TableGradient,
    Update,
};

use crate::compiled::Compiled;
use crate::gradient::{GradientStore, blend, inner};
use crate::layout::Frame;
use crate::memory::{self, Activations};
use crate::model::{Model, Seen};
use crate::parameters::Parameters;
use crate::sweep::Work;
use crate::touched::Touched;
use crate::workers::Workers;

/// One model in training.
pub struct CpuSession {
    compiled: Compiled,
    max_rows: usize,
    parameters: Parameters,
    /// Running statistics.
    states: Vec<Vec<f32>>,
    activations: Activations,
    /// The table rows of the last training batch.
    touched: Touched,
    /// The gradient of a step or a combination.
    own: GradientStore,
    /// The gradients that [`Session::gradients`] left: the first `kept` of these.
    several: Vec<GradientStore>,
    kept: usize,
    totals: Vec<LossTotals>,
    /// Scratch for sums in pieces.
    sums: Vec<f64>,
}

impl CpuSession {
    /// A session with freshly initialised parameters and the memory for all its steps.
    pub fn new(plan: Arc<Plan>, options: SessionOptions, workers: Arc<Workers>) -> Result<Self, EngineError> {
        let max_rows = options.max_rows;
        let compiled = Compiled::new(plan, options.dropout, workers)?;
        let (plan, model) = (&compiled.plan, &compiled.model);
        let threads = compiled.workers.threads();
        memory::check(plan, model, threads, max_rows)?;
        // What is copied goes before there is more.
        let (parameters, states) = {
            let initial = Initial::of(plan, options.initialisation);
            (Parameters::new(plan, &initial, options.tables), initial.states)
        };
        Ok(Self {
            max_rows,
            parameters,
            states,
            activations: Activations::new(plan, model, &compiled.tasks, threads, max_rows),
            touched: Touched::with_room(plan, max_rows),
            own: GradientStore::new(plan.arena_len, memory::touched_elements(plan, max_rows)),
            several: vec![],
            kept: 0,
            totals: vec![LossTotals::default(); plan.objectives.len()],
            sums: vec![],
            compiled,
        })
    }

    fn check_weights(&self, weights: &[f32]) -> Result<(), EngineError> {
        EngineError::check("number of objective weights", self.compiled.plan.objectives.len(), weights.len())
    }

    /// Finds the rows of tables that `batch` looks up and brings them to the present.
    fn look_up(&mut self, batch: &Batch) {
        let Compiled { plan, model, workers, .. } = &self.compiled;
        self.touched.collect(plan, model, batch);
        self.parameters.tables.catch_up(workers, &self.touched);
    }

    fn step_inside(&mut self, batch: &Batch, weights: &[f32], update: &Update) {
        self.kept = 0;
        self.look_up(batch);
        let Self { compiled, parameters, activations, states, touched, own, totals, .. } = self;
        let work = work(compiled, parameters, touched, batch);
        activations.step(&work, compiled, states, (update.step, weights), own);
        activations.count(&work, update.step, totals);
        self.update(update);
    }

    /// Makes room for so many gradients beside that of a step.
    fn keep(&mut self, gradients: usize) -> Result<(), EngineError> {
        // None are there if this fails.
        self.kept = 0;
        let more = gradients.saturating_sub(self.several.len());
        if more > 0 {
            let slots = self.activations.slots_to_keep(&self.compiled.model, self.max_rows);
            memory::check_gradients(&self.compiled.plan, self.max_rows, more, slots)?;
        }
        while self.several.len() < gradients {
            // Room for touched rows grows with them.
            self.several.push(GradientStore::new(self.own.dense.len(), 0));
        }
        self.kept = gradients;
        Ok(())
    }

    fn gradients_inside(&mut self, batch: &Batch, pass: Pass, weightings: &[&[f32]]) {
        self.look_up(batch);
        let Self { compiled, parameters, activations, states, touched, several, totals, .. } = self;
        let work = work(compiled, parameters, touched, batch);
        activations.keep_values(&work.frame);
        let before = (!pass.counts).then(|| states.clone());
        activations.forward(&work, states, pass.step);
        match before {
            Some(before) => *states = before,
            None => activations.count(&work, pass.step, totals),
        }
        for (weights, store) in weightings.iter().zip(several) {
            activations.backward(&work, compiled, weights, store);
        }
    }

    fn gram_inside(&mut self) -> Vec<f64> {
        let Self { compiled: Compiled { plan, workers, shared, .. }, touched, several, sums, kept, .. } = self;
        let shared_table = |table: &usize| plan.tables[*table].reached_by.len() > 1;
        let mut gram = vec![0.0; *kept * *kept];
        for (i, j) in (0..*kept).flat_map(|i| (0..=i).map(move |j| (i, j))) {
            let (a, b) = (&several[i], &several[j]);
            let mut product = 0.0;
            for range in shared.iter() {
                product += inner(workers, &a.dense[range.clone()], &b.dense[range.clone()], sums);
            }
            for table in (0..plan.tables.len()).filter(shared_table) {
                let place = touched.gradients_of(table);
                product += inner(workers, &a.rows[place.clone()], &b.rows[place], sums);
            }
            gram[i * *kept + j] = product;
            gram[j * *kept + i] = product;
        }
        gram
    }

    fn combine_inside(&mut self, coefficients: &[f32], update: &Update) {
        let Self { compiled: Compiled { workers, .. }, touched, several, own, .. } = self;
        blend(workers, &mut own.dense, coefficients, &|k| &several[k].dense);
        own.rows.grow(touched.len());
        blend(workers, &mut own.rows[..touched.len()], coefficients, &|k| &several[k].rows);
        self.update(update);
        if !coefficients.iter().all(|coefficient| coefficient.is_finite()) {
            // What lies between parameters has to be 0 again: nothing else writes there, and norms are of all.
            self.own.dense.fill(0.0);
        }
    }

    /// What a pass in evaluation mode shows.
    fn evaluate(&mut self, batch: &Batch, seen: impl Fn(&Model) -> &Seen, out: &mut [Vec<f32>]) {
        let workers = Arc::clone(&self.compiled.workers);
        let seen = seen(&self.compiled.model);
        workers.run(|| {
            self.parameters.tables.catch_up_all(&workers);
            let work = work(&self.compiled, &self.parameters, &self.touched, batch);
            self.activations.evaluate(&work, &mut self.states, seen);
        });
        self.activations.read(&work(&self.compiled, &self.parameters, &self.touched, batch), seen, out);
    }

    /// Moves every parameter by the gradient in `own`.
    fn update(&mut self, update: &Update) {
        let Self { compiled, touched, own, sums, parameters, .. } = self;
        let rows = &own.rows[..touched.len()];
        let scale = update.clip.map_or(1.0, |clip| {
            let dense = inner(&compiled.workers, &own.dense, &own.dense, sums);
            let norm = (dense + inner(&compiled.workers, rows, rows, sums)).sqrt();
            if norm > f64::from(clip) { (f64::from(clip) / norm) as f32 } else { 1.0 }
        });
        parameters.update(compiled, update, touched, (&own.dense, rows), scale);
    }
}

impl Session for CpuSession {
    fn plan(&self) -> &Arc<Plan> {
        &self.compiled.plan
    }

    fn step(&mut self, batch: &Batch, weights: &[f32], update: &Update) -> Result<(), EngineError> {
        batch.check_for_training(&self.compiled.plan.schema, self.max_rows)?;
        self.check_weights(weights)?;
        let workers = Arc::clone(&self.compiled.workers);
        workers.run(|| self.step_inside(batch, weights, update));
        Ok(())
    }

    fn gradients(&mut self, batch: &Batch, pass: Pass, weightings: &[&[f32]]) -> Result<(), EngineError> {
        batch.check_for_training(&self.compiled.plan.schema, self.max_rows)?;
        weightings.iter().try_for_each(|weights| self.check_weights(weights))?;
        self.keep(weightings.len())?;
        let workers = Arc::clone(&self.compiled.workers);
        workers.run(|| self.gradients_inside(batch, pass, weightings));
        Ok(())
    }

    fn gradient(&mut self, number: usize) -> Result<Gradient, EngineError> {
        if number >= self.kept {
            let what = "number of a gradient, below how many there are";
            return Err(EngineError::Argument { what, expected: self.kept, got: number });
        }
        let store = &self.several[number];
        let table = |table| {
            let values = store.rows[self.touched.gradients_of(table)].to_vec();
            TableGradient { rows: self.touched.of(table).to_vec(), values }
        };
        let tables = (0..self.compiled.plan.tables.len()).map(table).collect();
        Ok(Gradient { dense: store.dense.to_vec(), tables })
    }

    fn gram(&mut self) -> Result<Vec<f64>, EngineError> {
        let workers = Arc::clone(&self.compiled.workers);
        Ok(workers.run(|| self.gram_inside()))
    }

    fn combine(&mut self, coefficients: &[f32], update: &Update) -> Result<(), EngineError> {
        EngineError::check("number of coefficients", self.kept, coefficients.len())?;
        let workers = Arc::clone(&self.compiled.workers);
        workers.run(|| self.combine_inside(coefficients, update));
        Ok(())
    }

    fn losses(&mut self) -> Result<Vec<LossTotals>, EngineError> {
        let fresh = vec![LossTotals::default(); self.totals.len()];
        Ok(std::mem::replace(&mut self.totals, fresh))
    }

    fn predict(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        batch.check(&self.compiled.plan.schema, self.max_rows)?;
        EngineError::check("number of outputs", self.compiled.plan.outputs.len(), out.len())?;
        self.evaluate(batch, |model| &model.outputs, out);
        Ok(())
    }

    fn gates(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        batch.check(&self.compiled.plan.schema, self.max_rows)?;
        EngineError::check("number of gates", self.compiled.plan.gates().count(), out.len())?;
        self.evaluate(batch, |model| &model.gates, out);
        Ok(())
    }

    fn snapshot(&mut self, everything: bool) -> Result<Snapshot, EngineError> {
        let workers = Arc::clone(&self.compiled.workers);
        workers.run(|| self.parameters.tables.catch_up_all(&workers));
        Ok(self.parameters.snapshot(&self.states, everything))
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EngineError> {
        snapshot.check(&self.compiled.plan)?;
        let workers = Arc::clone(&self.compiled.workers);
        // The session's own moments stay where the snapshot has none: they must have missed nothing.
        workers.run(|| self.parameters.tables.catch_up_all(&workers));
        self.parameters.restore(snapshot);
        self.states.clone_from(&snapshot.states);
        Ok(())
    }
}

fn work<'a>(compiled: &'a Compiled, parameters: &'a Parameters, touched: &'a Touched, batch: &'a Batch) -> Work<'a> {
    let Compiled { model, workers, preparation, .. } = compiled;
    let frame = Frame::new(batch.rows(), model.stride);
    Work { model, workers, preparation, batch, frame, dense: &parameters.dense, tables: &parameters.tables, touched }
}
