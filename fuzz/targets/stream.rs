//! A server's stream, whatever is in it: it is read to its end, within bounds, in the same way however it arrives; what is
//! well-formed says what an independent parser reads; and whatever stands in a stanza, the next one is read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use minidom::{Element, Node};
use stanzagate::link::frame::{Frame, FrameReader};
use stanzagate::xml::bounds::Bounds;
use stanzagate::xml::received::{Received, Tag, Walk};
use stanzagate::xml::{CLIENT, COMPONENT, StreamKind};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use super::tree::{normal, only_child};

/// How each stream begins.
pub const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                          xmlns:stream='http://etherx.jabber.org/streams' id='1' from='gw.example.org'>";
const SENTINEL: &str = "<iq type='result' id='sentinel'/>";
const END: &str = "</stream:stream>";
/// Bytes of an element as it is written that are read in any case.
const LONGEST: usize = 64 * 1024;
/// A byte that no text has: the next byte is meant so many times, which is more than the reader holds of one token.
const MANY: (u8, usize) = (0xfe, 70_000);
const BOUNDS: [Bounds; 4] = [
    Bounds { depth: 3, bytes: 300, elements: 8 },
    Bounds { depth: 64, bytes: 1 << 20, elements: 10_000 },
    Bounds { depth: 1, bytes: 40, elements: 2 },
    Bounds { depth: 8, bytes: 5000, elements: 3 },
];
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Bytes that arrive in pieces.
pub struct Pieces<'a, F> {
    rest: &'a [u8],
    shown: usize,
    /// How long the next piece is; `None` when it is still to come.
    next: F,
}

impl<'a, F: FnMut() -> Option<usize> + Unpin> Pieces<'a, F> {
    /// The next piece of `bytes` is as long as `next` says each time.
    pub fn new(bytes: &'a [u8], next: F) -> Self {
        Self { rest: bytes, shown: 0, next }
    }
}

impl<F: FnMut() -> Option<usize> + Unpin> AsyncBufRead for Pieces<'_, F> {
    fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        // An end is an end, however often it is asked for.
        if this.shown == 0 && !this.rest.is_empty() {
            let Some(next) = (this.next)() else { return Poll::Pending };
            this.shown = next.min(this.rest.len());
        }
        Poll::Ready(Ok(&this.rest[..this.shown]))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.rest = &this.rest[amount..];
        this.shown -= amount;
    }
}

impl<F: Unpin> AsyncRead for Pieces<'_, F> {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        unreachable!("a buffered reader is read by its buffer")
    }
}

/// Takes a byte that chooses bounds, one for the length of the pieces, and what stands in the stream.
pub fn run(data: &[u8]) {
    let [choice, piece, body @ ..] = data else { return };
    let bounds = BOUNDS[usize::from(choice & 3)];
    let waits = choice & 4 != 0;
    let (body, long) = expanded(body);
    let piece = (usize::from(*piece) + 1).max(if long { 1000 } else { 1 });
    let stream = [HEADER.as_bytes(), &body, SENTINEL.as_bytes(), END.as_bytes()].concat();

    let whole = frames(&stream, bounds, stream.len(), false, None, false);
    let pieces = frames(&stream, bounds, piece, waits, Some(StreamKind::Component), false);
    assert_eq!(shown(&whole, long), shown(&pieces, long));
    let tags = |frames: &[io::Result<Frame>]| -> Vec<String> {
        frames.iter().map(|frame| tags_of(frame).unwrap_or_else(|| shown_one(frame, long))).collect()
    };
    let texts = frames(&stream, bounds, piece, waits, Some(StreamKind::Component), true);
    assert_eq!(tags(&texts), tags(&whole));

    for frame in &whole {
        if let Ok(Frame::Element(element) | Frame::Mended(element)) = frame {
            is_within(element, bounds);
        }
    }
    if !is_one_element(&body) {
        return;
    }
    let [Ok(read), Ok(Frame::Element(sentinel)), Ok(Frame::End)] = &whole[..] else {
        panic!("not one frame before the sentinel and its end: {whole:?}");
    };
    assert!(sentinel.is("iq", CLIENT) && sentinel.attr("id") == Some("sentinel"), "{sentinel:?}");
    let document = std::str::from_utf8(&body).map(|body| format!("{HEADER}{body}{END}"));
    if let Ok(document) = document
        && document.matches("xmlns").count() < 200
        && !document.split('<').any(declares_twice)
        && !document.split('<').any(has_odd_prefix)
        && !document.split("&#").skip(1).any(is_odd)
        && let Some(tree) = only_child(&document)
    {
        is_read(&tree, bounds, body.len() > LONGEST.max(2 * bounds.bytes), read);
    }
}

/// Whether a reference to a character, without its `&#`, is longer than the reader takes, or to none that there is:
/// roxmltree takes that for U+FFFD, as the reader does, but not for an error.
fn is_odd(reference: &str) -> bool {
    let number = reference.split(';').next().unwrap_or_default();
    let code = match number.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    number.len() > 12 || code.ok().and_then(char::from_u32).is_none()
}

/// Whether a tag declares a namespace twice, which is not well-formed: roxmltree takes that, and the first of the two.
fn declares_twice(tag: &str) -> bool {
    let mut names: Vec<&str> =
        tag.split("xmlns").skip(1).filter_map(|rest| Some(rest.split_once('=')?.0.trim())).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    names.len() < all
}

/// Whether a name in a tag begins with a colon, which no name does, or is `xmlns` with whatever prefix: roxmltree takes that for
/// `xmlns` alone.
fn has_odd_prefix(tag: &str) -> bool {
    if tag.contains(":xmlns") {
        return true;
    }
    let before = |at: usize| tag[..at].chars().next_back();
    tag.match_indices(':').any(|(at, _)| before(at).is_none_or(|c| c.is_ascii_whitespace() || matches!(c, '\'' | '"')))
}

/// What is meant by the bytes, and whether some of it is long.
fn expanded(body: &[u8]) -> (Vec<u8>, bool) {
    match body.iter().position(|byte| *byte == MANY.0).map(|at| (&body[..at], &body[at + 1..])) {
        Some((before, [byte, rest @ ..])) => ([before, &vec![*byte; MANY.1], rest].concat(), true),
        _ => (body.to_vec(), false),
    }
}

/// All that a stream yields, up to its end or an error.
fn frames(
    stream: &[u8],
    bounds: Bounds,
    piece: usize,
    waits: bool,
    kind: Option<StreamKind>,
    as_text: bool,
) -> Vec<io::Result<Frame>> {
    let mut ready = false;
    let pieces = Pieces::new(stream, || {
        ready = !ready || !waits;
        ready.then_some(piece)
    });
    let mut reader = FrameReader::new(pieces, bounds);
    if let Some(kind) = kind {
        reader = reader.expecting(kind);
    }
    // What waits is dropped and asked anew: nothing may get lost.
    let header = (0..=2 * stream.len()).find_map(|_| reader.header().now_or_never()).expect("an end of waiting");
    assert_eq!(header.expect("a header").id, "1");
    let mut frames = Vec::new();
    loop {
        assert!(frames.len() <= stream.len(), "more frames than bytes");
        let next = (0..=2 * stream.len()).find_map(|_| reader.next_or_text(|_| as_text).now_or_never());
        frames.push(next.expect("an end of waiting"));
        if matches!(frames.last(), Some(Err(_) | Ok(Frame::End))) {
            return frames;
        }
    }
}

fn shown(frames: &[io::Result<Frame>], long: bool) -> Vec<String> {
    frames.iter().map(|frame| shown_one(frame, long)).collect()
}

/// Of a head that is over a bound, how much was held of it depends on how it arrived: its name, too, may go on.
fn shown_one(frame: &io::Result<Frame>, long: bool) -> String {
    match frame {
        Ok(Frame::TooBig(_) | Frame::Unreadable) if long => "too big".into(),
        frame => format!("{frame:?}"),
    }
}

/// All that there is to see of the tags of an element, or of its text.
fn tags_of(frame: &io::Result<Frame>) -> Option<String> {
    let mut seen = String::new();
    let visit = |level: usize, tag: Tag<'_>| {
        let mut names: Vec<&str> = match tag {
            Tag::Tree(element) => {
                element.attrs().iter().filter(|((ns, _), _)| ns.is_none()).map(|((_, name), _)| name.as_str()).collect()
            }
            Tag::Text { attributes, .. } => {
                let own = attributes.iter().filter(|attribute| !attribute.xml);
                own.map(|attribute| std::str::from_utf8(attribute.name).expect("a name")).collect()
            }
        };
        names.sort_unstable();
        let values: Vec<_> = names.iter().map(|name| (name, tag.attr(name).expect("a value"))).collect();
        assert!(tag.is(tag.name(), &tag.ns()) && !tag.is(tag.name(), "urn:other"));
        seen += &format!("{level} {} {} {values:?}\n", tag.name(), tag.ns());
    };
    match frame {
        Ok(Frame::Element(element)) => element.walk(visit),
        Ok(Frame::Text(text)) => Received::Text(text.clone()).walk(visit),
        _ => return None,
    }
    Some(seen)
}

/// Levels, elements, and bytes as the bounds count them, with what an inherited namespace costs each element.
fn measured(element: &Element) -> (usize, usize, usize) {
    let attributes = element.attrs().iter().map(|((_, name), value)| name.len() + value.len() + 4).sum::<usize>();
    let mut all = (1, 1, element.ns().len().saturating_sub(128) + element.name().len() + 2 + attributes);
    for node in element.nodes() {
        match node {
            Node::Text(text) => all.2 += text.len(),
            Node::Element(child) => {
                let (levels, elements, bytes) = measured(child);
                all = (all.0.max(levels + 1), all.1 + elements, all.2 + bytes);
            }
        }
    }
    all
}

fn is_within(element: &Element, bounds: Bounds) {
    let (levels, elements, bytes) = measured(element);
    assert!(levels <= bounds.depth, "{levels} levels: {element:?}");
    assert!(elements <= bounds.elements, "{elements} elements: {element:?}");
    assert!(bytes <= bounds.bytes, "{bytes} bytes: {element:?}");
}

/// What the reader should make of a well-formed element is what it has made.
fn is_read(tree: &Element, bounds: Bounds, long: bool, read: &Frame) {
    let mut whole = true;
    let Some(expected) = expressible(tree, bounds.depth, &mut whole) else {
        return assert!(matches!(read, Frame::Unreadable), "of an element of XML's own: {read:?}");
    };
    let (_, elements, bytes) = measured(&expected);
    match read {
        Frame::TooBig(head) => {
            assert!(long || elements > bounds.elements || bytes > bounds.bytes, "not too big: {expected:?}");
            assert_eq!((head.name(), head.ns()), (expected.name(), expected.ns()));
        }
        Frame::Element(element) => {
            assert_eq!(normal(element), normal(&expected));
            assert!(whole, "something was left out: {element:?}");
        }
        Frame::Mended(element) => {
            assert_eq!(normal(element), normal(&expected));
            assert!(!whole, "nothing was left out: {element:?}");
        }
        frame => panic!("{frame:?} of {tree:?}"),
    }
}

/// What is left of a tree within so many levels, without what belongs to XML itself, in the namespaces of clients.
fn expressible(tree: &Element, levels: usize, whole: &mut bool) -> Option<Element> {
    if levels == 0 || tree.ns() == XML {
        *whole = false;
        return None;
    }
    let ns = if tree.has_ns(COMPONENT) { CLIENT.to_owned() } else { tree.ns() };
    let mut kept = Element::bare(tree.name(), ns);
    for ((ns, name), value) in tree.attrs() {
        if ns.as_str() == XML && name.as_str() != "lang" {
            *whole = false;
        } else {
            kept.attrs_mut().insert(ns.clone(), name.clone(), value.clone());
        }
    }
    for node in tree.nodes() {
        match node {
            Node::Text(text) => kept.append_text(text.clone()),
            Node::Element(child) => {
                if let Some(child) = expressible(child, levels - 1, whole) {
                    kept.append_child(child);
                }
            }
        }
    }
    Some(kept)
}

/// Whether these bytes are one element whose tags match each other, told in another way than the reader's: from the whole.
pub fn is_one_element(bytes: &[u8]) -> bool {
    let find = |from: usize, what: &[u8]| {
        bytes[from..].windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let (mut open, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest[0] != b'<' {
            if open.is_empty() {
                return false;
            }
            at = find(at, b"<").unwrap_or(bytes.len());
            continue;
        }
        let skipped = [(&b"<![CDATA["[..], &b"]]>"[..]), (b"<!--", b"-->"), (b"<?", b"?>")];
        if let Some((begin, end)) = skipped.iter().find(|(begin, _)| rest.starts_with(begin)) {
            let Some(end_at) = find(at + begin.len(), end).filter(|_| !open.is_empty()) else { return false };
            at = end_at + end.len();
            continue;
        }
        if rest.starts_with(b"<!") {
            return false;
        }
        let is_end = rest.starts_with(b"</");
        let mut quote = None;
        let Some(length) = rest[1..].iter().position(|byte| {
            match (quote, *byte) {
                (None, b'\'' | b'"') if !is_end => quote = Some(*byte),
                (Some(open), byte) if open == byte => quote = None,
                _ => {}
            }
            quote.is_none() && *byte == b'>'
        }) else {
            return false;
        };
        let tag = &rest[1..=length];
        if tag.contains(&b'<') {
            return false;
        }
        let name = |tag: &[u8]| -> Vec<u8> {
            let ends = |byte: &u8| b" \t\r\n/".contains(byte) || (!is_end && b"'\"".contains(byte));
            tag.iter().copied().take_while(|byte| !ends(byte)).collect()
        };
        if is_end {
            if open.pop() != Some(name(&tag[1..])) {
                return false;
            }
        } else if !(tag.len() > 1 && tag.ends_with(b"/")) {
            open.push(name(tag));
        }
        at += length + 2;
        if open.is_empty() {
            return at == bytes.len();
        }
    }
    false
}
