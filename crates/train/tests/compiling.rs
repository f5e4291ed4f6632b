//! What an engine compiles before its first step is told to whoever looks on.

use std::io;
use std::sync::Arc;

use mmtl_plan::{
    Batch, Compiling, Engine, EngineError, Gradient, LossTotals, Pass, Plan, Session, SessionOptions, Snapshot, Update,
    Value,
};
use mmtl_reference::ReferenceEngine;
use mmtl_train::{Checkpoint, Command, Evaluation, Outcome, Progress, TrainError, Watcher, fit};

use crate::world::{dataset, plan, spec};

/// Tells of two kernels before its first step.
struct Compiler;

struct CompiledSession {
    session: Box<dyn Session>,
    compiled: bool,
}

impl Engine for Compiler {
    fn name(&self) -> &'static str {
        "compiler"
    }

    fn numerics(&self) -> String {
        ReferenceEngine::default().numerics()
    }

    fn session(&self, plan: Arc<Plan>, options: SessionOptions) -> Result<Box<dyn Session>, EngineError> {
        let session = ReferenceEngine::default().session(plan, options)?;
        Ok(Box::new(CompiledSession { session, compiled: false }))
    }
}

const TOLD: [Compiling; 2] =
    [Compiling { ready: 1, of: 2, kernel: Some("gate") }, Compiling { ready: 2, of: 2, kernel: None }];

impl Session for CompiledSession {
    fn plan(&self) -> &Arc<Plan> {
        self.session.plan()
    }

    fn step(&mut self, batch: &Batch, weights: &[f32], update: &Update) -> Result<(), EngineError> {
        self.session.step(batch, weights, update)
    }

    fn step_telling(
        &mut self,
        batch: &Batch,
        weights: &[f32],
        update: &Update,
        tell: &mut dyn FnMut(Compiling),
    ) -> Result<(), EngineError> {
        if !std::mem::replace(&mut self.compiled, true) {
            TOLD.into_iter().for_each(tell);
        }
        self.step(batch, weights, update)
    }

    fn gradients(&mut self, batch: &Batch, pass: Pass, weightings: &[&[f32]]) -> Result<(), EngineError> {
        self.session.gradients(batch, pass, weightings)
    }

    fn gradient(&mut self, number: usize) -> Result<Gradient, EngineError> {
        self.session.gradient(number)
    }

    fn gram(&mut self) -> Result<Vec<f64>, EngineError> {
        self.session.gram()
    }

    fn combine(&mut self, coefficients: &[f32], update: &Update) -> Result<(), EngineError> {
        self.session.combine(coefficients, update)
    }

    fn losses(&mut self) -> Result<Vec<LossTotals>, EngineError> {
        self.session.losses()
    }

    fn predict(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        self.session.predict(batch, out)
    }

    fn gates(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        self.session.gates(batch, out)
    }

    fn snapshot(&mut self, everything: bool) -> Result<Snapshot, EngineError> {
        self.session.snapshot(everything)
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EngineError> {
        self.session.restore(snapshot)
    }
}

/// Notes what is compiled until there is no more room.
struct Listener {
    told: Vec<Compiling>,
    room: usize,
}

impl Watcher for Listener {
    fn progress(&mut self, _: &Progress) -> io::Result<()> {
        Ok(())
    }

    fn compiling(&mut self, compiling: Compiling) -> io::Result<()> {
        if self.told.len() == self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.told.push(compiling);
        Ok(())
    }

    fn evaluated(&mut self, _: &Evaluation) -> io::Result<()> {
        Ok(())
    }

    fn checkpoint(&mut self, _: &Checkpoint) -> io::Result<()> {
        Ok(())
    }

    fn command(&mut self) -> io::Result<Command> {
        Ok(Command::Continue)
    }
}

#[test]
fn what_is_compiled_is_told_and_what_cannot_be_recorded_ends_the_fit() {
    let dataset = dataset(60);
    let plan = plan(&dataset, "single-task", &[0], &[]);
    let spec = spec(&dataset, &plan, &[("batch_size", Value::Int(4)), ("epochs", Value::Int(2))], &[]);
    let listened = |room| {
        let mut listener = Listener { told: vec![], room };
        let outcome = fit(&Compiler, &dataset, &spec, None, &mut listener);
        (outcome, listener.told)
    };
    let (outcome, told) = listened(10);
    let Ok(Outcome::Finished(fitted)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(told, TOLD);
    let plain = fit(&ReferenceEngine::default(), &dataset, &spec, None, &mut ());
    let Ok(Outcome::Finished(plain)) = plain else { panic!("{plain:?}") };
    assert_eq!(fitted.digest(), plain.digest());
    let (outcome, told) = listened(1);
    assert!(matches!(outcome, Err(TrainError::Watcher(_))), "{outcome:?}");
    assert_eq!(told, TOLD[..1]);
}
