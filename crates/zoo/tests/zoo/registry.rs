//! The list, and what the frame may do with any entry of it.

use std::collections::BTreeSet;

use mmtl_plan::{Field, FieldKind, Kind, Knob, Op, PlanError, Settings, Value, Vocabulary};
use mmtl_zoo::{Protocol, architecture, architectures, model_knobs};

use crate::schemas::{ints, nets, plan, plan_with, shop, shop_of};

#[test]
fn every_file_of_an_architecture_is_listed() {
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let defines_one = |text: &str| text.contains("\nimpl Architecture for ");
    let files: BTreeSet<String> = std::fs::read_dir(sources)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| defines_one(&std::fs::read_to_string(path).unwrap()))
        .map(|path| path.file_stem().unwrap().to_string_lossy().replace('_', "-"))
        .collect();
    let listed: BTreeSet<String> = architectures().iter().map(|a| a.name().to_owned()).collect();
    assert_eq!(files, listed);
    assert_eq!(listed.len(), architectures().len(), "two architectures share a name");
}

#[test]
fn names_are_found_and_slips_are_named() {
    for a in architectures() {
        assert_eq!(architecture(a.name()).ok().unwrap().name(), a.name());
        assert!(!a.title().is_empty() && !a.source().is_empty(), "{}", a.name());
    }
    let error = |name| architecture(name).err().unwrap().to_string();
    assert_eq!(error("mmeo"), "unknown architecture `mmeo`; did you mean `mmoe`?");
    let known: Vec<&str> = architectures().iter().map(|a| a.name()).collect();
    assert!(error("transformer-xxl").ends_with(&format!("; known: {}", known.join(", "))));
}

#[test]
fn knobs_have_docs_and_accept_their_own_defaults() {
    let sections = architectures().iter().map(|a| (a.name(), a.knobs())).chain([("model", model_knobs())]);
    for (section, knobs) in sections {
        let names: BTreeSet<&str> = knobs.iter().map(|k| k.name).collect();
        assert_eq!(names.len(), knobs.len(), "{section} has two knobs of one name");
        for knob in &knobs {
            assert!(knob.doc.ends_with('.'), "{section}.{}: `{}`", knob.name, knob.doc);
            assert_eq!(knob.accept(&knob.default), Ok(knob.default.clone()), "{section}.{}", knob.name);
        }
    }
}

/// Every value of a yes-or-no knob or a choice, and both ends of a range that is cheap at both.
fn values(knob: &Knob) -> Vec<Value> {
    match knob.kind {
        Kind::Bool => vec![Value::Bool(false), Value::Bool(true)],
        Kind::Choice(words) => words.iter().map(|word| Value::Text((*word).to_owned())).collect(),
        Kind::Int { min, .. } => vec![Value::Int(min), Value::Int(min + 2)],
        Kind::Float { min, max } => vec![Value::Float(min), Value::Float(max)],
        Kind::Ints { .. } => vec![ints(&[3]), ints(&[1, 2])],
        Kind::Text | Kind::Floats { .. } | Kind::Matrix | Kind::Texts => vec![knob.default.clone()],
    }
}

#[test]
fn every_value_of_every_knob_makes_a_plan_with_an_output_a_task() {
    let schema = shop();
    for a in architectures() {
        for knob in model_knobs() {
            for value in values(&knob) {
                let plan = plan_with(&schema, *a, &[(knob.name, value)], &[]);
                assert_eq!(plan.outputs.len(), schema.tasks.len(), "{} with {}", a.name(), knob.name);
            }
        }
        for knob in a.knobs() {
            for value in values(&knob) {
                let plan = plan(&schema, *a, &[(knob.name, value)]);
                let tasks: Vec<usize> = plan.outputs.iter().map(|output| output.task).collect();
                assert_eq!(tasks, [0, 1, 2, 3, 4], "{} with {}", a.name(), knob.name);
            }
        }
    }
}

#[test]
fn a_knob_of_every_model_changes_every_plan() {
    for a in nets() {
        // By scene, star's norm leaves nothing of the scene.
        let own = if a.name() == "star" { vec![("norm", Value::Text("batch".into()))] } else { vec![] };
        let default = plan(&shop(), a, &own);
        for knob in model_knobs() {
            let other = values(&knob).into_iter().find(|value| *value != knob.default).unwrap();
            assert_ne!(plan_with(&shop(), a, &[(knob.name, other)], &own), default, "{}: {}", a.name(), knob.name);
        }
    }
}

#[test]
fn the_scene_is_an_input_only_when_asked_for() {
    let sees_scene = |plan: &mmtl_plan::Plan, slot: &str| {
        let embeds = plan.ops.iter().filter_map(|op| if let Op::Embed(embed) = op { Some(embed) } else { None });
        embeds.filter(|embed| embed.name == slot).any(|embed| embed.columns.iter().any(|column| column.field == 1))
    };
    for a in nets() {
        assert!(!sees_scene(&plan(&shop(), a, &[]), "inputs"), "{}", a.name());
        let asked = plan_with(&shop(), a, &[("scene_feature", Value::Bool(true))], &[]);
        assert_eq!(
            sees_scene(&asked, "inputs"),
            a.name() != "star",
            "{}: all that it is normalised with has it",
            a.name()
        );
        assert_eq!(sees_scene(&plan(&shop(), a, &[]), "scene"), a.name() == "star", "{}", a.name());
    }
    let star = architecture("star").unwrap();
    for norm in ["batch", "none"] {
        let own = [("norm", Value::Text(norm.into()))];
        assert!(
            sees_scene(&plan_with(&shop(), star, &[("scene_feature", Value::Bool(true))], &own), "inputs"),
            "{norm}"
        );
    }
}

#[test]
fn layers_may_be_left_out_but_not_those_of_experts() {
    for a in architectures() {
        for knob in a.knobs().iter().filter(|knob| knob.name.ends_with("_widths")) {
            let given = [(knob.name, &ints(&[]))];
            let own = Settings::resolve(&a.knobs(), given).unwrap();
            let model = Settings::resolve(&model_knobs(), []).unwrap();
            let result = a.plan(&shop(), &[0, 1, 2, 3, 4], &model, &own);
            if knob.name == "expert_widths" {
                let error = result.unwrap_err();
                assert!(matches!(error, PlanError::Shape { .. }), "{error}");
                assert!(error.to_string().contains("`expert_widths`"), "{error}");
            } else {
                assert!(result.is_ok(), "{}.{}: {result:?}", a.name(), knob.name);
            }
        }
    }
}

#[test]
fn a_schema_without_an_input_field_is_an_error() {
    let mut schema = shop();
    schema.fields = vec![schema.fields[1].clone()];
    schema.scene_field = 0;
    for a in architectures() {
        let model = Settings::resolve(&model_knobs(), []).unwrap();
        let own = Settings::resolve(&a.knobs(), []).unwrap();
        let error = a.plan(&schema, &[0], &model, &own).unwrap_err().to_string();
        let least = if a.name() == "matrix-factorisation" { 2 } else { 1 };
        assert_eq!(
            error,
            format!("op `inputs`: number of input fields is 0, expected at least {least}"),
            "{}",
            a.name()
        );
    }
}

#[test]
fn fits_cover_every_task_once() {
    for a in architectures() {
        let fits = a.fits(&shop());
        let mut tasks: Vec<usize> = fits.iter().flat_map(|fit| fit.tasks.clone()).collect();
        tasks.sort_unstable();
        assert_eq!(tasks, [0, 1, 2, 3, 4], "{}", a.name());
        let alone = ["single-task", "matrix-factorisation"].contains(&a.name());
        assert_eq!(fits.len(), if alone { 5 } else { 1 }, "{}", a.name());
    }
}

#[test]
fn what_makes_no_sense_says_why() {
    let applies =
        |name: &str, schema: &mmtl_plan::Schema, protocol| architecture(name).unwrap().applies(schema, protocol);
    for a in architectures() {
        assert_eq!(a.applies(&shop(), Protocol::Joint), Ok(()), "{}", a.name());
    }
    let without_product = shop_of(&["click", "conversion"]);
    let why = applies("esmm", &without_product, Protocol::Joint).unwrap_err();
    assert!(why.starts_with("no task of `shop` is the product of"), "{why}");
    let mut not_given = shop();
    not_given.tasks[1].space = mmtl_plan::Space::All;
    assert!(applies("esmm", &not_given, Protocol::Joint).is_err());
    assert!(applies("star", &shop(), Protocol::PerScene).is_err());
    let mut one_scene = shop();
    one_scene.scenes.truncate(1);
    let why = applies("star", &one_scene, Protocol::Joint).unwrap_err();
    assert_eq!(why, "star needs at least 2 scenes, `shop` has 1");
    let mut one_field = shop();
    one_field.fields.truncate(4);
    let why = applies("matrix-factorisation", &one_field, Protocol::Joint).unwrap_err();
    assert_eq!(why, "matrix-factorisation needs 2 categorical fields beside the scene, `shop` has 1");
    assert_eq!(applies("mmoe", &one_scene, Protocol::PerScene), Ok(()));
}

#[test]
fn the_fields_of_a_factorisation_are_named_or_the_largest() {
    let a = architecture("matrix-factorisation").unwrap();
    let mut schema = shop();
    schema.fields.push(Field { name: "user".to_owned(), kind: FieldKind::Categorical { vocabulary: 3 } });
    schema.vocabularies.push(Vocabulary { name: "user".to_owned(), size: 99 });
    let fields = |words: &[&str]| Value::List(words.iter().map(|word| Value::Text((*word).to_owned())).collect());
    let looked_up = |words: &[&str]| {
        let plan = plan(&schema, a, &[("fields", fields(words))]);
        let embeds = plan.ops.iter().filter_map(|op| if let Op::Embed(embed) = op { Some(embed) } else { None });
        let column = |name: &str| embeds.clone().find(|embed| embed.name == name).unwrap().columns[0].field;
        [column("user.factors/click"), column("item.factors/click")]
    };
    assert_eq!(looked_up(&[]), [0, 5]);
    assert_eq!(looked_up(&["user", "last_item"]), [5, 4]);
    let refusal = |words: &[&str]| {
        let model = Settings::resolve(&model_knobs(), []).unwrap();
        let own = Settings::resolve(&a.knobs(), [("fields", &fields(words))]).unwrap();
        a.plan(&schema, &[0], &model, &own).unwrap_err().to_string()
    };
    let expected = "op `inputs`: categorical field of `fields` is `usr`, expected `user`";
    assert_eq!(refusal(&["usr", "item"]), expected);
    let expected = "op `inputs`: categorical field of `fields` is `age`, expected one of item, last_item, user";
    assert_eq!(refusal(&["age", "item"]), expected);
    for wrong in [&["user"][..], &["user", "user"], &["user", "item", "last_item"]] {
        assert!(refusal(wrong).starts_with("op `inputs`: number of different `fields` is "), "{}", refusal(wrong));
    }
}
