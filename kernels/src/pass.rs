//! Passes over a batch: the launches of a program, one after the other.

use cubecl::prelude::*;

use crate::buffer::Buffer;
use crate::jobs::List;
use crate::ops::{embed, gate, linear, linear_gradient, loss, mix, norm, predict, sum};
use crate::parameters::touched_cubes;
use crate::program::Launch;
use crate::session::{GpuSession, Gradients};
use crate::tables::{self, ACROSS, ROWS};
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
}

/// Units of a cube along rows, where each unit has a row.
const ROW_UNITS: u32 = 64;

/// Units of a cube (columns, rows), where each unit has an element.
pub const ELEMENT_UNITS: (u32, u32) = (32, 8);

/// A grid of cubes, or nothing to do.
struct Grid {
    count: CubeCount,
    dim: CubeDim,
}

impl Grid {
    fn new(count: [u32; 3], dim: (u32, u32)) -> Option<Self> {
        let count = (count.iter().all(|&n| n > 0)).then(|| CubeCount::Static(count[0], count[1], count[2]))?;
        Some(Self { count, dim: CubeDim::new_2d(dim.0, dim.1) })
    }

    /// A unit for each row and job.
    fn rows(rows: u32, list: List) -> Option<Self> {
        Self::new([rows.div_ceil(ROW_UNITS), 1, list.len], (ROW_UNITS, 1))
    }

    /// A unit for each element of each row and job.
    fn elements(rows: u32, list: List) -> Option<Self> {
        let (across, down) = ELEMENT_UNITS;
        Self::new([list.columns.div_ceil(across), rows.div_ceil(down), list.len], ELEMENT_UNITS)
    }

    /// Tiles of products with so many rows.
    fn tiles(tile: Tile, rows: u32, list: List) -> Option<Self> {
        let count = [list.columns.div_ceil(tile.cols as u32), rows.div_ceil(tile.rows as u32), list.len];
        Self::new(count, (tile.units() as u32, 1))
    }

    /// Blocks of columns, each of which takes all rows of a job.
    fn columns(list: List) -> Option<Self> {
        Self::new(
            [list.columns.div_ceil(norm::COLUMNS as u32), 1, list.len],
            (norm::COLUMNS as u32, norm::LANES as u32),
        )
    }
}

impl<R: Runtime> GpuSession<R> {
    /// A forward pass: of a training step, or in evaluation. Losses go to element `losses_at` on.
    pub(crate) fn pass(&self, launches: &[Launch], batch: &Uploaded, step: Option<u64>, losses_at: usize) {
        let step = step.map_or([0, 0, 0], |step| [1, step as u32, (step >> 32) as u32]);
        for &launch in launches {
            self.launch_forward(launch, batch, step, losses_at as u32);
        }
    }

    /// A backward pass for the given objective weights, after a forward pass of the last batch.
    pub(crate) fn backward(&self, weights: &[f32], step: u64, into: &Gradients) {
        let Some(batch) = &self.batch else { return };
        let weights = self.queue.upload(weights);
        for &launch in &self.program.backward {
            self.launch_backward(launch, batch, &weights, [step as u32, (step >> 32) as u32], into);
        }
        self.sum_tables(batch, into);
    }

    /// One launch of a step once more, on what the last batch left.
    pub(crate) fn again(&self, launch: Launch, weights: &Buffer, into: &Gradients) {
        let Some(batch) = &self.batch else { return };
        if self.program.training.contains(&launch) {
            self.launch_forward(launch, batch, [1, 1, 0], 0);
        } else {
            self.launch_backward(launch, batch, weights, [1, 0], into);
        }
    }

    /// The gradients of touched rows.
    pub(crate) fn sum_tables(&self, batch: &Uploaded, into: &Gradients) {
        if batch.touched > 0 {
            let (queue, memory) = (&self.queue, &self.memory);
            // SAFETY: occurrences lie within the batch, which was checked, and gradients within their room.
            unsafe {
                tables::gradients::launch_unchecked(
                    queue.client(),
                    touched_cubes(batch),
                    CubeDim::new_2d(ACROSS as u32, ROWS as u32),
                    queue.arg(&into.rows),
                    queue.arg(&memory.grads),
                    queue.arg(&batch.words),
                    queue.arg(&memory.jobs),
                    self.program.tables,
                    self.header.touched(),
                );
            }
        }
    }

    /// How the products of a list, of at most so many rows, are cut.
    fn tile(&self, rows: u32, list: List) -> Tile {
        self.tile.unwrap_or_else(|| Tile::of(self.queue.is_software(), rows, list.columns, list.len))
    }

    fn launch_forward(&self, launch: Launch, batch: &Uploaded, [training, low, high]: [u32; 3], losses_at: u32) {
        let (queue, memory, dense) = (&self.queue, &self.memory, &self.parameters.dense);
        let (client, rows) = (queue.client(), batch.rows);
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
                        client, count, dim, values, tables, words, numbers, jobs, list.first,
                    );
                }
                Launch::Linear(list) => {
                    let tile = self.tile(rows, list);
                    let Some(Grid { count, dim }) = Grid::tiles(tile, rows, list) else { return };
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    let dense = queue.arg(dense);
                    linear::forward::launch_unchecked(
                        client, count, dim, values, dense, words, jobs, list.first, training, low, high, tile,
                    );
                }
                Launch::Gate(list) => {
                    let Some(Grid { count, dim }) = Grid::rows(rows, list) else { return };
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    gate::forward::launch_unchecked(client, count, dim, values, words, jobs, list.first);
                }
                Launch::Mix(list) => {
                    let Some(Grid { count, dim }) = Grid::elements(rows, list) else { return };
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    mix::forward::launch_unchecked(client, count, dim, values, words, jobs, list.first);
                }
                Launch::Sum(list) => {
                    let Some(Grid { count, dim }) = Grid::elements(rows, list) else { return };
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    sum::sum_slots::launch_unchecked(client, count, dim, values, words, jobs, list.first);
                }
                Launch::Statistics(list) => {
                    let Some(Grid { count, dim }) = Grid::columns(list) else { return };
                    let (statistics, states) = (queue.arg(&memory.statistics), queue.arg(&memory.states));
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    norm::statistics::launch_unchecked(
                        client, count, dim, statistics, states, values, words, jobs, list.first, training,
                    );
                }
                Launch::NormRows(list) => {
                    let Some(Grid { count, dim }) = Grid::elements(rows, list) else { return };
                    let (statistics, dense) = (queue.arg(&memory.statistics), queue.arg(dense));
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    let scene_of = self.header.scene_of();
                    norm::forward_rows::launch_unchecked(
                        client, count, dim, values, statistics, dense, words, jobs, list.first, scene_of,
                    );
                }
                Launch::NormWidth(list) => {
                    let Some(Grid { count, dim }) = Grid::rows(rows, list) else { return };
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    let dense = queue.arg(dense);
                    norm::forward_width::launch_unchecked(client, count, dim, values, dense, words, jobs, list.first);
                }
                Launch::Predict(list) => {
                    let Some(Grid { count, dim }) = Grid::rows(rows, list) else { return };
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    predict::forward::launch_unchecked(client, count, dim, values, words, jobs, list.first);
                }
                Launch::LossValue(list) => {
                    let Some(Grid { count, dim }) = Grid::new([1, 1, list.len], (loss::VALUE_UNITS as u32, 1)) else {
                        return;
                    };
                    let (losses, numbers) = (queue.arg(&memory.losses), queue.arg(&batch.numbers));
                    let (values, words, jobs) = (queue.arg(values), queue.arg(words), queue.arg(jobs));
                    let header = self.header.labels();
                    loss::value::launch_unchecked(
                        client, count, dim, losses, values, words, numbers, jobs, list.first, losses_at, header,
                    );
                }
                Launch::LossGradient(_)
                | Launch::PredictGradient(_)
                | Launch::SumGradient(_)
                | Launch::GateGradient(_)
                | Launch::MixInput(_)
                | Launch::MixGate(_)
                | Launch::Deactivate(_)
                | Launch::LinearInput(_)
                | Launch::LinearWeight(_)
                | Launch::StarWeight(_)
                | Launch::LinearBias(_)
                | Launch::NormReduce(_)
                | Launch::NormShared(_)
                | Launch::NormRowsInput(_)
                | Launch::NormWidthInput(_)
                | Launch::NormWidthGradient(_) => unreachable!("{launch:?} belongs to a backward pass"),
            }
        }
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each kernel, which does nothing but name its arguments")]
    fn launch_backward(
        &self,
        launch: Launch,
        batch: &Uploaded,
        weights: &Buffer,
        [low, high]: [u32; 2],
        into: &Gradients,
    ) {
        let (queue, memory) = (&self.queue, &self.memory);
        let (client, rows) = (queue.client(), batch.rows);
        let arg = |buffer: &Buffer| queue.arg(buffer);
        let (grads, values) = (|| arg(&memory.grads), || arg(&memory.values));
        let (words, jobs) = (|| arg(&batch.words), || arg(&memory.jobs));
        let (dense, gradient) = (|| arg(&self.parameters.dense), || arg(&into.dense));
        let statistics = || arg(&memory.statistics);
        // SAFETY: as in a forward pass.
        unsafe {
            match launch {
                Launch::LossGradient(list) => {
                    let Some(Grid { count, dim }) = Grid::rows(rows, list) else { return };
                    let (numbers, weights, header) = (arg(&batch.numbers), arg(weights), self.header.labels());
                    loss::gradient::launch_unchecked(
                        client,
                        count,
                        dim,
                        grads(),
                        values(),
                        words(),
                        numbers,
                        weights,
                        jobs(),
                        list.first,
                        header,
                    );
                }
                Launch::PredictGradient(list) => {
                    let Some(Grid { count, dim }) = Grid::rows(rows, list) else { return };
                    predict::backward::launch_unchecked(
                        client,
                        count,
                        dim,
                        grads(),
                        values(),
                        words(),
                        jobs(),
                        list.first,
                    );
                }
                Launch::SumGradient(list) => {
                    let Some(Grid { count, dim }) = Grid::elements(rows, list) else { return };
                    sum::sum_slots::launch_unchecked(client, count, dim, grads(), words(), jobs(), list.first);
                }
                Launch::GateGradient(list) => {
                    let Some(Grid { count, dim }) = Grid::rows(rows, list) else { return };
                    gate::backward::launch_unchecked(
                        client,
                        count,
                        dim,
                        grads(),
                        values(),
                        words(),
                        jobs(),
                        list.first,
                    );
                }
                Launch::MixInput(list) => {
                    let Some(Grid { count, dim }) = Grid::elements(rows, list) else { return };
                    mix::input_gradient::launch_unchecked(
                        client,
                        count,
                        dim,
                        grads(),
                        values(),
                        words(),
                        jobs(),
                        list.first,
                    );
                }
                Launch::MixGate(list) => {
                    let Some(Grid { count, dim }) = Grid::elements(rows, list) else { return };
                    mix::gate_gradient::launch_unchecked(
                        client,
                        count,
                        dim,
                        grads(),
                        values(),
                        words(),
                        jobs(),
                        list.first,
                    );
                }
                Launch::Deactivate(list) => {
                    let Some(Grid { count, dim }) = Grid::elements(rows, list) else { return };
                    linear_gradient::deactivate::launch_unchecked(
                        client,
                        count,
                        dim,
                        grads(),
                        values(),
                        words(),
                        jobs(),
                        list.first,
                        low,
                        high,
                    );
                }
                Launch::LinearInput(list) => {
                    let tile = self.tile(rows, list);
                    let Some(Grid { count, dim }) = Grid::tiles(tile, rows, list) else { return };
                    linear_gradient::input_gradient::launch_unchecked(
                        client,
                        count,
                        dim,
                        grads(),
                        dense(),
                        words(),
                        jobs(),
                        list.first,
                        tile,
                    );
                }
                Launch::LinearWeight(list) => {
                    let tile = self.tile(list.rows, list);
                    let Some(Grid { count, dim }) = Grid::tiles(tile, list.rows, list) else { return };
                    let (words, jobs) = (words(), jobs());
                    linear_gradient::weight_gradient::launch_unchecked(
                        client,
                        count,
                        dim,
                        gradient(),
                        values(),
                        grads(),
                        words,
                        jobs,
                        list.first,
                        tile,
                    );
                }
                Launch::StarWeight(list) => {
                    let tile = self.tile(list.rows, list);
                    let Some(Grid { count, dim }) = Grid::tiles(tile, list.rows, list) else { return };
                    let (words, jobs) = (words(), jobs());
                    linear_gradient::star_gradient::launch_unchecked(
                        client,
                        count,
                        dim,
                        gradient(),
                        values(),
                        grads(),
                        dense(),
                        words,
                        jobs,
                        list.first,
                        tile,
                    );
                }
                Launch::LinearBias(list) => {
                    let Some(Grid { count, dim }) = Grid::columns(list) else { return };
                    linear_gradient::bias_gradient::launch_unchecked(
                        client,
                        count,
                        dim,
                        gradient(),
                        grads(),
                        words(),
                        jobs(),
                        list.first,
                    );
                }
                Launch::NormReduce(list) => {
                    let Some(Grid { count, dim }) = Grid::columns(list) else { return };
                    norm::reduce::launch_unchecked(
                        client,
                        count,
                        dim,
                        statistics(),
                        gradient(),
                        values(),
                        grads(),
                        dense(),
                        words(),
                        jobs(),
                        list.first,
                    );
                }
                Launch::NormShared(list) => {
                    let Some(Grid { count, dim }) = Grid::columns(list) else { return };
                    norm::shared_gradient::launch_unchecked(
                        client,
                        count,
                        dim,
                        gradient(),
                        statistics(),
                        dense(),
                        jobs(),
                        list.first,
                    );
                }
                Launch::NormRowsInput(list) => {
                    let Some(Grid { count, dim }) = Grid::elements(rows, list) else { return };
                    let scene_of = self.header.scene_of();
                    norm::input_rows::launch_unchecked(
                        client,
                        count,
                        dim,
                        grads(),
                        values(),
                        statistics(),
                        dense(),
                        words(),
                        jobs(),
                        list.first,
                        scene_of,
                    );
                }
                Launch::NormWidthInput(list) => {
                    let Some(Grid { count, dim }) = Grid::rows(rows, list) else { return };
                    norm::input_width::launch_unchecked(
                        client,
                        count,
                        dim,
                        grads(),
                        values(),
                        dense(),
                        words(),
                        jobs(),
                        list.first,
                    );
                }
                Launch::NormWidthGradient(list) => {
                    let Some(Grid { count, dim }) = Grid::columns(list) else { return };
                    norm::width_gradient::launch_unchecked(
                        client,
                        count,
                        dim,
                        gradient(),
                        values(),
                        grads(),
                        words(),
                        jobs(),
                        list.first,
                    );
                }
                Launch::Embed(_)
                | Launch::Linear(_)
                | Launch::Gate(_)
                | Launch::Mix(_)
                | Launch::Sum(_)
                | Launch::Statistics(_)
                | Launch::NormRows(_)
                | Launch::NormWidth(_)
                | Launch::Predict(_)
                | Launch::LossValue(_) => unreachable!("{launch:?} belongs to a forward pass"),
            }
        }
    }
}
