//! A checkpoint as bytes; see `sealed.rs`.

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, State};
use crate::error::TrainError;
use crate::sealed::{Kept, Kind, Shape, named, named_best, shared};

const KIND: Kind = Kind { name: "checkpoint", format: 1 };

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

impl Checkpoint {
    /// The bytes of its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (snapshots, best) = shared(self.best.iter().map(Option::as_ref));
        let contents = Contents {
            state: self.state.clone(),
            session: Shape::of(&self.session),
            average: self.average.as_ref().map(Shape::of),
            snapshots: snapshots.iter().map(|snapshot| Shape::of(snapshot)).collect(),
            best,
        };
        let mut tensors = named("session", &self.session);
        tensors.extend(self.average.iter().flat_map(|average| named("average", average)));
        tensors.extend(named_best(&snapshots));
        KIND.seal(&contents, &tensors)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// When they are not those that [`Checkpoint::to_bytes`] made, or a newer version's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TrainError> {
        let (contents, file) = KIND.unseal::<Contents>(bytes)?;
        let best = KIND.read_best(&file, &contents.snapshots, contents.best)?;
        let average = contents.average.map(|shape| KIND.read(&file, "average", shape)).transpose()?;
        Ok(Self { state: contents.state, session: KIND.read(&file, "session", contents.session)?, average, best })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::best::Best;
    use crate::evaluation::{Choice, Evaluation, Key};
    use crate::losses::LossSums;
    use mmtl_metrics::{Reason, Score};
    use mmtl_plan::{LossTotals, Memory, Snapshot};

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
        let average = Some(Snapshot { memory: None, ..snapshot(3.0, 0) });
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
            assert!(matches!(error, TrainError::Damaged { .. } | TrainError::Newer { .. }), "byte {at}: {error}");
            assert!(Checkpoint::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
        let message = Checkpoint::from_bytes(b"").unwrap_err().to_string();
        assert_eq!(message, "the checkpoint is damaged: header too small");
    }

    #[test]
    fn a_newer_format_is_said_to_be_newer() {
        let bytes = checkpoint().to_bytes();
        let text = format!("{{\\\"format\\\":{},", KIND.format);
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
