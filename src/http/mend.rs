//! Texts that were cut inside a character: what is left of it becomes U+FFFD, and the rest arrives.
//!
//! A caller that cuts a text at so many UTF-16 units, or bytes, may cut an emoji in two. Looked at only where reading has
//! failed, so that whole texts cost nothing. What is not UTF-8 at all (another encoding) is not mended: it would arrive as
//! rubbish.

use memchr::memchr_iter;

/// `\uXXXX`.
const UNIT: usize = 6;

/// JSON in which each half of a surrogate pair that stands alone, and each sequence of UTF-8 that is cut, is U+FFFD; `None`
/// where there is nothing to mend, or nothing that can be.
pub fn json(body: &[u8]) -> Option<Vec<u8>> {
    let utf8 = match std::str::from_utf8(body) {
        Ok(_) => None,
        Err(_) => Some(text(body)?.into_bytes()),
    };
    let halves = lone_halves(utf8.as_deref().unwrap_or(body));
    if halves.is_empty() {
        return utf8;
    }
    let mut mended = utf8.unwrap_or_else(|| body.to_vec());
    for at in halves {
        if let Some(unit) = mended.get_mut(at..at + UNIT) {
            unit.copy_from_slice(b"\\ufffd");
        }
    }
    Some(mended)
}

/// A text in which each sequence of UTF-8 that is cut, and each half of a surrogate pair, is U+FFFD. `None` where
/// something else is no UTF-8.
pub fn text(bytes: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let error = match std::str::from_utf8(rest) {
            Ok(good) => {
                out.push_str(good);
                return Some(out);
            }
            Err(error) => error,
        };
        let (good, bad) = rest.split_at(error.valid_up_to());
        out.push_str(std::str::from_utf8(good).unwrap_or_default());
        out.push(char::REPLACEMENT_CHARACTER);
        rest = bad.get(cut(bad, error.error_len())?..)?;
    }
}

/// Length of the cut character with which `bad` begins; `None` where it is something else. Behind a cut one the text ends,
/// or goes on with its own syntax, which is ASCII: in other encodings the next byte mostly is not.
fn cut(bad: &[u8], length: Option<usize>) -> Option<usize> {
    if let [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] = bad {
        return Some(3);
    }
    let length = length.unwrap_or(bad.len());
    let begins = matches!(bad.first(), Some(0xc2..=0xf4));
    (begins && bad.get(length).is_none_or(u8::is_ascii)).then_some(length)
}

/// Where the escapes stand that are half a pair.
fn lone_halves(body: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut next = 0;
    for at in memchr_iter(b'\\', body) {
        if at < next {
            continue;
        }
        next = match unit(body, at) {
            None => at + 2,
            Some(0xd800..0xdc00) if matches!(unit(body, at + UNIT), Some(0xdc00..0xe000)) => at + 2 * UNIT,
            Some(0xd800..0xe000) => {
                found.push(at);
                at + UNIT
            }
            Some(_) => at + UNIT,
        };
    }
    found
}

/// The UTF-16 unit that is escaped at this place.
fn unit(body: &[u8], at: usize) -> Option<u16> {
    let digits = body.get(at..at + UNIT)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |code, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(code << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_is_a_replacement_character() {
        for (given, mended) in [
            (r#"{"a":"x\ud83d"}"#, Some(r#"{"a":"x\ufffd"}"#)),
            (r#"["\uDE00y","\ud83d\ud83d\ude00"]"#, Some(r#"["\ufffdy","\ufffd\ud83d\ude00"]"#)),
            (r#"{"\uD83D\n":"\ud83d\\ude00"}"#, Some(r#"{"\ufffd\n":"\ufffd\\ude00"}"#)),
            (r#"["\ud83d\ude00","\\ud83d","\\\\ud83d","\u00e9","\ud8"]"#, None),
            ("{}", None),
        ] {
            assert_eq!(json(given.as_bytes()).map(|mended| String::from_utf8(mended).unwrap()).as_deref(), mended);
        }
        assert_eq!(json(b"[\"\xf0\x9f\x98\",\"\\ud83d\"]").unwrap(), "[\"\u{fffd}\",\"\\ufffd\"]".as_bytes());
    }

    #[test]
    fn a_cut_character_is_mended_and_another_encoding_is_not() {
        for (given, mended) in [
            (&b"x\xf0\x9f\x98"[..], Some("x\u{fffd}")),
            (b"x\xe5\xbc", Some("x\u{fffd}")),
            (b"a\xc3, b\xf0", Some("a\u{fffd}, b\u{fffd}")),
            (b"\xed\xa0\xbd\xed\xb8\x80", Some("\u{fffd}\u{fffd}")),
            (b"\xff", None),
            (b"\x80", None),
            // GBK
            (b"\xd6\xd0\xce\xc4", None),
        ] {
            assert_eq!(text(given).as_deref(), mended, "{given:?}");
        }
    }
}
