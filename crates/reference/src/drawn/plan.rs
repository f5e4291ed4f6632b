//! For each op and each of its variants, a small plan that runs it between a stem and heads.

use mmtl_plan::{
    Activation, Factor, FieldKind, Group, Init, LinearSpec, Plan, PlanBuilder, PlanError, Pool, Reduction, Schema,
    SlotId, TableId, WeightKind,
};

/// What a drawn plan runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PlanCase {
    /// Embeddings, pooled so.
    Embed(Pool),
    /// The same with dropout of this rate.
    EmbedDropping(Pool, f32),
    /// A linear layer.
    Linear {
        /// Whose matrices.
        weights: WeightKind,
        /// Its activation.
        activation: Activation,
        /// Whether it has a bias.
        bias: bool,
        /// Its dropout rate.
        dropout: f32,
    },
    /// Layer normalisation.
    LayerNorm,
    /// Batch normalisation.
    BatchNorm,
    /// Scene-partitioned normalisation.
    SceneNorm,
    /// A gate that mixes experts.
    Gate {
        /// Whether some experts are forbidden.
        masked: bool,
        /// Temperature.
        temperature: f32,
    },
    /// A mix by constants.
    Mix,
    /// A mix by a parameter, with a learning rate of its own.
    MixShared,
    /// Embeddings whose inner product is taken by a mix.
    Dot,
    /// A sum of slots, one of them twice.
    Add,
    /// Slots side by side.
    Concat,
    /// Predictions of every kind, read on by a further layer.
    Predict,
    /// Objectives of every kind.
    Loss(Reduction),
    /// The same of labels of which this share is spread over all classes, and a product of two probabilities.
    Smoothed(f32),
    /// A product of so many probabilities; as in ESMM, the first has a loss of its own.
    Product(usize),
}

/// How large a drawn plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanSize {
    /// Width of an embedding.
    pub dim: usize,
    /// Number of groups.
    pub groups: usize,
    /// Width of a group.
    pub width: usize,
}

impl PlanCase {
    /// Every op in every variant that has code of its own.
    pub fn all() -> Vec<(String, Self)> {
        let mut cases =
            vec![("embed sum".to_owned(), Self::Embed(Pool::Sum)), ("embed mean".to_owned(), Self::Embed(Pool::Mean))];
        for (whose, weights) in
            [("shared", WeightKind::Shared), ("per-scene", WeightKind::PerScene), ("star", WeightKind::Star)]
        {
            for (named, activation) in [
                ("identity", Activation::Identity),
                ("relu", Activation::Relu),
                ("sigmoid", Activation::Sigmoid),
                ("tanh", Activation::Tanh),
            ] {
                let case = Self::Linear { weights, activation, bias: true, dropout: 0.0 };
                cases.push((format!("linear {whose} {named}"), case));
            }
            let dropped = Self::Linear { weights, activation: Activation::Tanh, bias: true, dropout: 0.3 };
            cases.push((format!("linear {whose} dropout"), dropped));
            // STAR always has biases.
            if weights == WeightKind::Star {
                continue;
            }
            let bare = Self::Linear { weights, activation: Activation::Tanh, bias: false, dropout: 0.0 };
            cases.push((format!("linear {whose} without bias"), bare));
        }
        let others = [
            ("layer norm", Self::LayerNorm),
            ("batch norm", Self::BatchNorm),
            ("scene norm", Self::SceneNorm),
            ("gate", Self::Gate { masked: false, temperature: 1.0 }),
            ("gate masked", Self::Gate { masked: true, temperature: 0.5 }),
            ("mix", Self::Mix),
            ("mix shared", Self::MixShared),
            ("dot", Self::Dot),
            ("add", Self::Add),
            ("concat", Self::Concat),
            ("predict", Self::Predict),
            ("loss own", Self::Loss(Reduction::Own)),
            ("loss batch", Self::Loss(Reduction::Batch)),
            ("loss smoothed", Self::Smoothed(0.3)),
            ("product of 2", Self::Product(2)),
            ("product of 3", Self::Product(3)),
        ];
        cases.extend(others.map(|(name, case)| (name.to_owned(), case)));
        cases.push(("embed dropout".to_owned(), Self::EmbedDropping(Pool::Mean, 0.3)));
        cases
    }
}

/// The plan of `case`, called `name`, for a schema as [`super::schema`] draws them.
///
/// # Errors
/// When the schema lacks a task that `case` needs.
pub fn plan(name: &str, case: PlanCase, size: PlanSize, schema: &Schema) -> Result<Plan, PlanError> {
    let mut draft = Draft { builder: PlanBuilder::new(name, schema), size };
    let (pool, dropout) = match case {
        PlanCase::Embed(pool) => (pool, 0.0),
        PlanCase::EmbedDropping(pool, dropout) => (pool, dropout),
        _ => (Pool::Sum, 0.0),
    };
    let x = draft.embed(pool, dropout)?;
    match case {
        PlanCase::Embed(_) | PlanCase::EmbedDropping(..) => draft.two_heads(x)?,
        PlanCase::Linear { weights, activation, bias, dropout } => {
            let stem = draft.stem(x)?;
            let out = draft.linear_under_test(stem, weights, activation, bias, dropout)?;
            draft.two_heads(out)?;
        }
        PlanCase::LayerNorm | PlanCase::BatchNorm | PlanCase::SceneNorm => {
            let stem = draft.stem(x)?;
            let out = draft.norm_under_test(case, stem)?;
            draft.two_heads(out)?;
        }
        PlanCase::Gate { masked, temperature } => draft.gate_under_test(x, masked, temperature)?,
        PlanCase::Mix => {
            let stem = draft.stem(x)?;
            draft.two_heads(stem)?;
        }
        PlanCase::MixShared => {
            let stem = draft.stem(x)?;
            let names = ["first", "second", "third"].map(str::to_owned);
            let init = Init::Diagonal { on: 0.75, off: -0.25, rows: size.groups };
            let mixed = draft.builder.mix_shared("mix shared", stem, &names, init, 0.5)?;
            draft.two_heads(mixed)?;
        }
        PlanCase::Dot => draft.dot_under_test()?,
        PlanCase::Add => {
            let (stem, other) = (draft.stem(x)?, draft.layer("other", x, Activation::Tanh)?);
            let out = draft.builder.add("add", &[stem, other, stem])?;
            draft.two_heads(out)?;
        }
        PlanCase::Concat => {
            let (stem, other) = (draft.stem(x)?, draft.layer("other", x, Activation::Tanh)?);
            let out = draft.builder.concat("concat", &[other, stem, other])?;
            draft.two_heads(out)?;
        }
        PlanCase::Predict => draft.predict_under_test(x)?,
        PlanCase::Loss(reduction) => {
            let stem = draft.stem(x)?;
            draft.every_loss(stem, reduction)?;
        }
        PlanCase::Smoothed(_) => {
            let stem = draft.stem(x)?;
            draft.every_loss(stem, Reduction::Own)?;
            draft.product(stem, 2)?;
        }
        PlanCase::Product(factors) => {
            let stem = draft.stem(x)?;
            let logits = draft.product(stem, factors)?;
            let click = draft.builder.predict(draft.task("click")?, &logits[..1])?;
            draft.builder.loss(click, Reduction::Own)?;
        }
    }
    let plan = draft.builder.finish()?;
    Ok(if let PlanCase::Smoothed(share) = case { plan.with_smooth_labels(share) } else { plan })
}

struct Draft {
    builder: PlanBuilder,
    size: PlanSize,
}

impl Draft {
    /// Every field but the scene, each vocabulary with one table.
    fn embed(&mut self, pool: Pool, dropout: f32) -> Result<SlotId, PlanError> {
        let schema = self.builder.schema().clone();
        let init = Init::Normal { deviation: 0.5 };
        let tables: Vec<TableId> = (0..schema.vocabularies.len())
            .map(|v| self.builder.table(&schema.vocabularies[v].name, v, self.size.dim, init))
            .collect::<Result<_, _>>()?;
        let fields: Vec<usize> = (0..schema.fields.len()).filter(|&f| f != schema.scene_field).collect();
        self.builder.embed_dropping("embed", &fields, pool, dropout, |vocabulary| tables[vocabulary])
    }

    fn groups(&self, prefix: &str) -> Vec<String> {
        (0..self.size.groups).map(|g| format!("{prefix} {g}")).collect()
    }

    /// A smooth layer between the embedding and the op under test, so that the gradient of the op's input is seen.
    fn stem(&mut self, x: SlotId) -> Result<SlotId, PlanError> {
        self.layer("stem", x, Activation::Tanh)
    }

    fn layer(&mut self, name: &str, input: SlotId, activation: Activation) -> Result<SlotId, PlanError> {
        let groups = Group::broadcast(self.groups("group"));
        let (width, weights) = (self.size.width, WeightKind::Shared);
        self.builder.linear(name, &LinearSpec { input, groups, width, activation, dropout: 0.0, weights, bias: true })
    }

    /// Reads the stem's groups in reverse, and its first a second time.
    fn linear_under_test(
        &mut self,
        input: SlotId,
        weights: WeightKind,
        activation: Activation,
        bias: bool,
        dropout: f32,
    ) -> Result<SlotId, PlanError> {
        let last = self.size.groups - 1;
        let mut groups: Vec<Group> =
            self.groups("group").into_iter().enumerate().map(|(g, name)| Group { name, reads: last - g }).collect();
        groups.push(Group { name: "again".to_owned(), reads: 0 });
        let width = self.size.width + 1;
        self.builder.linear("linear", &LinearSpec { input, groups, width, activation, dropout, weights, bias })
    }

    fn norm_under_test(&mut self, case: PlanCase, input: SlotId) -> Result<SlotId, PlanError> {
        match case {
            PlanCase::BatchNorm => self.builder.batch_norm("norm", input, NORM_EPS, 0.1),
            PlanCase::SceneNorm => self.builder.scene_norm("norm", input, NORM_EPS, 0.1),
            PlanCase::LayerNorm
            | PlanCase::Embed(_)
            | PlanCase::EmbedDropping(..)
            | PlanCase::Linear { .. }
            | PlanCase::Gate { .. }
            | PlanCase::Mix
            | PlanCase::MixShared
            | PlanCase::Dot
            | PlanCase::Add
            | PlanCase::Concat
            | PlanCase::Predict
            | PlanCase::Loss(_)
            | PlanCase::Smoothed(_)
            | PlanCase::Product(_) => self.builder.layer_norm("norm", input, NORM_EPS),
        }
    }

    /// Experts mixed for both tasks; a masked gate forbids each task another expert, if it has several.
    fn gate_under_test(&mut self, x: SlotId, masked: bool, temperature: f32) -> Result<(), PlanError> {
        let experts = self.stem(x)?;
        let (n, tasks) = (self.size.groups, ["click", "rating"]);
        let forbidden = |t: usize, e: usize| masked && n > 1 && e % n == t % n;
        let mask = (0..tasks.len()).flat_map(|t| (0..n).map(move |e| !forbidden(t, e))).collect();
        let gate = self.builder.gate("gate", x, &Group::broadcast(tasks), n, mask, temperature)?;
        let mixed = self.builder.mix("mix", experts, gate)?;
        self.heads(mixed, &[("click", 0, Reduction::Own), ("rating", 1, Reduction::Batch)])
    }

    /// Inner products of a field's vector with several of another's, and the sum of both fields' biases.
    fn dot_under_test(&mut self) -> Result<(), PlanError> {
        let schema = self.builder.schema().clone();
        let categorical = |field: &usize| matches!(schema.fields[*field].kind, FieldKind::Categorical { .. });
        let fields: Vec<usize> =
            (0..schema.fields.len()).filter(|field| *field != schema.scene_field).filter(categorical).collect();
        let (one, other) = (fields[0], fields[fields.len() - 1]);
        let (dim, init) = (self.size.dim, Init::Normal { deviation: 0.5 });
        let of_field = |draft: &mut Self, field: usize, name: &str, dim| {
            let vocabulary = schema.fields[field].kind.vocabulary().unwrap_or(0);
            draft.builder.table(name, vocabulary, dim, init)
        };
        let (weights, input) = (of_field(self, one, "one", dim)?, of_field(self, other, "other", 2 * dim)?);
        let weights = self.builder.embed("weights", &[one], Pool::Sum, |_| weights)?;
        let input = self.builder.embed_groups("input", &[other], Pool::Sum, 0.0, dim, |_| input)?;
        let products = self.builder.mix("products", input, weights)?;
        let biases = [of_field(self, one, "bias of one", 2)?, of_field(self, other, "bias of other", 2)?];
        let bias_of_one = self.builder.embed("bias of the one", &[one], Pool::Sum, |_| biases[0])?;
        let bias_of_other = self.builder.embed("bias of the other", &[other], Pool::Sum, |_| biases[1])?;
        let sum = self.builder.add("sum", &[products, bias_of_one, bias_of_other])?;
        self.two_heads(sum)
    }

    /// A different constant mixture of the groups for each of two tasks.
    fn two_heads(&mut self, input: SlotId) -> Result<(), PlanError> {
        let (groups, _) = self.builder.shape(input);
        let weights = (0..2 * groups).map(|k| 1.0 - 0.25 * (k % 7) as f32).collect();
        let mixed = self.builder.mix_fixed("mix", input, weights)?;
        self.heads(mixed, &[("click", 0, Reduction::Own), ("rating", 1, Reduction::Batch)])
    }

    /// For each (task, group of `input`): logits, prediction, loss.
    fn heads(&mut self, input: SlotId, tasks: &[(&str, usize, Reduction)]) -> Result<(), PlanError> {
        for &(task, group, reduction) in tasks {
            let logits = self.logits(&format!("{task} head"), task, input, group)?;
            let predict = self.builder.predict(self.task(task)?, &[Factor { slot: logits, group: 0 }])?;
            self.builder.loss(predict, reduction)?;
        }
        Ok(())
    }

    fn logits(&mut self, name: &str, task: &str, input: SlotId, reads: usize) -> Result<SlotId, PlanError> {
        let width = self.builder.schema().tasks[self.task(task)?].kind.width();
        let groups = vec![Group { name: task.to_owned(), reads }];
        let activation = Activation::Identity;
        let weights = WeightKind::Shared;
        self.builder.linear(name, &LinearSpec { input, groups, width, activation, dropout: 0.0, weights, bias: true })
    }

    /// The prediction of the multiclass task and a product of two probabilities feed the rating's head.
    fn predict_under_test(&mut self, x: SlotId) -> Result<(), PlanError> {
        let stem = self.stem(x)?;
        let mut predictions = vec![];
        for task in ["colour", "ctcvr", "click"] {
            let mut factors = vec![];
            for k in 0..if task == "ctcvr" { 2 } else { 1 } {
                let slot = self.logits(&format!("{task} logits {k}"), task, stem, k % self.size.groups)?;
                factors.push(Factor { slot, group: 0 });
            }
            self.builder.predict(self.task(task)?, &factors)?;
            // A prediction is written right after the slot of its last factor.
            predictions.push(SlotId(factors.last().map_or(0, |f| f.slot.0 + 1)));
        }
        let scores = self.builder.concat("scores", &predictions)?;
        self.heads(scores, &[("rating", 0, Reduction::Own)])
    }

    fn every_loss(&mut self, stem: SlotId, reduction: Reduction) -> Result<(), PlanError> {
        let group = |t: usize| t % self.size.groups;
        let tasks = [("click", group(0), reduction), ("conversion", group(1), reduction)];
        let more = [("rating", group(2), reduction), ("colour", group(3), reduction)];
        self.heads(stem, &[tasks, more].concat())
    }

    /// The logits of a product of probabilities, which has a loss.
    fn product(&mut self, stem: SlotId, factors: usize) -> Result<Vec<Factor>, PlanError> {
        let mut logits = vec![];
        for k in 0..factors {
            let slot = self.logits(&format!("factor {k}"), "ctcvr", stem, k % self.size.groups)?;
            logits.push(Factor { slot, group: 0 });
        }
        let product = self.builder.predict(self.task("ctcvr")?, &logits)?;
        self.builder.loss(product, Reduction::Own)?;
        Ok(logits)
    }

    fn task(&self, name: &str) -> Result<usize, PlanError> {
        self.builder.schema().task(name).ok_or_else(|| PlanError::Shape {
            op: name.to_owned(),
            what: "task of the schema".to_owned(),
            expected: "present".to_owned(),
            got: "missing".to_owned(),
        })
    }
}

/// Larger than the usual 1e-5: with two rows a normalised value is ±1 whatever its input, and its gradient a
/// difference of nearly equal numbers, of which a smaller eps would leave no digit in `f32`.
const NORM_EPS: f32 = 1e-2;
