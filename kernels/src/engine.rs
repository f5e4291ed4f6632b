//! The engine.

use std::sync::Arc;
use std::time::Duration;

use cubecl::prelude::*;
use mmtl_plan::{Engine, EngineError, Factors, Footprint, Plan, Session, SessionOptions};

use crate::budget::{self, Limits};
use crate::buffer::{Queue, is_software};
use crate::chip::Chip;
use crate::counts::{Counted, Counts};
use crate::cutting::Cutting;
use crate::device::{CutEngine, DeviceEngine};
use crate::probe::{DeviceProbe, Probe, watched_probe};
use crate::profile::{KernelTimer, Profiled, profile};
use crate::program::{Launching, Program};
use crate::session::GpuSession;
use crate::stage::Stage;
use crate::tile::{Tile, has_squares};
use crate::watch::{PATIENCE, Pulse, Watch};
use crate::watched::Watched;

/// Tells how many bytes a device has left, if it can.
pub type FreeMemory = Arc<dyn Fn() -> Option<u64> + Send + Sync>;

/// Executes plans on one device, in `f32`.
#[derive(Clone)]
pub struct GpuEngine<R: Runtime> {
    name: &'static str,
    numerics: String,
    client: ComputeClient<R>,
    /// Bytes that the device has left, where that can be asked.
    free: Option<FreeMemory>,
    /// How every product is cut, instead of how its list would be.
    tile: Option<Tile>,
    /// How a tail's tiles lie on chip, instead of as the device would have them.
    chip: Option<Chip>,
    /// What factors of products are rounded to.
    factors: Factors,
    /// Whether a step's last ops are launched together.
    launching: Launching,
    /// How long the device may stand still.
    patience: Duration,
    /// What its sessions have asked of the device.
    counts: Arc<Counts>,
}

impl<R: Runtime> GpuEngine<R> {
    /// An engine on a device that has been opened; `numerics` names what two of them must share to produce the same bits.
    pub fn new(name: &'static str, numerics: String, client: ComputeClient<R>, free: Option<FreeMemory>) -> Self {
        Self {
            name,
            numerics,
            client,
            free,
            tile: None,
            chip: None,
            factors: Factors::F32,
            launching: Launching::Fused,
            patience: PATIENCE,
            counts: Arc::default(),
        }
    }

    /// With factors of products rounded for matrix units.
    ///
    /// # Errors
    /// Says why where the device has none that multiply such factors.
    pub fn rounding(self, factors: Factors) -> Result<Self, String> {
        if factors == Factors::F32 || has_squares(&self.client, factors) {
            return Ok(Self { factors, ..self });
        }
        Err(format!("precision `{}` needs matrix units that its device has not, expected `f32`", factors.name()))
    }

    /// With factors of products rounded, by whatever multiplies them.
    #[cfg(test)]
    pub(crate) fn rounding_softly(self, factors: Factors) -> Self {
        Self { factors, ..self }
    }

    /// On a device that may stand still so long before it is given up.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// With every product cut like this.
    pub(crate) fn cut(self, tile: Tile) -> Self {
        Self { tile: Some(tile), ..self }
    }

    /// With tails' tiles laid out like this.
    #[cfg(test)]
    pub(crate) fn laid_out(self, chip: Chip) -> Self {
        Self { chip: Some(chip), ..self }
    }

    /// Of a thread of its own.
    fn watch(&self) -> Watch {
        Watch { pulse: Arc::default(), patience: self.patience }
    }

    /// What makes a session, on whatever thread.
    fn maker(
        &self,
        plan: Arc<Plan>,
        options: SessionOptions,
        pulse: Arc<Pulse>,
    ) -> impl FnOnce() -> Result<GpuSession<R>, EngineError> + Send + use<R> {
        let (client, free, cutting) = (self.client.clone(), self.free.clone(), self.cutting());
        let (launching, counts) = (DeviceEngine::launching(self), Arc::clone(&self.counts));
        move || {
            let program = Program::new(&plan, options.max_rows, options.dropout, launching)?;
            let buffer = client.properties().memory.max_page_size;
            let queue = Queue::watched(client, pulse, counts);
            // What a session before left is free for this one.
            queue.tidy()?;
            let limits = Limits { buffer, free: free.as_ref().and_then(|free| free()) };
            let of_rows = |rows| Program::new(&plan, rows, options.dropout, launching).ok();
            budget::check(&plan, &program, options, cutting, limits, of_rows)?;
            GpuSession::new(queue, free, plan, program, options, cutting)
        }
    }

    fn cutting(&self) -> Cutting {
        let chip = self.chip().unwrap_or_default();
        Cutting { software: is_software(&self.client), tile: self.tile, factors: self.factors, chip }
    }

    /// How tiles lie on the device's chip, if there is room.
    fn chip(&self) -> Option<Chip> {
        let of_device =
            || Chip::of(is_software(&self.client), self.client.properties().hardware.max_shared_memory_size);
        self.chip.or_else(of_device)
    }
}

impl<R: Runtime> DeviceEngine for GpuEngine<R> {
    fn launching(&self) -> Launching {
        // Whoever asks for tiles wants products cut into them.
        let can = self.tile.is_none() && self.chip().is_some();
        if can { self.launching } else { Launching::Composed }
    }

    fn composed(&self) -> Box<dyn DeviceEngine> {
        Box::new(Self { launching: Launching::Composed, counts: Arc::default(), ..self.clone() })
    }

    fn cut_into_tiles(&self) -> Vec<CutEngine> {
        let cut = |tile: Tile| -> CutEngine {
            (format!("tiles of {} × {}", tile.rows, tile.cols), Box::new(self.clone().cut(tile)))
        };
        Tile::OF_DEVICES.map(cut).into()
    }

    fn counted(&self) -> Counted {
        self.counts.counted()
    }

    fn probe(&self) -> Result<Box<dyn Probe>, EngineError> {
        let watch = self.watch();
        let (client, free, pulse) = (self.client.clone(), self.free.clone(), Arc::clone(&watch.pulse));
        let queue = move || Queue::watched(client, pulse, Arc::default());
        watched_probe(watch, Stage::of(&self.client), move || DeviceProbe::new(queue(), free.and_then(|free| free())))
    }

    fn profile(&self, profiled: &Profiled) -> Result<Box<dyn KernelTimer>, EngineError> {
        let footprint = self.footprint(&profiled.plan, profiled.options)?.map_or(0, |footprint| footprint.total());
        let (engine, watch, of) = (self.clone(), self.watch(), profiled.clone());
        let pulse = Arc::clone(&watch.pulse);
        let session = move || engine.maker(Arc::clone(&of.plan), of.options, Arc::clone(&pulse))();
        profile(watch, Stage::of(&self.client), session, footprint, profiled.clone())
    }
}

impl<R: Runtime> Engine for GpuEngine<R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn numerics(&self) -> String {
        let factors = match self.factors {
            Factors::F32 => String::new(),
            Factors::Tf32 | Factors::Bf16 => format!(", {} factors", self.factors.name()),
        };
        let launching = match (self.launching, self.factors) {
            (Launching::Fused, Factors::F32) => "",
            (Launching::Fused, Factors::Tf32 | Factors::Bf16) => ", tails in chains",
            (Launching::Composed, _) => ", composed",
        };
        format!("{}{factors}{launching}", self.numerics)
    }

    fn factors(&self) -> Factors {
        self.factors
    }

    fn session(&self, plan: Arc<Plan>, options: SessionOptions) -> Result<Box<dyn Session>, EngineError> {
        let watch = self.watch();
        let make = self.maker(Arc::clone(&plan), options, Arc::clone(&watch.pulse));
        Ok(Box::new(Watched::start(plan, watch, Stage::of(&self.client), make)?))
    }

    /// A pass of a device is the time of its launches until there are some thousands of rows.
    fn least_rows(&self) -> usize {
        8192
    }

    fn footprint(&self, plan: &Plan, options: SessionOptions) -> Result<Option<Footprint>, EngineError> {
        let program = Program::new(plan, options.max_rows, options.dropout, DeviceEngine::launching(self))?;
        Ok(Some(budget::footprint(plan, &program, options, self.cutting())))
    }
}

#[cfg(all(test, feature = "wgpu"))]
mod tests {
    use mmtl_plan::TableUpdates;
    use mmtl_reference::drawn::{self, SchemaSize};

    use super::*;
    use crate::wgpu_devices;

    #[test]
    fn too_little_memory_is_said_and_the_device_goes_on() {
        let plan = drawn::every_op(&drawn::schema(SchemaSize::default()), vec!["one".to_owned()], 1);
        let plan = Arc::new(plan.expect("it is valid"));
        let session = |free: u64| {
            let engine = wgpu_devices::engine(0).expect("there is a device");
            let engine = GpuEngine { free: Some(Arc::new(move || Some(free))), ..engine };
            let options = SessionOptions { max_rows: 64, initialisation: 0, dropout: 0, tables: TableUpdates::Exact };
            engine.session(Arc::clone(&plan), options).map(|mut session| session.snapshot(false).map(|_| ()))
        };
        let refusal = session(1 << 10).expect_err("that is too little").to_string();
        assert!(refusal.contains("a session of 64 rows: ") && refusal.ends_with("1024 are available"), "{refusal}");
        assert_eq!(session(1 << 40), Ok(Ok(())));
    }
}
