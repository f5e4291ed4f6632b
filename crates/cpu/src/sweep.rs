//! Passes over all tiles of a batch. The last stage of a forward pass and the first of a backward pass are one sweep,
//! so that without normalisations over rows a tile goes forward and back while it is in the cache.

use mmtl_plan::{Batch, LossTotals};

use crate::compiled::Compiled;
use crate::gradient::GradientStore;
use crate::layout::{Frame, Place, Tile};
use crate::memory::Activations;
use crate::model::Model;
use crate::ops::norm::Statistics;
use crate::pass::{Backward, Forward, Whole};
use crate::prepared::Preparation;
use crate::tables::Tables;
use crate::touched::Touched;
use crate::workers::{Split, Workers};

/// What passes over one batch have in common.
pub struct Work<'a> {
    /// The compiled plan.
    pub model: &'a Model,
    /// The engine's threads.
    pub workers: &'a Workers,
    /// Weights to compute first.
    pub preparation: &'a Preparation,
    /// The rows.
    pub batch: &'a Batch,
    /// How they are cut.
    pub frame: Frame,
    /// The dense arena.
    pub dense: &'a [f32],
    /// Embedding tables.
    pub tables: &'a Tables,
}

/// Consecutive tiles, to be handed out in parts.
struct Tiles<'a> {
    values: &'a mut [f32],
    grads: &'a mut [f32],
    losses: &'a mut [f64],
    tile_len: usize,
    objectives: usize,
}

impl Split for Tiles<'_> {
    fn split(self, at: usize) -> (Self, Self) {
        let (values, values_rest) = self.values.split_at_mut(at * self.tile_len);
        let (grads, grads_rest) = self.grads.split_at_mut(at * self.tile_len);
        let (losses, losses_rest) = self.losses.split_at_mut(at * self.objectives);
        let (tile_len, objectives) = (self.tile_len, self.objectives);
        (
            Self { values, grads, losses, tile_len, objectives },
            Self { values: values_rest, grads: grads_rest, losses: losses_rest, tile_len, objectives },
        )
    }
}

impl Activations {
    /// A forward pass in training mode of step `step`; with `fused`, also the first stage of the backward pass for
    /// these objective weights, to be continued by [`Activations::backward`].
    pub fn forward(&mut self, work: &Work<'_>, states: &mut [Vec<f32>], step: u64, fused: Option<&[f32]>) {
        let Work { model, batch, .. } = *work;
        work.preparation.run(work.workers, &model.nodes, batch, true, work.dense, &mut self.prepared);
        for loss in model.losses() {
            self.reciprocals[loss.objective] = loss.reciprocal(batch);
        }
        self.losses.fill(0.0);
        if let Some(weights) = fused {
            model.live(weights, &mut self.live);
        }
        for (number, stage) in model.stages.iter().enumerate() {
            self.gather(work, stage.clone(), states, true);
            let fused = fused.filter(|_| number + 1 == model.stages.len());
            self.each_tile(work, |parts, tile, values, grads, losses| {
                let pass = parts.forward(work, Some(step));
                for node in &model.nodes[stage.clone()] {
                    node.forward(&pass, tile, values, losses);
                }
                if let Some(weights) = fused {
                    let pass = parts.backward(work, weights);
                    first_backward(model, &pass, tile, values, grads);
                }
            });
        }
    }

    /// A forward pass in evaluation mode.
    pub fn evaluate(&mut self, work: &Work<'_>, states: &mut [Vec<f32>]) {
        let model = work.model;
        work.preparation.run(work.workers, &model.nodes, work.batch, false, work.dense, &mut self.prepared);
        self.gather(work, 0..model.nodes.len(), states, false);
        self.each_tile(work, |parts, tile, values, _, losses| {
            let pass = parts.forward(work, None);
            for node in &model.nodes {
                node.forward(&pass, tile, values, losses);
            }
        });
    }

    /// A backward pass for the given objective weights, after a forward pass that had them `fused` or not.
    pub fn backward(&mut self, work: &Work<'_>, weights: &[f32], fused: bool) {
        let model = work.model;
        if !fused {
            model.live(weights, &mut self.live);
        }
        for (number, stage) in model.stages.iter().enumerate().rev() {
            let last = number + 1 == model.stages.len();
            if !(last && fused) {
                self.each_tile(work, |parts, tile, values, grads, _| {
                    let pass = parts.backward(work, weights);
                    if last {
                        return first_backward(model, &pass, tile, values, grads);
                    }
                    for later in model.stages[number + 1].clone().rev() {
                        if pass.live[later] && model.nodes[later].barrier().is_some() {
                            model.nodes[later].backward(&pass, tile, values, grads);
                        }
                    }
                    stage_backward(model, number, &pass, tile, values, grads);
                });
            }
            for node in stage.clone().filter(|&node| self.live[node]) {
                if let Some((norm, over)) = model.nodes[node].barrier() {
                    let statistics = &mut self.statistics[over.statistics];
                    let (values, grads) = (&self.values, &self.grads);
                    norm.reduce(over, work.workers, work.batch, &work.frame, values, grads, statistics);
                }
            }
        }
    }

    /// The gradients of all parameters, after a backward pass.
    pub fn gradients(&mut self, work: &Work<'_>, compiled: &Compiled, touched: &Touched, store: &mut GradientStore) {
        let whole = Whole {
            batch: work.batch,
            frame: work.frame,
            values: &self.values,
            grads: &self.grads,
            dense: work.dense,
            statistics: &self.statistics,
            live: &self.live,
        };
        compiled.tasks.run(work.model, work.workers, &whole, &mut self.scratch, &mut store.dense);
        store.rows.grow(touched.len());
        touched.gradients(work, &compiled.plan, &self.live, &self.grads, &mut store.rows[..touched.len()]);
    }

    /// Copies a slot's rows out of the tiles.
    pub fn read(&self, work: &Work<'_>, place: Place, to: &mut Vec<f32>) {
        to.clear();
        for (tile, _) in work.frame.parts(0..work.frame.rows) {
            to.extend_from_slice(place.of(&tile, work.frame.memory(&tile, &self.values)));
        }
    }

    /// Adds the pass's losses up, in the tiles' order.
    pub fn count(&self, work: &Work<'_>, step: u64, totals: &mut [LossTotals]) {
        for loss in work.model.losses().filter(|loss| Model::has_rows(loss, work.batch)) {
            let parts = self.losses.chunks_exact(totals.len()).take(work.frame.tiles());
            let value = parts.map(|tile| tile[loss.objective]).sum::<f64>() * self.reciprocals[loss.objective];
            let total = &mut totals[loss.objective];
            total.sum += value;
            total.steps += 1;
            if !value.is_finite() {
                total.first_not_finite.get_or_insert(step);
            }
        }
    }

    /// The statistics that some nodes normalise by.
    fn gather(&mut self, work: &Work<'_>, nodes: std::ops::Range<usize>, states: &mut [Vec<f32>], training: bool) {
        for node in &work.model.nodes[nodes] {
            if let Some((norm, over)) = node.barrier() {
                let statistics = &mut self.statistics[over.statistics];
                let (batch, frame, values) = (work.batch, &work.frame, &self.values);
                norm.gather(over, work.workers, batch, frame, training, values, states, statistics);
            }
        }
    }

    /// `f(the rest, tile, values, grads, losses)` for every tile.
    fn each_tile(&mut self, work: &Work<'_>, f: impl Fn(&Rest<'_>, &Tile, &mut [f32], &mut [f32], &mut [f64]) + Sync) {
        let frame = work.frame;
        let rest = Rest {
            prepared: &self.prepared,
            statistics: &self.statistics,
            reciprocals: &self.reciprocals,
            live: &self.live,
        };
        let objectives = self.reciprocals.len();
        let tiles = Tiles {
            values: &mut self.values,
            grads: &mut self.grads,
            losses: &mut self.losses,
            tile_len: frame.tile_len(),
            objectives,
        };
        work.workers.chunks(tiles, frame.tiles(), 1, &|t, tiles: Tiles<'_>| {
            let losses = &mut tiles.losses[..objectives];
            let len = tiles.tile_len;
            f(&rest, &frame.tile(t), &mut tiles.values[..len], &mut tiles.grads[..len], losses);
        });
    }
}

/// What tiles share.
struct Rest<'a> {
    prepared: &'a [f32],
    statistics: &'a [Statistics],
    reciprocals: &'a [f64],
    live: &'a [bool],
}

impl<'a> Rest<'a> {
    fn forward(&self, work: &Work<'a>, training: Option<u64>) -> Forward<'a> {
        let Work { batch, dense, tables, .. } = *work;
        let Self { prepared, statistics, reciprocals, .. } = *self;
        Forward { batch, dense, prepared, tables, statistics, reciprocals, training }
    }

    fn backward(&self, work: &Work<'a>, weights: &'a [f32]) -> Backward<'a> {
        let Work { batch, dense, .. } = *work;
        let Self { prepared, statistics, live, .. } = *self;
        Backward { batch, dense, prepared, statistics, weights, live }
    }
}

/// Zeroes the derivatives that will be added to, then passes them back through the last stage.
fn first_backward(model: &Model, pass: &Backward<'_>, tile: &Tile, values: &[f32], grads: &mut [f32]) {
    for (node, live) in model.nodes.iter().zip(pass.live) {
        if let (Some(out), true) = (node.out, live) {
            out.of_mut(tile, grads).fill(0.0);
        }
    }
    stage_backward(model, model.stages.len() - 1, pass, tile, values, grads);
}

/// Passes derivatives back through a stage, up to the normalisations that opened it.
fn stage_backward(model: &Model, stage: usize, pass: &Backward<'_>, tile: &Tile, values: &[f32], grads: &mut [f32]) {
    for node in model.stages[stage].clone().rev() {
        if pass.live[node] && model.nodes[node].barrier().is_none() {
            model.nodes[node].backward(pass, tile, values, grads);
        }
    }
}
