//! Any events in any order, in a terminal of any size, under any fingers.

use mmtl_dash::{Depth, Event, Input, State, Theme, Ui};
use proptest::prelude::*;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::fixture::{follow, recorded, screen, subjects};

fn any_input() -> impl Strategy<Value = Input> {
    let code = prop_oneof![
        8 => proptest::char::range(' ', '~').prop_map(KeyCode::Char),
        2 => proptest::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Up, KeyCode::Down, KeyCode::Left,
            KeyCode::Right, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home, KeyCode::End, KeyCode::Backspace,
        ]),
        1 => any::<char>().prop_map(KeyCode::Char),
    ];
    let modifiers = prop_oneof![4 => Just(KeyModifiers::NONE), 1 => Just(KeyModifiers::CONTROL)];
    let key = (code, modifiers).prop_map(|(code, modifiers)| Input::Key(KeyEvent::new(code, modifiers)));
    let kind = proptest::sample::select(vec![
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::ScrollDown,
        MouseEventKind::ScrollUp,
    ]);
    let mouse = (kind, 0..130u16, 0..45u16)
        .prop_map(|(kind, column, row)| Input::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    prop_oneof![6 => key, 1 => mouse]
}

fn any_theme() -> impl Strategy<Value = Theme> {
    let depth = proptest::sample::select(vec![Depth::None, Depth::Sixteen, Depth::TwoHundredFiftySix, Depth::True]);
    (depth, any::<bool>(), any::<bool>()).prop_map(|(depth, dark, ascii)| Theme { depth, dark, ascii })
}

fn any_size() -> impl Strategy<Value = (u16, u16)> {
    prop_oneof![(1..=30u16, 1..=12u16), (1..=220u16, 1..=70u16), Just((80, 24))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks_a_screen(
        order in any::<u64>(),
        share in 0.0..=1.0f64,
        with_subjects in any::<bool>(),
        theme in any_theme(),
        steps in prop::collection::vec((any_input(), any_size()), 1..40),
    ) {
        let mut lines = recorded();
        let count = (lines.len() as f64 * share) as usize;
        shuffle(&mut lines, order);
        let mut state = State::default();
        if with_subjects {
            state.apply(Event::Subjects(subjects()));
        }
        let mut lines = lines.into_iter().take(count);
        let each = count / steps.len() + 1;
        let mut ui = Ui::new(theme);
        for (input, size) in steps {
            for (at, happened) in lines.by_ref().take(each) {
                state.apply(Event::Clock(at));
                state.apply(Event::Happened(happened));
            }
            for effect in ui.input(&input, &state) {
                if let mmtl_dash::Effect::Follow(keys) = effect {
                    follow(&mut state, keys);
                }
            }
            let buffer = screen(&state, &mut ui, size);
            prop_assert_eq!((buffer.area.width, buffer.area.height), size);
            if theme.ascii {
                prop_assert!(buffer.content.iter().all(|cell| cell.symbol().is_ascii()), "{}", crate::fixture::text(&buffer));
            }
        }
    }
}

/// Fisher and Yates with a small generator: what matters is that it is some other order.
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for last in (1..items.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(last, (seed >> 33) as usize % (last + 1));
    }
}
