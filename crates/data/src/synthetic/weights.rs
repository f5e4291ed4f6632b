//! Weight vectors of tasks and scenes.

use mmtl_plan::{Purpose, Stream};

/// One vector of f64 for each task.
pub(super) type TaskVectors = Vec<Vec<f64>>;

/// How the vectors of a world are drawn.
pub(super) struct Weights<'a> {
    pub seed: u64,
    pub dim: usize,
    pub scenes: usize,
    /// Cosine between a task's common vector and its vector in a scene.
    pub relatedness: f64,
    /// Lower-triangular factor of the tasks' Gram matrix.
    pub factor: &'a [Vec<f64>],
    /// Length that a diagonal of 1 stands for.
    pub c: f64,
}

impl Weights<'_> {
    /// The vectors of each scene: `w_k = c · Σ_j L_kj · (r·u_j + √(1 − r²)·v_j)`, where u are directions common to all
    /// scenes and v those of the scene alone, all orthonormal. So every scene has the same Gram matrix, and a task's
    /// vectors in two scenes have a cosine of about r².
    pub(super) fn by_scene(&self) -> Vec<TaskVectors> {
        let tasks = self.factor.len();
        let common = self.orthonormal("direction", &[]);
        let rotation = (1.0 - self.relatedness * self.relatedness).max(0.0).sqrt();
        let scene = |s: usize| {
            let mut directions = common.clone();
            if rotation > 0.0 {
                let own = self.orthonormal(&format!("scene{}/direction", s + 1), &common);
                for (u, v) in directions.iter_mut().zip(&own) {
                    u.iter_mut().zip(v).for_each(|(u, v)| *u = self.relatedness * *u + rotation * v);
                }
            }
            let vector = |k: usize| {
                let element = |at: usize| (0..tasks).map(|j| self.factor[k][j] * directions[j][at]).sum::<f64>();
                (0..self.dim).map(|at| self.c * element(at)).collect()
            };
            (0..tasks).map(vector).collect()
        };
        (0..self.scenes).map(scene).collect()
    }

    /// One unit vector for each task, orthogonal to each other and to `others`: normal draws by Gram and Schmidt,
    /// twice, which leaves nothing but rounding error (Giraud et al., 2005).
    fn orthonormal(&self, name: &str, others: &[Vec<f64>]) -> TaskVectors {
        let mut made: TaskVectors = vec![];
        for k in 0..self.factor.len() {
            let stream = Stream::new(self.seed, Purpose::Data, &format!("{name}{}", k + 1));
            let mut vector: Vec<f64> = (0..self.dim as u64).map(|at| stream.normal(0, at)).collect();
            for _ in 0..2 {
                for other in others.iter().chain(&made) {
                    let along = dot(&vector, other);
                    vector.iter_mut().zip(other).for_each(|(v, o)| *v -= along * o);
                }
                let length = dot(&vector, &vector).sqrt();
                for element in &mut vector {
                    *element /= length;
                }
            }
            made.push(vector);
        }
        made
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_the_asked_lengths_and_angles_in_every_scene() {
        let factor = [vec![1.0, 0.0], vec![0.6, 0.8]];
        let weights = Weights { seed: 5, dim: 20, scenes: 3, relatedness: 0.7, factor: &factor, c: 2.0 };
        let common = Weights { relatedness: 1.0, scenes: 1, ..weights };
        let common = &common.by_scene()[0];
        for scene in &weights.by_scene() {
            for (k, l, expected) in [(0, 0, 4.0), (1, 1, 4.0), (0, 1, 2.4)] {
                assert!((dot(&scene[k], &scene[l]) - expected).abs() < 1e-12);
                assert!((dot(&common[k], &common[l]) - expected).abs() < 1e-12);
            }
            for k in 0..2 {
                assert!((dot(&scene[k], &common[k]) - 0.7 * 4.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn another_task_or_scene_moves_no_vector() {
        let (one, two) = ([vec![1.0]], [vec![1.0, 0.0], vec![0.6, 0.8]]);
        let weights = |factor, scenes| Weights { seed: 5, dim: 9, scenes, relatedness: 1.0, factor, c: 1.0 };
        assert_eq!(weights(&one, 1).by_scene()[0][0], weights(&two, 4).by_scene()[3][0]);
    }
}
