//! Passes over a batch: the launches of a program, one after the other.

use cubecl::prelude::*;

use crate::buffer::Buffer;
use crate::jobs::List;
use crate::launches::kernel;
use crate::ops::{embed, gate, linear, loss, mix, norm, predict, sum, tail};
use crate::program::{Launch, Tail};
use crate::session::GpuSession;
use crate::tile::Tile;

/// A batch on the device.
pub struct Uploaded {
    /// Counts, places, ids.
    pub words: Buffer,
    /// Numeric columns, labels, weights, reciprocals.
    pub numbers: Buffer,
    /// Number of rows.
    pub rows: u32,
    /// Number of rows of tables that it touches.
    pub touched: usize,
    /// Elements of their gradients.
    pub gradients: usize,
    /// Parts of their occurrences, and rows of several.
    pub parts: [usize; 2],
}

/// Units of a cube along rows, where each unit has a row.
pub const ROW_UNITS: u32 = 64;

/// Units of a cube (columns, rows), where each unit has an element; of narrower jobs fewer columns and more rows.
pub const ELEMENT_UNITS: (u32, u32) = (32, 8);

/// Most cubes in one dimension.
pub const LONGEST: u32 = 65_535;

/// A grid of cubes, or nothing to do.
pub(crate) struct Grid {
    /// Number of cubes.
    pub count: CubeCount,
    /// Units of one.
    pub dim: CubeDim,
}

impl Grid {
    pub fn new(count: [u32; 3], dim: (u32, u32)) -> Option<Self> {
        let count = (count.iter().all(|&n| n > 0)).then(|| CubeCount::Static(count[0], count[1], count[2]))?;
        Some(Self { count, dim: CubeDim::new_2d(dim.0, dim.1) })
    }

    /// A unit for each row and job.
    pub fn rows(rows: u32, list: List) -> Option<Self> {
        Self::new([rows.div_ceil(ROW_UNITS), 1, list.len], (ROW_UNITS, 1))
    }

    /// A unit for each element of each row and job.
    pub fn elements(rows: u32, list: List) -> Option<Self> {
        // Narrow rows leave no unit without one: a lookup's have often 16 columns.
        let (most, least) = ELEMENT_UNITS;
        let across = list.columns.next_power_of_two().min(most);
        let down = most * least / across;
        Self::new([list.columns.div_ceil(across), rows.div_ceil(down), list.len], (across, down))
    }

    /// Tiles of products with so many rows.
    pub fn tiles(tile: Tile, rows: u32, list: List) -> Option<Self> {
        let count = [list.columns.div_ceil(tile.cols as u32), rows.div_ceil(tile.rows as u32), list.len];
        Self::new(count, (tile.units() as u32, 1))
    }

    /// Blocks of columns, and parts of rows.
    pub fn columns(list: List, parts: u32) -> Option<Self> {
        let across = list.columns.div_ceil(norm::COLUMNS as u32);
        Self::new([across, parts.max(1), list.len], (norm::COLUMNS as u32, norm::LANES as u32))
    }

    /// A unit for each column of each job.
    pub fn each_column(list: List, units: u32) -> Option<Self> {
        Self::new([list.columns.div_ceil(units), 1, list.len], (units, 1))
    }

    /// A unit for each element of each job, or for several where there are more than a row of cubes has units.
    pub fn sweep(list: List, units: u32) -> Option<Self> {
        Self::new([list.columns.div_ceil(units).min(LONGEST), 1, list.len], (units, 1))
    }
}

impl<R: Runtime> GpuSession<R> {
    /// A forward pass: of a training step, or in evaluation.
    pub(crate) fn pass(&self, launches: &[Launch], batch: &Uploaded, step: Option<u64>) {
        let step = step.map_or([0, 0, 0], |step| [1, step as u32, (step >> 32) as u32]);
        for &launch in launches {
            self.queue.about(kernel(&launch));
            self.launch_forward(launch, batch, step);
        }
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each kernel, which does nothing but name its arguments")]
    pub(crate) fn launch_forward(&self, launch: Launch, batch: &Uploaded, [training, low, high]: [u32; 3]) {
        let (queue, memory, dense) = (&self.queue, &self.memory, &self.parameters.dense);
        let (client, rows) = (|| queue.client(), batch.rows);
        let (values, words, jobs) = (&memory.values, &batch.words, &memory.jobs);
        // SAFETY: jobs were compiled for slots, parameters and states of the sizes that the buffers have, and the batch
        // was checked against the same schema.
        unsafe {
            match launch {
                Launch::Embed(list) => {
                    let Some(Grid { count, dim }) = Grid::elements(rows, list) else { return };
                    let (tables, numbers) = (queue.arg(&self.parameters.tables), queue.arg(&batch.numbers));
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    embed::forward::launch_unchecked(
                        client(),
                        count,
                        dim,
                        values,
                        tables,
                        words,
                        numbers,
                        jobs,
                        list.first,
                        low,
                        high,
                        training > 0 && list.drops,
                    );
                }
                Launch::Linear(list) => {
                    let tile = self.cutting.tile(rows, list);
                    let Some(Grid { count, dim }) = Grid::tiles(tile, rows, list) else { return };
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    let dense = queue.arg(dense);
                    linear::forward::launch_unchecked(
                        client(),
                        count,
                        dim,
                        values,
                        dense,
                        words,
                        jobs,
                        list.first,
                        low,
                        high,
                        training > 0 && list.drops,
                        tile,
                        tile.element(),
                    );
                }
                Launch::Gate(list) => {
                    let Some(Grid { count, dim }) = Grid::rows(rows, list) else { return };
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    gate::forward::launch_unchecked(client(), count, dim, values, words, jobs, list.first);
                }
                Launch::Mix(list) => {
                    let Some(Grid { count, dim }) = Grid::elements(rows, list) else { return };
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    let mixtures = list.mixtures_at_once();
                    mix::forward::launch_unchecked(client(), count, dim, values, words, jobs, list.first, mixtures);
                }
                Launch::Sum(list) => {
                    let Some(Grid { count, dim }) = Grid::elements(rows, list) else { return };
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    sum::sum_slots::launch_unchecked(client(), count, dim, values, words, jobs, list.first);
                }
                Launch::Statistics(list) => {
                    let parts = self.cutting.parts_of_columns(rows, list);
                    let Some(Grid { count, dim }) = Grid::columns(list, parts.number) else { return };
                    let (sums, values) = (queue.arg(&memory.parts), queue.arg(values));
                    let (words, jobs) = (queue.arg(words), queue.arg(jobs));
                    norm::statistics::launch_unchecked(
                        client(),
                        count,
                        dim,
                        sums,
                        values,
                        words,
                        jobs,
                        list.first,
                        list.part,
                        parts.length,
                    );
                }
                Launch::MergeStatistics(list) => {
                    let parts = self.cutting.parts_of_columns(rows, list);
                    let Some(Grid { count, dim }) = Grid::each_column(list, ROW_UNITS) else { return };
                    let (statistics, states) = (queue.arg(&memory.statistics), queue.arg(&memory.states));
                    let (sums, words, jobs) = (queue.arg(&memory.parts), queue.arg(words), queue.arg(jobs));
                    norm::merge::launch_unchecked(
                        client(),
                        count,
                        dim,
                        statistics,
                        states,
                        sums,
                        words,
                        jobs,
                        list.first,
                        list.part,
                        parts.length,
                        training,
                    );
                }
                Launch::NormRows(list) => {
                    let Some(Grid { count, dim }) = Grid::elements(rows, list) else { return };
                    let (statistics, dense) = (queue.arg(&memory.statistics), queue.arg(dense));
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    let scene_of = self.header.scene_of();
                    norm::forward_rows::launch_unchecked(
                        client(),
                        count,
                        dim,
                        values,
                        statistics,
                        dense,
                        words,
                        jobs,
                        list.first,
                        scene_of,
                    );
                }
                Launch::NormWidth(list) => {
                    let Some(Grid { count, dim }) = Grid::rows(rows, list) else { return };
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    let dense = queue.arg(dense);
                    norm::forward_width::launch_unchecked(client(), count, dim, values, dense, words, jobs, list.first);
                }
                Launch::Predict(list) => {
                    let Some(Grid { count, dim }) = Grid::rows(rows, list) else { return };
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    predict::forward::launch_unchecked(client(), count, dim, values, words, jobs, list.first);
                }
                Launch::LossValue(list) => {
                    let count = [rows.div_ceil(loss::VALUE_ROWS), 1, list.len];
                    let Some(Grid { count, dim }) = Grid::new(count, (loss::VALUE_UNITS as u32, 1)) else { return };
                    let (losses, numbers) = (queue.arg(&memory.losses), queue.arg(&batch.numbers));
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    let header = self.header.labels();
                    loss::value::launch_unchecked(
                        client(),
                        count,
                        dim,
                        losses,
                        values,
                        words,
                        numbers,
                        jobs,
                        list.first,
                        self.losses_at() as u32,
                        self.loss_parts() as u32,
                        header,
                    );
                }
                Launch::LossGradient(_)
                | Launch::PredictGradient(_)
                | Launch::SumGradient(_)
                | Launch::GateGradient(_)
                | Launch::MixGradient(_)
                | Launch::Deactivate(_)
                | Launch::LinearInput(_)
                | Launch::LinearWeight(_)
                | Launch::AddParts(_)
                | Launch::NormReduce(_)
                | Launch::NormReduced(_)
                | Launch::NormShared(_)
                | Launch::NormRowsInput(_)
                | Launch::NormWidthInput(_)
                | Launch::NormWidthGradient(_)
                | Launch::Tail(_) => unreachable!("{launch:?} belongs to a backward pass"),
            }
        }
    }

    /// A tail, forward and back, for the given objective weights.
    pub(crate) fn launch_tail(&self, of: Tail, batch: &Uploaded, weights: &Buffer, [low, high]: [u32; 2]) {
        let (queue, memory, chip) = (&self.queue, &self.memory, self.cutting.chip);
        let length = self.cutting.parts_of_tail(batch.rows, of).length;
        let at_once = self.cutting.rows_of_tail_at_once(length);
        let cubes = [self.cutting.cubes_of_tail(batch.rows, of), 1, 1];
        for from in (0..length).step_by(at_once) {
            let Some(Grid { count, dim }) = Grid::new(cubes, (chip.units as u32, 1)) else { return };
            // SAFETY: as in a forward pass; cubes of no rows write nothing but losses of 0, which there is room for.
            unsafe {
                tail::run::launch_unchecked(
                    queue.client(),
                    count,
                    dim,
                    queue.arg(&memory.losses),
                    queue.arg(&memory.parts),
                    queue.arg(&memory.grads),
                    queue.arg(&memory.values),
                    queue.arg(&self.parameters.dense),
                    queue.arg(&batch.words),
                    queue.arg(&batch.numbers),
                    queue.arg(weights),
                    queue.arg(&memory.jobs),
                    of.steps.first,
                    of.steps.len,
                    of.derivatives,
                    of.scenes,
                    memory.tail_parts_at as u32,
                    of.part,
                    length,
                    from,
                    from + at_once as u32,
                    self.losses_at() as u32,
                    self.loss_parts() as u32,
                    self.plan.objectives.len() as u32,
                    self.header.labels(),
                    low,
                    high,
                    of.steps.drops,
                    of.stars,
                    self.cutting.factors,
                    chip,
                );
            }
        }
    }
}
