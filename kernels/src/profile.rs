//! Times of a training step's kernels, each launched again and again on what a real step left. Kernels that work in place
//! (derivatives of activations, what is added to) change their own numbers meanwhile; the next kernel's are made anew.

use std::sync::Arc;
use std::time::Instant;

use cubecl::prelude::*;
use mmtl_plan::{Batch, EngineError, Plan, Session, SessionOptions, Update};

use crate::cost::{Cost, cost};
use crate::launches::kernel;
use crate::program::Launch;
use crate::session::GpuSession;

/// One kernel of a training step.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelTime {
    /// Its name.
    pub kernel: &'static str,
    /// How often a step launches it.
    pub launches: usize,
    /// Seconds of all these launches, by rounds.
    pub seconds: Vec<f64>,
    /// Floating-point operations of all these launches' products.
    pub flops: u64,
    /// Bytes that they read and write at least.
    pub bytes: u64,
}

/// What is timed.
pub struct Profiled<'a> {
    /// The model.
    pub plan: Arc<Plan>,
    /// How its session is made.
    pub options: SessionOptions,
    /// Batches for the steps before.
    pub batches: &'a [Batch],
    /// Those steps' update.
    pub update: Update,
    /// About how long all of it may take.
    pub seconds: f64,
}

/// Rounds of a kernel.
const ROUNDS: usize = 11;

impl<R: Runtime> GpuSession<R> {
    /// Takes a step on each batch, then times each launch of the last.
    pub fn profile(&mut self, profiled: &Profiled<'_>) -> Result<Vec<KernelTime>, EngineError> {
        let weights = vec![1.0; profiled.plan.objectives.len()];
        for (batch, step) in profiled.batches.iter().zip(1..) {
            self.step(batch, &weights, &Update { step, ..profiled.update })?;
        }
        self.losses()?;
        let program = &self.program;
        let launches: Vec<Launch> = program.training.iter().chain(&program.backward).copied().collect();
        let budget = profiled.seconds / (launches.len() + 2) as f64;
        let rows = profiled.batches.last().map_or(0, |batch| batch.rows() as u64);
        let scenes = profiled.plan.schema.scenes.len() as u64;
        let (weights, own) = (self.queue.upload(&weights), self.own.clone());
        let mut times: Vec<KernelTime> = vec![];
        for launch in launches {
            self.passes_again(&weights, &own);
            let seconds = self.rounds(budget, |session| session.again(launch, &weights, &own))?;
            add(&mut times, kernel(&launch), &seconds, cost(&self.program, launch, rows, scenes));
        }
        let (touched, arena) = (self.batch.as_ref().map_or(0, |batch| batch.gradients), profiled.plan.arena_len);
        if touched > 0 {
            let sum = |session: &mut Self| {
                if let Some(batch) = &session.batch {
                    session.sum_tables(batch, &own);
                }
            };
            let seconds = self.rounds(budget, sum)?;
            add(&mut times, "tables, gradient", &seconds, moved(2 * touched));
        }
        // Weights and two moments are read and written, gradients read.
        let update = profiled.update;
        let seconds = self.rounds(budget, |session| session.update(&update))?;
        add(&mut times, "update, of parameters and touched rows", &seconds, moved(7 * (arena + touched)));
        Ok(times)
    }

    /// Seconds of one call, by rounds of as many calls as the budget has room for, each of which ends when the device is
    /// done.
    fn rounds(&mut self, budget: f64, mut call: impl FnMut(&mut Self)) -> Result<Vec<f64>, EngineError> {
        call(self);
        self.queue.sync()?;
        let start = Instant::now();
        call(self);
        self.queue.sync()?;
        let once = start.elapsed().as_secs_f64().max(1e-6);
        let each = ((budget / ROUNDS as f64 / once) as usize).clamp(1, 1000);
        let mut seconds = vec![];
        for _ in 0..ROUNDS {
            let start = Instant::now();
            (0..each).for_each(|_| call(self));
            self.queue.sync()?;
            seconds.push(start.elapsed().as_secs_f64() / each as f64);
        }
        Ok(seconds)
    }
}

fn moved(elements: usize) -> Cost {
    Cost { flops: 0, bytes: 4 * elements as u64 }
}

/// Adds a launch to its kernel's.
fn add(times: &mut Vec<KernelTime>, kernel: &'static str, seconds: &[f64], cost: Cost) {
    if let Some(time) = times.iter_mut().find(|time| time.kernel == kernel) {
        time.launches += 1;
        time.seconds.iter_mut().zip(seconds).for_each(|(sum, seconds)| *sum += seconds);
        (time.flops, time.bytes) = (time.flops + cost.flops, time.bytes + cost.bytes);
    } else {
        let (seconds, Cost { flops, bytes }) = (seconds.to_vec(), cost);
        times.push(KernelTime { kernel, launches: 1, seconds, flops, bytes });
    }
}
