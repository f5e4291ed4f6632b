//! Did you mean: the valid name closest to a mistyped one.

/// Edits (Damerau–Levenshtein: a swap of neighbours is one) beyond which a name is no typing slip of another.
const MAX_EDITS: usize = 2;

/// The end of an "unknown name" sentence: the nearest choice if one is close, and all choices.
pub(crate) fn suggestion(name: &str, choices: &[&str]) -> String {
    let all = format!("expected one of {}", choices.join(", "));
    match nearest(name, choices) {
        Some(near) => format!("did you mean `{near}`? ({all})"),
        None => all,
    }
}

fn nearest<'a>(name: &str, choices: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    choices
        .iter()
        .map(|choice| (strsim::damerau_levenshtein(&name, choice), *choice))
        // More edits than half the name would turn any three letters into `auc`.
        .filter(|(edits, choice)| *edits <= MAX_EDITS && 2 * edits <= choice.len())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, choice)| choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["auc", "logloss", "mse", "accuracy"];

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_none() {
        assert_eq!(nearest("acu", &NAMES), Some("auc"));
        assert_eq!(nearest("log_loss", &NAMES), Some("logloss"));
        assert_eq!(nearest("MSE", &NAMES), Some("mse"));
        assert_eq!(nearest("f1", &NAMES), None);
        assert_eq!(nearest("", &NAMES), None);
    }

    #[test]
    fn the_sentence_lists_all_choices() {
        assert_eq!(suggestion("acu", &NAMES), "did you mean `auc`? (expected one of auc, logloss, mse, accuracy)");
        assert_eq!(suggestion("f1", &NAMES), "expected one of auc, logloss, mse, accuracy");
    }
}
