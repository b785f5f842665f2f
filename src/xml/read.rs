//! Parses one complete element from text, within bounds.

use std::borrow::Cow;

use rxml::error::EndOrError;
use rxml::{Event, Namespace, Options, Parse, Parser, WithOptions};

use super::Element;
use super::bounds::{Bounds, Over};
use super::build::{Builder, Built};
use super::encode::inside;
use super::plain::read_plain;
use super::token::trim_start;

/// Why a text is not one acceptable element.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not well-formed, or uses what XMPP forbids (doctype, entities, comments, processing instructions).
    #[error("not well-formed XML: {0}")]
    Malformed(String),
    /// Over the bound of nesting.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// Over the bound of bytes.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
    /// Over the bound of elements.
    #[error("more than {0} elements")]
    TooMany(usize),
    /// Something other than white space follows the element.
    #[error("something follows the element")]
    Trailing,
}

/// Parses exactly one element. An element without a namespace declaration gets `default_ns`.
///
/// A byte order mark, an XML declaration, and white space around the element are tolerated.
///
/// # Errors
/// [`ReadError`] says which rule the text breaks.
pub fn read_one(text: &str, default_ns: &str, bounds: Bounds) -> Result<Element, ReadError> {
    if text.len() > bounds.bytes {
        return Err(ReadError::TooLarge(bounds.bytes));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Line ends as XML 1.0 section 2.11 has them: rxml takes a lone carriage return in an attribute for an error.
    let text = match text.contains('\r') {
        true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
        false => Cow::Borrowed(text),
    };
    let (declaration, text) = split_declaration(&text);
    if declaration.is_empty()
        && let Some((element, rest)) = read_plain(text.as_bytes(), Namespace::from(default_ns.to_owned()), bounds)
        && trim_start(rest).is_empty()
    {
        return Ok(element);
    }
    read_general(declaration, text, default_ns, bounds)
}

/// As [`read_one`], whatever XML it is.
pub(super) fn read_general(
    declaration: &str,
    text: &str,
    default_ns: &str,
    bounds: Bounds,
) -> Result<Element, ReadError> {
    let root = inside(default_ns).map_err(|e| ReadError::Malformed(e.to_string()))?;

    // The parser sets aside room for the longest token there may be, and none is longer than what it is fed.
    let mut reading = Reading::new(bounds, text.len().max(root.len()) + 1);
    reading.feed(declaration.as_bytes(), Part::Frame)?;
    reading.feed(root.as_bytes(), Part::Frame)?;
    reading.feed(text.as_bytes(), Part::Text)?;
    reading.feed(b"</x>", Part::Frame)?;
    reading.finish()
}

/// The XML declaration, if there is one, and the rest. Whether the former is a valid one is for the parser to say.
fn split_declaration(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t', '\r', '\n']);
    if !text.starts_with("<?xml") {
        return ("", text);
    }
    text.find("?>").and_then(|at| text.split_at_checked(at + 2)).unwrap_or((text, ""))
}

/// Whose bytes are fed: our own around the element, or the caller's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Frame,
    Text,
}

/// The caller's text is parsed inside an element of ours, which gives it the default namespace. The text must neither
/// close that element nor leave anything open in it.
struct Reading {
    parser: Parser,
    builder: Builder,
    bounds: Bounds,
    inside: bool,
    element: Option<Element>,
}

impl Reading {
    fn new(bounds: Bounds, max_token_length: usize) -> Self {
        let options = Options { max_token_length, ..Options::default() };
        Self {
            parser: Parser::with_options(options),
            builder: Builder::new(bounds),
            bounds,
            inside: false,
            element: None,
        }
    }

    fn feed(&mut self, mut bytes: &[u8], part: Part) -> Result<(), ReadError> {
        loop {
            match self.parser.parse(&mut bytes, false) {
                Ok(Some(event)) => self.event(event, part)?,
                Ok(None) | Err(EndOrError::NeedMoreData) => return Ok(()),
                Err(EndOrError::Error(error)) => return Err(malformed(&error)),
            }
        }
    }

    fn event(&mut self, event: Event, part: Part) -> Result<(), ReadError> {
        if self.builder.is_idle() {
            match &event {
                Event::StartElement(..) if !self.inside => {
                    self.inside = true;
                    return Ok(());
                }
                Event::StartElement(..) if self.element.is_none() => {}
                Event::XmlDeclaration(..) => return Ok(()),
                Event::EndElement(_) if part == Part::Frame => return Ok(()),
                Event::Text(_, text) if text.trim_matches([' ', '\t', '\r', '\n']).is_empty() => return Ok(()),
                Event::Text(..) if self.element.is_none() => {
                    return Err(ReadError::Malformed("text outside of an element".into()));
                }
                Event::EndElement(_) if self.element.is_none() => {
                    return Err(ReadError::Malformed("an end tag without a start tag".into()));
                }
                Event::StartElement(..) | Event::EndElement(_) | Event::Text(..) => return Err(ReadError::Trailing),
            }
        }
        let built = self.builder.feed(event);
        if let Some(over) = self.builder.over() {
            return Err(self.refusal(over));
        }
        if let Some(Built::Whole(element)) = built {
            self.element = Some(element);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Element, ReadError> {
        match self.parser.parse(&mut &[][..], true) {
            Ok(None) => self.element.ok_or_else(|| ReadError::Malformed("no element".into())),
            Ok(Some(_)) | Err(EndOrError::NeedMoreData) => {
                Err(ReadError::Malformed("the element is not closed".into()))
            }
            Err(EndOrError::Error(error)) => Err(malformed(&error)),
        }
    }

    fn refusal(&self, over: Over) -> ReadError {
        match over {
            Over::Depth => ReadError::TooDeep(self.bounds.depth),
            Over::Bytes => ReadError::TooLarge(self.bounds.bytes),
            Over::Elements => ReadError::TooMany(self.bounds.elements),
        }
    }
}

fn malformed(error: &rxml::Error) -> ReadError {
    ReadError::Malformed(error.to_string())
}
