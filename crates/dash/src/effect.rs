//! What somebody wants who looks at a dashboard: the only way from a screen to the world.

use std::collections::BTreeSet;

use mmtl_grid::TrialKey;
use mmtl_grid::store::Command;

/// Something to be done outside of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Leave a command in the grid's inbox.
    Send(Command),
    /// Write to the store that somebody looks at test scores before the grid is done.
    RevealTest,
    /// Read all lines of these runs, and what their workers print, and go on with that.
    Follow(BTreeSet<TrialKey>),
    /// Read records and make tables of them.
    ReadScores,
    /// Write the tables to a file.
    Export(ExportFormat),
    /// Put this text into the terminal's clipboard.
    Copy(String),
    /// Stop the process, as `Ctrl-Z` does, until the shell brings it back.
    Suspend,
    /// Go.
    Leave(Leave),
}

/// What a file of tables is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Markdown.
    Markdown,
    /// One line a cell.
    Csv,
    /// LaTeX with booktabs.
    Latex,
    /// A picture of the screen.
    Svg,
}

/// What becomes of the grid when the view is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It goes on.
    Running,
    /// It ends when what runs is done.
    AfterCurrent,
    /// Its runs checkpoint and stop; the next `mmtl run` goes on.
    Stopped,
}
