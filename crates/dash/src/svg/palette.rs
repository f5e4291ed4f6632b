//! The colours of a terminal as numbers.

use ratatui::style::Color;

/// Red, green, blue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// What a terminal's own colours are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Palette {
    /// Where nothing is.
    pub ground: Rgb,
    /// Where no colour is named.
    pub letters: Rgb,
    /// Around the picture.
    pub border: Rgb,
    sixteen: [Rgb; 16],
}

const fn rgb(hex: u32) -> Rgb {
    Rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const fn sixteen(hex: [u32; 16]) -> [Rgb; 16] {
    let mut colours = [Rgb(0, 0, 0); 16];
    let mut at = 0;
    while at < 16 {
        colours[at] = rgb(hex[at]);
        at += 1;
    }
    colours
}

/// The terminal of Visual Studio Code, whose sixteen can be read on either ground.
const DARK: Palette = Palette {
    ground: rgb(0x0015_181e),
    letters: rgb(0x00d5_dae2),
    border: rgb(0x0033_3943),
    sixteen: sixteen([
        0x0000_0000,
        0x00cd_3131,
        0x000d_bc79,
        0x00e5_e510,
        0x0024_72c8,
        0x00bc_3fbc,
        0x0011_a8cd,
        0x00e5_e5e5,
        0x0066_6666,
        0x00f1_4c4c,
        0x0023_d18b,
        0x00f5_f543,
        0x003b_8eea,
        0x00d6_70d6,
        0x0029_b8db,
        0x00ff_ffff,
    ]),
};

const LIGHT: Palette = Palette {
    ground: rgb(0x00ff_ffff),
    letters: rgb(0x0024_292f),
    border: rgb(0x00d0_d7de),
    sixteen: sixteen([
        0x0000_0000,
        0x00cd_3131,
        0x0010_7c10,
        0x0094_9800,
        0x0004_51a5,
        0x00bc_05bc,
        0x0005_98bc,
        0x0055_5555,
        0x0066_6666,
        0x00cd_3131,
        0x0014_a114,
        0x00b5_7a00,
        0x0004_51a5,
        0x00bc_05bc,
        0x0005_98bc,
        0x0024_292f,
    ]),
};

impl Rgb {
    /// As in `#0dbc79`.
    pub fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    /// Half way to another colour, as terminals show dim letters on a ground.
    pub fn towards(self, other: Self) -> Self {
        Self(u8::midpoint(self.0, other.0), u8::midpoint(self.1, other.1), u8::midpoint(self.2, other.2))
    }
}

impl Palette {
    /// Of a terminal with a dark or a light ground.
    pub fn of(dark: bool) -> Self {
        if dark { DARK } else { LIGHT }
    }

    /// A colour; `None` where it is the terminal's own.
    pub fn rgb(&self, colour: Color) -> Option<Rgb> {
        let own = |at: usize| Some(self.sixteen[at]);
        match colour {
            Color::Reset => None,
            Color::Black => own(0),
            Color::Red => own(1),
            Color::Green => own(2),
            Color::Yellow => own(3),
            Color::Blue => own(4),
            Color::Magenta => own(5),
            Color::Cyan => own(6),
            Color::Gray => own(7),
            Color::DarkGray => own(8),
            Color::LightRed => own(9),
            Color::LightGreen => own(10),
            Color::LightYellow => own(11),
            Color::LightBlue => own(12),
            Color::LightMagenta => own(13),
            Color::LightCyan => own(14),
            Color::White => own(15),
            Color::Rgb(r, g, b) => Some(Rgb(r, g, b)),
            Color::Indexed(at) => Some(self.of_256(at)),
        }
    }

    /// Of the 256 of xterm: the sixteen, a cube of 6 × 6 × 6, and 24 greys.
    fn of_256(&self, at: u8) -> Rgb {
        const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
        match at {
            0..16 => self.sixteen[usize::from(at)],
            16..232 => {
                let cube = usize::from(at - 16);
                Rgb(LEVELS[cube / 36], LEVELS[cube / 6 % 6], LEVELS[cube % 6])
            }
            232.. => Rgb(8 + 10 * (at - 232), 8 + 10 * (at - 232), 8 + 10 * (at - 232)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_colour_has_a_number() {
        let of = |colour| Palette::of(true).rgb(colour).map(Rgb::hex);
        assert_eq!(of(Color::Reset), None);
        assert_eq!(of(Color::Green).as_deref(), Some("#0dbc79"));
        assert_eq!(of(Color::Indexed(2)), of(Color::Green));
        assert_eq!(of(Color::Indexed(16)).as_deref(), Some("#000000"));
        assert_eq!(of(Color::Indexed(67)).as_deref(), Some("#5f87af"));
        assert_eq!(of(Color::Indexed(231)).as_deref(), Some("#ffffff"));
        assert_eq!(of(Color::Indexed(255)).as_deref(), Some("#eeeeee"));
        assert_eq!(of(Color::Rgb(1, 2, 255)).as_deref(), Some("#0102ff"));
        assert_ne!(of(Color::Green), Palette::of(false).rgb(Color::Green).map(Rgb::hex));
    }
}
