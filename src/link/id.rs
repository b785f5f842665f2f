//! Stanza ids: unique across replicas and restarts, and carrying the id of the request they serve.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Characters of a request id that go into a stanza id; what is longer is cut.
const LONGEST_REQUEST: usize = 64;
/// Length of the random part that tells instances apart: 30 bits.
const INSTANCE: usize = 6;
/// What it consists of.
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A new id: this process's random prefix, the request's id, a counter. Only `[A-Za-z0-9._-]` of `request` is kept.
pub fn new_id(request: &str) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut id = String::with_capacity(INSTANCE + request.len().min(LONGEST_REQUEST) + 12);
    id.push_str(instance());
    id.push('.');
    match request.len() <= LONGEST_REQUEST && request.bytes().all(is_kept) {
        true => id.push_str(request),
        false => id.extend(request.bytes().filter(|byte| is_kept(*byte)).map(char::from).take(LONGEST_REQUEST)),
    }
    id.push('.');
    id.push_str(itoa::Buffer::new().format(COUNTER.fetch_add(1, Ordering::Relaxed)));
    id
}

/// True when an id begins as those of this process do, all of which differ.
pub fn is_own(id: &str) -> bool {
    id.strip_prefix(instance()).is_some_and(|rest| rest.starts_with('.'))
}

/// True for an id as [`new_id`] makes them, of another process.
pub fn is_of_another(id: &str) -> bool {
    let Some((prefix, rest)) = id.split_once('.') else { return false };
    !is_own(id)
        && prefix.len() == INSTANCE
        && prefix.bytes().all(|byte| LETTERS.contains(&byte))
        && rest
            .rsplit_once('.')
            .is_some_and(|(_, count)| !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit()))
}

fn is_kept(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

/// The random prefix of this process's ids.
pub fn instance() -> &'static str {
    static PREFIX: OnceLock<String> = OnceLock::new();
    PREFIX.get_or_init(|| (0..INSTANCE).map(|_| char::from(LETTERS[rand::random_range(0..LETTERS.len())])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_the_request_and_never_repeats() {
        let (one, two) = (new_id("r-1.A_b"), new_id("r-1.A_b"));
        assert!(one.starts_with(&format!("{}.r-1.A_b.", instance())), "{one}");
        assert_ne!(one, two);
        assert!(is_own(&one) && !is_own("r-1") && !is_own(instance()));
    }

    #[test]
    fn another_process_is_told_by_its_prefix() {
        assert!(!is_of_another(&new_id("r")));
        let other: String = instance().chars().map(|letter| if letter == 'a' { 'b' } else { 'a' }).collect();
        assert!(is_of_another(&format!("{other}.barrier.7")));
        for id in ["", "x", "abcdef", "abcdef.x", "abcdef.x.", "abcdef.x.y", "abcde.x.1", "ABCDEF.x.1", "abcdefg.x.1"] {
            assert!(!is_of_another(id), "{id}");
        }
    }

    #[test]
    fn keeps_out_what_could_be_read_as_something_else() {
        let id = new_id("a b'/><x\u{0}\u{e9}\n");
        assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '.'), "{id}");
        assert!(new_id(&"x".repeat(10_000)).len() < 100);
    }
}
