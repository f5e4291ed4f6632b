//! Rows of embedding tables: their gradients, and updates that reach a row when a batch next looks it up.

use cubecl::prelude::*;

use crate::ops::linear::dropped;
use crate::update::{RULE, advance, advance_row, is_of_rows, moves, rule_at};

/// Words that a batch has for each touched row: the row among those of all tables, its table, its first element, where its
/// gradient starts.
pub const TOUCHED: usize = 4;

/// Words that a batch has for each part of a touched row's occurrences: the row's table, where the part's sum goes, the first
/// occurrence and the one after the last.
pub const PART: usize = 4;

/// Words that a batch has for each touched row of several parts: where its gradient starts, the width, where the first part's
/// sum lies, the number of parts.
pub const SPLIT: usize = 4;

/// Most occurrences of a part: those of a frequent id are added by as many units side by side as there are parts, and these
/// then by one.
pub const OCCURRENCES: usize = 128;

/// Words that the plan has for each table: width, and where its fields' uses start. For each field of the schema two
/// words follow: the first use and their number.
pub const TABLE: usize = 2;

/// Words of a use: derivatives (at, stride), whether the mean of several ids was taken, the word of the batch that says
/// where the field's ids start, dropout (key, key, threshold, scale).
pub const USE: usize = 8;

/// Where dropout's words lie in a use.
const DROPOUT: usize = 4;

/// Units across a row's elements.
pub const ACROSS: usize = 8;

/// Rows of a cube.
pub const ROWS: usize = 8;

/// The gradients of touched rows, each summed over its occurrences in order; of rows with many, in parts. `parts` is the word
/// of the batch that says how many parts there are, `drops` whether elements may have been dropped. Cubes are of 8 parts of 8
/// units.
#[cube(launch_unchecked)]
pub fn gradients(
    out: &mut Array<f32>,
    grads: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    tables: u32,
    parts: u32,
    step_low: u32,
    step_high: u32,
    #[comptime] drops: bool,
) {
    let number = CUBE_POS as u32 * comptime!(ROWS as u32) + UNIT_POS_Y;
    if number >= batch[parts as usize] {
        terminate!();
    }
    let part = (batch[parts as usize + 1] + number * comptime!(PART as u32)) as usize;
    let table = (tables + batch[part] * comptime!(TABLE as u32)) as usize;
    let width = jobs[table];
    let fields = jobs[table + 1];
    let mut col = UNIT_POS_X;
    while col < width {
        let mut sum = 0.0f32;
        for i in batch[part + 2]..batch[part + 3] {
            let field = batch[2 * i as usize];
            let row = batch[2 * i as usize + 1];
            let uses = (fields + 2u32 * field) as usize;
            for u in 0..jobs[uses + 1] {
                let to = (jobs[uses] + u * comptime!(USE as u32)) as usize;
                let mut d = grads[(jobs[to] + row * jobs[to + 1] + col) as usize];
                if comptime!(drops) {
                    d = dropped(d, jobs, to + DROPOUT, row * width + col, step_low, step_high);
                }
                if jobs[to + 2] > 0u32 {
                    let bounds = batch[jobs[to + 3] as usize + 1];
                    if bounds > 0u32 {
                        let ids = batch[(bounds + row) as usize + 1] - batch[(bounds + row) as usize];
                        d /= f32::cast_from(ids);
                    }
                }
                sum += d;
            }
        }
        let to = (batch[part + 1] + col) as usize;
        out[to] = sum;
        col += comptime!(ACROSS as u32);
    }
}

/// The gradients of rows of several parts. `splits` is the word of the batch that says how many such rows there are. Cubes
/// are of 8 rows of 8 units.
#[cube(launch_unchecked)]
pub fn add_parts(gradients: &mut Array<f32>, batch: &Array<u32>, splits: u32) {
    let number = CUBE_POS as u32 * comptime!(ROWS as u32) + UNIT_POS_Y;
    if number >= batch[splits as usize] {
        terminate!();
    }
    let split = (batch[splits as usize + 1] + number * comptime!(SPLIT as u32)) as usize;
    let width = batch[split + 1];
    let mut col = UNIT_POS_X;
    while col < width {
        let mut sum = 0.0f32;
        for part in 0..batch[split + 3] {
            sum += gradients[(batch[split + 2] + part * width + col) as usize];
        }
        let to = (batch[split] + col) as usize;
        gradients[to] = sum;
        col += comptime!(ACROSS as u32);
    }
}

/// Brings touched rows to where a dense optimiser would have them: each replays the updates it missed.
#[cube(launch_unchecked)]
pub fn catch_up(
    values: &mut Array<f32>,
    first_moment: &mut Array<f32>,
    second_moment: &mut Array<f32>,
    seen: &mut Array<u32>,
    history: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    tables: u32,
    touched: u32,
    now: u32,
) {
    let number = CUBE_POS as u32 * comptime!(ROWS as u32) + UNIT_POS_Y;
    let inside = number < batch[touched as usize];
    let entry = (batch[touched as usize + 1] + select(inside, number, 0u32) * comptime!(TOUCHED as u32)) as usize;
    let row = batch[entry] as usize;
    let begin = seen[row];
    // Every unit of the row has read it before one writes it.
    sync_cube();
    if inside {
        let width = jobs[(tables + batch[entry + 1] * comptime!(TABLE as u32)) as usize];
        if misses_rows(history, begin, now) {
            if UNIT_POS_X == 0u32 {
                replay_row(values, first_moment, history, batch[entry + 2], width, begin, now);
            }
        } else {
            let mut col = UNIT_POS_X;
            while col < width {
                replay(values, first_moment, second_moment, history, (batch[entry + 2] + col) as usize, begin, now);
                col += comptime!(ACROSS as u32);
            }
        }
        if UNIT_POS_X == 0u32 {
            seen[row] = now;
        }
    }
}

/// Brings all rows of a table there, and forgets what they have seen. Elements are those of one table, from `at` on.
#[cube(launch_unchecked)]
pub fn catch_up_all(
    values: &mut Array<f32>,
    first_moment: &mut Array<f32>,
    second_moment: &mut Array<f32>,
    seen: &Array<u32>,
    history: &Array<f32>,
    at: u32,
    first_row: u32,
    width: u32,
    elements: u32,
    now: u32,
) {
    let mut i = ABSOLUTE_POS as u32;
    let step = (CUBE_COUNT * CUBE_DIM as usize) as u32;
    while i < elements {
        let begin = seen[(first_row + i / width) as usize];
        if misses_rows(history, begin, now) {
            let column = i % width;
            if column == 0u32 {
                replay_row(values, first_moment, history, at + i, width, begin, now);
            }
        } else {
            replay(values, first_moment, second_moment, history, (at + i) as usize, begin, now);
        }
        i += step;
    }
}

/// Whether the updates `begin..now` that a row missed are some, and by rules of rows. Both sides of an `&&` would be read.
#[cube]
fn misses_rows(history: &Array<f32>, begin: u32, now: u32) -> bool {
    let mut of_rows = false;
    if begin < now {
        of_rows = is_of_rows(&rule_at(history, begin * comptime!(RULE as u32)));
    }
    of_rows
}

/// Applies updates `begin..end` without gradient to one element.
#[cube]
fn replay(
    values: &mut Array<f32>,
    first_moment: &mut Array<f32>,
    second_moment: &mut Array<f32>,
    history: &Array<f32>,
    at: usize,
    begin: u32,
    end: u32,
) {
    let mut w = values[at];
    let mut m = first_moment[at];
    let mut v = second_moment[at];
    for number in begin..end {
        let rule = rule_at(history, number * comptime!(RULE as u32));
        if moves(&rule, m, v) {
            let moved = advance(&rule, 0.0f32, w, m, v, 0.0f32);
            w = moved.w;
            m = moved.m;
            v = moved.v;
        }
    }
    values[at] = w;
    first_moment[at] = m;
    second_moment[at] = v;
}

/// The same to a row, by rules of rows: they come with none of another kind, since rows catch up when what a rule remembers
/// changes.
#[cube]
fn replay_row(
    values: &mut Array<f32>,
    first_moment: &mut Array<f32>,
    history: &Array<f32>,
    at: u32,
    width: u32,
    begin: u32,
    end: u32,
) {
    for number in begin..end {
        let rule = rule_at(history, number * comptime!(RULE as u32));
        advance_row(&rule, values, first_moment, history, at, width, NOWHERE, 0.0f32);
    }
}

/// One update of touched rows, which have caught up. `scale` has the two factors of gradients. Cubes are of 8 rows of 8 units.
#[cube(launch_unchecked)]
pub fn update_touched(
    values: &mut Array<f32>,
    first_moment: &mut Array<f32>,
    second_moment: &mut Array<f32>,
    seen: &mut Array<u32>,
    gradients: &Array<f32>,
    rule: &Array<f32>,
    scale: &Array<f32>,
    batch: &Array<u32>,
    jobs: &Array<u32>,
    tables: u32,
    touched: u32,
    rule_word: u32,
    now: u32,
) {
    let number = CUBE_POS as u32 * comptime!(ROWS as u32) + UNIT_POS_Y;
    if number >= batch[touched as usize] {
        terminate!();
    }
    let entry = (batch[touched as usize + 1] + number * comptime!(TOUCHED as u32)) as usize;
    let width = jobs[(tables + batch[entry + 1] * comptime!(TABLE as u32)) as usize];
    let of = rule_at(rule, rule_word);
    if is_of_rows(&of) {
        if UNIT_POS_X == 0u32 {
            let (at, from) = (batch[entry + 2], batch[entry + 3]);
            advance_row(&of, values, first_moment, gradients, at, width, from, scale[0] * scale[1]);
        }
    } else {
        let mut col = UNIT_POS_X;
        while col < width {
            let at = (batch[entry + 2] + col) as usize;
            let g = gradients[(batch[entry + 3] + col) as usize] * scale[0] * scale[1];
            let moved = advance(&of, 0.0f32, values[at], first_moment[at], second_moment[at], g);
            values[at] = moved.w;
            first_moment[at] = moved.m;
            second_moment[at] = moved.v;
            col += comptime!(ACROSS as u32);
        }
    }
    if UNIT_POS_X == 0u32 {
        let to = batch[entry] as usize;
        seen[to] = now;
    }
}

/// Rows without a gradient in a sweep.
pub const NOWHERE: u32 = u32::MAX;

/// One update of every row of a table. `places` says where a row's gradient starts, or [`NOWHERE`].
#[cube(launch_unchecked)]
pub fn sweep(
    values: &mut Array<f32>,
    first_moment: &mut Array<f32>,
    second_moment: &mut Array<f32>,
    places: &Array<u32>,
    gradients: &Array<f32>,
    rule: &Array<f32>,
    scale: &Array<f32>,
    at: u32,
    first_row: u32,
    width: u32,
    elements: u32,
    rule_word: u32,
) {
    let mut i = ABSOLUTE_POS as u32;
    let step = (CUBE_COUNT * CUBE_DIM as usize) as u32;
    while i < elements {
        let place = places[(first_row + i / width) as usize];
        let of = rule_at(rule, rule_word);
        if is_of_rows(&of) {
            let column = i % width;
            if column == 0u32 {
                advance_row(&of, values, first_moment, gradients, at + i, width, place, scale[0] * scale[1]);
            }
        } else {
            let mut g = 0.0f32;
            if place != NOWHERE {
                g = gradients[(place + i % width) as usize] * scale[0] * scale[1];
            }
            let e = (at + i) as usize;
            let moved = advance(&of, 0.0f32, values[e], first_moment[e], second_moment[e], g);
            values[e] = moved.w;
            first_moment[e] = moved.m;
            second_moment[e] = moved.v;
        }
        i += step;
    }
}

/// Marks where the gradients of touched rows start, for [`sweep`]; with `clear`, takes the marks away.
#[cube(launch_unchecked)]
pub fn mark(places: &mut Array<u32>, batch: &Array<u32>, touched: u32, clear: u32) {
    let number = ABSOLUTE_POS as u32;
    if number >= batch[touched as usize] {
        terminate!();
    }
    let entry = (batch[touched as usize + 1] + number * comptime!(TOUCHED as u32)) as usize;
    let mut place = batch[entry + 3];
    if clear > 0u32 {
        place = NOWHERE;
    }
    let to = batch[entry] as usize;
    places[to] = place;
}
