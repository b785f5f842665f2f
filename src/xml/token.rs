//! The tokens of plain XML: names, attributes and what texts say.
//!
//! Plain are tags without prefixes, attributes without line breaks, `xml:lang`, the five predefined entities, and text.
//! What is not certain to be well-formed XML of this kind is not judged here.

use std::borrow::Cow;

use memchr::{memchr, memmem};

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The bytes end before it does.
    Incomplete,
    /// It is not certain to be plain.
    NotPlain,
}

/// An attribute, but for `xmlns`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// It is `xml:lang`, and its name is `lang`.
    pub xml: bool,
    /// Its name.
    pub name: &'a [u8],
    /// Its value, as it is written.
    pub value: &'a [u8],
}

/// What follows the white space at the beginning.
pub fn trim_start(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n')).count();
    bytes.get(spaces..).unwrap_or_default()
}

/// What follows `byte`.
pub(super) fn after(byte: u8, bytes: &[u8]) -> Result<&[u8], Stop> {
    match bytes.split_first() {
        Some((first, rest)) if *first == byte => Ok(rest),
        Some(_) => Err(Stop::NotPlain),
        None => Err(Stop::Incomplete),
    }
}

/// The first so many bytes, and what follows.
fn split(bytes: &[u8], at: usize) -> Result<(&[u8], &[u8]), Stop> {
    bytes.split_at_checked(at).ok_or(Stop::Incomplete)
}

/// What stands before the next tag, and the tag with what follows.
pub(super) fn until_tag(bytes: &[u8]) -> Result<(&[u8], &[u8]), Stop> {
    split(bytes, memchr(b'<', bytes).ok_or(Stop::Incomplete)?)
}

/// Reads the end of a start tag: whether it is an end tag, too, and what follows.
pub(super) fn tag_end(bytes: &[u8]) -> Result<(bool, &[u8]), Stop> {
    match bytes.strip_prefix(b"/") {
        Some(rest) => Ok((true, after(b'>', rest)?)),
        None => Ok((false, after(b'>', bytes)?)),
    }
}

/// A name of ASCII letters and digits, and what follows.
pub(super) fn name(bytes: &[u8]) -> Result<(&[u8], &[u8]), Stop> {
    let of_names = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let first = bytes.first().ok_or(Stop::Incomplete)?;
    if !first.is_ascii_alphabetic() && *first != b'_' {
        return Err(Stop::NotPlain);
    }
    let end = bytes.iter().position(|byte| !of_names(byte)).ok_or(Stop::Incomplete)?;
    split(bytes, end)
}

/// Reads the attributes of a start tag; the namespace that they declare, as it is written, and what follows them.
pub(super) fn attributes<'a>(
    mut bytes: &'a [u8],
    mut take: impl FnMut(Attribute<'a>) -> Result<(), Stop>,
) -> Result<(Option<&'a [u8]>, &'a [u8]), Stop> {
    let mut ns = None;
    loop {
        let unspaced = trim_start(bytes);
        if matches!(unspaced.first().ok_or(Stop::Incomplete)?, b'/' | b'>') {
            return Ok((ns, unspaced));
        }
        if unspaced.len() == bytes.len() {
            return Err(Stop::NotPlain);
        }
        let (mut name, mut rest) = self::name(unspaced)?;
        let xml = name == b"xml" && rest.first() == Some(&b':');
        if xml {
            (name, rest) = self::name(after(b':', rest)?)?;
            if name != b"lang" {
                return Err(Stop::NotPlain);
            }
        }
        let (quote, rest) = after(b'=', rest)?.split_first().ok_or(Stop::Incomplete)?;
        if !matches!(quote, b'\'' | b'"') {
            return Err(Stop::NotPlain);
        }
        let (value, rest) = split(rest, memchr(*quote, rest).ok_or(Stop::Incomplete)?)?;
        if xml || name != b"xmlns" {
            take(Attribute { xml, name, value })?;
        // What is reserved, or no namespace, is for the general parser to judge.
        } else if ns.is_some() || value.is_empty() || value.starts_with(b"http://www.w3.org/") {
            return Err(Stop::NotPlain);
        } else {
            ns = Some(value);
        }
        bytes = after(*quote, rest)?;
    }
}

/// What the value of an attribute says.
pub(super) fn value(bytes: &[u8]) -> Result<Cow<'_, str>, Stop> {
    if !is_literal(bytes) && bytes.iter().any(|byte| matches!(byte, b'<' | b'\t' | b'\n')) {
        return Err(Stop::NotPlain);
    }
    content(bytes)
}

/// What a text, or a value without markup and line breaks, says.
pub(super) fn content(bytes: &[u8]) -> Result<Cow<'_, str>, Stop> {
    let text = std::str::from_utf8(bytes).map_err(|_| Stop::NotPlain)?;
    if is_literal(bytes) {
        return Ok(Cow::Borrowed(text));
    }
    let valid = |c: char| c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}') || matches!(c, '\t' | '\n');
    if !text.chars().all(valid) || memmem::find(bytes, b"]]>").is_some() {
        return Err(Stop::NotPlain);
    }
    let mut pieces = text.split('&');
    let first = pieces.next().unwrap_or_default();
    if first.len() == text.len() {
        return Ok(Cow::Borrowed(text));
    }
    let mut said = String::with_capacity(text.len());
    said.push_str(first);
    for piece in pieces {
        let (entity, rest) = piece.split_once(';').ok_or(Stop::NotPlain)?;
        said.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "apos" => '\'',
            "quot" => '"',
            _ => return Err(Stop::NotPlain),
        });
        said.push_str(rest);
    }
    Ok(Cow::Owned(said))
}

/// True when each byte stands for itself in any text and any value, whatever stands beside it.
pub(super) fn is_literal(bytes: &[u8]) -> bool {
    // Without an early end it is looked at many bytes at a time.
    bytes.iter().fold(true, |all, byte| all & matches!(byte, b' '..=b'~') & !matches!(byte, b'&' | b'<' | b']'))
}
