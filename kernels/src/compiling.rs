//! What a first step tells of the kernels that are compiled for it.

use std::time::{Duration, Instant};

use mmtl_plan::Compiling;

/// Compilation that took less is not told of: in a process's second session kernels are there.
const WORTH_TELLING: Duration = Duration::from_millis(100);

/// Whom to tell, and what has been.
pub struct Telling {
    /// Kernels that were launched.
    seen: Vec<&'static str>,
    /// Kernels that a step launches.
    of: usize,
    tell: Box<dyn FnMut(Compiling) + Send>,
    /// When something was last told, or else when it all began.
    last: Instant,
    told: bool,
}

impl Telling {
    /// Of a step of so many kernels.
    pub fn new(of: usize, tell: Box<dyn FnMut(Compiling) + Send>) -> Self {
        Self { seen: vec![], of, tell, last: Instant::now(), told: false }
    }

    /// A kernel is about to be launched; those before have been.
    pub fn comes(&mut self, kernel: &'static str) {
        self.comes_at(kernel, Instant::now());
    }

    fn comes_at(&mut self, kernel: &'static str, now: Instant) {
        if self.seen.contains(&kernel) {
            return;
        }
        if now.saturating_duration_since(self.last) >= WORTH_TELLING {
            let ready = self.seen.len();
            (self.tell)(Compiling { ready, of: self.of.max(ready + 1), kernel: Some(kernel) });
            (self.told, self.last) = (true, now);
        }
        self.seen.push(kernel);
    }

    /// All of a step has been launched.
    pub fn end(mut self) {
        if self.told {
            let ready = self.seen.len();
            (self.tell)(Compiling { ready, of: ready, kernel: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn what_takes_long_is_told_by_the_kernels_name_and_at_last() {
        let (sender, told) = mpsc::channel();
        let mut telling =
            Telling::new(3, Box::new(move |compiling: Compiling| drop(sender.send(compiling.to_string()))));
        let began = telling.last;
        telling.comes_at("embed", began);
        for kernel in ["embed", "linear", "linear", "update"] {
            telling.comes_at(kernel, began + WORTH_TELLING);
        }
        telling.end();
        let told: Vec<String> = told.iter().collect();
        assert_eq!(told, ["compiling kernels 2 of 3 (linear)", "3 kernels compiled"]);
    }

    #[test]
    fn what_is_there_already_is_not_told_of() {
        let mut telling = Telling::new(2, Box::new(|compiling| panic!("{compiling}")));
        let began = telling.last;
        telling.comes_at("embed", began);
        telling.comes_at("linear", began + WORTH_TELLING / 2);
        telling.end();
    }
}
