//! Characters that are drawn instead of written: lines of boxes, bars, and dots of Braille.

use crate::svg::CELL;
use crate::svg::palette::Rgb;

/// How a path is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drawn {
    /// As an area, so many quarters opaque.
    Area(Rgb, u8),
    /// As a line.
    Line(Rgb),
}

impl Drawn {
    /// The element of a path.
    pub fn element(self, path: &str) -> String {
        match self {
            Self::Area(colour, 4) => format!("<path fill=\"{}\" d=\"{path}\"/>\n", colour.hex()),
            Self::Area(colour, quarters) => {
                let opaque = f64::from(quarters) / 4.0;
                format!("<path fill=\"{}\" fill-opacity=\"{opaque}\" d=\"{path}\"/>\n", colour.hex())
            }
            Self::Line(colour) => {
                format!("<path fill=\"none\" stroke=\"{}\" stroke-width=\"1.2\" d=\"{path}\"/>\n", colour.hex())
            }
        }
    }
}

/// How to draw a character whose cell begins at `(x, y)`; `None` for those that are written.
pub fn path(symbol: &str, x: f64, y: f64, colour: Rgb) -> Option<(Drawn, String)> {
    let mut chars = symbol.chars();
    let (Some(c), None) = (chars.next(), chars.next()) else { return None };
    let (width, height) = CELL;
    let area = |quarters, x, y, width, height| Some((Drawn::Area(colour, quarters), rectangle(x, y, width, height)));
    let eighth = |first: char| f64::from(c as u32 - first as u32 + 1) / 8.0;
    match c {
        '▀' => area(4, x, y, width, height / 2.0),
        '▁'..='█' => {
            let high = height * eighth('▁');
            area(4, x, y + height - high, width, high)
        }
        '▉'..='▏' => area(4, x, y, width * (1.0 - eighth('▉')), height),
        '▐' => area(4, x + width / 2.0, y, width / 2.0, height),
        '░' => area(1, x, y, width, height),
        '▒' => area(2, x, y, width, height),
        '▓' => area(3, x, y, width, height),
        '\u{2801}'..='\u{28ff}' => Some((Drawn::Area(colour, 4), braille(c, x, y))),
        _ => lines(c, x, y).map(|path| (Drawn::Line(colour), path)),
    }
}

fn rectangle(x: f64, y: f64, width: f64, height: f64) -> String {
    format!("M{x} {y}h{width}v{height}h-{width}z")
}

/// Dots 1 to 8 stand for the bits of the character, in two columns of four.
fn braille(c: char, x: f64, y: f64) -> String {
    const PLACES: [(u8, u8); 8] = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
    const SIDE: f64 = 2.4;
    let dots = PLACES.iter().enumerate().filter(|(bit, _)| (c as u32 >> bit) & 1 == 1);
    let dot = |(_, (column, line)): (usize, &(u8, u8))| {
        let place = |cells: f64, of: f64, at: u8| of / cells * (f64::from(at) + 0.5) - SIDE / 2.0;
        rectangle(x + place(2.0, CELL.0, *column), y + place(4.0, CELL.1, *line), SIDE, SIDE)
    };
    dots.map(dot).collect()
}

/// Lines from the middle of a cell to its sides, or around a corner.
fn lines(c: char, x: f64, y: f64) -> Option<String> {
    let (right, bottom) = (x + CELL.0, y + CELL.1);
    let (across, down) = (x + CELL.0 / 2.0, y + CELL.1 / 2.0);
    let corner = |side: f64, end: f64| format!("M{side} {down}Q{across} {down} {across} {end}");
    let [left_arm, right_arm] = [x, right].map(|side| format!("M{side} {down}H{across}"));
    let [upper_arm, lower_arm] = [y, bottom].map(|end| format!("M{across} {end}V{down}"));
    let joined = |arms: &[&str]| Some(arms.concat());
    match c {
        '─' => Some(format!("M{x} {down}H{right}")),
        '│' => Some(format!("M{across} {y}V{bottom}")),
        '╭' => Some(corner(right, bottom)),
        '╮' => Some(corner(x, bottom)),
        '╰' => Some(corner(right, y)),
        '╯' => Some(corner(x, y)),
        '┌' => joined(&[&right_arm, &lower_arm]),
        '┐' => joined(&[&left_arm, &lower_arm]),
        '└' => joined(&[&right_arm, &upper_arm]),
        '┘' => joined(&[&left_arm, &upper_arm]),
        '├' => joined(&[&right_arm, &upper_arm, &lower_arm]),
        '┤' => joined(&[&left_arm, &upper_arm, &lower_arm]),
        '┬' => joined(&[&left_arm, &right_arm, &lower_arm]),
        '┴' => joined(&[&left_arm, &right_arm, &upper_arm]),
        '┼' => joined(&[&left_arm, &right_arm, &upper_arm, &lower_arm]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Rgb = Rgb(255, 255, 255);

    #[test]
    fn letters_are_written_and_bars_are_drawn() {
        assert_eq!(path("a", 0.0, 0.0, WHITE), None);
        assert_eq!(path("⠀", 0.0, 0.0, WHITE), None);
        let of = |symbol| path(symbol, 9.0, 18.0, WHITE).map(|(_, path)| path);
        assert_eq!(of("█").as_deref(), Some("M9 18h9v18h-9z"));
        assert_eq!(of("▄").as_deref(), Some("M9 27h9v9h-9z"));
        assert_eq!(of("▌").as_deref(), Some("M9 18h4.5v18h-4.5z"));
        assert_eq!(of("▏").as_deref(), Some("M9 18h1.125v18h-1.125z"));
        assert_eq!(of("─").as_deref(), Some("M9 27H18"));
        assert_eq!(path("░", 0.0, 0.0, WHITE).unwrap().0, Drawn::Area(WHITE, 1));
        assert_eq!(of("⣿").unwrap().matches('z').count(), 8);
        assert_eq!(of("⢀").unwrap().matches('z').count(), 1);
    }
}
