//! What gates give to experts, and whether tasks pull the shared parameters apart.

use mmtl_grid::events::{GateWeights, Insight};

use crate::theme::Role;
use crate::views::run::page::Page;

/// The width of the gates' and scenes' column, and of a number's.
const NAMES: usize = 26;
const NUMBER: usize = 7;

/// Writes what there is.
pub fn write(page: &mut Page, insight: Option<&Insight>) {
    let Some(insight) = insight else {
        page.head("Gates and gradients", "");
        page.wrapped("no insight yet: gates and gradients are looked at after an evaluation", Role::Dim);
        return;
    };
    let beside = format!("mean weight of each expert on validation rows, after step {}", insight.step);
    page.head("Gates", &beside);
    if insight.gates.is_empty() {
        page.say("this architecture has no gates", Role::Dim);
    }
    for gates in &insight.gates {
        heat(page, gates, &insight.scenes);
    }
    page.head("Gradients", "cosine between objectives on shared parameters; below 0 they are in conflict");
    match &insight.cosines {
        None => page.say("not compared: there is one objective, or no memory for the gradients of several", Role::Dim),
        Some(of) => cosines(page, &of.objectives, &of.matrix),
    }
}

fn heat(page: &mut Page, gates: &GateWeights, scenes: &[String]) {
    page.say(&gates.name, Role::Strong);
    let room = (page.width.saturating_sub(NAMES) / NUMBER).max(1);
    let experts: Vec<usize> = (0..gates.experts.len()).collect();
    for block in experts.chunks(room) {
        page.line().at(2, "gate, scene", Role::Title);
        for (column, expert) in block.iter().enumerate() {
            let dead = if gates.dead.contains(expert) { "!" } else { "" };
            let name = crate::painter::fitted(&gates.experts[*expert], NUMBER - 2, page.theme.ascii);
            page.right(
                NAMES + (column + 1) * NUMBER - 1,
                &format!("{dead}{name}"),
                if dead.is_empty() { Role::Title } else { Role::Warning },
            );
        }
        for (gate, weights) in gates.gates.iter().zip(&gates.weights) {
            if weights.len() != 1 {
                row(page, gate, Role::Strong, &mean(weights, gates.experts.len()), block);
            }
            for (number, of_scene) in weights.iter().enumerate() {
                let scene = scenes.get(number).map_or("", String::as_str);
                let name = if weights.len() == 1 { format!("{gate} {scene}") } else { format!("  {scene}") };
                row(page, &name, Role::Text, of_scene, block);
            }
        }
    }
    let dead: Vec<&str> = gates.dead.iter().filter_map(|at| gates.experts.get(*at)).map(String::as_str).collect();
    if !dead.is_empty() {
        page.say(&format!("! dead, next to no weight from any gate in any scene: {}", dead.join(", ")), Role::Warning);
    }
}

fn row(page: &mut Page, name: &str, role: Role, weights: &[Option<f32>], block: &[usize]) {
    page.line().cut(2, NAMES - 3, name, role);
    for (column, expert) in block.iter().enumerate() {
        let start = NAMES + column * NUMBER;
        match weights.get(*expert).copied().flatten() {
            Some(weight) => {
                let style = page.theme.heat(f64::from(weight));
                page.styled(start + 1, &format!(" {weight:.2} "), style);
            }
            None => {
                page.right(start + NUMBER - 1, "—", Role::Dim);
            }
        }
    }
}

/// The mean over scenes, each counting the same.
fn mean(weights: &[Vec<Option<f32>>], experts: usize) -> Vec<Option<f32>> {
    let of = |expert: usize| {
        let known: Vec<f32> = weights.iter().filter_map(|row| row.get(expert).copied().flatten()).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f32>() / known.len() as f32)
    };
    (0..experts).map(of).collect()
}

fn cosines(page: &mut Page, names: &[String], matrix: &[Vec<Option<f32>>]) {
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).clamp(5, 12) + 2;
    let room = (page.width.saturating_sub(NAMES) / width).max(1);
    let all: Vec<usize> = (0..names.len()).collect();
    for block in all.chunks(room) {
        page.line();
        for (column, name) in block.iter().enumerate() {
            let name = crate::painter::fitted(&names[*name], width - 2, page.theme.ascii);
            page.right(NAMES + (column + 1) * width, &name, Role::Title);
        }
        for (name, row) in names.iter().zip(matrix) {
            page.line().cut(2, NAMES - 3, name, Role::Text);
            for (column, other) in block.iter().enumerate() {
                let (text, role) = match row.get(*other).copied().flatten() {
                    None => ("—".to_owned(), Role::Dim),
                    Some(cosine) if cosine < 0.0 => (format!("{cosine:+.2}"), Role::Worse),
                    Some(cosine) => (format!("{cosine:+.2}"), Role::Text),
                };
                page.right(NAMES + (column + 1) * width, &text, role);
            }
        }
    }
    let pairs = (0..names.len()).flat_map(|one| (0..one).map(move |other| (other, one)));
    let of = |(one, other): (usize, usize)| Some((matrix.get(one)?.get(other).copied().flatten()?, one, other));
    let least = pairs.filter_map(of).min_by(|one, other| one.0.total_cmp(&other.0));
    match least {
        Some((cosine, one, other)) if cosine < 0.0 => {
            page.say(&format!("in conflict most: {} and {} ({cosine:+.2})", names[one], names[other]), Role::Worse);
        }
        Some(_) => page.say("no two are in conflict", Role::Better),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    use super::*;
    use crate::painter::Painter;
    use crate::theme::{Depth, Theme};

    fn drawn(insight: Option<&Insight>, width: u16) -> (String, Buffer) {
        let theme = Theme { depth: Depth::True, dark: true, ascii: false };
        let mut page = Page::new(theme, width);
        write(&mut page, insight);
        let area = Rect::new(0, 0, width, page.len() as u16);
        let mut buffer = Buffer::empty(area);
        page.draw(&mut Painter::new(&mut buffer, theme), area, 0);
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        ((0..area.height).map(line).collect::<Vec<_>>().join("\n"), buffer)
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn seen() -> Insight {
        let click = vec![vec![Some(0.9), Some(0.1), None], vec![Some(0.7), Some(0.3), None]];
        let buy = vec![vec![None, Some(0.02), Some(0.98)], vec![None, Some(0.0), Some(1.0)]];
        Insight {
            fit: 0,
            step: 40,
            scenes: names(&["home", "cart"]),
            gates: vec![GateWeights {
                name: "level.0.gate".into(),
                gates: names(&["click", "buy"]),
                experts: names(&["0", "1", "2"]),
                weights: vec![click, buy],
                dead: vec![1],
            }],
            cosines: Some(mmtl_grid::events::Cosines {
                objectives: names(&["click", "buy"]),
                matrix: vec![vec![Some(1.0), Some(-0.25)], vec![Some(-0.25), Some(1.0)]],
            }),
        }
    }

    #[test]
    fn weights_are_a_heat_map_with_numbers() {
        let (text, buffer) = drawn(Some(&seen()), 100);
        insta::assert_snapshot!("insight_100", text);
        let ground = |weight: &str| {
            buffer.content.iter().enumerate().find_map(|(at, cell)| {
                let rest: String = buffer.content[at..].iter().take(4).map(ratatui::buffer::Cell::symbol).collect();
                (rest == weight).then_some(cell.bg)
            })
        };
        let theme = Theme { depth: Depth::True, dark: true, ascii: false };
        assert_eq!(ground("0.98"), theme.heat(f64::from(0.98_f32)).bg);
        assert_eq!(ground("0.02"), theme.heat(f64::from(0.02_f32)).bg);
    }

    #[test]
    fn a_narrow_page_breaks_experts_into_blocks() {
        let (text, _) = drawn(Some(&seen()), 42);
        assert_eq!(text.matches("gate, scene").count(), 2, "{text}");
    }

    #[test]
    fn what_was_not_seen_says_so() {
        assert!(drawn(None, 80).0.contains("no insight yet"));
        let (text, _) = drawn(Some(&Insight { gates: vec![], cosines: None, ..seen() }), 80);
        assert!(text.contains("this architecture has no gates") && text.contains("not compared"), "{text}");
    }
}
