//! A plan compiled for this engine: nodes ordered by stage, each slot's place in a tile, scratch laid out.
//!
//! A **stage** is what a tile can pass through alone. A normalisation over rows opens a new one, since it needs its
//! input of all rows.

use std::ops::Range;

use mmtl_plan::{
    Batch, Dropout, Factor as PlanFactor, FieldKind, Linear, LinearWeights, Link as PlanLink, MixWeights, Norm,
    NormKind, Op, ParamId, Plan, Pool, Purpose, SlotId, Source as PlanSource, Stream, padded,
};

use crate::layout::{Place, Tile};
use crate::node::{Factor, Input, Kind, Node};
use crate::ops::add::AddNode;
use crate::ops::by_id::{self, ById, SmallTable};
use crate::ops::concat::ConcatNode;
use crate::ops::dropout::DropoutNode;
use crate::ops::embed::{Column, EmbedNode, Source};
use crate::ops::gate::GateNode;
use crate::ops::linear::{LinearNode, Star, Weights};
use crate::ops::loss::LossNode;
use crate::ops::mix::{MixNode, Weights as MixedBy};
use crate::ops::norm::{NormNode, Over, OverRows};
use crate::ops::predict::{Link, PredictNode};
use crate::pass::Forward;

/// A compiled plan.
pub struct Model {
    /// All ops, ordered by stage.
    pub nodes: Vec<Node>,
    /// The nodes of each stage.
    pub stages: Vec<Range<usize>>,
    /// All nodes, cut into those that rows pass through together: a single one, or layers of experts, each of which
    /// passes through all layers before the next, so that it finds its rows in the cache.
    pub runs: Vec<Range<usize>>,
    /// Elements of one row in all slots.
    pub stride: usize,
    /// Elements of one row that outlive a training pass: derivatives of what was looked up.
    pub looked_up: usize,
    /// Elements of prepared weights.
    pub prepared_len: usize,
    /// Elements of scratch for gradients of STAR's effective weights, and for derivatives summed by id.
    pub scratch_len: usize,
    /// (scenes, columns) of each normalisation over rows.
    pub statistics: Vec<(usize, usize)>,
    /// The outputs.
    pub outputs: Seen,
    /// The gates, in the plan's order.
    pub gates: Seen,
    /// For each table and field of the schema: where its vectors go.
    pub uses: Vec<Vec<Vec<Use>>>,
    /// For each table: the ops that multiply its rows by id, and which of their small tables it is.
    pub by_id: Vec<Vec<(usize, usize)>>,
}

/// Slots that outlive an evaluation pass.
#[derive(Default)]
pub struct Seen {
    /// Each one's place in a tile, and among those of all of them.
    pub places: Vec<(Place, Place)>,
    /// Elements of one row in all of them.
    pub columns: usize,
}

impl Seen {
    fn of(places: impl IntoIterator<Item = Place>) -> Self {
        let mut seen = Self::default();
        for place in places {
            let kept = row_place(&mut seen.columns, place);
            seen.places.push((place, kept));
        }
        seen
    }
}

/// One place where a table's rows for a field go.
#[derive(Clone, Copy)]
pub struct Use {
    /// The slot's place among those of all lookups.
    pub place: Place,
    /// First element of a row.
    pub offset: usize,
    /// How several ids become one vector.
    pub pool: Pool,
    /// The node that looks up.
    pub node: usize,
    /// Whether all that reads it multiplies by id, so that no derivative arrives there.
    pub by_id: bool,
}

impl Model {
    /// Compiles a plan. `dropout` is the seed of dropout masks.
    pub fn of(plan: &Plan, dropout: u64) -> Self {
        let stages = stages(plan);
        let mut order: Vec<usize> = (0..plan.ops.len()).collect();
        order.sort_by_key(|&op| (stages[op], op));
        let last = stages.iter().max().map_or(0, |last| last + 1);
        let bound = |stage: usize| order.partition_point(|&op| stages[op] < stage);
        let mut compiler = Compiler {
            plan,
            dropout,
            slots: vec![None; plan.slots.len()],
            model: Self {
                nodes: vec![],
                stages: (0..last).map(|stage| bound(stage)..bound(stage + 1)).collect(),
                runs: vec![],
                stride: 0,
                looked_up: 0,
                prepared_len: 0,
                scratch_len: 0,
                statistics: vec![],
                outputs: Seen::default(),
                gates: Seen::default(),
                uses: vec![vec![vec![]; plan.schema.fields.len()]; plan.tables.len()],
                by_id: vec![vec![]; plan.tables.len()],
            },
        };
        for op in order {
            compiler.add(&plan.ops[op]);
        }
        let outputs = Seen::of(plan.outputs.iter().map(|output| compiler.input(output.slot).place));
        let gates = Seen::of(plan.gates().map(|gate| compiler.input(gate.out).place));
        let runs = runs(&compiler.model.nodes);
        mark_masks(&mut compiler.model.nodes, &runs);
        mark_by_id(&mut compiler.model);
        Self { runs, outputs, gates, ..compiler.model }
    }

    /// Elements of one row that outlive a pass, of whatever kind.
    pub fn kept(&self) -> usize {
        self.looked_up.max(self.outputs.columns).max(self.gates.columns)
    }

    /// The runs of nodes among `nodes`, which begin and end at runs' ends.
    pub fn runs_of(&self, nodes: &Range<usize>) -> &[Range<usize>] {
        let at = |node: usize| self.runs.partition_point(|run| run.start < node);
        &self.runs[at(nodes.start)..at(nodes.end)]
    }

    /// Passes a tile forward through nodes, run after run.
    pub fn forward(
        &self,
        nodes: &Range<usize>,
        pass: &Forward<'_>,
        tile: &Tile,
        values: &mut [f32],
        losses: &mut [f64],
    ) {
        for run in self.runs_of(nodes) {
            if run.len() == 1 {
                self.nodes[run.start].forward(pass, tile, values, losses);
            }
            for group in 0..self.experts(run) {
                self.layers(run).for_each(|(_, layer)| layer.forward(pass, tile, group, values));
            }
        }
    }

    /// The number of experts whose layers a run is; 0 for a single node.
    pub fn experts(&self, run: &Range<usize>) -> usize {
        if run.len() == 1 { 0 } else { self.nodes[run.start].out.map_or(0, |out| out.groups) }
    }

    /// The layers of a run's experts, with the nodes' numbers.
    pub fn layers(&self, run: &Range<usize>) -> impl DoubleEndedIterator<Item = (usize, &LinearNode)> {
        let linear = |number: usize| {
            if let Kind::Linear(linear) = &self.nodes[number].kind { Some((number, linear)) } else { None }
        };
        run.clone().filter_map(linear)
    }

    /// The objectives' nodes.
    pub fn losses(&self) -> impl Iterator<Item = &LossNode> {
        self.nodes.iter().filter_map(|node| if let Kind::Loss(loss) = &node.kind { Some(loss) } else { None })
    }

    /// Whether some row of the batch counts for objective `loss`.
    pub fn has_rows(loss: &LossNode, batch: &Batch) -> bool {
        batch.weights(loss.task).iter().any(|&w| w > 0.0)
    }
}

/// The slots an op reads; an objective reads its prediction's logits.
fn inputs(plan: &Plan, op: &Op) -> Vec<SlotId> {
    if let Op::Loss(loss) = op {
        plan.loss_factors(loss).iter().map(|factor| factor.slot).collect()
    } else {
        op.inputs()
    }
}

/// The stage of each op.
fn stages(plan: &Plan) -> Vec<usize> {
    let mut of_slot = vec![0; plan.slots.len()];
    let mut stages = vec![];
    for op in &plan.ops {
        let before = inputs(plan, op).iter().map(|slot| of_slot[slot.0]).max().unwrap_or(0);
        let waits = matches!(op, Op::Norm(Norm { kind: NormKind::Batch { .. } | NormKind::Scene { .. }, .. }));
        let stage = before + usize::from(waits);
        if let Some(SlotId(out)) = op.out() {
            of_slot[out] = stage;
        }
        stages.push(stage);
    }
    stages
}

/// Cuts nodes into runs.
fn runs(nodes: &[Node]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = vec![];
    for number in 0..nodes.len() {
        match runs.last_mut() {
            Some(run) if deepens(nodes, number) => run.end += 1,
            _ => runs.push(number..number + 1),
        }
    }
    runs
}

/// Marks the layers whose ReLU is passed back by the next.
fn mark_masks(nodes: &mut [Node], runs: &[Range<usize>]) {
    for number in runs.iter().flat_map(|run| run.clone().skip(1)) {
        if let [Node { kind: Kind::Linear(before), .. }, Node { kind: Kind::Linear(layer), .. }] =
            &mut nodes[number - 1..=number]
        {
            before.masked_by_next = before.ends_in_relu();
            layer.masks_input = before.masked_by_next;
        }
    }
}

/// Marks the places of lookups that are read by id alone.
fn mark_by_id(model: &mut Model) {
    let Model { nodes, uses, .. } = model;
    for (field, to) in uses.iter_mut().flat_map(|fields| fields.iter_mut().enumerate()) {
        for to in to {
            to.by_id = nodes[to.node].readers.iter().all(|&reader| match &nodes[reader].kind {
                Kind::Linear(linear) => {
                    linear.by_id.tables.iter().any(|small| (small.field, small.columns.start) == (field, to.offset))
                }
                Kind::Embed(_)
                | Kind::Norm(_)
                | Kind::Gate(_)
                | Kind::Mix(_)
                | Kind::Add(_)
                | Kind::Concat(_)
                | Kind::Predict(_)
                | Kind::Loss(_) => false,
            });
        }
    }
}

/// Whether each group of a node goes on from the same one of the node before, which nothing else reads.
fn deepens(nodes: &[Node], number: usize) -> bool {
    let Kind::Linear(layer) = &nodes[number].kind else { return false };
    let straight = layer.reads.iter().copied().eq(0..layer.input.place.groups);
    let before = number.checked_sub(1).filter(|&before| before == layer.input.node);
    before.is_some_and(|before| {
        straight && matches!(nodes[before].kind, Kind::Linear(_)) && nodes[before].readers == [number]
    })
}

struct Compiler<'a> {
    plan: &'a Plan,
    dropout: u64,
    slots: Vec<Option<Input>>,
    model: Model,
}

impl Compiler<'_> {
    fn add(&mut self, op: &Op) {
        let number = self.model.nodes.len();
        let out = op.out().map(|slot| {
            let shape = self.plan.slot(slot);
            let place = self.claim(shape.groups, shape.width);
            self.slots[slot.0] = Some(Input { place, node: number });
            place
        });
        let inputs: Vec<usize> = inputs(self.plan, op).iter().map(|&slot| self.input(slot).node).collect();
        let own = !op.params().is_empty() || !op.tables().is_empty();
        let learns = own || inputs.iter().any(|&input| self.model.nodes[input].learns);
        for &input in &inputs {
            self.model.nodes[input].readers.push(number);
        }
        let kind = self.compile(op, number);
        self.model.nodes.push(Node { kind, name: op.name().to_owned(), out, inputs, readers: vec![], learns });
    }

    fn compile(&mut self, op: &Op, number: usize) -> Kind {
        match op {
            Op::Embed(op) => {
                let out = self.input(op.out).place;
                let kept = row_place(&mut self.model.looked_up, out);
                let numeric_columns = self.plan.schema.numeric_columns();
                let columns = op.columns.iter().map(|column| {
                    let source = match column.source {
                        PlanSource::Table { table, pool } => {
                            let to = Use { place: kept, offset: column.offset, pool, node: number, by_id: false };
                            self.model.uses[table.0][column.field].push(to);
                            Source::Table { table: table.0, pool }
                        }
                        PlanSource::Numeric { column } => Source::Numeric { column },
                    };
                    Column { offset: column.offset, width: column.width, field: column.field, source }
                });
                let columns = columns.collect();
                Kind::Embed(EmbedNode {
                    out,
                    kept,
                    columns,
                    numeric_columns,
                    dropout: self.dropout(op.dropout.as_ref()),
                })
            }
            Op::Linear(op) => Kind::Linear(self.linear(op, number)),
            Op::Norm(op) => Kind::Norm(self.norm(op)),
            Op::Gate(op) => {
                let (input, out) = (self.input(op.input), self.input(op.out).place);
                let transposed = self.prepare(out.columns() * input.place.width);
                let w = self.offset(op.w);
                let (reads, mask) = (op.reads.clone(), op.mask.clone());
                Kind::Gate(GateNode { input, out, reads, w, transposed, mask, temperature: op.temperature })
            }
            Op::Mix(op) => {
                let weights = match &op.weights {
                    MixWeights::Slot(gate) => MixedBy::Slot(self.input(*gate)),
                    MixWeights::Fixed(weights) => MixedBy::Fixed(weights.clone()),
                    MixWeights::Param(w) => MixedBy::Shared(self.offset(*w)),
                };
                Kind::Mix(MixNode { input: self.input(op.input), out: self.input(op.out).place, weights })
            }
            Op::Add(op) => Kind::Add(AddNode { inputs: self.inputs(&op.inputs), out: self.input(op.out).place }),
            Op::Concat(op) => {
                Kind::Concat(ConcatNode { inputs: self.inputs(&op.inputs), out: self.input(op.out).place })
            }
            Op::Predict(op) => {
                let link = match &op.link {
                    PlanLink::Identity(factor) => Link::Identity(self.factor(factor)),
                    PlanLink::Sigmoid(factor) => Link::Sigmoid(self.factor(factor)),
                    PlanLink::Softmax(factor) => Link::Softmax(self.factor(factor)),
                    PlanLink::SigmoidProduct(factors) => {
                        Link::SigmoidProduct(factors.iter().map(|factor| self.factor(factor)).collect())
                    }
                };
                Kind::Predict(PredictNode { link, out: self.input(op.out).place })
            }
            Op::Loss(op) => {
                let factors: Vec<Factor> = self.plan.loss_factors(op).iter().map(|f| self.factor(f)).collect();
                let saved = self.claim(1, factors.iter().map(|f| f.place.width).sum());
                let task = self.plan.objectives[op.objective].task;
                let (objective, kind, reduction, smoothing) = (op.objective, op.kind, op.reduction, op.smoothing);
                Kind::Loss(LossNode { objective, task, kind, reduction, smoothing, factors, saved })
            }
        }
    }

    fn dropout(&self, dropout: Option<&Dropout>) -> Option<DropoutNode> {
        let stream = |name: &String| Stream::new(self.dropout, Purpose::Dropout, name);
        dropout.map(|dropout| DropoutNode {
            streams: dropout.streams.iter().map(stream).collect(),
            threshold: dropout.threshold(),
            scale: dropout.scale(),
        })
    }

    fn linear(&mut self, op: &Linear, number: usize) -> LinearNode {
        let (input, out) = (self.input(op.input), self.input(op.out).place);
        let scenes = self.plan.schema.scenes.len();
        let (matrices, biases) = (out.columns() * input.place.width, out.columns());
        let optional = |b: Option<ParamId>| b.map(|b| self.offset(b));
        let weights = match op.weights {
            LinearWeights::Shared { w, b } => Weights::Shared { w: self.offset(w), b: optional(b) },
            LinearWeights::PerScene { w, b } => Weights::PerScene { w: self.offset(w), b: optional(b) },
            LinearWeights::Star { w, b, scene_w, scene_b } => Weights::Star(Star {
                w: self.offset(w),
                b: self.offset(b),
                scene_w: self.offset(scene_w),
                scene_b: self.offset(scene_b),
                effective_w: self.prepare(scenes * matrices),
                effective_b: self.prepare(scenes * biases),
                gradient_w: take(&mut self.model.scratch_len, scenes * matrices),
                gradient_b: take(&mut self.model.scratch_len, scenes * biases),
            }),
        };
        let copies = if matches!(weights, Weights::Shared { .. }) { 1 } else { scenes };
        let transposed = self.prepare(copies * matrices);
        let dropout = self.dropout(op.dropout.as_ref());
        let (reads, activation) = (op.reads.clone(), op.activation);
        let by_id = self.by_id(input, out, weights, number);
        LinearNode {
            input,
            out,
            reads,
            weights,
            by_id,
            transposed,
            scenes,
            activation,
            dropout,
            masks_input: false,
            masked_by_next: false,
        }
    }

    /// Which columns of what an op reads it multiplies by id.
    fn by_id(&mut self, input: Input, out: Place, weights: Weights, number: usize) -> ById {
        let wide = input.place.width;
        let (Kind::Embed(embed), Weights::Shared { .. }) = (&self.model.nodes[input.node].kind, weights) else {
            return ById::new([], wide, 0);
        };
        let small = |column: &Column| {
            let Source::Table { table, .. } = column.source else { return None };
            let rows = self.plan.tables[table].rows;
            let one_id = matches!(self.plan.schema.fields[column.field].kind, FieldKind::Categorical { .. });
            let columns = column.offset..column.offset + column.width;
            (one_id && by_id::pays(rows, column.width, out.width)).then_some((column.field, table, rows, columns))
        };
        // What dropout leaves of a row of a table differs from one row of the batch to the next.
        let whole = embed.dropout.is_none() && input.place.groups == 1;
        let mut by_id = ById::new(embed.columns.iter().filter(|_| whole).filter_map(small), wide, out.columns());
        for (small, SmallTable { table, .. }) in by_id.tables.iter().enumerate() {
            self.model.by_id[*table].push((number, small));
        }
        let len = out.groups * by_id.group_len(out.width);
        (by_id.products, by_id.sums) = (self.prepare(len), take(&mut self.model.scratch_len, len));
        by_id
    }

    fn norm(&mut self, op: &Norm) -> NormNode {
        let (input, out) = (self.input(op.input), self.input(op.out).place);
        let over = match op.kind {
            NormKind::Layer => Over::Width { saved: self.claim(out.groups, 2) },
            NormKind::Batch { mean, variance, momentum } => {
                let statistics = self.statistics(1, out.columns());
                Over::Rows(OverRows { statistics, mean: mean.0, variance: variance.0, momentum, scene: None })
            }
            NormKind::Scene { mean, variance, momentum, scene_gamma, scene_beta } => {
                let statistics = self.statistics(self.plan.schema.scenes.len(), out.columns());
                let scene = Some((self.offset(scene_gamma), self.offset(scene_beta)));
                Over::Rows(OverRows { statistics, mean: mean.0, variance: variance.0, momentum, scene })
            }
        };
        let scenes = self.plan.schema.scenes.len();
        let (gamma, beta) = (self.offset(op.gamma), self.offset(op.beta));
        NormNode { input, out, over, scenes, gamma, beta, eps: op.eps }
    }

    fn statistics(&mut self, scenes: usize, columns: usize) -> usize {
        self.model.statistics.push((scenes, columns));
        self.model.statistics.len() - 1
    }

    fn claim(&mut self, groups: usize, width: usize) -> Place {
        row_place(&mut self.model.stride, Place { at: 0, groups, width })
    }

    fn prepare(&mut self, len: usize) -> usize {
        take(&mut self.model.prepared_len, len)
    }

    fn offset(&self, param: ParamId) -> usize {
        self.plan.param(param).offset
    }

    fn input(&self, slot: SlotId) -> Input {
        self.slots[slot.0].expect("a plan's slots are written before they are read")
    }

    fn inputs(&self, slots: &[SlotId]) -> Vec<Input> {
        slots.iter().map(|&slot| self.input(slot)).collect()
    }

    fn factor(&self, factor: &PlanFactor) -> Factor {
        let input = self.input(factor.slot);
        Factor { place: input.place, group: factor.group, node: input.node }
    }
}

/// Claims a place of `like`'s shape at the end of rows that are `stride` long so far.
fn row_place(stride: &mut usize, like: Place) -> Place {
    let place = Place { at: *stride, ..like };
    *stride += place.stride();
    place
}

/// Claims `len` elements at the end of a buffer that is `total` long so far.
fn take(total: &mut usize, len: usize) -> usize {
    let start = *total;
    *total += padded(len);
    start
}

#[cfg(test)]
mod tests {
    use mmtl_plan::{Activation, Factor, Group, Init, LinearSpec, PlanBuilder, Reduction, WeightKind};
    use mmtl_reference::drawn::{self, SchemaSize};

    use super::*;

    /// What a layer of a kind multiplies by id, of scenes (3 rows), items, tags, users (twice as many) and numbers, and
    /// whether derivatives arrive at the items' place.
    fn multiplied(items: usize, width: usize, weights: WeightKind, dropout: f32, gate: bool) -> (Vec<usize>, bool) {
        let schema = drawn::schema(SchemaSize { items, ..SchemaSize::default() });
        let mut builder = PlanBuilder::new("small tables", &schema);
        let init = Init::Normal { deviation: 0.3 };
        let tables = [(0, "scene"), (1, "item"), (2, "user")];
        let tables = tables.map(|(v, name)| builder.table(name, v, 4, init).expect("names differ"));
        let fields: Vec<usize> = (0..schema.fields.len()).collect();
        let x = builder.embed_dropping("embed", &fields, Pool::Mean, dropout, |v| tables[v]).expect("fields exist");
        let groups = Group::broadcast(["one"]);
        let spec =
            LinearSpec { input: x, groups, width, activation: Activation::Relu, dropout: 0.0, weights, bias: true };
        let layer = builder.linear("layer", &spec).expect("shapes fit");
        if gate {
            builder.gate("gate", x, &spec.groups, 2, vec![true; 2], 1.0).expect("shapes fit");
        }
        for (task, of) in schema.tasks.iter().enumerate() {
            let spec =
                LinearSpec { input: layer, width: of.kind.width(), activation: Activation::Identity, ..spec.clone() };
            let slot = builder.linear(&of.name, &spec).expect("shapes fit");
            let predict = builder.predict(task, &[Factor { slot, group: 0 }]).expect("shapes fit");
            builder.loss(predict, Reduction::Own).expect("it predicts");
        }
        let model = Model::of(&builder.finish().expect("the plan is valid"), 1);
        let layer = model.nodes.iter().find(|node| node.name == "layer").expect("it is there");
        let Kind::Linear(linear) = &layer.kind else { panic!("it is linear") };
        (linear.by_id.tables.iter().map(|small| small.field).collect(), !model.uses[1][1][0].by_id)
    }

    #[test]
    fn small_tables_of_one_id_a_row_are_multiplied_by_id() {
        use WeightKind::{PerScene, Shared, Star};
        assert_eq!(multiplied(7, 16, Shared, 0.0, false), (vec![0, 1, 3], false));
        assert_eq!(multiplied(64, 16, Shared, 0.0, true), (vec![0, 1, 3], true));
        assert_eq!(multiplied(65, 40, Shared, 0.0, false), (vec![0, 1], false), "users have 130 rows");
        assert_eq!(multiplied(129, 40, Shared, 0.0, false), (vec![0], true), "items have 129");
        for (width, weights, dropout) in [(15, Shared, 0.0), (16, PerScene, 0.0), (16, Star, 0.0), (16, Shared, 0.5)] {
            assert_eq!(multiplied(7, width, weights, dropout, false), (vec![], true), "{width} {weights:?} {dropout}");
        }
    }
}
