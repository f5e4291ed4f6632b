//! Takes one step of a small case, of which `benches/instructions/count.py` counts the instructions; without a case it
//! lists them. A program of its own, since it needs few of the dependencies that `mmtl` has.

use mmtl_bench::Counted;
use mmtl_cpu::CpuEngine;

/// One thread, on which a step's instructions are the same every time.
const THREADS: usize = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args().nth(1) {
        Some(case) => Counted::of(&case)?.run(&CpuEngine::new(THREADS)?)?,
        None => Counted::all().iter().for_each(|counted| println!("{}", counted.name)),
    }
    Ok(())
}
