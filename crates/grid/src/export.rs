//! A finished run for other programs: its weights as named tensors, the split, predictions, and what the rows of its
//! embedding tables are.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use mmtl_data::{Cells, Dataset, Meaning, Part, Preprocessing, SheetColumn, SheetFormat, SheetWriter, export_split};
use mmtl_plan::{Schema, Space};
use mmtl_train::{Best, Key, Tensor, tensors, write_tensors};
use serde_json::{Value, json};

use crate::described::described;
use crate::error::GridError;
use crate::finished::FinishedRun;
use crate::predictor::{Predicted, column_names};
use crate::run::{RunError, TrialFit, restored};
use crate::store::predictions::{self, Predictions};

/// Rows that are written at once.
const ROWS: usize = 65_536;

/// What is exported.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// The run.
    pub run: &'a FinishedRun,
    /// Its data.
    pub dataset: &'a Dataset,
    /// What its train rows decided.
    pub fitted: &'a Preprocessing,
    /// Whether predictions of test rows are shown.
    pub test: bool,
    /// How rows are written.
    pub format: SheetFormat,
    /// The program's version.
    pub version: &'a str,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Files of weights.
    pub models: usize,
    /// Tensors in all of them.
    pub tensors: usize,
    /// Rows with predictions.
    pub predictions: usize,
}

impl Export<'_> {
    /// Writes `model*.safetensors`, `split`, `predictions`, `vocabularies` and `manifest.json` into `folder`.
    ///
    /// # Errors
    /// When the weights were not kept, the run's files are damaged, or something cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Exported, RunError> {
        let models = self.models(folder)?;
        let split = self.sheet(folder, "split", |out| export_split(self.dataset, out))?;
        let predictions = self.predictions(folder)?;
        let vocabularies = self.vocabularies(folder)?;
        let tensors = models.iter().map(|model| model["tensors"].as_array().map_or(0, Vec::len)).sum();
        let exported = Exported { models: models.len(), tensors, predictions: predictions.rows };
        let test = if self.test {
            "included"
        } else {
            "left out: the grid is not done, and nobody asked to see them (`mmtl ctl DIR reveal-test`)"
        };
        let mut manifest = self.about();
        manifest["files"] = json!({
            split.clone(): "each row's id, part and scene",
            predictions.file.clone(): "validation and test rows: label, space and prediction of each task; labels are empty \
                where unknown or outside the space",
            vocabularies.clone(): "what each row of an embedding table stands for",
        });
        manifest["test_predictions"] = json!(test);
        manifest["tasks"] = self.tasks();
        manifest["models"] = Value::Array(models);
        let path = folder.join("manifest.json");
        std::fs::write(&path, format!("{manifest:#}\n")).map_err(writing(&path))?;
        Ok(exported)
    }

    /// What it is of.
    fn about(&self) -> Value {
        let FinishedRun { run, record, trial, settings } = self.run;
        let mut about = described(run.key(), &trial.configuration, settings);
        about["mmtl"] = json!(self.version);
        about["engine"] = json!(trial.configuration.execution.engine);
        about["precision"] = json!(trial.configuration.execution.precision);
        about["numerics"] = json!(record.numerics);
        about["fingerprint"] = json!(trial.fingerprint);
        about["schema"] = json!(self.schema());
        about
    }

    fn schema(&self) -> &Schema {
        self.dataset.schema()
    }

    fn tasks(&self) -> Value {
        let task = |(number, task): (usize, &mmtl_plan::Task)| {
            let classes = self.fitted.classes(number);
            json!({
                "name": task.name,
                "kind": task.kind.name(),
                "space": space(&task.space),
                "classes": classes,
                "predictions": column_names(task, classes),
            })
        };
        self.schema().tasks.iter().enumerate().map(task).collect()
    }

    /// A file for each choice of weights: one, unless several fits or tasks or scenes were chosen apart.
    fn models(&self, folder: &Path) -> Result<Vec<Value>, RunError> {
        let fits = self.run.fits(self.dataset)?;
        let mut models = vec![];
        for (number, fit) in fits.iter().enumerate() {
            let best = self.run.weights(number, &fit.spec.plan)?;
            for choice in &best {
                let alone = fits.len() == 1 && best.len() == 1;
                let file =
                    if alone { "model.safetensors".to_owned() } else { format!("model-{}.safetensors", models.len()) };
                models.push(self.model(&folder.join(&file), &file, fit, choice)?);
            }
        }
        Ok(models)
    }

    fn model(&self, path: &Path, file: &str, fit: &TrialFit, choice: &Best) -> Result<Value, RunError> {
        let plan = &fit.spec.plan;
        let chosen_for = match choice.key {
            Key::Run => "everything".to_owned(),
            Key::Output(output) => format!("task {}", plan.schema.tasks[plan.outputs[output].task].name),
            Key::Scene(scene) => format!("scene {}", plan.schema.scenes[scene]),
        };
        let mut about = self.about();
        about["fit"] = json!(fit.name);
        about["chosen_for"] = json!(chosen_for);
        about["step"] = json!(choice.step);
        let tensors = tensors(plan, &choice.snapshot);
        write_tensors(&tensors, &about.to_string(), path).map_err(writing(path))?;
        let tensor = |tensor: &Tensor| {
            let mut told = json!({ "name": tensor.name, "kind": tensor.kind, "shape": tensor.shape });
            if let Some(vocabulary) = tensor.vocabulary {
                told["vocabulary"] = json!(plan.schema.vocabularies[vocabulary].name);
            }
            told
        };
        let listed: Vec<Value> = tensors.iter().map(tensor).collect();
        Ok(json!({
            "file": file,
            "fit": fit.name,
            "chosen_for": chosen_for,
            "step": choice.step,
            "tensors": listed,
        }))
    }

    /// The stored predictions with names instead of codes.
    fn predictions(&self, folder: &Path) -> Result<Written, RunError> {
        let path = self.run.run.predictions_file();
        let stored = predictions::read(&path)?;
        restored(self.dataset, self.run.trial.round.parts(), &stored)
            .map_err(|reason| GridError::damaged(&path, reason))?;
        let shown = |row: &usize| self.test || stored.parts.word(*row) != Part::Test.name();
        let rows: Vec<usize> = (0..stored.rows.len()).filter(shown).collect();
        let file = self.sheet(folder, "predictions", |out| {
            let portions = if rows.is_empty() { vec![&rows[..]] } else { rows.chunks(ROWS).collect() };
            portions.into_iter().try_for_each(|rows| out.write(&self.predicted(&stored, rows)))
        })?;
        Ok(Written { file, rows: rows.len() })
    }

    fn predicted<'a>(&'a self, stored: &'a Predictions, rows: &[usize]) -> Vec<SheetColumn<'a>> {
        let words =
            |words: &'a predictions::Words| Cells::Texts(rows.iter().map(|row| Some(words.word(*row))).collect());
        let mut columns = vec![
            ("row_id".to_owned(), Cells::Whole(rows.iter().map(|row| stored.rows[*row]).collect())),
            ("part".to_owned(), words(&stored.parts)),
            ("scene".to_owned(), words(&stored.scenes)),
        ];
        for (number, task) in self.schema().tasks.iter().enumerate() {
            let Some(of_task) = stored.tasks.iter().find(|of_task| of_task.task == task.name) else { continue };
            let labels = rows.iter().map(|row| of_task.labels[*row]).collect();
            columns.push((format!("label.{}", task.name), Cells::Known(labels)));
            let space = space(&task.space);
            columns.push((format!("space.{}", task.name), Cells::Texts(vec![Some(space); rows.len()])));
            let values = of_task.rows(rows);
            columns.extend(Predicted::from(&values).columns(task, self.fitted.classes(number)));
        }
        columns
    }

    /// One line a row of an embedding table.
    fn vocabularies(&self, folder: &Path) -> Result<String, RunError> {
        let vocabularies = self.fitted.vocabularies();
        self.sheet(folder, "vocabularies", |out| {
            for vocabulary in &vocabularies {
                for (number, rows) in vocabulary.rows.chunks(ROWS).enumerate() {
                    let first = (number * ROWS) as u64;
                    out.write(&[
                        ("vocabulary".to_owned(), Cells::Texts(vec![Some(vocabulary.name.as_str()); rows.len()])),
                        ("row".to_owned(), Cells::Whole((first..first + rows.len() as u64).collect())),
                        ("meaning".to_owned(), Cells::Texts(rows.iter().map(|row| Some(row.name())).collect())),
                        ("value".to_owned(), Cells::Texts(rows.iter().map(Meaning::value).collect())),
                    ])?;
                }
            }
            Ok(())
        })
    }

    /// Writes rows; the name of their file.
    fn sheet(
        &self,
        folder: &Path,
        stem: &str,
        fill: impl FnOnce(&mut SheetWriter<BufWriter<File>>) -> io::Result<()>,
    ) -> Result<String, RunError> {
        let name = format!("{stem}.{}", self.format.ending());
        let path = folder.join(&name);
        let written = File::create(&path).and_then(|file| {
            let mut out = SheetWriter::new(self.format, BufWriter::new(file));
            fill(&mut out)?;
            out.finish()?.into_inner().map_err(io::IntoInnerError::into_error)
        });
        written.map(|_| name).map_err(writing(&path))
    }
}

struct Written {
    file: String,
    rows: usize,
}

/// `all`, or the task whose positives are the space.
fn space(space: &Space) -> &str {
    match space {
        Space::All => "all",
        Space::Given(task) => task,
    }
}

fn writing(path: &Path) -> impl FnOnce(io::Error) -> RunError {
    let path: PathBuf = path.to_owned();
    move |error| RunError::Export { path, error }
}
