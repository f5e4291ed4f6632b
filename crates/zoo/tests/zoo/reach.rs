//! Which tasks are trained, and what their losses reach.

use std::collections::BTreeSet;

use mmtl_plan::{Link, Op, Plan, Space, TaskKind};
use mmtl_zoo::{Protocol, architecture, architectures};

use crate::schemas::{plan, shop, shop_of, task};

fn objectives(plan: &Plan) -> Vec<&str> {
    plan.objectives.iter().map(|objective| objective.name.as_str()).collect()
}

fn factors(plan: &Plan, task: usize) -> usize {
    let predictions = plan.ops.iter().filter_map(|op| if let Op::Predict(predict) = op { Some(predict) } else { None });
    let [of_task] = predictions.filter(|predict| predict.task == task).collect::<Vec<_>>()[..] else {
        panic!("task {task} is not predicted once")
    };
    of_task.link.factors().len()
}

/// Everything that exists is there to be trained.
#[test]
fn every_parameter_and_table_is_reached_by_a_loss() {
    for a in architectures() {
        let plan = plan(&shop(), *a, &[]);
        for param in &plan.params {
            assert!(!param.reached_by.is_empty(), "{}: {}", a.name(), param.name);
        }
        for table in &plan.tables {
            // Factors are each task's own.
            let objectives = if a.name() == "matrix-factorisation" { 1 } else { plan.objectives.len() };
            assert_eq!(table.reached_by.len(), objectives, "{}: {}", a.name(), table.name);
        }
    }
}

#[test]
fn every_task_but_esmm_s_conditional_ones_is_trained() {
    for a in architectures() {
        let plan = plan(&shop(), *a, &[]);
        let expected: &[&str] = match a.name() {
            "esmm" => &["click", "ctcvr", "price", "rating"],
            _ => &["click", "conversion", "ctcvr", "price", "rating"],
        };
        assert_eq!(objectives(&plan), expected, "{}", a.name());
    }
}

#[test]
fn esmm_multiplies_along_a_chain_of_three() {
    let mut schema = shop_of(&["click", "conversion", "ctcvr"]);
    schema.tasks.push(task("refund", TaskKind::Binary, Space::Given("conversion".to_owned())));
    let mut product = task("all_three", TaskKind::Binary, Space::All);
    product.product_of = ["click", "conversion", "refund"].map(str::to_owned).to_vec();
    schema.tasks.push(product);
    let plan = plan(&schema, architecture("esmm").unwrap(), &[]);
    assert_eq!(objectives(&plan), ["click", "ctcvr", "all_three"]);
    assert_eq!([0, 1, 2, 3, 4].map(|task| factors(&plan, task)), [1, 1, 2, 1, 3]);
}

/// However its factors are written, a product is a chain.
#[test]
fn esmm_finds_the_order_of_a_chain() {
    let esmm = architecture("esmm").unwrap();
    let with = |order: [&str; 3]| {
        let mut schema = shop_of(&["click", "conversion"]);
        schema.tasks.push(task("refund", TaskKind::Binary, Space::Given("conversion".to_owned())));
        let mut product = task("all_three", TaskKind::Binary, Space::All);
        product.product_of = order.map(str::to_owned).to_vec();
        schema.tasks.push(product);
        assert_eq!(esmm.applies(&schema, Protocol::Joint), Ok(()), "{order:?}");
        plan(&schema, esmm, &[]).ops
    };
    let chain = with(["click", "conversion", "refund"]);
    for order in
        [["refund", "conversion", "click"], ["conversion", "click", "refund"], ["refund", "click", "conversion"]]
    {
        assert_eq!(with(order), chain, "{order:?}");
    }
}

/// Without its factors a product is a task like any other.
#[test]
fn esmm_of_the_product_alone_has_one_tower() {
    let model = mmtl_plan::Settings::resolve(&mmtl_zoo::model_knobs(), []).unwrap();
    let esmm = architecture("esmm").unwrap();
    let own = mmtl_plan::Settings::resolve(&esmm.knobs(), []).unwrap();
    let plan = esmm.plan(&shop(), &[2], &model, &own).unwrap();
    assert!(matches!(&plan.ops[plan.ops.len() - 2], Op::Predict(p) if matches!(p.link, Link::Sigmoid(_))));
    assert_eq!(objectives(&plan), ["ctcvr"]);
}

#[test]
fn a_task_s_fit_holds_nothing_of_the_others() {
    let single = architecture("single-task").unwrap();
    let model = mmtl_plan::Settings::resolve(&mmtl_zoo::model_knobs(), []).unwrap();
    let own = mmtl_plan::Settings::resolve(&single.knobs(), []).unwrap();
    for fit in single.fits(&shop()) {
        let plan = single.plan(&shop(), &fit.tasks, &model, &own).unwrap();
        let tasks: BTreeSet<usize> = plan.outputs.iter().map(|output| output.task).collect();
        assert_eq!(tasks.into_iter().collect::<Vec<_>>(), fit.tasks);
        assert_eq!(plan.objectives.len(), 1, "{}", fit.name);
        assert_eq!(plan.schema, shop());
    }
}
