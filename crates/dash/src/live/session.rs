//! A dashboard from its first to its last screen.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mmtl_grid::GridError;
use mmtl_grid::schedule::reveal;
use mmtl_grid::store::{Command, Store};
use ratatui::crossterm::event::{self, Event as Told};
use ratatui::layout::Rect;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::flag;

use crate::effect::{Effect, Leave};
use crate::event::Event;
use crate::live::feed::{self, Ask};
use crate::live::replay::Replay;
use crate::live::terminal::{self, Taken};
use crate::roofline::Bench;
use crate::screen::draw;
use crate::state::State;
use crate::theme::Theme;
use crate::ui::{Input, Ui};

/// How a grid is looked at.
#[derive(Clone, Debug)]
pub struct Looks {
    /// Colours and signs.
    pub theme: Theme,
    /// Plays the grid back, so many times as fast as it was.
    pub replay: Option<f64>,
    /// What the machine's engines reach, as `mmtl bench --json` measured it.
    pub bench: Option<Bench>,
    /// Where to tell of each screen what it showed and how many microseconds it took.
    pub frames: Option<PathBuf>,
}

/// How looking ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Somebody left.
    Left(Leave),
    /// The process was told to end by a signal.
    Signalled(i32),
}

/// How long a key waits at most before it is heard.
const TICK: Duration = Duration::from_millis(20);
/// Screens are not drawn more often than this while events rush in; a key is answered at once.
const FRAME: Duration = Duration::from_millis(100);
/// A screen on which nothing happens is drawn this often, for its clock.
const IDLE: Duration = Duration::from_secs(1);

/// What cannot be done at a dashboard.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The terminal cannot be had.
    #[error("the terminal cannot be drawn to: {0}; `--plain` shows lines instead")]
    Terminal(#[from] io::Error),
    /// The store cannot be read or written.
    #[error(transparent)]
    Grid(#[from] GridError),
}

/// Shows the grid of a store on the terminal until somebody leaves.
///
/// # Errors
/// When there is no terminal, or a replay's store cannot be read.
pub fn watch(store: &Store, looks: Looks) -> Result<Watched, WatchError> {
    let replay = looks.replay.map(|speed| Replay::open(store, speed)).transpose()?;
    let signals = Signals::catch()?;
    let (asks, asked) = channel();
    let (to, events) = channel();
    let (printed, said) = channel();
    let frames = looks.frames.map(File::create).transpose()?.map(BufWriter::new);
    let mut taken = Taken::take(printed)?;
    feed::start(store.clone(), replay, asked, to);
    let mut state = State::default();
    if let Some(bench) = looks.bench {
        state.apply(Event::Bench(Box::new(bench)));
    }
    if let Some(speed) = looks.replay {
        state.apply(Event::Replay(speed));
    }
    let session = Session { store, state, ui: Ui::new(looks.theme), asks, events, said, area: Rect::default(), frames };
    match session.run(&mut taken, &signals) {
        // A frame may fail before the hang-up is heard.
        Err(_) if terminal::is_gone() => Ok(Watched::Signalled(SIGHUP)),
        ended => ended,
    }
}

/// Flags that signals set while the dashboard is there; then they do what they do to any program. Ctrl-C is left to whoever
/// follows the grid from then on.
struct Signals {
    ends: Vec<(i32, Arc<AtomicBool>)>,
    suspend: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        let flag = |signal| {
            let set = Arc::new(AtomicBool::new(false));
            flag::register(signal, set.clone()).map(|_| set)
        };
        // A signal that was once caught stays caught.
        let over = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGHUP, SIGTSTP] {
            flag::register_conditional_default(signal, over.clone())?;
        }
        let ends = [SIGTERM, SIGHUP, SIGINT].map(|signal| flag(signal).map(|set| (signal, set)));
        Ok(Self { ends: ends.into_iter().collect::<io::Result<_>>()?, suspend: flag(SIGTSTP)?, over })
    }

    fn end(&self) -> Option<i32> {
        self.ends.iter().find(|(_, set)| set.load(Ordering::Relaxed)).map(|(signal, _)| *signal)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

struct Session<'a> {
    store: &'a Store,
    state: State,
    ui: Ui,
    asks: Sender<Ask>,
    events: Receiver<Vec<Event>>,
    said: Receiver<Event>,
    /// What was drawn on last, for a picture of as much.
    area: Rect,
    frames: Option<BufWriter<File>>,
}

impl Session<'_> {
    fn run(mut self, taken: &mut Taken, signals: &Signals) -> Result<Watched, WatchError> {
        let mut drawn: Option<Instant> = None;
        let mut changed = true;
        loop {
            if let Some(signal) = signals.end() {
                return Ok(Watched::Signalled(signal));
            }
            if signals.suspend.swap(false, Ordering::Relaxed) {
                taken.suspend()?;
                changed = true;
            }
            changed |= self.take_in();
            let old = drawn.map_or(IDLE, |drawn| drawn.elapsed());
            if (changed && old >= FRAME) || old >= IDLE {
                self.draw(taken)?;
                (drawn, changed) = (Some(Instant::now()), false);
            }
            if event::poll(TICK)? {
                let effects = self.hear()?;
                for effect in effects {
                    if let Some(watched) = self.put(effect, taken)? {
                        return Ok(watched);
                    }
                }
                self.draw(taken)?;
                (drawn, changed) = (Some(Instant::now()), false);
            }
        }
    }

    /// Takes in what happened; whether anything did.
    fn take_in(&mut self) -> bool {
        let mut any = false;
        // No longer than a screen takes: keys are heard in between.
        let began = Instant::now();
        while began.elapsed() < TICK
            && let Ok(events) = self.events.try_recv()
        {
            any = true;
            for event in events {
                self.state.apply(event);
            }
        }
        while let Ok(event) = self.said.try_recv() {
            any = true;
            self.state.apply(event);
        }
        let now = mmtl_grid::events::now();
        self.state.apply(if self.state.replay().is_some() { Event::Wall(now) } else { Event::Clock(now) });
        if any && let Some(effect) = self.ui.follow(&self.state) {
            self.ask(effect);
        }
        any
    }

    fn draw(&mut self, taken: &mut Taken) -> io::Result<()> {
        let began = Instant::now();
        let (state, ui, area) = (&self.state, &mut self.ui, &mut self.area);
        taken.terminal.draw(|frame| {
            draw(frame.buffer_mut(), state, ui);
            *area = frame.area();
        })?;
        if let Some(frames) = &mut self.frames {
            writeln!(frames, "{} {}", self.ui.tab().name(), began.elapsed().as_micros())?;
        }
        Ok(())
    }

    /// All keys and clicks that wait.
    fn hear(&mut self) -> io::Result<Vec<Effect>> {
        let mut effects = vec![];
        loop {
            match event::read()? {
                Told::Key(key) => effects.extend(self.ui.input(&Input::Key(key), &self.state)),
                Told::Mouse(mouse) => effects.extend(self.ui.input(&Input::Mouse(mouse), &self.state)),
                Told::Resize(..) | Told::FocusGained | Told::FocusLost | Told::Paste(_) => {}
            }
            if !event::poll(Duration::ZERO)? {
                return Ok(effects);
            }
        }
    }

    /// Does what is to be done outside; how looking ends, if that is it.
    fn put(&mut self, effect: Effect, taken: &mut Taken) -> io::Result<Option<Watched>> {
        match effect {
            Effect::Follow(_) | Effect::ReadScores => self.ask(effect),
            Effect::Send(command) => self.try_to(|store| store.inbox().send(&command)),
            Effect::RevealTest => self.try_to(reveal),
            Effect::Export(format) => self.export(format),
            Effect::Copy(text) => {
                // OSC 52: the terminal fills its own clipboard, also at the other end of ssh.
                taken.send(format!("\x1b]52;c;{}\x07", STANDARD.encode(&text)).as_bytes())?;
                self.ui.say(format!("copied {} lines", text.lines().count()), self.state.wall());
            }
            Effect::Suspend => taken.suspend()?,
            Effect::Leave(leave) => {
                match leave {
                    Leave::Running => {}
                    Leave::AfterCurrent => self.try_to(|store| store.inbox().send(&Command::Drain)),
                    Leave::Stopped => self.try_to(|store| store.inbox().send(&Command::Stop)),
                }
                return Ok(Some(Watched::Left(leave)));
            }
        }
        Ok(None)
    }

    fn ask(&mut self, effect: Effect) {
        // A feed that ended has told of its end.
        let _ = match effect {
            Effect::Follow(keys) => {
                self.state.keep_histories(&keys);
                self.asks.send(Ask::Follow(keys))
            }
            _ => self.asks.send(Ask::Scores),
        };
    }

    /// Writes to the store; never to that of a replay, whatever a key came to.
    fn try_to(&mut self, act: impl FnOnce(&Store) -> Result<(), GridError>) {
        if self.state.replay().is_some() {
            return;
        }
        if let Err(error) = act(self.store) {
            self.ui.say(error.to_string(), self.state.wall());
        }
    }

    fn export(&mut self, format: crate::effect::ExportFormat) {
        let said = crate::export::export(&self.state, &mut self.ui, self.area, format).and_then(|(name, text)| {
            std::fs::write(&name, text).map(|()| format!("written to {name}")).map_err(|e| format!("{name}: {e}"))
        });
        let said = said.unwrap_or_else(|error| error);
        self.ui.say(said, self.state.wall());
    }
}
