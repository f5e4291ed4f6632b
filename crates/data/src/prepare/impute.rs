//! Missing numbers, guessed from train rows: by near rows, or along time within a group.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::card::{Impute, TimeUnit};
use crate::error::DataError;
use crate::moments::Moments;
use crate::prepare::exact;
use crate::prepare::identity::{groups, mixed};
use crate::prepare::numbers::numbers;
use crate::prepare::times::times;
use crate::table::Piece;

/// Train rows that neighbours are looked for among: every missing value is compared with all of them.
const CANDIDATES: usize = 4096;

/// What train rows say about a column's missing numbers.
pub(crate) enum ImputeFit {
    Never,
    Neighbours { count: usize, by: Vec<String>, scales: Vec<Moments>, candidates: BTreeMap<u64, Candidate> },
    Interpolate { within: String, over: String, unit: TimeUnit, known: HashMap<u64, Vec<(f64, f64)>> },
}

/// Fills in what is missing.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Imputer {
    Never,
    Neighbours {
        count: usize,
        by: Vec<String>,
        #[serde(with = "exact")]
        deviations: Vec<f64>,
        candidates: Vec<Candidate>,
    },
    /// By group: times, rising, and the value at each.
    Interpolate {
        within: String,
        over: String,
        unit: TimeUnit,
        #[serde(with = "exact")]
        known: HashMap<u64, Vec<(f64, f64)>>,
    },
}

/// Train rows of one id, whose value is known. Those of the smallest hashes are kept, whatever their order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Candidate {
    hash: u64,
    #[serde(with = "exact")]
    place: Vec<f64>,
    #[serde(with = "exact")]
    value: f64,
    /// How many they are.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    rows: u64,
}

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_one(rows: &u64) -> bool {
    *rows == 1
}

/// The numbers of some columns, row by row.
fn places(piece: &Piece, by: &[String]) -> Result<Vec<Vec<f64>>, DataError> {
    let columns: Vec<Vec<f64>> =
        by.iter().map(|column| numbers(&piece.column(column)?)).collect::<Result<_, DataError>>()?;
    Ok((0..piece.rows()).map(|at| columns.iter().map(|column| column[at]).collect()).collect())
}

/// Group and time of each row; `None` where either is missing.
fn moments_of(piece: &Piece, within: &str, over: &str, unit: TimeUnit) -> Result<Vec<Option<(u64, f64)>>, DataError> {
    let groups = groups(&piece.column(within)?)?;
    let times = times(&piece.column(over)?, unit)?;
    Ok(groups.into_iter().zip(times).map(|(group, time)| group.zip(time)).collect())
}

impl ImputeFit {
    pub(crate) fn new(impute: &Impute) -> Self {
        match impute {
            Impute::Never => Self::Never,
            Impute::Neighbours { count, by } => Self::Neighbours {
                count: *count,
                by: by.clone(),
                scales: vec![Moments::default(); by.len()],
                candidates: BTreeMap::new(),
            },
            Impute::Interpolate { within, over, unit } => {
                Self::Interpolate { within: within.clone(), over: over.clone(), unit: *unit, known: HashMap::new() }
            }
        }
    }

    /// Adds the rows of a piece for which `train` holds; `values` are NaN where missing.
    ///
    /// # Errors
    /// When a column is not there or is of another type.
    pub(crate) fn add(&mut self, piece: &Piece, ids: &[u64], train: &[bool], values: &[f64]) -> Result<(), DataError> {
        match self {
            Self::Never => {}
            Self::Neighbours { by, scales, candidates, .. } => {
                for (at, place) in places(piece, by)?.into_iter().enumerate().filter(|(at, _)| train[*at]) {
                    let known = scales.iter_mut().zip(&place).filter(|(_, value)| !value.is_nan());
                    known.for_each(|(scale, value)| scale.add(*value));
                    if values[at].is_nan() {
                        continue;
                    }
                    let hash = mixed(0, ids[at]);
                    let new = || Candidate { hash, place, value: values[at], rows: 0 };
                    candidates.entry(hash).or_insert_with(new).rows += 1;
                    if candidates.len() > CANDIDATES {
                        candidates.pop_last();
                    }
                }
            }
            Self::Interpolate { within, over, unit, known } => {
                for (at, moment) in moments_of(piece, within, over, *unit)?.into_iter().enumerate() {
                    if let Some((group, time)) = moment.filter(|_| train[at] && !values[at].is_nan()) {
                        known.entry(group).or_default().push((time, values[at]));
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Imputer {
        match self {
            Self::Never => Imputer::Never,
            Self::Neighbours { count, by, scales, candidates } => {
                // A column that never varies tells nothing of nearness.
                let scale = |scale: &Moments| if scale.deviation() > 0.0 { scale.deviation() } else { f64::INFINITY };
                let deviations = scales.iter().map(scale).collect();
                Imputer::Neighbours { count, by, deviations, candidates: candidates.into_values().collect() }
            }
            Self::Interpolate { within, over, unit, known } => {
                let known = known.into_iter().map(|(group, points)| (group, merged(points))).collect();
                Imputer::Interpolate { within, over, unit, known }
            }
        }
    }
}

/// Points by time, those of equal times at their mean.
fn merged(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.total_cmp(&b.1)));
    let mean = |points: &[(f64, f64)]| points.iter().map(|point| point.1).sum::<f64>() / points.len() as f64;
    points.chunk_by(|a, b| a.0 == b.0).map(|equal| (equal[0].0, mean(equal))).collect()
}

impl Imputer {
    /// Fills in missing values where train rows tell one.
    ///
    /// # Errors
    /// When a column is not there or is of another type.
    pub(crate) fn fill(&self, piece: &Piece, values: &mut [f64]) -> Result<(), DataError> {
        if !values.iter().any(|value| value.is_nan()) {
            return Ok(());
        }
        match self {
            Self::Never => {}
            Self::Neighbours { count, by, deviations, candidates } => {
                for (value, place) in values.iter_mut().zip(places(piece, by)?).filter(|(value, _)| value.is_nan()) {
                    *value = nearest_mean(&place, deviations, candidates, *count);
                }
            }
            Self::Interpolate { within, over, unit, known } => {
                let moments = moments_of(piece, within, over, *unit)?;
                for (value, moment) in values.iter_mut().zip(moments).filter(|(value, _)| value.is_nan()) {
                    if let Some((points, time)) = moment.and_then(|(group, time)| Some((known.get(&group)?, time))) {
                        *value = interpolated(points, time);
                    }
                }
            }
        }
        Ok(())
    }
}

/// NaN where no candidate has a column in common.
fn nearest_mean(place: &[f64], deviations: &[f64], candidates: &[Candidate], count: usize) -> f64 {
    let distance = |candidate: &Candidate| {
        let parts = place.iter().zip(&candidate.place).zip(deviations).map(|((a, b), deviation)| (a - b) / deviation);
        let known = parts.filter(|part| !part.is_nan());
        let (sum, known) = known.fold((0.0, 0), |(sum, known), part| (sum + part * part, known + 1));
        // As if the unknown columns lay as far apart as the known ones (Dixon, IEEE SMC 9(10), 1979).
        (known > 0).then(|| sum * place.len() as f64 / f64::from(known))
    };
    let mut near: Vec<(f64, usize)> =
        candidates.iter().enumerate().filter_map(|(c, candidate)| Some((distance(candidate)?, c))).collect();
    let nearer = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    if count < near.len() {
        near.select_nth_unstable_by(count, nearer);
        near.truncate(count);
    }
    near.sort_unstable_by(nearer);
    let (mut sum, mut rows) = (0.0, 0);
    for (_, c) in near {
        let counted = candidates[c].rows.min(count as u64 - rows);
        sum += candidates[c].value * counted as f64;
        rows += counted;
    }
    sum / rows as f64
}

/// On the line between the points around `time`; beyond the ends the end's value.
fn interpolated(points: &[(f64, f64)], time: f64) -> f64 {
    let after = points.partition_point(|point| point.0 < time);
    match (points.get(after.wrapping_sub(1)), points.get(after)) {
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (time - a.0) / (b.0 - a.0),
        (Some(end), None) | (None, Some(end)) => end.1,
        (None, None) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lead_from_point_to_point_and_stay_level_at_the_ends() {
        let points = merged(vec![(10.0, 4.0), (0.0, 1.0), (10.0, 2.0), (20.0, 13.0)]);
        assert_eq!(points, [(0.0, 1.0), (10.0, 3.0), (20.0, 13.0)]);
        let at = [-5.0, 0.0, 5.0, 10.0, 12.0, 99.0].map(|time| interpolated(&points, time));
        assert_eq!(at, [1.0, 1.0, 2.0, 3.0, 5.0, 13.0]);
        assert!(interpolated(&[], 1.0).is_nan());
    }

    #[test]
    fn near_rows_are_those_of_few_deviations() {
        let candidate = |hash, place: [f64; 2], value| Candidate { hash, place: place.to_vec(), value, rows: 1 };
        let nan = f64::NAN;
        let candidates = [
            candidate(1, [0.0, 0.0], 1.0),
            candidate(2, [1.0, 0.0], 2.0),
            candidate(3, [0.0, 30.0], 9.0),
            candidate(4, [nan, nan], 7.0),
        ];
        let mean = |place: [f64; 2], count| nearest_mean(&place, &[1.0, 100.0], &candidates, count);
        assert_eq!(mean([0.0, 0.0], 1), 1.0);
        // 30 of a column with deviation 100 is nearer than 1 of one with deviation 1.
        assert_eq!(mean([0.0, 0.0], 2), 5.0);
        assert_eq!(mean([nan, 25.0], 1), 9.0);
        assert_eq!(mean([0.0, 0.0], 9), 4.0);
        assert!(mean([nan, nan], 2).is_nan());
    }

    #[test]
    fn rows_that_share_their_id_all_are_neighbours() {
        let candidate = |place, value, rows| Candidate { hash: 0, place: vec![place], value, rows };
        let candidates = [candidate(0.0, 1.0, 3), candidate(1.0, 5.0, 1), candidate(2.0, 9.0, 7)];
        let mean = |count| nearest_mean(&[0.0], &[1.0], &candidates, count);
        assert_eq!([1, 3, 4, 6, 99].map(mean), [1.0, 1.0, 2.0, 26.0 / 6.0, 71.0 / 11.0]);
    }

    #[test]
    fn a_row_that_is_there_often_is_one_candidate() {
        use std::sync::Arc;

        use arrow_array::{ArrayRef, Float64Array, RecordBatch};

        // Were each row one, those of the smallest hash would be all there are.
        let rows = 2 * CANDIDATES;
        let page: ArrayRef = Arc::new(Float64Array::from_iter_values((0..rows).map(|row| (row % 2) as f64)));
        let piece = Piece::whole("memory", RecordBatch::try_from_iter([("page", page)]).unwrap());
        let mut fit = ImputeFit::new(&Impute::Neighbours { count: 3, by: vec!["page".into()] });
        let ids: Vec<u64> = (0..rows as u64).map(|row| row % 2).collect();
        let values: Vec<f64> = (0..rows).map(|row| if row % 2 == 0 { 10.0 } else { 20.0 }).collect();
        fit.add(&piece, &ids, &vec![true; rows], &values).unwrap();
        let mut missing = vec![f64::NAN; rows];
        fit.finish().fill(&piece, &mut missing).unwrap();
        assert_eq!(missing, values);
    }
}
