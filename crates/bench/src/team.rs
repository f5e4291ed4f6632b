//! Threads that work side by side, each on something of its own.

use std::convert::Infallible;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::spread::Spread;
use crate::timing::{Budget, WarmUp, time_rounds};

/// Seconds in which `threads` threads, started together, each do `work` once on what `make` gave them.
pub(crate) fn time_together<T>(
    threads: usize,
    seconds: f64,
    make: impl Fn(usize) -> T + Sync,
    work: impl Fn(&mut T) + Sync,
) -> Spread {
    let (begin, end) = (Barrier::new(threads + 1), Barrier::new(threads + 1));
    let stop = AtomicBool::new(false);
    let member = |number: usize| {
        let mut own = make(number);
        loop {
            begin.wait();
            if stop.load(Ordering::Acquire) {
                return;
            }
            work(&mut own);
            end.wait();
        }
    };
    std::thread::scope(|scope| {
        for number in 0..threads {
            let member = &member;
            scope.spawn(move || member(number));
        }
        let Ok(times) = time_rounds(Budget { seconds, warm_up: WarmUp::UpTo(1) }, |_| -> Result<(), Infallible> {
            begin.wait();
            end.wait();
            Ok(())
        });
        stop.store(true, Ordering::Release);
        begin.wait();
        times
    })
}
