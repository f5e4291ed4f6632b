//! Labels that follow from other labels: products of tasks, and the spaces outside which a task has no label.

use mmtl_plan::{Schema, Space, TaskKind};

use crate::error::DataError;

/// Which label follows from which, resolved to task indices.
#[derive(Clone, Debug)]
pub(crate) struct LabelRules {
    /// Tasks in an order in which each comes after those that it follows from.
    order: Vec<usize>,
    /// The task whose positives are a task's space.
    given: Vec<Option<usize>>,
    /// The factors of a product task.
    factors: Vec<Vec<usize>>,
}

impl LabelRules {
    /// # Errors
    /// When a space or product names no binary task, or tasks follow from each other in a circle.
    pub(crate) fn of(schema: &Schema) -> Result<Self, DataError> {
        let binary = |task: &str, role: &str, name: &str| {
            let position = schema.task(name).filter(|&t| matches!(schema.tasks[t].kind, TaskKind::Binary));
            position.ok_or_else(|| DataError::Columns {
                what: format!("task `{task}`"),
                got: format!("the {role} `{name}`"),
                expected: format!("the name of a binary task: {}", binary_names(schema)),
            })
        };
        let (mut given, mut factors) = (vec![], vec![]);
        for task in &schema.tasks {
            given.push(match &task.space {
                Space::All => None,
                Space::Given(name) => Some(binary(&task.name, "space given", name)?),
            });
            let of_task = task.product_of.iter().map(|name| binary(&task.name, "factor", name));
            factors.push(of_task.collect::<Result<Vec<_>, _>>()?);
        }
        let order = order(schema, &given, &factors)?;
        Ok(Self { order, given, factors })
    }

    /// Whether any label follows from another.
    pub(crate) fn is_empty(&self) -> bool {
        self.given.iter().all(Option::is_none) && self.factors.iter().all(Vec::is_empty)
    }

    /// Completes one row's labels `[tasks]`, NaN where unknown: a product is 0 where a factor is 0, unknown where
    /// one is unknown, else 1; a task outside its space is unknown.
    pub(crate) fn settle(&self, labels: &mut [f64]) {
        for &task in &self.order {
            if !self.factors[task].is_empty() {
                labels[task] = conjunction(self.factors[task].iter().map(|&factor| labels[factor]));
            }
            if self.given[task].is_some_and(|space| labels[space] != 1.0) {
                labels[task] = f64::NAN;
            }
        }
    }
}

fn conjunction(factors: impl Iterator<Item = f64>) -> f64 {
    let mut product = 1.0;
    for factor in factors {
        if factor == 0.0 {
            return 0.0;
        }
        product *= factor;
    }
    product
}

fn binary_names(schema: &Schema) -> String {
    let binary = schema.tasks.iter().filter(|t| matches!(t.kind, TaskKind::Binary)).map(|t| t.name.as_str());
    binary.collect::<Vec<_>>().join(", ")
}

fn order(schema: &Schema, given: &[Option<usize>], factors: &[Vec<usize>]) -> Result<Vec<usize>, DataError> {
    let tasks = schema.tasks.len();
    let mut order: Vec<usize> = vec![];
    while order.len() < tasks {
        let ready = |&task: &usize| {
            !order.contains(&task) && factors[task].iter().chain(&given[task]).all(|needed| order.contains(needed))
        };
        let Some(next) = (0..tasks).find(ready) else {
            let stuck = (0..tasks).find(|task| !order.contains(task)).unwrap_or(0);
            return Err(DataError::Columns {
                what: format!("task `{}`", schema.tasks[stuck].name),
                got: "a space or product that leads back to itself".into(),
                expected: "tasks that follow from others without a circle".into(),
            });
        };
        order.push(next);
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mmtl_plan::Task;

    fn schema(tasks: &[(&str, Space, &[&str])]) -> Schema {
        let task = |(name, space, product_of): &(&str, Space, &[&str])| Task {
            name: (*name).to_owned(),
            kind: TaskKind::Binary,
            space: space.clone(),
            product_of: product_of.iter().map(|&f| f.to_owned()).collect(),
        };
        Schema {
            name: "toy".into(),
            scenes: vec!["all".into()],
            tasks: tasks.iter().map(task).collect(),
            fields: vec![],
            vocabularies: vec![],
            scene_field: 0,
        }
    }

    #[test]
    fn products_and_spaces_do_not_depend_on_the_order_of_tasks() {
        let given = || Space::Given("click".into());
        let rules = LabelRules::of(&schema(&[
            ("ctcvr", Space::All, &["conversion", "click"]),
            ("conversion", given(), &[]),
            ("click", Space::All, &[]),
        ]))
        .unwrap();
        let settled = |conversion: f64, click: f64| {
            let mut labels = [f64::NAN, conversion, click];
            rules.settle(&mut labels);
            labels.map(|label| if label.is_nan() { None } else { Some(label) })
        };
        assert_eq!(settled(1.0, 1.0), [Some(1.0), Some(1.0), Some(1.0)]);
        assert_eq!(settled(0.0, 1.0), [Some(0.0), Some(0.0), Some(1.0)]);
        assert_eq!(settled(1.0, 0.0), [Some(0.0), None, Some(0.0)]);
        assert_eq!(settled(f64::NAN, 1.0), [None, None, Some(1.0)]);
        assert_eq!(settled(1.0, f64::NAN), [None, None, None]);
    }

    #[test]
    fn circles_and_strangers_are_named() {
        let circle = schema(&[("a", Space::Given("b".into()), &[]), ("b", Space::Given("a".into()), &[])]);
        let message = LabelRules::of(&circle).unwrap_err().to_string();
        assert!(message.contains("task `a` has a space or product that leads back to itself"), "{message}");
        let stranger = schema(&[("click", Space::All, &[]), ("buy", Space::Given("clik".into()), &[])]);
        let message = LabelRules::of(&stranger).unwrap_err().to_string();
        assert_eq!(message, "task `buy` has the space given `clik`, expected the name of a binary task: click, buy");
    }
}
