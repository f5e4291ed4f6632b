//! A finished run: what it was and the weights that its worker kept.

use std::fs;
use std::io;
use std::path::Path;

use mmtl_data::{Dataset, Preprocessing, Progress, open_made, preprocessing};
use mmtl_plan::Plan;
use mmtl_train::{Best, digest, weights_from_bytes};

use crate::catalogue::Catalogue;
use crate::configuration::TrialSettings;
use crate::error::GridError;
use crate::run::{RunError, TrialFit, fits};
use crate::store::{Record, RunFolder, StoredTrial};

/// A run whose record is there.
#[derive(Clone, Debug)]
pub struct FinishedRun {
    /// Its folder.
    pub run: RunFolder,
    /// What came of it.
    pub record: Record,
    /// What it ran.
    pub trial: StoredTrial,
    /// With every default.
    pub settings: TrialSettings,
}

impl FinishedRun {
    /// Reads what a run was and what came of it.
    ///
    /// # Errors
    /// When it has not finished, or its files are damaged or another version's.
    pub fn open(run: RunFolder, catalogue: &Catalogue) -> Result<Self, RunError> {
        let trial = run.trial(catalogue)?;
        if !run.is_finished() {
            return Err(RunError::NotFinished { run: run.root().to_owned() });
        }
        let record = run.record()?;
        let settings = trial.configuration.settings(catalogue)?;
        Ok(Self { run, record, trial, settings })
    }

    /// The preprocessing that its train rows decided.
    ///
    /// # Errors
    /// As [`mmtl_data::preprocessing`].
    pub fn preprocessing(&self, cache: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Preprocessing, RunError> {
        let seeds = &self.trial.configuration.seeds;
        Ok(preprocessing(&self.trial.fingerprint, &self.settings.data, seeds, cache, progress)?)
    }

    /// Its data.
    ///
    /// # Errors
    /// As [`mmtl_data::open_made`].
    pub fn dataset(&self, cache: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Dataset, RunError> {
        let seeds = &self.trial.configuration.seeds;
        Ok(open_made(&self.trial.fingerprint, &self.settings.data, seeds, cache, progress)?)
    }

    /// Its fits. `dataset` may be without rows.
    ///
    /// # Errors
    /// When this program makes other fits of the trial than the record has.
    pub fn fits(&self, dataset: &Dataset) -> Result<Vec<TrialFit>, RunError> {
        let architecture = mmtl_zoo::architecture(&self.trial.configuration.architecture)?;
        let fits = fits(&self.trial.configuration, &self.settings, architecture, dataset)?;
        let made = fits.iter().map(|fit| fit.name.as_str());
        if !made.eq(self.record.fits.iter().map(|fit| fit.name.as_str())) {
            return Err(self.no_weights("its record has other fits than this program makes of the trial"));
        }
        Ok(fits)
    }

    /// The chosen weights of a fit: the run's first, then those of each task or scene if they were chosen apart.
    ///
    /// # Errors
    /// When they were not kept, are damaged, or are not those of the record or of the plan.
    pub fn weights(&self, fit: usize, plan: &Plan) -> Result<Vec<Best>, RunError> {
        let path = self.run.weights_file(fit);
        let shown = path.display();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(self.no_weights(format!("there is no {shown}")));
            }
            Err(error) => return Err(GridError::Read { path, error }.into()),
        };
        let best = weights_from_bytes(&bytes, plan).map_err(|error| self.no_weights(format!("{shown}: {error}")))?;
        let (found, expected) = (digest(&best), &self.record.fits[fit].weights);
        if found != *expected {
            return Err(
                self.no_weights(format!("{shown} holds other weights ({found}) than the record's ({expected})"))
            );
        }
        Ok(best)
    }

    fn no_weights(&self, reason: impl Into<String>) -> RunError {
        RunError::NoWeights { run: self.run.root().to_owned(), reason: reason.into() }
    }
}
