//! Opens a data set: from the cache, or by making it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mmtl_plan::{Seeds, Settings};

use crate::cache;
use crate::card::Card;
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::fingerprint::{Fingerprint, ReadFiles};
use crate::fitted_file;
use crate::kept::Kept;
use crate::knobs::{NOT_CONTENTS, knobs};
use crate::prepare;
use crate::preprocessing::Preprocessing;
use crate::progress::Progress;
use crate::source::source;
use crate::table::Table;

/// Digits of the fingerprint in a cache file's name.
const NAME_DIGITS: usize = 16;

/// The data set that `settings` (resolved against [`crate::knobs`]) describe. It is read from a file of the directory
/// `cache` that is named after its fingerprint, or made and written there first. Any number of processes may do so at
/// once. With `cache = false` in the settings the directory is not touched.
///
/// # Errors
/// When settings do not fit each other, a source is missing or malformed, a part, scene or task would have no train
/// rows, the cache is damaged or of another fingerprint or version, or the directory cannot be written. Nothing is
/// left in the directory then.
pub fn open(
    settings: &Settings,
    seeds: &Seeds,
    cache: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Dataset, DataError> {
    open_noting(settings, seeds, cache, progress, &mut vec![])
}

/// As [`open`]; adds the file to `made` if it was not there before, for a caller that may yet have to take it back.
///
/// # Errors
/// As [`open`].
pub fn open_noting(
    settings: &Settings,
    seeds: &Seeds,
    cache: &Path,
    progress: &mut dyn FnMut(Progress),
    made: &mut Vec<PathBuf>,
) -> Result<Dataset, DataError> {
    let source = source(settings.text("source"))?;
    let (card, table) = source.table(settings, seeds)?;
    let (fingerprint, files) = fingerprint(settings, seeds, table.as_ref())?;
    if !settings.bool("cache") {
        let dataset = prepare_in_memory(card, table.as_ref(), fingerprint, seeds.split, progress)?;
        return files.check().map(|()| dataset);
    }
    let path = rows_file(cache, &card, &fingerprint);
    if !path.try_exists().map_err(DataError::reading(&path))? {
        let wording = source.wording(settings)?;
        prepare_on_disk(&path, card, table.as_ref(), (&fingerprint, &files), wording, seeds.split, progress)?;
        made.extend([path.clone(), fitted_file::beside(&path)]);
        return cache::read_written(&path, &fingerprint);
    }
    cache::read(&path, &fingerprint)
}

/// The data set with this fingerprint, which `settings` describe: from the directory `cache`, whatever has become of its
/// source since, or as [`open`].
///
/// # Errors
/// As [`open`], and when the source's rows are no longer those of the fingerprint.
pub fn open_made(
    fingerprint: &str,
    settings: &Settings,
    seeds: &Seeds,
    cache: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Dataset, DataError> {
    if settings.bool("cache")
        && let Some(path) = in_cache(cache, fingerprint, "arrow")?
    {
        return cache::read(&path, fingerprint);
    }
    let dataset = open(settings, seeds, cache, progress)?;
    if dataset.fingerprint() != fingerprint {
        let (expected, found) = (fingerprint.to_owned(), dataset.fingerprint().to_owned());
        return Err(DataError::OtherData { expected, found });
    }
    Ok(dataset)
}

/// The file with this ending of the data set with this fingerprint, if there is one.
pub(crate) fn in_cache(cache: &Path, fingerprint: &str, ending: &str) -> Result<Option<PathBuf>, DataError> {
    let ending = format!("-{}.{ending}", fingerprint.get(..NAME_DIGITS).unwrap_or(fingerprint));
    let entries = match fs::read_dir(cache) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DataError::reading(cache)(error)),
    };
    let fits = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&ending));
    Ok(entries.flatten().map(|entry| entry.path()).filter(fits).min())
}

fn rows_file(cache: &Path, card: &Card, fingerprint: &str) -> PathBuf {
    cache.join(format!("{}-{}.arrow", card.name, &fingerprint[..NAME_DIGITS]))
}

/// What train rows decide, found in a reading of its own, and kept beside the rows if these are.
///
/// # Errors
/// As [`crate::preprocessing`].
pub(crate) fn fitted_anew(
    expected: &str,
    settings: &Settings,
    seeds: &Seeds,
    cache: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Preprocessing, DataError> {
    let source = source(settings.text("source"))?;
    let (card, table) = source.table(settings, seeds)?;
    let (fingerprint, files) = fingerprint(settings, seeds, table.as_ref())?;
    if fingerprint != expected {
        return Err(DataError::OtherData { expected: expected.to_owned(), found: fingerprint });
    }
    // Most splits take one reading alone.
    let table = Kept::new(table.as_ref(), None);
    let card = Card { split: prepare::resolved(&card, &table)?, ..card };
    let fitted = prepare::fit(&card, &table, seeds.split, progress)?;
    files.check()?;
    let path = rows_file(cache, &card, &fingerprint);
    let fitted = Preprocessing::new(fitted, &card, fingerprint, source.wording(settings)?);
    if settings.bool("cache") {
        fitted_file::write(&fitted_file::beside(&path), &fitted)?;
    }
    Ok(fitted)
}

/// Of contents, of settings that are not at their default (so that a new key keeps old fingerprints), and of the
/// split seed.
fn fingerprint(settings: &Settings, seeds: &Seeds, table: &dyn Table) -> Result<(String, ReadFiles), DataError> {
    let source = settings.text("source");
    let mut fingerprint = Fingerprint::new(source);
    fingerprint.bytes("split", &seeds.split.to_le_bytes());
    for knob in knobs(source)? {
        let value = settings.value(knob.name);
        if !NOT_CONTENTS.contains(&knob.name) && *value != knob.default {
            fingerprint.text(knob.name, &value.to_string());
        }
    }
    table.contents(&mut fingerprint)?;
    Ok((fingerprint.hex(), fingerprint.files()))
}

fn prepare_in_memory(
    card: Card,
    table: &dyn Table,
    fingerprint: String,
    split: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Dataset, DataError> {
    let (table, mut chunks) = (Kept::new(table, None), vec![]);
    let card = &Card { split: prepare::resolved(&card, &table)?, ..card };
    let fitted = prepare::fit(card, &table, split, progress)?;
    prepare::encode(card, &fitted, &table, progress, &mut |chunk| {
        chunks.push(chunk);
        Ok(())
    })?;
    Ok(Dataset::from_chunks(fitted.manifest(card, fingerprint), chunks))
}

fn prepare_on_disk(
    path: &Path,
    card: Card,
    table: &dyn Table,
    (fingerprint, files): (&str, &ReadFiles),
    wording: Option<String>,
    split: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), DataError> {
    let table = Kept::new(table, path.parent());
    let card = &Card { split: prepare::resolved(&card, &table)?, ..card };
    let fitted = prepare::fit(card, &table, split, progress)?;
    cache::write(path, &fitted.manifest(card, fingerprint.to_owned()), |each| {
        prepare::encode(card, &fitted, &table, progress, each)?;
        // Else they would be other rows than the file's name says.
        files.check()
    })?;
    let fitted = Preprocessing::new(fitted, card, fingerprint.to_owned(), wording);
    fitted_file::write(&fitted_file::beside(path), &fitted).inspect_err(|_| {
        // Rows without it would only be read twice later; but whoever is told of an error expects nothing to be left.
        let _ = fs::remove_file(path);
    })
}
