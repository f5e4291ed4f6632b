//! What gates and gradients do while a fit trains, for people to look at; no number depends on it.

/// What was seen after one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Insight {
    /// After which step.
    pub step: u64,
    /// The schema's scenes that gates were looked at in: those with validation rows.
    pub scenes: Vec<usize>,
    /// What each of [`mmtl_plan::Plan::gates`] gives to its experts on validation rows.
    pub gates: Vec<GateInsight>,
    /// Cosines between the objectives' gradients by the parameters that several objectives reach, `[k, k]`, on train rows:
    /// below 0 a step for one undoes what another needs. `None` where one of the two is 0. Empty if it was not found out: a
    /// plan has one objective, or the device no memory for several gradients.
    pub cosines: Vec<Option<f64>>,
}

/// What the gates of one op give to its experts.
#[derive(Clone, Debug, PartialEq)]
pub struct GateInsight {
    /// Mean weight of each expert over a scene's rows, `[gates, scenes, experts]`, of [`Insight::scenes`]; `None` where the gate may not use it.
    pub weights: Vec<Vec<Vec<Option<f64>>>>,
    /// Experts that no gate makes use of in any scene: see [`DEAD`].
    pub dead: Vec<usize>,
}

/// An expert is dead whose mean weight stays below this part of an even share (1 over the experts that the gate may use) in
/// every scene and for every gate that may use it: of 8 experts, one that makes up less than 0.6 % of every mixture.
pub const DEAD: f64 = 0.05;

/// Where the rows of each scene lie in a batch; scenes without rows are left out.
pub(crate) fn scenes(starts: &[u32]) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
    let bounds = starts.windows(2).map(|bounds| bounds[0] as usize..bounds[1] as usize);
    bounds.enumerate().filter(|(_, rows)| !rows.is_empty())
}

impl GateInsight {
    /// Of weights `[rows, gates, experts]`, whose rows lie in scenes that begin at `starts`. `mask` is `[gates, experts]`.
    pub(crate) fn of(weights: &[f32], mask: &[bool], experts: usize, starts: &[u32]) -> Self {
        let of_scene = |rows: std::ops::Range<usize>, gate: usize| -> Vec<Option<f64>> {
            let column = |expert: usize| {
                let place = gate * experts + expert;
                let sum: f64 = rows.clone().map(|row| f64::from(weights[row * mask.len() + place])).sum();
                mask[place].then_some(sum / rows.len() as f64)
            };
            (0..experts).map(column).collect()
        };
        let of_gate = |gate| scenes(starts).map(|(_, rows)| of_scene(rows, gate)).collect();
        let weights: Vec<Vec<Vec<Option<f64>>>> = (0..mask.len() / experts).map(of_gate).collect();
        let dead = (0..experts).filter(|&expert| is_dead(&weights, expert)).collect();
        Self { weights, dead }
    }
}

/// Whether some gate may use an expert, and none does in any scene. What is not a number is no use, but no death either.
fn is_dead(weights: &[Vec<Vec<Option<f64>>>], expert: usize) -> bool {
    let of_all = weights.iter().flatten();
    let mut shares = of_all.filter_map(|of_scene| {
        let allowed = of_scene.iter().flatten().count();
        of_scene[expert].map(|weight| weight * allowed as f64)
    });
    shares.clone().next().is_some() && shares.all(|share| share < DEAD)
}

/// Cosines of vectors from their inner products, `[k, k]`.
pub(crate) fn cosines(gram: &[f64]) -> Vec<Option<f64>> {
    let k = gram.len().isqrt();
    let cosine = |(i, j): (usize, usize)| {
        let cosine = gram[i * k + j] / (gram[i * k + i].sqrt() * gram[j * k + j].sqrt());
        cosine.is_finite().then(|| cosine.clamp(-1.0, 1.0))
    };
    (0..k).flat_map(|i| (0..k).map(move |j| (i, j))).map(cosine).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    #[test]
    fn weights_are_means_over_each_scenes_rows() {
        // Two gates of three experts; the second may not use the first. One row in the first scene, none in the second.
        let rows = [[0.5, 0.25, 0.25, 0.0, 0.5, 0.5], [0.0, 1.0, 0.0, 0.0, 1.0, 0.0], [0.5, 0.5, 0.0, 0.0, 0.5, 0.5]];
        let mask = [true, true, true, false, true, true];
        let seen = GateInsight::of(rows.as_flattened(), &mask, 3, &[0, 1, 1, 3]);
        assert!(scenes(&[0, 1, 1, 3]).eq([(0, 0..1), (2, 1..3)]));
        let (first, second) = (&seen.weights[0], &seen.weights[1]);
        assert_eq!(first[0], [Some(0.5), Some(0.25), Some(0.25)]);
        assert_eq!(first[1], [Some(0.25), Some(0.75), Some(0.0)]);
        assert_eq!(second[1], [None, Some(0.75), Some(0.25)]);
        assert_eq!(seen.dead, NONE, "the third is used by the second gate");
    }

    #[test]
    fn an_expert_is_dead_that_nobody_uses_anywhere() {
        let dead = |third: f32| {
            let row = [0.5, 0.5 - third, third, 0.0];
            GateInsight::of(&[row, row].concat(), &[true, true, true, false], 4, &[0, 1, 2]).dead
        };
        assert_eq!(dead(0.016), [2], "below a twentieth of a third");
        assert_eq!(dead(0.017), NONE);
        assert_eq!(dead(f32::NAN), NONE);
        let elsewhere = [[1.0, 0.0], [0.5, 0.5]];
        assert_eq!(GateInsight::of(elsewhere.as_flattened(), &[true, true], 2, &[0, 1, 2]).dead, NONE);
        assert_eq!(GateInsight::of(elsewhere.as_flattened(), &[true, true], 2, &[0, 2, 2]).dead, NONE);
        assert_eq!(GateInsight::of(&elsewhere[0], &[true, true], 2, &[0, 1, 1]).dead, [1]);
        assert_eq!(GateInsight::of(&[], &[true, true], 2, &[0, 0, 0]).dead, NONE, "of no row nothing is known");
    }

    #[test]
    fn cosines_are_those_of_the_vectors() {
        // (3, 4), (4, 3), (-6, -8), (0, 0)
        let gram = [[25.0, 24.0, -50.0, 0.0], [24.0, 25.0, -48.0, 0.0], [-50.0, -48.0, 100.0, 0.0], [0.0; 4]];
        let found = cosines(gram.as_flattened());
        let one = Some(1.0);
        assert_eq!(found[..4], [one, Some(0.96), Some(-1.0), None]);
        assert_eq!(found[4..8], [Some(0.96), one, Some(-0.96), None]);
        assert_eq!(found[12..], [None; 4]);
        assert_eq!(cosines(&[f64::INFINITY]), [None]);
        assert!(cosines(&[]).is_empty());
    }
}
