//! Localparts as people read them (XEP-0106): what an address cannot hold stands there escaped.

use std::borrow::Cow;

/// A localpart for people to read; never an address, and never made one again.
pub fn unescaped(localpart: &str) -> Cow<'_, str> {
    if !localpart.contains('\\') {
        return Cow::Borrowed(localpart);
    }
    let mut shown = String::with_capacity(localpart.len());
    let mut rest = localpart;
    while let Some((before, code)) = rest.split_once('\\') {
        shown.push_str(before);
        let character = code.get(..2).and_then(character);
        shown.push(character.unwrap_or('\\'));
        rest = if character.is_some() { code.get(2..).unwrap_or_default() } else { code };
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// The character that such a code stands for (section 4.2).
fn character(code: &str) -> Option<char> {
    Some(match code {
        "20" => ' ',
        "22" => '"',
        "26" => '&',
        "27" => '\'',
        "2f" | "2F" => '/',
        "3a" | "3A" => ':',
        "3c" | "3C" => '<',
        "3e" | "3E" => '>',
        "40" => '@',
        "5c" | "5C" => '\\',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_what_the_extension_escapes_is_unescaped_and_once() {
        for (localpart, shown) in [
            ("bob", "bob"),
            (r"x\40y.com", "x@y.com"),
            (r"d\27artagnan", "d'artagnan"),
            (r"space\20cadet", "space cadet"),
            (r"treville\5c40", r"treville\40"),
            (r"c\3a\5cnet", r"c:\net"),
            (r"foo\bar", r"foo\bar"),
            (r"\2plus\2is\4", r"\2plus\2is\4"),
            (r"a\41", r"a\41"),
            (r"\5c5c", r"\5c"),
            (r"小\40明", "小@明"),
            (r"\", r"\"),
            (r"\é", r"\é"),
        ] {
            assert_eq!(unescaped(localpart), shown, "{localpart}");
        }
    }
}
