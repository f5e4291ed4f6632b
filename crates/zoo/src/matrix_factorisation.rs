//! Matrix factorisation with biases, the collaborative-filtering baseline: a user, an item and nothing else.
//!
//! ```text
//!          rating
//!            |
//!            +                      r̂ = μₛ + b_u + b_i + q_iᵀ·p_u           eq. 4
//!          /   \
//!       q_iᵀp_u  Σ
//!       /   \    |
//!    p_u    q_i  b_u, b_i, μₛ       u, i: two categorical fields; s: the row's scene
//! ```
//!
//! Y. Koren, R. Bell and C. Volinsky, Matrix Factorization Techniques for Recommender Systems, IEEE Computer 42, 2009.
//! The mean μ is learned, one for each scene (of one scene: Koren's). Of a binary task r̂ is a logit, of a multiclass one
//! a vector of them: an item, and every bias, then has a part for each class. Each task is a fit of its own, with its own
//! tables; L2 regularisation (λ of eq. 5) is `train.decay_tables`, which decays μₛ, too. Of the knobs of every model those of the embedding
//! and `reduction` apply, for there is no hidden layer.

use std::cmp::Reverse;

use mmtl_plan::{
    Factor, FieldKind, Init, Kind, Knob, Plan, PlanBuilder, PlanError, Schema, Settings, SlotId, TableId, Value,
    nearest,
};

use crate::architecture::{Architecture, FitTasks, Protocol};
use crate::model::Model;
use crate::towers::{each_task_alone, objectives};

pub(crate) struct MatrixFactorisation;

impl Architecture for MatrixFactorisation {
    fn name(&self) -> &'static str {
        "matrix-factorisation"
    }

    fn title(&self) -> &'static str {
        "Matrix factorisation with biases"
    }

    fn source(&self) -> &'static str {
        "Y. Koren, R. Bell and C. Volinsky, Matrix Factorization Techniques for Recommender Systems, IEEE Computer 42, \
         2009, eq. 4"
    }

    fn knobs(&self) -> Vec<Knob> {
        vec![Knob {
            name: "fields",
            kind: Kind::Texts,
            default: Value::List(vec![]),
            doc: "The user's field and the item's, both categorical; empty for the two of the largest vocabularies.",
        }]
    }

    fn applies(&self, schema: &Schema, _: Protocol) -> Result<(), String> {
        match categorical(schema).len() {
            2.. => Ok(()),
            found => Err(format!(
                "matrix-factorisation needs 2 categorical fields beside the scene, `{}` has {found}",
                schema.name
            )),
        }
    }

    fn fits(&self, schema: &Schema) -> Vec<FitTasks> {
        each_task_alone(schema)
    }

    fn plan(&self, schema: &Schema, tasks: &[usize], model: &Settings, own: &Settings) -> Result<Plan, PlanError> {
        let model = Model::of(model);
        let mut builder = PlanBuilder::new(self.name(), schema);
        let fields = user_and_item(schema, &own.texts("fields"))?;
        let logits: Vec<Factor> =
            tasks.iter().map(|&task| logits(task, fields, &mut builder, &model)).collect::<Result<_, _>>()?;
        objectives(tasks, &logits, &mut builder, &model)?;
        builder.finish()
    }
}

/// The categorical fields but the scene.
fn categorical(schema: &Schema) -> Vec<usize> {
    let is_categorical = |field: &usize| matches!(schema.fields[*field].kind, FieldKind::Categorical { .. });
    (0..schema.fields.len()).filter(|field| *field != schema.scene_field).filter(is_categorical).collect()
}

/// The fields called `names`, or the two of the largest vocabularies, in the schema's order.
fn user_and_item(schema: &Schema, names: &[String]) -> Result<[usize; 2], PlanError> {
    let known = categorical(schema);
    let refused = |what: &str, expected: String, got: String| PlanError::Shape {
        op: "inputs".to_owned(),
        what: what.to_owned(),
        expected,
        got,
    };
    let name_of = |field: &usize| schema.fields[*field].name.as_str();
    let of_name = |name: &String| {
        known.iter().copied().find(|field| name_of(field) == name).ok_or_else(|| {
            let near = nearest(name, known.iter().map(name_of));
            let all = || known.iter().map(name_of).collect::<Vec<_>>().join(", ");
            let expected = near.map_or_else(|| format!("one of {}", all()), |near| format!("`{near}`"));
            refused("categorical field of `fields`", expected, format!("`{name}`"))
        })
    };
    match names {
        [] => {
            let mut largest = known.clone();
            let size = |field: &usize| schema.fields[*field].kind.vocabulary().map(|v| schema.vocabularies[v].size);
            largest.sort_by_key(|field| (Reverse(size(field)), *field));
            largest.truncate(2);
            largest.sort_unstable();
            let [user, item] = largest[..] else {
                return Err(refused("number of input fields", "at least 2".to_owned(), largest.len().to_string()));
            };
            Ok([user, item])
        }
        [user, item] if user != item => Ok([of_name(user)?, of_name(item)?]),
        _ => Err(refused("number of different `fields`", "2 or none".to_owned(), names.len().to_string())),
    }
}

/// `μₛ + b_u + b_i + q_iᵀ·p_u`, `[rows, 1, width]`.
fn logits(
    task: usize,
    [user, item]: [usize; 2],
    builder: &mut PlanBuilder,
    model: &Model,
) -> Result<Factor, PlanError> {
    let (name, width) = (builder.schema().tasks[task].name.clone(), builder.schema().tasks[task].kind.width());
    let (dim, scene) = (model.embedding_dim, builder.schema().scene_field);
    let of_user = table(&format!("user/{name}"), user, dim, model.embedding_init, builder)?;
    let of_item = table(&format!("item/{name}"), item, dim * width, model.embedding_init, builder)?;
    let (pool, dropout) = (model.pool, model.embedding_dropout);
    let p = builder.embed_dropping(&format!("user.factors/{name}"), &[user], pool, dropout, |_| of_user)?;
    let q = builder.embed_groups(&format!("item.factors/{name}"), &[item], pool, dropout, dim, |_| of_item)?;
    // A row's user weighs the item's factors: the inner product.
    let mut terms = vec![builder.mix(&format!("product/{name}"), q, p)?];
    for (whose, field) in [("user", user), ("item", item), ("scene", scene)] {
        terms.push(bias(&format!("{whose}.bias/{name}"), field, width, builder, model)?);
    }
    let slot = builder.add(&format!("logits/{name}"), &terms)?;
    Ok(Factor { slot, group: 0 })
}

/// A field's own share of the logits, at first 0.
fn bias(name: &str, field: usize, width: usize, builder: &mut PlanBuilder, model: &Model) -> Result<SlotId, PlanError> {
    let table = table(&format!("{name}/table"), field, width, Init::Constant(0.0), builder)?;
    builder.embed(name, &[field], model.pool, |_| table)
}

fn table(name: &str, field: usize, dim: usize, init: Init, builder: &mut PlanBuilder) -> Result<TableId, PlanError> {
    let vocabulary = builder.schema().fields[field].kind.vocabulary();
    let vocabulary = vocabulary.ok_or_else(|| PlanError::Shape {
        op: name.to_owned(),
        what: "field to look up".to_owned(),
        expected: "categorical".to_owned(),
        got: "numeric".to_owned(),
    })?;
    builder.table(name, vocabulary, dim, init)
}
