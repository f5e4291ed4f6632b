use mmtl_data::{Batches, Columns, Dataset, FieldColumn, Order, Part};
use mmtl_plan::{Batch, Field, FieldKind, Schema, Seeds, Space, TargetScale, Task, TaskKind, Vocabulary};

/// Enough rows for several chunks.
const ROWS: u32 = 40_000;

fn schema() -> Schema {
    let task = |name: &str, kind| Task { name: name.into(), kind, space: Space::All, product_of: vec![] };
    let field = |name: &str, kind| Field { name: name.into(), kind };
    let vocabulary = |name: &str, size| Vocabulary { name: name.into(), size };
    Schema {
        name: "toy".into(),
        scenes: ["a", "b", "c"].map(str::to_owned).to_vec(),
        tasks: vec![
            task("click", TaskKind::Binary),
            task("spend", TaskKind::Regression { scale: TargetScale { mean: 0.0, deviation: 1.0 } }),
        ],
        fields: vec![
            field("price", FieldKind::Numeric),
            field("scene", FieldKind::Categorical { vocabulary: 0 }),
            field("item", FieldKind::Categorical { vocabulary: 1 }),
            field("history", FieldKind::Tokens { vocabulary: 1, max: 4 }),
            field("age", FieldKind::Numeric),
        ],
        vocabularies: vec![vocabulary("scene", 3), vocabulary("items", 1000)],
        scene_field: 1,
    }
}

pub fn columns() -> Columns {
    let rows = || 0..ROWS;
    let lengths = rows().map(|row| row % 5).scan(0, |total, len| {
        *total += len;
        Some(*total)
    });
    let starts: Vec<u32> = std::iter::once(0).chain(lengths).collect();
    let tokens = starts[ROWS as usize];
    Columns {
        schema: schema(),
        row_ids: rows().map(|row| 1_000_000 + u64::from(row)).collect(),
        parts: rows().map(|row| Part::ALL[usize::from(row % 10 == 1) + usize::from(row % 10 == 2) * 2]).collect(),
        scenes: rows().map(|row| row * 7 % 3).collect(),
        fields: vec![
            FieldColumn::Numeric(rows().map(|row| row as f32).collect()),
            FieldColumn::Scene,
            FieldColumn::Ids(rows().map(|row| row % 1000).collect()),
            FieldColumn::Tokens { ids: (0..tokens).map(|at| at % 997).collect(), starts },
            FieldColumn::Numeric(rows().map(|row| -(row as f32)).collect()),
        ],
        labels: vec![
            rows().map(|row| f64::from(row % 2)).collect(),
            rows().map(|row| if row % 3 == 0 { f64::NAN } else { f64::from(row) }).collect(),
        ],
        weights: rows().map(|row| 0.5 + (row % 4) as f32).collect(),
        groups: rows().map(|row| u64::from(row / 8)).collect(),
        slices: vec![("late".into(), rows().map(|row| row >= 30_000).collect())],
    }
}

fn toy() -> Dataset {
    Dataset::from_columns(columns()).unwrap()
}

#[test]
fn a_batch_holds_the_rows_grouped_by_scene_and_stable() {
    let (dataset, columns) = (toy(), columns());
    let rows: Vec<u32> = (0..500).map(|i| (i * 7919 + 13) % ROWS).collect();
    let (mut batch, mut order) = (Batch::default(), vec![]);
    dataset.fill(&rows, &mut batch);
    dataset.scene_order(&rows, &mut order);
    assert_eq!(batch.mismatch(dataset.schema()), None);
    let mut expected = rows.clone();
    expected.sort_by_key(|row| row * 7 % 3);
    let scale = dataset.base(1).scale();
    for (position, &row) in expected.iter().enumerate() {
        let at = row as usize;
        assert_eq!(rows[order[position] as usize], row);
        assert_eq!(batch.row_ids[position], columns.row_ids[at]);
        assert_eq!(batch.scene_of(position) as u32, columns.scenes[at]);
        assert_eq!(batch.lookups[1].ids[position], columns.scenes[at]);
        assert_eq!(batch.lookups[2].ids[position], row % 1000);
        let FieldColumn::Tokens { ids, starts } = &columns.fields[3] else { unreachable!("it is a text") };
        assert_eq!(batch.lookups[3].row(position), &ids[starts[at] as usize..starts[at + 1] as usize]);
        assert_eq!(batch.numeric[2 * position..2 * position + 2], [row as f32, -(row as f32)]);
        assert_eq!(batch.groups[position], u64::from(row / 8));
        let weight = 0.5 + (row % 4) as f32;
        assert_eq!((batch.labels(0)[position], batch.weights(0)[position]), ((row % 2) as f32, weight));
        let spend = if row % 3 == 0 { (0.0, 0.0) } else { (scale.standardise(f64::from(row)) as f32, weight) };
        assert_eq!((batch.labels(1)[position], batch.weights(1)[position]), spend);
    }
}

#[test]
fn a_reused_batch_equals_a_fresh_one() {
    let dataset = toy();
    let mut used = Batch::default();
    for rows in [vec![], (0..900).collect::<Vec<u32>>(), vec![39_999], (16_380..16_390).collect(), vec![5, 5, 5]] {
        let mut fresh = Batch::default();
        dataset.fill(&rows, &mut fresh);
        dataset.fill(&rows, &mut used);
        assert_eq!(used.mismatch(dataset.schema()), None);
        // Segments keep scratch space of their own, so they are compared by what they say.
        for (used, fresh) in used.segments.iter().zip(&fresh.segments) {
            assert_eq!((&used.unique, &used.starts), (&fresh.unique, &fresh.starts));
            assert_eq!(used.occurrences, fresh.occurrences);
        }
        used.segments.clone_from(&fresh.segments);
        assert_eq!(used, fresh);
    }
}

#[test]
fn what_is_gathered_for_predictions_has_no_segments() {
    let (dataset, rows) = (toy(), [7, 39_999, 16_384, 7]);
    let (mut filled, mut gathered) = (Batch::default(), Batch::default());
    dataset.fill(&rows, &mut filled);
    // A batch that was trained on before.
    dataset.fill(&[1, 2, 3], &mut gathered);
    dataset.gather(&rows, &mut gathered);
    assert!(filled.is_segmented() && !gathered.is_segmented());
    assert_eq!(gathered.mismatch(dataset.schema()), None);
    gathered.rebuild_segments(dataset.schema());
    assert!(gathered.is_segmented());
    gathered.segments.clone_from(&filled.segments);
    assert_eq!(gathered, filled);
}

#[test]
fn a_batch_keeps_its_buffers() {
    fn buffers(batch: &Batch) -> Vec<usize> {
        let lookups = batch.lookups.iter().flat_map(|lookup| {
            [lookup.ids.as_ptr().addr(), lookup.starts.as_ref().map_or(0, |starts| starts.as_ptr().addr())]
        });
        let segments = batch.segments.iter().flat_map(|segments| {
            [segments.unique.as_ptr().addr(), segments.starts.as_ptr().addr(), segments.occurrences.as_ptr().addr()]
        });
        let rest = [
            batch.row_ids.as_ptr().addr(),
            batch.scene_starts.as_ptr().addr(),
            batch.numeric.as_ptr().addr(),
            batch.labels.as_ptr().addr(),
            batch.weights.as_ptr().addr(),
            batch.groups.as_ptr().addr(),
        ];
        lookups.chain(segments).chain(rest).collect()
    }
    let (dataset, mut batch) = (toy(), Batch::default());
    // As many rows as any of them have, but all without a token and with one item.
    dataset.fill(&[0; 2000], &mut batch);
    let grown = buffers(&batch);
    let rich = (0..2000).map(|i| 5 * i + 4).collect();
    for rows in [rich, (5000..7000).collect::<Vec<u32>>(), vec![], (1..3).collect(), (38_000..40_000).collect()] {
        dataset.fill(&rows, &mut batch);
        assert_eq!(buffers(&batch), grown);
    }
}

#[test]
fn rows_answer_one_by_one_across_chunks() {
    let (dataset, columns) = (toy(), columns());
    assert_eq!(dataset.len(), ROWS as usize);
    for row in [0, 1, 16_383, 16_384, 32_768, ROWS - 1] {
        let at = row as usize;
        assert_eq!(dataset.row_id(row), columns.row_ids[at]);
        assert_eq!(dataset.part(row), columns.parts[at]);
        assert_eq!(dataset.scene(row), columns.scenes[at] as usize);
        assert_eq!((dataset.weight(row), dataset.group(row)), (columns.weights[at], Some(columns.groups[at])));
        assert_eq!(dataset.label(0, row), Some(columns.labels[0][at]));
        assert_eq!(dataset.label(1, row).is_none(), row % 3 == 0);
        assert_eq!(dataset.number(4, row), Some(-(row as f32)));
        assert_eq!((dataset.number(2, row), dataset.ids(0, row)), (None, &[][..]));
        assert_eq!(dataset.slices()[0].contains(row), row >= 30_000);
    }
    let total: usize = Part::ALL.iter().map(|part| dataset.rows(*part).len()).sum();
    assert_eq!(total, dataset.len());
    assert!(dataset.rows(Part::Valid).iter().all(|row| row % 10 == 1));
}

#[test]
fn the_scale_is_that_of_known_train_rows_by_weight() {
    let dataset = toy();
    let known: Vec<(f64, f64)> = (0..ROWS)
        .filter(|row| row % 3 != 0 && row % 10 != 1 && row % 10 != 2)
        .map(|row| (f64::from(row), 0.5 + f64::from(row % 4)))
        .collect();
    let all: f64 = known.iter().map(|(_, weight)| weight).sum();
    let mean = known.iter().map(|(y, weight)| y * weight).sum::<f64>() / all;
    let variance = known.iter().map(|(y, weight)| weight * (y - mean) * (y - mean)).sum::<f64>() / all;
    let TaskKind::Regression { scale } = dataset.schema().tasks[1].kind else { panic!("spend is a number") };
    assert!((scale.mean - mean).abs() < 1e-8 && (scale.deviation - variance.sqrt()).abs() < 1e-8, "{scale:?}");
    assert_eq!(dataset.base(1).rows, known.len() as u64);
    assert_eq!(dataset.base_of(1, dataset.rows(Part::Train)), *dataset.base(1));
}

#[test]
fn prefetched_batches_are_those_of_the_order() {
    let dataset = toy();
    let rows: Vec<u32> = dataset.rows(Part::Train)[..1000].to_vec();
    let order = Order::new(&Seeds::all(3), &rows, 300);
    let expected: Vec<(u64, usize, Vec<u32>)> = (0..3)
        .flat_map(|epoch| {
            let rows = order.epoch(epoch);
            rows.chunks(300).enumerate().map(|(i, rows)| (epoch, i, rows.to_vec())).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(expected.len(), 12);
    // From the start, and resumed at any batch; by a thread and without.
    for (first, ahead) in [(0, 2), (1, 2), (4, 1), (7, 2), (0, 0), (1, 0), (4, 0), (7, 0)] {
        let (epoch, index, _) = expected[first];
        let mut batches = Batches::epochs(&dataset, &order, epoch, index, ahead);
        for (epoch, index, rows) in &expected[first..] {
            let prepared = batches.next().unwrap();
            assert_eq!((prepared.epoch, prepared.index, &prepared.rows), (*epoch, *index, rows));
            let mut alone = Batch::default();
            dataset.fill(rows, &mut alone);
            assert_eq!(prepared.batch.row_ids, alone.row_ids);
            assert_eq!(prepared.batch.labels, alone.labels);
            assert_eq!(prepared.batch.lookups, alone.lookups);
            batches.give_back(prepared);
        }
    }
}

#[test]
fn a_pass_ends_and_an_empty_order_has_no_batch() {
    let dataset = toy();
    let rows: Vec<u32> = (0..1000).collect();
    for ahead in [0, 1] {
        let mut batches = Batches::pass(&dataset, &rows, 400, ahead);
        let mut seen = vec![];
        while let Some(prepared) = batches.next() {
            seen.extend_from_slice(&prepared.rows);
            batches.give_back(prepared);
        }
        assert_eq!(seen, rows);
        assert!(batches.next().is_none());
        let nothing = Order::new(&Seeds::all(3), &[], 300);
        assert!(Batches::epochs(&dataset, &nothing, 0, 0, ahead).next().is_none());
    }
}
