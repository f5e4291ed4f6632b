//! From text to a condition.

use std::iter::Peekable;
use std::str::{CharIndices, FromStr};

use crate::expression::{Compare, Expression, Test};

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A bare word: a keyword or a column.
    Word(String),
    /// A name between backquotes.
    Column(String),
    /// Text between quotes.
    Text(String),
    Number(f64),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// Two-character signs stand before those they begin with.
const SIGNS: [&str; 12] = ["<=", ">=", "==", "!=", "<", ">", "=", "(", ")", "[", "]", ","];
const DEEPEST: usize = 64;

impl FromStr for Expression {
    type Err = String;

    /// Parses a condition.
    ///
    /// # Errors
    /// What was found, what was expected there, and the text.
    fn from_str(text: &str) -> Result<Self, String> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: tokens.into_iter().peekable(), depth: 0 };
        let told = |wrong: String| format!("the condition `{text}` has {wrong}");
        let condition = parser.condition().map_err(told)?;
        match parser.tokens.next() {
            None => Ok(condition),
            Some(token) => Err(told(format!("{}, expected `and`, `or` or its end", name(Some(&token))))),
        }
    }
}

fn name(token: Option<&Token>) -> String {
    match token {
        None => "nothing at its end".to_owned(),
        Some(Token::Word(word)) => format!("`{word}`"),
        Some(Token::Column(column)) => format!("the column `{column}`"),
        Some(Token::Text(text)) => format!("the text '{text}'"),
        Some(Token::Number(number)) => format!("the number {number}"),
        Some(Token::Sign(sign)) => format!("`{sign}`"),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let (mut tokens, mut rest) = (vec![], text.char_indices().peekable());
    while let Some(&(at, c)) = rest.peek() {
        let sign = SIGNS.into_iter().find(|sign| text[at..].starts_with(sign));
        if c.is_whitespace() {
            rest.next();
        } else if let Some(sign) = sign {
            rest.nth(sign.len() - 1);
            tokens.push(Token::Sign(if sign == "=" { "==" } else { sign }));
        } else if matches!(c, '\'' | '"' | '`') {
            rest.next();
            let quoted = quoted(text, c, &mut rest)?;
            tokens.push(if c == '`' { Token::Column(quoted) } else { Token::Text(quoted) });
        } else if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') {
            let number = run(text, &mut rest, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
            let parsed = number.parse().ok().filter(|value: &f64| value.is_finite());
            let parsed = parsed.ok_or_else(|| format!("the condition `{text}` has `{number}`, expected a number"))?;
            tokens.push(Token::Number(parsed));
        } else if c.is_alphanumeric() || c == '_' {
            tokens
                .push(Token::Word(run(text, &mut rest, |c| c.is_alphanumeric() || matches!(c, '_' | '.')).to_owned()));
        } else {
            return Err(format!(
                "the condition `{text}` has `{c}`, expected a column, a number, text in quotes or a comparison"
            ));
        }
    }
    Ok(tokens)
}

fn quoted(text: &str, quote: char, rest: &mut Peekable<CharIndices>) -> Result<String, String> {
    let mut inner = String::new();
    for (_, c) in rest {
        if c == quote {
            return Ok(inner);
        }
        inner.push(c);
    }
    Err(format!("the condition `{text}` has an opening {quote}, expected another that closes it"))
}

fn run<'t>(text: &'t str, rest: &mut Peekable<CharIndices>, belongs: impl Fn(char) -> bool) -> &'t str {
    let first = rest.peek().map_or(text.len(), |(at, _)| *at);
    while rest.next_if(|(_, c)| belongs(*c)).is_some() {}
    &text[first..rest.peek().map_or(text.len(), |(at, _)| *at)]
}

struct Parser {
    tokens: Peekable<std::vec::IntoIter<Token>>,
    depth: usize,
}

impl Parser {
    fn condition(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("more than {DEEPEST} brackets inside each other, expected fewer"));
        }
        let first = self.all()?;
        let mut parts = vec![first];
        while self.word("or") {
            parts.push(self.all()?);
        }
        self.depth -= 1;
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Or(parts) })
    }

    fn all(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.one()?];
        while self.word("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::And(parts) })
    }

    fn one(&mut self) -> Result<Expression, String> {
        let mut negated = false;
        while self.word("not") {
            negated = !negated;
        }
        let inner = if self.sign("(") {
            let inner = self.condition()?;
            self.expect(")")?;
            inner
        } else {
            self.test()?
        };
        Ok(if negated { Expression::Not(Box::new(inner)) } else { inner })
    }

    fn test(&mut self) -> Result<Expression, String> {
        let column = match self.tokens.next() {
            Some(Token::Word(word)) if word == "words" && self.sign("(") => {
                let column = self.column()?;
                self.expect(")")?;
                let compare = self.compare()?;
                return Ok(Expression::Test { column, test: Test::Words(compare, self.number()?) });
            }
            Some(Token::Word(column) | Token::Column(column)) => column,
            other => return Err(format!("{}, expected a column", name(other.as_ref()))),
        };
        if self.word("is") {
            let negated = self.word("not");
            if !self.word("missing") {
                return Err(format!("{}, expected `missing`", name(self.tokens.peek())));
            }
            return Ok(negate(Expression::Test { column, test: Test::Missing }, negated));
        }
        let negated = self.word("not");
        if self.word("in") {
            return Ok(negate(Expression::Test { column, test: self.list()? }, negated));
        }
        if negated {
            return Err(format!("{}, expected `in`", name(self.tokens.peek())));
        }
        let compare = self.compare()?;
        match self.tokens.next() {
            Some(Token::Number(number)) => Ok(Expression::Test { column, test: Test::Number(compare, number) }),
            Some(Token::Text(text)) if matches!(compare, Compare::Equal | Compare::NotEqual) => {
                let test = Expression::Test { column, test: Test::OneOf(vec![text.into()]) };
                Ok(negate(test, compare == Compare::NotEqual))
            }
            Some(Token::Text(text)) => Err(format!("an order with the text '{text}', expected a number or `==`")),
            other => Err(format!("{}, expected a number or text in quotes", name(other.as_ref()))),
        }
    }

    fn column(&mut self) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Word(column) | Token::Column(column)) => Ok(column),
            other => Err(format!("{}, expected a column", name(other.as_ref()))),
        }
    }

    fn number(&mut self) -> Result<f64, String> {
        match self.tokens.next() {
            Some(Token::Number(number)) => Ok(number),
            other => Err(format!("{}, expected a number", name(other.as_ref()))),
        }
    }

    fn list(&mut self) -> Result<Test, String> {
        self.expect("[")?;
        let (mut numbers, mut texts) = (vec![], vec![]);
        loop {
            match self.tokens.next() {
                Some(Token::Number(number)) => numbers.push(number),
                Some(Token::Text(text)) => texts.push(text.into()),
                other => return Err(format!("{}, expected a number or text in quotes", name(other.as_ref()))),
            }
            if !self.sign(",") {
                break;
            }
        }
        self.expect("]")?;
        match (numbers.is_empty(), texts.is_empty()) {
            (false, true) => Ok(Test::OneOfNumbers(numbers)),
            (true, _) => Ok(Test::OneOf(texts)),
            (false, false) => Err("a list of numbers and texts, expected one kind".to_owned()),
        }
    }

    fn compare(&mut self) -> Result<Compare, String> {
        let compare = match self.tokens.peek() {
            Some(Token::Sign("<")) => Compare::Below,
            Some(Token::Sign("<=")) => Compare::AtMost,
            Some(Token::Sign(">")) => Compare::Above,
            Some(Token::Sign(">=")) => Compare::AtLeast,
            Some(Token::Sign("==")) => Compare::Equal,
            Some(Token::Sign("!=")) => Compare::NotEqual,
            other => return Err(format!("{}, expected a comparison (<, <=, >, >=, ==, !=, in, is)", name(other))),
        };
        self.tokens.next();
        Ok(compare)
    }

    fn word(&mut self, word: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Word(found) if found == word)).is_some()
    }

    fn sign(&mut self, sign: &'static str) -> bool {
        self.tokens.next_if_eq(&Token::Sign(sign)).is_some()
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), String> {
        if self.sign(sign) { Ok(()) } else { Err(format!("{}, expected `{sign}`", name(self.tokens.peek()))) }
    }
}

fn negate(expression: Expression, negated: bool) -> Expression {
    if negated { Expression::Not(Box::new(expression)) } else { expression }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> String {
        text.parse::<Expression>().unwrap_err()
    }

    #[test]
    fn and_binds_tighter_than_or() {
        let number = |column: &str, value| Expression::test(column, Test::Number(Compare::Equal, value));
        let parsed: Expression = "a == 1 or b = 2 and not `c d` == -3.5e1".parse().unwrap();
        let right = Expression::And(vec![number("b", 2.0), Expression::Not(Box::new(number("c d", -35.0)))]);
        assert_eq!(parsed, Expression::Or(vec![number("a", 1.0), right]));
        let bracketed: Expression = "(a == 1 or b == 2) and c.d == 3".parse().unwrap();
        let left = Expression::Or(vec![number("a", 1.0), number("b", 2.0)]);
        assert_eq!(bracketed, Expression::And(vec![left, number("c.d", 3.0)]));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_was_expected() {
        assert_eq!(error("age <"), "the condition `age <` has nothing at its end, expected a number or text in quotes");
        assert_eq!(
            error("age < 'x'"),
            "the condition `age < 'x'` has an order with the text 'x', expected a number or `==`"
        );
        assert_eq!(
            error("age 7"),
            "the condition `age 7` has the number 7, expected a comparison (<, <=, >, >=, ==, !=, in, is)"
        );
        assert_eq!(error("(a < 7"), "the condition `(a < 7` has nothing at its end, expected `)`");
        assert_eq!(error("a < 7 b"), "the condition `a < 7 b` has `b`, expected `and`, `or` or its end");
        assert_eq!(error("a == 'x"), "the condition `a == 'x` has an opening ', expected another that closes it");
        assert_eq!(error("a is gone"), "the condition `a is gone` has `gone`, expected `missing`");
        assert_eq!(
            error("a in [1, 'x']"),
            "the condition `a in [1, 'x']` has a list of numbers and texts, expected one kind"
        );
        assert_eq!(error("a < 1e999"), "the condition `a < 1e999` has `1e999`, expected a number");
        assert!(error("a ; b").contains("has `;`, expected a column"));
        assert!(error("").contains("nothing at its end, expected a column"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-c <>=!()\\[\\],'\"`0-9.é-]{0,40}|\\(*a", any in ".{0,20}") {
            let _ = text.parse::<Expression>();
            let _ = any.parse::<Expression>();
        }
    }
}
