//! A centre and scenes around it, as in eq. 3-8 of Sheng et al., CIKM 2021.

use mmtl_plan::{Batch, Decay, DecayTowards, Initial, Optimiser, Schema, Session, Update, Value};
use mmtl_reference::drawn::{self, Rows};

use crate::net::{Net, any_moves, assert_close, batch, ints, schema};

fn sizes() -> Vec<(&'static str, Value)> {
    vec![("bottom_widths", ints(&[6])), ("tower_widths", ints(&[4])), ("auxiliary_widths", ints(&[3]))]
}

fn net() -> Net {
    Net::new("star", &schema(), &sizes())
}

/// The star layers alone.
fn bare() -> Net {
    let ablated = [("norm", Value::Text("none".to_owned())), ("auxiliary", Value::Bool(false))];
    Net::new("star", &schema(), &[sizes(), ablated.to_vec()].concat())
}

/// A batch of which scene `s` has `counts[s]` rows.
fn batch_of(schema: &Schema, counts: [u32; 3], seed: u64) -> Batch {
    let mut batch = drawn::batch(schema, &Rows::count(counts.iter().sum::<u32>() as usize), seed);
    let scene_of: Vec<u32> = (0..3).flat_map(|scene| vec![scene; counts[scene as usize] as usize]).collect();
    batch.scene_starts = (0..=3).map(|scene| scene_of.partition_point(|&of| of < scene) as u32).collect();
    batch.lookups[schema.scene_field].ids = scene_of;
    batch.rebuild_segments(schema);
    batch
}

/// Of each output, the values of rows `rows`.
fn scores_of(net: &Net, batch: &Batch, rows: std::ops::Range<usize>) -> Vec<Vec<f64>> {
    let widths = net.plan.outputs.iter().map(|output| output.width);
    net.scores(batch).iter().zip(widths).map(|(s, width)| s[rows.start * width..rows.end * width].to_vec()).collect()
}

/// On one scene, the star net is a shared bottom with W ⊙ W_scene and b + b_scene.
#[test]
fn weights_multiply_and_biases_add() {
    let star = bare();
    let batch = batch(1);
    let mut plain = Net::new("shared-bottom", &schema(), &sizes()[..2]);
    plain.oracle.parameters.tables.clone_from(&star.oracle.parameters.tables);
    for scene in 0..3 {
        for layer in ["bottom.0", "tower.0", "head.1", "head.3"] {
            let own = |part: &str, op: fn(f64, f64) -> f64| -> Vec<f64> {
                let dense = &star.oracle.parameters.dense;
                let shared = &dense[star.range(&format!("{layer}.{part}"))];
                let scenes = &dense[star.range(&format!("{layer}.scene_{part}"))];
                shared.iter().zip(&scenes[scene * shared.len()..]).map(|(x, y)| op(*x, *y)).collect()
            };
            let (weight, bias) = (own("weight", |w, scene_w| w * scene_w), own("bias", |b, scene_b| b + scene_b));
            for (part, values) in [("weight", weight), ("bias", bias)] {
                let range = plain.range(&format!("{layer}.{part}"));
                plain.oracle.parameters.dense[range].copy_from_slice(&values);
            }
        }
        let rows = batch.scene(scene);
        assert!(!rows.is_empty());
        let (left, right) = (scores_of(&star, &batch, rows.clone()), scores_of(&plain, &batch, rows));
        assert_close("scores", &left.concat(), &right.concat());
    }
}

#[test]
fn scene_matrices_start_at_1_and_scene_biases_at_0() {
    let net = net();
    let initial = Initial::of(&net.plan, 3);
    let values = |name: &str| &initial.dense[net.range(name)];
    for layer in ["bottom.0", "tower.0", "head.1", "head.3"] {
        assert!(values(&format!("{layer}.scene_weight")).iter().all(|x| *x == 1.0), "{layer}");
        assert!(values(&format!("{layer}.scene_bias")).iter().all(|x| *x == 0.0), "{layer}");
        assert!(values(&format!("{layer}.weight")).iter().all(|x| *x != 0.0 && *x != 1.0), "{layer}");
    }
    assert!(values("norm.scene_gamma").iter().all(|x| *x == 1.0));
    assert!(values("norm.scene_beta").iter().all(|x| *x == 0.0));
}

/// Without a gradient, a step of SGD moves a weight by `lr · λ` of its way to where decay pulls it.
#[test]
fn scene_matrices_decay_towards_1_and_shared_ones_towards_0() {
    let mut net = net();
    let before = net.oracle.parameters.dense.clone();
    let decay = Decay { dense: 0.5, tables: 0.0 };
    let update = Update { optimiser: Optimiser::Sgd { momentum: 0.0 }, lr: 0.25, step: 1, clip: None, decay };
    net.oracle.step(&batch(2), &[0.0; 5], &update).unwrap();
    let mut seen = [0; 3];
    for param in &net.plan.params {
        let target = match param.decay {
            DecayTowards::Nothing => None,
            DecayTowards::Zero => Some(0.0),
            DecayTowards::One => Some(1.0),
        };
        assert_eq!(target == Some(1.0), param.name.ends_with(".scene_weight"), "{}", param.name);
        seen[target.map_or(2, |target| target as usize)] += 1;
        let after = &net.oracle.parameters.dense[param.range()];
        let expected: Vec<f64> =
            before[param.range()].iter().map(|w| target.map_or(*w, |t| w - 0.25 * 0.5 * (w - t))).collect();
        assert_close(&param.name, after, &expected);
    }
    assert!(seen.iter().all(|count| *count >= 4), "{seen:?}");
}

#[test]
fn a_scene_s_scores_do_not_change_with_another_s_rows_at_evaluation() {
    let net = net();
    let schema = schema();
    let one = batch_of(&schema, [6, 5, 4], 1);
    let mut two = batch_of(&schema, [6, 5, 4], 2);
    // Scene 1's rows become those of the first batch.
    let rows = one.scene(1);
    for (lookup, from) in two.lookups.iter_mut().zip(&one.lookups) {
        if lookup.ids.is_empty() {
            continue;
        }
        let count = lookup.rows();
        let of = |row: usize, other: &mmtl_plan::Lookup, this: &mmtl_plan::Lookup| {
            if rows.contains(&row) { other.row(row).to_vec() } else { this.row(row).to_vec() }
        };
        let ids: Vec<Vec<u32>> = (0..count).map(|row| of(row, from, lookup)).collect();
        if lookup.starts.is_some() {
            let starts = (0..=count).map(|end| ids[..end].iter().map(Vec::len).sum::<usize>() as u32).collect();
            lookup.starts = Some(starts);
        }
        lookup.ids = ids.concat();
    }
    let columns = schema.numeric_columns();
    let span = rows.start * columns..rows.end * columns;
    two.numeric[span.clone()].copy_from_slice(&one.numeric[span]);
    two.rebuild_segments(&schema);
    assert_eq!(two.mismatch(&schema), None);
    assert_eq!(scores_of(&net, &one, rows.clone()), scores_of(&net, &two, rows));
    assert_ne!(scores_of(&net, &one, 0..6), scores_of(&net, &two, 0..6));
}

/// One row has no variance: the scene's running statistics stand in, and are left alone.
#[test]
fn a_scene_of_one_row_stays_finite() {
    let mut net = net();
    let batch = batch_of(&schema(), [5, 1, 6], 3);
    let before = net.oracle.states.clone();
    let tape = net.training(&batch);
    assert!(tape.slots.iter().flatten().all(|x| x.is_finite()));
    assert!(tape.losses.iter().flatten().all(|x| x.is_finite()));
    assert!(net.oracle.backward(&batch, &tape, &[1.0; 5]).squared_norm().is_finite());
    for (spec, (before, after)) in net.plan.states.iter().zip(before.iter().zip(&tape.states_after)) {
        let width = spec.len / 3;
        let changed = |scene: usize| before[scene * width..][..width] != after[scene * width..][..width];
        assert_eq!([0, 1, 2].map(changed), [true, false, true], "{}", spec.name);
    }
    let optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    for step in 1..=20 {
        let update = Update { optimiser, lr: 0.01, step, clip: None, decay: Decay::default() };
        net.oracle.step(&batch, &[1.0; 5], &update).unwrap();
    }
    assert!(net.scores(&batch).iter().flatten().all(|x| x.is_finite()));
}

#[test]
fn the_auxiliary_net_sees_the_scene_and_its_logits_are_added() {
    let net = net();
    let batch = batch(4);
    let table = net.plan.tables.iter().position(|table| table.name == "embedding/scene").unwrap();
    let gradient = net.gradient(&batch, &[1.0; 5]);
    assert!(any_moves(&gradient.tables[table]));
    let tape = net.training(&batch);
    for width in [1, 3] {
        let sum: Vec<f64> = (net.written(&tape, &format!("head.{width}")).iter())
            .zip(net.written(&tape, &format!("auxiliary.head.{width}")))
            .map(|(main, auxiliary)| main + auxiliary)
            .collect();
        assert_eq!(net.written(&tape, &format!("logits.{width}")), sum);
    }
}

/// At the start, and without an auxiliary net, all scenes have the same net.
#[test]
fn scenes_start_alike() {
    let mut net = bare();
    net.oracle.parameters.dense = Initial::of(&net.plan, 3).dense.iter().map(|x| f64::from(*x)).collect();
    let schema = schema();
    let all_first = batch_of(&schema, [8, 0, 0], 5);
    let all_last = batch_of(&schema, [0, 0, 8], 5);
    assert_eq!(net.scores(&all_first), net.scores(&all_last));
}
