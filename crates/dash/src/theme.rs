//! Colours by meaning. Nothing is told by colour alone: what carries meaning has a sign or a word too.

use ratatui::style::{Color, Modifier, Style};

/// How many colours a terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// None: `NO_COLOR`, or a terminal that has none.
    None,
    /// The sixteen that every terminal has, as its owner chose them.
    Sixteen,
    /// The 256 of xterm.
    TwoHundredFiftySix,
    /// All.
    True,
}

/// How a screen looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Colours.
    pub depth: Depth,
    /// Light letters on a dark ground.
    pub dark: bool,
    /// Only characters of ASCII.
    pub ascii: bool,
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Ordinary text.
    Text,
    /// Text of less weight.
    Dim,
    /// Text of more weight.
    Strong,
    /// Names of parts of the screen.
    Title,
    /// Lines around parts.
    Border,
    /// What the cursor is on.
    Cursor,
    /// A key that can be pressed.
    Key,
    /// A run that waits.
    Queued,
    /// A run that runs.
    Running,
    /// A run that somebody paused.
    Paused,
    /// A run with a record.
    Finished,
    /// A run, or something else, that failed.
    Failed,
    /// A run that somebody gave up.
    Cancelled,
    /// What has no value.
    Undefined,
    /// Better than the baseline.
    Better,
    /// Worse than the baseline.
    Worse,
    /// Something may be wrong.
    Warning,
    /// One of several curves, from 0; colours repeat after [`Theme::SERIES`].
    Series(usize),
}

/// Okabe and Ito's palette, told apart by people with any kind of colour vision ("Color Universal Design", 2008); black
/// and white left out.
const ORANGE: (u8, u8, u8) = (230, 159, 0);
const SKY: (u8, u8, u8) = (86, 180, 233);
const GREEN: (u8, u8, u8) = (0, 158, 115);
const YELLOW: (u8, u8, u8) = (240, 228, 66);
const BLUE: (u8, u8, u8) = (0, 114, 178);
const VERMILION: (u8, u8, u8) = (213, 94, 0);
const PURPLE: (u8, u8, u8) = (204, 121, 167);
const GREY: (u8, u8, u8) = (128, 128, 128);

/// Stops of cividis, whose order survives any kind of colour vision and grey (Nuñez, Anderton, Renslow, PLOS ONE 13,
/// 2018), from low to high.
const HEAT: [(u8, u8, u8); 6] =
    [(0, 34, 78), (53, 69, 108), (102, 105, 112), (148, 142, 119), (200, 184, 102), (254, 232, 56)];

impl Theme {
    /// Curves that can be told apart.
    pub const SERIES: usize = 7;

    /// The style of a piece of text.
    pub fn style(&self, role: Role) -> Style {
        let style = self.colour(role).map_or(Style::new(), |colour| Style::new().fg(colour));
        match role {
            Role::Strong | Role::Title | Role::Key | Role::Failed => style.add_modifier(Modifier::BOLD),
            Role::Cursor => Style::new().add_modifier(Modifier::REVERSED),
            // Where there is no colour.
            Role::Dim | Role::Border | Role::Queued | Role::Cancelled if self.depth == Depth::None => {
                style.add_modifier(Modifier::DIM)
            }
            Role::Text
            | Role::Dim
            | Role::Border
            | Role::Queued
            | Role::Running
            | Role::Paused
            | Role::Finished
            | Role::Cancelled
            | Role::Undefined
            | Role::Better
            | Role::Worse
            | Role::Warning
            | Role::Series(_) => style,
        }
    }

    /// The ground of a heat map's cell, from 0 (low) to 1 (high), with letters that can be read on it. Without colours
    /// there is none: the numbers have to do.
    pub fn heat(&self, value: f64) -> Style {
        let value = if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 };
        let at = value * (HEAT.len() - 1) as f64;
        let (low, part) = ((at as usize).min(HEAT.len() - 2), at - (at as usize).min(HEAT.len() - 2) as f64);
        let mixed = |from: u8, to: u8| (f64::from(from) + part * (f64::from(to) - f64::from(from))).round() as u8;
        let (from, to) = (HEAT[low], HEAT[low + 1]);
        let ground = (mixed(from.0, to.0), mixed(from.1, to.1), mixed(from.2, to.2));
        let letters = if value < 0.55 { (255, 255, 255) } else { (0, 0, 0) };
        match self.depth {
            Depth::None | Depth::Sixteen => Style::new(),
            Depth::TwoHundredFiftySix | Depth::True => Style::new().fg(self.shade(letters)).bg(self.shade(ground)),
        }
    }

    fn colour(&self, role: Role) -> Option<Color> {
        if self.depth == Depth::None {
            return None;
        }
        let (sixteen, rgb) = match role {
            Role::Text | Role::Strong | Role::Cursor => return None,
            Role::Dim | Role::Border | Role::Queued | Role::Cancelled => (Color::DarkGray, GREY),
            Role::Title | Role::Key => (Color::Cyan, if self.dark { SKY } else { BLUE }),
            Role::Running => (Color::Blue, if self.dark { SKY } else { BLUE }),
            Role::Paused | Role::Warning => (Color::Yellow, if self.dark { YELLOW } else { ORANGE }),
            Role::Finished | Role::Better => (Color::Green, GREEN),
            Role::Failed | Role::Worse => (Color::Red, VERMILION),
            Role::Undefined => (Color::Magenta, PURPLE),
            Role::Series(number) => series(number),
        };
        Some(if self.depth == Depth::Sixteen { sixteen } else { self.shade(rgb) })
    }

    fn shade(&self, (r, g, b): (u8, u8, u8)) -> Color {
        if self.depth == Depth::True { Color::Rgb(r, g, b) } else { Color::Indexed(nearest_of_256(r, g, b)) }
    }
}

fn series(number: usize) -> (Color, (u8, u8, u8)) {
    [
        (Color::Cyan, SKY),
        (Color::Yellow, ORANGE),
        (Color::Green, GREEN),
        (Color::Magenta, PURPLE),
        (Color::Red, VERMILION),
        (Color::Blue, BLUE),
        (Color::White, YELLOW),
    ][number % Theme::SERIES]
}

/// The nearest of xterm's cube of 6 × 6 × 6 colours (16 to 231) and its 24 greys (232 to 255).
fn nearest_of_256(r: u8, g: u8, b: u8) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let level = |value: u8| (0..6u8).min_by_key(|at| LEVELS[usize::from(*at)].abs_diff(value)).unwrap_or(0);
    let cube = [level(r), level(g), level(b)];
    let of_cube = cube.map(|at| LEVELS[usize::from(at)]);
    let mean = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    let step = (mean.saturating_sub(3) / 10).min(23) as u8;
    let grey = [8 + 10 * step; 3];
    let distance =
        |to: [u8; 3]| [r, g, b].iter().zip(to).map(|(from, to)| u32::from(from.abs_diff(to)).pow(2)).sum::<u32>();
    if distance(grey) < distance(of_cube) { 232 + step } else { 16 + 36 * cube[0] + 6 * cube[1] + cube[2] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEMES: [Depth; 4] = [Depth::None, Depth::Sixteen, Depth::TwoHundredFiftySix, Depth::True];

    #[test]
    fn no_colour_means_none() {
        let theme = Theme { depth: Depth::None, dark: true, ascii: false };
        for role in [Role::Failed, Role::Better, Role::Series(3), Role::Title] {
            assert_eq!((theme.style(role).fg, theme.style(role).bg), (None, None));
        }
        assert_eq!(theme.heat(0.5), Style::new());
    }

    #[test]
    fn curves_differ_in_every_depth_with_colours() {
        for depth in &THEMES[1..] {
            let theme = Theme { depth: *depth, dark: true, ascii: false };
            for one in 0..Theme::SERIES {
                for other in 0..one {
                    assert_ne!(theme.style(Role::Series(one)), theme.style(Role::Series(other)), "{depth:?}");
                }
            }
        }
    }

    #[test]
    fn the_nearest_of_256_is_itself_where_it_is_one() {
        assert_eq!(nearest_of_256(0, 0, 0), 16);
        assert_eq!(nearest_of_256(255, 255, 255), 231);
        assert_eq!(nearest_of_256(95, 135, 175), 67);
        assert_eq!(nearest_of_256(128, 128, 128), 244);
    }

    #[test]
    fn heat_grows_lighter_and_takes_any_number() {
        let theme = Theme { depth: Depth::True, dark: true, ascii: false };
        let light = |value: f64| match theme.heat(value).bg {
            Some(Color::Rgb(r, g, b)) => u32::from(r) * 30 + u32::from(g) * 59 + u32::from(b) * 11,
            _ => panic!("no ground"),
        };
        let grounds: Vec<u32> = (0..=20).map(|at| light(f64::from(at) / 20.0)).collect();
        assert!(grounds.is_sorted(), "{grounds:?}");
        assert_eq!([light(f64::NAN), light(-1.0), light(2.0)], [grounds[0], grounds[0], grounds[20]]);
    }
}
