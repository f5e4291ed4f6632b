//! The columns of a table: the overall scores, then the scenes.

use mmtl_metrics::{Blame, Metric, Overall, Reason, Score, Scored, Sum};

use crate::scores::Entry;

/// What a column is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// All scenes as one number.
    Overall(Overall),
    /// One scene, by its index.
    Scene(usize),
}

impl Column {
    /// All columns, in their order: `rows` first, since it neither rewards ranking scenes by their base rates, as
    /// `pooled` does, nor lets small scenes count as much as large ones, as `macro` does.
    pub(crate) fn all(scenes: usize) -> Vec<Self> {
        let overall = [Overall::Rows, Overall::Pooled, Overall::Macro].map(Self::Overall);
        overall.into_iter().chain((0..scenes).map(Self::Scene)).collect()
    }

    /// Its name, given the names of the scenes.
    pub(crate) fn name(self, scenes: &[String]) -> &str {
        match self {
            Self::Overall(overall) => overall.name(),
            Self::Scene(scene) => &scenes[scene],
        }
    }

    /// The score of one run in this column. A mean over scenes carries the summed counts of those that take part, which
    /// are the same for every model.
    pub(crate) fn score(self, entry: &Entry) -> Scored {
        let mean = |overall| {
            let mean = over(overall, &entry.scenes, entry.metric);
            Scored { covered: covered(entry), data: entry.pooled.data, ..mean }
        };
        match self {
            Self::Scene(scene) => entry.scenes[scene],
            Self::Overall(Overall::Pooled) => entry.pooled,
            Self::Overall(overall @ (Overall::Rows | Overall::Macro)) => mean(overall),
        }
    }
}

/// The mean over scenes, weighted by their rows, as [`Overall::Rows`] defines it, with the summed counts of those that
/// take part.
#[must_use]
pub fn by_rows(scenes: &[Scored], metric: Metric) -> Scored {
    over(Overall::Rows, scenes, metric)
}

/// A mean over scenes, which the score over one list of all rows has no part in.
fn over(overall: Overall, scenes: &[Scored], metric: Metric) -> Scored {
    let has_rows = |scene: &&Scored| scene.score.reason().is_none_or(|reason| reason.blame() == Blame::Model);
    let large = |scene: &&Scored| !(overall == Overall::Macro && scene.is_dim());
    let taking_part: Vec<&Scored> = scenes.iter().filter(has_rows).filter(large).collect();
    let pooled = Scored::over(Score::Undefined(Reason::Empty), 0);
    total(overall.of(&pooled, scenes).score, metric, &taking_part)
}

fn total(score: Score, metric: Metric, scenes: &[&Scored]) -> Scored {
    let count = |of: fn(&Scored) -> Option<u64>| {
        metric.counts_classes().then(|| scenes.iter().filter_map(|scene| of(scene)).sum())
    };
    Scored {
        score,
        rows: scenes.iter().map(|scene| scene.rows).sum(),
        weight: scenes.iter().map(|scene| scene.weight).collect::<Sum>().total(),
        positives: count(|scene| scene.positives),
        negatives: count(|scene| scene.negatives),
        covered: None,
        threshold: common(scenes.iter().map(|scene| scene.threshold)),
        data: 0,
    }
}

/// The share of all scenes' rows that means over groups are about: a scene without a group that can be scored has none.
fn covered(entry: &Entry) -> Option<f64> {
    if !entry.metric.is_within_groups() {
        return None;
    }
    let of = |weigh: fn(&Scored) -> f64| entry.scenes.iter().map(weigh).collect::<Sum>().total();
    let all = of(|scene| scene.weight);
    (all > 0.0).then(|| of(|scene| scene.covered.unwrap_or(0.0) * scene.weight) / all)
}

/// The threshold of all, if they share one.
fn common(mut thresholds: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let first = thresholds.next()??;
    thresholds.all(|threshold| threshold == Some(first)).then_some(first)
}
