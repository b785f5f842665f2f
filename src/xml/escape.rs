//! Texts and names as XML 1.0 has them: escaped, or refused.

use rxml::NcNameStr;

use super::encode::EncodeError;

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// Between tags.
    Content,
    /// In an attribute, between apostrophes.
    Attribute,
}

/// Appends a text. Both brackets are escaped wherever they stand, so that each one on the wire is a tag's.
pub(super) fn escape(text: &str, context: Context, out: &mut String) -> Result<(), EncodeError> {
    if is_plain(text) {
        out.push_str(text);
        return Ok(());
    }
    let mut written = 0;
    for (at, found) in text.match_indices(is_special) {
        let escaped = match found {
            "<" => "&lt;",
            ">" => "&gt;",
            "&" => "&amp;",
            "\r" => "&#xd;",
            "\"" | "'" | "\n" | "\t" if context == Context::Content => continue,
            "\"" => "&#34;",
            "'" => "&#39;",
            "\n" => "&#xa;",
            "\t" => "&#x9;",
            _ => {
                let forbidden = found.chars().next().unwrap_or_default();
                return Err(rxml::Error::UnexpectedChar(None, forbidden, None).into());
            }
        };
        out.push_str(text.get(written..at).unwrap_or_default());
        out.push_str(escaped);
        written = at + found.len();
    }
    out.push_str(text.get(written..).unwrap_or_default());
    Ok(())
}

/// Refuses what is not an XML name without a colon.
pub(super) fn check_name(name: &str) -> Result<(), EncodeError> {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    if starts && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Ok(());
    }
    match <&NcNameStr>::try_from(name) {
        Ok(_) => Ok(()),
        Err(error) => Err(EncodeError::Invalid(format!("the name {name:?}: {error}"))),
    }
}

/// What may need escaping, and what XML 1.0 forbids.
fn is_special(character: char) -> bool {
    character < ' ' || matches!(character, '<' | '>' | '&' | '"' | '\'' | '\u{fffe}' | '\u{ffff}')
}

/// True when nothing in a text is special. Looks at every byte without branching, so that many are compared at once.
fn is_plain(text: &str) -> bool {
    // The two forbidden characters contain this byte.
    const FORBIDDEN: u8 = 0xbf;
    !text.bytes().fold(false, |found, byte| {
        found
            | (byte < b' ')
            | (byte == b'<')
            | (byte == b'>')
            | (byte == b'&')
            | (byte == b'"')
            | (byte == b'\'')
            | (byte == FORBIDDEN)
    })
}
