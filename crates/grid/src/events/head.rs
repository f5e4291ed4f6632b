//! The beginning of a line of `events.jsonl`, read without the rest: as much as tells whether a later line makes it
//! unnecessary. Serde writes the fields of a struct in their order, so that every line begins alike.

use crate::events::VERSION;

/// Where a line belongs, and what it is about. Only a promise: the line may be damaged further on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) attempt: u32,
    pub(super) seq: u64,
    pub(super) at: u64,
    pub(super) about: About,
}

/// What a line is about, as far as the fold of runs lets later lines of a fit replace earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Progress {
        fit: usize,
    },
    Evaluated {
        fit: usize,
        best: bool,
    },
    Checkpointed {
        fit: usize,
    },
    Insight {
        fit: usize,
    },
    /// Told to people; changes nothing that other lines do.
    Log,
}

impl About {
    /// The fit, if it is about one.
    pub(super) fn fit(self) -> Option<usize> {
        match self {
            Self::Progress { fit }
            | Self::Evaluated { fit, .. }
            | Self::Checkpointed { fit }
            | Self::Insight { fit } => Some(fit),
            Self::Log => None,
        }
    }
}

/// The head of a line; `None` for any other event, and for a line that does not look as expected.
pub(super) fn head(line: &[u8]) -> Option<Head> {
    // Cut off before its end, whatever was appended behind it.
    if !line.ends_with(b"}}}") {
        return None;
    }
    let mut text = Text(line);
    text.skip(b"{\"v\":")?;
    if text.number()? > u64::from(VERSION.0) {
        return None;
    }
    text.skip(b",\"attempt\":")?;
    let attempt = u32::try_from(text.number()?).ok()?;
    text.skip(b",\"seq\":")?;
    let seq = text.number()?;
    text.skip(b",\"at\":")?;
    let at = text.number()?;
    text.skip(b",\"event\":{\"")?;
    let about = text.about()?;
    Some(Head { attempt, seq, at, about })
}

/// What is still to be read of a line.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn skip(&mut self, expected: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// A whole number.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        let mut digits = 0;
        while let Some(digit) = self.0.get(digits).filter(|byte| byte.is_ascii_digit()) {
            number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            digits += 1;
        }
        self.0 = &self.0[digits..];
        (digits > 0).then_some(number)
    }

    fn fit(&mut self) -> Option<usize> {
        self.skip(b"{\"fit\":")?;
        usize::try_from(self.number()?).ok()
    }

    fn about(&mut self) -> Option<About> {
        let name = self.0.iter().position(|byte| *byte == b'"')?;
        let (name, rest) = self.0.split_at(name);
        self.0 = rest;
        self.skip(b"\":")?;
        match name {
            b"progress" => Some(About::Progress { fit: self.fit()? }),
            b"evaluated" => Some(About::Evaluated { fit: self.fit()?, best: self.best()? }),
            b"checkpointed" => Some(About::Checkpointed { fit: self.fit()? }),
            b"insight" => Some(About::Insight { fit: self.fit()? }),
            b"log" => Some(About::Log),
            _ => None,
        }
    }

    /// Whether an evaluation is the best so far: three fields on, of which none holds the name of another.
    fn best(&mut self) -> Option<bool> {
        const NEAR: usize = 160;
        const NAME: &[u8] = b",\"best\":";
        let near = &self.0[..self.0.len().min(NEAR)];
        let place = memchr::memmem::find(near, NAME)?;
        self.0 = &self.0[place + NAME.len()..];
        match self.0 {
            [b't', b'r', b'u', b'e', b',', ..] => Some(true),
            [b'f', b'a', b'l', b's', b'e', b',', ..] => Some(false),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::tests::{evaluated, progress};
    use crate::events::{Level, RunEvent, Stamped};

    fn written(event: RunEvent) -> Vec<u8> {
        let line = Stamped { v: VERSION, attempt: 2, seq: 34, at: 1_763_766_946_123, event };
        serde_json::to_vec(&line).unwrap()
    }

    #[test]
    fn what_is_written_is_recognised() {
        for (event, about) in [
            (progress(3, 10), About::Progress { fit: 3 }),
            (evaluated(1, 20, 0.5, true), About::Evaluated { fit: 1, best: true }),
            (evaluated(0, 20, 0.5, false), About::Evaluated { fit: 0, best: false }),
            (RunEvent::Checkpointed { fit: 12, step: 7 }, About::Checkpointed { fit: 12 }),
            (RunEvent::Log { level: Level::Info, text: "{}".into() }, About::Log),
        ] {
            let expected = Head { attempt: 2, seq: 34, at: 1_763_766_946_123, about };
            assert_eq!(head(&written(event)), Some(expected));
        }
    }

    #[test]
    fn everything_else_is_left_to_the_parser() {
        let line = written(progress(0, 1));
        for cut in 0..line.len() {
            assert_eq!(head(&line[..cut]), None, "{cut}");
        }
        for event in [
            RunEvent::Stage { name: "x".into() },
            RunEvent::Fitted { fit: 0, best_step: 3 },
            RunEvent::Finished,
            RunEvent::Failed { reason: "progress".into() },
        ] {
            assert_eq!(head(&written(event)), None);
        }
        let text = String::from_utf8(line).unwrap();
        for (from, to) in [
            ("\"v\":3", "\"v\":4"),
            ("\"attempt\":2", "\"attempt\":4294967296"),
            ("\"seq\":34", "\"seq\":99999999999999999999"),
            ("\"at\":", "\"at\":-"),
            ("progress", "progres"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert_eq!(head(changed.as_bytes()), None, "{changed}");
        }
    }
}
