//! The words of a filter.

/// How a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `:`, contains; of numbers, equals or lies within.
    Fits,
    /// `=`, equals.
    Equals,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

/// One term as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Whether it begins with `-`.
    pub negated: bool,
    /// The column and how it is compared; a free word has none.
    pub column: Option<(String, Relation)>,
    /// What is wanted, one of these.
    pub wanted: Vec<String>,
}

/// The terms of a text. Every text has some: a quotation that is not closed, as while it is typed, ends with the text.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut rest = text.trim_start();
    let mut tokens = vec![];
    while !rest.is_empty() {
        let (token, after) = token(rest);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

fn token(text: &str) -> (Token, &str) {
    let (negated, text) = match text.strip_prefix('-') {
        Some(after) if !after.is_empty() && !after.starts_with(char::is_whitespace) => (true, after),
        Some(_) | None => (false, text),
    };
    let is_of_name = |c: char| !c.is_whitespace() && !matches!(c, ':' | '=' | '<' | '>' | '"');
    let name = &text[..text.find(|c| !is_of_name(c)).unwrap_or(text.len())];
    let after = &text[name.len()..];
    match relation(after) {
        Some((relation, mut rest)) if !name.is_empty() => {
            let mut wanted = vec![];
            loop {
                let (value, after) = value(rest, &[',']);
                wanted.push(value);
                match after.strip_prefix(',') {
                    Some(after) => rest = after,
                    None => return (Token { negated, column: Some((name.to_owned(), relation)), wanted }, after),
                }
            }
        }
        Some(_) | None => {
            let (word, after) = value(text, &[]);
            (Token { negated, column: None, wanted: vec![word] }, after)
        }
    }
}

fn relation(text: &str) -> Option<(Relation, &str)> {
    let signs = [
        (">=", Relation::AtLeast),
        ("<=", Relation::AtMost),
        (":", Relation::Fits),
        ("=", Relation::Equals),
        (">", Relation::Above),
        ("<", Relation::Below),
    ];
    signs.into_iter().find_map(|(sign, relation)| Some((relation, text.strip_prefix(sign)?)))
}

/// A value up to a space or one of `ends`, quoted parts whole: `\"` and `\\` within quotes are the characters.
fn value<'a>(text: &'a str, ends: &[char]) -> (String, &'a str) {
    let (mut value, mut quoted) = (String::new(), false);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => match chars.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, next)) => value.push(next),
                None => value.push(c),
            },
            c if !quoted && (c.is_whitespace() || ends.contains(&c)) => return (value, &text[at..]),
            c => value.push(c),
        }
    }
    (value, "")
}

/// A value quoted, so that it is read back as it is.
pub fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
