//! Signs, in Unicode and in ASCII.

use mmtl_grid::events::{RunState, RunStatus};

use crate::theme::{Role, Theme};

/// The sign and role of a run.
pub fn of_run(run: &RunState, theme: &Theme) -> (&'static str, Role) {
    if run.abandoned { ("!", Role::Warning) } else { of_status(&run.status, theme) }
}

/// The sign and role of a run's state, as its scheduler tells it.
fn of_status(status: &RunStatus, theme: &Theme) -> (&'static str, Role) {
    let (sign, ascii, role) = match status {
        RunStatus::Queued => ("·", ".", Role::Queued),
        RunStatus::Running { .. } => ("▶", ">", Role::Running),
        RunStatus::Paused => ("‖", "=", Role::Paused),
        RunStatus::Finished => ("✓", "v", Role::Finished),
        RunStatus::Failed { .. } => ("✗", "x", Role::Failed),
        RunStatus::Cancelled => ("⊘", "c", Role::Cancelled),
        RunStatus::Pruned => ("✂", "p", Role::Cancelled),
        RunStatus::NotApplicable { .. } => ("–", "-", Role::Dim),
    };
    (if theme.ascii { ascii } else { sign }, role)
}

/// Parts of a cell, by eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar of `width` cells of which `fraction` is full.
pub fn bar(fraction: f64, width: usize, theme: &Theme) -> String {
    let fraction = if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { 0.0 };
    if theme.ascii {
        let full = (fraction * width as f64).round() as usize;
        return format!("{}{}", "#".repeat(full), "-".repeat(width - full));
    }
    let eighths = (fraction * width as f64 * 8.0).round() as usize;
    let part = EIGHTHS[eighths % 8];
    let rest = width - eighths / 8 - usize::from(!part.is_empty());
    format!("{}{part}{}", "█".repeat(eighths / 8), "░".repeat(rest))
}

/// A line of as many cells as there are values, from 0 (empty) to 1 (full).
pub fn sparkline(values: impl IntoIterator<Item = f64>, theme: &Theme) -> String {
    let signs: &[&str] = if theme.ascii {
        &[" ", ".", ":", "-", "=", "+", "*", "#", "@"]
    } else {
        &[" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    };
    let sign = |value: f64| {
        let value = if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 };
        signs[(value * (signs.len() - 1) as f64).round() as usize]
    };
    values.into_iter().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Depth;

    #[test]
    fn bars_are_as_wide_as_asked() {
        for ascii in [false, true] {
            let theme = Theme { depth: Depth::None, dark: true, ascii };
            for width in 0..12 {
                for fraction in [0.0, 0.01, 0.37, 0.5, 0.999, 1.0, f64::NAN, -3.0, 9.0] {
                    let bar = bar(fraction, width, &theme);
                    assert_eq!(bar.chars().count(), width, "{fraction} of {width}");
                    assert!(!ascii || bar.is_ascii());
                }
            }
        }
    }
}
