//! What a scheduler answers to a command, for all who look on.

use crate::store::{Command, Sender};

/// One sentence: what was done, to how many runs, and for whom.
pub(super) fn answer(command: &Command, changed: usize, from: Option<&Sender>) -> String {
    let runs = runs_of(changed);
    let done = match command {
        Command::Pause(_) => format!("paused {runs}"),
        Command::Resume(_) => format!("resumed {runs}"),
        Command::Cancel(_) => format!("cancelled {runs}"),
        Command::Retry(_) => format!("queued {runs} again"),
        Command::Prune(_) => format!("pruned {runs}"),
        Command::Priority { priority, .. } => format!("gave {runs} priority {priority}"),
        Command::Jobs(jobs) => format!("{} at once from now on", runs_of(*jobs.max(&1))),
        Command::Stop => format!("stopping {runs}; the next `mmtl run` goes on"),
        Command::Drain => format!("starting no more; {runs} still to end"),
        Command::Reveal => "test scores are looked at before the grid is done".to_owned(),
    };
    match from {
        Some(sender) => format!("{done}, as asked by {sender}"),
        None => done,
    }
}

fn runs_of(n: usize) -> String {
    format!("{n} run{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Target;

    #[test]
    fn an_answer_says_what_was_done_to_how_many_and_for_whom() {
        let ann = Sender { user: "ann".into(), host: "box".into(), pid: 7 };
        let said = |command, changed| answer(&command, changed, Some(&ann));
        assert_eq!(said(Command::Pause(Target::Grid), 3), "paused 3 runs, as asked by ann@box (process 7)");
        let none = Command::Prune([].into());
        assert_eq!(said(none, 0), "pruned 0 runs, as asked by ann@box (process 7)");
        assert_eq!(answer(&Command::Retry(Target::Grid), 1, None), "queued 1 run again");
        let command = Command::Priority { runs: [].into(), priority: -2 };
        assert_eq!(answer(&command, 2, None), "gave 2 runs priority -2");
    }
}
