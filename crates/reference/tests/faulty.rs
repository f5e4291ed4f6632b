//! The suite finds faults: each of these engines is the oracle with one thing wrong, and is caught where it is wrong.

use std::sync::Arc;

use mmtl_plan::{
    Batch, Decay, Engine, EngineError, Gradient, LossTotals, Pass, Plan, Session, SessionOptions, Snapshot,
    TableUpdates, Update,
};
use mmtl_reference::conformance::{Finding, conformance_of, conformance_of_calls, drawn_plans};
use mmtl_reference::{Mode, Oracle};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// One element of one gradient is off by a ten-thousandth of itself.
    Gradient,
    /// Gradients name the rows of a table twice.
    Rows,
    /// The update's decay is left out.
    Decay,
    /// The update's clipping is left out.
    Clip,
    /// `combine` takes one coefficient for another.
    Coefficients,
    /// Inner products are off by a ten-thousandth.
    Gram,
    /// Rows that miss steps are never brought up to date.
    Lazy,
    /// All rows move although only touched ones should.
    Eager,
    /// A prediction uses the statistics of its batch, as in training.
    Statistics,
    /// Running statistics stay where they are when a step is taken.
    Frozen,
    /// Masks come from another seed.
    Masks,
    /// The optimiser's memory is not restored.
    Forgetful,
    /// A step without a row of an objective counts.
    Counting,
    /// A loss that is not finite is not reported.
    Silent,
    /// A gradient there is none of is answered with one that there is.
    Lenient,
    /// Predicting advances running statistics.
    Restless,
    /// A gate's weight is off by a thousandth.
    Gates,
    /// A pass that only looks advances running statistics.
    Noted,
    /// A pass that only looks adds its losses up.
    Told,
}

struct FaultyEngine(Fault);

struct FaultySession {
    fault: Fault,
    oracle: Oracle<f32>,
}

impl Engine for FaultyEngine {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn numerics(&self) -> String {
        format!("faulty {:?}", self.0)
    }

    fn session(&self, plan: Arc<Plan>, options: SessionOptions) -> Result<Box<dyn Session>, EngineError> {
        let tables = match (self.0, options.tables) {
            (Fault::Lazy, TableUpdates::Exact) => TableUpdates::Sparse,
            (Fault::Eager, TableUpdates::Sparse) => TableUpdates::Dense,
            (_, tables) => tables,
        };
        let dropout = options.dropout + u64::from(self.0 == Fault::Masks);
        let options = SessionOptions { tables, dropout, ..options };
        Ok(Box::new(FaultySession { fault: self.0, oracle: Oracle::new(plan, options) }))
    }
}

impl FaultySession {
    fn update(&self, update: &Update) -> Update {
        match self.fault {
            Fault::Decay => Update { decay: Decay::default(), ..*update },
            Fault::Clip => Update { clip: None, ..*update },
            _ => *update,
        }
    }
}

impl Session for FaultySession {
    fn plan(&self) -> &Arc<Plan> {
        self.oracle.plan()
    }

    fn step(&mut self, batch: &Batch, weights: &[f32], update: &Update) -> Result<(), EngineError> {
        let states = self.oracle.states.clone();
        self.oracle.step(batch, weights, &self.update(update))?;
        if self.fault == Fault::Frozen {
            self.oracle.states = states;
        }
        Ok(())
    }

    fn gradients(&mut self, batch: &Batch, pass: Pass, weightings: &[&[f32]]) -> Result<(), EngineError> {
        let before = self.oracle.states.clone();
        let counts = pass.counts || self.fault == Fault::Told;
        self.oracle.gradients(batch, Pass { counts, ..pass }, weightings)?;
        match self.fault {
            Fault::Noted if !pass.counts => {
                self.oracle.states = self.oracle.forward(batch, Mode::Training(pass)).states_after;
            }
            Fault::Told if !pass.counts => self.oracle.states = before,
            _ => {}
        }
        Ok(())
    }

    fn gradient(&mut self, number: usize) -> Result<Gradient, EngineError> {
        let number = if self.fault == Fault::Lenient { 0 } else { number };
        let mut gradient = self.oracle.gradient(number)?;
        if self.fault == Fault::Gradient {
            let largest = gradient.dense.iter_mut().max_by(|a, b| a.abs().total_cmp(&b.abs()));
            *largest.expect("the arena is not empty") *= 1.0001;
        }
        if self.fault == Fault::Rows {
            for table in gradient.tables.iter_mut().filter(|table| !table.rows.is_empty()) {
                let width = table.values.len() / table.rows.len();
                table.rows.insert(0, table.rows[0]);
                let values = table.values[..width].to_vec();
                table.values.splice(0..0, values);
            }
        }
        Ok(gradient)
    }

    fn gram(&mut self) -> Result<Vec<f64>, EngineError> {
        let scale = if self.fault == Fault::Gram { 1.0001 } else { 1.0 };
        Ok(self.oracle.gram()?.into_iter().map(|dot| dot * scale).collect())
    }

    fn combine(&mut self, coefficients: &[f32], update: &Update) -> Result<(), EngineError> {
        let mut coefficients = coefficients.to_vec();
        if self.fault == Fault::Coefficients {
            coefficients.reverse();
        }
        self.oracle.combine(&coefficients, &self.update(update))
    }

    fn losses(&mut self) -> Result<Vec<LossTotals>, EngineError> {
        let mut losses = self.oracle.losses()?;
        for totals in &mut losses {
            match self.fault {
                Fault::Counting => totals.steps = totals.steps.max(1),
                Fault::Silent => totals.first_not_finite = None,
                _ => {}
            }
        }
        Ok(losses)
    }

    fn predict(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        self.oracle.predict(batch, out)?;
        let tape = self.oracle.forward(batch, Mode::Training(Pass::of(1)));
        match self.fault {
            Fault::Statistics => {
                let outputs = self.oracle.plan().outputs.clone();
                for (values, output) in out.iter_mut().zip(outputs) {
                    values.clone_from(&tape.slots[output.slot.0]);
                }
            }
            Fault::Restless => self.oracle.states = tape.states_after,
            _ => {}
        }
        Ok(())
    }

    fn gates(&mut self, batch: &Batch, out: &mut [Vec<f32>]) -> Result<(), EngineError> {
        self.oracle.gates(batch, out)?;
        if self.fault == Fault::Gates {
            out.iter_mut().flatten().take(1).for_each(|weight| *weight *= 1.001);
        }
        Ok(())
    }

    fn snapshot(&mut self, everything: bool) -> Result<Snapshot, EngineError> {
        self.oracle.snapshot(everything)
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EngineError> {
        let moments = self.oracle.moments.clone();
        self.oracle.restore(snapshot)?;
        if self.fault == Fault::Forgetful {
            self.oracle.moments = moments;
        }
        Ok(())
    }
}

/// What does not hold for the oracle with `fault`, tried with four plans that have everything a fault needs.
fn failures(fault: Fault) -> Vec<Finding> {
    let engine = FaultyEngine(fault);
    let chosen = ["embed mean, 3 × 16", "linear star dropout, 3 × 16", "scene norm, 3 × 16", "gate, 3 × 16"];
    let plans: Vec<_> = drawn_plans().into_iter().filter(|(name, _)| chosen.contains(&name.as_str())).collect();
    assert_eq!(plans.len(), chosen.len());
    let mut findings = conformance_of(&engine, &plans);
    findings.extend(conformance_of_calls(&engine));
    findings.into_iter().filter(|finding| !finding.holds()).collect()
}

/// Something fails, and only where the case or quantity names one of `places`.
fn caught(fault: Fault, places: &[&str]) {
    let failures = failures(fault);
    assert!(!failures.is_empty(), "{fault:?} passes");
    for failure in &failures {
        let text = failure.to_string();
        assert!(places.iter().any(|place| text.contains(place)), "{fault:?} fails elsewhere: {text}");
    }
    for place in places {
        assert!(failures.iter().any(|failure| failure.to_string().contains(place)), "{fault:?} passes {place}");
    }
}

#[test]
fn nothing_fails_without_a_fault() {
    assert_eq!(failures(Fault::None), []);
}

#[test]
fn wrong_gradients_are_caught() {
    caught(Fault::Gradient, &[", gradient", "combine"]);
    caught(Fault::Rows, &["names sorted unique rows"]);
    caught(Fault::Gram, &["gram"]);
}

#[test]
fn wrong_updates_are_caught() {
    caught(Fault::Decay, &["decay", "curve", "sparse"]);
    caught(Fault::Clip, &["clip", "curve"]);
    caught(Fault::Coefficients, &["combine"]);
}

#[test]
fn wrong_tables_are_caught() {
    caught(Fault::Lazy, &["Exact tables", "exact is dense", "curve", "tables decay"]);
    caught(Fault::Eager, &["sparse", "Sparse tables"]);
}

#[test]
fn wrong_states_and_masks_are_caught() {
    caught(Fault::Statistics, &["outputs"]);
    let frozen = ["steps", "curve", "tables: sparse"].map(|part| format!("scene norm, 3 × 16: {part}"));
    caught(Fault::Frozen, &frozen.each_ref().map(String::as_str));
    caught(Fault::Restless, &["scene norm, 3 × 16"]);
    caught(Fault::Masks, &["linear star dropout, 3 × 16"]);
}

#[test]
fn wrong_books_are_caught() {
    caught(Fault::Forgetful, &["snapshots", "steps", "every rule"]);
    caught(Fault::Counting, &["no loss", "starts them anew", "leaves no loss"]);
    caught(Fault::Silent, &["not finite"]);
    caught(Fault::Lenient, &["refusals: gradient refuses", ", gradient", "combine"]);
}

#[test]
fn wrong_looks_are_caught() {
    caught(Fault::Gates, &[", gates"]);
    caught(Fault::Noted, &["scene norm, 3 × 16: looking"]);
    caught(Fault::Told, &["adds no loss"]);
}
