//! The query string: what its parameters say, and as what a caller may have signed it.
//!
//! The original takes the query apart as PHP does, leaves out the token, and puts it together again; that form is what
//! its token signs. Callers sign what they send. The two differ wherever something is encoded, so that either counts.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::http::form::decoded;

/// The parameter that holds the signature, and is not signed.
const TOKEN: &str = "token";

/// Parameters that are looked at, as many as PHP looks at.
const MOST: usize = 1000;

/// What PHP's `urlencode` leaves as it is, beside letters and digits, and the blank, which it writes as `+`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b' ');

/// A query string, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What it was without its token.
    raw: String,
    /// Names and values, each name once, at its first place with its last value.
    pairs: Vec<(String, Vec<u8>)>,
}

impl Query {
    /// Reads a query as it stands in the URL.
    pub fn read(text: &str) -> Query {
        let mut signed = Vec::new();
        let mut pairs: Vec<(String, Vec<u8>)> = Vec::new();
        for segment in text.split('&') {
            let (name, value) = segment.split_once('=').unwrap_or((segment, ""));
            let name = php_name(&decoded(name.as_bytes()));
            if name != TOKEN {
                signed.push(segment);
            }
            if name.is_empty() {
                continue;
            }
            let full = pairs.len() >= MOST;
            match pairs.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = decoded(value.as_bytes()),
                None if full => {}
                None => pairs.push((name, decoded(value.as_bytes()))),
            }
        }
        Query { raw: signed.join("&"), pairs }
    }

    /// The value of a parameter; `None` too for one that is empty or no UTF-8.
    pub fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.pairs.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(value).ok().filter(|value| !value.is_empty())
    }

    /// The first parameter that `known` does not name: what a method's own argument is to the original, whatever it is
    /// called. `None` where it is empty.
    pub fn first_but(&self, known: &[&str]) -> Option<&str> {
        let (name, _) = self.pairs.iter().find(|(name, _)| !known.contains(&name.as_str()))?;
        self.value(name)
    }

    /// The forms in which a caller may have signed it.
    pub fn signed(&self) -> [String; 2] {
        let encode = |bytes: &[u8]| percent_encode(bytes, ENCODED).to_string().replace(' ', "+");
        let pairs = self.pairs.iter().filter(|(name, _)| name != TOKEN);
        let pairs: Vec<_> =
            pairs.map(|(name, value)| format!("{}={}", encode(name.as_bytes()), encode(value))).collect();
        [self.raw.clone(), pairs.join("&")]
    }
}

/// PHP's name for a parameter: blanks before it are dropped; those in it, and dots, become underscores.
fn php_name(name: &[u8]) -> String {
    String::from_utf8_lossy(name).trim_start_matches(' ').replace(['.', ' '], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(text: &str) -> (String, String) {
        let [raw, normal] = Query::read(text).signed();
        (raw, normal)
    }

    #[test]
    fn the_token_is_left_out_wherever_it_stands() {
        for text in ["a=1&b=2&token=x", "token=x&a=1&b=2", "a=1&token=x&b=2", "a=1&%74oken=x&b=2&token=y"] {
            assert_eq!(forms(text), ("a=1&b=2".into(), "a=1&b=2".into()), "{text}");
        }
        assert_eq!(Query::read("token=a&token=b").value("token"), Some("b"));
        assert_eq!(forms("Token=x&tokens=y").0, "Token=x&tokens=y");
    }

    #[test]
    fn what_is_signed_is_what_was_sent_or_what_php_makes_of_it() {
        for (raw, normal) in [
            ("b=2&a=1", "b=2&a=1"),
            ("a=1&b=2&a=3", "a=3&b=2"),
            ("a=x%20y+z", "a=x+y+z"),
            ("a=%e5%bc%a0", "a=%E5%BC%A0"),
            ("a=张", "a=%E5%BC%A0"),
            ("a=~-_.", "a=%7E-_."),
            ("a=/:@!*'(),", "a=%2F%3A%40%21%2A%27%28%29%2C"),
            ("a.b=1&c%20d=2", "a_b=1&c_d=2"),
            ("a&b=", "a=&b="),
            ("a=1&&=2&b=x=y", "a=1&b=x%3Dy"),
            ("a=%ff%zz%", "a=%FF%25zz%25"),
            ("", ""),
        ] {
            assert_eq!(forms(raw), (raw.into(), normal.into()));
        }
    }

    #[test]
    fn a_method_takes_its_argument_by_place() {
        let query = Query::read("m=chat&f=x&group=g1&gid=g2&code=c");
        assert_eq!(query.first_but(&["m", "f", "code", "token"]), Some("g1"));
        assert_eq!(Query::read("m=chat&gid=&x=1").first_but(&["m"]), None);
        assert_eq!(Query::read("m=chat").first_but(&["m"]), None);
        assert_eq!(Query::read("gid=%ff").value("gid"), None);
    }
}
