//! What can be done at a dashboard. Keys, palette, help and clicks all lead here.

use mmtl_grid::TrialKey;

/// A view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tab {
    /// Rows × scenes as a heat map.
    #[default]
    Grid,
    /// The runs.
    Runs,
    /// Losses and scores over steps.
    Curves,
    /// One run.
    Run,
    /// The tables.
    Table,
    /// The machine.
    Machine,
}

impl Tab {
    /// All, in order.
    pub const ALL: [Self; 6] = [Self::Grid, Self::Runs, Self::Curves, Self::Run, Self::Table, Self::Machine];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grid => "Grid",
            Self::Runs => "Runs",
            Self::Curves => "Curves",
            Self::Run => "Run",
            Self::Table => "Table",
            Self::Machine => "Machine",
        }
    }
}

/// Which runs are steered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Those that are marked; with none, the one under the cursor.
    Chosen,
    /// All, and those to come.
    Grid,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Show a view.
    Show(Tab),
    /// Show the next view.
    NextTab,
    /// Show the one before.
    PreviousTab,
    /// Move the cursor by rows and columns.
    Move(i32, i32),
    /// Move by whole screens.
    Page(i32),
    /// To the beginning.
    First,
    /// To the end.
    Last,
    /// Look closer at what the cursor is on.
    Open,
    /// Put the cursor on a row of the view, as a click does.
    Point(usize),
    /// Put the cursor on a cell of the view.
    PointAt(usize, usize),
    /// Put the cursor on a run.
    Focus(TrialKey),
    /// Mark the run under the cursor, or take its mark away.
    Mark,
    /// Mark all runs that are listed.
    MarkAll,
    /// Take all marks away.
    ClearMarks,
    /// The next task.
    NextTask,
    /// The next metric.
    NextMetric,
    /// Show differences to the baseline, or scores again.
    Relative,
    /// Sort by the next column.
    NextSort,
    /// Turn the order around.
    ReverseSort,
    /// Type a filter.
    Filter,
    /// List only the runs that fit this.
    FilterBy(String),
    /// The next fit of a run.
    NextFit,
    /// Train loss, validation loss, or a score.
    NextQuantity,
    /// More or less smoothing.
    Smooth(i32),
    /// Logarithmic axis, or linear again.
    LogAxis,
    /// Closer in or further out.
    Zoom(i32),
    /// Show test scores before the grid is done; the store remembers that.
    RevealTest,
    /// Validation or test rows.
    NextSplit,
    /// Checkpoint and wait.
    Pause(Whom),
    /// Go on.
    Resume(Whom),
    /// Give up; asks.
    Cancel(Whom),
    /// Run again what failed or was cancelled.
    Retry(Whom),
    /// Give up as hopeless; asks.
    Prune,
    /// More or fewer runs at once.
    Jobs(i32),
    /// Start sooner or later.
    Priority(i32),
    /// End the grid when what runs is done; asks.
    Drain,
    /// Let all runs checkpoint and end the grid; asks.
    Stop,
    /// Show or hide the log.
    Log,
    /// Show or hide the keys.
    Help,
    /// Type a command.
    Palette,
    /// Write tables or the screen to a file; asks which.
    Export,
    /// Copy what is shown.
    Copy,
    /// Leave; asks what becomes of the grid while it runs.
    Quit,
    /// Stop the process until the shell brings it back.
    Suspend,
    /// Close what lies on top.
    Back,
    /// Choose the entry with this number of what lies on top.
    Choose(usize),
}
