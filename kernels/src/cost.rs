//! What a launch computes and moves at least, from its list of jobs: the yardstick of its time.

use crate::jobs::List;
use crate::ops::{embed, gate, linear, linear_gradient, loss, mix, norm, predict, sum, tail};
use crate::parts;
use crate::program::{Launch, Program, Tail};

/// Work of a launch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Floating-point operations of products and sums; those of single elements are not counted.
    pub flops: u64,
    /// Bytes read and written, each operand once.
    pub bytes: u64,
}

/// A launch's cost on a batch of so many rows, evenly of `scenes` scenes.
pub fn cost(program: &Program, launch: Launch, rows: u64, scenes: u64) -> Cost {
    let of_scene = rows / scenes.max(1);
    match launch {
        Launch::Embed(list) => each::<{ embed::FORWARD }>(program, list, |job| moved(2 * rows * job[2])),
        Launch::Linear(list) => each::<{ linear::FORWARD }>(program, list, |job| {
            let rows = if job[10] > 0 { of_scene } else { rows };
            product(rows, job[2], job[9], 1 + u64::from(job[4] > 0))
        }),
        Launch::LinearInput(list) => each::<{ linear_gradient::INPUT }>(program, list, |job| {
            let rows = if job[3] > 0 { of_scene } else { rows };
            let terms = (0..job[6]).map(|term| words::<{ linear_gradient::TERM }>(program, job[5], term));
            let products = terms.map(|term| {
                let matrices = 1 + u64::from(term[4] > 0);
                let bytes = 4 * (rows * term[2] + matrices * term[2] * job[2]);
                Cost { flops: 2 * rows * term[2] * job[2], bytes }
            });
            products.fold(moved(rows * job[2] * (1 + job[4])), Cost::and)
        }),
        Launch::LinearWeight(list) => each::<{ linear_gradient::WEIGHT }>(program, list, |job| {
            let rows = if job[7] > 0 { of_scene } else { rows };
            product(rows, job[2], job[5], 1)
        }),
        Launch::AddParts(list) => each::<{ parts::ADD }>(program, list, |job| {
            // One part at least is read, and the sum written; of STAR, each scene's, with the matrices of both.
            moved(job[1] * if job[6] > 0 { 2 + job[6] * (2 + job[7]) } else { 2 })
        }),
        Launch::Deactivate(list) => {
            each::<{ linear_gradient::DEACTIVATE }>(program, list, |job| moved(3 * rows * job[2]))
        }
        Launch::Gate(list) => each::<{ gate::JOB }>(program, list, |job| moved(2 * rows * job[2])),
        Launch::GateGradient(list) => each::<{ gate::JOB }>(program, list, |job| moved(3 * rows * job[2])),
        Launch::Mix(list) => each::<{ mix::FORWARD }>(program, list, |job| mixed(rows, job, 1)),
        Launch::MixGradient(list) => each::<{ mix::BACKWARD }>(program, list, |job| mixed(rows, job, 2)),
        Launch::Sum(list) | Launch::SumGradient(list) => {
            each::<{ sum::JOB }>(program, list, |job| moved(rows * job[2] * (1 + job[3] + job[5])))
        }
        Launch::Statistics(list) => each::<{ norm::STATISTICS }>(program, list, |job| {
            let rows = if job[3] > 0 { of_scene } else { rows };
            moved(rows * job[2])
        }),
        Launch::MergeStatistics(list) => each::<{ norm::STATISTICS }>(program, list, |job| moved(4 * job[2])),
        Launch::NormReduced(list) => each::<{ norm::REDUCE }>(program, list, |job| moved(4 * job[2])),
        Launch::NormRows(list) => each::<{ norm::ROWS }>(program, list, |job| moved(2 * rows * job[2])),
        Launch::NormWidth(list) => each::<{ norm::WIDTH }>(program, list, |job| moved(2 * rows * job[2])),
        Launch::NormReduce(list) => each::<{ norm::REDUCE }>(program, list, |job| {
            let rows = if job[4] > 0 { of_scene } else { rows };
            moved(2 * rows * job[2])
        }),
        Launch::NormShared(list) => each::<{ norm::SHARED }>(program, list, |job| moved(job[0] * (2 + 3 * job[5]))),
        Launch::NormRowsInput(list) => {
            each::<{ norm::INPUT_ROWS }>(program, list, |job| moved(rows * job[2] * (3 + job[9])))
        }
        Launch::NormWidthInput(list) => {
            each::<{ norm::INPUT_WIDTH }>(program, list, |job| moved(rows * job[2] * (3 + job[10])))
        }
        Launch::NormWidthGradient(list) => {
            each::<{ norm::WIDTH_GRADIENT }>(program, list, |job| moved(2 * rows * job[2]))
        }
        Launch::Predict(list) => each::<{ predict::FORWARD }>(program, list, |job| moved(rows * job[3] * (1 + job[5]))),
        Launch::PredictGradient(list) => {
            each::<{ predict::BACKWARD }>(program, list, |job| moved(rows * job[3] * (2 + 2 * job[5])))
        }
        Launch::LossValue(list) => each::<{ loss::VALUE }>(program, list, |job| moved(rows * (2 + job[3]))),
        Launch::Tail(of) => of_tail(program, of, rows),
        Launch::LossGradient(list) => {
            each::<{ loss::GRADIENT }>(program, list, |job| moved(rows * (2 * job[2] + 2 * job[5])))
        }
    }
}

impl Cost {
    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { flops: self.flops + other.flops, bytes: self.bytes + other.bytes }
    }
}

/// So many elements read or written.
fn moved(elements: u64) -> Cost {
    Cost { flops: 0, bytes: 4 * elements }
}

/// `[rows, depth]` by `[depth, width]`, of one matrix or of two multiplied.
fn product(rows: u64, depth: u64, width: u64, matrices: u64) -> Cost {
    let elements = rows * depth + matrices * depth * width + rows * width;
    Cost { flops: 2 * rows * depth * width, bytes: 4 * elements }
}

/// A mix forward, or back with two products: every mixture's rows once, every expert's and the weights once for each product.
fn mixed(rows: u64, job: &[u64], products: u64) -> Cost {
    let (width, experts, mixtures) = (job[2], job[3], job[6]);
    let elements = rows * (width * (products * experts + mixtures) + products * experts * mixtures);
    Cost { flops: 2 * products * rows * width * experts * mixtures, bytes: 4 * elements }
}

/// A tail's products, forward, back to its inputs and of its weights; its inputs, their derivatives and the weights once, and
/// one part of their gradients.
fn of_tail(program: &Program, of: Tail, rows: u64) -> Cost {
    let scenes = u64::from(of.scenes).max(1);
    let steps =
        (0..u64::from(of.steps.len)).map(|step| words::<{ tail::STEP }>(program, u64::from(of.steps.first), step));
    let of_step = |[kind, first, len, _]: [u64; tail::STEP]| {
        let list = List { first: first as u32, len: len as u32, ..List::default() };
        let shared = |cost: Cost| Cost { flops: cost.flops / scenes, bytes: cost.bytes / scenes };
        match kind as u32 {
            tail::LAYERS => shared(each::<{ linear::FORWARD }>(program, list, |job| Cost {
                flops: 2 * rows * job[2] * job[9],
                bytes: 4 * scenes * job[2] * job[9],
            })),
            tail::INPUTS | tail::INPUT_IN_MEMORY => shared(each::<{ linear_gradient::INPUT }>(program, list, |job| {
                let depth =
                    (0..job[6]).map(|term| words::<{ linear_gradient::TERM }>(program, job[5], term)[2]).sum::<u64>();
                let written = if kind as u32 == tail::INPUT_IN_MEMORY { rows * job[2] } else { 0 };
                Cost { flops: 2 * rows * depth * job[2], bytes: 4 * written }
            })),
            tail::WEIGHTS => each::<{ linear_gradient::WEIGHT }>(program, list, |job| Cost {
                flops: 2 * rows * job[2] * job[5],
                bytes: 4 * job[2] * job[5],
            }),
            tail::LOAD | tail::STORE => each::<{ tail::COPY }>(program, list, |job| moved(rows * job[2])),
            tail::LOSSES => each::<{ loss::VALUE }>(program, list, |_| moved(2 * rows)),
            _ => Cost::default(),
        }
    };
    steps.map(of_step).fold(Cost::default(), Cost::and)
}

/// The `number`-th of some records of words.
fn words<const WORDS: usize>(program: &Program, first: u64, number: u64) -> [u64; WORDS] {
    let start = first as usize + number as usize * WORDS;
    std::array::from_fn(|word| u64::from(program.jobs.words()[start + word]))
}

fn each<const WORDS: usize>(program: &Program, list: List, cost: impl Fn(&[u64]) -> Cost) -> Cost {
    let jobs = (0..u64::from(list.len)).map(|job| words::<WORDS>(program, u64::from(list.first), job));
    jobs.map(|job| cost(&job)).fold(Cost::default(), Cost::and)
}
