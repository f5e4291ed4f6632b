//! The oracle as an engine: slow, and the measure of the others.

use std::sync::Arc;

use mmtl_plan::{Engine, EngineError, Factors, Plan, Session, SessionOptions};

use crate::oracle::Oracle;

/// Makes [`Oracle`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReferenceEngine {
    /// What it computes in; what goes in and comes out is `f32` in any case.
    pub precision: Precision,
    /// What it rounds the factors of matrix products to.
    pub factors: Factors,
}

/// What numbers a [`ReferenceEngine`] computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// `f32`, as other engines do.
    #[default]
    Single,
    /// `f64`: also parameters and moments are kept in it.
    Double,
}

impl Engine for ReferenceEngine {
    fn name(&self) -> &'static str {
        "reference"
    }

    /// Exponentials and logarithms are the platform's, so the platform is part of the class.
    fn numerics(&self) -> String {
        let bits = match self.precision {
            Precision::Single => "f32",
            Precision::Double => "f64",
        };
        format!("reference {bits} {} {}", std::env::consts::ARCH, std::env::consts::OS)
    }

    fn factors(&self) -> Factors {
        self.factors
    }

    fn batches_ahead(&self) -> usize {
        0
    }

    fn session(&self, plan: Arc<Plan>, options: SessionOptions) -> Result<Box<dyn Session>, EngineError> {
        Ok(match self.precision {
            Precision::Single => Box::new(Oracle::<f32>::new(plan, options).rounding(self.factors)),
            Precision::Double => Box::new(Oracle::<f64>::new(plan, options).rounding(self.factors)),
        })
    }
}
