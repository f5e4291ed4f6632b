//! A session on a thread of its own.

use std::sync::Arc;

use mmtl_plan::{Batch, Compiling, EngineError, Gradient, LossTotals, Pass, Plan, Session, Snapshot, Update};

use crate::own_thread::{Answers, OwnThread};
use crate::packed::{Packed, Packer};
use crate::stage::Stage;
use crate::watch::Watch;

/// A session that takes batches as its device does. Each call returns a batch that is no longer needed, to be packed anew.
pub trait Fed: Session {
    /// What packs batches for it.
    fn packer(&self) -> Arc<Packer>;

    /// As [`Session::step`].
    fn step_packed(&mut self, packed: Packed, weights: &[f32], update: &Update) -> Result<Packed, EngineError>;

    /// As [`Session::step_telling`], to somebody on another thread.
    fn step_announced(
        &mut self,
        packed: Packed,
        weights: &[f32],
        update: &Update,
        tell: Box<dyn FnMut(Compiling) + Send>,
    ) -> Result<Packed, EngineError>;

    /// As [`Session::gradients`].
    fn gradients_packed(&mut self, packed: Packed, pass: Pass, weightings: &[&[f32]]) -> Result<Packed, EngineError>;

    /// As [`Session::predict`].
    fn predict_packed(&mut self, packed: Packed, out: &mut [Vec<f32>]) -> Result<Packed, EngineError>;

    /// As [`Session::gates`].
    fn gates_packed(&mut self, packed: Packed, out: &mut [Vec<f32>]) -> Result<Packed, EngineError>;
}

/// A session on its own thread. While that thread launches a step, the caller's packs the next one's batch: a step returns
/// when it has been handed over, and what becomes of it is told by the next call.
pub struct Watched<S> {
    plan: Arc<Plan>,
    packer: Arc<Packer>,
    thread: OwnThread<S>,
    /// Whether a step has been announced.
    announced: bool,
    /// What comes of the step that was handed over last.
    step: Option<Answers<Packed>>,
    /// Room for the next batch.
    spare: Packed,
}

impl<S: Fed + Send + 'static> Watched<S> {
    /// Makes a session on a new thread.
    ///
    /// # Errors
    /// Those of `make`, and when that takes without end.
    pub fn start(
        plan: Arc<Plan>,
        watch: Watch,
        stage: Stage,
        make: impl FnOnce() -> Result<S, EngineError> + Send + 'static,
    ) -> Result<Self, EngineError> {
        let thread = OwnThread::start(watch, stage, make)?;
        let packer = thread.call(|session: &mut S| Ok(session.packer()))?;
        Ok(Self { plan, packer, thread, announced: false, step: None, spare: Packed::default() })
    }

    /// What the session answers.
    fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut S) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.settle()?;
        self.thread.call(work)
    }

    /// Waits for the step that was handed over last.
    fn settle(&mut self) -> Result<(), EngineError> {
        if let Some(answers) = self.step.take() {
            self.spare = self.thread.answer(&answers, &mut |_| {})?;
        }
        Ok(())
    }

    /// A batch for training, packed.
    fn packed(&mut self, batch: &Batch, weightings: &[&[f32]]) -> Result<Packed, EngineError> {
        self.packer.training(batch, weightings, &mut self.spare)?;
        Ok(std::mem::take(&mut self.spare))
    }
}

impl<S: Fed + Send + 'static> Session for Watched<S> {
    fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    fn step(&mut self, batch: &Batch, weights: &[f32], update: &Update) -> Result<(), EngineError> {
        let (packed, weights, update) = (self.packed(batch, &[weights])?, weights.to_vec(), *update);
        self.settle()?;
        self.step = Some(self.thread.hand_over(move |session, _| session.step_packed(packed, &weights, &update))?);
        Ok(())
    }

    fn step_telling(
        &mut self,
        batch: &Batch,
        weights: &[f32],
        update: &Update,
        tell: &mut dyn FnMut(Compiling),
    ) -> Result<(), EngineError> {
        if self.announced {
            return self.step(batch, weights, update);
        }
        let (packed, weights, update) = (self.packed(batch, &[weights])?, weights.to_vec(), *update);
        self.settle()?;
        self.announced = true;
        let answers =
            self.thread.hand_over(move |session, tell| session.step_announced(packed, &weights, &update, tell))?;
        self.spare = self.thread.answer(&answers, tell)?;
        Ok(())
    }

    fn gradients(&mut self, batch: &Batch, pass: Pass, weightings: &[&[f32]]) -> Result<(), EngineError> {
        let packed = self.packed(batch, weightings)?;
        let weightings: Vec<Vec<f32>> = weightings.iter().map(|weights| weights.to_vec()).collect();
        self.spare = self.call(move |session| {
            let weightings: Vec<&[f32]> = weightings.iter().map(Vec::as_slice).collect();
            session.gradients_packed(packed, pass, &weightings)
        })?;
        Ok(())
    }

    fn gradient(&mut self, number: usize) -> Result<Gradient, EngineError> {
        self.call(move |session| session.gradient(number))
    }

    fn gram(&mut self) -> Result<Vec<f64>, EngineError> {
        self.call(S::gram)
    }

    fn combine(&mut self, coefficients: &[f32], update: &Update) -> Result<(), EngineError> {
        let (coefficients, update) = (coefficients.to_vec(), *update);
        self.call(move |session| session.combine(&coefficients, &update))
    }

    fn losses(&mut self) -> Result<Vec<LossTotals>, EngineError> {
        self.call(S::losses)
    }

    fn predict(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        self.packer.prediction(batch, out.len(), &mut self.spare)?;
        let (packed, mut values) = (std::mem::take(&mut self.spare), vec![vec![]; out.len()]);
        let predict = move |session: &mut S| session.predict_packed(packed, &mut values).map(|packed| (packed, values));
        let (packed, values) = self.call(predict)?;
        self.spare = packed;
        out.iter_mut().zip(values).for_each(|(out, values)| *out = values);
        Ok(())
    }

    fn gates(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        EngineError::check("number of gates", self.plan.gates().count(), out.len())?;
        self.packer.prediction(batch, self.plan.outputs.len(), &mut self.spare)?;
        let (packed, mut values) = (std::mem::take(&mut self.spare), vec![vec![]; out.len()]);
        let gates = move |session: &mut S| session.gates_packed(packed, &mut values).map(|packed| (packed, values));
        let (packed, values) = self.call(gates)?;
        self.spare = packed;
        out.iter_mut().zip(values).for_each(|(out, values)| *out = values);
        Ok(())
    }

    fn snapshot(&mut self, everything: bool) -> Result<Snapshot, EngineError> {
        self.call(move |session| session.snapshot(everything))
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EngineError> {
        let snapshot = snapshot.clone();
        self.call(move |session| session.restore(&snapshot))
    }
}
