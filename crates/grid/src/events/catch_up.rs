//! Reading what runs have told so far, fast: ten thousand runs with two million events in about a second.

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::error::GridError;
use crate::events::sift::{Place, Sift};
use crate::events::{RunLine, Told};
use crate::key::TrialKey;
use crate::store::{Block, Damage, Line, LineReader, RunFolder, Store, parse};

/// A run whose events were read.
#[derive(Debug)]
pub struct CaughtUp {
    /// What they tell, for [`GridState::adopt`](crate::events::GridState::adopt).
    pub told: Told,
    /// Follows what its worker tells from here on. Its [`LineReader::damage`] does not know of damaged lines that later
    /// ones replace: these were not looked at.
    pub lines: LineReader<RunLine>,
}

/// Reads what a run's worker has told so far. Lines that later ones replace are passed over, most of them unparsed; the
/// fold comes out the same as of every line.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn catch_up(run: &RunFolder) -> Result<CaughtUp, GridError> {
    catch_up_in(run, &mut Room::default())
}

/// As [`catch_up`] of every run of `keys`, by so many threads at once; `each` is told of every run on the thread that read
/// it, and says whether to go on.
pub fn catch_up_all(
    store: &Store,
    keys: &[TrialKey],
    threads: usize,
    each: impl Fn(&TrialKey, Result<CaughtUp, GridError>) -> ControlFlow<()> + Sync,
) {
    let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let read = || {
        let mut room = Room::default();
        while !is_over.load(Ordering::Relaxed) {
            let Some(key) = keys.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            if each(key, catch_up_in(&store.run(key), &mut room)).is_break() {
                is_over.store(true, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(keys.len()) {
            scope.spawn(read);
        }
        read();
    });
}

/// What is worth keeping between files.
#[derive(Default)]
struct Room {
    bytes: Vec<u8>,
    sift: Sift,
    parsed: Vec<Line<RunLine>>,
}

fn catch_up_in(run: &RunFolder, room: &mut Room) -> Result<CaughtUp, GridError> {
    let Room { bytes, sift, parsed } = room;
    let (mut told, mut damage) = (Told::new(run.key().clone()), Damage::default());
    let mut lines = run.events();
    lines.poll_blocks(bytes, |block| match block {
        Block::Wrong(line, reason) => damage.note(&Line::<RunLine>::Corrupt { line, reason }),
        Block::Lines(block, first) => {
            sift.sift(block, first);
            parse_needed(sift, block, parsed);
            for line in parsed.drain(..) {
                damage.note(&line);
                if let Line::Value(line) = line {
                    told.take(line);
                }
            }
        }
    })?;
    lines.set_damage(damage);
    Ok(CaughtUp { told, lines })
}

/// Parses the lines that make a difference; all lines, if one that others were left out for turns out to be damaged.
fn parse_needed(sift: &Sift, block: &[u8], parsed: &mut Vec<Line<RunLine>>) {
    let line = |place: &Place| parse(place.of(block), place.number);
    for place in sift.needed() {
        let found = line(place);
        if place.has_head && !matches!(found, Line::Value(_)) {
            parsed.clear();
            parsed.extend(sift.all().map(line));
            return;
        }
        parsed.push(found);
    }
}
