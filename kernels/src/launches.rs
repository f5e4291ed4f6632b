//! How often a training step launches each kernel.

use mmtl_plan::{EngineError, Plan, TableUpdates};

use crate::program::{Launch, Launching, Program};

/// Launches of one training step by kernel, in the order in which a step first comes to each; `clips` says whether it
/// clips gradients. Uploads launch nothing. The first step, and one whose batch touches no row of a table or none often,
/// launch fewer; with exact updates, every 256th also sweeps each table once. A software device takes several launches for a
/// tail of many rows.
///
/// # Errors
/// On a plan that the engine does not execute.
pub fn launches(
    plan: &Plan,
    tables: TableUpdates,
    clips: bool,
    launching: Launching,
) -> Result<Vec<(&'static str, usize)>, EngineError> {
    let program = Program::new(plan, 1, 0, launching)?;
    let looks_up = program.reads.iter().flatten().any(|&reads| reads);
    let mut kernels = vec![];
    if looks_up && tables == TableUpdates::Exact {
        kernels.push("tables, catching up");
    }
    kernels.extend(program.training.iter().chain(&program.backward).map(kernel));
    if looks_up {
        // Parts, and the sums of those of frequent ids.
        kernels.extend(["tables, gradient"; 2]);
    }
    if clips {
        // Squares of the dense gradient and of the touched rows', and the factor.
        kernels.extend(["clipping"].repeat(2 + usize::from(looks_up)));
    }
    kernels.push("update");
    match tables {
        TableUpdates::Exact | TableUpdates::Sparse => kernels.extend(looks_up.then_some("tables, update")),
        TableUpdates::Dense => {
            kernels.extend(["tables, marks"].repeat(2 * usize::from(looks_up)));
            kernels.extend(["tables, update"].repeat(plan.tables.len()));
        }
    }
    let mut counts: Vec<(&'static str, usize)> = vec![];
    for kernel in kernels {
        match counts.iter_mut().find(|(counted, _)| *counted == kernel) {
            Some((_, count)) => *count += 1,
            None => counts.push((kernel, 1)),
        }
    }
    Ok(counts)
}

/// What a launch is called.
pub(crate) fn kernel(launch: &Launch) -> &'static str {
    match launch {
        Launch::Embed(_) => "embed",
        Launch::Linear(_) => "linear",
        Launch::Gate(_) => "gate",
        Launch::Mix(_) => "mix",
        Launch::Sum(_) => "sum",
        Launch::Statistics(_) => "norm, statistics",
        Launch::MergeStatistics(_) => "norm, statistics of parts",
        Launch::NormRows(_) => "norm over rows",
        Launch::NormWidth(_) => "norm over width",
        Launch::Predict(_) => "predict",
        Launch::LossValue(_) => "loss",
        Launch::LossGradient(_) => "loss, gradient",
        Launch::PredictGradient(_) => "predict, gradient",
        Launch::SumGradient(_) => "sum, gradient",
        Launch::GateGradient(_) => "gate, gradient",
        Launch::MixGradient(_) => "mix, gradient",
        Launch::Deactivate(_) => "linear, activation's gradient",
        Launch::LinearInput(_) => "linear, input's gradient",
        Launch::LinearWeight(_) => "linear, weights' gradient",
        Launch::AddParts(_) => "parts of gradients, sums",
        Launch::NormReduce(_) => "norm over rows, sums of gradients",
        Launch::NormReduced(_) => "norm over rows, sums of gradients' parts",
        Launch::NormShared(_) => "norm over rows, parameters' gradient",
        Launch::NormRowsInput(_) => "norm over rows, input's gradient",
        Launch::NormWidthInput(_) => "norm over width, input's gradient",
        Launch::NormWidthGradient(_) => "norm over width, parameters' gradient",
        Launch::Tail(_) => "tail, forward and back",
    }
}
