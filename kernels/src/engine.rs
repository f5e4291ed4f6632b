//! The engine.

use std::sync::Arc;

use cubecl::prelude::*;
use mmtl_plan::{Engine, EngineError, Footprint, Plan, Session, SessionOptions};

use crate::budget::{self, Limits};
use crate::probe::DeviceProbe;
use crate::profile::{KernelTimer, Profiled, profile};
use crate::program::Program;
use crate::session::GpuSession;
use crate::tile::Tile;

/// Tells how many bytes a device has left, if it can.
pub type FreeMemory = Box<dyn Fn() -> Option<u64> + Send + Sync>;

/// Executes plans on one device, in `f32`.
pub struct GpuEngine<R: Runtime> {
    name: &'static str,
    numerics: String,
    client: ComputeClient<R>,
    /// Bytes that the device has left, where that can be asked.
    free: Option<FreeMemory>,
    /// How every product is cut, instead of how its list would be.
    tile: Option<Tile>,
}

impl<R: Runtime> GpuEngine<R> {
    /// An engine on a device that has been opened; `numerics` names what two of them must share to produce the same bits.
    pub fn new(name: &'static str, numerics: String, client: ComputeClient<R>, free: Option<FreeMemory>) -> Self {
        Self { name, numerics, client, free, tile: None }
    }

    /// With every product cut like this.
    #[cfg(test)]
    pub(crate) fn cut(self, tile: Tile) -> Self {
        Self { tile: Some(tile), ..self }
    }

    /// The kernels of a step, to be timed one by one.
    ///
    /// # Errors
    /// As [`Engine::session`] and its steps.
    pub fn profile(&self, profiled: &Profiled<'_>) -> Result<Box<dyn KernelTimer>, EngineError> {
        let footprint = self.footprint(&profiled.plan, profiled.options)?.map_or(0, |footprint| footprint.total());
        profile(|| self.own_session(Arc::clone(&profiled.plan), profiled.options), footprint, profiled)
    }

    fn own_session(&self, plan: Arc<Plan>, options: SessionOptions) -> Result<GpuSession<R>, EngineError> {
        let program = Program::new(&plan, options.max_rows, options.dropout)?;
        let free = self.free.as_ref().and_then(|free| free());
        let limits = Limits { buffer: self.client.properties().memory.max_page_size, free };
        budget::check(&plan, &program, options.max_rows, limits)?;
        GpuSession::new(self.client.clone(), plan, program, options, self.tile)
    }

    /// What its device can do at best.
    pub fn probe(&self) -> DeviceProbe<R> {
        DeviceProbe::new(self.client.clone())
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
        Ok(Box::new(self.own_session(plan, options)?))
    }

    fn footprint(&self, plan: &Plan, options: SessionOptions) -> Result<Option<Footprint>, EngineError> {
        let program = Program::new(plan, options.max_rows, options.dropout)?;
        Ok(Some(budget::footprint(plan, &program, options.max_rows)))
    }
}
