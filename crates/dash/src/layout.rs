//! Where the parts of the screen are.

use ratatui::layout::Rect;

/// The parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Name and tabs.
    pub head: Rect,
    /// The view.
    pub view: Rect,
    /// The log, if it is shown.
    pub log: Rect,
    /// One line on how the grid stands.
    pub status: Rect,
}

impl Layout {
    /// Parts a screen: what is there first is kept longest when there is no room.
    pub fn of(area: Rect, with_log: bool) -> Self {
        let mut rest = area;
        let head = top(&mut rest, 1);
        let status = bottom(&mut rest, 1);
        let log = bottom(&mut rest, if with_log { (area.height / 3).max(4) } else { 0 });
        Self { head, view: rest, log, status }
    }
}

fn top(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    let part = Rect { height, ..*rest };
    *rest = Rect { y: rest.y + height, height: rest.height - height, ..*rest };
    part
}

fn bottom(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    *rest = Rect { height: rest.height - height, ..*rest };
    Rect { y: rest.bottom(), height, ..*rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_screen_once() {
        for height in 0..40 {
            for with_log in [false, true] {
                let area = Rect::new(0, 0, 80, height);
                let Layout { head, view, log, status } = Layout::of(area, with_log);
                assert_eq!(head.height + view.height + log.height + status.height, height);
                let tops = [head.y, view.y, log.y, status.y];
                assert!(tops.is_sorted() && status.bottom() <= height);
            }
        }
    }
}
