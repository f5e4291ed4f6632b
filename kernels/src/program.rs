//! A plan as launches. Ops of one kind that wait for nothing but finished ones go together: how many experts, tasks and
//! scenes there are changes how long the lists of jobs are, and no number of launches.

use std::collections::{BTreeMap, BTreeSet};

use mmtl_plan::{
    Activation, Dropout, Embed, EngineError, Factor, Gate, Linear, LinearWeights, Link, Loss, LossKind, Mix,
    MixWeights, Norm, NormKind, Op, ParamId, Plan, Pool, Purpose, SlotId, Source, Stream,
};

use crate::header::Header;
use crate::jobs::{Jobs, List, maybe};
use crate::ops::{embed, gate, linear, loss, mix, norm, predict, sum};
use crate::place::{Place, Slots};
use crate::tables::{TABLE, USE};

/// One launch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Launch {
    /// [`embed::forward`]
    Embed(List),
    /// [`linear::forward`]
    Linear(List),
    /// [`gate::forward`]
    Gate(List),
    /// [`mix::forward`]
    Mix(List),
    /// [`sum::sum_slots`] of values.
    Sum(List),
    /// [`norm::statistics`]
    Statistics(List),
    /// [`norm::forward_rows`]
    NormRows(List),
    /// [`norm::forward_width`]
    NormWidth(List),
    /// [`predict::forward`]
    Predict(List),
    /// [`loss::value`]
    LossValue(List),
    /// [`loss::gradient`]
    LossGradient(List),
    /// [`predict::backward`]
    PredictGradient(List),
    /// [`sum::sum_slots`] of derivatives.
    SumGradient(List),
    /// [`gate::backward`]
    GateGradient(List),
    /// [`mix::input_gradient`]
    MixInput(List),
    /// [`mix::gate_gradient`]
    MixGate(List),
    /// [`linear::deactivate`]
    Deactivate(List),
    /// [`linear::input_gradient`]
    LinearInput(List),
    /// [`linear::weight_gradient`]
    LinearWeight(List),
    /// [`linear::bias_gradient`]
    LinearBias(List),
    /// [`norm::reduce`]
    NormReduce(List),
    /// [`norm::shared_gradient`]
    NormShared(List),
    /// [`norm::input_rows`]
    NormRowsInput(List),
    /// [`norm::input_width`]
    NormWidthInput(List),
    /// [`norm::width_gradient`]
    NormWidthGradient(List),
}

/// A compiled plan.
pub struct Program {
    /// A forward pass in training.
    pub training: Vec<Launch>,
    /// A forward pass in evaluation.
    pub evaluation: Vec<Launch>,
    /// A backward pass.
    pub backward: Vec<Launch>,
    /// The lists.
    pub jobs: Jobs,
    /// Where the tables' words start.
    pub tables: u32,
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

/// A group of a slot.
type Group = (SlotId, usize);

struct Compiler<'a> {
    plan: &'a Plan,
    header: Header,
    seed: u64,
    jobs: Jobs,
    slots: Slots,
    /// For each op, how many ops must have finished one after the other before it.
    levels: Vec<usize>,
    /// For each slot, whether something before it learns.
    learns: Vec<bool>,
    states: Vec<usize>,
    table_at: Vec<usize>,
    /// For each op that is a norm over rows, where its statistics start.
    statistics: Vec<usize>,
    /// For each op that is a norm over the width, what it keeps.
    kept: Vec<Option<SlotId>>,
    /// Groups whose derivatives have been written so far in the backward pass.
    written: BTreeSet<(usize, usize)>,
    /// Groups to zero before the next launch, which adds to all groups of a slot of which some were written.
    unwritten: Vec<Group>,
}

impl Program {
    /// Compiles a plan for at most `max_rows` rows; `seed` is that of dropout masks.
    pub fn new(plan: &Plan, max_rows: usize, seed: u64) -> Result<Self, EngineError> {
        let mut slots = Slots::new(plan, max_rows);
        let kept = plan.ops.iter().map(|op| match op {
            Op::Norm(Norm { kind: NormKind::Layer, out, .. }) => Some(slots.claim(slots.groups(*out), 2)),
            _ => None,
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
        let mut compiler = Compiler {
            plan,
            header: Header::new(&plan.schema),
            seed,
            jobs: Jobs::default(),
            slots,
            levels: levels(plan),
            learns: learns(plan),
            states,
            table_at,
            statistics,
            kept,
            written: BTreeSet::new(),
            unwritten: vec![],
        };
        let training = compiler.forward(true);
        let evaluation = compiler.forward(false);
        let backward = compiler.backward();
        let (tables, reads) = compiler.tables();
        let Compiler { jobs, slots, states, table_at, .. } = compiler;
        Ok(Self {
            training,
            evaluation,
            backward,
            jobs,
            tables,
            slots,
            states,
            states_len,
            statistics_len,
            table_at,
            reads,
        })
    }
}

/// For each op, its level.
fn levels(plan: &Plan) -> Vec<usize> {
    let mut of_slot = vec![0; plan.slots.len()];
    let mut levels = vec![];
    for op in &plan.ops {
        let inputs = match op {
            Op::Loss(loss) => plan.loss_factors(loss).iter().map(|factor| factor.slot).collect(),
            _ => op.inputs(),
        };
        let level = inputs.iter().map(|input| of_slot[input.0] + 1).max().unwrap_or(0);
        if let Some(out) = op.out() {
            of_slot[out.0] = level;
        }
        levels.push(level);
    }
    levels
}

/// For each slot, whether a gradient that reaches it moves anything.
fn learns(plan: &Plan) -> Vec<bool> {
    let mut learns = vec![false; plan.slots.len()];
    for op in &plan.ops {
        let own = !op.params().is_empty() || !op.tables().is_empty();
        if let Some(out) = op.out() {
            learns[out.0] = own || op.inputs().iter().any(|input| learns[input.0]);
        }
    }
    learns
}

/// The words of a place.
fn words(place: Place) -> [u32; 3] {
    [place.at, place.stride, place.width]
}

/// Joins arrays of words.
fn joined<const WORDS: usize>(parts: &[&[u32]]) -> [u32; WORDS] {
    parts.concat().try_into().expect("the parts are as long as a job")
}

fn most_columns(places: impl IntoIterator<Item = Place>) -> u32 {
    places.into_iter().map(|place| place.width).max().unwrap_or(0)
}

impl<'a> Compiler<'a> {
    fn ops_at(&self, level: usize) -> Vec<(usize, &'a Op)> {
        let plan = self.plan;
        plan.ops.iter().enumerate().filter(|(op, _)| self.levels[*op] == level).collect()
    }

    fn groups_of(&self, slot: SlotId) -> impl Iterator<Item = Group> + use<> {
        (0..self.slots.groups(slot)).map(move |group| (slot, group))
    }

    fn offset(&self, param: ParamId) -> usize {
        self.plan.param(param).offset
    }

    fn forward(&mut self, training: bool) -> Vec<Launch> {
        let mut launches = vec![];
        for level in 0..=self.levels.iter().copied().max().unwrap_or(0) {
            let ops = self.ops_at(level);
            let mut add = |launch: fn(List) -> Launch, list: List| {
                if list.len > 0 {
                    launches.push(launch(list));
                }
            };
            add(Launch::Embed, self.embeds(&ops));
            add(Launch::Linear, self.linears(&ops));
            add(Launch::Gate, self.gates(&ops));
            add(Launch::Mix, self.mixes(&ops));
            add(Launch::Sum, self.sums(&ops));
            add(Launch::Statistics, self.statistics(&ops));
            add(Launch::NormRows, self.norms_over_rows(&ops));
            add(Launch::NormWidth, self.norms_over_width(&ops));
            if training {
                add(Launch::Predict, self.predictions(&ops, true));
                add(Launch::LossValue, self.losses(&ops));
            } else {
                add(Launch::Predict, self.predictions(&ops, false));
            }
        }
        launches
    }

    fn is_read(&self, slot: SlotId) -> bool {
        self.plan.ops.iter().any(|op| op.inputs().contains(&slot))
    }

    fn embeds(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let mut columns = 0;
        for (_, op) in ops {
            let Op::Embed(Embed { out, columns: parts, .. }) = op else { continue };
            let place = self.slots.whole(*out);
            for part in parts {
                let to = [place.at + part.offset as u32, place.stride, part.width as u32];
                columns = columns.max(part.width as u32);
                let source = match part.source {
                    Source::Numeric { column } => {
                        [embed::NUMERIC, column as u32, self.plan.schema.numeric_columns() as u32]
                    }
                    Source::Table { table, pool } => {
                        let kind = match pool {
                            Pool::Sum => embed::SUM,
                            Pool::Mean => embed::MEAN,
                        };
                        [kind, self.table_at[table.0] as u32, self.header.field(part.field)]
                    }
                };
                jobs.push(joined::<{ embed::FORWARD }>(&[&to, &source]));
            }
        }
        self.jobs.list(&jobs, columns)
    }

    /// Dropout's words for a group: key, threshold and scale; zeros without it.
    fn dropout(&self, dropout: Option<&Dropout>, group: usize) -> [u32; 4] {
        let Some(dropout) = dropout else { return [0; 4] };
        let [low, high] = Stream::new(self.seed, Purpose::Dropout, &dropout.streams[group]).key();
        [low, high, dropout.threshold(), dropout.scale().to_bits()]
    }

    /// Layers, and gates' logits.
    fn linears(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let mut columns = 0;
        for (_, op) in ops {
            match op {
                Op::Linear(op) => {
                    for group in 0..op.reads.len() {
                        for scene in self.scenes_of(op) {
                            let (x, out) =
                                (self.slots.place(op.input, op.reads[group]), self.slots.place(op.out, group));
                            let [w, scene_w, b, scene_b] = self.parameters(op, group, scene);
                            columns = columns.max(out.width);
                            jobs.push(joined::<{ linear::FORWARD }>(&[
                                &words(x),
                                &[w as u32 - 1, scene_w as u32, b as u32, scene_b as u32],
                                &words(out),
                                &[maybe(scene), activation(op.activation)],
                                &self.dropout(op.dropout.as_ref(), group),
                            ]));
                        }
                    }
                }
                Op::Gate(op) => {
                    for gate in 0..op.reads.len() {
                        let (x, out) = (self.slots.place(op.input, op.reads[gate]), self.slots.place(op.out, gate));
                        columns = columns.max(out.width);
                        jobs.push(joined::<{ linear::FORWARD }>(&[
                            &words(x),
                            &[self.gate_matrix(op, gate) as u32, 0, 0, 0],
                            &words(out),
                            &[0, linear::IDENTITY],
                            &[0; 4],
                        ]));
                    }
                }
                Op::Embed(_) | Op::Norm(_) | Op::Mix(_) | Op::Add(_) | Op::Concat(_) | Op::Predict(_) | Op::Loss(_) => {
                }
            }
        }
        self.jobs.list(&jobs, columns)
    }

    /// `None` for weights that all scenes share, else each scene.
    fn scenes_of(&self, op: &Linear) -> Vec<Option<usize>> {
        match op.weights {
            LinearWeights::Shared { .. } => vec![None],
            LinearWeights::PerScene { .. } | LinearWeights::Star { .. } => {
                (0..self.plan.schema.scenes.len()).map(Some).collect()
            }
        }
    }

    /// One more than where a group's W, `W_scene`, b and `b_scene` start; 0 for what there is none of.
    fn parameters(&self, op: &Linear, group: usize, scene: Option<usize>) -> [usize; 4] {
        let width = self.slots.place(op.out, group).width as usize;
        let len = self.slots.place(op.input, 0).width as usize * width;
        let (groups, scene) = (op.reads.len(), scene.unwrap_or(0));
        let of = |param: ParamId, len: usize| self.offset(param) + group * len + 1;
        let of_scene = |param: ParamId, len: usize| self.offset(param) + (scene * groups + group) * len + 1;
        match op.weights {
            LinearWeights::Shared { w, b } => [of(w, len), 0, b.map_or(0, |b| of(b, width)), 0],
            LinearWeights::PerScene { w, b } => [of_scene(w, len), 0, b.map_or(0, |b| of_scene(b, width)), 0],
            LinearWeights::Star { w, b, scene_w, scene_b } => {
                [of(w, len), of_scene(scene_w, len), of(b, width), of_scene(scene_b, width)]
            }
        }
    }

    fn gate_matrix(&self, op: &Gate, gate: usize) -> usize {
        let len = self.slots.place(op.input, 0).width as usize * self.slots.place(op.out, 0).width as usize;
        self.offset(op.w) + gate * len
    }

    fn gates(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (_, op) in ops {
            let Op::Gate(op) = op else { continue };
            for gate in 0..op.reads.len() {
                let place = self.slots.place(op.out, gate);
                let experts = place.width as usize;
                let mask = op.mask[gate * experts..(gate + 1) * experts].iter().map(|&may| u32::from(may));
                let mask = self.jobs.push(mask);
                jobs.push(joined::<{ gate::JOB }>(&[&words(place), &[mask, op.temperature.to_bits()]]));
            }
        }
        self.jobs.list(&jobs, 1)
    }

    fn mix_job(&mut self, op: &Mix) -> [u32; mix::FORWARD] {
        let (x, out) = (self.slots.place(op.input, 0), self.slots.place(op.out, 0));
        let weights = match &op.weights {
            MixWeights::Slot(gate) => [self.slots.whole(*gate).at, self.slots.whole(*gate).stride],
            MixWeights::Fixed(weights) => [self.jobs.push(weights.iter().map(|weight| weight.to_bits())), 0],
        };
        let experts = self.slots.groups(op.input) as u32;
        let mixtures = self.slots.groups(op.out) as u32;
        joined(&[&words(x), &[experts, out.at, out.stride, mixtures], &weights])
    }

    fn mixes(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let mut columns = 0;
        for (_, op) in ops {
            let Op::Mix(op) = op else { continue };
            jobs.push(self.mix_job(op));
            columns = columns.max(self.slots.whole(op.out).width);
        }
        self.jobs.list(&jobs, columns)
    }

    /// Each output of a sum or a concatenation, with what is added up for it.
    fn summed(&self, op: &Op) -> Vec<(Place, Vec<Place>)> {
        match op {
            Op::Add(op) => {
                vec![(self.slots.whole(op.out), op.inputs.iter().map(|&input| self.slots.whole(input)).collect())]
            }
            Op::Concat(op) => self.concatenated(op.out, &op.inputs).map(|(to, _, from)| (to, vec![from])).collect(),
            Op::Embed(_) | Op::Linear(_) | Op::Norm(_) | Op::Gate(_) | Op::Mix(_) | Op::Predict(_) | Op::Loss(_) => {
                vec![]
            }
        }
    }

    /// Where each group of each input goes: (part of the output, group, place).
    fn concatenated(&self, out: SlotId, inputs: &[SlotId]) -> impl Iterator<Item = (Place, Group, Place)> {
        let mut offset = 0;
        let mut parts = vec![];
        for &input in inputs {
            for (slot, group) in self.groups_of(input) {
                let (to, from) = (self.slots.place(out, group), self.slots.place(slot, group));
                parts.push((Place { at: to.at + offset, width: from.width, ..to }, (slot, group), from));
            }
            offset += self.slots.place(input, 0).width;
        }
        parts.into_iter()
    }

    fn sum_job(&mut self, to: Place, adds: bool, terms: &[Place]) -> [u32; sum::JOB] {
        let first = self.jobs.push(terms.iter().flat_map(|term| [term.at, term.stride]));
        joined(&[&words(to), &[u32::from(adds), first, terms.len() as u32]])
    }

    fn sums(&mut self, ops: &[(usize, &Op)]) -> List {
        let summed: Vec<_> = ops.iter().flat_map(|(_, op)| self.summed(op)).collect();
        let jobs: Vec<_> = summed.iter().map(|(to, terms)| self.sum_job(*to, false, terms)).collect();
        self.jobs.list(&jobs, most_columns(summed.iter().map(|(to, _)| *to)))
    }

    /// (index among the ops, op) of norms over rows.
    fn over_rows<'b>(ops: &[(usize, &'b Op)]) -> Vec<(usize, &'b Norm)> {
        let norm = |&(number, op): &(usize, &'b Op)| match op {
            Op::Norm(norm) if norm.kind != NormKind::Layer => Some((number, norm)),
            _ => None,
        };
        ops.iter().filter_map(norm).collect()
    }

    /// For each set of rows that a norm takes statistics of: the scene, and where those start.
    fn sets(&self, number: usize, op: &Norm) -> Vec<(Option<usize>, usize)> {
        let len = self.slots.whole(op.out).width as usize * norm::KEPT;
        let first = self.statistics[number];
        match op.kind {
            NormKind::Layer => vec![],
            NormKind::Batch { .. } => vec![(None, first)],
            NormKind::Scene { .. } => {
                (0..self.plan.schema.scenes.len()).map(|scene| (Some(scene), first + scene * len)).collect()
            }
        }
    }

    fn statistics(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let norms = Self::over_rows(ops);
        for (number, op) in &norms {
            let x = self.slots.whole(op.input);
            let (NormKind::Batch { mean, variance, momentum } | NormKind::Scene { mean, variance, momentum, .. }) =
                op.kind
            else {
                continue;
            };
            for (scene, at) in self.sets(*number, op) {
                let own = |state: usize| self.states[state] + scene.unwrap_or(0) * x.width as usize;
                jobs.push(joined::<{ norm::STATISTICS }>(&[
                    &words(x),
                    &[maybe(scene), at as u32, own(mean.0) as u32, own(variance.0) as u32],
                    &[momentum.to_bits(), op.eps.to_bits()],
                ]));
            }
        }
        self.jobs.list(&jobs, most_columns(norms.iter().map(|(_, op)| self.slots.whole(op.out))))
    }

    /// One more than where the first scene's own scale starts, or 0, and where its shift does.
    fn of_scenes(&self, op: &Norm) -> [usize; 2] {
        match op.kind {
            NormKind::Layer | NormKind::Batch { .. } => [0, 0],
            NormKind::Scene { scene_gamma, scene_beta, .. } => [self.offset(scene_gamma) + 1, self.offset(scene_beta)],
        }
    }

    fn norm_rows_job(&self, number: usize, op: &Norm) -> [u32; norm::ROWS] {
        let [scene_gamma, scene_beta] = self.of_scenes(op);
        let parameters =
            [self.offset(op.gamma), self.offset(op.beta), scene_gamma, scene_beta, self.statistics[number]];
        let out = self.slots.whole(op.out).at;
        joined(&[&words(self.slots.whole(op.input)), &[out], &parameters.map(|at| at as u32)])
    }

    fn norms_over_rows(&mut self, ops: &[(usize, &Op)]) -> List {
        let norms = Self::over_rows(ops);
        let jobs: Vec<_> = norms.iter().map(|(number, op)| self.norm_rows_job(*number, op)).collect();
        self.jobs.list(&jobs, most_columns(norms.iter().map(|(_, op)| self.slots.whole(op.out))))
    }

    /// A job for each group of norms over the width, with the group of the input.
    fn width_jobs(&self, ops: &[(usize, &Op)]) -> Vec<([u32; norm::WIDTH], Group)> {
        let mut jobs = vec![];
        for (number, op) in ops {
            let (Op::Norm(op), Some(kept)) = (op, self.kept[*number]) else { continue };
            let kept = self.slots.whole(kept);
            for (slot, group) in self.groups_of(op.input) {
                let (x, out) = (self.slots.place(slot, group), self.slots.place(op.out, group));
                let own = |param: ParamId| (self.offset(param) + group * x.width as usize) as u32;
                let job = joined(&[
                    &words(x),
                    &[out.at, own(op.gamma), own(op.beta), kept.at, kept.stride, op.eps.to_bits(), group as u32],
                ]);
                jobs.push((job, (slot, group)));
            }
        }
        jobs
    }

    fn norms_over_width(&mut self, ops: &[(usize, &Op)]) -> List {
        let jobs: Vec<_> = self.width_jobs(ops).into_iter().map(|(job, _)| job).collect();
        self.jobs.list(&jobs, jobs.iter().map(|job| job[2]).max().unwrap_or(0))
    }

    fn factors(&mut self, factors: &[Factor]) -> [u32; 2] {
        let places: Vec<Place> = factors.iter().map(|factor| self.slots.place(factor.slot, factor.group)).collect();
        let first = self.jobs.push(places.iter().flat_map(|place| [place.at, place.stride]));
        [first, factors.len() as u32]
    }

    fn predict_job(&mut self, link: &Link, out: SlotId) -> [u32; predict::FORWARD] {
        let kind = match link {
            Link::Identity(_) => predict::IDENTITY,
            Link::Sigmoid(_) | Link::SigmoidProduct(_) => predict::SIGMOIDS,
            Link::Softmax(_) => predict::SOFTMAX,
        };
        let factors = self.factors(link.factors());
        joined(&[&[kind], &words(self.slots.whole(out)), &factors])
    }

    /// All predictions, or those alone that another op reads.
    fn predictions(&mut self, ops: &[(usize, &Op)], only_read: bool) -> List {
        let mut jobs = vec![];
        for (_, op) in ops {
            let Op::Predict(op) = op else { continue };
            if !only_read || self.is_read(op.out) {
                jobs.push(self.predict_job(&op.link, op.out));
            }
        }
        self.jobs.list(&jobs, 1)
    }

    /// The words of an objective: kind, task, factors (first, number).
    fn objective(&mut self, op: &Loss) -> [u32; loss::VALUE] {
        let plan = self.plan;
        let kind = match op.kind {
            LossKind::BinaryCrossEntropy => loss::CROSS_ENTROPY,
            LossKind::Squared => loss::SQUARED,
            LossKind::SoftmaxCrossEntropy => loss::SOFTMAX_CROSS_ENTROPY,
        };
        let factors = plan.loss_factors(op);
        let places: Vec<Place> = factors.iter().map(|factor| self.slots.place(factor.slot, factor.group)).collect();
        let first = self.jobs.push(places.into_iter().flat_map(words));
        [kind, plan.objectives[op.objective].task as u32, first, factors.len() as u32]
    }

    /// All objectives, at the level of the last.
    fn losses(&mut self, ops: &[(usize, &Op)]) -> List {
        let is_loss = |op: &Op| matches!(op, Op::Loss(_));
        let last = self.plan.ops.iter().rposition(is_loss);
        let levels = &self.levels;
        let latest = (0..levels.len()).filter(|&op| is_loss(&self.plan.ops[op])).max_by_key(|&op| (levels[op], op));
        if last.is_none() || !ops.iter().any(|(number, _)| Some(*number) == latest) {
            return List::default();
        }
        let mut losses = self.all_losses();
        losses.sort_by_key(|loss| loss.objective);
        let jobs: Vec<_> = losses.into_iter().map(|loss| self.objective(loss)).collect();
        self.jobs.list(&jobs, 1)
    }

    fn all_losses(&self) -> Vec<&'a Loss> {
        let plan = self.plan;
        plan.ops.iter().filter_map(|op| if let Op::Loss(loss) = op { Some(loss) } else { None }).collect()
    }

    /// Whether derivatives are added to those of a group, because some have been written before.
    fn adds(&mut self, (slot, group): Group) -> bool {
        !self.written.insert((slot.0, group))
    }

    fn backward(&mut self) -> Vec<Launch> {
        let mut launches = vec![];
        let mut add = |launch: fn(List) -> Launch, list: List| {
            if list.len > 0 {
                launches.push(launch(list));
            }
        };
        add(Launch::LossGradient, self.loss_gradients());
        for level in (0..=self.levels.iter().copied().max().unwrap_or(0)).rev() {
            let ops = self.ops_at(level);
            add(Launch::SumGradient, self.zeros(&ops));
            for wave in Self::waves(&ops, |op| matches!(op, Op::Predict(_))) {
                add(Launch::PredictGradient, self.predict_gradients(&wave));
            }
            add(Launch::SumGradient, self.sum_gradients(&ops));
            for wave in Self::waves(&ops, |op| matches!(op, Op::Mix(_))) {
                let (inputs, gates) = (self.mix_inputs(&wave), self.mix_gates(&wave));
                add(Launch::SumGradient, self.zeros_first());
                add(Launch::MixInput, inputs);
                add(Launch::MixGate, gates);
            }
            add(Launch::NormReduce, self.norm_reductions(&ops));
            for wave in Self::waves(&ops, |op| matches!(op, Op::Norm(_))) {
                let inputs = self.norm_rows_inputs(&wave);
                add(Launch::SumGradient, self.zeros_first());
                add(Launch::NormRowsInput, inputs);
                add(Launch::NormWidthInput, self.norm_width_inputs(&wave));
            }
            add(Launch::GateGradient, self.gates(&ops));
            add(Launch::Deactivate, self.deactivations(&ops));
            add(Launch::LinearInput, self.linear_inputs(&ops));
        }
        let all: Vec<_> = self.plan.ops.iter().enumerate().collect();
        add(Launch::LinearWeight, self.linear_weights(&all));
        add(Launch::LinearBias, self.linear_biases(&all));
        add(Launch::NormShared, self.norms_shared(&all));
        add(Launch::NormWidthGradient, self.norms_over_width(&all));
        launches
    }

    /// Ops that no two of which pass derivatives to the same slot.
    fn waves<'b>(ops: &[(usize, &'b Op)], wanted: impl Fn(&Op) -> bool) -> Vec<Vec<(usize, &'b Op)>> {
        type Wave<'b> = Vec<(usize, &'b Op)>;
        let mut waves: Vec<(BTreeSet<SlotId>, Wave<'b>)> = vec![];
        for &(number, op) in ops.iter().filter(|(_, op)| wanted(op)) {
            let inputs = op.inputs();
            let free = waves.iter_mut().find(|(taken, _)| inputs.iter().all(|input| !taken.contains(input)));
            match free {
                Some((taken, wave)) => {
                    taken.extend(inputs);
                    wave.push((number, op));
                }
                None => waves.push((inputs.into_iter().collect(), vec![(number, op)])),
            }
        }
        waves.into_iter().map(|(_, wave)| wave).collect()
    }

    /// Zeros for groups that nothing passes derivatives to.
    fn zeros(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut places = vec![];
        for (_, op) in ops {
            let Some(out) = op.out() else { continue };
            if matches!(op, Op::Predict(_)) && !self.is_read(out) {
                continue;
            }
            for group in self.groups_of(out) {
                if !self.adds(group) {
                    places.push(self.slots.place(group.0, group.1));
                }
            }
        }
        self.zero_list(&places)
    }

    /// The logits of all objectives, each with the objectives that read it.
    fn loss_gradients(&mut self) -> List {
        let mut terms: BTreeMap<(SlotId, usize), Vec<u32>> = BTreeMap::new();
        for op in self.all_losses() {
            let words = self.objective(op);
            for (number, factor) in self.plan.loss_factors(op).iter().enumerate() {
                let term = [&words[..], &[op.objective as u32, number as u32]].concat();
                terms.entry((factor.slot, factor.group)).or_default().extend(term);
            }
        }
        let mut jobs = vec![];
        for (group, terms) in terms {
            let number = (terms.len() / loss::TERM) as u32;
            let (adds, first) = (self.adds(group), self.jobs.push(terms));
            let place = self.slots.place(group.0, group.1);
            jobs.push(joined::<{ loss::GRADIENT }>(&[&words(place), &[u32::from(adds), first, number]]));
        }
        self.jobs.list(&jobs, 1)
    }

    fn predict_gradients(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (_, op) in ops {
            let Op::Predict(op) = op else { continue };
            if !self.is_read(op.out) {
                continue;
            }
            for (number, factor) in op.link.factors().iter().enumerate() {
                let adds = self.adds((factor.slot, factor.group));
                let job = self.predict_job(&op.link, op.out);
                jobs.push(joined::<{ predict::BACKWARD }>(&[&job, &[number as u32, u32::from(adds)]]));
            }
        }
        self.jobs.list(&jobs, 1)
    }

    fn sum_gradients(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut terms: BTreeMap<Group, Vec<Place>> = BTreeMap::new();
        for (_, op) in ops {
            match op {
                Op::Add(op) => {
                    for (slot, group) in op.inputs.iter().flat_map(|&input| self.groups_of(input)) {
                        terms.entry((slot, group)).or_default().push(self.slots.place(op.out, group));
                    }
                }
                Op::Concat(op) => {
                    for (to, group, _) in self.concatenated(op.out, &op.inputs) {
                        terms.entry(group).or_default().push(to);
                    }
                }
                Op::Embed(_)
                | Op::Linear(_)
                | Op::Norm(_)
                | Op::Gate(_)
                | Op::Mix(_)
                | Op::Predict(_)
                | Op::Loss(_) => {}
            }
        }
        let mut jobs = vec![];
        let mut columns = 0;
        for (group, terms) in terms.into_iter().filter(|((slot, _), _)| self.learns[slot.0]).collect::<Vec<_>>() {
            let place = self.slots.place(group.0, group.1);
            let adds = self.adds(group);
            columns = columns.max(place.width);
            jobs.push(self.sum_job(place, adds, &terms));
        }
        self.jobs.list(&jobs, columns)
    }

    /// Whether derivatives are added to those of all groups of a slot, because some of them have been written before;
    /// the others are then zeroed first.
    fn adds_to_all(&mut self, slot: SlotId) -> bool {
        let groups: Vec<Group> = self.groups_of(slot).collect();
        let (written, fresh): (Vec<Group>, Vec<Group>) = groups.into_iter().partition(|&group| self.adds(group));
        if !written.is_empty() {
            self.unwritten.extend(fresh);
        }
        !written.is_empty()
    }

    /// Zeros for what [`Compiler::adds_to_all`] found.
    fn zeros_first(&mut self) -> List {
        let places: Vec<Place> = std::mem::take(&mut self.unwritten)
            .into_iter()
            .map(|(slot, group)| self.slots.place(slot, group))
            .collect();
        self.zero_list(&places)
    }

    fn zero_list(&mut self, places: &[Place]) -> List {
        let jobs: Vec<_> = places.iter().map(|&place| self.sum_job(place, false, &[])).collect();
        self.jobs.list(&jobs, most_columns(places.iter().copied()))
    }

    fn mix_inputs(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let mut columns = 0;
        for (_, op) in ops {
            let Op::Mix(op) = op else { continue };
            if self.learns[op.input.0] {
                let job = self.mix_job(op);
                let adds = self.adds_to_all(op.input);
                jobs.push(joined::<{ mix::BACKWARD }>(&[&job, &[u32::from(adds)]]));
                columns = columns.max(self.slots.whole(op.input).width);
            }
        }
        self.jobs.list(&jobs, columns)
    }

    fn mix_gates(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let mut columns = 0;
        for (_, op) in ops {
            let Op::Mix(op) = op else { continue };
            let MixWeights::Slot(gate) = op.weights else { continue };
            let job = self.mix_job(op);
            let adds = self.adds_to_all(gate);
            jobs.push(joined::<{ mix::BACKWARD }>(&[&job, &[u32::from(adds)]]));
            columns = columns.max(self.slots.whole(gate).width);
        }
        self.jobs.list(&jobs, columns)
    }

    fn norm_reductions(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let norms = Self::over_rows(ops);
        for (number, op) in &norms {
            let (x, out) = (self.slots.whole(op.input), self.slots.whole(op.out));
            let [scene_gamma, scene_beta] = self.of_scenes(op);
            for (scene, at) in self.sets(*number, op) {
                let own = scene.unwrap_or(0) * x.width as usize;
                let scene_gamma = if scene_gamma == 0 { 0 } else { scene_gamma + own };
                jobs.push(joined::<{ norm::REDUCE }>(&[
                    &words(x),
                    &[out.at, maybe(scene), at as u32, self.offset(op.gamma) as u32],
                    &[scene_gamma as u32, (scene_beta + own) as u32],
                ]));
            }
        }
        self.jobs.list(&jobs, most_columns(norms.iter().map(|(_, op)| self.slots.whole(op.out))))
    }

    fn norm_rows_inputs(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let mut columns = 0;
        for (number, op) in Self::over_rows(ops) {
            if self.learns[op.input.0] {
                let adds = self.adds_to_all(op.input);
                let job = self.norm_rows_job(number, op);
                jobs.push(joined::<{ norm::INPUT_ROWS }>(&[&job, &[u32::from(adds)]]));
                columns = columns.max(job[2]);
            }
        }
        self.jobs.list(&jobs, columns)
    }

    fn norm_width_inputs(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (job, group) in self.width_jobs(ops) {
            if self.learns[group.0.0] {
                let adds = self.adds(group);
                jobs.push(joined::<{ norm::INPUT_WIDTH }>(&[&job, &[u32::from(adds)]]));
            }
        }
        self.jobs.list(&jobs, 1)
    }

    fn norms_shared(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (number, op) in Self::over_rows(ops) {
            let columns = self.slots.whole(op.out).width;
            let parts = [self.offset(op.gamma), self.offset(op.beta), self.of_scenes(op)[0], self.statistics[number]];
            let sets = self.sets(number, op).len() as u32;
            jobs.push(joined::<{ norm::SHARED }>(&[&[columns], &parts.map(|at| at as u32), &[sets]]));
        }
        self.jobs.list(&jobs, jobs.iter().map(|job| job[0]).max().unwrap_or(0))
    }

    fn deactivations(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let mut columns = 0;
        for (_, op) in ops {
            let Op::Linear(op) = op else { continue };
            if op.activation == Activation::Identity && op.dropout.is_none() {
                continue;
            }
            for (slot, group) in self.groups_of(op.out) {
                let place = self.slots.place(slot, group);
                let dropout = self.dropout(op.dropout.as_ref(), group);
                columns = columns.max(place.width);
                jobs.push(joined::<{ linear::DEACTIVATE }>(&[&words(place), &[activation(op.activation)], &dropout]));
            }
        }
        self.jobs.list(&jobs, columns)
    }

    /// For each group that layers and gates read: their terms, apart for each scene where one has weights of its own.
    fn linear_inputs(&mut self, ops: &[(usize, &Op)]) -> List {
        /// A layer's or a gate's group.
        enum Reader<'b> {
            Layer(&'b Linear, usize),
            Gate(&'b Gate, usize),
        }
        let mut readers: BTreeMap<Group, Vec<Reader<'_>>> = BTreeMap::new();
        for (_, op) in ops {
            match op {
                Op::Linear(op) => {
                    for (group, &read) in op.reads.iter().enumerate() {
                        readers.entry((op.input, read)).or_default().push(Reader::Layer(op, group));
                    }
                }
                Op::Gate(op) => {
                    for (gate, &read) in op.reads.iter().enumerate() {
                        readers.entry((op.input, read)).or_default().push(Reader::Gate(op, gate));
                    }
                }
                Op::Embed(_) | Op::Norm(_) | Op::Mix(_) | Op::Add(_) | Op::Concat(_) | Op::Predict(_) | Op::Loss(_) => {
                }
            }
        }
        readers.retain(|(slot, _), _| self.learns[slot.0]);
        let mut jobs = vec![];
        let mut columns = 0;
        for (group, readers) in readers {
            let by_scene = readers.iter().any(|reader| match reader {
                Reader::Layer(op, _) => self.scenes_of(op).len() > 1 || self.scenes_of(op)[0].is_some(),
                Reader::Gate(..) => false,
            });
            let scenes: Vec<Option<usize>> =
                if by_scene { (0..self.plan.schema.scenes.len()).map(Some).collect() } else { vec![None] };
            let (x, adds) = (self.slots.place(group.0, group.1), self.adds(group));
            columns = columns.max(x.width);
            for scene in scenes {
                let mut terms = vec![];
                for reader in &readers {
                    let (out, w, scene_w) = match reader {
                        Reader::Layer(op, group) => {
                            let [w, scene_w, _, _] = self.parameters(op, *group, scene);
                            (self.slots.place(op.out, *group), w - 1, scene_w)
                        }
                        Reader::Gate(op, gate) => (self.slots.place(op.out, *gate), self.gate_matrix(op, *gate), 0),
                    };
                    terms.push(joined::<{ linear::TERM }>(&[&words(out), &[w as u32, scene_w as u32]]));
                }
                let first = self.jobs.push(terms.iter().flatten().copied());
                let rest = [maybe(scene), u32::from(adds), first, terms.len() as u32];
                jobs.push(joined::<{ linear::INPUT }>(&[&words(x), &rest]));
            }
        }
        self.jobs.list(&jobs, columns)
    }

    fn linear_weights(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (_, op) in ops {
            match op {
                Op::Linear(op) => {
                    for group in 0..op.reads.len() {
                        let (x, out) = (self.slots.place(op.input, op.reads[group]), self.slots.place(op.out, group));
                        for (scene, star) in self.sums_of(op) {
                            let [w, scene_w, _, _] = self.parameters(op, group, scene);
                            let next = op.reads.len() * (x.width * out.width) as usize;
                            let own = if star > 0 { [scene_w - 1, next, star] } else { [0; 3] };
                            jobs.push(joined::<{ linear::WEIGHT }>(&[
                                &words(x),
                                &words(out),
                                &[w as u32 - 1, if star > 0 { 0 } else { maybe(scene) }],
                                &own.map(|word| word as u32),
                            ]));
                        }
                    }
                }
                Op::Gate(op) => {
                    for gate in 0..op.reads.len() {
                        let (x, out) = (self.slots.place(op.input, op.reads[gate]), self.slots.place(op.out, gate));
                        let rest = [self.gate_matrix(op, gate) as u32, 0, 0, 0, 0];
                        jobs.push(joined::<{ linear::WEIGHT }>(&[&words(x), &words(out), &rest]));
                    }
                }
                Op::Embed(_) | Op::Norm(_) | Op::Mix(_) | Op::Add(_) | Op::Concat(_) | Op::Predict(_) | Op::Loss(_) => {
                }
            }
        }
        let list = self.jobs.list(&jobs, jobs.iter().map(|job| job[5]).max().unwrap_or(0));
        List { rows: jobs.iter().map(|job| job[2]).max().unwrap_or(0), ..list }
    }

    /// The sums that a layer's gradients are: (scene, number of STAR's scenes that one job goes through).
    fn sums_of(&self, op: &Linear) -> Vec<(Option<usize>, usize)> {
        let scenes = self.plan.schema.scenes.len();
        match op.weights {
            LinearWeights::Shared { .. } => vec![(None, 0)],
            LinearWeights::PerScene { .. } => (0..scenes).map(|scene| (Some(scene), 0)).collect(),
            LinearWeights::Star { .. } => vec![(Some(0), scenes)],
        }
    }

    fn linear_biases(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        for (_, op) in ops {
            let Op::Linear(op) = op else { continue };
            for group in 0..op.reads.len() {
                let out = self.slots.place(op.out, group);
                for (scene, star) in self.sums_of(op) {
                    let [_, _, b, scene_b] = self.parameters(op, group, scene);
                    if b == 0 {
                        continue;
                    }
                    let own = if star > 0 { [scene_b - 1, op.reads.len() * out.width as usize, star] } else { [0; 3] };
                    jobs.push(joined::<{ linear::BIAS }>(&[
                        &words(out),
                        &[b as u32 - 1, if star > 0 { 0 } else { maybe(scene) }],
                        &own.map(|word| word as u32),
                    ]));
                }
            }
        }
        self.jobs.list(&jobs, jobs.iter().map(|job| job[2]).max().unwrap_or(0))
    }

    /// Words of all tables, and which fields are looked up in which.
    fn tables(&mut self) -> (u32, Vec<Vec<bool>>) {
        let (plan, fields) = (self.plan, self.plan.schema.fields.len());
        let mut uses: Vec<Vec<Vec<[u32; USE]>>> = vec![vec![vec![]; fields]; plan.tables.len()];
        for op in &plan.ops {
            let Op::Embed(op) = op else { continue };
            let place = self.slots.whole(op.out);
            for column in &op.columns {
                if let Source::Table { table, pool } = column.source {
                    let mean = u32::from(pool == Pool::Mean);
                    let at = place.at + column.offset as u32;
                    uses[table.0][column.field].push([at, place.stride, mean, self.header.field(column.field)]);
                }
            }
        }
        let mut words: Vec<[u32; TABLE]> = vec![];
        for (spec, uses) in plan.tables.iter().zip(&uses) {
            let mut of_fields = vec![];
            for uses in uses {
                of_fields.extend([self.jobs.push(uses.iter().flatten().copied()), uses.len() as u32]);
            }
            words.push([spec.dim as u32, self.jobs.push(of_fields)]);
        }
        let reads = uses.iter().map(|fields| fields.iter().map(|uses| !uses.is_empty()).collect()).collect();
        (self.jobs.push(words.into_iter().flatten()), reads)
    }
}

fn activation(activation: Activation) -> u32 {
    match activation {
        Activation::Identity => linear::IDENTITY,
        Activation::Relu => linear::RELU,
        Activation::Sigmoid => linear::SIGMOID,
        Activation::Tanh => linear::TANH,
    }
}
