//! Where a dashboard cannot be shown.

/// What is missing for a dashboard, as a sentence without its end: `None` where standard input and output are a terminal
/// whose `TERM` names one that can place letters.
pub fn missing_terminal(is_terminal: bool, term: Option<&str>) -> Option<&'static str> {
    match term {
        _ if !is_terminal => Some("a dashboard needs a terminal"),
        None | Some("") => Some("a dashboard needs a terminal that places letters, and `TERM` names none"),
        // What editors and log viewers call theirs, which show a cursor's moves as letters.
        Some("dumb") => Some("a dashboard needs a terminal that places letters, and `TERM` says `dumb`"),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_places_no_letters_is_none() {
        for term in [None, Some(""), Some("dumb"), Some("xterm-256color")] {
            assert_eq!(missing_terminal(false, term), Some("a dashboard needs a terminal"));
        }
        for (term, says) in [(None, "names none"), (Some(""), "names none"), (Some("dumb"), "says `dumb`")] {
            assert!(missing_terminal(true, term).is_some_and(|sentence| sentence.ends_with(says)), "{term:?}");
        }
        for term in ["xterm", "linux", "dumber"] {
            assert_eq!(missing_terminal(true, Some(term)), None);
        }
    }
}
