//! The walk over plain XML, token by token, as far as it has come: who visits the tokens makes something of them.

use std::borrow::Cow;
use std::ops::Range;

use super::bounds::Weight;
use super::token::{Attribute, Stop, after, attributes, content, is_literal, name, tag_end, until_tag, value};

/// Attributes of one tag at most: each is compared with those before it.
pub(super) const ATTRIBUTES: usize = 24;
/// Bytes of a token that has not ended at most: it is looked at again when more has come.
pub(super) const UNFINISHED: usize = 64 * 1024;

/// How far an element is walked through.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Bytes of the tokens so far.
    at: usize,
    open: Vec<Open>,
}

/// An open element: where its name stands, and the namespace that was declared last.
#[derive(Debug)]
struct Open {
    name: Range<usize>,
    ns: Option<Range<usize>>,
}

/// A token.
#[derive(Debug, Clone, Copy)]
pub(super) enum Token<'t, 'a> {
    Start(Start<'t, 'a>),
    End,
    /// As it is written.
    Text(&'a [u8]),
}

/// A start tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start<'t, 'a> {
    pub(super) name: &'a [u8],
    /// Its namespace as it is written, where this tag or one around it declares one.
    pub(super) ns: Option<&'a [u8]>,
    /// It declares the namespace itself.
    pub(super) declares: bool,
    pub(super) attributes: &'t [Attribute<'a>],
    /// It is an end tag, too.
    pub(super) empty: bool,
}

/// Who is told of the tokens. Implementations say `#[inline]`: as a call for each token, the longest lists took a tenth longer.
pub(super) trait Visitor<'a> {
    /// The next token: in how many elements it stands, and from where to where.
    ///
    /// # Errors
    /// Why the walk ends here.
    fn visit(&mut self, token: Token<'_, 'a>, level: usize, place: Range<usize>) -> Result<(), Stop>;
}

impl Scan {
    /// True before anything is walked through.
    pub(super) fn is_new(&self) -> bool {
        self.at == 0
    }

    /// Begins with another element.
    pub(super) fn restart(&mut self) {
        self.at = 0;
        self.open.clear();
    }

    /// Walks further through an element with which `bytes` begin, more of them than before: its length, when it is whole.
    ///
    /// # Errors
    /// Why there is no length.
    pub(super) fn advance<'a>(&mut self, bytes: &'a [u8], visitor: &mut impl Visitor<'a>) -> Result<usize, Stop> {
        match self.walk(bytes, visitor) {
            Err(Stop::Incomplete) if bytes.len().saturating_sub(self.at) > UNFINISHED => Err(Stop::NotPlain),
            walked => walked,
        }
    }

    /// As [`Scan::advance`], of bytes that are all there are.
    ///
    /// # Errors
    /// As [`Scan::advance`].
    pub(super) fn walk<'a>(&mut self, bytes: &'a [u8], visitor: &mut impl Visitor<'a>) -> Result<usize, Stop> {
        let mut found = [Attribute::default(); ATTRIBUTES];
        loop {
            let level = self.open.len();
            let (token, level, rest) = match bytes.get(self.at..).unwrap_or_default() {
                [] | [b'<'] => return Err(Stop::Incomplete),
                [b'<', b'/', tag @ ..] => (Token::End, level.saturating_sub(1), self.end(bytes, tag)?),
                [b'<', tag @ ..] => {
                    let (start, rest) = self.start(bytes, tag, &mut found)?;
                    (Token::Start(start), level, rest)
                }
                _ if level == 0 => return Err(Stop::NotPlain),
                text => {
                    let (text, rest) = until_tag(text)?;
                    (Token::Text(text), level, rest)
                }
            };
            let place = self.at..bytes.len() - rest.len();
            self.at = place.end;
            visitor.visit(token, level, place)?;
            if self.open.is_empty() {
                return Ok(self.at);
            }
        }
    }

    #[inline]
    fn start<'t, 'a>(
        &mut self,
        bytes: &'a [u8],
        tag: &'a [u8],
        found: &'t mut [Attribute<'a>; ATTRIBUTES],
    ) -> Result<(Start<'t, 'a>, &'a [u8]), Stop> {
        let (name, rest) = name(tag)?;
        let mut count = 0;
        let (declared, rest) = attributes(rest, |attribute| {
            let same = |other: &Attribute<'_>| other.xml == attribute.xml && other.name == attribute.name;
            if found.iter().take(count).any(same) {
                return Err(Stop::NotPlain);
            }
            *found.get_mut(count).ok_or(Stop::NotPlain)? = attribute;
            count += 1;
            Ok(())
        })?;
        let (empty, rest) = tag_end(rest)?;
        let ns = match declared {
            Some(ns) => Some(place(bytes, ns)),
            None => self.open.last().and_then(|parent| parent.ns.clone()),
        };
        let start = Start {
            name,
            ns: ns.clone().and_then(|ns| bytes.get(ns)),
            declares: declared.is_some(),
            attributes: found.get(..count).unwrap_or_default(),
            empty,
        };
        if !empty {
            self.open.push(Open { name: place(bytes, name), ns });
        }
        Ok((start, rest))
    }

    #[inline]
    fn end<'a>(&mut self, bytes: &[u8], tag: &'a [u8]) -> Result<&'a [u8], Stop> {
        let (name, rest) = name(tag)?;
        let rest = after(b'>', rest)?;
        let opened = self.open.pop().and_then(|open| bytes.get(open.name)).ok_or(Stop::NotPlain)?;
        if opened == name { Ok(rest) } else { Err(Stop::NotPlain) }
    }
}

/// Where a part of the bytes stands in them.
pub(super) fn place(bytes: &[u8], part: &[u8]) -> Range<usize> {
    let from = part.as_ptr().addr() - bytes.as_ptr().addr();
    from..from + part.len()
}

/// Sees that values and texts are plain, too, and weighs them, before another visitor is told.
pub(super) struct Weighed<'w, V> {
    weight: &'w mut Weight,
    /// What the namespace is where none is declared.
    default_ns: usize,
    /// Where the last one stood, and how long it is: most elements have that of the one before.
    last_ns: (usize, usize),
    visitor: V,
}

impl<'w, V> Weighed<'w, V> {
    /// Of an element whose default namespace has so many bytes.
    pub(super) fn new(weight: &'w mut Weight, default_ns: usize, visitor: V) -> Self {
        Self { weight, default_ns, last_ns: (0, 0), visitor }
    }
}

impl<'a, V: Visitor<'a>> Visitor<'a> for Weighed<'_, V> {
    #[inline]
    fn visit(&mut self, token: Token<'_, 'a>, level: usize, place: Range<usize>) -> Result<(), Stop> {
        match token {
            Token::Start(start) => {
                let mut attributes = 0;
                for attribute in start.attributes {
                    attributes += Weight::of_attribute(attribute.name.len(), length(attribute.value, value)?);
                }
                let namespace = match start.ns {
                    None => self.default_ns,
                    Some(ns) => {
                        if ns.as_ptr().addr() != self.last_ns.0 {
                            self.last_ns = (ns.as_ptr().addr(), length(ns, value)?);
                        }
                        self.last_ns.1
                    }
                };
                self.weight.start(namespace, start.name.len(), attributes);
                if start.empty {
                    self.weight.end();
                }
            }
            Token::End => self.weight.end(),
            Token::Text(text) => self.weight.text(length(text, content)?),
        }
        if self.weight.over().is_some() {
            return Err(Stop::NotPlain);
        }
        self.visitor.visit(token, level, place)
    }
}

/// The length of what `read` finds that `bytes` say.
fn length(bytes: &[u8], read: fn(&[u8]) -> Result<Cow<'_, str>, Stop>) -> Result<usize, Stop> {
    if is_literal(bytes) { Ok(bytes.len()) } else { Ok(read(bytes)?.len()) }
}
