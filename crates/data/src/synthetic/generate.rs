//! Rows of a synthetic world. A row is a pure function of (seed, row number): rows are made a few thousand at a time,
//! and any number of rows takes the same memory.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float32Array, Float64Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema};
use mmtl_plan::{Purpose, Stream};

use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::synthetic::NAME;
use crate::synthetic::popularity::Popularity;
use crate::synthetic::world::World;
use crate::table::{EachPiece, Piece, Table};

/// Rows made at a time.
const PIECE_ROWS: u64 = 4096;

/// Names of columns.
pub(super) fn numeric_name(at: usize) -> String {
    format!("x{}", at + 1)
}

pub(super) fn category_name(at: usize) -> String {
    format!("category{}", at + 1)
}

pub(super) fn label_name(target: &str) -> String {
    format!("label.{target}")
}

pub(super) fn scene_name(at: usize) -> String {
    format!("scene{}", at + 1)
}

/// The random numbers of all rows.
struct Streams {
    x: Stream,
    scene: Stream,
    categories: Vec<Stream>,
    /// By field and direction.
    effects: Vec<Vec<Stream>>,
    noise: Vec<Stream>,
    coins: Vec<Stream>,
}

impl Streams {
    fn of(world: &World) -> Self {
        let stream = |name: String| Stream::new(world.seed, Purpose::Data, &name);
        let targets = 0..world.targets.len();
        let effects = |f: usize| targets.clone().map(|j| stream(format!("effect{}/{}", f + 1, j + 1))).collect();
        Self {
            x: stream("x".into()),
            scene: stream("scene".into()),
            categories: (0..world.categories.len()).map(|f| stream(format!("category{}", f + 1))).collect(),
            effects: (0..world.categories.len()).map(effects).collect(),
            noise: targets.clone().map(|k| stream(format!("noise{}", k + 1))).collect(),
            coins: targets.clone().map(|k| stream(format!("coin{}", k + 1))).collect(),
        }
    }
}

/// Columns of some rows.
struct Generated {
    x: Vec<Vec<f32>>,
    categories: Vec<Vec<u32>>,
    labels: Vec<Vec<f64>>,
    scenes: Vec<i32>,
}

impl World {
    fn generate(&self, streams: &Streams, rows: std::ops::Range<u64>) -> Generated {
        let mut made = Generated {
            x: vec![vec![]; self.dim],
            categories: vec![vec![]; self.categories.len()],
            labels: vec![vec![]; self.targets.len()],
            scenes: vec![],
        };
        let mut x = vec![0.0; self.dim];
        for row in rows {
            for (at, value) in x.iter_mut().enumerate() {
                // The targets follow from what a model sees, which is rounded.
                *value = f64::from(streams.x.normal(row, at as u64) as f32);
                made.x[at].push(*value as f32);
            }
            let scene = self.scenes.value(streams.scene.uniform(0, row));
            made.scenes.push((scene as u32).cast_signed());
            let value = |(stream, of): (&Stream, &Popularity)| of.value(stream.uniform(0, row));
            let categories: Vec<usize> = streams.categories.iter().zip(&self.categories).map(value).collect();
            made.categories.iter_mut().zip(&categories).for_each(|(column, value)| column.push(*value as u32));
            for k in 0..self.targets.len() {
                let y = self.target(streams, row, scene, k, &x, &categories);
                made.labels[k].push(if self.targets[k].binary { self.flip(y, streams.coins[k], row) } else { y });
            }
        }
        made
    }

    /// `z + Σ sin(αᵢz + βᵢ) + ε` with `z = wᵀx` (Ma et al., KDD 2018, eq. 2), and the effects of scene and categories.
    fn target(&self, streams: &Streams, row: u64, scene: usize, k: usize, x: &[f64], categories: &[usize]) -> f64 {
        let z = super::weights::dot(&self.weights[scene][k], x);
        let wave: f64 = self.terms.iter().map(|(alpha, beta)| libm::sin(alpha * z + beta)).sum();
        let effect = |(streams, value): (&Vec<Stream>, &usize)| -> f64 {
            // Correlated between tasks as their weights are.
            let along = |(j, stream): (usize, &Stream)| self.factor[k][j] * stream.normal(0, *value as u64);
            streams.iter().enumerate().map(along).sum()
        };
        let effects: f64 = streams.effects.iter().zip(categories).map(effect).sum();
        let noise = self.noise * streams.noise[k].normal(0, row);
        z + wave + self.effect * effects + self.shifts[scene] + noise
    }

    /// A binary label from a latent target.
    fn flip(&self, y: f64, coin: Stream, row: u64) -> f64 {
        let margin = y - self.threshold;
        let positive =
            if self.logistic { coin.uniform(0, row) < 1.0 / (1.0 + libm::exp(-margin)) } else { margin > 0.0 };
        f64::from(u8::from(positive))
    }

    fn schema(&self) -> Schema {
        let field = |name: String, kind: DataType| Field::new(name, kind, false);
        let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let mut fields: Vec<Field> = (0..self.dim).map(|at| field(numeric_name(at), DataType::Float32)).collect();
        fields.extend((0..self.categories.len()).map(|at| field(category_name(at), DataType::UInt32)));
        fields.extend(self.targets.iter().map(|target| field(label_name(&target.name), DataType::Float64)));
        fields.push(field("scene".into(), words));
        Schema::new(fields)
    }
}

impl Table for World {
    fn rows(&self) -> Option<u64> {
        Some(self.rows)
    }

    fn contents(&self, fingerprint: &mut Fingerprint) -> Result<(), DataError> {
        fingerprint.bytes("data", &self.seed.to_le_bytes());
        Ok(())
    }

    fn scan(&self, each: EachPiece) -> Result<(), DataError> {
        let (schema, streams) = (Arc::new(self.schema()), Streams::of(self));
        let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..self.weights.len()).map(scene_name)));
        for first_row in (0..self.rows).step_by(PIECE_ROWS as usize) {
            let made = self.generate(&streams, first_row..(first_row + PIECE_ROWS).min(self.rows));
            let mut arrays: Vec<ArrayRef> =
                made.x.into_iter().map(|column| Arc::new(Float32Array::from(column)) as ArrayRef).collect();
            arrays.extend(made.categories.into_iter().map(|column| Arc::new(UInt32Array::from(column)) as ArrayRef));
            arrays.extend(made.labels.into_iter().map(|column| Arc::new(Float64Array::from(column)) as ArrayRef));
            let scenes = DictionaryArray::<Int32Type>::try_new(made.scenes.into(), names.clone());
            let batch = scenes.and_then(|scenes| {
                arrays.push(Arc::new(scenes));
                RecordBatch::try_new(schema.clone(), arrays)
            });
            let batch = batch.expect("columns are made for the schema");
            let share = (first_row + batch.num_rows() as u64) as f64 / self.rows as f64;
            each(&Piece::of_one_file(NAME, first_row, share, batch))?;
        }
        Ok(())
    }
}
