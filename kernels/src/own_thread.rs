//! Something of a device's on a thread of its own, watched by whoever asks it: a device that hangs is an error, and no wait
//! without end.
//!
//! Not only what says so waits. CubeCL's queue of launches has 64 places, and a launch that finds none spins until there is
//! one; drivers block in copies and in launches of their own. So no call of CubeCL's is made by the caller's thread: it
//! hands over work and waits for the answer, and gives up once nothing at all has happened for a while. The thread that
//! hangs is left to itself; what it holds is its own.

use std::convert::Infallible;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use mmtl_plan::{Compiling, EngineError};

use crate::failures;
use crate::stage::Stage;
use crate::watch::Watch;

/// An `S` on its own thread, which it never leaves.
pub struct OwnThread<S> {
    watch: Watch,
    /// Work for the thread; it ends when nobody has any more.
    jobs: Option<Sender<Job<S>>>,
    /// Closed when the thread has put it away.
    ended: Receiver<Infallible>,
}

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// What comes of a job.
pub struct Answers<T>(Receiver<Answer<T>>);

enum Answer<T> {
    /// Meanwhile.
    Compiling(Compiling),
    /// At last.
    Done(Result<T, EngineError>),
}

impl<S: Send + 'static> OwnThread<S> {
    /// Makes it on a new thread, whose jobs are done on `stage`.
    ///
    /// # Errors
    /// Those of `make`, and when that takes without end.
    pub fn start(
        watch: Watch,
        stage: Stage,
        make: impl FnOnce() -> Result<S, EngineError> + Send + 'static,
    ) -> Result<Self, EngineError> {
        failures::none()?;
        let (jobs, queue) = mpsc::channel::<Job<S>>();
        let (made, answer) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let run = move || {
            let _end: Sender<Infallible> = end;
            match stage.run(make) {
                None => {}
                Some(Err(error)) => drop(made.send(Err(error))),
                Some(Ok(mut of_device)) => {
                    drop(made.send(Ok(())));
                    while let Ok(job) = queue.recv()
                        && stage.run(|| job(&mut of_device)).is_some()
                    {}
                }
            }
        };
        let thread = thread::Builder::new().name("mmtl-device".to_owned()).spawn(run);
        thread.map_err(|error| EngineError::Device(format!("its thread could not be started: {error}")))?;
        watch.next(&answer)?.unwrap_or_else(|| Err(gone()))?;
        Ok(Self { watch, jobs: Some(jobs), ended })
    }

    /// What it answers.
    ///
    /// # Errors
    /// Those of `work`, and when that takes without end.
    pub fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut S) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let answers = self.hand_over(|of_device, _| work(of_device))?;
        self.answer(&answers, &mut |_| {})
    }

    /// Gives work to the thread and returns at once.
    ///
    /// # Errors
    /// When the device has failed.
    pub fn hand_over<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut S, Box<dyn FnMut(Compiling) + Send>) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<Answers<T>, EngineError> {
        failures::none()?;
        let (sender, answers) = mpsc::channel();
        let job = move |of_device: &mut S| {
            let meanwhile = sender.clone();
            // Whoever asked may have given up.
            let tell = Box::new(move |compiling| drop(meanwhile.send(Answer::Compiling(compiling))));
            let answer = work(of_device, tell);
            drop(sender.send(Answer::Done(answer)));
        };
        match self.jobs.as_ref().map(|jobs| jobs.send(Box::new(job))) {
            Some(Ok(())) => Ok(Answers(answers)),
            Some(Err(_)) | None => Err(gone()),
        }
    }

    /// Waits for what comes of a job.
    ///
    /// # Errors
    /// Those of the work, and when it takes without end.
    pub fn answer<T>(&self, answers: &Answers<T>, tell: &mut dyn FnMut(Compiling)) -> Result<T, EngineError> {
        loop {
            match self.watch.next(&answers.0)? {
                Some(Answer::Compiling(compiling)) => tell(compiling),
                Some(Answer::Done(answer)) => return answer,
                None => return Err(gone()),
            }
        }
    }
}

fn gone() -> EngineError {
    failures::added("its thread has ended".to_owned())
}

/// Waits until its memory is free for another one, unless the device hangs.
impl<S> Drop for OwnThread<S> {
    fn drop(&mut self) {
        self.jobs = None;
        if failures::none().is_ok() {
            // Nothing is ever sent: it closes, or the failure is remembered.
            let _ = self.watch.next(&self.ended);
        }
    }
}
