//! Which of several candidates to mark in a table: the best, and all that cannot be told from it.

use std::collections::BTreeMap;

use crate::better::Better;
use crate::interval::paired_interval;
use crate::score::Score;
use crate::summary::Summary;

/// Scores by seed.
pub type SeedScores = BTreeMap<u64, Score>;

/// With fewer seeds than this nothing is marked: a 95 % t interval of two pairs is 25 standard errors wide.
pub const MIN_SEEDS: u64 = 3;

/// Marks the candidate of the best mean and all whose paired interval of the difference against it contains 0, over at
/// least [`MIN_SEEDS`] common seeds. Nothing is marked if the best has fewer seeds; a candidate without a mean (a score
/// undefined because of the model, or none defined) is neither best nor marked. Dim cells are never best: a caller
/// leaves their columns out.
///
/// Where the best is near 1, a seed counts by its distance from 1: seeds that miss it on both sides do not make up for
/// each other.
#[must_use]
pub fn marks(candidates: &[SeedScores], better: Better) -> Vec<bool> {
    let merits: Vec<SeedScores> = candidates
        .iter()
        .map(|scores| scores.iter().map(|(seed, score)| (*seed, score.map(|value| better.merit(value)))).collect())
        .collect();
    let means: Vec<Option<Summary>> =
        merits.iter().map(|merits| Summary::of_scores(merits.values().copied()).ok()).collect();
    let Some(best) = best(&means) else {
        return vec![false; candidates.len()];
    };
    // Seeds in common with the best are never more than its own, so a best with too few leaves nothing marked.
    let level_with_best = |scores: &SeedScores| {
        paired_interval(scores, &merits[best])
            .is_some_and(|difference| difference.n >= MIN_SEEDS && difference.contains(0.0))
    };
    merits.iter().zip(&means).map(|(scores, mean)| mean.is_some() && level_with_best(scores)).collect()
}

/// The first of the highest means.
fn best(means: &[Option<Summary>]) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (index, summary) in means.iter().enumerate() {
        let Some(summary) = summary else { continue };
        if best.is_none_or(|(_, leader)| summary.mean > leader) {
            best = Some((index, summary.mean));
        }
    }
    best.map(|(index, _)| index)
}
