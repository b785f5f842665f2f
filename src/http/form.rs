//! Names and values as forms and queries write them (application/x-www-form-urlencoded).

use axum::http::{HeaderMap, header};
use percent_encoding::percent_decode;

/// What a name or a value says: `+` is a blank, `%XX` a byte. What only looks like an escape is what it is.
pub fn decoded(text: &[u8]) -> Vec<u8> {
    let blanks: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    percent_decode(&blanks).collect()
}

/// As [`decoded`], for callers who must encode properly; `None` for what only looks like an escape, or is not UTF-8.
pub fn decoded_strictly(text: &str) -> Option<String> {
    let mut escapes = text.split('%').skip(1);
    let proper = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    escapes.all(proper).then(|| String::from_utf8(decoded(text.as_bytes())).ok()).flatten()
}

/// The pairs of a query or of a form, names and values as they are written; what has no `=` has no value. What is empty
/// between two `&` is no pair.
pub fn pairs(text: &[u8]) -> impl DoubleEndedIterator<Item = (&[u8], Option<&[u8]>)> {
    text.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| match pair.iter().position(|b| *b == b'=') {
        Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..)),
        None => (pair, None),
    })
}

/// The media type of a body, in small letters, without its parameters; empty where none is said.
pub fn media_type(headers: &HeaderMap) -> String {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{decoded, decoded_strictly, pairs};

    #[test]
    fn pairs_are_what_stands_between_ampersands() {
        let read = |text: &'static str| pairs(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(
            read("a=1&&b&=c&d=e=f&g="),
            [(&b"a"[..], Some(&b"1"[..])), (b"b", None), (b"", Some(b"c")), (b"d", Some(b"e=f")), (b"g", Some(b"")),]
        );
        assert!(read("").is_empty());
    }

    #[test]
    fn what_must_be_encoded_properly_is() {
        assert_eq!(decoded_strictly("a+b%2Bc%E5%BC%A0").as_deref(), Some("a b+c张"));
        for wrong in ["%", "%2", "a%zz", "%ff", "%%41"] {
            assert_eq!(decoded_strictly(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn blanks_and_escapes_are_undone_once() {
        for (text, said) in [("a+b%2Bc", &b"a b+c"[..]), ("%ff%2525", b"\xff%25"), ("%zz%", b"%zz%"), ("", b"")] {
            assert_eq!(decoded(text.as_bytes()), said, "{text}");
        }
    }
}
