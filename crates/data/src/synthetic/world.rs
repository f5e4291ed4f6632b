//! A synthetic world: settings, checked and resolved.

use mmtl_plan::{Purpose, Settings, Stream, nearest};

use crate::error::DataError;
use crate::synthetic::gram::{eigenvalues, factor};
use crate::synthetic::popularity::Popularity;
use crate::synthetic::weights::{TaskVectors, Weights};

/// Everything that decides the rows.
pub(super) struct World {
    pub seed: u64,
    pub rows: u64,
    pub dim: usize,
    /// One for each latent target.
    pub targets: Vec<Target>,
    pub funnel: bool,
    pub logistic: bool,
    pub threshold: f64,
    /// Standard deviation of the noise.
    pub noise: f64,
    /// (αᵢ, βᵢ) of each term, shared by tasks and scenes.
    pub terms: Vec<(f64, f64)>,
    /// Weight vectors by scene and target.
    pub weights: Vec<TaskVectors>,
    pub scenes: Popularity,
    /// Added to every target, by scene.
    pub shifts: Vec<f64>,
    /// Lower-triangular factor of the Gram matrix.
    pub factor: Vec<Vec<f64>>,
    /// How frequent the values of each categorical field are.
    pub categories: Vec<Popularity>,
    pub effect: f64,
}

/// A latent target and what is observed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub name: String,
    pub binary: bool,
}

impl World {
    /// # Errors
    /// When settings do not fit each other.
    pub(super) fn new(settings: &Settings, seed: u64) -> Result<Self, DataError> {
        let (dim, scenes) = (settings.size("dim"), settings.size("scenes"));
        let targets = targets(settings)?;
        let factor = factor(&gram(settings, targets.len())?);
        let relatedness = settings.float("relatedness");
        let directions = if relatedness < 1.0 { 2 * targets.len() } else { targets.len() };
        if dim < directions {
            return Err(DataError::Setting {
                key: "dim",
                got: dim.to_string(),
                expected: format!(
                    "at least {directions}, one orthogonal direction a task (two where `relatedness` is below 1)"
                ),
            });
        }
        let shares = per_scene(settings, "shares", scenes, 1.0)?;
        let total: f64 = shares.iter().sum();
        let given = !settings.floats("shares").is_empty();
        if given && (total - 1.0).abs() > 1e-6 {
            return Err(DataError::Setting {
                key: "shares",
                got: format!("a list whose sum is {total}"),
                expected: "a sum of 1".into(),
            });
        }
        let noise = match settings.text("noise_is") {
            "deviation" => settings.float("noise"),
            _ => settings.float("noise").sqrt(),
        };
        let normal = |name: &str, at: usize| Stream::new(seed, Purpose::Data, name).normal(0, at as u64);
        let weights = Weights { seed, dim, scenes, relatedness, factor: &factor, c: settings.float("c") }.by_scene();
        Ok(Self {
            seed,
            rows: settings.size("rows") as u64,
            dim,
            targets,
            funnel: settings.bool("funnel"),
            logistic: settings.text("binary") == "logistic",
            threshold: settings.float("threshold"),
            noise,
            terms: (0..settings.size("terms")).map(|i| (normal("alpha", i), normal("beta", i))).collect(),
            weights,
            scenes: Popularity::of(shares.into_iter()),
            shifts: per_scene(settings, "label_shift", scenes, 0.0)?,
            factor,
            categories: categories(settings)?,
            effect: settings.float("effect"),
        })
    }
}

fn targets(settings: &Settings) -> Result<Vec<Target>, DataError> {
    let (tasks, kinds) = (settings.size("tasks"), settings.texts("kinds"));
    if settings.bool("funnel") {
        if tasks != 2 || !kinds.is_empty() {
            return Err(DataError::Setting {
                key: "funnel",
                got: format!("true with `tasks` {tasks} and {} `kinds`", kinds.len()),
                expected: "`tasks` 2 and no `kinds`: click and conversion, both binary".into(),
            });
        }
        return Ok(["click", "conversion"].map(|name| Target { name: name.to_owned(), binary: true }).to_vec());
    }
    if !kinds.is_empty() && kinds.len() != tasks {
        return Err(DataError::Setting {
            key: "kinds",
            got: format!("a list of {}", kinds.len()),
            expected: format!("one word for each of {tasks} tasks, or an empty list: all regression"),
        });
    }
    let target = |k: usize| {
        let binary = match kinds.get(k).map(String::as_str) {
            None | Some("regression") => false,
            Some("binary") => true,
            Some(other) => {
                let near = nearest(other, ["regression", "binary"]);
                let hint = near.map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
                return Err(DataError::Setting {
                    key: "kinds",
                    got: format!("`{other}` for task {}", k + 1),
                    expected: format!("`regression` or `binary`{hint}"),
                });
            }
        };
        Ok(Target { name: format!("task{}", k + 1), binary })
    };
    (0..tasks).map(target).collect()
}

fn categories(settings: &Settings) -> Result<Vec<Popularity>, DataError> {
    let (count, each) = (settings.size("categories"), settings.sizes("cardinalities"));
    if count > 0 && !each.is_empty() {
        return Err(DataError::Setting {
            key: "cardinalities",
            got: format!("a list of {} with `categories` {count}", each.len()),
            expected: "one of the two".into(),
        });
    }
    let sizes = if each.is_empty() { vec![settings.size("cardinality"); count] } else { each };
    Ok(sizes.into_iter().map(|size| Popularity::zipf(size, settings.float("popularity"))).collect())
}

/// A list with one number a scene; an empty one stands for `default` everywhere.
fn per_scene(settings: &Settings, key: &'static str, scenes: usize, default: f64) -> Result<Vec<f64>, DataError> {
    let values = settings.floats(key);
    match values.len() {
        0 => Ok(vec![default; scenes]),
        n if n == scenes => Ok(values),
        n => Err(DataError::Setting {
            key,
            got: format!("a list of {n}"),
            expected: format!("one number for each of {scenes} scenes, or an empty list"),
        }),
    }
}

fn gram(settings: &Settings, tasks: usize) -> Result<Vec<Vec<f64>>, DataError> {
    let given = settings.matrix("gram");
    if given.is_empty() {
        let p = settings.float("correlation");
        let row = |i: usize| (0..tasks).map(|j| if i == j { 1.0 } else { p }).collect();
        let lowest = if tasks > 1 { -1.0 / (tasks as f64 - 1.0) } else { -1.0 };
        let hint = format!("{tasks} tasks can have a `correlation` from {lowest:.6} to 1");
        return semidefinite("correlation", (0..tasks).map(row).collect(), hint);
    }
    let shape = |got: String, expected: String| Err(DataError::Setting { key: "gram", got, expected });
    if given.len() != tasks || given.iter().any(|row| row.len() != tasks) {
        let widths: Vec<String> = given.iter().map(|row| row.len().to_string()).collect();
        return shape(format!("rows of {} numbers", widths.join(", ")), format!("{tasks} rows of {tasks}"));
    }
    for (i, row) in given.iter().enumerate() {
        if let Some(j) = (0..i).find(|&j| row[j] != given[j][i]) {
            let got = format!("{} in row {}, column {} and {} across", row[j], i + 1, j + 1, given[j][i]);
            return shape(got, "a symmetric matrix".into());
        }
        if row[i] <= 0.0 {
            return shape(format!("{} in row and column {}", row[i], i + 1), "a diagonal above 0".into());
        }
    }
    semidefinite("gram", given, "smaller numbers off the diagonal make it one".into())
}

fn semidefinite(key: &'static str, gram: Vec<Vec<f64>>, hint: String) -> Result<Vec<Vec<f64>>, DataError> {
    let smallest = eigenvalues(&gram)[0];
    let trace: f64 = gram.iter().enumerate().map(|(i, row)| row[i]).sum();
    // Rounding leaves up to about 1e-16 of the trace.
    if smallest < -1e-10 * trace {
        return Err(DataError::NotPositiveSemidefinite { key, eigenvalue: smallest, hint });
    }
    Ok(gram)
}
