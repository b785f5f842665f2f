//! A bounded cache of users' tokens, each kept for its life; every operation takes constant time.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use jid::BareJid;
use secrecy::SecretString;

/// Tokens by user. All tokens have about the same life, so the oldest is also the first to expire.
pub(super) struct Tokens {
    capacity: usize,
    tokens: HashMap<BareJid, (SecretString, Instant)>,
    /// One entry per token put in; an entry whose time is not the token's belongs to one since replaced.
    order: VecDeque<(BareJid, Instant)>,
}

impl Tokens {
    /// A cache of at most `capacity` tokens.
    pub fn new(capacity: usize) -> Tokens {
        Tokens { capacity: capacity.max(1), tokens: HashMap::new(), order: VecDeque::new() }
    }

    /// The user's token, if it is still good at `now`.
    pub fn get(&self, user: &BareJid, now: Instant) -> Option<SecretString> {
        self.tokens.get(user).filter(|(_, until)| now < *until).map(|(token, _)| token.clone())
    }

    /// Keeps a token until `until`; the oldest goes when the cache is full.
    pub fn put(&mut self, user: BareJid, token: SecretString, until: Instant) {
        self.order.push_back((user.clone(), until));
        self.tokens.insert(user, (token, until));
        while self.order.len() > self.capacity {
            let Some((oldest, until)) = self.order.pop_front() else { break };
            if self.tokens.get(&oldest).is_some_and(|(_, kept)| *kept == until) {
                self.tokens.remove(&oldest);
            }
        }
    }

    /// Drops the user's token.
    pub fn remove(&mut self, user: &BareJid) {
        self.tokens.remove(user);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn user(name: usize) -> BareJid {
        BareJid::new(&format!("u{name}@example.org")).unwrap()
    }

    #[test]
    fn keeps_a_token_for_its_life_and_never_more_than_its_bound() {
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let mut tokens = Tokens::new(3);
        for n in 0..10 {
            tokens.put(user(n % 5), format!("t{n}").into(), later + Duration::from_secs(n as u64));
            assert!(tokens.tokens.len() <= 3 && tokens.order.len() <= 3);
        }
        assert_eq!(tokens.get(&user(4), now).unwrap().expose_secret(), "t9");
        assert!(tokens.get(&user(0), now).is_none(), "the oldest had to go");
        assert!(tokens.get(&user(4), later + Duration::from_secs(9)).is_none(), "its life is over");
        tokens.remove(&user(4));
        assert!(tokens.get(&user(4), now).is_none());
    }
}
