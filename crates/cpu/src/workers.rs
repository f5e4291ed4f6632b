//! Threads, and the only ways in which work is shared among them: halves of halves of a slice, down to pieces whose
//! bounds the shape decides. Who computes a piece varies; what a piece is never does.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// The engine's threads.
pub enum Workers {
    /// The caller's thread alone.
    Inline,
    /// A pool of its own.
    Pool(ThreadPool),
}

/// Something mutable that can be handed out in two parts.
pub trait Split: Send + Sized {
    /// The first `at` units and the rest.
    fn split(self, at: usize) -> (Self, Self);
}

impl<T: Send> Split for &mut [T] {
    fn split(self, at: usize) -> (Self, Self) {
        self.split_at_mut(at)
    }
}

impl<A: Split, B: Split> Split for (A, B) {
    fn split(self, at: usize) -> (Self, Self) {
        let ((a, a_rest), (b, b_rest)) = (self.0.split(at), self.1.split(at));
        ((a, b), (a_rest, b_rest))
    }
}

impl<A: Split, B: Split, C: Split> Split for (A, B, C) {
    fn split(self, at: usize) -> (Self, Self) {
        let ((a, a_rest), (b, b_rest), (c, c_rest)) = (self.0.split(at), self.1.split(at), self.2.split(at));
        ((a, b, c), (a_rest, b_rest, c_rest))
    }
}

impl Workers {
    /// `threads` of them; one means the caller's own.
    pub fn new(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        if threads <= 1 {
            return Ok(Self::Inline);
        }
        let name = |i| format!("mmtl-cpu-{i}");
        Ok(Self::Pool(ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build()?))
    }

    /// Enters the pool once, so that every call below finds its threads awake.
    pub fn run<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        match self {
            Self::Inline => f(),
            Self::Pool(pool) => pool.install(f),
        }
    }

    fn join(&self, a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
        match self {
            Self::Inline => {
                a();
                b();
            }
            Self::Pool(_) => {
                rayon::join(a, b);
            }
        }
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        match self {
            Self::Inline => 1,
            Self::Pool(pool) => pool.current_num_threads(),
        }
    }

    /// `f(worker, item)` for items `0..items`. Items are handed out in order, each to a worker that is done with its
    /// last: so whoever waits for an earlier item waits for somebody at work. No two calls have one worker at a time.
    pub fn in_order(&self, items: usize, f: &(impl Fn(usize, usize) + Sync)) {
        let next = AtomicUsize::new(0);
        self.each_worker(0..self.threads().min(items), &|worker| loop {
            let item = next.fetch_add(1, Ordering::Relaxed);
            if item >= items {
                return;
            }
            f(worker, item);
        });
    }

    fn each_worker(&self, workers: Range<usize>, f: &(impl Fn(usize) + Sync)) {
        if workers.len() <= 1 {
            return workers.for_each(f);
        }
        let middle = workers.start.midpoint(workers.end);
        self.join(|| self.each_worker(workers.start..middle, f), || self.each_worker(middle..workers.end, f));
    }

    /// `f(start, piece)` for consecutive pieces of `chunk` units (the last may be shorter) of `data`, `len` units long.
    pub fn chunks<S: Split>(&self, data: S, len: usize, chunk: usize, f: &(impl Fn(usize, S) + Sync)) {
        self.chunks_from(0, data, len, chunk, f);
    }

    fn chunks_from<S: Split>(&self, start: usize, data: S, len: usize, chunk: usize, f: &(impl Fn(usize, S) + Sync)) {
        let pieces = len.div_ceil(chunk);
        if pieces <= 1 {
            if pieces == 1 {
                f(start, data);
            }
            return;
        }
        let at = pieces / 2 * chunk;
        let (left, right) = data.split(at);
        self.join(
            || self.chunks_from(start, left, at, chunk, f),
            || self.chunks_from(start + at, right, len - at, chunk, f),
        );
    }

    /// `f(tasks, first, piece)` for runs of at most `grain` tasks. `start` says at which unit of `data` a task's place
    /// begins, ascending; a task's place ends at or before the next one's beginning. `piece` begins where the first
    /// task of the run does; `first` is that task's position among all.
    pub fn tasks<T: Sync, S: Split>(
        &self,
        data: S,
        tasks: &[T],
        grain: usize,
        start: &(impl Fn(&T) -> usize + Sync),
        f: &(impl Fn(&[T], usize, S) + Sync),
    ) {
        self.tasks_from(0, 0, data, tasks, grain, start, f);
    }

    fn tasks_from<T: Sync, S: Split>(
        &self,
        base: usize,
        first: usize,
        data: S,
        tasks: &[T],
        grain: usize,
        start: &(impl Fn(&T) -> usize + Sync),
        f: &(impl Fn(&[T], usize, S) + Sync),
    ) {
        if tasks.len() <= grain {
            if let Some(task) = tasks.first() {
                f(tasks, first, data.split(start(task) - base).1);
            }
            return;
        }
        let middle = tasks.len().div_ceil(grain) / 2 * grain;
        let (before, after) = tasks.split_at(middle);
        let at = start(&after[0]);
        let (left, right) = data.split(at - base);
        self.join(
            || self.tasks_from(base, first, left, before, grain, start, f),
            || self.tasks_from(at, first + middle, right, after, grain, start, f),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn items_are_handed_out_once_and_in_order() {
        for threads in [1, 2, 5] {
            let workers = Workers::new(threads).expect("threads start");
            let (started, busy) = (Mutex::new(vec![]), Mutex::new(vec![false; threads]));
            workers.run(|| {
                workers.in_order(40, &|worker, item| {
                    // Handed out in order, those before are at work and come to here, however long they are interrupted.
                    let since = Instant::now();
                    while started.lock().unwrap().len() < item {
                        assert!(since.elapsed() < Duration::from_mins(1), "item {item} is handed out too early");
                        std::thread::yield_now();
                    }
                    started.lock().unwrap().push(item);
                    assert!(!std::mem::replace(&mut busy.lock().unwrap()[worker], true));
                    std::thread::yield_now();
                    busy.lock().unwrap()[worker] = false;
                });
            });
            assert_eq!(started.into_inner().unwrap(), (0..40).collect::<Vec<_>>());
        }
    }

    #[test]
    fn chunks_and_tasks_reach_their_own_places_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let workers = Workers::new(threads).expect("threads start");
            let mut data = vec![0usize; 103];
            workers.run(|| {
                workers.chunks(&mut data[..], 103, 10, &|start, piece: &mut [usize]| piece.fill(start + 1));
            });
            assert!(data.iter().enumerate().all(|(i, &v)| v == i / 10 * 10 + 1), "{data:?}");
            let tasks = [3usize, 10, 11, 40, 90];
            workers.run(|| {
                let place = |task: &usize| *task;
                workers.tasks(&mut data[..], &tasks, 2, &place, &|run, first, piece: &mut [usize]| {
                    for (i, task) in run.iter().enumerate() {
                        piece[task - run[0]] = 1000 + first + i;
                    }
                });
            });
            for (i, &task) in tasks.iter().enumerate() {
                assert_eq!(data[task], 1000 + i);
            }
            assert_eq!(data.iter().filter(|&&v| v >= 1000).count(), tasks.len());
        }
    }
}
