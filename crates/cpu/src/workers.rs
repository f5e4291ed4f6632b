//! Threads, and the only ways in which work is shared among them: halves of halves of a slice, down to pieces whose
//! bounds the shape decides. Who computes a piece varies; what a piece is never does.

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
    use super::*;

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
