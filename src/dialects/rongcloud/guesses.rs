//! Codes of groups that were guessed: whoever guesses has to wait.

use std::time::Duration;

use jid::BareJid;

use crate::http::limiter::Attempts;

/// Wrong codes of one user for one group before they have to wait.
const OF_USER: u32 = 5;
/// Wrong codes for one group, whoever guesses.
const OF_GROUP: u32 = 50;
/// How long they count.
const WINDOW: Duration = Duration::from_secs(300);
/// Subjects whose guesses are remembered.
const REMEMBERED: usize = 100_000;

/// The latest wrong codes.
pub struct Guesses {
    /// Of each user for each group.
    pub users: Attempts<(BareJid, u64)>,
    /// For each group, whoever guesses.
    pub groups: Attempts<u64>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { users: Attempts::new(OF_USER, WINDOW, REMEMBERED), groups: Attempts::new(OF_GROUP, WINDOW, REMEMBERED) }
    }
}
