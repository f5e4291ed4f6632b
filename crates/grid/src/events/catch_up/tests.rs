//! That passing over lines changes nothing.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::events::tests::{evaluated, progress};
use crate::events::{GridState, Happened, Level, RunEvent, RunState, Stamped, VERSION};

fn key() -> TrialKey {
    "0123456789abcdef".parse().unwrap()
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    (folder, store)
}

fn write(store: &Store, bytes: &[u8]) -> RunFolder {
    let run = store.run(&key());
    fs::create_dir_all(run.root()).unwrap();
    fs::write(run.events_file(), bytes).unwrap();
    run
}

/// A worker's file as it grows, with whatever can befall it.
#[derive(Default)]
struct Journal {
    lines: Vec<Vec<u8>>,
    attempt: u32,
    seq: u64,
    at: u64,
}

/// What comes next: which of the things that can happen, and numbers for it.
type Next = (u32, usize, u64, bool, usize);

impl Journal {
    fn tell(&mut self, event: RunEvent) {
        self.seq += 1;
        let line = Stamped { v: VERSION, attempt: self.attempt, seq: self.seq, at: self.at, event };
        self.lines.push(serde_json::to_vec(&line).unwrap());
    }

    fn next(&mut self, (what, fit, step, flag, place): Next) {
        self.at += step % 3;
        let again = self.lines.get(place % self.lines.len().max(1)).cloned().unwrap_or_default();
        match what {
            0..8 => self.tell(with_rate(progress(fit, step), step as f64 / 7.0)),
            8..13 => self.tell(evaluated(fit, step, place as f64 / 64.0, flag)),
            13..16 => self.tell(RunEvent::Checkpointed { fit, step }),
            16 => self.tell(RunEvent::Log { level: Level::Warning, text: format!("{step}") }),
            17 => self.tell(RunEvent::Stage { name: "compiling".into() }),
            18 => self.tell(RunEvent::Resumed { fit, step }),
            19 => {
                (self.attempt, self.seq) = (self.attempt + 1, 0);
                let fits = ["a", "b"][..=fit % 2].iter().map(ToString::to_string).collect();
                let started = RunEvent::Started { host: "h".into(), pid: 1, threads: 1, fits };
                if flag { self.tell(started) } else { self.tell(progress(fit, step)) }
            }
            20 => self.tell(RunEvent::Fitted { fit, best_step: step }),
            21 => self.tell(if flag { RunEvent::Stopped } else { RunEvent::Failed { reason: "x".into() } }),
            22 => self.lines.push(again),
            23 => self.lines.push(again[..again.len().min(place)].to_vec()),
            24 => self.lines.push(spoilt(again, place, flag)),
            25 => self.at = self.at.saturating_sub(step),
            26 => self.seq = self.seq.saturating_sub(step % 4),
            _ => self.lines.push(b"{\"v\":3}".to_vec()),
        }
    }

    fn bytes(&self, tail: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
        bytes.extend_from_slice(tail);
        bytes
    }
}

fn with_rate(event: RunEvent, rate: f64) -> RunEvent {
    match event {
        RunEvent::Progress { fit, step, steps, losses, .. } => {
            RunEvent::Progress { fit, step, steps, epochs: rate, rows_per_second: 2.0 * rate, losses }
        }
        other => other,
    }
}

/// One byte is another; with `digits`, a digit, so that the line most likely still is one.
fn spoilt(mut line: Vec<u8>, place: usize, digits: bool) -> Vec<u8> {
    let within = |byte: &u8| if digits { byte.is_ascii_digit() } else { *byte != b'\n' };
    let places: Vec<usize> = (0..line.len()).filter(|at| within(&line[*at])).collect();
    if let Some(at) = places.get(place % places.len().max(1)) {
        line[*at] = if digits { b'0' + (place % 10) as u8 } else { b'~' };
    }
    line
}

/// All lines, folded one by one.
fn plainly(run: &RunFolder) -> (Told, LineReader<RunLine>) {
    let (mut told, mut reader) = (Told::new(key()), run.events());
    reader.poll_each(|line| line.into_value().into_iter().for_each(|line| told.take(line))).unwrap();
    (told, reader)
}

fn state_of(story: impl IntoIterator<Item = Line<RunLine>>) -> GridState {
    let mut state = GridState::default();
    let values = story.into_iter().filter_map(Line::into_value);
    values.for_each(|line| state.apply(Happened::Run(key(), line)));
    state
}

fn any_next() -> impl Strategy<Value = Next> {
    (0..28u32, 0..2usize, 0..40u64, any::<bool>(), 0..400usize)
}

/// Mostly a fit that goes on undisturbed.
fn any_story() -> impl Strategy<Value = Vec<Next>> {
    let calm = (0..16u32, Just(0), 0..40u64, any::<bool>(), 0..64usize);
    proptest::collection::vec(prop_oneof![6 => calm, 1 => any_next()], 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_is_passed_over_changes_nothing(story in any_story(), more in any_story(), tail in "(\\{\"v\":)?") {
        let (_folder, store) = store();
        let mut journal = Journal { attempt: 1, ..Journal::default() };
        for next in story {
            journal.next(next);
        }
        let run = write(&store, &journal.bytes(tail.as_bytes()));
        let (plain, mut reader) = plainly(&run);
        let mut caught = catch_up(&run).unwrap();
        prop_assert_eq!(&caught.told, &plain);
        let mut adopted = GridState::default();
        adopted.adopt(caught.told.clone());
        let applied = state_of(run.events().poll().unwrap());
        prop_assert_eq!(adopted.run(&key()).filter(|run| run.last_at > 0 || run.attempt > 0), applied.run(&key()));
        prop_assert_eq!((&adopted.log, adopted.last_at), (&applied.log, applied.last_at));
        // Both go on from the same place.
        let known = journal.lines.len();
        for next in more {
            journal.next(next);
        }
        journal.lines.drain(..known);
        OpenOptions::new().append(true).open(run.events_file()).unwrap().write_all(&journal.bytes(b"")).unwrap();
        prop_assert_eq!(caught.lines.poll().unwrap(), reader.poll().unwrap());
    }
}

/// A run that trains on: ten reports, an evaluation and a checkpoint at a time.
fn long(rounds: u64) -> Vec<u8> {
    let mut journal = Journal { attempt: 1, ..Journal::default() };
    for round in 0..rounds {
        for step in 0..10 {
            journal.at += 1;
            journal.tell(with_rate(progress(0, 10 * round + step), (round + step) as f64 / 3.0));
        }
        journal.tell(evaluated(0, 10 * round + 9, 0.5, round % 3 == 0));
        journal.tell(RunEvent::Checkpointed { fit: 0, step: 10 * round + 9 });
    }
    journal.bytes(b"")
}

#[test]
fn files_longer_than_a_block_are_read_in_blocks() {
    let (_folder, store) = store();
    let run = write(&store, &long(2_000));
    assert!(fs::metadata(run.events_file()).unwrap().len() > 3 << 20);
    assert_eq!(catch_up(&run).unwrap().told, plainly(&run).0);
}

#[test]
fn of_an_undisturbed_run_a_handful_of_lines_is_parsed() {
    let bytes = long(16);
    let mut sift = Sift::default();
    sift.sift(&bytes, 1);
    assert_eq!(sift.all().count(), 192);
    let needed: Vec<u64> = sift.needed().map(|place| place.number).collect();
    // The first line; the last best evaluation; the last report, evaluation and checkpoint.
    assert_eq!(
        needed,
        [1, 191, 190, 192].into_iter().collect::<std::collections::BTreeSet<u64>>().into_iter().collect::<Vec<_>>()
    );
}

#[test]
fn a_damaged_line_that_stood_for_others_stands_for_none() {
    let (_folder, store) = store();
    let mut bytes = long(1);
    let last = b"\"epochs\":";
    // The last report and the evaluation, whose heads still promise something.
    for _ in 0..2 {
        let places: Vec<usize> = (0..bytes.len() - last.len()).filter(|at| bytes[*at..].starts_with(last)).collect();
        bytes[places[places.len() - 1] + 1] = b'E';
    }
    let run = write(&store, &bytes);
    let caught = catch_up(&run).unwrap();
    assert_eq!(caught.told, plainly(&run).0);
    assert_eq!(caught.told.run().fits[0].step, 8);
    let damage = caught.lines.damage();
    assert_eq!((damage.corrupt, damage.first.as_ref().map(|(line, _)| *line)), (2, Some(10)));
}

#[test]
fn every_run_is_read_once_whatever_the_threads_and_missing_files_tell_nothing() {
    let (_folder, store) = store();
    let keys: Vec<TrialKey> = (0..40).map(|run| format!("{run:016x}").parse().unwrap()).collect();
    for key in &keys[1..] {
        fs::create_dir_all(store.run(key).root()).unwrap();
        fs::write(store.run(key).events_file(), long(2)).unwrap();
    }
    fs::remove_file(store.run(&keys[1]).events_file()).unwrap();
    fs::create_dir(store.run(&keys[1]).events_file()).unwrap();
    for threads in [0, 1, 3, 100] {
        let read = Mutex::new(vec![]);
        catch_up_all(&store, &keys, threads, |key, caught| {
            let steps = caught.map(|caught| caught.told.run().fits.first().map(|fit| fit.step)).ok();
            read.lock().unwrap().push((key.clone(), steps));
            ControlFlow::Continue(())
        });
        let mut read = read.into_inner().unwrap();
        read.sort();
        let expected: Vec<_> =
            keys.iter().cloned().zip([Some(None), None].into_iter().chain([Some(Some(19)); 38])).collect();
        assert_eq!(read, expected, "{threads}");
    }
    let read = AtomicUsize::new(0);
    catch_up_all(&store, &keys, 2, |_, _| {
        read.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Break(())
    });
    assert!((1..=2).contains(&read.into_inner()));
}

#[test]
fn a_run_is_adopted_under_what_its_scheduler_told() {
    let (_folder, store) = store();
    let run = write(&store, &long(3));
    let mut state = GridState::default();
    let event = crate::events::GridEvent::Priority { key: key(), priority: 4 };
    state.apply(Happened::Grid(Stamped { v: VERSION, attempt: 1, seq: 1, at: 1, event }));
    let told = catch_up(&run).unwrap().told;
    state.adopt(told.clone());
    let adopted = state.run(&key()).unwrap().clone();
    assert_eq!((adopted.priority, adopted.fits[0].step), (4, 29));
    // Behind what is known: nothing changes.
    let line = Stamped { v: VERSION, attempt: 2, seq: 1, at: 99, event: progress(0, 77) };
    state.apply(Happened::Run(key(), line));
    state.adopt(told);
    assert_eq!(state.run(&key()).map(|run: &RunState| run.fits[0].step), Some(77));
}
