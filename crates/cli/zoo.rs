//! `mmtl zoo`: the architectures with their papers, knobs and costs.

use comfy_table::{ContentArrangement, Table, presets};
use mmtl_plan::{Field, FieldKind, Knob, Schema, Settings, Space, Task, TaskKind, Vocabulary};
use mmtl_zoo::{Architecture, architecture, architectures, model_knobs};
use thousands::Separable;

use crate::failure::Failure;
use crate::say::say;

/// What the printed costs are for.
const EXAMPLE: &str =
    "16 fields of 10,000 ids, click, conversion given click and their product, 5 scenes, every knob at its default";

/// Prints all architectures, or one in full.
pub fn zoo(name: Option<&str>) -> Result<(), Failure> {
    match name {
        None => say(list())?,
        Some(name) => say(page(architecture(name).map_err(Failure::input)?))?,
    }
    Ok(())
}

fn list() -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["name", "", "parameters", "FLOPs/row"]);
    for architecture in architectures() {
        let (parameters, flops) = costs(*architecture);
        table.add_row([architecture.name(), architecture.title(), &parameters, &flops].map(ToString::to_string));
    }
    format!(
        "{table}\n\nDense parameters and forward FLOPs of a row, for {EXAMPLE}.\n\
         `mmtl zoo NAME` shows an architecture's paper and knobs."
    )
}

fn page(architecture: &dyn Architecture) -> String {
    let (parameters, flops) = costs(architecture);
    let name = architecture.name();
    format!(
        "{}\n{}\n\n[{name}]\n{}\n[model]\n{}\nDense parameters: {parameters}; FLOPs a row, forward: {flops}\n(for {EXAMPLE})",
        architecture.title(),
        architecture.source(),
        knob_table(&architecture.knobs()),
        knob_table(&model_knobs()),
    )
}

/// Name, default, what is accepted and what it does, one knob a line.
pub fn knob_table(knobs: &[Knob]) -> String {
    if knobs.is_empty() {
        return "(no knobs)\n".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["key", "default", "accepts", ""]);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width());
    for knob in knobs {
        table.add_row([knob.name, &knob.default.to_string(), &knob.kind.to_string(), knob.doc]);
    }
    format!("{table}\n")
}

/// The terminal's width, or a page's.
fn width() -> u16 {
    terminal_size::terminal_size().map_or(100, |(width, _)| width.0)
}

/// Dense parameters and forward FLOPs a row of all fits together, on the example.
fn costs(architecture: &dyn Architecture) -> (String, String) {
    let schema = example();
    let defaults = |knobs: &[Knob]| Settings::resolve(knobs, []).ok();
    let cost = || {
        let (model, own) = (defaults(&model_knobs())?, defaults(&architecture.knobs())?);
        let plans =
            architecture.fits(&schema).into_iter().map(|fit| architecture.plan(&schema, &fit.tasks, &model, &own));
        let costs = plans.map(|plan| plan.ok().map(|p| p.cost())).collect::<Option<Vec<_>>>()?;
        let parameters: usize = costs.iter().map(|c| c.dense_parameters).sum();
        let flops: usize = costs.iter().map(|c| c.forward_flops_per_row).sum();
        Some((parameters.separate_with_commas(), flops.separate_with_commas()))
    };
    cost().unwrap_or_else(|| ("—".to_owned(), "—".to_owned()))
}

/// Click, conversion given click and their product, so that every architecture applies.
fn example() -> Schema {
    let fields = (0..16).map(|i| Field { name: format!("field {i}"), kind: FieldKind::Categorical { vocabulary: i } });
    let scene = Field { name: "scene".into(), kind: FieldKind::Categorical { vocabulary: 16 } };
    let vocabularies = (0..16).map(|i| Vocabulary { name: format!("field {i}"), size: 10_000 });
    let task = |name: &str, kind, space, product: &[&str]| Task {
        name: name.into(),
        kind,
        space,
        product_of: product.iter().map(ToString::to_string).collect(),
    };
    Schema {
        name: "example".into(),
        scenes: (0..5).map(|i| format!("scene {i}")).collect(),
        tasks: vec![
            task("click", TaskKind::Binary, Space::All, &[]),
            task("conversion", TaskKind::Binary, Space::Given("click".into()), &[]),
            task("ctcvr", TaskKind::Binary, Space::All, &["click", "conversion"]),
        ],
        fields: fields.chain([scene]).collect(),
        vocabularies: vocabularies.chain([Vocabulary { name: "scene".into(), size: 5 }]).collect(),
        scene_field: 16,
    }
}
