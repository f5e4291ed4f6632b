//! Pictures of screens.

use mmtl_dash::{Depth, Effect, ExportFormat, Theme, Ui, export, svg};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use roxmltree::{Document, Node};

use crate::fixture::{COLOURS, at, done, press, screen};

fn texts<'a>(document: &'a Document) -> Vec<Node<'a, 'a>> {
    document.descendants().filter(|node| node.has_tag_name("text")).collect()
}

fn number(node: &Node, attribute: &str) -> f64 {
    node.attribute(attribute).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no number {attribute}"))
}

#[test]
fn every_word_of_a_screen_is_in_its_picture_at_its_place() {
    for keys in ["1", "2", "5", "6", "?"] {
        let mut ui = Ui::new(COLOURS);
        let mut state = done();
        press(&mut ui, &mut state, keys);
        let buffer = screen(&state, &mut ui, (120, 40));
        let picture = svg(&buffer, &ui.theme);
        let document = Document::parse(&picture).expect("well-formed XML");
        let texts = texts(&document);
        for y in 0..40 {
            let on_line = texts.iter().filter(|node| (number(node, "y") / 18.0) as u16 == y);
            let mut shown = [' '; 120];
            for node in on_line {
                let start = (number(node, "x") / 9.0) as usize;
                for (x, c) in (start..).zip(node.text().unwrap_or_default().chars()) {
                    shown[x] = c;
                }
            }
            for (x, shown) in shown.into_iter().enumerate() {
                let symbol = buffer[(x as u16, y)].symbol();
                if symbol.chars().all(|c| c.is_ascii_graphic()) {
                    assert_eq!(shown.to_string(), symbol, "at {x}, {y} after {keys}");
                }
            }
        }
    }
}

#[test]
fn a_picture_that_is_exported_is_of_the_screen_without_the_menu_that_asks_for_it() {
    for view in ["1", "2", "6"] {
        let (mut state, mut ui) = (at(0.5), Ui::new(COLOURS));
        press(&mut ui, &mut state, view);
        let before = svg(&screen(&state, &mut ui, (100, 30)), &ui.theme);
        let effects = press(&mut ui, &mut state, "es");
        assert_eq!(effects, [Effect::Export(ExportFormat::Svg)]);
        let (_, picture) =
            export(&state, &mut ui, Rect::new(0, 0, 100, 30), ExportFormat::Svg).expect("there is a screen");
        assert!(picture == before, "{picture}");
    }
}

#[test]
fn text_of_any_kind_stays_well_formed_and_in_its_cells() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 4));
    buffer.set_string(0, 0, "a < b && \"c\" > d", Style::new().fg(Color::Rgb(1, 2, 3)));
    buffer.set_string(0, 1, "日本 x", Style::new().add_modifier(Modifier::BOLD));
    buffer.set_string(3, 2, "gap    gap", Style::new());
    buffer[(0, 3)].set_symbol("\u{1}");
    let picture = svg(&buffer, &COLOURS);
    let document = Document::parse(&picture).expect("well-formed XML");
    let texts = texts(&document);
    let words: Vec<&str> = texts.iter().filter_map(Node::text).collect();
    assert_eq!(words, ["a < b && \"c\" > d", "日", "本", "x", "gap", "gap", "\u{fffd}"]);
    assert_eq!(texts[0].attribute("fill"), Some("#010203"));
    assert_eq!((number(&texts[0], "x"), number(&texts[0], "textLength")), (0.0, 16.0 * 9.0));
    assert_eq!((number(&texts[2], "x"), number(&texts[2], "textLength")), (18.0, 18.0));
    assert_eq!(texts[3].attribute("font-weight"), Some("bold"));
    assert_eq!(number(&texts[5], "x"), 10.0 * 9.0);
}

#[test]
fn grounds_and_letters_change_places_where_reversed_and_fade_where_dim() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 3, 1));
    let style = Style::new().fg(Color::Rgb(200, 100, 50)).bg(Color::Rgb(0, 0, 0));
    buffer.set_string(0, 0, "a", style.add_modifier(Modifier::REVERSED));
    buffer.set_string(1, 0, "b", style.add_modifier(Modifier::DIM));
    buffer.set_string(2, 0, "c", style.add_modifier(Modifier::UNDERLINED));
    let picture = svg(&buffer, &COLOURS);
    let document = Document::parse(&picture).expect("well-formed XML");
    let fills: Vec<_> = texts(&document).iter().map(|node| node.attribute("fill")).collect();
    assert_eq!(fills, [Some("#000000"), Some("#643219"), Some("#c86432")]);
    let grounds: Vec<_> = document.descendants().filter(|node| node.has_tag_name("rect")).skip(1).collect();
    let of = |node: &Node| (node.attribute("fill").map(str::to_owned), number(node, "x"), number(node, "width"));
    assert_eq!(of(&grounds[0]), (Some("#c86432".to_owned()), 0.0, 9.0));
    assert_eq!(of(&grounds[1]), (Some("#000000".to_owned()), 9.0, 18.0));
    assert_eq!(texts(&document)[2].attribute("text-decoration"), Some("underline"));
}

#[test]
fn any_size_and_theme_has_a_picture() {
    for dark in [false, true] {
        for depth in [Depth::None, Depth::Sixteen, Depth::TwoHundredFiftySix, Depth::True] {
            let theme = Theme { depth, dark, ascii: depth == Depth::None };
            for size in [(1, 1), (3, 2), (80, 24)] {
                let mut ui = Ui::new(theme);
                let picture = svg(&screen(&at(0.5), &mut ui, size), &theme);
                let document = Document::parse(&picture).expect("well-formed XML");
                assert_eq!(number(&document.root_element(), "width"), f64::from(size.0) * 9.0 + 28.0);
            }
        }
    }
}
