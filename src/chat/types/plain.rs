//! Texts as people are to read them: what a console or a log put into them, and XML cannot carry, is left out.
//!
//! For what is said (bodies, titles, system messages), not for names, ids and addresses: those are refused as they are.

use std::borrow::Cow;
use std::str::Chars;

const ESCAPE: char = '\u{1b}';
/// Begins a control sequence in one character, as ESC and `[` do in two.
const CSI: char = '\u{9b}';
const BELL: char = '\u{7}';
/// How far a numeric reference is looked for its end.
const REFERENCE: usize = 12;

/// The text without terminal control sequences (ECMA-48: colours, titles, links) and without single control characters
/// that XML 1.0 forbids. Borrowed where there is nothing of that.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| c == CSI || !in_xml(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            ESCAPE => skip_sequence(&mut rest),
            CSI => skip_control(&mut rest),
            c if in_xml(c) => out.push(c),
            _ => {}
        }
    }
    Cow::Owned(out)
}

/// As [`plain`], of what is said in the XML of a message: the texts in its bodies and subjects, control characters written
/// as references included; halves of a surrogate pair written so become U+FFFD. `None` where there is nothing to leave out.
pub fn plain_markup(xml: &str) -> Option<String> {
    let mut out = String::with_capacity(xml.len());
    let (mut rest, mut open) = (xml, 0_usize);
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        match open {
            0 => out.push_str(text),
            _ => out.push_str(&plain(&without_references(text))),
        }
        let (tag, behind) = tag.split_at(tag_length(tag));
        match says(tag) {
            Some(true) => open += 1,
            Some(false) => open = open.saturating_sub(1),
            None => {}
        }
        out.push_str(tag);
        rest = behind;
    }
    out.push_str(rest);
    (out != xml).then_some(out)
}

/// True for the start tag of a body or a subject, false for its end tag.
fn says(tag: &str) -> Option<bool> {
    let inner = tag.strip_prefix('<')?.strip_suffix('>')?;
    let (inner, begins) = inner.strip_prefix('/').map_or((inner, true), |inner| (inner, false));
    let name = inner.split(|c: char| c.is_ascii_whitespace() || c == '/').next()?;
    let local = name.rsplit(':').next()?;
    (matches!(local, "body" | "subject") && !inner.ends_with('/')).then_some(begins)
}

/// Whether XML can carry it (XML 1.0 section 2.2).
pub fn in_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// Behind an ESC: the rest of its sequence. What is no whole sequence costs the ESC alone, so that no text is lost.
fn skip_sequence(rest: &mut Chars<'_>) {
    let mut ahead = rest.clone();
    match ahead.next() {
        Some('[') => {
            *rest = ahead;
            skip_control(rest);
        }
        // A command with a text of its own, such as a title or a link's target: to its end on the same line.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = ahead.next() {
                match c {
                    BELL | '\u{9c}' => *rest = ahead,
                    ESCAPE if ahead.next() == Some('\\') => *rest = ahead,
                    c if c != '\n' && c != ESCAPE => continue,
                    _ => {}
                }
                return;
            }
        }
        Some(' '..='/') if ahead.find(|c| !(' '..='/').contains(c)).is_some_and(|c| ('0'..='~').contains(&c)) => {
            *rest = ahead;
        }
        Some('0'..='~') => *rest = ahead,
        _ => {}
    }
}

/// Parameters, intermediates and the final character of a control sequence, as far as they are there.
fn skip_control(rest: &mut Chars<'_>) {
    let mut ahead = rest.clone();
    while ahead.clone().next().is_some_and(|c| (' '..='?').contains(&c)) {
        ahead.next();
    }
    match ahead.clone().next() {
        Some('@'..='~') => {
            ahead.next();
            *rest = ahead;
        }
        None => *rest = ahead,
        Some(_) => {}
    }
}

/// How far a tag, a comment or a CDATA section goes.
fn tag_length(tag: &str) -> usize {
    for (begins, ends) in [("<!--", "-->"), ("<![CDATA[", "]]>")] {
        if tag.starts_with(begins) {
            return tag.find(ends).map_or(tag.len(), |at| at + ends.len());
        }
    }
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    tag.len()
}

/// The text with the characters that numeric references stand for and XML forbids.
fn without_references(text: &str) -> Cow<'_, str> {
    if !text.contains("&#") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("&#") {
        let (before, reference) = rest.split_at(at);
        out.push_str(before);
        let end = reference.bytes().take(REFERENCE).position(|b| b == b';').map_or(2, |at| at + 1);
        let (reference, behind) = reference.split_at(end);
        match forbidden(reference) {
            Some(c) => out.push(c),
            None => out.push_str(reference),
        }
        rest = behind;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What a numeric reference says, if XML forbids that.
fn forbidden(reference: &str) -> Option<char> {
    let digits = reference.strip_prefix("&#")?.strip_suffix(';')?;
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    match char::from_u32(code) {
        Some(c) => (!in_xml(c)).then_some(c),
        None => (0xd800..0xe000).contains(&code).then_some(char::REPLACEMENT_CHARACTER),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_console_writes_is_read_as_a_text() {
        for (given, text) in [
            ("\u{1b}[31mFAILED\u{1b}[0m", "FAILED"),
            ("\u{1b}[1;38;5;196mred\u{1b}[m and \u{1b}[?25lmore\u{1b}[2K", "red and more"),
            ("\u{9b}31mFAILED\u{9b}0m", "FAILED"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;https://x.example\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}(Bplain\u{1b}=", "plain"),
            ("cut \u{1b}[3", "cut "),
            ("cut \u{1b}", "cut "),
            ("\u{1b}]no end\nnext", "]no end\nnext"),
            ("\u{1b}[张", "张"),
            ("\u{1b}张", "张"),
            ("a\u{0}b\u{8}c\u{c}d\u{1f}\u{fffe}e\u{ffff}", "abcde"),
            ("tab\tline\r\nend\u{7f}\u{85}\u{fffd}😀", "tab\tline\r\nend\u{7f}\u{85}\u{fffd}😀"),
        ] {
            assert_eq!(plain(given), text, "{given:?}");
        }
        assert!(matches!(plain("[31m nothing"), Cow::Borrowed(_)));
    }

    #[test]
    fn of_xml_only_what_is_said_is_changed() {
        for (given, expected) in [
            ("<m><body>\u{1b}[31mA &amp; B\u{1b}[0m</body></m>", Some("<m><body>A &amp; B</body></m>")),
            ("<m><body>&#27;[31mA&#x1B;[0m&#10;&#0;</body></m>", Some("<m><body>A&#10;</body></m>")),
            ("<m><body>&#xD83D;&#xDE00;</body></m>", Some("<m><body>\u{fffd}\u{fffd}</body></m>")),
            ("<body a='>\u{1b}[0m'>\u{1}</body>", Some("<body a='>\u{1b}[0m'></body>")),
            (
                "<c:subject\n a='/'>\u{1}<b>\u{1}</b></c:subject><id>\u{1}</id>",
                Some("<c:subject\n a='/'><b></b></c:subject><id>\u{1}</id>"),
            ),
            ("<body/><a>\u{1}</a><thread>&#1;</thread>", None),
            ("<body a=\"'&#1;\"></body>", None),
            ("<body>&#12345678901234;&#;&#x;&#</body>", None),
            ("<body><![CDATA[<\u{1}]]>\u{1}</body>", Some("<body><![CDATA[<\u{1}]]></body>")),
            ("no xml", None),
            ("<open", None),
        ] {
            assert_eq!(plain_markup(given).as_deref(), expected, "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn a_text_never_fails_and_xml_can_carry_it(text in "[\u{0}-\u{20}\\[\\]\\\\;0-9mK<>&#x张\u{9b}]{0,60}") {
            let shown = plain(&text);
            prop_assert!(shown.chars().all(in_xml), "{shown:?}");
            // A command with a text of its own takes that with it: without its `]` nothing but sequences is left out.
            let others = text.replace(']', "");
            prop_assert_eq!(plain(&others).matches('张').count(), others.matches('张').count());
            plain_markup(&text);
        }
    }
}
