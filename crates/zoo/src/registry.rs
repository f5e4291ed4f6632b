//! The list of architectures.

use mmtl_plan::nearest;

use crate::architecture::Architecture;
use crate::error::ZooError;

static ARCHITECTURES: &[&dyn Architecture] = &[
    &crate::matrix_factorisation::MatrixFactorisation,
    &crate::single_task::SingleTask,
    &crate::shared_bottom::SharedBottom,
    &crate::cross_stitch::CrossStitch,
    &crate::omoe::Omoe,
    &crate::mmoe::Mmoe,
    &crate::cgc::Cgc,
    &crate::ple::Ple,
    &crate::esmm::Esmm,
    &crate::star::Star,
];

/// All architectures, simplest first.
pub fn architectures() -> &'static [&'static dyn Architecture] {
    ARCHITECTURES
}

/// The architecture called `name`.
///
/// # Errors
/// When there is none.
pub fn architecture(name: &str) -> Result<&'static dyn Architecture, ZooError> {
    ARCHITECTURES.iter().copied().find(|a| a.name() == name).ok_or_else(|| {
        let known: Vec<&'static str> = ARCHITECTURES.iter().map(|a| a.name()).collect();
        ZooError::Architecture { name: name.to_owned(), nearest: nearest(name, known.iter().copied()), known }
    })
}
