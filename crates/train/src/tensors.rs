//! Chosen weights as named tensors of their true shapes, for other frameworks.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use mmtl_plan::{NormKind, Op, Plan, Snapshot, StateId};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde::Serialize;

/// The entry of a file's metadata that says what is in it.
const ABOUT: &str = "mmtl";

/// What a tensor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TensorKind {
    /// A dense parameter.
    Parameter,
    /// An embedding table, `[rows, dim]`.
    Table,
    /// State without a gradient, such as running statistics.
    State,
}

/// One tensor of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<'a> {
    /// Its name in the plan, unique.
    pub name: &'a str,
    /// What it is.
    pub kind: TensorKind,
    /// Its shape.
    pub shape: Vec<usize>,
    /// For a table the schema's vocabulary whose ids are its rows.
    pub vocabulary: Option<usize>,
    /// Row-major.
    pub values: &'a [f32],
}

/// Every tensor of `plan` in a snapshot of its weights: parameters, then tables, then state.
pub fn tensors<'a>(plan: &'a Plan, weights: &'a Snapshot) -> Vec<Tensor<'a>> {
    let params = plan.params.iter().map(|param| Tensor {
        name: &param.name,
        kind: TensorKind::Parameter,
        shape: param.shape.clone(),
        vocabulary: None,
        values: &weights.dense[param.range()],
    });
    let tables = plan.tables.iter().zip(&weights.tables).map(|(table, values)| Tensor {
        name: &table.name,
        kind: TensorKind::Table,
        shape: vec![table.rows, table.dim],
        vocabulary: Some(table.vocabulary),
        values,
    });
    let states = plan.states.iter().zip(&weights.states).enumerate().map(|(id, (state, values))| Tensor {
        name: &state.name,
        kind: TensorKind::State,
        shape: state_shape(plan, StateId(id)).unwrap_or_else(|| vec![state.len]),
        vocabulary: None,
        values,
    });
    params.chain(tables).chain(states).collect()
}

/// Running statistics have the shape of what is scaled by them.
fn state_shape(plan: &Plan, id: StateId) -> Option<Vec<usize>> {
    plan.ops.iter().find_map(|op| {
        let Op::Norm(norm) = op else { return None };
        let (mean, variance, like) = match norm.kind {
            NormKind::Layer => return None,
            NormKind::Batch { mean, variance, .. } => (mean, variance, norm.gamma),
            NormKind::Scene { mean, variance, scene_gamma, .. } => (mean, variance, scene_gamma),
        };
        (mean == id || variance == id).then(|| plan.param(like).shape.clone())
    })
}

/// Writes tensors as a safetensors file. Its one metadata entry, `mmtl`, is `about`: with several, the order of the file's
/// header would be anyone's guess.
///
/// # Errors
/// When the file cannot be written.
pub fn write_tensors(tensors: &[Tensor], about: &str, path: &Path) -> io::Result<()> {
    let mut views = vec![];
    for Tensor { name, shape, values, .. } in tensors {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytemuck::cast_slice(values));
        views.push((*name, view.map_err(io::Error::other)?));
    }
    let metadata = HashMap::from([(ABOUT.to_owned(), about.to_owned())]);
    serialize_to_file(views, Some(metadata), path).map_err(|error| match error {
        SafeTensorError::IoError(error) => error,
        other => io::Error::other(other),
    })
}

#[cfg(test)]
mod tests {
    use mmtl_plan::{Activation, Factor, FieldKind, Group, Init, LinearSpec, PlanBuilder, Pool, Reduction, WeightKind};

    use super::*;
    use crate::fixture;

    /// A table of scenes, a batch norm and a head.
    fn plan() -> Plan {
        let schema = fixture::schema();
        assert!(matches!(schema.fields[0].kind, FieldKind::Categorical { vocabulary: 0 }));
        let mut builder = PlanBuilder::new("fixture", &schema);
        let table = builder.table("scenes", 0, 3, Init::Constant(0.0)).unwrap();
        let input = builder.embed("input", &[0, 1], Pool::Sum, |_| table).unwrap();
        let normed = builder.batch_norm("norm", input, 1e-5, 0.1).unwrap();
        let spec = LinearSpec {
            input: normed,
            groups: Group::broadcast(["click"]),
            width: 1,
            activation: Activation::Identity,
            dropout: 0.0,
            weights: WeightKind::Shared,
            bias: true,
        };
        let slot = builder.linear("head", &spec).unwrap();
        let predict = builder.predict(0, &[Factor { slot, group: 0 }]).unwrap();
        builder.loss(predict, Reduction::Own).unwrap();
        builder.finish().unwrap()
    }

    #[test]
    fn every_number_is_in_one_tensor_of_its_true_shape() {
        let plan = plan();
        let numbers = |from: usize, count: usize| (from..from + count).map(|n| n as f32).collect::<Vec<_>>();
        let weights = Snapshot {
            dense: numbers(0, plan.arena_len),
            tables: vec![numbers(1000, 6)],
            states: plan.states.iter().enumerate().map(|(at, state)| numbers(2000 + 100 * at, state.len)).collect(),
            memory: None,
        };
        let all = tensors(&plan, &weights);
        let of =
            |name: &str| all.iter().find(|tensor| tensor.name == name).unwrap_or_else(|| panic!("{name}: {all:?}"));
        for tensor in &all {
            assert_eq!(tensor.shape.iter().product::<usize>(), tensor.values.len(), "{tensor:?}");
        }
        assert_eq!((&of("scenes").shape[..], of("scenes").vocabulary), (&[2, 3][..], Some(0)));
        let param = &plan.params[0];
        assert_eq!((of(&param.name).values[0], &of(&param.name).shape), (param.offset as f32, &param.shape));
        let state = of("norm.running_variance");
        assert_eq!((&state.shape[..], state.kind, state.values[0]), (&[1, 4][..], TensorKind::State, 2100.0));
        assert_eq!(all.len(), plan.params.len() + 1 + 2);
    }
}
