//! Builds plans: checks shapes, names parameters, lays out the arena.

use std::collections::BTreeSet;

use crate::arena::padded;
use crate::error::PlanError;
use crate::op::{
    Activation, Add, Column, Concat, Dropout, Embed, Factor, Gate, Linear, LinearWeights, Link, Loss, LossKind, Mix,
    MixWeights, Norm, NormKind, Op, Pool, Predict, Reduction, SlotId, Source,
};
use crate::param::{Block, DecayTowards, Init, ParamId, ParamSpec, StateId, StateSpec, TableId, TableSpec};
use crate::plan::{Objective, Output, Plan, Slot};
use crate::reach::trace_reach;
use crate::schema::{FieldKind, Schema, TaskKind};

/// Builds one plan for one schema.
pub struct PlanBuilder {
    plan: Plan,
    names: BTreeSet<String>,
}

/// One output group of a [`LinearSpec`] or gate: its name (which keys its random numbers) and the input group it
/// reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name, unique within the op.
    pub name: String,
    /// Input group.
    pub reads: usize,
}

impl Group {
    /// Named groups that all read input group 0.
    pub fn broadcast(names: impl IntoIterator<Item = impl Into<String>>) -> Vec<Self> {
        names.into_iter().map(|name| Self { name: name.into(), reads: 0 }).collect()
    }

    /// Named groups that each read the input group at their own position.
    pub fn each(names: impl IntoIterator<Item = impl Into<String>>) -> Vec<Self> {
        names.into_iter().enumerate().map(|(reads, name)| Self { name: name.into(), reads }).collect()
    }
}

/// What [`PlanBuilder::linear`] needs to know.
#[derive(Clone, Debug)]
pub struct LinearSpec {
    /// Slot read.
    pub input: SlotId,
    /// Output groups.
    pub groups: Vec<Group>,
    /// Output width.
    pub width: usize,
    /// Activation.
    pub activation: Activation,
    /// Dropout rate, 0 for none.
    pub dropout: f32,
    /// Whether matrices are shared, per scene or STAR's.
    pub weights: WeightKind,
    /// Whether there is a bias (STAR always has one).
    pub bias: bool,
}

/// Which scenes share a [`LinearSpec`]'s matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightKind {
    /// All.
    Shared,
    /// None.
    PerScene,
    /// `W ⊙ W_scene`, `b + b_scene`.
    Star,
}

impl PlanBuilder {
    /// An empty plan called `name` for `schema`.
    pub fn new(name: &str, schema: &Schema) -> Self {
        let plan = Plan {
            name: name.to_owned(),
            schema: schema.clone(),
            slots: vec![],
            ops: vec![],
            params: vec![],
            arena_len: 0,
            shared_len: 0,
            tables: vec![],
            states: vec![],
            outputs: vec![],
            objectives: vec![],
        };
        Self { plan, names: BTreeSet::new() }
    }

    /// The schema it builds for.
    pub fn schema(&self) -> &Schema {
        &self.plan.schema
    }

    /// Shape of a slot made so far: (groups, width).
    pub fn shape(&self, slot: SlotId) -> (usize, usize) {
        let slot = self.plan.slot(slot);
        (slot.groups, slot.width)
    }

    /// An embedding table over a vocabulary of the schema.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn table(&mut self, name: &str, vocabulary: usize, dim: usize, init: Init) -> Result<TableId, PlanError> {
        self.claim(name)?;
        let rows = self.plan.schema.vocabularies[vocabulary].size;
        self.plan.tables.push(TableSpec { name: name.to_owned(), vocabulary, rows, dim, init, reached_by: vec![] });
        Ok(TableId(self.plan.tables.len() - 1))
    }

    /// Looks up `fields` (indices into the schema) side by side: out is `[rows, 1, Σ widths]`. `table_of` names the
    /// table of each vocabulary; it is not asked for numeric fields.
    ///
    /// # Errors
    /// When the name is taken, nothing is looked up, or a table belongs to another vocabulary.
    pub fn embed(
        &mut self,
        name: &str,
        fields: &[usize],
        pool: Pool,
        table_of: impl Fn(usize) -> TableId,
    ) -> Result<SlotId, PlanError> {
        self.embed_dropping(name, fields, pool, 0.0, table_of)
    }

    /// [`PlanBuilder::embed`] that drops elements of what comes from tables, with the given rate, in training.
    ///
    /// # Errors
    /// As [`PlanBuilder::embed`].
    pub fn embed_dropping(
        &mut self,
        name: &str,
        fields: &[usize],
        pool: Pool,
        dropout: f32,
        table_of: impl Fn(usize) -> TableId,
    ) -> Result<SlotId, PlanError> {
        let mut columns = vec![];
        let mut offset = 0;
        for &field in fields {
            let (width, source) = match self.plan.schema.fields[field].kind {
                FieldKind::Numeric => {
                    let column = self.plan.schema.numeric_column(field).expect("the field is numeric");
                    (1, Source::Numeric { column })
                }
                FieldKind::Categorical { vocabulary } | FieldKind::Tokens { vocabulary, .. } => {
                    let table = table_of(vocabulary);
                    let spec = self.plan.table(table);
                    expect(name, "vocabulary of the table", vocabulary, spec.vocabulary)?;
                    (spec.dim, Source::Table { table, pool })
                }
            };
            columns.push(Column { offset, width, field, source });
            offset += width;
        }
        if offset == 0 {
            return Err(shape(name, "number of input fields", "at least 1", "0"));
        }
        let stream = |column: &Column| format!("{name}.dropout/{}", self.plan.schema.fields[column.field].name);
        let dropout = (dropout > 0.0).then(|| Dropout { rate: dropout, streams: columns.iter().map(stream).collect() });
        self.op(name, 1, offset, |name, out| Op::Embed(Embed { name, out, columns, dropout }))
    }

    /// [`PlanBuilder::embed_dropping`] with its elements as `groups` groups of one width: element `k` is element `k % width` of
    /// group `k / width`.
    ///
    /// # Errors
    /// As [`PlanBuilder::embed`], and when the elements do not make so many groups.
    pub fn embed_groups(
        &mut self,
        name: &str,
        fields: &[usize],
        pool: Pool,
        dropout: f32,
        groups: usize,
        table_of: impl Fn(usize) -> TableId,
    ) -> Result<SlotId, PlanError> {
        let slot = self.embed_dropping(name, fields, pool, dropout, table_of)?;
        let shaped = &mut self.plan.slots[slot.0];
        let elements = shaped.width;
        let width = elements / groups.max(1);
        expect(name, "number of elements", width.max(1) * groups, elements)?;
        (shaped.groups, shaped.width) = (groups, width);
        Ok(slot)
    }

    /// Grouped linear layer: `[rows, groups, width]`. Parameters are `NAME.weight`, `NAME.bias` and, for STAR,
    /// `NAME.scene_weight`, `NAME.scene_bias`. Matrices start Glorot-uniform, biases at 0, STAR's scene matrices at 1.
    ///
    /// # Errors
    /// When the name is taken or a group reads a group the input does not have.
    pub fn linear(&mut self, name: &str, spec: &LinearSpec) -> Result<SlotId, PlanError> {
        let (input_groups, fan_in) = self.shape(spec.input);
        check_reads(name, &spec.groups, input_groups)?;
        let (g, out) = (spec.groups.len(), spec.width);
        let init = Init::glorot(fan_in, out);
        let scenes = self.plan.schema.scenes.clone();
        let shared: Vec<String> = spec.groups.iter().map(|group| group.name.clone()).collect();
        let by_scene: Vec<String> =
            scenes.iter().flat_map(|scene| shared.iter().map(move |group| format!("{scene}/{group}"))).collect();
        let weights = match spec.weights {
            WeightKind::Shared => LinearWeights::Shared {
                w: self.param(&format!("{name}.weight"), vec![g, fan_in, out], init, &shared, DecayTowards::Zero)?,
                b: self.bias(&format!("{name}.bias"), spec.bias, vec![g, out], &shared)?,
            },
            WeightKind::PerScene => LinearWeights::PerScene {
                w: self.param(
                    &format!("{name}.weight"),
                    vec![scenes.len(), g, fan_in, out],
                    init,
                    &by_scene,
                    DecayTowards::Zero,
                )?,
                b: self.bias(&format!("{name}.bias"), spec.bias, vec![scenes.len(), g, out], &by_scene)?,
            },
            WeightKind::Star => LinearWeights::Star {
                w: self.param(&format!("{name}.weight"), vec![g, fan_in, out], init, &shared, DecayTowards::Zero)?,
                b: self.param(&format!("{name}.bias"), vec![g, out], ZEROS, &shared, DecayTowards::Nothing)?,
                scene_w: self.param(
                    &format!("{name}.scene_weight"),
                    vec![scenes.len(), g, fan_in, out],
                    ONES,
                    &by_scene,
                    DecayTowards::One,
                )?,
                scene_b: self.param(
                    &format!("{name}.scene_bias"),
                    vec![scenes.len(), g, out],
                    ZEROS,
                    &by_scene,
                    DecayTowards::Nothing,
                )?,
            },
        };
        let dropout = (spec.dropout > 0.0).then(|| Dropout {
            rate: spec.dropout,
            streams: shared.iter().map(|group| format!("{name}.dropout/{group}")).collect(),
        });
        let reads = spec.groups.iter().map(|group| group.reads).collect();
        self.op(name, g, out, |name, slot| {
            Op::Linear(Linear {
                name,
                input: spec.input,
                out: slot,
                reads,
                weights,
                activation: spec.activation,
                dropout,
            })
        })
    }

    /// Layer normalisation over the width of each (row, group).
    ///
    /// # Errors
    /// When the name is taken.
    pub fn layer_norm(&mut self, name: &str, input: SlotId, eps: f32) -> Result<SlotId, PlanError> {
        self.norm(name, input, eps, |_, _| Ok(NormKind::Layer))
    }

    /// Batch normalisation.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn batch_norm(&mut self, name: &str, input: SlotId, eps: f32, momentum: f32) -> Result<SlotId, PlanError> {
        self.norm(name, input, eps, |builder, width| {
            let (mean, variance) = builder.running_statistics(name, width)?;
            Ok(NormKind::Batch { mean, variance, momentum })
        })
    }

    /// STAR's partitioned normalisation.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn scene_norm(&mut self, name: &str, input: SlotId, eps: f32, momentum: f32) -> Result<SlotId, PlanError> {
        let scenes = self.plan.schema.scenes.clone();
        let (groups, width) = self.shape(input);
        self.norm(name, input, eps, |builder, elements| {
            let (mean, variance) = builder.running_statistics(name, scenes.len() * elements)?;
            let shape = vec![scenes.len(), groups, width];
            let nothing = DecayTowards::Nothing;
            let scene_gamma = builder.param(&format!("{name}.scene_gamma"), shape.clone(), ONES, &scenes, nothing)?;
            let scene_beta = builder.param(&format!("{name}.scene_beta"), shape, ZEROS, &scenes, nothing)?;
            Ok(NormKind::Scene { mean, variance, momentum, scene_gamma, scene_beta })
        })
    }

    /// Softmax gates over `experts` experts: `[rows, gates, experts]`. `mask` is `[gates, experts]`. The matrices
    /// (`NAME.weight`, `[gates, in, experts]`) have no bias, as in eq. 7 of Ma et al., KDD 2018, and start at 0: gates are
    /// even at first, and adding an expert moves no gate's initial values.
    ///
    /// # Errors
    /// When the name is taken, a gate reads a group the input does not have, or a gate may use no expert.
    pub fn gate(
        &mut self,
        name: &str,
        input: SlotId,
        gates: &[Group],
        experts: usize,
        mask: Vec<bool>,
        temperature: f32,
    ) -> Result<SlotId, PlanError> {
        let (input_groups, fan_in) = self.shape(input);
        check_reads(name, gates, input_groups)?;
        expect(name, "length of the mask", gates.len() * experts, mask.len())?;
        if let Some(empty) = mask.chunks(experts).position(|allowed| !allowed.contains(&true)) {
            return Err(shape(name, &format!("number of experts of gate `{}`", gates[empty].name), "at least 1", "0"));
        }
        let blocks: Vec<String> = gates.iter().map(|gate| gate.name.clone()).collect();
        let w = self.param(
            &format!("{name}.weight"),
            vec![gates.len(), fan_in, experts],
            ZEROS,
            &blocks,
            DecayTowards::Zero,
        )?;
        let reads = gates.iter().map(|gate| gate.reads).collect();
        self.op(name, gates.len(), experts, |name, out| {
            Op::Gate(Gate { name, input, out, reads, w, mask, temperature })
        })
    }

    /// Weighted sums over the groups of `input` by a gate's slot.
    ///
    /// # Errors
    /// When the name is taken or the gate weighs another number of groups.
    pub fn mix(&mut self, name: &str, input: SlotId, gate: SlotId) -> Result<SlotId, PlanError> {
        let ((experts, width), (gates, weighed)) = (self.shape(input), self.shape(gate));
        expect(name, "width of the gate", experts, weighed)?;
        self.op(name, gates, width, |name, out| Op::Mix(Mix { name, input, out, weights: MixWeights::Slot(gate) }))
    }

    /// Weighted sums over the groups of `input` by constants `[outputs, groups]`.
    ///
    /// # Errors
    /// When the name is taken or the weights do not form whole rows.
    pub fn mix_fixed(&mut self, name: &str, input: SlotId, weights: Vec<f32>) -> Result<SlotId, PlanError> {
        let (experts, width) = self.shape(input);
        let outputs = weights.len() / experts;
        expect(name, "length of the weights", outputs.max(1) * experts, weights.len())?;
        self.op(name, outputs, width, |name, out| {
            Op::Mix(Mix { name, input, out, weights: MixWeights::Fixed(weights) })
        })
    }

    /// Weighted sums over the groups of `input`, one for each name of `outputs`, by a matrix that all rows share:
    /// parameter `NAME.weight`, `[outputs, groups]`, with a block for each output. Nothing decays it.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn mix_shared(
        &mut self,
        name: &str,
        input: SlotId,
        outputs: &[String],
        init: Init,
        lr_factor: f32,
    ) -> Result<SlotId, PlanError> {
        let (groups, width) = self.shape(input);
        let shape = vec![outputs.len(), groups];
        let w = self.param(&format!("{name}.weight"), shape, init, outputs, DecayTowards::Nothing)?;
        self.plan.params[w.0].lr_factor = lr_factor;
        self.op(name, outputs.len(), width, |name, out| {
            Op::Mix(Mix { name, input, out, weights: MixWeights::Param(w) })
        })
    }

    /// Element-wise sum.
    ///
    /// # Errors
    /// When the name is taken or shapes differ.
    pub fn add(&mut self, name: &str, inputs: &[SlotId]) -> Result<SlotId, PlanError> {
        let (groups, width) = self.first_shape(name, inputs)?;
        for &input in inputs {
            expect(name, "groups of an input", groups, self.shape(input).0)?;
            expect(name, "width of an input", width, self.shape(input).1)?;
        }
        let inputs = inputs.to_vec();
        self.op(name, groups, width, |name, out| Op::Add(Add { name, inputs, out }))
    }

    /// Side by side along the width.
    ///
    /// # Errors
    /// When the name is taken or the numbers of groups differ.
    pub fn concat(&mut self, name: &str, inputs: &[SlotId]) -> Result<SlotId, PlanError> {
        let (groups, _) = self.first_shape(name, inputs)?;
        for &input in inputs {
            expect(name, "groups of an input", groups, self.shape(input).0)?;
        }
        let width = inputs.iter().map(|&input| self.shape(input).1).sum();
        let inputs = inputs.to_vec();
        self.op(name, groups, width, |name, out| Op::Concat(Concat { name, inputs, out }))
    }

    /// The prediction of `task`, called after it, from the logits `factors`: the link follows from the task's kind,
    /// and several factors make a product of probabilities. Returns the position of the op, for
    /// [`PlanBuilder::loss`].
    ///
    /// # Errors
    /// When the task has a prediction already, or the logits do not have its width.
    pub fn predict(&mut self, task: usize, factors: &[Factor]) -> Result<usize, PlanError> {
        let spec = self.plan.schema.tasks[task].clone();
        let width = spec.kind.width();
        for factor in factors {
            let (groups, got) = self.shape(factor.slot);
            expect(&spec.name, "width of the logits", width, got)?;
            expect_below(&spec.name, "group of the logits", groups, factor.group)?;
        }
        let link = match (spec.kind, factors) {
            (TaskKind::Binary, [one]) => Link::Sigmoid(*one),
            (TaskKind::Binary, [_, _, ..]) => Link::SigmoidProduct(factors.to_vec()),
            (TaskKind::Regression { .. }, [one]) => Link::Identity(*one),
            (TaskKind::Multiclass { .. }, [one]) => Link::Softmax(*one),
            (kind, _) => {
                let got = format!("{} for a {} task", factors.len(), kind.name());
                return Err(shape(&spec.name, "number of factors", "1, or more for a binary task", &got));
            }
        };
        let slot = self.op(&format!("predict/{}", spec.name), 1, width, |name, out| {
            Op::Predict(Predict { name, task, link, out })
        })?;
        self.plan.outputs.push(Output { name: spec.name, task, slot, width });
        Ok(self.plan.ops.len() - 1)
    }

    /// Makes the prediction at op `predict` an objective: its kind follows from the task's.
    ///
    /// # Errors
    /// When it is one already.
    pub fn loss(&mut self, predict: usize, reduction: Reduction) -> Result<(), PlanError> {
        let Op::Predict(op) = &self.plan.ops[predict] else {
            return Err(shape("loss", "op to hold to the labels", "a prediction", self.plan.ops[predict].name()));
        };
        let task = op.task;
        let kind = match self.plan.schema.tasks[task].kind {
            TaskKind::Binary => LossKind::BinaryCrossEntropy,
            TaskKind::Regression { .. } => LossKind::Squared,
            TaskKind::Multiclass { .. } => LossKind::SoftmaxCrossEntropy,
        };
        let task_name = self.plan.schema.tasks[task].name.clone();
        let name = format!("loss/{task_name}");
        self.claim(&name)?;
        let objective = self.plan.objectives.len();
        self.plan.objectives.push(Objective { name: task_name, task });
        self.plan.ops.push(Op::Loss(Loss { name, objective, predict, kind, reduction, smoothing: 0.0 }));
        Ok(())
    }

    /// The finished plan: reach of every parameter computed, arena laid out.
    ///
    /// # Errors
    /// When there is no objective.
    pub fn finish(mut self) -> Result<Plan, PlanError> {
        if self.plan.objectives.is_empty() {
            return Err(PlanError::NoObjective(self.plan.name));
        }
        trace_reach(&mut self.plan);
        self.lay_out();
        Ok(self.plan)
    }

    /// Shared parameters first, then by their one objective, then those of none; names break no tie, order does.
    fn lay_out(&mut self) {
        let plan = &mut self.plan;
        let rank = |p: &ParamSpec| match p.reached_by.as_slice() {
            [] => usize::MAX,
            [one] => one + 1,
            _ => 0,
        };
        let mut order: Vec<usize> = (0..plan.params.len()).collect();
        order.sort_by_key(|&p| rank(&plan.params[p]));
        let mut offset = 0;
        for p in order {
            plan.params[p].offset = offset;
            offset += padded(plan.params[p].len());
            if rank(&plan.params[p]) == 0 {
                plan.shared_len = offset;
            }
        }
        plan.arena_len = offset;
    }

    fn norm(
        &mut self,
        name: &str,
        input: SlotId,
        eps: f32,
        kind: impl FnOnce(&mut Self, usize) -> Result<NormKind, PlanError>,
    ) -> Result<SlotId, PlanError> {
        let (groups, width) = self.shape(input);
        let whole = ["all".to_owned()];
        let gamma = self.param(&format!("{name}.gamma"), vec![groups, width], ONES, &whole, DecayTowards::Nothing)?;
        let beta = self.param(&format!("{name}.beta"), vec![groups, width], ZEROS, &whole, DecayTowards::Nothing)?;
        let kind = kind(self, groups * width)?;
        self.op(name, groups, width, |name, out| Op::Norm(Norm { name, input, out, kind, gamma, beta, eps }))
    }

    fn running_statistics(&mut self, name: &str, len: usize) -> Result<(StateId, StateId), PlanError> {
        let mean = self.state(&format!("{name}.running_mean"), len, 0.0)?;
        let variance = self.state(&format!("{name}.running_variance"), len, 1.0)?;
        Ok((mean, variance))
    }

    fn state(&mut self, name: &str, len: usize, initial: f32) -> Result<StateId, PlanError> {
        self.claim(name)?;
        self.plan.states.push(StateSpec { name: name.to_owned(), len, initial });
        Ok(StateId(self.plan.states.len() - 1))
    }

    fn bias(
        &mut self,
        name: &str,
        wanted: bool,
        shape: Vec<usize>,
        blocks: &[String],
    ) -> Result<Option<ParamId>, PlanError> {
        wanted.then(|| self.param(name, shape, ZEROS, blocks, DecayTowards::Nothing)).transpose()
    }

    fn param(
        &mut self,
        name: &str,
        shape: Vec<usize>,
        init: Init,
        blocks: &[String],
        decay: DecayTowards,
    ) -> Result<ParamId, PlanError> {
        self.claim(name)?;
        let len = shape.iter().product::<usize>() / blocks.len();
        let blocks =
            blocks.iter().map(|block| Block { name: format!("{name}/{block}"), len, reached_by: vec![] }).collect();
        self.plan.params.push(ParamSpec {
            name: name.to_owned(),
            shape,
            offset: 0,
            init,
            blocks,
            decay,
            lr_factor: 1.0,
            reached_by: vec![],
        });
        Ok(ParamId(self.plan.params.len() - 1))
    }

    fn op(
        &mut self,
        name: &str,
        groups: usize,
        width: usize,
        make: impl FnOnce(String, SlotId) -> Op,
    ) -> Result<SlotId, PlanError> {
        self.claim(name)?;
        if groups == 0 || width == 0 {
            return Err(shape(name, "output", "at least 1 × 1", &format!("{groups} × {width}")));
        }
        let out = SlotId(self.plan.slots.len());
        self.plan.slots.push(Slot { name: name.to_owned(), groups, width });
        self.plan.ops.push(make(name.to_owned(), out));
        Ok(out)
    }

    fn first_shape(&self, name: &str, inputs: &[SlotId]) -> Result<(usize, usize), PlanError> {
        let first = inputs.first().ok_or_else(|| shape(name, "number of inputs", "at least 1", "0"))?;
        Ok(self.shape(*first))
    }

    fn claim(&mut self, name: &str) -> Result<(), PlanError> {
        if self.names.insert(name.to_owned()) { Ok(()) } else { Err(PlanError::DuplicateName(name.to_owned())) }
    }
}

const ZEROS: Init = Init::Constant(0.0);
const ONES: Init = Init::Constant(1.0);

fn check_reads(name: &str, groups: &[Group], available: usize) -> Result<(), PlanError> {
    let mut seen = BTreeSet::new();
    for group in groups {
        expect_below(name, &format!("input group of `{}`", group.name), available, group.reads)?;
        if !seen.insert(&group.name) {
            return Err(PlanError::DuplicateName(format!("{name}/{}", group.name)));
        }
    }
    Ok(())
}

fn shape(op: &str, what: &str, expected: &str, got: &str) -> PlanError {
    PlanError::Shape { op: op.to_owned(), what: what.to_owned(), expected: expected.to_owned(), got: got.to_owned() }
}

fn expect(op: &str, what: &str, expected: usize, got: usize) -> Result<(), PlanError> {
    if expected == got { Ok(()) } else { Err(shape(op, what, &expected.to_string(), &got.to_string())) }
}

fn expect_below(op: &str, what: &str, bound: usize, got: usize) -> Result<(), PlanError> {
    if got < bound { Ok(()) } else { Err(shape(op, what, &format!("below {bound}"), &got.to_string())) }
}
