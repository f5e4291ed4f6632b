//! `mmtl watch`, and the dashboard of `mmtl run`.

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mmtl_dash::{Depth, Leave, Looks, Theme, Watched};
use mmtl_grid::store::Store;
use supports_color::Stream;

use crate::args::{self, Watch};
use crate::failure::Failure;

/// Shows a grid until somebody leaves.
pub fn watch(args: &Watch) -> Result<(), Failure> {
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => latest(Path::new("results"))?,
    };
    let store = Store::open(&dir).map_err(Failure::input)?;
    if let Some(missing) = missing() {
        return Err(Failure::input(format!("{missing}; `mmtl table` prints what is known so far")));
    }
    let bench = args.bench.as_deref().map(mmtl_dash::read_bench).transpose().map_err(Failure::input)?;
    let replay = args.replay.then_some(args.speed);
    let looks = Looks { theme: theme(args.looks), replay, bench, frames: args.frames.clone() };
    show(&store, looks).map(drop)
}

/// Shows a grid, and says how it goes on when somebody has left.
pub fn show(store: &Store, looks: Looks) -> Result<Leave, Failure> {
    let watched = mmtl_dash::watch(store, looks).map_err(Failure::failed)?;
    let dir = store.root().display();
    let left = match watched {
        Watched::Signalled(signal) => return Err(Failure::signalled(signal)),
        Watched::Left(left) => left,
    };
    if store.scheduler().map_err(Failure::failed)?.is_some() {
        let farewell = match left {
            Leave::Running => format!("the grid runs on; `mmtl watch {dir}` shows it again"),
            Leave::AfterCurrent => format!("the grid ends when what runs is done; `mmtl watch {dir}` shows it"),
            Leave::Stopped => "the grid stops: its runs checkpoint first; the next `mmtl run` goes on".to_owned(),
        };
        // The terminal may have closed, and then nobody misses the sentence.
        let _ = writeln!(io::stdout(), "{farewell}");
    }
    Ok(left)
}

/// Whether keys can be heard and screens be drawn.
pub fn is_terminal() -> bool {
    missing().is_none()
}

/// Whether lines of progress on standard error can be drawn over.
pub fn draws_over() -> bool {
    let is_terminal = io::stderr().is_terminal();
    mmtl_dash::missing_terminal(is_terminal, env::var("TERM").ok().as_deref()).is_none()
}

/// What keeps them from it, if anything.
fn missing() -> Option<&'static str> {
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    mmtl_dash::missing_terminal(is_terminal, env::var("TERM").ok().as_deref())
}

/// What the terminal can show, as far as its surroundings tell.
pub fn theme(looks: args::Looks) -> Theme {
    let depth = match supports_color::on(Stream::Stdout) {
        None => Depth::None,
        Some(level) if level.has_16m => Depth::True,
        Some(level) if level.has_256 => Depth::TwoHundredFiftySix,
        Some(_) => Depth::Sixteen,
    };
    Theme { depth, dark: !(looks.light || has_light_ground()), ascii: looks.ascii || !speaks_unicode() }
}

/// `COLORFGBG` ends with the number of the ground's colour, of sixteen.
fn has_light_ground() -> bool {
    env::var("COLORFGBG").is_ok_and(|colours| matches!(colours.rsplit(';').next(), Some("7" | "15")))
}

/// A locale that is set to something without Unicode is believed; none at all is not, since containers often have none.
fn speaks_unicode() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| env::var(name).ok());
    set.into_iter().find(|locale| !locale.is_empty()).is_none_or(|locale| locale.to_lowercase().contains("utf"))
}

/// The grid below `results` that was written to last.
fn latest(results: &Path) -> Result<PathBuf, Failure> {
    let written = |dir: &PathBuf| fs::metadata(dir.join("grid.jsonl")).and_then(|file| file.modified()).ok();
    let dirs = fs::read_dir(results).into_iter().flatten().flatten().map(|entry| entry.path());
    let latest: Option<(SystemTime, PathBuf)> = dirs.filter_map(|dir| Some((written(&dir)?, dir))).max();
    latest.map(|(_, dir)| dir).ok_or_else(|| {
        let results = results.display();
        Failure::input(format!("no grid lies below `{results}`; expected a folder, as in `mmtl watch {results}/NAME`"))
    })
}
