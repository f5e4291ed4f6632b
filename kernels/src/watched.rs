//! A session on a thread of its own, which its caller watches: a device that hangs is an error, and no wait without end.
//!
//! Not only what says so waits. CubeCL's queue of launches has 64 places, and a launch that finds none spins until there is
//! one; drivers block in copies and in launches of their own. So no call of CubeCL's is made by the caller's thread: it
//! hands over work and waits for the answer, and gives up once nothing at all has happened for a while. The thread that
//! hangs is left to itself; what it holds is its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use mmtl_plan::{Batch, Compiling, EngineError, Gradient, LossTotals, Pass, Plan, Session, Snapshot, Update};

use crate::failures;
use crate::packed::{Packed, Packer};

/// The variable that says how many seconds a device may stand still.
const VARIABLE: &str = "MMTL_DEVICE_PATIENCE";

/// How long without it. The longest honest silence is a software device's with the steps between two readings of losses
/// before it, or a compiler's with the kernels of one queue, seconds each.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// How often somebody who waits looks at the pulse.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Beats whenever something was handed to the device or came back.
#[derive(Default)]
pub struct Pulse(AtomicU64);

impl Pulse {
    /// Something was done.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn beats(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long a device may stand still.
///
/// # Errors
/// When the variable is no number of seconds.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
pub fn patience() -> Result<Duration, String> {
    match std::env::var(VARIABLE) {
        Err(_) => Ok(PATIENCE),
        Ok(given) => {
            let seconds = given.parse().ok().map(Duration::from_secs);
            seconds.ok_or_else(|| format!("{VARIABLE} is `{given}`, expected a whole number of seconds"))
        }
    }
}

/// A session that takes batches as its device does. Each call returns a batch that is no longer needed, to be packed anew.
pub trait Fed: Session {
    /// What packs batches for it.
    fn packer(&self) -> Arc<Packer>;

    /// As [`Session::step`].
    fn step_packed(&mut self, packed: Packed, weights: &[f32], update: &Update) -> Result<Packed, EngineError>;

    /// As [`Session::step_telling`], to somebody on another thread.
    fn step_announced(
        &mut self,
        packed: Packed,
        weights: &[f32],
        update: &Update,
        tell: Box<dyn FnMut(Compiling) + Send>,
    ) -> Result<Packed, EngineError>;

    /// As [`Session::gradients`].
    fn gradients_packed(&mut self, packed: Packed, pass: Pass, weightings: &[&[f32]]) -> Result<Packed, EngineError>;

    /// As [`Session::predict`].
    fn predict_packed(&mut self, packed: Packed, out: &mut [Vec<f32>]) -> Result<Packed, EngineError>;

    /// As [`Session::gates`].
    fn gates_packed(&mut self, packed: Packed, out: &mut [Vec<f32>]) -> Result<Packed, EngineError>;
}

/// What a session is watched by.
pub struct Watch {
    /// Beats while it does something.
    pub pulse: Arc<Pulse>,
    /// How long it may not.
    pub patience: Duration,
}

/// A session on its own thread. While that thread launches a step, the caller's packs the next one's batch: a step returns
/// when it has been handed over, and what becomes of it is told by the next call.
pub struct Watched<S> {
    plan: Arc<Plan>,
    packer: Arc<Packer>,
    watch: Watch,
    /// Work for the thread; it ends when nobody has any more.
    jobs: Option<Sender<Job<S>>>,
    /// Closed when the thread has put its session away.
    ended: Receiver<Infallible>,
    /// Whether a step has been announced.
    announced: bool,
    /// What comes of the step that was handed over last.
    step: Option<Receiver<Answer<Packed>>>,
    /// Room for the next batch.
    spare: Packed,
}

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// What a job says.
enum Answer<T> {
    /// Meanwhile.
    Compiling(Compiling),
    /// At last.
    Done(Result<T, EngineError>),
}

impl Watch {
    /// Waits for what comes next; `None` from a thread that has ended.
    fn next<T>(&self, from: &Receiver<T>) -> Result<Option<T>, EngineError> {
        let (mut beats, mut since) = (self.pulse.beats(), Instant::now());
        loop {
            let left = self.patience.saturating_sub(since.elapsed());
            match from.recv_timeout(left.min(LOOK_EVERY)) {
                Ok(answer) => return Ok(Some(answer)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if self.pulse.beats() != beats => {
                    (beats, since) = (self.pulse.beats(), Instant::now());
                }
                Err(RecvTimeoutError::Timeout) if since.elapsed() < self.patience => {}
                Err(RecvTimeoutError::Timeout) => return Err(failures::added(self.given_up())),
            }
        }
    }

    fn given_up(&self) -> String {
        let seconds = self.patience.as_secs_f64();
        format!("it took no work and gave no answer for {seconds} s and was given up; {VARIABLE} sets how many")
    }
}

impl<S: Fed + 'static> Watched<S> {
    /// Makes a session on a new thread.
    ///
    /// # Errors
    /// Those of `make`, and when that takes without end.
    pub fn start(
        plan: Arc<Plan>,
        watch: Watch,
        make: impl FnOnce() -> Result<S, EngineError> + Send + 'static,
    ) -> Result<Self, EngineError> {
        failures::none()?;
        let (jobs, queue) = mpsc::channel::<Job<S>>();
        let (made, answer) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let run = move || {
            let _end: Sender<Infallible> = end;
            match make() {
                Err(error) => drop(made.send(Err(error))),
                Ok(mut session) => {
                    drop(made.send(Ok(session.packer())));
                    for job in queue {
                        job(&mut session);
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("mmtl-device".to_owned()).spawn(run);
        thread.map_err(|error| EngineError::Device(format!("its thread could not be started: {error}")))?;
        let packer = watch.next(&answer)?.unwrap_or_else(|| Err(gone()))?;
        let (jobs, spare) = (Some(jobs), Packed::default());
        Ok(Self { plan, packer, watch, jobs, ended, announced: false, step: None, spare })
    }

    /// What the session answers.
    fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut S) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.settle()?;
        let answers = self.hand_over(|session, _| work(session))?;
        self.answer(&answers, &mut |_| {})
    }

    /// Waits for the step that was handed over last.
    fn settle(&mut self) -> Result<(), EngineError> {
        if let Some(answers) = self.step.take() {
            self.spare = self.answer(&answers, &mut |_| {})?;
        }
        Ok(())
    }

    /// Gives work to the thread.
    fn hand_over<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut S, Box<dyn FnMut(Compiling) + Send>) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<Receiver<Answer<T>>, EngineError> {
        failures::none()?;
        let (sender, answers) = mpsc::channel();
        let job = move |session: &mut S| {
            let meanwhile = sender.clone();
            // Whoever asked may have given up.
            let tell = Box::new(move |compiling| drop(meanwhile.send(Answer::Compiling(compiling))));
            let answer = work(session, tell);
            drop(sender.send(Answer::Done(answer)));
        };
        match self.jobs.as_ref().map(|jobs| jobs.send(Box::new(job))) {
            Some(Ok(())) => Ok(answers),
            Some(Err(_)) | None => Err(gone()),
        }
    }

    fn answer<T>(&self, answers: &Receiver<Answer<T>>, tell: &mut dyn FnMut(Compiling)) -> Result<T, EngineError> {
        loop {
            match self.watch.next(answers)? {
                Some(Answer::Compiling(compiling)) => tell(compiling),
                Some(Answer::Done(answer)) => return answer,
                None => return Err(gone()),
            }
        }
    }

    /// A batch for training, packed.
    fn packed(&mut self, batch: &Batch, weightings: &[&[f32]]) -> Result<Packed, EngineError> {
        self.packer.training(batch, weightings, &mut self.spare)?;
        Ok(std::mem::take(&mut self.spare))
    }
}

fn gone() -> EngineError {
    failures::added("the thread of its session has ended".to_owned())
}

/// Waits until the session's memory is free for another one, unless the device hangs.
impl<S> Drop for Watched<S> {
    fn drop(&mut self) {
        self.jobs = None;
        if failures::none().is_ok() {
            // Nothing is ever sent: it closes, or the failure is remembered.
            let _ = self.watch.next(&self.ended);
        }
    }
}

impl<S: Fed + 'static> Session for Watched<S> {
    fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    fn step(&mut self, batch: &Batch, weights: &[f32], update: &Update) -> Result<(), EngineError> {
        let (packed, weights, update) = (self.packed(batch, &[weights])?, weights.to_vec(), *update);
        self.settle()?;
        self.step = Some(self.hand_over(move |session, _| session.step_packed(packed, &weights, &update))?);
        Ok(())
    }

    fn step_telling(
        &mut self,
        batch: &Batch,
        weights: &[f32],
        update: &Update,
        tell: &mut dyn FnMut(Compiling),
    ) -> Result<(), EngineError> {
        if self.announced {
            return self.step(batch, weights, update);
        }
        let (packed, weights, update) = (self.packed(batch, &[weights])?, weights.to_vec(), *update);
        self.settle()?;
        self.announced = true;
        let answers = self.hand_over(move |session, tell| session.step_announced(packed, &weights, &update, tell))?;
        self.spare = self.answer(&answers, tell)?;
        Ok(())
    }

    fn gradients(&mut self, batch: &Batch, pass: Pass, weightings: &[&[f32]]) -> Result<(), EngineError> {
        let packed = self.packed(batch, weightings)?;
        let weightings: Vec<Vec<f32>> = weightings.iter().map(|weights| weights.to_vec()).collect();
        self.spare = self.call(move |session| {
            let weightings: Vec<&[f32]> = weightings.iter().map(Vec::as_slice).collect();
            session.gradients_packed(packed, pass, &weightings)
        })?;
        Ok(())
    }

    fn gradient(&mut self, number: usize) -> Result<Gradient, EngineError> {
        self.call(move |session| session.gradient(number))
    }

    fn gram(&mut self) -> Result<Vec<f64>, EngineError> {
        self.call(S::gram)
    }

    fn combine(&mut self, coefficients: &[f32], update: &Update) -> Result<(), EngineError> {
        let (coefficients, update) = (coefficients.to_vec(), *update);
        self.call(move |session| session.combine(&coefficients, &update))
    }

    fn losses(&mut self) -> Result<Vec<LossTotals>, EngineError> {
        self.call(S::losses)
    }

    fn predict(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        self.packer.prediction(batch, out.len(), &mut self.spare)?;
        let (packed, mut values) = (std::mem::take(&mut self.spare), vec![vec![]; out.len()]);
        let predict = move |session: &mut S| session.predict_packed(packed, &mut values).map(|packed| (packed, values));
        let (packed, values) = self.call(predict)?;
        self.spare = packed;
        out.iter_mut().zip(values).for_each(|(out, values)| *out = values);
        Ok(())
    }

    fn gates(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        EngineError::check("number of gates", self.plan.gates().count(), out.len())?;
        self.packer.prediction(batch, self.plan.outputs.len(), &mut self.spare)?;
        let (packed, mut values) = (std::mem::take(&mut self.spare), vec![vec![]; out.len()]);
        let gates = move |session: &mut S| session.gates_packed(packed, &mut values).map(|packed| (packed, values));
        let (packed, values) = self.call(gates)?;
        self.spare = packed;
        out.iter_mut().zip(values).for_each(|(out, values)| *out = values);
        Ok(())
    }

    fn snapshot(&mut self, everything: bool) -> Result<Snapshot, EngineError> {
        self.call(move |session| session.snapshot(everything))
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EngineError> {
        let snapshot = snapshot.clone();
        self.call(move |session| session.restore(&snapshot))
    }
}
