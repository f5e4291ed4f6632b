//! Passes over all tiles of a batch. The last stage of a forward pass and the first of a backward pass are one sweep, in
//! which tiles also add their gradients up: without normalisations over rows a tile goes forward and back and is done
//! with while it is in the cache, and its memory is the next one's.

use std::ops::Range;

use mmtl_plan::{Batch, LossTotals};

use crate::compiled::Compiled;
use crate::gradient::{GradientStore, Sums};
use crate::layout::{Frame, Tile};
use crate::memory::Activations;
use crate::model::{Model, Seen};
use crate::node::Kind;
use crate::ops::norm::Statistics;
use crate::pass::{Backward, Forward, Passed, Summed};
use crate::prepared::Preparation;
use crate::reach::Reach;
use crate::tables::Tables;
use crate::touched::{LookedUp, Touched};
use crate::turns::{Lent, Pieces};
use crate::workers::Workers;

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
    /// Their rows that the batch looks up, in training.
    pub touched: &'a Touched,
}

/// What a sweep leaves in memory.
#[derive(Clone, Copy, Default)]
struct Keep {
    /// Slots of every tile, not only of those at work.
    values: bool,
    /// Derivatives of every tile.
    grads: bool,
    /// Elements of a row that are kept in any case.
    rows: usize,
}

/// The memory of the tile that a worker is at.
struct TileMemory<'a> {
    values: Lent<'a, f32>,
    grads: Lent<'a, f32>,
    kept: Lent<'a, f32>,
    losses: Lent<'a, f64>,
}

impl Activations {
    /// A forward and a backward pass in training mode of step `step`, for the given objective weights.
    pub fn step(
        &mut self,
        work: &Work<'_>,
        compiled: &Compiled,
        states: &mut [Vec<f32>],
        (step, weights): (u64, &[f32]),
        store: &mut GradientStore,
    ) {
        let last = work.model.stages.len() - 1;
        self.begin(work);
        for stage in 0..last {
            self.forward_stage(work, stage, states, step);
        }
        self.gather(work, work.model.stages[last].clone(), states, true);
        self.gradients(work, compiled, (Some(step), weights), store);
    }

    /// A forward pass in training mode that keeps all slots, for [`Activations::backward`].
    pub fn forward(&mut self, work: &Work<'_>, states: &mut [Vec<f32>], step: u64) {
        self.begin(work);
        for stage in 0..work.model.stages.len() {
            self.forward_stage(work, stage, states, step);
        }
    }

    /// A backward pass for the given objective weights, after a forward pass.
    pub fn backward(&mut self, work: &Work<'_>, compiled: &Compiled, weights: &[f32], store: &mut GradientStore) {
        self.gradients(work, compiled, (None, weights), store);
    }

    /// A forward pass in evaluation mode; keeps what is to be seen.
    pub fn evaluate(&mut self, work: &Work<'_>, states: &mut [Vec<f32>], seen: &Seen) {
        let model = work.model;
        work.preparation.run(work, false, &mut self.prepared);
        self.gather(work, 0..model.nodes.len(), states, false);
        let keep = Keep { rows: seen.columns, ..Keep::default() };
        self.each_tile(work, keep, None, |rest, tile, memory| {
            let pass = rest.forward(work, None);
            model.forward(&(0..model.nodes.len()), &pass, tile, &mut memory.values, &mut memory.losses);
            for (from, to) in &seen.places {
                to.of_mut(tile, &mut memory.kept).copy_from_slice(from.of(tile, &memory.values));
            }
        });
    }

    /// Copies what is to be seen out of the tiles, after [`Activations::evaluate`].
    pub fn read(&self, work: &Work<'_>, seen: &Seen, out: &mut [Vec<f32>]) {
        let kept = Frame { stride: seen.columns, ..work.frame };
        for ((_, place), to) in seen.places.iter().zip(out) {
            to.clear();
            for (tile, _) in kept.parts(0..kept.rows) {
                for row in place.rows(&tile, kept.memory(&tile, &self.kept)) {
                    to.extend_from_slice(row);
                }
            }
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

    /// What a training pass needs before its first tile.
    fn begin(&mut self, work: &Work<'_>) {
        work.preparation.run(work, true, &mut self.prepared);
        for loss in work.model.losses() {
            self.reciprocals[loss.objective] = work.batch.reciprocal(loss.task, loss.reduction);
        }
        self.losses.fill(0.0);
    }

    fn forward_stage(&mut self, work: &Work<'_>, stage: usize, states: &mut [Vec<f32>], step: u64) {
        let nodes = work.model.stages[stage].clone();
        self.gather(work, nodes.clone(), states, true);
        let keep = Keep { values: true, ..Keep::default() };
        self.each_tile(work, keep, None, |rest, tile, memory| rest.forward_through(work, &nodes, step, tile, memory));
    }

    /// All gradients: passes back through the stages from the last to the first. The last stage passes forward first
    /// where its step is given.
    fn gradients(
        &mut self,
        work: &Work<'_>,
        compiled: &Compiled,
        (step, weights): (Option<u64>, &[f32]),
        store: &mut GradientStore,
    ) {
        let model = work.model;
        self.reach.follow(model, weights);
        let last = model.stages.len() - 1;
        let several = last > 0;
        let keep = Keep { values: several || step.is_none(), grads: several, rows: model.looked_up };
        for (stage, nodes) in model.stages.iter().enumerate().rev() {
            let to = (compiled, &mut *store);
            self.each_tile(work, keep, Some(to), |rest, tile, memory| {
                if stage == last {
                    if let Some(step) = step {
                        rest.forward_through(work, nodes, step, tile, memory);
                    }
                    rest.zero_derivatives(model, tile, memory);
                }
                rest.backward_through(work, stage, weights, tile, memory);
            });
            self.reduce(work, nodes.clone());
        }
        let Self { scratch, prepared, statistics, reach: Reach { live, .. }, kept, .. } = self;
        if work.frame.tiles() == 0 {
            // There is no first tile to write what the others add to.
            store.dense.fill(0.0);
        } else {
            let summed =
                Summed { dense: work.dense, tables: work.tables, touched: work.touched, scratch, statistics, live };
            compiled.tasks.finish(model, work.workers, &summed, &mut store.dense);
        }
        store.rows.grow(work.touched.len());
        let looked_up = LookedUp { live, grads: kept, id_sums: scratch, prepared };
        work.touched.gradients(work, &compiled.plan, &looked_up, &mut store.rows[..work.touched.len()]);
    }

    /// The statistics that some nodes normalise by.
    fn gather(&mut self, work: &Work<'_>, nodes: Range<usize>, states: &mut [Vec<f32>], training: bool) {
        for node in &work.model.nodes[nodes] {
            if let Some((norm, over)) = node.barrier() {
                let statistics = &mut self.statistics[over.statistics];
                let (batch, frame, values) = (work.batch, &work.frame, &self.values);
                norm.gather(over, work.workers, batch, frame, training, values, states, statistics);
            }
        }
    }

    /// The sums over rows that the derivatives of some nodes need.
    fn reduce(&mut self, work: &Work<'_>, nodes: Range<usize>) {
        for node in nodes.filter(|&node| self.reach.live[node]) {
            if let Some((norm, over)) = work.model.nodes[node].barrier() {
                let statistics = &mut self.statistics[over.statistics];
                let (values, grads) = (&self.values, &self.grads);
                norm.reduce(over, work.workers, work.batch, &work.frame, values, grads, statistics);
            }
        }
    }

    /// `f` for every tile; with a store for gradients that tiles add to.
    fn each_tile(
        &mut self,
        work: &Work<'_>,
        keep: Keep,
        store: Option<(&Compiled, &mut GradientStore)>,
        f: impl Fn(&Rest<'_>, &Tile, &mut TileMemory<'_>) + Sync,
    ) {
        let frame = work.frame;
        let reach = &self.reach;
        let (scratch, turns) = (&mut self.scratch, &mut self.turns);
        let sums = store.map(|(compiled, store)| compiled.tasks.begin(&reach.live, &mut store.dense, scratch, turns));
        let rest = Rest {
            prepared: &self.prepared,
            statistics: &self.statistics,
            reciprocals: &self.reciprocals,
            reach,
            sums,
        };
        let [lent_values, lent_grads, lent_kept, lent_losses] = &self.lent;
        let values = Pieces::new(&mut self.values, frame.tile_len(), lent_values);
        let grads = Pieces::new(&mut self.grads, frame.tile_len(), lent_grads);
        let kept = Pieces::new(&mut self.kept, frame.size * keep.rows, lent_kept);
        let losses = Pieces::new(&mut self.losses, self.reciprocals.len(), lent_losses);
        work.workers.in_order(frame.tiles(), &|worker, number| {
            let _told = rest.sums.as_ref().map(Sums::alarm);
            let mut memory = TileMemory {
                values: values.lend(if keep.values { number } else { worker }),
                grads: grads.lend(if keep.grads { number } else { worker }),
                kept: kept.lend(number),
                losses: losses.lend(number),
            };
            f(&rest, &frame.tile(number), &mut memory);
        });
    }
}

/// What tiles share.
struct Rest<'a> {
    prepared: &'a [f32],
    statistics: &'a [Statistics],
    reciprocals: &'a [f64],
    reach: &'a Reach,
    sums: Option<Sums<'a>>,
}

impl<'a> Rest<'a> {
    fn forward(&self, work: &Work<'a>, training: Option<u64>) -> Forward<'a> {
        let Work { batch, dense, tables, .. } = *work;
        let Self { prepared, statistics, reciprocals, .. } = *self;
        Forward { batch, dense, prepared, tables, statistics, reciprocals, training }
    }

    fn forward_through(
        &self,
        work: &Work<'_>,
        nodes: &Range<usize>,
        step: u64,
        tile: &Tile,
        memory: &mut TileMemory<'_>,
    ) {
        let pass = self.forward(work, Some(step));
        work.model.forward(nodes, &pass, tile, &mut memory.values, &mut memory.losses);
    }

    /// Zeroes the derivatives that will be added to.
    fn zero_derivatives(&self, model: &Model, tile: &Tile, memory: &mut TileMemory<'_>) {
        for (node, _) in model.nodes.iter().zip(&self.reach.added_to).filter(|(_, added_to)| **added_to) {
            if let Some(out) = node.out {
                out.of_mut(tile, &mut memory.grads).fill(0.0);
            }
        }
    }

    /// Passes derivatives back through the normalisations that opened the next stage, then through a stage up to those
    /// that opened it, and adds up gradients of parameters on the way.
    fn backward_through(
        &self,
        work: &Work<'_>,
        stage: usize,
        weights: &[f32],
        tile: &Tile,
        memory: &mut TileMemory<'_>,
    ) {
        let Work { model, batch, dense, .. } = *work;
        let Self { prepared, statistics, reach, sums, .. } = self;
        let pass = Backward { batch, dense, prepared, statistics, weights, live: &reach.live };
        let TileMemory { values, grads, kept, .. } = memory;
        let opens = |node: &usize| model.nodes[*node].barrier().is_some();
        let next = model.stages.get(stage + 1).cloned().unwrap_or_default();
        for node in next.rev().filter(|&node| reach.live[node]).filter(opens) {
            model.nodes[node].backward(&pass, tile, reach.first[node], values, grads);
        }
        let add = |node: usize, group: Option<usize>, values: &[f32], grads: &[f32]| {
            if let Some(sums) = sums {
                sums.add(&model.nodes, node, group, tile.number(), &Passed { batch, tile, values, grads });
            }
        };
        for run in model.runs_of(&model.stages[stage]).iter().rev().filter(|run| reach.live[run.start]) {
            let node = &model.nodes[run.start];
            if run.len() == 1 && !opens(&run.start) {
                node.backward(&pass, tile, reach.first[run.start], values, grads);
                add(run.start, None, values, grads);
            }
            for group in 0..model.experts(run) {
                for (number, layer) in model.layers(run).rev() {
                    layer.backward(&pass, tile, group, reach.first[number], values, grads);
                    add(number, Some(group), values, grads);
                }
            }
            if let Kind::Embed(embed) = &node.kind {
                embed.kept.of_mut(tile, kept).copy_from_slice(embed.out.of(tile, grads));
            }
        }
    }
}
