//! Axes and curves.

use ratatui::layout::Rect;
use thousands::Separable;
use unicode_width::UnicodeWidthStr;

use crate::action::Action;
use crate::history::Point;
use crate::painter::Painter;
use crate::theme::Role;
use crate::views::curves::axis::Axis;
use crate::views::curves::curve::Drawn;
use crate::views::curves::quantity::Quantity;
use crate::views::curves::raster::{Pen, Raster};

/// Columns left of the curves: numbers and the axis.
const MARGIN: u16 = 10;
/// Rows below them: the axis and its numbers.
const BELOW: u16 = 2;

/// Columns that curves have within an area.
pub fn columns(area: Rect) -> usize {
    usize::from(area.width.saturating_sub(MARGIN + 1))
}

/// The letter of a curve.
pub fn letter(number: usize) -> char {
    char::from(b'A' + (number % 26) as u8)
}

/// Draws curves with their axes.
pub fn draw(painter: &mut Painter, area: Rect, drawn: &Drawn, quantity: &Quantity, log: bool, cursor: Option<u64>) {
    let width = columns(area) as u16;
    let Some(height) = area.height.checked_sub(BELOW).filter(|height| *height > 0 && width > 0) else { return };
    let plot = Rect { x: area.x + MARGIN, y: area.y, width, height };
    // Faint raw values may be cut off: the axis is for what is smoothed.
    let lines = || drawn.curves.iter().flat_map(|curve| [&curve.train, &curve.valid]);
    let y = Axis::around(lines().flat_map(|line| line.drawn.iter().map(|point| point.value)), log);
    let x = Axis::of_steps(drawn.window);
    values(painter, area, plot, &y);
    steps(painter, area, plot, &x);
    let mut raster = Raster::new(plot.width, plot.height, painter.theme.ascii);
    curves(painter, &mut raster, drawn, &x, &y);
    if let Some(cursor) = cursor {
        let column = (x.place(cursor as f64) * f64::from(width.saturating_sub(1))).round();
        let sign = if painter.theme.ascii { '|' } else { '│' };
        for row in (0..usize::from(height)).filter(|_| (0.0..f64::from(width)).contains(&column)) {
            if raster.is_free(column as usize, row) {
                raster.put(column as usize, row, sign, painter.style(Role::Text));
            }
        }
    }
    painter.widget(raster, plot);
    for column in 0..plot.width {
        let strip = Rect { x: plot.x + column, width: 1, ..plot };
        painter.clickable(strip, Action::PointAt(0, usize::from(column)));
    }
    let names: Vec<&str> = [(quantity.is_on().0, "┄ train"), (quantity.is_on().1, "─ validation")]
        .into_iter()
        .filter_map(|(is_there, name)| is_there.then_some(name))
        .collect();
    let styles =
        if painter.theme.ascii { names.join("  ").replace('┄', "a").replace('─', "A") } else { names.join("  ") };
    let best = if painter.theme.ascii { "# best step" } else { "◆ best step" };
    painter.say_right(plot, plot.width, 0, &format!(" {styles}  {best}"), Role::Dim);
}

fn curves(painter: &Painter, raster: &mut Raster, drawn: &Drawn, x: &Axis, y: &Axis) {
    let place = |point: &Point| (x.place(point.step as f64), y.place(point.value));
    let places = |points: &[Point]| points.iter().map(place).collect::<Vec<_>>();
    let small = |number: usize| letter(number).to_ascii_lowercase();
    for curve in &drawn.curves {
        let pen = Pen { ascii: '.', style: painter.style(Role::Dim), dotted: false, layer: 1 };
        raster.line(&places(&curve.train.raw), pen);
    }
    for (number, curve) in drawn.curves.iter().enumerate() {
        let style = painter.style(Role::Series(number));
        raster.line(&places(&curve.train.drawn), Pen { ascii: small(number), style, dotted: true, layer: 2 });
        raster.line(&places(&curve.valid.drawn), Pen { ascii: letter(number), style, dotted: false, layer: 2 });
    }
    let few = raster_room(drawn);
    let (dot, best) = if painter.theme.ascii { ('o', '#') } else { ('•', '◆') };
    let style = |number| painter.style(Role::Series(number));
    for (number, curve) in drawn.curves.iter().enumerate() {
        for point in curve.valid.drawn.iter().filter(|_| few) {
            raster.sign(place(point), dot, style(number));
        }
    }
    for (number, curve) in drawn.curves.iter().enumerate() {
        if let Some(point) = &curve.best {
            raster.sign(place(point), best, style(number));
        }
    }
    for number in 0..drawn.curves.len() {
        letters(raster, drawn, number, place, style(number).add_modifier(ratatui::style::Modifier::BOLD));
    }
}

/// Whether every point may have a sign of its own.
fn raster_room(drawn: &Drawn) -> bool {
    drawn.curves.iter().map(|curve| curve.valid.drawn.len()).sum::<usize>() <= 100
}

/// A curve's letter stands on it at two places, which differ between curves so that none hides another: who sees no colour
/// follows the letters.
fn letters(
    raster: &mut Raster,
    drawn: &Drawn,
    number: usize,
    place: impl Fn(&Point) -> (f64, f64),
    style: ratatui::style::Style,
) {
    let curve = &drawn.curves[number];
    let line = if curve.valid.drawn.is_empty() { &curve.train.drawn } else { &curve.valid.drawn };
    let count = drawn.curves.len() as f64;
    for part in [0.0, 0.5] {
        let wanted = part + (number as f64 + 0.5) / (2.0 * count);
        let after = line.partition_point(|point| place(point).0 < wanted);
        let at = match (after.checked_sub(1).and_then(|before| line.get(before)), line.get(after)) {
            (Some(before), Some(after)) => {
                let ((x0, y0), (x1, y1)) = (place(before), place(after));
                (wanted, y0 + (y1 - y0) * ((wanted - x0) / (x1 - x0).max(1e-9)).clamp(0.0, 1.0))
            }
            (None, Some(only)) | (Some(only), None) => place(only),
            (None, None) => continue,
        };
        raster.sign(at, letter(number), style);
    }
}

fn values(painter: &mut Painter, area: Rect, plot: Rect, y: &Axis) {
    let (line, tick) = if painter.theme.ascii { ("|", "+") } else { ("│", "┤") };
    for row in 0..plot.height {
        painter.say(area, MARGIN - 1, row, line, Role::Border);
    }
    for (value, text) in y.ticks(usize::from(plot.height / 3).clamp(2, 9)) {
        let row = ((1.0 - y.place(value)) * f64::from(plot.height.saturating_sub(1))).round() as u16;
        painter.say_right(area, MARGIN - 2, row, &text, Role::Dim);
        painter.say(area, MARGIN - 1, row, tick, Role::Border);
    }
}

fn steps(painter: &mut Painter, area: Rect, plot: Rect, x: &Axis) {
    let (corner, line, tick) = if painter.theme.ascii { ("+", "-", "+") } else { ("└", "─", "┬") };
    painter.say(area, MARGIN - 1, plot.height, corner, Role::Border);
    painter.say(area, MARGIN, plot.height, &line.repeat(usize::from(plot.width)), Role::Border);
    painter.say(area, 0, plot.height + 1, "step", Role::Dim);
    let mut end = MARGIN - 1;
    for (value, text) in x.ticks(usize::from(plot.width / 12).clamp(2, 12)) {
        if value.fract() != 0.0 {
            continue;
        }
        let text = if value < 1e7 { (value as u64).separate_with_commas() } else { text };
        let column = MARGIN + (x.place(value) * f64::from(plot.width.saturating_sub(1))).round() as u16;
        let start = column
            .saturating_sub(text.width() as u16 / 2)
            .max(MARGIN)
            .min(area.width.saturating_sub(text.width() as u16));
        if start > end {
            painter.say(area, column, plot.height, tick, Role::Border);
            painter.say(area, start, plot.height + 1, &text, Role::Dim);
            end = start + text.width() as u16;
        }
    }
}
