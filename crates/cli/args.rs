//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A benchmarking harness for multi-scene multi-task learning in recommendation.
#[derive(Debug, Parser)]
#[command(name = "mmtl", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, also where runs were cancelled or pruned; 1 a run failed, the grid was \
                          stopped before its end, or a comparison differs; 2 bad input, nothing written; 129, 130 and \
                          143 ended by a signal, as Ctrl-C is; 141 nobody read the output any more.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented experiment file.
    Init(Init),
    /// Run a grid, or go on with it; tables at the end.
    Run(Run),
    /// Show a grid that runs, or ran, on the terminal, and steer it.
    Watch(Watch),
    /// Print the tables of a grid, finished or not.
    Table(Table),
    /// Steer a running grid.
    Ctl(Ctl),
    /// Run a stored trial again and compare every byte.
    Repro(Repro),
    /// Write a finished run's weights as named tensors, its split, predictions and vocabularies.
    Export(Export),
    /// Predict the rows of new files with a finished run's preprocessing and best weights.
    Predict(Predict),
    /// List architectures, or show one with its paper, knobs, parameters and FLOPs.
    Zoo(Zoo),
    /// Look at data sets.
    #[command(subcommand)]
    Data(Data),
    /// List what can execute plans here, and what is missing for the rest.
    Devices,
    /// Hold an engine to the oracle: every op and architecture, outputs, gradients, updates and curves.
    Verify(Verify),
    /// Time training steps, predictions and the AUC, beside the machine's own peak.
    Bench(Bench),
    /// Print what lets a shell complete commands, to be read by it: `source <(mmtl completions bash)`.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write a manual page for every command: `man -l DIR/mmtl.1`.
    Man {
        /// The folder; made if it is not there.
        dir: PathBuf,
    },
    /// Run the grid stored in a folder; started by `mmtl run`.
    #[command(hide = true)]
    Schedule(Schedule),
    /// Execute one run of a stored grid; started by the scheduler.
    #[command(hide = true)]
    Worker(Worker),
}

/// `mmtl init`
#[derive(Debug, Args)]
pub struct Init {
    /// Name of the experiment; the file is NAME.toml.
    #[arg(default_value = "experiment")]
    pub name: String,
    /// Where its rows come from: every key of that source is in the file.
    #[arg(long, default_value = "reviews")]
    pub source: String,
}

/// `mmtl run`
#[derive(Debug, Args)]
pub struct Run {
    /// The experiment file.
    pub experiment: PathBuf,
    /// How and where.
    #[command(flatten)]
    pub how: How,
    /// Folder that holds the folders of grids.
    #[arg(long, default_value = "results")]
    pub results: PathBuf,
    /// What is run again.
    #[command(flatten)]
    pub again: Again,
    /// What executes the plans.
    #[command(flatten)]
    pub executed: Executed,
    /// Plain lines even on a terminal.
    #[arg(long)]
    pub plain: bool,
    /// How it looks.
    #[command(flatten)]
    pub looks: Looks,
    /// Start the grid and return at once.
    #[arg(long)]
    pub detach: bool,
    /// Whether only to say what it would cost.
    #[command(flatten)]
    pub costs: Costs,
}

/// What is run again.
#[derive(Debug, Clone, Copy, Args)]
pub struct Again {
    /// Also run again what failed or was cancelled before.
    #[arg(long)]
    pub retry_failed: bool,
    /// Also run again what was pruned before.
    #[arg(long)]
    pub retry_pruned: bool,
}

/// What executes plans.
#[derive(Debug, Clone, Args)]
pub struct Executed {
    /// cpu; wgpu or cuda, with a device's number such as cuda:1 or without; auto for the best device that there is or else
    /// the processor; reference. `mmtl devices` lists them.
    #[arg(long, default_value = "cpu")]
    pub engine: String,
    /// What factors of matrix products are rounded to: f32, which is not at all; tf32 or bf16, for the matrix units of a
    /// device that has them. Sums and everything else stay f32.
    #[arg(long, default_value = "f32")]
    pub precision: String,
}

/// What a grid would cost, instead of running it.
#[derive(Debug, Clone, Copy, Args)]
pub struct Costs {
    /// Run nothing: print what it would cost in operations and memory, of the given jobs and threads.
    #[arg(long, conflicts_with_all = ["detach", "retry_failed", "retry_pruned", "fail_fast"])]
    pub plan: bool,
    /// How the costs are written.
    #[arg(long, value_enum, default_value_t = TextOrJson::Text, requires = "plan")]
    pub format: TextOrJson,
}

/// How runs are executed; no effect on any number.
#[derive(Debug, Clone, Copy, Args)]
pub struct How {
    /// Runs at once [default: the number of cores].
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Threads of each run [default: the cores divided by the jobs]; beside more than one, another prepares batches.
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Stop the grid at the first failure.
    #[arg(long)]
    pub fail_fast: bool,
}

/// `mmtl watch`
#[derive(Debug, Args)]
pub struct Watch {
    /// The grid's folder [default: the one below `results` that was written to last].
    pub dir: Option<PathBuf>,
    /// Play it back from its beginning; this steers nothing.
    #[arg(long)]
    pub replay: bool,
    /// How many times as fast as it was.
    #[arg(long, requires = "replay", default_value_t = 20.0, value_parser = speed, allow_negative_numbers = true)]
    pub speed: f64,
    /// A report of `mmtl bench --json FILE` of this machine, whose peaks runs are held to.
    #[arg(long, value_name = "FILE")]
    pub bench: Option<PathBuf>,
    /// Where to tell how long each screen took, for `benches/dashboard`.
    #[arg(long, value_name = "FILE", hide = true)]
    pub frames: Option<PathBuf>,
    /// How it looks.
    #[command(flatten)]
    pub looks: Looks,
}

/// How a dashboard looks.
#[derive(Debug, Clone, Copy, Args)]
pub struct Looks {
    /// Only characters of ASCII.
    #[arg(long)]
    pub ascii: bool,
    /// Colours for a light ground.
    #[arg(long)]
    pub light: bool,
}

fn speed(typed: &str) -> Result<f64, String> {
    let speed = typed.parse::<f64>().ok().filter(|speed| (0.01..=1e6).contains(speed));
    speed.ok_or_else(|| "expected a number from 0.01 to 1000000".to_owned())
}

/// `mmtl table`
#[derive(Debug, Args)]
pub struct Table {
    /// The grid's folder, such as results/quickstart.
    pub dir: PathBuf,
    /// Only this task.
    #[arg(long)]
    pub task: Option<String>,
    /// Only this metric, or `all`.
    #[arg(long)]
    pub metric: Option<String>,
    /// Which rows were scored; without it test rows, but validation rows until the grid is done. Asking for test rows before is
    /// remembered.
    #[arg(long, value_enum)]
    pub split: Option<Part>,
    /// Only this slice of the rows.
    #[arg(long, default_value = "all")]
    pub slice: String,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Which rows a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Validation rows.
    Valid,
    /// Test rows.
    Test,
}

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    Text,
    /// Markdown.
    Md,
    /// LaTeX, for papers; needs booktabs.
    Latex,
    /// One line a cell.
    Csv,
    /// Everything.
    Json,
}

/// `mmtl ctl`
#[derive(Debug, Args)]
#[command(
    after_help = "KEYS are runs' keys, or unambiguous beginnings of them. Without any, pause, resume, cancel and retry mean \
                        the whole grid, and ask nothing."
)]
pub struct Ctl {
    /// The grid's folder.
    pub dir: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub order: Order,
}

/// An order to a running grid.
#[derive(Debug, Subcommand)]
pub enum Order {
    /// Checkpoint and wait.
    Pause {
        /// Runs' keys, or beginnings of them; none: the whole grid.
        keys: Vec<String>,
    },
    /// Go on after a pause.
    Resume {
        /// Runs' keys, or beginnings of them; none: the whole grid.
        keys: Vec<String>,
    },
    /// Give up.
    Cancel {
        /// Runs' keys, or beginnings of them; none: the whole grid.
        keys: Vec<String>,
    },
    /// Run again what failed or was cancelled; by their keys, also what was pruned.
    Retry {
        /// Runs' keys, or beginnings of them; none: the whole grid.
        keys: Vec<String>,
    },
    /// Give up because validation scores are hopeless; tables count what was pruned.
    Prune {
        /// Runs' keys.
        #[arg(required = true)]
        keys: Vec<String>,
    },
    /// Start runs before others, or after them: higher first, 0 unless changed.
    Priority {
        /// Runs' keys, then their priority, a whole number.
        #[arg(value_name = "KEYS... N", required = true, allow_negative_numbers = true)]
        keys_and_number: Vec<String>,
    },
    /// Change how many runs run at once.
    Jobs {
        /// How many.
        #[arg(value_parser = clap::value_parser!(u16).range(1..))]
        jobs: u16,
    },
    /// Start nothing more and end after the runs that run; the next `mmtl run` goes on from there.
    Drain,
    /// Checkpoint everything and end; the next `mmtl run` goes on from there.
    Stop,
    /// Let test scores be seen before the grid is done; the store remembers it, and every table says so.
    RevealTest,
}

/// `mmtl repro`
#[derive(Debug, Args)]
pub struct Repro {
    /// The run's folder, such as results/quickstart/0123456789abcdef.
    pub run: PathBuf,
    /// Put the weights into the run's folder, for `mmtl export` and `mmtl predict`, once every byte is the same.
    #[arg(long)]
    pub keep_weights: bool,
    /// Threads [default: the number of cores].
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// `mmtl export`
#[derive(Debug, Args)]
pub struct Export {
    /// The run's folder, such as results/quickstart/0123456789abcdef.
    pub run: PathBuf,
    /// The folder to write; must not exist [default: export-KEY].
    pub dir: Option<PathBuf>,
    /// How split, predictions and vocabularies are written.
    #[arg(long, value_enum, default_value_t = Sheet::Parquet)]
    pub format: Sheet,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sheet {
    /// Parquet.
    Parquet,
    /// Text with commas.
    Csv,
}

/// `mmtl predict`
#[derive(Debug, Args)]
pub struct Predict {
    /// The run's folder, such as results/quickstart/0123456789abcdef.
    pub run: PathBuf,
    /// The files, of the same layout as the run's own data; labels may be absent.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Where predictions go: a file ending in .csv or .parquet that must not exist; otherwise they are printed as CSV.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Threads [default: the number of cores].
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// `mmtl zoo`
#[derive(Debug, Args)]
pub struct Zoo {
    /// An architecture.
    pub name: Option<String>,
}

/// `mmtl data`
#[derive(Debug, Subcommand)]
pub enum Data {
    /// Rows, fields, scenes and base rates of an experiment's data.
    Describe {
        /// The experiment file, or the name of a source (synthetic, reviews, census) with its defaults.
        experiment: String,
        /// Folder that holds the folders of grids, and prepared data.
        #[arg(long, default_value = "results")]
        results: PathBuf,
    },
    /// Prepare your own files by a card and keep the result; experiments that name both find it there.
    Import {
        /// The card: a TOML file, or the name of one that ships (`mmtl data cards`).
        card: String,
        /// The files: CSV, TSV, JSON lines or Parquet, also as .gz, .xz or .zst; the card says which is what.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The seed of a random split; experiments pin it to 1 unless their `[seeds] split` says otherwise.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Take scenes that no train row has, which are scored without training on them.
        #[arg(long)]
        unseen_scenes: bool,
        /// Folder that holds the folders of grids, and prepared data.
        #[arg(long, default_value = "results")]
        results: PathBuf,
    },
    /// Draft a card for a file: what its columns seem to be, to be read and corrected.
    Guess {
        /// The file.
        file: PathBuf,
        /// Where to write the card; must not exist. Otherwise it is printed.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// List the cards that ship, or print one to start from.
    Cards {
        /// The card to print.
        name: Option<String>,
    },
    /// Write the encoded rows, the split and the resolved trials, for twins in other frameworks.
    Export {
        /// The experiment file.
        experiment: PathBuf,
        /// The folder to write; must not exist.
        dir: PathBuf,
        /// Folder that holds the folders of grids, and prepared data.
        #[arg(long, default_value = "results")]
        results: PathBuf,
    },
}

/// `mmtl verify`
#[derive(Debug, Args)]
pub struct Verify {
    /// What is verified.
    #[command(flatten)]
    pub executed: Executed,
    /// Only plans whose names contain this.
    #[arg(long)]
    pub filter: Option<String>,
}

/// `mmtl bench`
#[derive(Debug, Args)]
pub struct Bench {
    /// What to time; everything when nothing is named, but for `experts-wide` and `norm-wide`, made for devices.
    #[arg(value_name = "CASE")]
    pub cases: Vec<String>,
    /// Only cases whose names contain this; those made for devices only on one, or by their whole name.
    #[arg(long)]
    pub filter: Option<String>,
    /// Rows of a call, instead of each case's own.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub rows: Option<u32>,
    /// Threads [default: the number of cores].
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// What is timed.
    #[command(flatten)]
    pub executed: Executed,
    /// Another engine that takes the same cases in the same call, in f32, or none [default: on a device cpu, else none].
    #[arg(long, value_name = "ENGINE")]
    pub beside: Option<String>,
    /// Seconds that each case is timed for, after a warm-up of at most as long (`wide-exact`: of 64 steps).
    #[arg(long, default_value_t = 3.0, value_parser = seconds, allow_negative_numbers = true)]
    pub seconds: f64,
    /// On a device, only whole steps and not the kernels that each of them launches.
    #[arg(long)]
    pub no_kernels: bool,
    /// Also how a step grows with batch, experts, tasks, fields and scenes; alone when no case is named.
    #[arg(long)]
    pub growth: bool,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = TextOrJson::Text)]
    pub format: TextOrJson,
    /// Also a file of all of it, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// How times and costs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    /// For a terminal.
    Text,
    /// Everything.
    Json,
}

fn seconds(typed: &str) -> Result<f64, String> {
    let longest = 3600.0;
    let seconds = typed.parse::<f64>().ok().filter(|seconds| (0.0..=longest).contains(seconds));
    seconds.ok_or_else(|| format!("expected a number from 0 to {longest}"))
}

/// `mmtl schedule`
#[derive(Debug, Args)]
pub struct Schedule {
    /// The grid's folder.
    pub dir: PathBuf,
    /// How runs are executed.
    #[command(flatten)]
    pub how: How,
    /// What is run again.
    #[command(flatten)]
    pub again: Again,
}

/// `mmtl worker`
#[derive(Debug, Args)]
pub struct Worker {
    /// The grid's folder.
    pub dir: PathBuf,
    /// The run's key.
    pub key: String,
    /// Threads.
    #[arg(long, short, default_value_t = 1)]
    pub threads: u16,
}
