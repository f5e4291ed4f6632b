//! A plan as launches. Ops of one kind that wait for nothing but finished ones go together: how many experts, tasks and
//! scenes there are changes how long the lists of jobs are, and no number of launches.

mod compiler;
mod gradient_sums;
mod layers;
mod lookups;
mod mixes;
mod norms;
mod objectives;
mod sums;
mod tail;

use std::collections::BTreeSet;

use mmtl_plan::{EngineError, Mix, MixWeights, Norm, NormKind, Op, Plan};

use self::compiler::{Compiler, Which, learns, levels};
use self::gradient_sums::GradientSums;
pub use self::tail::{PARTS_ROOM, Tail};
use crate::header::Header;
use crate::jobs::{Jobs, List};
use crate::ops::norm;
use crate::place::Slots;

/// One launch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Launch {
    /// [`crate::ops::embed::forward`]
    Embed(List),
    /// [`crate::ops::linear::forward`]
    Linear(List),
    /// [`crate::ops::gate::forward`]
    Gate(List),
    /// [`crate::ops::mix::forward`]
    Mix(List),
    /// [`crate::ops::sum::sum_slots`] of values.
    Sum(List),
    /// [`crate::ops::norm::statistics`]
    Statistics(List),
    /// [`crate::ops::norm::merge`]
    MergeStatistics(List),
    /// [`crate::ops::norm::forward_rows`]
    NormRows(List),
    /// [`crate::ops::norm::forward_width`]
    NormWidth(List),
    /// [`crate::ops::predict::forward`]
    Predict(List),
    /// [`crate::ops::loss::value`]
    LossValue(List),
    /// [`crate::ops::loss::gradient`]
    LossGradient(List),
    /// [`crate::ops::predict::backward`]
    PredictGradient(List),
    /// [`crate::ops::sum::sum_slots`] of derivatives.
    SumGradient(List),
    /// [`crate::ops::gate::backward`]
    GateGradient(List),
    /// [`crate::ops::mix::backward`]
    MixGradient(List),
    /// [`crate::ops::linear_gradient::deactivate`]
    Deactivate(List),
    /// [`crate::ops::linear_gradient::input_gradient`]
    LinearInput(List),
    /// [`crate::ops::linear_gradient::weight_gradient`]
    LinearWeight(List),
    /// [`crate::parts::add`]
    AddParts(List),
    /// [`crate::ops::norm::reduce`]
    NormReduce(List),
    /// [`crate::ops::norm::reduced`]
    NormReduced(List),
    /// [`crate::ops::norm::shared_gradient`]
    NormShared(List),
    /// [`crate::ops::norm::input_rows`]
    NormRowsInput(List),
    /// [`crate::ops::norm::input_width`]
    NormWidthInput(List),
    /// [`crate::ops::norm::width_gradient`]
    NormWidthGradient(List),
    /// [`crate::ops::tail::run`]
    Tail(Tail),
}

/// Whether a step's last ops are launched together, where they fit on chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launching {
    /// They are.
    Fused,
    /// Each op is launched by itself.
    Composed,
}

impl Launch {
    /// The list of sums of columns that are made in parts, apart from those of gradients.
    pub fn columns_in_parts(self) -> Option<List> {
        if let Self::Statistics(list) | Self::NormReduce(list) = self { Some(list) } else { None }
    }
}

/// A compiled plan.
pub struct Program {
    /// A forward pass in training.
    pub training: Vec<Launch>,
    /// A forward pass in evaluation.
    pub evaluation: Vec<Launch>,
    /// A backward pass.
    pub backward: Vec<Launch>,
    /// The gradients of matrices, whose number of rows a part all gradients have.
    pub weights: List,
    /// The tail, if there is one.
    pub tail: Option<Tail>,
    /// Elements of a part of all gradients but the tail's.
    pub gradient_part: u32,
    /// The lists.
    pub jobs: Jobs,
    /// Where the tables' words start.
    pub tables: u32,
    /// Whether some of what is looked up is dropped in training.
    pub drops_looked_up: bool,
    /// Where slots lie.
    pub slots: Slots,
    /// First element of each state.
    pub states: Vec<usize>,
    /// Elements of all states.
    pub states_len: usize,
    /// Elements of the statistics of normalisations over rows.
    pub statistics_len: usize,
    /// First element of each table.
    pub table_at: Vec<usize>,
    /// For each table and field of the schema, whether an op looks it up.
    pub reads: Vec<Vec<bool>>,
}

impl Program {
    /// How its steps are launched, as far as anybody could tell.
    pub fn launching(&self) -> Launching {
        if self.tail.is_some() { Launching::Fused } else { Launching::Composed }
    }

    /// Compiles a plan for at most `max_rows` rows; `seed` is that of dropout masks.
    pub fn new(plan: &Plan, max_rows: usize, seed: u64, launching: Launching) -> Result<Self, EngineError> {
        let mut slots = Slots::new(plan, max_rows);
        let kept = plan.ops.iter().map(|op| match op {
            Op::Norm(Norm { kind: NormKind::Layer, out, .. }) => Some(slots.claim(slots.groups(*out), 2)),
            Op::Mix(Mix { weights: MixWeights::Param(_), input, out, .. }) => {
                Some(slots.claim(slots.groups(*out), slots.groups(*input)))
            }
            Op::Norm(_)
            | Op::Mix(_)
            | Op::Embed(_)
            | Op::Linear(_)
            | Op::Gate(_)
            | Op::Add(_)
            | Op::Concat(_)
            | Op::Predict(_)
            | Op::Loss(_) => None,
        });
        let kept = kept.collect();
        slots.check(plan)?;
        let (mut statistics, mut statistics_len) = (vec![], 0);
        for op in &plan.ops {
            statistics.push(statistics_len);
            if let Op::Norm(norm) = op {
                let columns = slots.whole(norm.out).width as usize * norm::KEPT;
                statistics_len += match norm.kind {
                    NormKind::Layer => 0,
                    NormKind::Batch { .. } => columns,
                    NormKind::Scene { .. } => columns * plan.schema.scenes.len(),
                };
            }
        }
        let starts = |lens: &mut dyn Iterator<Item = usize>| {
            let mut total = 0;
            let start = |len| {
                total += len;
                total - len
            };
            let starts: Vec<usize> = lens.map(start).collect();
            (starts, total)
        };
        let (states, states_len) = starts(&mut plan.states.iter().map(|state| state.len));
        let (table_at, _) = starts(&mut plan.tables.iter().map(|table| table.rows * table.dim));
        let levels = levels(plan);
        let choice = match launching {
            Launching::Fused => tail::choose(plan, &levels),
            Launching::Composed => None,
        };
        let mut compiler = Compiler {
            plan,
            header: Header::new(&plan.schema),
            seed,
            jobs: Jobs::default(),
            slots,
            levels,
            learns: learns(plan),
            states,
            table_at,
            statistics,
            kept,
            written: BTreeSet::new(),
            unwritten: vec![],
            sums: GradientSums::default(),
            choice,
            which: Which::All,
            tail_sums: GradientSums::default(),
        };
        let evaluation = compiler.forward(false);
        if compiler.choice.is_some() {
            compiler.which = Which::Rest;
        }
        let training = compiler.forward(true);
        let backward = compiler.backward();
        let list_of = |wanted: fn(&Launch) -> Option<List>| backward.iter().find_map(wanted).unwrap_or_default();
        let weights = list_of(|launch| if let Launch::LinearWeight(list) = launch { Some(*list) } else { None });
        let sums = list_of(|launch| if let Launch::AddParts(list) = launch { Some(*list) } else { None });
        let tail = backward.iter().find_map(|launch| if let Launch::Tail(tail) = launch { Some(*tail) } else { None });
        let (tables, reads) = compiler.tables();
        let drops = |op: &Op| matches!(op, Op::Embed(op) if op.dropout.is_some());
        let drops_looked_up = compiler.plan.ops.iter().any(drops);
        let Compiler { jobs, slots, states, table_at, .. } = compiler;
        Ok(Self {
            training,
            evaluation,
            backward,
            weights,
            tail,
            gradient_part: sums.part,
            jobs,
            tables,
            drops_looked_up,
            slots,
            states,
            states_len,
            statistics_len,
            table_at,
            reads,
        })
    }
}
