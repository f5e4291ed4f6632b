//! The backward pass over a batch.

use cubecl::prelude::*;

use crate::buffer::Buffer;
use crate::launches::kernel;
use crate::ops::{gate, linear_gradient, loss, mix, norm, predict, sum};
use crate::parameters::cubes_of_rows;
use crate::parts;
use crate::pass::{Grid, ROW_UNITS, Uploaded};
use crate::program::Launch;
use crate::session::{GpuSession, Gradients};
use crate::tables::{self, ACROSS, ROWS};

impl<R: Runtime> GpuSession<R> {
    /// A backward pass for the given objective weights, after a forward pass of the last batch.
    pub(crate) fn backward(&self, weights: &[f32], step: u64, into: &Gradients) {
        let Some(batch) = &self.batch else { return };
        let weights = self.queue.upload(weights);
        for &launch in &self.program.backward {
            self.queue.about(kernel(&launch));
            self.launch_backward(launch, batch, &weights, [step as u32, (step >> 32) as u32], into);
        }
        self.sum_tables(batch, step, into);
    }

    /// One launch of a step once more, on what the last batch left.
    pub(crate) fn again(&self, launch: Launch, weights: &Buffer, into: &Gradients) {
        let Some(batch) = &self.batch else { return };
        if self.program.training.contains(&launch) {
            self.launch_forward(launch, batch, [1, 1, 0]);
        } else {
            self.launch_backward(launch, batch, weights, [1, 0], into);
        }
    }

    /// Both passes of a step once more.
    pub(crate) fn passes_again(&self, weights: &Buffer, into: &Gradients) {
        for &launch in self.program.training.iter().chain(&self.program.backward) {
            self.again(launch, weights, into);
        }
    }

    /// The gradients of touched rows.
    pub(crate) fn sum_tables(&self, batch: &Uploaded, step: u64, into: &Gradients) {
        let (queue, memory, dim) = (&self.queue, &self.memory, CubeDim::new_2d(ACROSS as u32, ROWS as u32));
        let [parts, splits] = batch.parts;
        if parts > 0 {
            queue.about("tables, gradient");
            // SAFETY: occurrences lie within the batch, which was checked, and gradients within their room.
            unsafe {
                tables::gradients::launch_unchecked(
                    queue.client(),
                    cubes_of_rows(parts),
                    dim,
                    queue.arg(&into.rows),
                    queue.arg(&memory.grads),
                    queue.arg(&batch.words),
                    queue.arg(&memory.jobs),
                    self.program.tables,
                    self.header.parts(),
                    step as u32,
                    (step >> 32) as u32,
                    self.program.drops_looked_up,
                );
            }
        }
        if splits > 0 {
            // SAFETY: parts follow the gradients in the same room.
            unsafe {
                tables::add_parts::launch_unchecked(
                    queue.client(),
                    cubes_of_rows(splits),
                    dim,
                    queue.arg(&into.rows),
                    queue.arg(&batch.words),
                    self.header.splits(),
                );
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
        let (client, rows) = (|| queue.client(), batch.rows);
        let arg = |buffer: &Buffer| queue.arg(buffer);
        let (grads, values) = (|| arg(&memory.grads), || arg(&memory.values));
        let (words, jobs, sums) = (|| arg(&batch.words), || arg(&memory.jobs), || arg(&memory.parts));
        let (dense, gradient) = (|| arg(&self.parameters.dense), || arg(&into.dense));
        let statistics = || arg(&memory.statistics);
        // SAFETY: as in a forward pass.
        unsafe {
            match launch {
                Launch::Tail(of) => self.launch_tail(of, batch, weights, [low, high]),
                Launch::LossGradient(list) => {
                    let Some(Grid { count, dim }) = Grid::rows(rows, list) else { return };
                    let (numbers, weights, header) = (arg(&batch.numbers), arg(weights), self.header.labels());
                    loss::gradient::launch_unchecked(
                        client(),
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
                        client(),
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
                    sum::sum_slots::launch_unchecked(client(), count, dim, grads(), words(), jobs(), list.first);
                }
                Launch::GateGradient(list) => {
                    let Some(Grid { count, dim }) = Grid::rows(rows, list) else { return };
                    gate::backward::launch_unchecked(
                        client(),
                        count,
                        dim,
                        grads(),
                        values(),
                        words(),
                        jobs(),
                        list.first,
                    );
                }
                Launch::MixGradient(list) => {
                    let cubes = [rows.div_ceil(mix::ROWS as u32), 1, list.len];
                    let Some(Grid { count, dim }) = Grid::new(cubes, (mix::LANES as u32, mix::ROWS as u32)) else {
                        return;
                    };
                    mix::backward::launch_unchecked(
                        client(),
                        count,
                        dim,
                        grads(),
                        values(),
                        words(),
                        jobs(),
                        list.first,
                        list.mixtures_at_once(),
                    );
                }
                Launch::Deactivate(list) => {
                    let Some(Grid { count, dim }) = Grid::elements(rows, list) else { return };
                    linear_gradient::deactivate::launch_unchecked(
                        client(),
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
                    let tile = self.cutting.tile(rows, list);
                    let Some(Grid { count, dim }) = Grid::tiles(tile, rows, list) else { return };
                    linear_gradient::input_gradient::launch_unchecked(
                        client(),
                        count,
                        dim,
                        grads(),
                        dense(),
                        words(),
                        jobs(),
                        list.first,
                        tile,
                        tile.element(),
                    );
                }
                Launch::LinearWeight(list) => {
                    let tile = self.cutting.tile_of_weights(rows, list);
                    let parts = self.cutting.parts_of_weights(rows, list);
                    let tiles = list.rows.div_ceil(tile.rows as u32);
                    let count = [list.columns.div_ceil(tile.cols as u32), tiles * parts.number, list.len];
                    let Some(Grid { count, dim }) = Grid::new(count, (tile.units() as u32, 1)) else { return };
                    let (words, jobs) = (words(), jobs());
                    linear_gradient::weight_gradient::launch_unchecked(
                        client(),
                        count,
                        dim,
                        sums(),
                        values(),
                        grads(),
                        words,
                        jobs,
                        list.first,
                        self.program.gradient_part,
                        parts.length,
                        tiles,
                        tile,
                        tile.element(),
                    );
                }
                Launch::AddParts(list) => {
                    let parts = self.cutting.parts_of_weights(rows, self.program.weights);
                    let Some(Grid { count, dim }) = Grid::sweep(list, parts::UNITS) else { return };
                    let (words, jobs) = (words(), jobs());
                    parts::add::launch_unchecked(
                        client(),
                        count,
                        dim,
                        gradient(),
                        sums(),
                        dense(),
                        words,
                        jobs,
                        list.first,
                        self.program.gradient_part,
                        parts.length,
                        memory.tail_parts_at as u32,
                        self.program.tail.map_or(0, |tail| tail.part),
                        self.program.tail.map_or(0, |tail| self.cutting.parts_of_tail(rows, tail).length),
                    );
                }
                Launch::NormReduce(list) => {
                    let parts = self.cutting.parts_of_columns(rows, list);
                    let Some(Grid { count, dim }) = Grid::columns(list, parts.number) else { return };
                    norm::reduce::launch_unchecked(
                        client(),
                        count,
                        dim,
                        sums(),
                        statistics(),
                        values(),
                        grads(),
                        words(),
                        jobs(),
                        list.first,
                        list.part,
                        parts.length,
                    );
                }
                Launch::NormReduced(list) => {
                    let parts = self.cutting.parts_of_columns(rows, list);
                    let Some(Grid { count, dim }) = Grid::each_column(list, ROW_UNITS) else { return };
                    norm::reduced::launch_unchecked(
                        client(),
                        count,
                        dim,
                        statistics(),
                        gradient(),
                        sums(),
                        dense(),
                        words(),
                        jobs(),
                        list.first,
                        list.part,
                        parts.length,
                    );
                }
                Launch::NormShared(list) => {
                    let Some(Grid { count, dim }) = Grid::each_column(list, ROW_UNITS) else { return };
                    norm::shared_gradient::launch_unchecked(
                        client(),
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
                        client(),
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
                        client(),
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
                    let parts = self.cutting.parts_of_weights(rows, self.program.weights);
                    let Some(Grid { count, dim }) = Grid::columns(list, parts.number) else { return };
                    norm::width_gradient::launch_unchecked(
                        client(),
                        count,
                        dim,
                        sums(),
                        values(),
                        grads(),
                        words(),
                        jobs(),
                        list.first,
                        self.program.gradient_part,
                        parts.length,
                    );
                }
                Launch::Embed(_)
                | Launch::Linear(_)
                | Launch::Gate(_)
                | Launch::Mix(_)
                | Launch::Sum(_)
                | Launch::Statistics(_)
                | Launch::MergeStatistics(_)
                | Launch::NormRows(_)
                | Launch::NormWidth(_)
                | Launch::Predict(_)
                | Launch::LossValue(_) => unreachable!("{launch:?} belongs to a forward pass"),
            }
        }
    }
}
