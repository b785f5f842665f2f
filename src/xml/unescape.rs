//! References in text as the characters they stand for, whatever is in it: what cannot be expressed is replaced.

use std::borrow::Cow;

use super::token::is_literal;

/// Bytes of a reference, at most.
const REFERENCE: usize = 16;

/// What text on the wire says. A reference to nothing known is text as it stands; sets `flawed` when that is not what was
/// meant.
pub(super) fn unescape<'a>(bytes: &'a [u8], flawed: &mut bool) -> Cow<'a, str> {
    let text = with_valid_characters(bytes, flawed);
    let mut pieces = text.split('&');
    let first = pieces.next().unwrap_or_default();
    if first.len() == text.len() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    out.push_str(first);
    for piece in pieces {
        let end = piece.bytes().take(REFERENCE).position(|byte| byte == b';');
        let reference = end.and_then(|end| Some((piece.get(..end)?, piece.get(end + 1..)?)));
        match reference.and_then(|(name, rest)| Some((character(name)?, rest))) {
            Some((found, rest)) => {
                *flawed |= !is_allowed(found);
                out.push(if is_allowed(found) { found } else { char::REPLACEMENT_CHARACTER });
                out.push_str(rest);
            }
            None => {
                *flawed = true;
                out.push('&');
                out.push_str(piece);
            }
        }
    }
    Cow::Owned(out)
}

/// The characters of bytes in which nothing is a reference.
pub(super) fn with_valid_characters<'a>(bytes: &'a [u8], flawed: &mut bool) -> Cow<'a, str> {
    let text = String::from_utf8_lossy(bytes);
    *flawed |= matches!(text, Cow::Owned(_));
    if is_literal(bytes) || text.chars().all(is_allowed) {
        return text;
    }
    *flawed = true;
    Cow::Owned(text.chars().map(|c| if is_allowed(c) { c } else { char::REPLACEMENT_CHARACTER }).collect())
}

/// What a reference without its `&` and `;` stands for.
fn character(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "apos" => '\'',
        "quot" => '"',
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
            let number = digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(digits)?;
            // Surrogates and what is beyond Unicode are references, but to no character.
            u32::from_str_radix(number, radix).ok().map(|number| char::from_u32(number).unwrap_or('\0'))?
        }
    })
}

/// What XML 1.0 allows (section 2.2).
fn is_allowed(character: char) -> bool {
    character >= ' ' && !matches!(character, '\u{fffe}' | '\u{ffff}') || matches!(character, '\t' | '\n' | '\r')
}
