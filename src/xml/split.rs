//! Where each top-level element of a stream ends, whatever is in it.
//!
//! Namespaces, names, entities and encodings are not looked at, so nothing of those can end a stream: who serialises a tree,
//! as servers do, writes tags that match each other and no `<` inside of one.

use memchr::{memchr, memchr2};

/// Levels of which the names are compared; deeper ones are counted.
const COMPARED: usize = 4096;
/// What follows `<!` before text that is no markup.
const CDATA: &[u8] = b"[CDATA[";

/// What stands at the top level of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// An element, from its start tag to its end tag.
    Element,
    /// An end tag without a start tag: the stream's own.
    End,
    /// Text, a comment, a processing instruction: nothing of a stream.
    Other,
}

/// The bytes are not those of a tree: no element after them can be told from what stands in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An end tag of another name than the start tag.
    #[error("an end tag that does not match its start tag")]
    Mismatch,
    /// Markup where none can be.
    #[error("a tag that begins inside of a tag")]
    Nested,
    /// A document type, say.
    #[error("a declaration that no stream has")]
    Declaration,
}

/// How far a stream is looked through: constant work for each byte, whose memory is bounded.
#[derive(Debug)]
pub struct Split {
    state: State,
    /// Bytes looked through of those that are shown.
    at: usize,
    /// Hashes of the names of the open elements, outermost first.
    open: Vec<u32>,
    /// Open elements beyond those.
    deeper: usize,
    /// A start tag is all that is looked for.
    tag_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between two tags.
    Text,
    /// After `<`.
    Opened,
    /// After `<!` and so many bytes of [`CDATA`].
    Declared(usize),
    /// After `<!-`.
    Dash,
    /// In a comment, after so many dashes.
    Comment(u8),
    /// In a CDATA section, after so many brackets.
    Cdata(u8),
    /// In a processing instruction, after a question mark or not.
    Instruction(bool),
    /// In the name of a tag.
    Name { end: bool, hash: u32 },
    /// In a tag, after its name; the last byte was a slash or not.
    Tag { end: bool, hash: u32, slash: bool },
    /// In a quoted value of a start tag.
    Value { hash: u32, quote: u8 },
}

/// FNV-1a.
fn hashed(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

impl Split {
    /// Nothing is looked through yet.
    pub fn new() -> Self {
        Self { state: State::Text, at: 0, open: Vec::new(), deeper: 0, tag_only: false }
    }

    /// As [`Split::new`], for one that takes a start tag for an element: the stream header's end never comes.
    pub fn for_header() -> Self {
        Self { tag_only: true, ..Self::new() }
    }

    /// Begins with the next item.
    pub fn restart(&mut self) {
        self.open.clear();
        *self = Self { open: std::mem::take(&mut self.open), ..Self::new() };
    }

    /// True before anything is looked through.
    pub fn is_new(&self) -> bool {
        self.at == 0 && self.state == State::Text && self.is_outside()
    }

    /// All that was shown is gone.
    pub fn forget(&mut self) {
        self.at = 0;
    }

    /// Looks further through bytes, more of them than before: what item they begin with, and its length, when it is whole.
    ///
    /// # Errors
    /// When no end can be told any more.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Option<(Item, usize)>, Broken> {
        while let Some(rest) = bytes.get(self.at..)
            && let Some(&byte) = rest.first()
        {
            // What is of no interest is passed over many bytes at a time.
            let uninteresting = match self.state {
                State::Text => memchr(b'<', rest).unwrap_or(rest.len()),
                State::Value { quote, .. } => memchr2(quote, b'<', rest).unwrap_or(rest.len()),
                State::Comment(0) => memchr(b'-', rest).unwrap_or(rest.len()),
                State::Cdata(0) => memchr(b']', rest).unwrap_or(rest.len()),
                _ => 0,
            };
            self.at += uninteresting;
            if uninteresting > 0 {
                if self.state == State::Text && self.is_outside() {
                    return Ok(Some((Item::Other, self.at)));
                }
                continue;
            }
            self.at += 1;
            if let Some(item) = self.byte(byte)? {
                return Ok(Some((item, self.at)));
            }
        }
        Ok(None)
    }

    fn is_outside(&self) -> bool {
        self.open.is_empty() && self.deeper == 0
    }

    fn byte(&mut self, byte: u8) -> Result<Option<Item>, Broken> {
        let name = |end, hash| State::Name { end, hash };
        let start = 0x811c_9dc5;
        self.state = match (self.state, byte) {
            // The only byte that is looked at between tags.
            (State::Text, _) => State::Opened,
            (State::Opened, b'/') => name(true, start),
            (State::Opened, b'!') => State::Declared(0),
            (State::Opened, b'?') => State::Instruction(false),
            (State::Opened, _) => return self.in_tag(byte, false, start, true),
            (State::Declared(0), b'-') => State::Dash,
            (State::Declared(count), _) if CDATA.get(count) == Some(&byte) => {
                if count + 1 == CDATA.len() {
                    State::Cdata(0)
                } else {
                    State::Declared(count + 1)
                }
            }
            (State::Dash, b'-') => State::Comment(0),
            (State::Declared(_) | State::Dash, _) => return Err(Broken::Declaration),
            (State::Comment(dashes), b'-') => State::Comment(2.min(dashes + 1)),
            (State::Cdata(brackets), b']') => State::Cdata(2.min(brackets + 1)),
            (State::Comment(2) | State::Cdata(2) | State::Instruction(true), b'>') => {
                self.state = State::Text;
                return Ok(self.is_outside().then_some(Item::Other));
            }
            (State::Comment(_), _) => State::Comment(0),
            (State::Cdata(_), _) => State::Cdata(0),
            (State::Instruction(_), _) => State::Instruction(byte == b'?'),
            (State::Name { end, hash }, _) => return self.in_tag(byte, end, hash, true),
            (State::Tag { end, hash, .. }, _) => return self.in_tag(byte, end, hash, false),
            (State::Value { .. }, b'<') => return Err(Broken::Nested),
            // The closing quote: no other byte is looked at.
            (State::Value { hash, .. }, _) => State::Tag { end: false, hash, slash: false },
        };
        Ok(None)
    }

    fn in_tag(&mut self, byte: u8, end: bool, hash: u32, in_name: bool) -> Result<Option<Item>, Broken> {
        self.state = match byte {
            b'<' => return Err(Broken::Nested),
            b'>' => {
                let empty = matches!(self.state, State::Tag { slash: true, .. });
                self.state = State::Text;
                return if end { self.close(hash) } else { Ok(self.open(hash, empty)) };
            }
            b'\'' | b'"' if !end => State::Value { hash, quote: byte },
            b' ' | b'\t' | b'\n' | b'\r' | b'/' => State::Tag { end, hash, slash: byte == b'/' },
            _ if in_name => State::Name { end, hash: hashed(hash, byte) },
            _ => State::Tag { end, hash, slash: false },
        };
        Ok(None)
    }

    fn open(&mut self, hash: u32, empty: bool) -> Option<Item> {
        if empty || self.tag_only {
            return self.is_outside().then_some(Item::Element);
        }
        if self.open.len() < COMPARED {
            self.open.push(hash);
        } else {
            self.deeper += 1;
        }
        None
    }

    fn close(&mut self, hash: u32) -> Result<Option<Item>, Broken> {
        if self.deeper > 0 {
            self.deeper -= 1;
            return Ok(None);
        }
        match self.open.pop() {
            None => Ok(Some(Item::End)),
            Some(opened) if opened == hash => Ok(self.open.is_empty().then_some(Item::Element)),
            Some(_) => Err(Broken::Mismatch),
        }
    }
}

impl Default for Split {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes first in bytes that come one by one.
    fn first(text: &str) -> Result<Option<(Item, usize)>, Broken> {
        let mut split = Split::new();
        (1..=text.len()).find_map(|come| split.advance(&text.as_bytes()[..come]).transpose()).transpose()
    }

    #[test]
    fn an_element_ends_where_its_tags_say() {
        let deep = format!("{}{}", "<x>".repeat(10_000), "</x>".repeat(10_000));
        for element in [
            "<a/>",
            "<a></a >",
            "<a b='>' c=\"/>'\"><d/></a>",
            "<xml:a xml:b='c'><1/></xml:a>",
            "<a><![CDATA[</a>]]]]><!-- </a> - --><?b </a>??></a>",
            "<a/b'/'>\u{1}</a>",
            &deep,
        ] {
            let stream = format!("{element}<next/>");
            assert_eq!(first(&stream), Ok(Some((Item::Element, element.len()))), "{element}");
            assert_eq!(Split::new().advance(stream.as_bytes()), Ok(Some((Item::Element, element.len()))), "{element}");
        }
        for (other, item) in [("<!---->", Item::Other), ("<?x?>", Item::Other), (" ", Item::Other), ("</a>", Item::End)]
        {
            assert_eq!(first(&format!("{other}<a/>")), Ok(Some((item, other.len()))), "{other}");
        }
    }

    #[test]
    fn what_has_no_end_is_told_at_once() {
        for (text, broken) in [
            ("<a><b></a>", Broken::Mismatch),
            ("<a b='><c/>", Broken::Nested),
            ("<a <b/>", Broken::Nested),
            ("<!DOCTYPE a>", Broken::Declaration),
            ("<a><![CDAT<b/>", Broken::Declaration),
        ] {
            assert_eq!(first(text), Err(broken), "{text}");
        }
    }
}
