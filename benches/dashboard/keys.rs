//! Keys, and what of the screen answers each: never anything that a worker's report changes as well.

use std::thread;
use std::time::Duration;

use crate::visit::Visit;

/// What a key changes.
enum Changes {
    /// The line below the tabs, which names the view and its choices.
    Title,
    /// Which line or cell is highlighted.
    Cursor,
    /// A text comes.
    Shows(&'static str),
    /// A text goes.
    Hides(&'static str),
    /// Maybe nothing: no answer is waited for.
    Unknown,
}

use Changes::{Cursor, Hides, Shows, Title, Unknown};

/// Name, key and what it changes, in this order; at the end all is as it was.
const KEYS: [(&str, &str, Changes); 41] = [
    ("Grid", "1", Title),
    ("begin", "g", Unknown),
    ("down in Grid", "j", Cursor),
    ("down in Grid", "j", Cursor),
    ("right in Grid", "l", Cursor),
    ("left in Grid", "h", Cursor),
    ("end of Grid", "G", Cursor),
    ("begin of Grid", "g", Cursor),
    ("task", "t", Title),
    ("metric", "m", Title),
    ("metric", "m", Title),
    ("task", "t", Title),
    ("help", "?", Shows("Keys: ")),
    ("close", "\x1b", Hides("Keys: ")),
    ("Runs", "2", Title),
    ("begin", "g", Unknown),
    ("down in Runs", "j", Cursor),
    ("down in Runs", "j", Cursor),
    ("up in Runs", "k", Cursor),
    ("sort", "s", Title),
    ("turn the order", "S", Title),
    ("filter", "/arch:mmoe\r", Shows("filter: arch:mmoe")),
    ("begin", "g", Unknown),
    ("down in Runs, filtered", "j", Cursor),
    ("all runs", "\x1b", Hides("filter: arch:mmoe")),
    ("command", ":", Shows("Commands")),
    ("close", "\x1b", Hides("Commands")),
    ("Curves", "3", Title),
    ("quantity", "v", Title),
    ("quantity", "v", Title),
    ("Run", "4", Title),
    ("Table", "5", Title),
    ("Machine", "6", Title),
    ("begin", "g", Unknown),
    ("down in Machine", "j", Cursor),
    ("up in Machine", "k", Cursor),
    ("log", "L", Shows("╭ Log")),
    ("log", "L", Hides("╭ Log")),
    ("Runs", "2", Title),
    ("begin", "g", Unknown),
    ("end of Runs", "G", Cursor),
];

/// Presses all keys so many times; the milliseconds that each answer took.
pub fn press_all(visit: &mut Visit, rounds: usize) -> Vec<(String, f64)> {
    let mut answers = vec![];
    for round in 0..rounds {
        for (place, (name, key, changes)) in KEYS.iter().enumerate() {
            // At any time between two looks at the files, and between two frames.
            thread::sleep(Duration::from_millis(20 + (37 * (round * KEYS.len() + place) as u64) % 101));
            if matches!(changes, Unknown) {
                visit.press(key);
                thread::sleep(Duration::from_millis(100));
                continue;
            }
            let (title, cursor) = visit.terminal.look(|screen| (title(screen), cursor(screen)));
            let took = visit.answer(key, |screen| match changes {
                Title => self::title(screen) != title,
                Cursor => self::cursor(screen) != cursor,
                Shows(text) => screen.contents().contains(text),
                Hides(text) => !screen.contents().contains(text),
                Unknown => true,
            });
            answers.push(((*name).to_owned(), took));
        }
    }
    answers
}

fn title(screen: &vt100::Screen) -> String {
    screen.rows(0, 200).nth(1).unwrap_or_default()
}

/// The lines that are highlighted: on a ground of their own where names stand, or with colours turned around.
fn cursor(screen: &vt100::Screen) -> Vec<(u16, u16)> {
    let is_highlighted = |(row, column): &(u16, u16)| {
        screen
            .cell(*row, *column)
            .is_some_and(|cell| cell.inverse() || (*column == 3 && cell.bgcolor() != vt100::Color::Default))
    };
    (2..59).flat_map(|row| (0..200).map(move |column| (row, column))).filter(is_highlighted).collect()
}
