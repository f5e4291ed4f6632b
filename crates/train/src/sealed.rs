//! What is kept of fits as bytes: a safetensors file. Its one metadata entry, `mmtl`, is `{"format": …, "digest": …}`;
//! the tensor `contents` is JSON, all others are `f32`. The digest covers every tensor, so that a flipped bit is an error
//! and not another result.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use mmtl_metrics::Score;
use mmtl_plan::{Memory, Snapshot};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::best::Best;
use crate::error::TrainError;
use crate::evaluation::Key;

const HEADER: &str = "mmtl";
const CONTENTS: &str = "contents";

// Tensors are copied as they lie in memory, and safetensors files are little-endian.
const _: () = assert!(cfg!(target_endian = "little"));

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    digest: String,
}

/// The part of a header that no later version changes.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// A kind of file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// What errors call it.
    pub name: &'static str,
    /// Version of the file. Readers refuse what is newer.
    pub format: u32,
}

impl Kind {
    pub(crate) fn damaged(self, what: &dyn Display) -> TrainError {
        TrainError::Damaged { file: self.name, reason: what.to_string() }
    }

    /// The bytes of a file.
    pub(crate) fn seal(self, contents: &impl Serialize, tensors: &[(String, &[f32])]) -> Vec<u8> {
        let contents = serde_json::to_vec(contents).expect("scores are finite and keys are strings");
        let mut views: Vec<(String, TensorView)> =
            tensors.iter().map(|(name, values)| (name.clone(), view(values))).collect();
        views.push((CONTENTS.to_owned(), bytes_view(&contents)));
        let header = Header { format: self.format, digest: digest(&mut views) };
        let header = serde_json::to_string(&header).expect("a number and a string");
        serialize(views, Some(HashMap::from([(HEADER.to_owned(), header)]))).expect("the header stays small")
    }

    /// Contents and tensors of what [`Kind::seal`] made.
    pub(crate) fn unseal<C: DeserializeOwned>(self, bytes: &[u8]) -> Result<(C, SafeTensors<'_>), TrainError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| self.damaged(&error))?;
        let header = metadata.metadata().as_ref().and_then(|entries| entries.get(HEADER));
        let header = header.ok_or_else(|| self.damaged(&"it has no `mmtl` entry"))?;
        let Format { format } = serde_json::from_str(header).map_err(|error| self.damaged(&error))?;
        if format > self.format {
            return Err(TrainError::Newer { file: self.name, got: format, known: self.format });
        }
        if format != self.format {
            return Err(self.damaged(&format!("it has format {format}, which never was")));
        }
        let header: Header = serde_json::from_str(header).map_err(|error| self.damaged(&error))?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| self.damaged(&error))?;
        if digest(&mut file.tensors()) != header.digest {
            return Err(self.damaged(&"its contents do not match their digest"));
        }
        let contents = file.tensor(CONTENTS).map_err(|error| self.damaged(&error))?;
        let contents = serde_json::from_slice(contents.data()).map_err(|error| self.damaged(&error))?;
        Ok((contents, file))
    }

    /// Reads back what [`named`] names.
    pub(crate) fn read(self, file: &SafeTensors, of: &str, shape: Shape) -> Result<Snapshot, TrainError> {
        let one = |name: String| {
            let tensor = file.tensor(&name).map_err(|error| self.damaged(&error))?;
            match tensor.dtype() {
                Dtype::F32 => Ok(bytemuck::pod_collect_to_vec(tensor.data())),
                other => Err(self.damaged(&format!("tensor `{name}` is {other:?}, expected F32"))),
            }
        };
        let several = |what: &str, count: usize| (0..count).map(|i| one(format!("{of}/{what}/{i}"))).collect();
        let memory = |shape_of: MemoryShape| {
            let tables = (0..shape_of.moments).map(|m| several(&format!("moment/{m}/table"), shape.tables));
            Ok::<_, TrainError>(Memory {
                step: shape_of.step,
                dense: several("moment", shape_of.moments)?,
                tables: tables.collect::<Result<_, _>>()?,
            })
        };
        Ok(Snapshot {
            dense: one(format!("{of}/dense"))?,
            tables: several("table", shape.tables)?,
            states: several("state", shape.states)?,
            memory: shape.memory.map(memory).transpose()?,
        })
    }

    /// Reads back the choices of [`shared`], whose snapshots [`named_best`] names.
    pub(crate) fn read_best(
        self,
        file: &SafeTensors,
        snapshots: &[Shape],
        best: Vec<Option<Kept>>,
    ) -> Result<Vec<Option<Best>>, TrainError> {
        let snapshot = |(i, shape): (usize, &Shape)| self.read(file, &of_best(i), *shape).map(Arc::new);
        let snapshots = snapshots.iter().enumerate().map(snapshot).collect::<Result<Vec<_>, _>>()?;
        let read = |Kept { key, step, score, snapshot }: Kept| {
            let absent = || self.damaged(&format!("it has no snapshot {snapshot}"));
            let snapshot = snapshots.get(snapshot).ok_or_else(absent)?.clone();
            Ok(Best { key, step, score, snapshot })
        };
        best.into_iter().map(|kept| kept.map(read).transpose()).collect()
    }
}

/// A choice of weights.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    key: Key,
    step: u64,
    score: Score,
    snapshot: usize,
}

/// How many tensors a snapshot has.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    tables: usize,
    states: usize,
    memory: Option<MemoryShape>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemoryShape {
    step: u64,
    moments: usize,
}

impl Shape {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        Self {
            tables: snapshot.tables.len(),
            states: snapshot.states.len(),
            memory: (snapshot.memory.as_ref())
                .map(|memory| MemoryShape { step: memory.step, moments: memory.dense.len() }),
        }
    }
}

/// Each snapshot once: keys with one best step share it.
pub(crate) fn shared<'a>(best: impl IntoIterator<Item = Option<&'a Best>>) -> (Vec<Arc<Snapshot>>, Vec<Option<Kept>>) {
    let mut steps: Vec<u64> = vec![];
    let mut snapshots = vec![];
    let mut place = |best: &Best| {
        steps.iter().position(|step| *step == best.step).unwrap_or_else(|| {
            steps.push(best.step);
            snapshots.push(best.snapshot.clone());
            steps.len() - 1
        })
    };
    let mut keep = |b: &Best| Kept { key: b.key, step: b.step, score: b.score, snapshot: place(b) };
    let kept = best.into_iter().map(|best| best.map(&mut keep)).collect();
    (snapshots, kept)
}

fn of_best(number: usize) -> String {
    format!("best/{number}")
}

/// Every array of the snapshots of [`shared`] with its name.
pub(crate) fn named_best(snapshots: &[Arc<Snapshot>]) -> Vec<(String, &[f32])> {
    snapshots.iter().enumerate().flat_map(|(i, snapshot)| named(&of_best(i), snapshot)).collect()
}

/// Every array of a snapshot with its name.
pub(crate) fn named<'a>(of: &str, snapshot: &'a Snapshot) -> Vec<(String, &'a [f32])> {
    let numbered = |what: &str, i: usize, values: &'a Vec<f32>| (format!("{of}/{what}/{i}"), &values[..]);
    let mut tensors = vec![(format!("{of}/dense"), &snapshot.dense[..])];
    tensors.extend(snapshot.tables.iter().enumerate().map(|(i, table)| numbered("table", i, table)));
    tensors.extend(snapshot.states.iter().enumerate().map(|(i, state)| numbered("state", i, state)));
    for (m, (dense, tables)) in
        snapshot.memory.iter().flat_map(|memory| memory.dense.iter().zip(&memory.tables)).enumerate()
    {
        tensors.push(numbered("moment", m, dense));
        let of_table = format!("moment/{m}/table");
        tensors.extend(tables.iter().enumerate().map(|(i, table)| numbered(&of_table, i, table)));
    }
    tensors
}

fn view(values: &[f32]) -> TensorView<'_> {
    TensorView::new(Dtype::F32, vec![values.len()], bytemuck::cast_slice(values)).expect("four bytes an element")
}

fn bytes_view(bytes: &[u8]) -> TensorView<'_> {
    TensorView::new(Dtype::U8, vec![bytes.len()], bytes).expect("one byte an element")
}

/// BLAKE3 over all tensors, sorted by name.
fn digest(tensors: &mut [(String, TensorView)]) -> String {
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut hasher = blake3::Hasher::new();
    for (name, tensor) in tensors {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(&(tensor.data().len() as u64).to_le_bytes());
        hasher.update(tensor.data());
    }
    hasher.finalize().to_hex().to_string()
}
