//! Warm-up, then rounds.

use std::time::{Duration, Instant};

use crate::spread::Spread;

/// Rounds that a measurement is cut into when its budget allows.
const ROUNDS: usize = 15;

/// Rounds without which there is no spread.
const FEWEST: usize = 3;

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Seconds of all rounds together. At least three are made.
    pub seconds: f64,
    /// Calls before the first round.
    pub warm_up: WarmUp,
}

/// Calls before what is measured; at least one is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// So many, but for no longer than is measured.
    UpTo(usize),
    /// So many, however long they take: with fewer, something else would be measured.
    All(usize),
}

impl WarmUp {
    /// Whether another call comes after so many, which took `elapsed` of `limit`.
    fn goes_on(self, calls: u64, elapsed: Duration, limit: Duration) -> bool {
        match self {
            _ if calls == 0 => true,
            Self::UpTo(most) => calls < most as u64 && elapsed < limit,
            Self::All(all) => calls < all as u64,
        }
    }
}

/// What is asked of whoever is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A call, with the number of calls before.
    Call(u64),
    /// Nothing but to end what calls have begun: some only tell a device what to do.
    Wait,
}

/// Seconds of one call, by rounds: a round's is the mean over its calls. `call` gets the number of calls before.
///
/// # Errors
/// The first error of `call`.
pub fn time_rounds<E>(budget: Budget, mut call: impl FnMut(u64) -> Result<(), E>) -> Result<Spread, E> {
    time_turns(budget, |turn| match turn {
        Turn::Call(calls) => call(calls),
        Turn::Wait => Ok(()),
    })
}

/// The same of calls that may be waited for: once at the end of each round, which ends then.
///
/// # Errors
/// The first error of `turn`.
pub fn time_turns<E>(budget: Budget, mut turn: impl FnMut(Turn) -> Result<(), E>) -> Result<Spread, E> {
    let limit = Duration::from_secs_f64(budget.seconds.max(0.0));
    let mut calls = 0;
    let mut last = Duration::ZERO;
    let start = Instant::now();
    while budget.warm_up.goes_on(calls, start.elapsed(), limit) {
        let began = Instant::now();
        turn(Turn::Call(calls))?;
        turn(Turn::Wait)?;
        last = began.elapsed();
        calls += 1;
    }
    let round = limit.as_secs_f64() / ROUNDS as f64;
    let each = ((round / last.as_secs_f64().max(1e-9)) as u64).max(1);
    let mut means = vec![];
    let start = Instant::now();
    while means.len() < FEWEST || (means.len() < ROUNDS && start.elapsed() < limit) {
        let began = Instant::now();
        for _ in 0..each {
            turn(Turn::Call(calls))?;
            calls += 1;
        }
        turn(Turn::Wait)?;
        means.push(began.elapsed().as_secs_f64() / each as f64);
    }
    Ok(Spread::of(&means))
}
