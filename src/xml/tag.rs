//! The parts of a start tag, whatever they are.

use memchr::memchr;

use super::unescape::unescape;

/// A start tag as it is written, or the beginning of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawTag<'a> {
    /// Its name, with its prefix.
    pub(super) name: &'a [u8],
    /// What follows the name.
    inside: &'a [u8],
    /// It is an end tag, too.
    pub(super) empty: bool,
    /// What follows the tag.
    pub(super) after: &'a [u8],
}

impl<'a> RawTag<'a> {
    /// The tag with which `bytes` begin, from its `<`.
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let bytes = bytes.strip_prefix(b"<").unwrap_or(bytes);
        let mut quoted = None;
        let end = bytes.iter().position(|byte| {
            match (quoted, byte) {
                (None, b'>') => return true,
                (None, b'\'' | b'"') => quoted = Some(byte),
                (Some(quote), byte) if quote == byte => quoted = None,
                _ => {}
            }
            false
        });
        let (tag, after) = split(bytes, end.unwrap_or(bytes.len()));
        let (name, inside) = split(tag, tag.iter().position(|byte| ends_name(*byte)).unwrap_or(tag.len()));
        // In a tag that has not ended a slash would say nothing.
        let empty = end.is_some() && inside.ends_with(b"/");
        Self { name, inside, empty, after: after.get(1..).unwrap_or_default() }
    }

    /// Names, and values as they are written; `None` for what has no value.
    pub(super) fn attributes(&self) -> Attributes<'a> {
        Attributes(self.inside)
    }
}

/// The attributes of a start tag that are still to come.
pub(super) struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let spaces = self.0.iter().take_while(|byte| is_space(**byte) || **byte == b'/').count();
        let rest = self.0.get(spaces..).filter(|rest| !rest.is_empty())?;
        let end = rest.iter().position(|byte| ends_name(*byte) || *byte == b'=');
        let (name, rest) = split(rest, end.unwrap_or(rest.len()));
        let behind = unspaced(rest);
        let quoted = behind.strip_prefix(b"=").map_or(behind, unspaced);
        let (value, rest) = match quoted.split_first() {
            // A value without a name is no attribute, and one behind a name without `=` is not that one's.
            Some((quote @ (b'\'' | b'"'), value)) => match memchr(*quote, value) {
                Some(end) => {
                    let (value, rest) = split(value, end);
                    (Some(value).filter(|_| behind.first() == Some(&b'=')), rest.get(1..).unwrap_or_default())
                }
                None => (None, &b""[..]),
            },
            _ => (None, quoted),
        };
        self.0 = rest;
        Some((name, value))
    }
}

/// What the value of an attribute says: line breaks and tabs in it are spaces (XML 1.0 section 3.3.3).
pub(super) fn value(bytes: &[u8], flawed: &mut bool) -> String {
    if bytes.iter().any(|byte| matches!(byte, b'\t' | b'\n')) {
        let spaced: Vec<u8> =
            bytes.iter().map(|byte| if matches!(byte, b'\t' | b'\n') { b' ' } else { *byte }).collect();
        return unescape(&spaced, flawed).into_owned();
    }
    unescape(bytes, flawed).into_owned()
}

fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

fn unspaced(bytes: &[u8]) -> &[u8] {
    split(bytes, bytes.iter().take_while(|byte| is_space(**byte)).count()).1
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn ends_name(byte: u8) -> bool {
    is_space(byte) || matches!(byte, b'/' | b'\'' | b'"')
}
