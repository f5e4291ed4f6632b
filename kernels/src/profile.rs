//! Times of a training step's kernels, each launched again and again on what a real step left. Kernels that work in place
//! change their own numbers meanwhile: those that shrink them, which would soon be zeros, get new ones every few launches.
//!
//! A kernel whose memory fits into a device's caches would be timed on the caches: an H200 has 50 MB in its second level,
//! and in a real step a kernel finds there only what the one before it left. So several sessions are made of the same
//! plan, as many as it takes for a kernel's bytes in all of them to exceed the caches, and launches go round them.

use std::sync::Arc;
use std::time::Instant;

use cubecl::prelude::*;
use mmtl_plan::{Batch, EngineError, Plan, Session, SessionOptions, Update};

use crate::buffer::Buffer;
use crate::cost::Cost;
use crate::own_thread::OwnThread;
use crate::program::Launch;
use crate::session::GpuSession;
use crate::stage::Stage;
use crate::watch::Watch;
use crate::works::{Part, Work, works};

/// One launch of a training step, or what follows its passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelWork {
    /// Its kernel's name.
    pub kernel: &'static str,
    /// Which of the step's launches of that kernel, from 1 on, where there are several.
    pub number: Option<usize>,
    /// Floating-point operations of its products.
    pub flops: u64,
    /// Bytes that it reads and writes at least.
    pub bytes: u64,
    /// Sessions that launches go round.
    pub sessions: usize,
    /// Whether its bytes in all of them exceed a device's caches.
    pub uncached: bool,
}

/// How long it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelTime {
    /// What it does.
    pub work: KernelWork,
    /// Seconds of one launch, by rounds.
    pub seconds: Vec<f64>,
}

/// Something that launches a step's kernels one by one.
pub trait KernelTimer {
    /// The kernels, in a step's order.
    fn works(&self) -> Vec<KernelWork>;

    /// Seconds of so many launches of the kernel of that place among them, until the device is done.
    ///
    /// # Errors
    /// On a device failure.
    fn time(&mut self, place: usize, launches: usize) -> Result<f64, EngineError>;
}

/// What is timed.
#[derive(Clone)]
pub struct Profiled {
    /// The model.
    pub plan: Arc<Plan>,
    /// How its session is made.
    pub options: SessionOptions,
    /// Batches for the steps before.
    pub batches: Arc<Vec<Batch>>,
    /// Those steps' update.
    pub update: Update,
}

/// Rounds of a kernel.
const ROUNDS: usize = 11;

/// Launches between two waits for the device, at most.
const MOST_LAUNCHES: usize = 1000;

/// Bytes that launches must go round until no cache helps: three times the largest second level. What is read and written
/// in place counts twice among a kernel's bytes.
const UNCACHED: u64 = 192 << 20;

/// Sessions at most: kernels that would need more are over before their launch is paid for.
const MOST_SESSIONS: u64 = 24;

/// Sessions on a software device, where this is tested.
const SOFT_SESSIONS: u64 = 2;

/// Launches in a session of a kernel that shrinks its own numbers, until they are made anew: a softmax's derivative has a
/// tenth to a quarter of its size left each time, and none after some thirty.
const SHRINKING: usize = 8;

/// Bytes of all sessions at most.
const MOST_MEMORY: u64 = 16 << 30;

/// Sessions of one plan, each after the same steps.
struct Sessions<R: Runtime> {
    all: Vec<GpuSession<R>>,
    /// Each one's objective weights on the device.
    weights: Vec<Buffer>,
    update: Update,
    works: Vec<Work>,
    /// The kernel timed last.
    place: Option<usize>,
    /// Whose turn it is.
    turn: usize,
}

/// Sessions on a thread of their own, and what there is to time.
struct Timer<R: Runtime> {
    thread: OwnThread<Sessions<R>>,
    works: Vec<KernelWork>,
}

impl<R: Runtime> KernelTimer for Timer<R> {
    fn works(&self) -> Vec<KernelWork> {
        self.works.clone()
    }

    fn time(&mut self, place: usize, launches: usize) -> Result<f64, EngineError> {
        self.thread.call(move |sessions| sessions.time(place, launches))
    }
}

/// Takes a step on each batch in sessions of so many bytes each, which `open` makes.
pub fn profile<R: Runtime>(
    watch: Watch,
    stage: Stage,
    open: impl Fn() -> Result<GpuSession<R>, EngineError> + Send + 'static,
    footprint: u64,
    profiled: Profiled,
) -> Result<Box<dyn KernelTimer>, EngineError> {
    let thread = OwnThread::start(watch, stage, move || Sessions::new(open, footprint, &profiled))?;
    let works = thread.call(|sessions: &mut Sessions<R>| Ok(sessions.works()))?;
    Ok(Box::new(Timer { thread, works }))
}

/// Times of all kernels in about so many seconds.
///
/// # Errors
/// On a device failure.
pub fn time_kernels(timer: &mut dyn KernelTimer, seconds: f64) -> Result<Vec<KernelTime>, EngineError> {
    let works = timer.works();
    let round = seconds / (works.len() + 2) as f64 / ROUNDS as f64;
    let time = |(place, work)| Ok(KernelTime { work, seconds: rounds(timer, place, round)? });
    works.into_iter().enumerate().map(time).collect()
}

/// Seconds of one launch, by rounds of as many as take about `round` seconds.
fn rounds(timer: &mut dyn KernelTimer, place: usize, round: f64) -> Result<Vec<f64>, EngineError> {
    let (mut launches, mut took) = (1, timer.time(place, 1)?);
    while took < round / 2.0 && launches < MOST_LAUNCHES {
        launches *= 2;
        took = timer.time(place, launches)?;
    }
    let launches = ((launches as f64 * round / took.max(1e-9)) as usize).clamp(1, MOST_LAUNCHES);
    (0..ROUNDS).map(|_| Ok(timer.time(place, launches)? / launches as f64)).collect()
}

/// Sessions that a kernel of so many bytes needs.
fn rotation(bytes: u64) -> u64 {
    UNCACHED.div_ceil(bytes.max(1))
}

impl<R: Runtime> Sessions<R> {
    /// As many as it takes for the device's caches to hold nothing of a kernel's.
    fn new(
        open: impl Fn() -> Result<GpuSession<R>, EngineError>,
        footprint: u64,
        profiled: &Profiled,
    ) -> Result<Self, EngineError> {
        let mut sessions = Self::first(open()?, profiled)?;
        let wanted = sessions.works.iter().map(|work| rotation(work.cost.bytes));
        let wanted = wanted.filter(|&wanted| wanted <= MOST_SESSIONS).max().unwrap_or(1);
        let most = if sessions.all[0].queue.is_software() { SOFT_SESSIONS } else { MOST_MEMORY / footprint.max(1) };
        for _ in 1..wanted.min(most) {
            // Another program may have taken the memory: then launches go round fewer, and `uncached` says so.
            let Ok(session) = open() else { break };
            sessions.add(session, profiled)?;
        }
        Ok(sessions)
    }

    /// The first of them, which tells what there is to time.
    fn first(session: GpuSession<R>, profiled: &Profiled) -> Result<Self, EngineError> {
        let (all, weights, update) = (vec![], vec![], profiled.update);
        let mut sessions = Self { all, weights, update, works: vec![], place: None, turn: 0 };
        sessions.add(session, profiled)?;
        if let Some(batch) = profiled.batches.last() {
            let (program, tables) = (&sessions.all[0].program, profiled.options.tables);
            sessions.works = works(program, &profiled.plan, tables, batch, profiled.update.clip.is_some());
        }
        Ok(sessions)
    }

    /// Adds a session that has taken its steps.
    fn add(&mut self, mut session: GpuSession<R>, profiled: &Profiled) -> Result<(), EngineError> {
        let weights = vec![1.0; profiled.plan.objectives.len()];
        for (batch, step) in profiled.batches.iter().zip(1..) {
            session.step(batch, &weights, &Update { step, ..profiled.update })?;
        }
        session.losses()?;
        self.weights.push(session.queue.upload(&weights));
        self.all.push(session);
        Ok(())
    }

    /// Both passes in every session: what kernels have changed is made anew.
    fn passes_again(&self) {
        for (session, weights) in self.all.iter().zip(&self.weights) {
            session.passes_again(weights, &session.own);
        }
    }

    /// One session's turn, and so on.
    fn launch(&mut self, part: Part, launches: usize) -> Result<(), EngineError> {
        for _ in 0..launches {
            self.turn = (self.turn + 1) % self.all.len();
            part.call(&self.all[self.turn], &self.weights[self.turn], &self.update);
        }
        self.all[0].queue.sync()
    }

    /// What there is to time.
    fn works(&self) -> Vec<KernelWork> {
        let sessions = self.all.len();
        let work = |work: &Work| {
            let Cost { flops, bytes } = work.cost;
            let uncached = bytes.saturating_mul(sessions as u64) >= UNCACHED;
            KernelWork { kernel: work.kernel, number: work.number, flops, bytes, sessions, uncached }
        };
        self.works.iter().map(work).collect()
    }

    /// Seconds of so many launches of one of them.
    fn time(&mut self, place: usize, launches: usize) -> Result<f64, EngineError> {
        let part = self.works[place].part;
        if self.place != Some(place) {
            self.place = Some(place);
            self.passes_again();
            // The first launch compiles, and each session's memory has to be met once.
            self.launch(part, self.all.len())?;
        }
        let most = if shrinks(part) { SHRINKING * self.all.len() } else { launches.max(1) };
        let mut seconds = 0.0;
        for first in (0..launches).step_by(most) {
            if shrinks(part) {
                self.passes_again();
                self.all[0].queue.sync()?;
            }
            let start = Instant::now();
            self.launch(part, most.min(launches - first))?;
            seconds += start.elapsed().as_secs_f64();
        }
        Ok(seconds)
    }
}

/// Whether a launch multiplies in place by what is below 1.
fn shrinks(part: Part) -> bool {
    matches!(part, Part::Launch(Launch::GateGradient(_) | Launch::Deactivate(_)))
}

impl Part {
    /// Does it once more, on what the session's last step left.
    fn call<R: Runtime>(self, session: &GpuSession<R>, weights: &Buffer, update: &Update) {
        let GpuSession { queue, program, header, parameters, memory, batch, own, .. } = session;
        let Some(of) = batch else { return };
        match self {
            Self::Launch(launch) => session.again(launch, weights, &session.own),
            Self::CatchUp => parameters.catch_up(queue, &memory.jobs, program.tables, header, of),
            Self::Tables => session.sum_tables(of, 1, &session.own),
            Self::Clip => drop(parameters.clip(queue, own, of, update.clip.unwrap_or(f32::INFINITY))),
            Self::Update => parameters.update_dense(queue, update, &parameters.whole, own),
            Self::UpdateTables => {
                let (batch, jobs) = ((of, header), (&memory.jobs, program.tables));
                parameters.update_tables(queue, update, &parameters.whole, own, batch, jobs);
            }
        }
    }
}
