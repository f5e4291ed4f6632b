//! Dots: eight to a cell as braille, or one character to a cell where there is only ASCII.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

/// A grid of cells that curves are drawn into.
#[derive(Debug)]
pub struct Raster {
    width: usize,
    height: usize,
    ascii: bool,
    cells: Vec<Cell>,
}

#[derive(Clone, Debug, Default)]
struct Cell {
    dots: u8,
    /// Takes the place of dots.
    sign: Option<char>,
    style: Style,
    layer: u8,
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Pen {
    /// The character of a dot in ASCII.
    pub ascii: char,
    /// Colour.
    pub style: Style,
    /// Every second dot only.
    pub dotted: bool,
    /// Dots of a higher layer take the place of those of a lower one; of one layer, they are joined.
    pub layer: u8,
}

/// The bit of the dot in a row of a column of a cell.
const BRAILLE: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

impl Raster {
    /// An empty one.
    pub fn new(width: u16, height: u16, ascii: bool) -> Self {
        let (width, height) = (usize::from(width), usize::from(height));
        Self { width, height, ascii, cells: vec![Cell::default(); width * height] }
    }

    /// Dots across and down.
    fn dots(&self) -> (usize, usize) {
        if self.ascii { (self.width, self.height) } else { (2 * self.width, 4 * self.height) }
    }

    /// Lines between points that lie from 0 (left, bottom) to 1 (right, top); what lies outside is not drawn.
    pub fn line(&mut self, points: &[(f64, f64)], pen: Pen) {
        let (across, down) = self.dots();
        if across == 0 || down == 0 {
            return;
        }
        let dot = |(x, y): (f64, f64)| {
            // Far outside is as good as outside, and keeps the walk along a line short.
            let x = (x.clamp(-1.0, 2.0) * (across - 1) as f64).round() as i64;
            let y = ((1.0 - y.clamp(-1.0, 2.0)) * (down - 1) as f64).round() as i64;
            (x, y)
        };
        let dots: Vec<(i64, i64)> = points.iter().copied().map(dot).collect();
        let mut count = 0;
        match dots.as_slice() {
            [] => {}
            [only] => self.dot(*only, pen),
            dots => {
                for ends in dots.windows(2) {
                    self.segment(ends[0], ends[1], pen, &mut count);
                }
            }
        }
    }

    /// Bresenham, "Algorithm for computer control of a digital plotter", IBM Systems Journal 4 (1965).
    fn segment(&mut self, (mut x, mut y): (i64, i64), end: (i64, i64), pen: Pen, count: &mut u64) {
        let (dx, dy) = ((end.0 - x).abs(), -(end.1 - y).abs());
        let (sx, sy) = ((end.0 - x).signum(), (end.1 - y).signum());
        let mut error = dx + dy;
        loop {
            *count += 1;
            if !pen.dotted || *count % 2 == 1 {
                self.dot((x, y), pen);
            }
            if (x, y) == end {
                break;
            }
            let twice = 2 * error;
            if twice >= dy {
                error += dy;
                x += sx;
            }
            if twice <= dx {
                error += dx;
                y += sy;
            }
        }
    }

    fn dot(&mut self, (x, y): (i64, i64), pen: Pen) {
        let (across, down) = self.dots();
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= across || y >= down {
            return;
        }
        let (column, row, bit) = if self.ascii { (x, y, 1) } else { (x / 2, y / 4, BRAILLE[x % 2][y % 4]) };
        let cell = &mut self.cells[row * self.width + column];
        if cell.layer > pen.layer {
            return;
        }
        if cell.layer < pen.layer {
            cell.dots = 0;
        }
        cell.dots |= bit;
        (cell.layer, cell.style) = (pen.layer, pen.style);
        if self.ascii {
            cell.sign = Some(pen.ascii);
        }
    }

    /// Puts a sign where a point lies; says where, in cells.
    pub fn sign(&mut self, (x, y): (f64, f64), sign: char, style: Style) -> Option<(usize, usize)> {
        let inside = |at: f64| (0.0..=1.0).contains(&at);
        if self.cells.is_empty() || !inside(x) || !inside(y) {
            return None;
        }
        let (across, down) = self.dots();
        let column = (x * (across - 1) as f64).round() as usize / if self.ascii { 1 } else { 2 };
        let row = ((1.0 - y) * (down - 1) as f64).round() as usize / if self.ascii { 1 } else { 4 };
        self.put(column, row, sign, style);
        Some((column, row))
    }

    /// Puts a sign into a cell.
    pub fn put(&mut self, column: usize, row: usize, sign: char, style: Style) {
        if column < self.width && row < self.height {
            self.cells[row * self.width + column] = Cell { dots: 0, sign: Some(sign), style, layer: u8::MAX };
        }
    }

    /// Whether something is drawn in a cell.
    pub fn is_free(&self, column: usize, row: usize) -> bool {
        let cell = self.cells.get(row * self.width + column);
        column < self.width && cell.is_some_and(|cell| cell.dots == 0 && cell.sign.is_none())
    }
}

impl Widget for Raster {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let rows = self.cells.chunks(self.width.max(1));
        for (y, row) in (area.y..area.bottom()).zip(rows) {
            for (x, cell) in (area.x..area.right()).zip(row) {
                let dots = (cell.dots > 0).then(|| char::from_u32(0x2800 + u32::from(cell.dots))).flatten();
                if let Some(sign) = cell.sign.or(dots) {
                    buffer[(x, y)].set_char(sign).set_style(cell.style);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(raster: Raster) -> Vec<String> {
        let area = Rect::new(0, 0, raster.width as u16, raster.height as u16);
        let mut buffer = Buffer::empty(area);
        raster.render(area, &mut buffer);
        (0..area.height).map(|y| (0..area.width).map(|x| buffer[(x, y)].symbol().to_owned()).collect()).collect()
    }

    const PEN: Pen = Pen { ascii: 'a', style: Style::new(), dotted: false, layer: 1 };

    #[test]
    fn lines_go_from_corner_to_corner() {
        let mut braille = Raster::new(4, 2, false);
        braille.line(&[(0.0, 0.0), (1.0, 1.0)], PEN);
        assert_eq!(drawn(braille), ["  ⡠⠊", "⡠⠊  "]);
        let mut ascii = Raster::new(4, 4, true);
        ascii.line(&[(0.0, 0.0), (1.0, 1.0)], PEN);
        assert_eq!(drawn(ascii), ["   a", "  a ", " a  ", "a   "]);
    }

    #[test]
    fn dotted_lines_have_every_second_dot() {
        let mut raster = Raster::new(4, 1, false);
        raster.line(&[(0.0, 0.0), (1.0, 0.0)], Pen { dotted: true, ..PEN });
        assert_eq!(drawn(raster), ["⡀⡀⡀⡀"]);
    }

    #[test]
    fn what_lies_outside_is_left_out_and_a_higher_layer_takes_the_place() {
        let mut raster = Raster::new(2, 1, false);
        raster.line(&[(-5.0, 0.0), (9.0, 0.0)], PEN);
        raster.line(&[(0.0, 1.0)], Pen { layer: 2, ..PEN });
        raster.line(&[(0.0, 0.0)], PEN);
        assert_eq!(drawn(raster), ["⠁⣀"]);
        let mut nothing = Raster::new(0, 0, false);
        nothing.line(&[(0.0, 0.0), (1.0, 1.0)], PEN);
        assert_eq!(nothing.sign((0.5, 0.5), 'A', Style::new()), None);
    }
}
