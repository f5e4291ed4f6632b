//! Scores as in eq. 4 of Koren et al., 2009, from the tables alone.

use mmtl_plan::Value;

use crate::net::{Net, assert_close, batch, schema};

#[test]
fn a_logit_is_the_scene_s_mean_the_biases_and_the_inner_product() {
    let fields = Value::List(["user", "item"].map(|name| Value::Text(name.to_owned())).to_vec());
    let net = Net::new("matrix-factorisation", &schema(), &[("fields", fields)]);
    let (schema, batch) = (schema(), batch(3));
    let field = |name: &str| schema.fields.iter().position(|field| field.name == name).unwrap();
    let id = |field: usize, row: usize| batch.lookups[field].ids[row] as usize;
    let row_of = |name: &str, id: usize| {
        let at = net.plan.tables.iter().position(|table| table.name == name).unwrap_or_else(|| panic!("no {name}"));
        let dim = net.plan.tables[at].dim;
        net.oracle.parameters.tables[at][id * dim..(id + 1) * dim].to_vec()
    };
    let tape = net.training(&batch);
    for task in &schema.tasks {
        let (name, width) = (&task.name, task.kind.width());
        let logits = net.written(&tape, &format!("logits/{name}"));
        for (row, logits) in logits.chunks(width).enumerate() {
            let (user, item) = (id(field("user"), row), id(field("item"), row));
            let (p, q) = (row_of(&format!("user/{name}"), user), row_of(&format!("item/{name}"), item));
            let bias = |whose: &str, id: usize| row_of(&format!("{whose}.bias/{name}/table"), id);
            let biases = [bias("scene", id(schema.scene_field, row)), bias("user", user), bias("item", item)];
            let logit = |class: usize| -> f64 {
                let product: f64 = p.iter().enumerate().map(|(k, p)| p * q[k * width + class]).sum();
                biases.iter().map(|bias| bias[class]).sum::<f64>() + product
            };
            let expected: Vec<f64> = (0..width).map(logit).collect();
            assert_close(&format!("{name}, row {row}"), logits, &expected);
        }
    }
}
