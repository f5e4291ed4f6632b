//! Processor, memory, rows a second and GPUs: now as a bar, and over the last minutes as an area.

use ratatui::layout::Rect;

use crate::machine::{Gpu, Machine, MachineSample};
use crate::painter::Painter;
use crate::state::State;
use crate::symbols::{bar, sparkline};
use crate::theme::Role;
use crate::views::machine::amount::{bytes, percent, rate};
use crate::views::machine::history::{area, over_time};

/// Columns of a name, of a bar, of a share and of what is said beside it.
const NAME: u16 = 8;
const BAR: u16 = 12;
const SHARE: u16 = 7;
const DETAIL: u16 = 20;
/// Columns before an area.
const BESIDE: u16 = 1 + NAME + BAR + SHARE + 2 + DETAIL;
/// Columns of a core: its number, a bar and its share.
const CORE: u16 = 18;

/// One line of what is measured, or more of them.
struct Meter {
    name: &'static str,
    share: Option<f64>,
    value: String,
    detail: String,
    role: Role,
    /// What it was, by time.
    past: Vec<(u64, f64)>,
    /// What fills the area; `None` for the largest value.
    full: Option<f64>,
}

/// Draws all that is measured into the upper part of `inside`; returns the line below.
pub fn draw(painter: &mut Painter, inside: Rect, state: &State) -> u16 {
    let Some(sample) = state.machine().latest() else {
        painter.say(inside, 1, 0, "this machine has not been looked at yet", Role::Dim);
        return 1;
    };
    let high = match inside.height {
        0..30 => 1,
        30..48 => 3,
        48.. => 5,
    };
    let cores = sample.cores.len();
    let noun = if cores == 1 { "core" } else { "cores" };
    // The span of the areas, where there are any.
    let span = if inside.width > BESIDE + 1 { "last 10 minutes" } else { "" };
    let end = inside.width.saturating_sub(1);
    painter.say_right(inside, end, 0, span, Role::Dim);
    let left = Rect { width: end.saturating_sub(span.len() as u16 + 2), ..inside };
    let x = painter.say(left, 1, 0, &sample.host, Role::Strong) + 2;
    painter.say(left, x, 0, &format!("{}, {cores} {noun}", sample.processor), Role::Dim);
    let mut y = 1;
    y = meter(painter, inside, y, high, &processor(state.machine(), sample));
    let gap = u16::from(high > 1);
    y = each_core(painter, inside, y - gap, sample).saturating_add(gap);
    y = meter(painter, inside, y, high, &memory(state.machine(), sample));
    y = meter(painter, inside, y, high, &rows(state));
    if let Some(reason) = &sample.without_gpu {
        painter.say(inside, 1, y, "GPU", Role::Title);
        painter.say(inside, 1 + NAME, y, &format!("none: {reason}"), Role::Dim);
        return y.saturating_add(1);
    }
    let most = inside.height / 3;
    let high = high.min(3);
    // What is said of a GPU stands beside its area of several lines, else below it, or in its place.
    let compact = sample.gpus.len() * usize::from((high + gap).max(2)) > usize::from(most);
    for (number, gpu) in sample.gpus.iter().enumerate() {
        let mut of_gpu = of_gpu(state.machine(), number, gpu);
        if compact {
            of_gpu.past.clear();
            let below = meter(painter, inside, y, 1, &of_gpu);
            painter.say(inside, BESIDE, y, &words(gpu, painter.theme.ascii), Role::Dim);
            y = below;
            continue;
        }
        let below = meter(painter, inside, y, high, &of_gpu);
        let left = Rect { width: inside.width.min(BESIDE), ..inside };
        painter.say(left, 1 + NAME, y.saturating_add(1), &words(gpu, painter.theme.ascii), Role::Dim);
        y = below.max(y.saturating_add(2));
    }
    if compact { y } else { y - gap }
}

fn past(machine: &Machine, of: impl Fn(&MachineSample) -> Option<f64>) -> Vec<(u64, f64)> {
    machine.samples().filter_map(|(sample, _)| Some((sample.at, of(sample)?))).collect()
}

fn processor(machine: &Machine, sample: &MachineSample) -> Meter {
    let share = sample.processor_used();
    let busy = sample.cores.iter().sum::<f64>();
    Meter {
        name: "CPU",
        share,
        value: share.map_or_else(|| "–".to_owned(), percent),
        detail: format!("{busy:.1} of {} busy", sample.cores.len()),
        role: Role::Series(0),
        past: past(machine, MachineSample::processor_used),
        full: Some(1.0),
    }
}

fn memory(machine: &Machine, sample: &MachineSample) -> Meter {
    let share = sample.memory_share();
    // A grid whose workers are killed for memory loses hours.
    let scarce = share.is_some_and(|share| share > 0.9);
    Meter {
        name: "Memory",
        share,
        value: share.map_or_else(|| "–".to_owned(), percent),
        detail: format!("{} of {}{}", bytes(sample.memory_used), bytes(sample.memory), if scarce { " !" } else { "" }),
        role: if scarce { Role::Warning } else { Role::Series(3) },
        past: past(machine, MachineSample::memory_share),
        full: Some(1.0),
    }
}

fn rows(state: &State) -> Meter {
    let past: Vec<(u64, f64)> = state.machine().samples().map(|(sample, rows)| (sample.at, rows)).collect();
    let most = past.iter().map(|(_, rows)| *rows).fold(0.0, f64::max);
    Meter {
        name: "rows/s",
        share: None,
        value: rate(state.grid().rows_per_second().round()),
        detail: if most > 0.0 { format!("at most {}", rate(most.round())) } else { "no run trains".to_owned() },
        role: Role::Series(2),
        past,
        full: None,
    }
}

fn of_gpu(machine: &Machine, number: usize, gpu: &Gpu) -> Meter {
    const NAMES: [&str; 8] = ["GPU 0", "GPU 1", "GPU 2", "GPU 3", "GPU 4", "GPU 5", "GPU 6", "GPU 7"];
    Meter {
        name: NAMES.get(number).unwrap_or(&"GPU"),
        share: Some(gpu.used),
        value: percent(gpu.used),
        detail: format!("{} of {}", bytes(gpu.memory_used), bytes(gpu.memory)),
        role: Role::Series(1),
        past: past(machine, |sample| sample.gpus.get(number).map(|gpu| gpu.used)),
        full: Some(1.0),
    }
}

fn words(gpu: &Gpu, ascii: bool) -> String {
    let mut words = vec![gpu.name.clone()];
    words.extend(gpu.celsius.map(|celsius| format!("{celsius} {}", if ascii { "C" } else { "°C" })));
    words.extend(gpu.watts.map(|watts| format!("{watts:.0} W")));
    words.join("  ")
}

fn meter(painter: &mut Painter, inside: Rect, y: u16, high: u16, meter: &Meter) -> u16 {
    painter.say(inside, 1, y, meter.name, Role::Title);
    let mut x = 1 + NAME;
    if let Some(share) = meter.share {
        let bar = bar(share, usize::from(BAR), &painter.theme);
        painter.say(inside, x, y, &bar, meter.role);
    }
    x += BAR + SHARE;
    painter.say_right(inside, x, y, &meter.value, Role::Strong);
    x += 2;
    painter.say(inside, x, y, &meter.detail, Role::Dim);
    x += DETAIL;
    let width = usize::from(inside.width.saturating_sub(x + 1));
    let end = meter.past.last().map_or(0, |(at, _)| *at);
    let full = meter.full.unwrap_or_else(|| meter.past.iter().map(|(_, value)| *value).fold(0.0, f64::max));
    let share = |value: f64| if full > 0.0 { value / full } else { 0.0 };
    let values = over_time(meter.past.iter().map(|(at, value)| (*at, share(*value))), end, width);
    for (line, text) in (y..).zip(area(&values, usize::from(high), painter.theme)) {
        painter.say(inside, x, line, &text, meter.role);
    }
    // Areas of several lines would run into each other.
    y.saturating_add(high + u16::from(high > 1))
}

/// A bar for each core; where there are too many of them, a sign.
fn each_core(painter: &mut Painter, inside: Rect, y: u16, sample: &MachineSample) -> u16 {
    let room = inside.width.saturating_sub(1 + NAME);
    let most = (inside.height / 10).max(1);
    let columns = (room / CORE).max(1);
    let lines = sample.cores.len().div_ceil(usize::from(columns));
    if lines > usize::from(most) {
        let chunks = sample.cores.chunks(usize::from(room.saturating_sub(1).max(1)));
        let mut line = y;
        for cores in chunks.take(usize::from(most)) {
            let signs = sparkline(cores.iter().map(|core| core.max(0.125)), &painter.theme);
            painter.say(inside, 1 + NAME, line, &signs, Role::Series(0));
            line = line.saturating_add(1);
        }
        return line;
    }
    for (number, core) in sample.cores.iter().enumerate() {
        let (column, line) = (number as u16 % columns, number as u16 / columns);
        let x = 1 + NAME + column * CORE;
        let line = y.saturating_add(line);
        painter.say_right(inside, x + 3, line, &number.to_string(), Role::Dim);
        painter.say(inside, x + 4, line, &bar(*core, 7, &painter.theme), Role::Series(0));
        painter.say_right(inside, x + 17, line, &percent(*core), Role::Text);
    }
    y.saturating_add(lines as u16)
}
