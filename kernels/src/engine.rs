//! The engine.

use std::sync::Arc;

use cubecl::prelude::*;
use mmtl_plan::{Engine, EngineError, Plan, Session, SessionOptions};

use crate::session::GpuSession;

/// Executes plans on one device, in `f32`.
pub struct GpuEngine<R: Runtime> {
    name: &'static str,
    numerics: String,
    client: ComputeClient<R>,
}

impl<R: Runtime> GpuEngine<R> {
    /// An engine on a device that has been opened; `numerics` names what two of them must share to produce the same bits.
    pub(crate) fn new(name: &'static str, numerics: String, client: ComputeClient<R>) -> Self {
        Self { name, numerics, client }
    }
}

impl<R: Runtime> Engine for GpuEngine<R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn numerics(&self) -> String {
        self.numerics.clone()
    }

    fn session(&self, plan: Arc<Plan>, options: SessionOptions) -> Result<Box<dyn Session>, EngineError> {
        Ok(Box::new(GpuSession::new(self.client.clone(), plan, options)?))
    }
}
