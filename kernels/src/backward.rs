//! The backward pass over a batch.

use cubecl::prelude::*;

use crate::buffer::Buffer;
use crate::launches::kernel;
use crate::ops::{gate, linear_gradient, loss, mix, norm, predict, sum};
use crate::parameters::touched_cubes;
use crate::pass::{Grid, Uploaded};
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

    /// Both passes of a step once more.
    pub(crate) fn passes_again(&self, weights: &Buffer, into: &Gradients) {
        for &launch in self.program.training.iter().chain(&self.program.backward) {
            self.again(launch, weights, into);
        }
    }

    /// The gradients of touched rows.
    pub(crate) fn sum_tables(&self, batch: &Uploaded, into: &Gradients) {
        if batch.touched > 0 {
            let (queue, memory) = (&self.queue, &self.memory);
            queue.about("tables, gradient");
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
