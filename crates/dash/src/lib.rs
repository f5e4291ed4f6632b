//! The dashboard: watch a grid of runs in a terminal, and steer it.
//!
//! What is known of a grid is a [`State`], a pure fold over [`Event`]s; what somebody looks at is a [`Ui`], which turns
//! keys into [`Effect`]s; and [`draw`] makes a screen of both, of nothing else: no file, no clock. Around that, a feed reads
//! a store (live or replayed) and a terminal shows the screen.
//!
//! ```text
//! store --feed--> Event --State::apply--> State --draw--> screen
//! terminal --> Input --keymap--> Action --Ui::act--> Effect --> inbox of the grid
//! ```
//!
//! To add a view: one file in `views`, a [`Tab`], and its keys in `keymap`.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "a theme goes where states and runs go, which are borrowed")]
#![expect(clippy::cast_possible_wrap, reason = "no screen or list has 2⁶³ lines")]

mod action;
mod chosen;
mod digits;
mod effect;
mod event;
mod export;
mod filter;
mod flat;
mod history;
mod keymap;
mod layout;
mod live;
mod machine;
mod overlays;
mod painter;
mod roofline;
mod screen;
mod state;
mod status;
mod subjects;
mod svg;
mod symbols;
mod theme;
mod time;
mod ui;
mod views;
mod wrapped;

pub use action::{Action, Tab, Whom};
pub use chosen::Chosen;
pub use effect::{Effect, ExportFormat, Leave};
pub use event::Event;
pub use export::export;
pub use flat::flat;
pub use history::{FitHistory, History, Point};
pub use keymap::{BINDINGS, Binding, Place};
pub use live::{Looks, WatchError, Watched, missing_terminal, read_bench, watch};
pub use machine::{Gpu, Machine, MachineSample};
pub use roofline::{Bench, Reached, Roofline};
pub use screen::draw;
pub use state::{Scheduler, State, Tables};
pub use subjects::{Subject, Subjects};
pub use svg::svg;
pub use theme::{Depth, Role, Theme};
pub use ui::{Input, Ui};
