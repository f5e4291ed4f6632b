//! The engine.

use std::sync::Arc;

use mmtl_plan::{Engine, EngineError, Footprint, Plan, Session, SessionOptions};

use crate::gradient::Tasks;
use crate::memory;
use crate::model::Model;
use crate::session::CpuSession;
use crate::simd;
use crate::workers::Workers;

/// Executes plans on the processor, in `f32`. Bits do not depend on the number of threads.
pub struct CpuEngine {
    workers: Arc<Workers>,
}

impl CpuEngine {
    /// An engine with `threads` threads, which its sessions share; 0 and 1 mean the caller's own thread.
    ///
    /// # Errors
    /// When the operating system gives it no threads, or `MMTL_SIMD` names no instruction set that there is.
    pub fn new(threads: usize) -> Result<Self, EngineError> {
        simd::choose().map_err(EngineError::Device)?;
        let workers = Workers::new(threads).map_err(|error| EngineError::Device(error.to_string()))?;
        Ok(Self { workers: Arc::new(workers) })
    }
}

impl Engine for CpuEngine {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn numerics(&self) -> String {
        // The same bits on every instruction set: see `crate::kernel` and `crate::simd`.
        "cpu f32".to_owned()
    }

    fn session(&self, plan: Arc<Plan>, options: SessionOptions) -> Result<Box<dyn Session>, EngineError> {
        Ok(Box::new(CpuSession::new(plan, options, Arc::clone(&self.workers))?))
    }

    /// One thread means one: whoever asks for it has other work for the other cores, such as trials beside this one.
    fn batches_ahead(&self) -> usize {
        if self.workers.threads() == 1 { 0 } else { 2 }
    }

    fn footprint(&self, plan: &Plan, options: SessionOptions) -> Result<Option<Footprint>, EngineError> {
        let model = Model::of(plan, options.dropout);
        Tasks::of(&model)?;
        Ok(Some(memory::footprint(plan, &model, self.workers.threads(), options.max_rows)))
    }
}
