//! Memory that several threads use without waiting for each other more than they must: pieces that are lent to one
//! thread at a time, and sums that threads add to in a fixed order.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Pieces of equal length, each lent to at most one thread at a time.
pub struct Pieces<'a, T> {
    data: *mut T,
    piece: usize,
    lent: &'a [AtomicU32],
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: a piece is reached by the thread that it is lent to, and no other.
unsafe impl<T: Send> Sync for Pieces<'_, T> {}

/// A piece, until dropped.
pub struct Lent<'a, T> {
    data: &'a mut [T],
    lent: &'a AtomicU32,
}

impl<'a, T> Pieces<'a, T> {
    /// Cuts `data` into pieces of `piece` elements, as many as fit and `lent` has marks for.
    pub fn new(data: &'a mut [T], piece: usize, lent: &'a [AtomicU32]) -> Self {
        let pieces = data.len().checked_div(piece).unwrap_or(lent.len()).min(lent.len());
        Self { data: data.as_mut_ptr(), piece, lent: &lent[..pieces], borrowed: PhantomData }
    }

    /// The `number`-th piece.
    ///
    /// # Panics
    /// When it is lent to somebody else, or there is none.
    pub fn lend(&self, number: usize) -> Lent<'_, T> {
        let lent = &self.lent[number];
        assert_eq!(lent.swap(1, Ordering::Acquire), 0, "piece {number} is lent twice");
        // SAFETY: it lies within `data`, since `number` has a mark; its mark keeps others out until `Lent` is dropped.
        let data = unsafe { std::slice::from_raw_parts_mut(self.data.wrapping_add(number * self.piece), self.piece) };
        Lent { data, lent }
    }
}

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        self.lent.store(0, Ordering::Release);
    }
}

impl<T> Deref for Lent<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.data
    }
}

impl<T> DerefMut for Lent<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.data
    }
}

/// Blocks of sums, to each of which every turn adds once, in the order of turns. So the sums do not depend on which
/// thread has which turn, and there is one copy of them.
pub struct InTurn<'a> {
    data: *mut f32,
    places: &'a [Range<usize>],
    /// `2·turn` while that turn is awaited, one more while it is taken.
    states: &'a [AtomicU32],
    /// Whether a thread panicked that has turns to take.
    broken: AtomicBool,
    borrowed: PhantomData<&'a UnsafeCell<[f32]>>,
}

// SAFETY: a block is reached by the thread whose turn it is, and no other.
unsafe impl Sync for InTurn<'_> {}

/// Looks at a state this often before other threads may have the processor.
const SPINS: u32 = 1 << 10;

impl<'a> InTurn<'a> {
    /// Blocks of `data` at `places`, ascending and apart, all at turn 0.
    ///
    /// # Panics
    /// When places overlap or reach past the data, or there are fewer states than places.
    pub fn new(data: &'a mut [f32], places: &'a [Range<usize>], states: &'a mut [AtomicU32]) -> Self {
        let apart = places.iter().zip(places.iter().skip(1)).all(|(one, next)| one.end <= next.start);
        let inside = places.iter().all(|place| place.start <= place.end && place.end <= data.len());
        assert!(apart && inside, "blocks of sums overlap or reach past their data");
        let states = &mut states[..places.len()];
        for state in &mut *states {
            *state.get_mut() = 0;
        }
        Self { data: data.as_mut_ptr(), places, states, broken: AtomicBool::new(false), borrowed: PhantomData }
    }

    /// To be held by whoever has turns to take, until they are taken: in a panic it lets the others know.
    pub fn alarm(&self) -> Alarm<'_> {
        Alarm(&self.broken)
    }

    /// Waits until every turn before `turn` has been taken at `block`, then takes it.
    ///
    /// # Panics
    /// When it was taken before, or an [`Alarm`] went off meanwhile.
    pub fn take(&self, block: usize, turn: usize, add: impl FnOnce(&mut [f32])) {
        let (state, awaited) = (&self.states[block], 2 * turn as u32);
        let mut spins = 0;
        while let Err(found) = state.compare_exchange_weak(awaited, awaited + 1, Ordering::Acquire, Ordering::Relaxed) {
            assert!(!self.broken.load(Ordering::Relaxed), "another thread panicked");
            assert!(found <= awaited, "turn {turn} of block {block} is taken twice");
            spins += 1;
            if spins % SPINS == 0 {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
        let taken = Taken { state, next: awaited + 2 };
        let place = &self.places[block];
        // SAFETY: it lies within `data` and apart from other blocks, by `new`; its state keeps others out until `taken`
        // is dropped.
        add(unsafe { std::slice::from_raw_parts_mut(self.data.wrapping_add(place.start), place.len()) });
        drop(taken);
    }
}

struct Taken<'a> {
    state: &'a AtomicU32,
    next: u32,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.state.store(self.next, Ordering::Release);
    }
}

/// Tells those that wait for a turn that it may never be taken.
pub struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(number: usize) -> Vec<AtomicU32> {
        (0..number).map(|_| AtomicU32::new(0)).collect()
    }

    #[test]
    fn turns_are_taken_in_order_whoever_comes_first() {
        let (mut data, places, mut states) = ([0.0; 3], [0..1, 1..3], marks(2));
        let sums = InTurn::new(&mut data, &places, &mut states);
        // x ← 2x + turn is another number in any other order.
        let add = |sum: &mut [f32], turn: usize| sum.iter_mut().for_each(|x| *x = 2.0 * *x + turn as f32);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let sums = &sums;
                scope.spawn(move || {
                    for turn in (thread..16).step_by(4) {
                        for block in 0..2 {
                            sums.take(block, turn, |sum| add(sum, turn));
                        }
                    }
                });
            }
        });
        let expected = (0..16).fold(0.0, |x, turn| 2.0 * x + turn as f32);
        assert_eq!(data, [expected; 3]);
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        for within in [false, true] {
            let (mut data, places, mut states) = ([0.0; 3], [0..1, 1..3], marks(2));
            let sums = InTurn::new(&mut data, &places, &mut states);
            let fails = |turn: usize, panics: bool| {
                let _told = sums.alarm();
                sums.take(0, turn, |_| assert!(!panics || !within));
                assert!(!panics);
                sums.take(1, turn, |_| {});
            };
            let ended = std::thread::scope(|scope| {
                let threads = [(0, true), (1, false)].map(|(turn, panics)| scope.spawn(move || fails(turn, panics)));
                threads.map(|thread| thread.join().is_ok())
            });
            assert_eq!(ended, [false, false], "the second turn at block 1 is never due");
        }
    }

    #[test]
    #[should_panic(expected = "taken twice")]
    fn a_turn_is_taken_once() {
        let (mut data, places, mut states) = ([0.0; 3], [0..2, 2..3], marks(2));
        let sums = InTurn::new(&mut data, &places, &mut states);
        sums.take(0, 0, |_| {});
        sums.take(0, 0, |_| {});
    }

    #[test]
    #[should_panic(expected = "overlap")]
    fn blocks_must_be_apart() {
        let places = [0..2, 1..3];
        let _ = InTurn::new(&mut [0.0; 3], &places, &mut marks(2));
    }

    #[test]
    #[should_panic(expected = "lent twice")]
    fn a_piece_is_lent_to_one() {
        let (mut data, lent) = ([0u8; 5], marks(2));
        let pieces = Pieces::new(&mut data, 2, &lent);
        let (mut one, other) = (pieces.lend(0), pieces.lend(1));
        one[1] = 7;
        drop((one, other));
        let again = pieces.lend(0);
        assert_eq!(*again, [0, 7]);
        let _ = pieces.lend(0);
    }
}
