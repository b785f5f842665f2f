//! Names of what is made to try a server: whoever finds one knows whose it was, and since when nobody needs it.

use crate::clock::since_1970;

/// How they all begin.
const PREFIX: &str = "stanzagate-check-";
/// No trial takes so long, in seconds.
const LONGEST: u64 = 600;

/// A name that nothing else has.
pub(in crate::chat) fn name() -> String {
    format!("{PREFIX}{:08x}-{:08x}", since_1970().as_secs(), rand::random::<u32>())
}

/// Whether this is the name of what a trial made.
pub(in crate::chat) fn is_of_trial(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Whether this is the name of what a trial made and left behind, because it was killed.
pub(in crate::chat) fn is_left_behind(name: &str) -> bool {
    let begun = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    let begun = begun.and_then(|(begun, _)| u64::from_str_radix(begun, 16).ok());
    begun.is_some_and(|begun| since_1970().as_secs().saturating_sub(begun) > LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_behind_is_told_from_what_is_in_use() {
        assert!(is_of_trial(&name()) && !is_left_behind(&name()));
        assert!(is_left_behind("stanzagate-check-692d0000-00000000"));
        for other in
            ["stanzagate-check-692d0000", "stanzagate-check-x-1", "alice", "692d0000-1", "x-stanzagate-check-1-1"]
        {
            assert!(!is_left_behind(other), "{other}");
        }
    }
}
