//! Who sends a command to a grid, so that everybody who looks on learns it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::store::machine::Holder;

/// A process of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// The person's name on that machine.
    pub user: String,
    /// The machine's name.
    pub host: String,
    /// Process number.
    pub pid: u32,
}

impl Sender {
    /// This process.
    pub fn current() -> Self {
        let Holder { host, pid, .. } = Holder::current();
        let named = ["USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
        let user = named.into_iter().find(|name| !name.is_empty()).unwrap_or_else(number);
        Self { user, host, pid }
    }
}

/// A person whom the surroundings do not name.
fn number() -> String {
    // SAFETY: getuid(2) takes nothing, touches no memory and always succeeds.
    format!("user {}", unsafe { libc::getuid() })
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} (process {})", self.user, self.host, self.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_has_a_name_whatever_the_surroundings_say() {
        let here = Sender::current();
        assert!(!here.user.is_empty() && !here.host.is_empty());
        assert_eq!(here.pid, std::process::id());
        assert!(number().starts_with("user "));
        let ann = Sender { user: "ann".into(), host: "box".into(), pid: 7 };
        assert_eq!(ann.to_string(), "ann@box (process 7)");
    }
}
