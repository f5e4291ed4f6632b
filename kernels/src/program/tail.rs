//! The tail of a plan: the ops that one launch passes forward and back, tile of rows by tile of rows, on chip. Of a small
//! network that is everything behind its lookups, of a large one its towers, predictions and losses.
//!
//! It is the longest run of last levels for which all of this holds, which follows from the plan alone:
//!
//! - every op is a layer, a gate, a mixture by weights of the row's or constants, a sum, a concatenation, a loss, or a prediction that nobody reads: normalisations
//!   wait for all rows, and lookups gather;
//! - values and derivatives of a row, and its inputs, have room on chip ([`ROOM`]);
//! - its matrices have at most [`PRODUCTS`] elements: they are read again for every tile, and products of larger ones are worth
//!   large tiles;
//! - where a layer has weights for each scene, which then begins a tile of its own, there are at most [`MOST_SCENES`] of them,
//!   and the sums of gradients over the rows of each have room ([`PARTS_ROOM`]).

use mmtl_plan::{LinearWeights, MixWeights, Op, Plan, SlotId};

use crate::chip::{ROOM, STAGE};
use crate::jobs::List;
use crate::ops::tail;
use crate::program::Launch;
use crate::program::compiler::{Compiler, Which, words};
use crate::program::gradient_sums::GradientSums;

/// Most elements of a tail's matrices, whose products of a row are as many multiply-adds. A cube reads them for 8 rows, three
/// times over both passes: an H200's second-level cache allows some 15 TFLOP/s of that, a third of what large tiles reach, so
/// that 2^17 of them cost a batch of 1,024 rows some 40 µs more, which ten launches less are worth.
const PRODUCTS: usize = 1 << 17;

/// Most elements of the parts that gradients of a tail are made in: 64 MiB.
pub const PARTS_ROOM: usize = 1 << 24;

/// Most scenes that begin tiles of their own: each may take a cube, of whose losses a thousand steps are kept.
const MOST_SCENES: usize = 256;

/// A tail, compiled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    /// Its steps: jobs of lists of jobs.
    pub steps: List,
    /// The column on chip that derivatives begin at.
    pub derivatives: u32,
    /// Scenes whose rows do not share a tile, since layers have weights for each; 0 where all rows are alike.
    pub scenes: u32,
    /// Elements of a part of the gradients of its matrices.
    pub part: u32,
    /// Whether a layer's matrices are products of two.
    pub stars: bool,
}

/// Which ops a tail has, and where what it works on lies on chip.
pub(super) struct Choice {
    /// For each op of the plan, whether it is the tail's.
    pub inside: Vec<bool>,
    /// For each slot of the plan, its first column on chip.
    columns: Vec<Option<u32>>,
    /// Slots that the tail reads and does not write.
    inputs: Vec<SlotId>,
    /// Those whose derivatives go to memory at once: only layers and gates read them.
    streamed: Vec<bool>,
    /// The column that derivatives begin at.
    derivatives: u32,
    /// Scenes whose rows do not share a tile.
    scenes: usize,
}

/// The longest tail, if any.
pub(super) fn choose(plan: &Plan, levels: &[usize]) -> Option<Choice> {
    let deepest = levels.iter().copied().max()?;
    (1..=deepest).find_map(|first| {
        // A loss is nobody's input, and may wait.
        let inside = |(op, &level): (&Op, &usize)| level >= first || matches!(op, Op::Loss(_));
        Choice::of(plan, plan.ops.iter().zip(levels).map(inside).collect())
    })
}

/// The slots that an op reads, a loss's logits among them.
fn reads(plan: &Plan, op: &Op) -> Vec<SlotId> {
    match op {
        Op::Loss(loss) => plan.loss_factors(loss).iter().map(|factor| factor.slot).collect(),
        // Nobody reads what it would write.
        Op::Predict(_) => vec![],
        Op::Embed(_) | Op::Linear(_) | Op::Norm(_) | Op::Gate(_) | Op::Mix(_) | Op::Add(_) | Op::Concat(_) => {
            op.inputs()
        }
    }
}

fn can_be_inside(plan: &Plan, op: &Op) -> bool {
    match op {
        Op::Linear(_) | Op::Gate(_) | Op::Add(_) | Op::Concat(_) | Op::Loss(_) => true,
        // Weights that all rows share are written to memory for each row.
        Op::Mix(op) => !matches!(op.weights, MixWeights::Param(_)),
        Op::Predict(op) => plan.ops.iter().all(|reader| !reader.inputs().contains(&op.out)),
        Op::Embed(_) | Op::Norm(_) => false,
    }
}

/// Elements of an op's matrices that a row meets, and of its biases.
fn parameters(plan: &Plan, op: &Op) -> [usize; 2] {
    let of = |input: SlotId, out: SlotId| {
        let (groups, width) = (plan.slot(out).groups, plan.slot(out).width);
        [groups * plan.slot(input).width * width, groups * width]
    };
    match op {
        Op::Linear(op) => of(op.input, op.out),
        Op::Gate(op) => [of(op.input, op.out)[0], 0],
        Op::Embed(_) | Op::Norm(_) | Op::Mix(_) | Op::Add(_) | Op::Concat(_) | Op::Predict(_) | Op::Loss(_) => [0; 2],
    }
}

impl Choice {
    /// These ops, if they can be a tail.
    fn of(plan: &Plan, inside: Vec<bool>) -> Option<Self> {
        let ops: Vec<&Op> = plan.ops.iter().zip(&inside).filter(|(_, inside)| **inside).map(|(op, _)| op).collect();
        let by_scene = |op: &&Op| matches!(op, Op::Linear(op) if !matches!(op.weights, LinearWeights::Shared { .. }));
        let scenes = if ops.iter().any(by_scene) { plan.schema.scenes.len() } else { 0 };
        let [matrices, biases] = ops
            .iter()
            .map(|op| parameters(plan, op))
            .fold([0; 2], |[matrices, biases], of| [matrices + of[0], biases + of[1]]);
        let supported = ops.iter().all(|op| can_be_inside(plan, op));
        // Each objective has a row of a tile staged.
        if !supported || matrices > PRODUCTS || plan.objectives.is_empty() || plan.objectives.len() > STAGE {
            return None;
        }
        if scenes > MOST_SCENES || (matrices + biases) * (scenes + 1) > PARTS_ROOM {
            return None;
        }
        let written = |slot: SlotId| ops.iter().any(|op| op.out() == Some(slot) && !matches!(op, Op::Predict(_)));
        let is_layer = |op: &Op| matches!(op, Op::Linear(_) | Op::Gate(_));
        let read_by = |slot: SlotId| ops.iter().filter(move |op| reads(plan, op).contains(&slot));
        let slots = || (0..plan.slots.len()).map(SlotId);
        let inputs: Vec<SlotId> = slots().filter(|&slot| !written(slot) && read_by(slot).count() > 0).collect();
        let streamed: Vec<bool> =
            slots().map(|slot| inputs.contains(&slot) && read_by(slot).all(|op| is_layer(op))).collect();
        // What has derivatives on chip comes first, so that those lie as their values do.
        let mut columns = vec![None; plan.slots.len()];
        let mut used = 0;
        for of_memory in [false, true] {
            for slot in slots().filter(|&slot| written(slot) || inputs.contains(&slot)) {
                if streamed[slot.0] == of_memory {
                    columns[slot.0] = Some(used as u32);
                    used += plan.slot(slot).groups * plan.slot(slot).width;
                }
            }
        }
        let of_memory =
            |slot: &SlotId| plan.slot(*slot).groups * plan.slot(*slot).width * usize::from(streamed[slot.0]);
        let twice = used - inputs.iter().map(of_memory).sum::<usize>();
        (used + twice <= ROOM).then_some(Self { inside, columns, inputs, streamed, derivatives: used as u32, scenes })
    }
}

impl Compiler<'_> {
    /// Compiles the tail that was chosen: forward, back, gradients.
    pub(super) fn tail(&mut self) -> Option<Tail> {
        let choice = self.choice.as_ref()?;
        let (inputs, streamed, scenes) = (choice.inputs.clone(), choice.streamed.clone(), choice.scenes);
        let (columns, derivatives) = (choice.columns.clone(), choice.derivatives);
        self.which = Which::Tail;
        self.slots.put_on_chip(columns);
        let (rest, longest) =
            (std::mem::replace(&mut self.sums, GradientSums::of_tail(scenes as u32)), self.jobs.longest());
        let mut steps = vec![self.copies(tail::LOAD, &inputs)];
        steps.extend(self.forward(true).into_iter().map(step));
        steps.extend(self.backward_of_ops().into_iter().map(step));
        let ops = self.ops();
        steps.push(record(tail::INPUT_IN_MEMORY, self.linear_inputs(&ops, true)));
        steps.push(record(tail::WEIGHTS, self.weights(&ops)));
        let stored: Vec<SlotId> = inputs.iter().copied().filter(|slot| !streamed[slot.0]).collect();
        steps.push(self.copies(tail::STORE, &stored));
        steps.retain(|step| step[2] > 0);
        self.tail_sums = std::mem::replace(&mut self.sums, rest);
        self.slots.put_on_chip(vec![]);
        self.which = Which::Rest;
        let layers = || ops.iter().filter_map(|(_, op)| if let Op::Linear(layer) = op { Some(layer) } else { None });
        let drops = layers().any(|layer| layer.dropout.is_some());
        let stars = layers().any(|layer| matches!(layer.weights, LinearWeights::Star { .. }));
        let steps = List { drops, ..self.jobs.list(&steps, 0) };
        self.jobs.count_no_longer_than(longest);
        Some(Tail { steps, derivatives, scenes: scenes as u32, part: self.tail_sums.size(), stars })
    }

    /// Copies of groups between memory and chip: of values, or of derivatives that have been written.
    fn copies(&mut self, kind: u32, slots: &[SlotId]) -> [u32; tail::STEP] {
        let mut jobs: Vec<[u32; tail::COPY]> = vec![];
        for &slot in slots {
            for (slot, group) in self.groups_of(slot) {
                if kind == tail::STORE && !self.has_been_written((slot, group)) {
                    continue;
                }
                let [at, stride, width] = words(self.slots.in_memory(slot, group));
                jobs.push([at, stride, width, self.slots.place(slot, group).at]);
            }
        }
        let list = self.jobs.list(&jobs, jobs.iter().map(|job| job[2]).max().unwrap_or(0));
        record(kind, list)
    }

    /// Whether a slot's derivatives go to memory although its values are on chip.
    pub(super) fn streams(&self, slot: SlotId) -> bool {
        self.which == Which::Tail && self.choice.as_ref().is_some_and(|choice| choice.streamed[slot.0])
    }

    /// Scenes that every layer of the tail has a job for, since one of them has weights for each.
    pub(super) fn scenes_of_tail(&self) -> Option<usize> {
        let choice = self.choice.as_ref().filter(|_| self.which == Which::Tail)?;
        (choice.scenes > 0).then_some(choice.scenes)
    }
}

fn record(kind: u32, list: List) -> [u32; tail::STEP] {
    [kind, list.first, list.len, list.columns]
}

/// What a launch does, as a step of the tail's.
fn step(launch: Launch) -> [u32; tail::STEP] {
    let (kind, list) = match launch {
        Launch::Linear(list) => (tail::LAYERS, list),
        Launch::Gate(list) => (tail::GATES, list),
        Launch::Mix(list) => (tail::MIXES, list),
        Launch::Sum(list) => (tail::SUMS, list),
        Launch::LossValue(list) => (tail::LOSSES, list),
        Launch::LossGradient(list) => (tail::LOSS_GRADIENTS, list),
        Launch::SumGradient(list) => (tail::SUM_GRADIENTS, list),
        Launch::GateGradient(list) => (tail::GATE_GRADIENTS, list),
        Launch::MixGradient(list) => (tail::MIX_GRADIENTS, list),
        Launch::Deactivate(list) => (tail::DEACTIVATIONS, list),
        Launch::LinearInput(list) => (tail::INPUTS, list),
        Launch::Embed(_)
        | Launch::Statistics(_)
        | Launch::MergeStatistics(_)
        | Launch::NormRows(_)
        | Launch::NormWidth(_)
        | Launch::Predict(_)
        | Launch::PredictGradient(_)
        | Launch::LinearWeight(_)
        | Launch::AddParts(_)
        | Launch::NormReduce(_)
        | Launch::NormReduced(_)
        | Launch::NormShared(_)
        | Launch::NormRowsInput(_)
        | Launch::NormWidthInput(_)
        | Launch::NormWidthGradient(_)
        | Launch::Tail(_) => unreachable!("{launch:?} is no part of a tail"),
    };
    record(kind, list)
}

#[cfg(test)]
mod tests {
    use mmtl_plan::{Settings, Value};
    use mmtl_reference::drawn::{self, SchemaSize};
    use mmtl_zoo::{architecture, model_knobs};

    use super::*;
    use crate::program::compiler::levels;

    /// An architecture with these knobs, for three scenes and five tasks.
    fn plan(name: &str, given: &[(&str, Value)]) -> Plan {
        let architecture = architecture(name).expect("the zoo has it");
        let schema = drawn::schema(SchemaSize::default());
        let own = Settings::resolve(&architecture.knobs(), given.iter().map(|(name, value)| (*name, value)));
        let model = Settings::resolve(&model_knobs(), []).expect("defaults");
        architecture.plan(&schema, &[0, 1], &model, &own.expect("they are its knobs")).expect("they make a net")
    }

    fn widths(widths: &[i64]) -> Value {
        Value::List(widths.iter().map(|&width| Value::Int(width)).collect())
    }

    /// Names of the ops that are no tail's.
    fn outside(plan: &Plan) -> Vec<&str> {
        let inside = choose(plan, &levels(plan)).expect("losses are always a tail").inside;
        plan.ops.iter().zip(inside).filter(|(_, inside)| !inside).map(|(op, _)| op.name()).collect()
    }

    #[test]
    fn a_tail_is_as_long_as_fits() {
        let mmoe = |experts, of_experts: &[i64]| {
            plan("mmoe", &[("experts", Value::Int(experts)), ("expert_widths", widths(of_experts))])
        };
        assert_eq!(outside(&mmoe(4, &[64, 32])), ["inputs"]);
        // Derivatives of the first layer of ten experts have no room, but those of the second do.
        assert_eq!(outside(&mmoe(10, &[64, 32])), ["inputs", "expert.0", "gate"]);
        let towers_alone = ["inputs", "expert.0", "expert.1", "gate", "mix"];
        assert_eq!(outside(&mmoe(8, &[256, 128])), towers_alone);
    }

    #[test]
    fn matrices_that_are_worth_large_tiles_are_no_tail() {
        let of = |width: i64| plan("shared-bottom", &[("bottom_widths", widths(&[width, width]))]);
        // All of both would have room on chip.
        assert_eq!(outside(&of(280)), ["inputs"]);
        assert_eq!(outside(&of(320)), ["inputs", "bottom.0"]);
    }

    #[test]
    fn norms_are_no_tail_and_weights_of_scenes_keep_them_apart() {
        let star = plan("star", &[]);
        let choice = choose(&star, &levels(&star)).expect("losses are always a tail");
        assert_eq!(choice.scenes, star.schema.scenes.len());
        let is_norm = |op: &Op| matches!(op, Op::Norm(_));
        assert!(star.ops.iter().zip(&choice.inside).any(|(op, inside)| is_norm(op) && !inside));
        assert_eq!(choose(&plan("mmoe", &[]), &levels(&plan("mmoe", &[]))).map(|choice| choice.scenes), Some(0));
    }
}
