//! A checkpoint as bytes.
//!
//! It is a safetensors file. Its one metadata entry, `mmtl`, is `{"format": …, "digest": …}`; the tensor `contents` is
//! JSON, all others are `f32`. The digest covers every tensor, so that a flipped bit is an error and not another
//! result.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use mmtl_metrics::Score;
use mmtl_plan::{Memory, Snapshot};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};

use crate::best::Best;
use crate::checkpoint::{Checkpoint, State};
use crate::error::TrainError;
use crate::evaluation::Key;

/// Version of the file. Readers refuse what is newer.
const FORMAT: u32 = 1;

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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    state: State,
    session: Shape,
    /// Left out where weights are not averaged, as in files of before there was this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    average: Option<Shape>,
    /// Each once, though several keys may share one.
    snapshots: Vec<Shape>,
    best: Vec<Option<Kept>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    key: Key,
    step: u64,
    score: Score,
    snapshot: usize,
}

/// How many tensors a snapshot has.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
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

impl Checkpoint {
    /// The bytes of its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (snapshots, best) = shared(&self.best);
        let contents = Contents {
            state: self.state.clone(),
            session: shape(&self.session),
            average: self.average.as_ref().map(shape),
            snapshots: snapshots.iter().map(|snapshot| shape(snapshot)).collect(),
            best,
        };
        let contents = serde_json::to_vec(&contents).expect("scores are finite and keys are strings");
        let mut tensors = named("session", &self.session);
        tensors.extend(self.average.iter().flat_map(|average| named("average", average)));
        for (i, snapshot) in snapshots.iter().enumerate() {
            tensors.extend(named(&format!("best/{i}"), snapshot));
        }
        let mut views: Vec<(String, TensorView)> =
            tensors.iter().map(|(name, values)| (name.clone(), view(values))).collect();
        views.push((CONTENTS.to_owned(), bytes_view(&contents)));
        let header = Header { format: FORMAT, digest: digest(&mut views) };
        let header = serde_json::to_string(&header).expect("a number and a string");
        serialize(views, Some(HashMap::from([(HEADER.to_owned(), header)]))).expect("the header stays small")
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// When they are not those that [`Checkpoint::to_bytes`] made, or a newer version's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TrainError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| damaged(&error))?;
        let header = metadata.metadata().as_ref().and_then(|entries| entries.get(HEADER));
        let header = header.ok_or_else(|| damaged(&"it has no `mmtl` entry"))?;
        let Format { format } = serde_json::from_str(header).map_err(|error| damaged(&error))?;
        if format > FORMAT {
            return Err(TrainError::Newer { got: format, known: FORMAT });
        }
        if format != FORMAT {
            return Err(damaged(&format!("it has format {format}, which never was")));
        }
        let header: Header = serde_json::from_str(header).map_err(|error| damaged(&error))?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| damaged(&error))?;
        if digest(&mut file.tensors()) != header.digest {
            return Err(damaged(&"its contents do not match their digest"));
        }
        let contents = file.tensor(CONTENTS).map_err(|error| damaged(&error))?;
        let contents = serde_json::from_slice(contents.data()).map_err(|error| damaged(&error))?;
        assemble(&file, contents)
    }
}

fn assemble(file: &SafeTensors, contents: Contents) -> Result<Checkpoint, TrainError> {
    let snapshot = |(i, shape): (usize, &Shape)| read(file, &format!("best/{i}"), *shape).map(Arc::new);
    let snapshots = contents.snapshots.iter().enumerate().map(snapshot).collect::<Result<Vec<_>, _>>()?;
    let best = |kept: Option<Kept>| {
        kept.map(|Kept { key, step, score, snapshot }| {
            let snapshot = snapshots.get(snapshot).ok_or_else(|| damaged(&format!("it has no snapshot {snapshot}")))?;
            Ok(Best { key, step, score, snapshot: snapshot.clone() })
        })
        .transpose()
    };
    let best = contents.best.into_iter().map(best).collect::<Result<Vec<_>, TrainError>>()?;
    let average = contents.average.map(|shape| read(file, "average", shape)).transpose()?;
    Ok(Checkpoint { state: contents.state, session: read(file, "session", contents.session)?, average, best })
}

/// Each snapshot once: keys with one best step share it.
fn shared(best: &[Option<Best>]) -> (Vec<Arc<Snapshot>>, Vec<Option<Kept>>) {
    let mut steps: Vec<u64> = vec![];
    let mut snapshots = vec![];
    let mut place = |best: &Best| {
        steps.iter().position(|step| *step == best.step).unwrap_or_else(|| {
            steps.push(best.step);
            snapshots.push(best.snapshot.clone());
            steps.len() - 1
        })
    };
    let kept = best
        .iter()
        .map(|best| best.as_ref().map(|b| Kept { key: b.key, step: b.step, score: b.score, snapshot: place(b) }));
    let kept = kept.collect();
    (snapshots, kept)
}

fn shape(snapshot: &Snapshot) -> Shape {
    Shape {
        tables: snapshot.tables.len(),
        states: snapshot.states.len(),
        memory: snapshot.memory.as_ref().map(|memory| MemoryShape { step: memory.step, moments: memory.dense.len() }),
    }
}

/// Every array of a snapshot with its name.
fn named<'a>(of: &str, snapshot: &'a Snapshot) -> Vec<(String, &'a [f32])> {
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

/// Reads back what [`named`] names.
fn read(file: &SafeTensors, of: &str, shape: Shape) -> Result<Snapshot, TrainError> {
    let one = |name: String| {
        let tensor = file.tensor(&name).map_err(|error| damaged(&error))?;
        match tensor.dtype() {
            Dtype::F32 => Ok(bytemuck::pod_collect_to_vec(tensor.data())),
            other => Err(damaged(&format!("tensor `{name}` is {other:?}, expected F32"))),
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

fn damaged(what: &dyn Display) -> TrainError {
    TrainError::Damaged(what.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::{Choice, Evaluation};
    use crate::losses::LossSums;
    use mmtl_metrics::Reason;
    use mmtl_plan::LossTotals;

    fn snapshot(first: f32, moments: usize) -> Snapshot {
        let memory = Memory {
            step: 7,
            dense: (0..moments).map(|m| vec![m as f32, f32::MIN_POSITIVE]).collect(),
            tables: (0..moments).map(|m| vec![vec![0.5 + m as f32], vec![-0.0, 9.0]]).collect(),
        };
        Snapshot {
            dense: vec![first, f32::NAN.copysign(-1.0), f32::INFINITY],
            tables: vec![vec![1.5], vec![2.5, 3.5]],
            states: vec![vec![], vec![4.5]],
            memory: Some(memory),
        }
    }

    fn checkpoint() -> Checkpoint {
        let shared = Arc::new(Snapshot { memory: None, ..snapshot(1.0, 0) });
        let own = Arc::new(Snapshot { memory: None, ..snapshot(2.0, 0) });
        let best = |key, step, snapshot: &Arc<Snapshot>| {
            Some(Best { key, step, score: Score::Value(0.1 + 0.2), snapshot: snapshot.clone() })
        };
        let choices = vec![
            Choice { key: Key::Run, score: Score::Value(1.0 / 3.0), best: true },
            Choice { key: Key::Scene(1), score: Score::Undefined(Reason::SingleClass), best: false },
        ];
        let mut losses = LossSums::default();
        losses.add(&[LossTotals { sum: 0.1, steps: 3, first_not_finite: None }]);
        let state = State {
            fit: "fit".into(),
            numerics: "class".into(),
            step: 7,
            stale: 2,
            losses,
            history: vec![Evaluation { step: 4, epochs: 0.7, losses: vec![None, Some(0.3)], choices, outputs: vec![] }],
        };
        let best =
            vec![best(Key::Run, 4, &shared), None, best(Key::Output(1), 2, &own), best(Key::Scene(1), 4, &shared)];
        let average = Some(Snapshot { states: vec![], memory: None, ..snapshot(3.0, 0) });
        Checkpoint { state, session: snapshot(0.0, 2), average, best }
    }

    #[test]
    fn bytes_come_back_bit_for_bit_and_are_always_the_same() {
        let bytes = checkpoint().to_bytes();
        let back = Checkpoint::from_bytes(&bytes).unwrap();
        assert_eq!(back.to_bytes(), bytes);
        assert_eq!(
            (&back.state, back.session.memory.as_ref()),
            (&checkpoint().state, checkpoint().session.memory.as_ref())
        );
        let bits = |snapshot: &Snapshot| snapshot.dense.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back.session), bits(&checkpoint().session));
        assert_eq!(bits(&back.average.unwrap()), bits(&checkpoint().average.unwrap()));
        let none = Checkpoint { average: None, ..checkpoint() }.to_bytes();
        assert_eq!(Checkpoint::from_bytes(&none).unwrap().average, None);
        let best = |i: usize| back.best[i].as_ref().unwrap();
        assert_eq!((best(0).step, best(2).key, best(2).snapshot.dense[0]), (4, Key::Output(1), 2.0));
        assert!(Arc::ptr_eq(&best(0).snapshot, &best(3).snapshot), "keys with one best step share its weights");
        assert!(back.best[1].is_none());
    }

    #[test]
    fn sgd_without_momentum_has_no_moments() {
        let plain = Checkpoint { session: snapshot(0.0, 0), ..checkpoint() };
        let memory = Checkpoint::from_bytes(&plain.to_bytes()).unwrap().session.memory.unwrap();
        assert_eq!(memory, Memory { step: 7, dense: vec![], tables: vec![] });
    }

    #[test]
    fn any_flipped_bit_or_missing_end_is_an_error() {
        let bytes = checkpoint().to_bytes();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let error = Checkpoint::from_bytes(&flipped).expect_err(&format!("byte {at}"));
            assert!(matches!(error, TrainError::Damaged(_) | TrainError::Newer { .. }), "byte {at}: {error}");
            assert!(Checkpoint::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
        let message = Checkpoint::from_bytes(b"").unwrap_err().to_string();
        assert_eq!(message, "the checkpoint is damaged: header too small");
    }

    #[test]
    fn a_newer_format_is_said_to_be_newer() {
        let bytes = checkpoint().to_bytes();
        let text = format!("{{\\\"format\\\":{FORMAT},");
        let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
        let mut newer = bytes;
        newer[at + text.len() - 2] = b'9';
        let message = Checkpoint::from_bytes(&newer).unwrap_err().to_string();
        assert_eq!(message, "the checkpoint has format 9, expected at most 1: it was written by a newer version");
    }

    #[test]
    fn only_its_own_fit_may_go_on() {
        let checkpoint = checkpoint();
        assert!(checkpoint.check("fit", "class").is_ok());
        let message = checkpoint.check("other", "class").unwrap_err().to_string();
        assert_eq!(message, "the checkpoint belongs to another fit: it has fit, expected other");
        let message = checkpoint.check("fit", "avx512").unwrap_err().to_string();
        assert_eq!(message, "the checkpoint belongs to another numerics class: it has class, expected avx512");
    }
}
