//! The plans of `tests/golden/autograd.py`.

use mmtl_plan::{
    Activation, Factor, Group, Init, LinearSpec, Plan, PlanBuilder, PlanError, Pool, Reduction, Schema, SlotId,
    TableId, WeightKind,
};

/// The rate of the dropout case.
pub const DROPOUT: f32 = 0.25;

/// The share of labels that the smoothed case spreads over all classes.
const SMOOTHING: f32 = 0.125;

/// PyTorch's default, as in the generator.
const EPS: f32 = 1e-5;
const MOMENTUM: f32 = 0.1;

pub fn build(name: &str, schema: &Schema) -> Result<Plan, PlanError> {
    let mut draft = Draft { builder: PlanBuilder::new(name, schema), item: None, user: None };
    match name {
        "shared-bottom" => draft.shared_bottom()?,
        "mmoe" => draft.mmoe()?,
        "star" => draft.star()?,
        "norms" => draft.norms()?,
        "product" => draft.product()?,
        "softmax" => draft.softmax()?,
        "bag" => draft.bag()?,
        "dropout" => draft.dropout()?,
        "stitch" => draft.stitch()?,
        "factorisation" => draft.factorisation()?,
        "smoothed" => {
            draft.smoothed()?;
            return Ok(draft.builder.finish()?.with_smooth_labels(SMOOTHING));
        }
        unknown => panic!("no plan is called {unknown}"),
    }
    draft.builder.finish()
}

struct Draft {
    builder: PlanBuilder,
    item: Option<TableId>,
    user: Option<TableId>,
}

/// Fields of the schema by name.
const ITEM: usize = 1;
const TAGS: usize = 2;
const USER: usize = 3;
const NUMBERS: [usize; 2] = [4, 5];

impl Draft {
    fn embed(&mut self, fields: &[usize], pool: Pool) -> Result<SlotId, PlanError> {
        let init = Init::Constant(0.0);
        self.item = Some(self.builder.table("item", 1, 3, init)?);
        if fields.contains(&USER) {
            self.user = Some(self.builder.table("user", 2, 3, init)?);
        }
        let (item, user) = (self.item, self.user);
        let fields = [fields, &NUMBERS].concat();
        let table = |vocabulary| if vocabulary == 1 { item } else { user };
        self.builder.embed("embed", &fields, pool, |vocabulary| table(vocabulary).expect("made above"))
    }

    fn linear(
        &mut self,
        name: &str,
        input: SlotId,
        groups: &[&str],
        width: usize,
        activation: Activation,
        weights: WeightKind,
    ) -> Result<SlotId, PlanError> {
        let groups = Group::broadcast(groups.iter().copied());
        self.builder.linear(name, &LinearSpec { input, groups, width, activation, dropout: 0.0, weights, bias: true })
    }

    fn head(&mut self, task: &str, input: SlotId, reads: usize, reduction: Reduction) -> Result<(), PlanError> {
        let index = self.builder.schema().task(task).expect("the schema has it");
        let width = self.builder.schema().tasks[index].kind.width();
        let groups = vec![Group { name: task.to_owned(), reads }];
        let (activation, weights) = (Activation::Identity, WeightKind::Shared);
        let spec = LinearSpec { input, groups, width, activation, dropout: 0.0, weights, bias: true };
        let slot = self.builder.linear(&format!("{task} head"), &spec)?;
        self.objective(task, &[Factor { slot, group: 0 }], reduction)
    }

    fn objective(&mut self, task: &str, factors: &[Factor], reduction: Reduction) -> Result<(), PlanError> {
        let index = self.builder.schema().task(task).expect("the schema has it");
        let predict = self.builder.predict(index, factors)?;
        self.builder.loss(predict, reduction)
    }

    fn shared_bottom(&mut self) -> Result<(), PlanError> {
        let x = self.embed(&[ITEM, USER], Pool::Sum)?;
        let trunk = self.linear("trunk", x, &["all"], 4, Activation::Relu, WeightKind::Shared)?;
        let towers = self.linear("towers", trunk, &["click", "rating"], 3, Activation::Tanh, WeightKind::Shared)?;
        self.head("click", towers, 0, Reduction::Own)?;
        self.head("rating", towers, 1, Reduction::Batch)
    }

    fn mmoe(&mut self) -> Result<(), PlanError> {
        let x = self.embed(&[ITEM, TAGS, USER], Pool::Sum)?;
        let experts = self.linear("experts", x, &["0", "1", "2"], 4, Activation::Relu, WeightKind::Shared)?;
        let mask = vec![true, true, false, true, true, true];
        let gate = self.builder.gate("gate", x, &Group::broadcast(["click", "rating"]), 3, mask, 0.5)?;
        let mixed = self.builder.mix("mix", experts, gate)?;
        self.head("click", mixed, 0, Reduction::Own)?;
        self.head("rating", mixed, 1, Reduction::Own)
    }

    fn star(&mut self) -> Result<(), PlanError> {
        let x = self.embed(&[ITEM, USER], Pool::Sum)?;
        let norm = self.builder.scene_norm("norm", x, EPS, MOMENTUM)?;
        let hidden = self.linear("hidden", norm, &["all"], 4, Activation::Relu, WeightKind::Star)?;
        let slot = self.linear("click head", hidden, &["click"], 1, Activation::Identity, WeightKind::PerScene)?;
        self.objective("click", &[Factor { slot, group: 0 }], Reduction::Own)
    }

    fn norms(&mut self) -> Result<(), PlanError> {
        let x = self.embed(&[ITEM, USER], Pool::Sum)?;
        let stem = self.linear("stem", x, &["all"], 4, Activation::Sigmoid, WeightKind::Shared)?;
        let batch = self.builder.batch_norm("batch", stem, EPS, MOMENTUM)?;
        let layer = self.builder.layer_norm("layer", stem, EPS)?;
        let sum = self.builder.add("sum", &[batch, stem])?;
        let both = self.builder.concat("both", &[sum, layer])?;
        self.head("rating", both, 0, Reduction::Own)
    }

    fn product(&mut self) -> Result<(), PlanError> {
        let x = self.embed(&[ITEM, USER], Pool::Sum)?;
        let groups = ["click", "conversion"];
        let slot = self.linear("towers", x, &groups, 1, Activation::Identity, WeightKind::Shared)?;
        let factors = [0, 1].map(|group| Factor { slot, group });
        self.objective("click", &factors[..1], Reduction::Own)?;
        self.objective("ctcvr", &factors, Reduction::Own)
    }

    fn softmax(&mut self) -> Result<(), PlanError> {
        let x = self.embed(&[ITEM], Pool::Sum)?;
        let hidden = self.linear("hidden", x, &["all"], 4, Activation::Tanh, WeightKind::Shared)?;
        self.head("colour", hidden, 0, Reduction::Own)
    }

    fn smoothed(&mut self) -> Result<(), PlanError> {
        let x = self.embed(&[ITEM], Pool::Sum)?;
        let hidden = self.linear("hidden", x, &["all"], 4, Activation::Tanh, WeightKind::Shared)?;
        for task in ["click", "colour", "rating"] {
            self.head(task, hidden, 0, Reduction::Own)?;
        }
        let groups = ["click", "conversion"];
        let slot = self.linear("factors", hidden, &groups, 1, Activation::Identity, WeightKind::Shared)?;
        self.objective("ctcvr", &[0, 1].map(|group| Factor { slot, group }), Reduction::Own)
    }

    fn bag(&mut self) -> Result<(), PlanError> {
        let x = self.embed(&[ITEM, TAGS], Pool::Mean)?;
        self.head("rating", x, 0, Reduction::Own)
    }

    fn stitch(&mut self) -> Result<(), PlanError> {
        let x = self.embed(&[ITEM, USER], Pool::Sum)?;
        let columns = self.linear("columns", x, &["a", "b"], 4, Activation::Relu, WeightKind::Shared)?;
        let names = ["a", "b", "c"].map(str::to_owned);
        let mixed = self.builder.mix_shared("stitch", columns, &names, Init::Constant(0.0), 1.0)?;
        self.head("click", mixed, 0, Reduction::Own)?;
        self.head("rating", mixed, 2, Reduction::Own)
    }

    fn factorisation(&mut self) -> Result<(), PlanError> {
        let mut table = |name, vocabulary, dim| self.builder.table(name, vocabulary, dim, Init::Constant(0.0));
        let (user, item, bias) = (table("user", 2, 3)?, table("item", 1, 3 * 3)?, table("bias", 1, 3)?);
        let user = self.builder.embed("user factors", &[USER], Pool::Sum, |_| user)?;
        let item = self.builder.embed_groups("item factors", &[ITEM], Pool::Sum, 0.0, 3, |_| item)?;
        let bias = self.builder.embed("item bias", &[ITEM], Pool::Sum, |_| bias)?;
        let product = self.builder.mix("product", item, user)?;
        let slot = self.builder.add("logits", &[product, bias])?;
        self.objective("colour", &[Factor { slot, group: 0 }], Reduction::Own)
    }

    fn dropout(&mut self) -> Result<(), PlanError> {
        let x = self.embed(&[ITEM, USER], Pool::Sum)?;
        let (activation, weights) = (Activation::Relu, WeightKind::Shared);
        let groups = Group::broadcast(["a", "b"]);
        let spec = LinearSpec { input: x, groups, width: 4, activation, dropout: DROPOUT, weights, bias: true };
        let hidden = self.builder.linear("hidden", &spec)?;
        let mixed = self.builder.mix_fixed("mix", hidden, vec![0.5, -0.25])?;
        self.head("click", mixed, 0, Reduction::Own)
    }
}
