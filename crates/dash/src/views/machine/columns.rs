//! Columns at the right edge, as many as fit beside what stands on the left.

use std::ops::RangeInclusive;

use ratatui::layout::Rect;

use crate::painter::{Painter, fitted};
use crate::theme::Role;

/// What is left free at the right edge.
const MARGIN: u16 = 1;

/// Columns, from left to right, by their numbers.
#[derive(Debug)]
pub struct Columns<const N: usize> {
    /// Each with the gap before it.
    widths: [u16; N],
    /// Where each ends; `None` for those that do not fit.
    ends: [Option<u16>; N],
    left: u16,
}

impl<const N: usize> Columns<N> {
    /// Those of these widths that fit into `width` beside `least` on the left. The others go in the order of `dropped`.
    pub fn fit(width: u16, least: u16, widths: [u16; N], dropped: [usize; N]) -> Self {
        let mut left = width.saturating_sub(MARGIN + widths.iter().sum::<u16>());
        let mut shown = [true; N];
        for column in dropped {
            if left >= least {
                break;
            }
            shown[column] = false;
            let others: u16 = (0..N).filter(|other| shown[*other]).map(|other| widths[other]).sum();
            left = width.saturating_sub(MARGIN + others);
        }
        let mut end = left;
        let mut ends = [None; N];
        for column in (0..N).filter(|column| shown[*column]) {
            end += widths[column];
            ends[column] = Some(end);
        }
        Self { widths, ends, left }
    }

    /// What is left of all of them.
    pub fn left(&self, area: Rect) -> Rect {
        Rect { width: self.left, ..area }.intersection(area)
    }

    /// Writes into a column, if it is shown.
    pub fn say(&self, painter: &mut Painter, area: Rect, column: usize, y: u16, text: &str, role: Role) {
        self.say_across(painter, area, column..=column, y, text, role);
    }

    /// Writes across those of a few columns that are shown.
    pub fn say_across(
        &self,
        painter: &mut Painter,
        area: Rect,
        columns: RangeInclusive<usize>,
        y: u16,
        text: &str,
        role: Role,
    ) {
        let shown = columns.filter_map(|column| Some((self.ends[column]?, self.widths[column])));
        let Some((end, room)) = shown.reduce(|(_, room), (end, width)| (end, room + width)) else { return };
        let text = fitted(text, usize::from(room.saturating_sub(1)), painter.theme.ascii);
        painter.say_right(area, end, y, &text, role);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_go_one_by_one_where_there_is_no_room() {
        let ends = |width| {
            let columns = Columns::fit(width, 5, [4, 6, 3], [1, 0, 2]);
            (columns.ends, columns.left)
        };
        assert_eq!(ends(20), ([Some(10), Some(16), Some(19)], 6));
        assert_eq!(ends(19), ([Some(9), Some(15), Some(18)], 5));
        assert_eq!(ends(18), ([Some(14), None, Some(17)], 10));
        assert_eq!(ends(13), ([Some(9), None, Some(12)], 5));
        assert_eq!(ends(12), ([None, None, Some(11)], 8));
        assert_eq!(ends(8), ([None, None, None], 7));
        assert_eq!(ends(0), ([None, None, None], 0));
    }
}
