//! How a grid was tuned, in words and for other programs: whoever reads a table must see what each row was given, and what
//! it took.

use mmtl_grid::{Choice, LeftOut, Tuning, TuningGroup, plain};
use serde::Serialize;

use crate::notes::gather;
use crate::words::{count, one_line, seeds};

/// What stands below tables of a grid that was tuned.
pub(crate) fn notes(tuning: &Tuning) -> Vec<String> {
    let notes = [chosen(tuning), fewer(tuning), edges(tuning)];
    notes.into_iter().flatten().chain(left_out(tuning)).chain(unchosen(tuning)).collect()
}

fn label(group: &TuningGroup) -> String {
    one_line(&group.row.to_string())
}

fn joined(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn choices(tuning: &Tuning) -> impl Iterator<Item = (&TuningGroup, &Choice)> {
    tuning.groups.iter().filter_map(|group| Some((group, group.outcome.as_ref()?.choice.as_ref()?)))
}

fn chosen(tuning: &Tuning) -> Option<String> {
    let of_row = |(group, Choice { setting, by, mean, .. }): (&TuningGroup, &Choice)| {
        format!("{}: {} ({} {mean:.4})", label(group), one_line(&group.settings[*setting].to_string()), one_line(by))
    };
    let chosen = joined(choices(tuning).map(of_row))?;
    let budget = count(tuning.budget as u64, "setting");
    let (tried, fresh) = (named(&tuning.seeds), named(&tuning.fresh));
    Some(format!(
        "Tuned first: each row tried {budget} on {tried}; the one of the best mean score on validation rows was run on {fresh}: {chosen}."
    ))
}

fn named(of: &[u64]) -> String {
    let mut ascending = of.to_vec();
    ascending.sort_unstable();
    format!("{} {}", if of.len() == 1 { "seed" } else { "seeds" }, seeds(&ascending))
}

fn fewer(tuning: &Tuning) -> Option<String> {
    let fewer = joined(tuning.fewer().map(|group| format!("{} ({})", label(group), group.settings.len())))?;
    Some(format!("Less than that budget was used where there are no more settings: {fewer}."))
}

/// Where something better may lie beyond.
fn edges(tuning: &Tuning) -> Option<String> {
    let of_row = |(group, choice): (&TuningGroup, &Choice)| {
        let values = &group.settings[choice.setting].values;
        let of_knob = |edge: &mmtl_grid::Edge| {
            let value = values.iter().find(|(key, _)| *key == edge.key).map(|(_, value)| value.to_string());
            let name = edge.key.rsplit('.').next().unwrap_or(&edge.key);
            format!("{name}={} ({})", value.unwrap_or_default(), if edge.highest { "highest" } else { "lowest" })
        };
        let knobs: Vec<String> = choice.edges.iter().map(of_knob).collect();
        (!knobs.is_empty()).then(|| format!("{}: {}", label(group), knobs.join(", ")))
    };
    let edges = joined(choices(tuning).filter_map(of_row))?;
    Some(format!("Warning: chosen at the edge of what was tried, beyond which may be better: {edges}."))
}

/// Runs that had no say, by their reasons.
fn left_out(tuning: &Tuning) -> Option<String> {
    let all: usize = tuning.groups.iter().flat_map(|group| &group.settings).map(|setting| setting.runs.len()).sum();
    let mut by_reason: Vec<(String, Vec<String>)> = vec![];
    let mut runs = 0;
    for group in &tuning.groups {
        for LeftOut { setting, seed, why, .. } in group.outcome.iter().flat_map(|outcome| &outcome.left_out) {
            let run = format!("{} {} seed {seed}", label(group), one_line(&group.settings[*setting].to_string()));
            gather(&mut by_reason, one_line(why), run);
            runs += 1;
        }
    }
    let reasons = joined(by_reason.into_iter().map(|(why, runs)| format!("{why}: {}", runs.join(", "))))?;
    let all = count(all as u64, "tuning run");
    Some(format!(
        "Left out of the choice ({runs} of {all}), which goes to settings with a score on most seeds: {reasons}."
    ))
}

fn unchosen(tuning: &Tuning) -> Option<String> {
    let open = tuning.groups.iter().filter(|group| group.is_tried() && group.outcome.is_none());
    Some(format!("Still tuned, nothing chosen yet: {}.", joined(open.map(label))?))
}

/// The same for other programs.
#[derive(Serialize)]
pub(crate) struct TuningView<'a> {
    seeds: &'a [u64],
    fresh_seeds: &'a [u64],
    budget: usize,
    rows: Vec<RowView<'a>>,
}

#[derive(Serialize)]
struct RowView<'a> {
    label: String,
    settings: usize,
    state: &'static str,
    chosen: Option<ChoiceView<'a>>,
    left_out: Vec<LeftOutView<'a>>,
}

#[derive(Serialize)]
struct ChoiceView<'a> {
    values: serde_json::Map<String, serde_json::Value>,
    by: &'a str,
    mean: f64,
    seeds: usize,
    lowest: Vec<&'a str>,
    highest: Vec<&'a str>,
}

#[derive(Serialize)]
struct LeftOutView<'a> {
    key: &'a str,
    seed: u64,
    why: &'a str,
}

impl<'a> TuningView<'a> {
    pub(crate) fn of(tuning: &'a Tuning) -> Self {
        let tried = tuning.groups.iter().filter(|group| group.is_tried());
        Self {
            seeds: &tuning.seeds,
            fresh_seeds: &tuning.fresh,
            budget: tuning.budget,
            rows: tried.map(RowView::of).collect(),
        }
    }
}

impl<'a> RowView<'a> {
    fn of(group: &'a TuningGroup) -> Self {
        let outcome = group.outcome.as_ref();
        let choice = outcome.and_then(|outcome| outcome.choice.as_ref());
        let left_out = outcome.iter().flat_map(|outcome| &outcome.left_out);
        Self {
            label: group.row.to_string(),
            settings: group.settings.len(),
            state: match (outcome, choice) {
                (None, _) => "tuning",
                (Some(_), Some(_)) => "chosen",
                (Some(_), None) => "nothing_to_choose_by",
            },
            chosen: choice.map(|choice| ChoiceView::of(group, choice)),
            left_out: left_out
                .map(|out| LeftOutView { key: out.key.as_str(), seed: out.seed, why: &out.why })
                .collect(),
        }
    }
}

impl<'a> ChoiceView<'a> {
    fn of(group: &'a TuningGroup, choice: &'a Choice) -> Self {
        let values = group.settings[choice.setting].values.iter();
        let ends = |highest: bool| {
            let at_end = choice.edges.iter().filter(move |edge| edge.highest == highest);
            at_end.map(|edge| edge.key.as_str()).collect()
        };
        Self {
            values: values.map(|(key, value)| (key.clone(), plain(value))).collect(),
            by: &choice.by,
            mean: choice.mean,
            seeds: choice.seeds,
            lowest: ends(false),
            highest: ends(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use mmtl_grid::{Edge, Outcome, Row, Setting};
    use mmtl_plan::Value;

    use super::*;

    fn key(number: usize) -> mmtl_grid::TrialKey {
        format!("{number:016x}").parse().unwrap()
    }

    fn group(architecture: &str, rates: &[f64], outcome: Option<Outcome>) -> TuningGroup {
        let row =
            Row { architecture: architecture.into(), values: vec![], ablation: None, baseline: false, tuning: false };
        let setting = |(number, rate): (usize, &f64)| Setting {
            values: vec![("train.lr".into(), Value::Float(*rate))],
            runs: vec![(101, key(2 * number)), (102, key(2 * number + 1))],
        };
        let settings = rates.iter().enumerate().map(setting).collect();
        TuningGroup { row, score: "skill".into(), settings, outcome }
    }

    fn choice(setting: usize, edges: Vec<Edge>) -> Choice {
        Choice { setting, by: "skill".into(), mean: 0.43215, seeds: 2, edges }
    }

    fn out(setting: usize, seed: u64, why: &str) -> LeftOut {
        LeftOut { key: key(9), setting, seed, why: why.into() }
    }

    fn tuning() -> Tuning {
        let edge = Edge { key: "train.lr".into(), highest: true };
        let left_out = vec![out(0, 101, "failed"), out(1, 102, "cancelled"), out(0, 102, "failed")];
        let groups = vec![
            group("mmoe", &[0.1, 0.2, 0.3], Some(Outcome { choice: Some(choice(2, vec![edge])), left_out })),
            group("star", &[0.1, 0.2], Some(Outcome { choice: Some(choice(0, vec![])), left_out: vec![] })),
            group("ple", &[0.1, 0.2, 0.3], None),
            group("esmm", &[0.1, 0.2, 0.3], Some(Outcome { choice: None, left_out: vec![out(0, 101, "pruned")] })),
        ];
        Tuning { seeds: vec![102, 101], fresh: vec![1], budget: 3, groups, ..Tuning::default() }
    }

    #[test]
    fn notes_say_budget_seeds_choices_edges_and_what_had_no_say() {
        let expected = [
            "Tuned first: each row tried 3 settings on seeds 101, 102; the one of the best mean score on validation rows was run on seed 1: \
             mmoe: lr=0.3 (skill 0.4321); star: lr=0.1 (skill 0.4321).",
            "Less than that budget was used where there are no more settings: star (2).",
            "Warning: chosen at the edge of what was tried, beyond which may be better: mmoe: lr=0.3 (highest).",
            "Left out of the choice (4 of 22 tuning runs), which goes to settings with a score on most seeds: \
             failed: mmoe lr=0.1 seed 101, mmoe lr=0.1 seed 102; cancelled: mmoe lr=0.2 seed 102; pruned: esmm lr=0.1 seed 101.",
            "Still tuned, nothing chosen yet: ple.",
        ];
        assert_eq!(notes(&tuning()), expected);
        assert!(notes(&Tuning::default()).is_empty());
    }

    #[test]
    fn programs_get_the_same() {
        let told = serde_json::to_value(TuningView::of(&tuning())).unwrap();
        assert_eq!((&told["budget"], &told["rows"][0]["settings"]), (&3.into(), &3.into()));
        assert_eq!(told["rows"][0]["chosen"]["values"]["train.lr"], 0.3);
        assert_eq!(told["rows"][0]["chosen"]["highest"][0], "train.lr");
        assert_eq!(told["rows"][0]["left_out"][1]["why"], "cancelled");
        let states: Vec<_> = (0..4).map(|row| told["rows"][row]["state"].clone()).collect();
        assert_eq!(states, ["chosen", "chosen", "tuning", "nothing_to_choose_by"]);
        assert!(told["rows"][2]["chosen"].is_null());
    }
}
