//! `mmtl step`, hidden: what the instruction counter runs.

use mmtl_bench::Counted;
use mmtl_grid::Execution;

use crate::engines::engine;
use crate::failure::Failure;

/// One thread, on which a step's instructions are the same every time.
const THREADS: usize = 1;

/// Takes the counted step of a case; without one lists them.
pub fn step(case: Option<&str>) -> Result<(), Failure> {
    let Some(case) = case else {
        for counted in Counted::all() {
            println!("{}", counted.name);
        }
        return Ok(());
    };
    let counted = Counted::of(case).map_err(Failure::input)?;
    let engine = engine(&Execution::default(), THREADS).map_err(Failure::input)?;
    counted.run(engine.as_ref()).map_err(Failure::failed)
}
