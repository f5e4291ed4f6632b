//! Which curve is which run, and its values at the cursor.

use ratatui::layout::Rect;
use thousands::Separable;
use unicode_width::UnicodeWidthStr;

use crate::action::Action;
use crate::chosen::Chosen;
use crate::painter::{Painter, fitted};
use crate::state::State;
use crate::symbols::of_run;
use crate::theme::{Role, Theme};
use crate::views::curves::curve::{Curve, Drawn};
use crate::views::curves::line::value_at;
use crate::views::curves::plot::letter;
use crate::views::curves::quantity::Quantity;

/// Rows that the legend of so many curves wants: a head, one for each, and one for what is left out.
pub fn height(chosen: &Chosen, curves: usize) -> u16 {
    1 + curves as u16 + u16::from(chosen.runs().len() > Theme::SERIES)
}

/// The width of a number's column.
const NUMBER: u16 = 12;
/// From this width on values at the best step are told beside those of the cursor; below, names need the room.
const WIDE: u16 = 100;

/// Draws the legend.
pub fn draw(
    painter: &mut Painter,
    area: Rect,
    drawn: &Drawn,
    quantity: &Quantity,
    cursor: Option<u64>,
    state: &State,
    chosen: &Chosen,
) {
    let (train, valid) = quantity.is_on();
    let heads: Vec<&str> =
        [(train, "train"), (valid, "validation"), (area.width >= WIDE, "at best"), (true, "best step")]
            .into_iter()
            .filter_map(|(is_there, head)| is_there.then_some(head))
            .collect();
    let end = area.width.saturating_sub(1);
    let start = end.saturating_sub(NUMBER * heads.len() as u16);
    painter.say(
        area,
        1,
        0,
        &fitted(&reading(drawn, cursor, state, chosen), usize::from(start.saturating_sub(2)), painter.theme.ascii),
        Role::Strong,
    );
    for (number, head) in (1..).zip(&heads) {
        painter.say_right(area, start + number * NUMBER, 0, head, Role::Title);
    }
    for (y, curve) in (1..area.height).zip(drawn.curves.iter()) {
        let number = usize::from(y - 1);
        name(painter, Rect { width: start.min(area.width), ..area }, y, number, curve, state);
        for (at, text) in (1..).zip(numbers(curve, quantity, cursor, state, area.width >= WIDE)) {
            painter.say_right(area, start + at * NUMBER, y, &text, Role::Text);
        }
        let row = Rect { y: area.y + y, height: 1, ..area };
        if chosen.focus.as_ref() == Some(&curve.key) && drawn.curves.len() > 1 {
            painter.tint(Rect { width: start.min(area.width), ..row }, painter.style(Role::Cursor));
        }
        painter.clickable(row, Action::Point(number));
    }
    let left_out: usize = drawn.curves.iter().map(|curve| curve.train.left_out + curve.valid.left_out).sum();
    let mut notes = vec![];
    if drawn.more > 0 {
        notes.push(format!("and {} more: mark fewer", drawn.more));
    }
    if left_out > 0 {
        notes.push(format!("{} values at or below 0 left out", left_out.separate_with_commas()));
    }
    if !notes.is_empty() {
        let below = area.height.min(1 + drawn.curves.len() as u16).min(area.height.saturating_sub(1));
        let text = notes.join(", ");
        if drawn.more > 0 && below > 0 {
            painter.say(area, 1, below, &format!("{text:<40}"), Role::Warning);
        } else {
            let x = start.saturating_sub(text.width() as u16 + 1);
            painter.say(area, x, 0, &text, Role::Warning);
        }
    }
}

/// What the values are, in words.
fn reading(drawn: &Drawn, cursor: Option<u64>, state: &State, chosen: &Chosen) -> String {
    let Some(step) = cursor else { return "last values".to_owned() };
    let first = drawn.curves.iter().find(|curve| chosen.focus.as_ref() == Some(&curve.key)).or(drawn.curves.first());
    let epoch = first.and_then(|curve| epoch(curve, step, state));
    let step = step.separate_with_commas();
    epoch.map_or(format!("at step {step}"), |epoch| format!("at step {step}, epoch {epoch:.2}"))
}

/// A fit's epochs after a step: every epoch has the same steps.
fn epoch(curve: &Curve, step: u64, state: &State) -> Option<f64> {
    let told = state.history(&curve.key).and_then(|history| history.fits().get(curve.fit)?.evaluations().next_back());
    let known = told.map(|evaluated| (evaluated.step, evaluated.epochs));
    let (of, epochs) =
        known.or_else(|| state.run(&curve.key)?.fits.get(curve.fit).map(|fit| (fit.step, fit.epochs)))?;
    (of > 0).then(|| step as f64 * epochs / of as f64)
}

fn name(painter: &mut Painter, area: Rect, y: u16, number: usize, curve: &Curve, state: &State) {
    let theme = painter.theme;
    let (sign, role) = state.run(&curve.key).map_or(("", Role::Text), |run| of_run(run, &theme));
    let x = painter.say(area, 1, y, &letter(number).to_string(), Role::Series(number)) + 1;
    let x = painter.say(area, x, y, sign, role) + 1;
    let fit = curve.fit_name.as_ref().map_or(String::new(), |name| format!("  fit {name}"));
    let tail = format!("  seed {}{fit}", curve.seed);
    let room = usize::from(area.width.saturating_sub(x + 1)).saturating_sub(tail.width());
    let x = painter.say(area, x, y, &fitted(&curve.label, room.max(12), theme.ascii), Role::Text);
    painter.say(area, x, y, &tail, Role::Dim);
}

/// Its values at the cursor, or the last ones, as they were told; and those of its best weights.
fn numbers(curve: &Curve, quantity: &Quantity, cursor: Option<u64>, state: &State, wide: bool) -> Vec<String> {
    let undefined = || "—".to_owned();
    let tasks: Vec<&str> = state.subjects().tasks.iter().map(|task| task.name.as_str()).collect();
    let fit = state.history(&curve.key).and_then(|history| history.fits().get(curve.fit));
    let points = fit.map(|fit| quantity.points(fit, &tasks));
    let at = |points: &[crate::history::Point]| {
        value_at(points, cursor.unwrap_or(u64::MAX)).map_or_else(undefined, |point| quantity.number(point.value))
    };
    let (train, valid) = quantity.is_on();
    let mut numbers = vec![];
    if train {
        numbers.push(points.as_ref().map_or_else(undefined, |points| at(&points.train)));
    }
    if valid {
        numbers.push(points.as_ref().map_or_else(undefined, |points| at(&points.valid)));
    }
    if wide {
        numbers.push(curve.best.map_or_else(undefined, |best| quantity.number(best.value)));
    }
    numbers.push(curve.best.map_or_else(undefined, |best| best.step.separate_with_commas()));
    numbers
}
