//! Stream reading: the header, then one bounded element after another, whatever is in them.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

use super::input::Input;
use crate::xml::bounds::Bounds;
use crate::xml::lenient::{Reading, read, read_head};
use crate::xml::namespaces::Enclosing;
use crate::xml::plain::PlainReader;
use crate::xml::received::{Received, Tag};
use crate::xml::split::{Item, Split};
use crate::xml::text::Text;
use crate::xml::token::{Stop, trim_start};
use crate::xml::{Element, STREAMS, StreamKind};

/// Bytes of a stream header, at most.
const HEADER: usize = 64 * 1024;

/// What a stream yields.
#[derive(Debug)]
pub enum Frame {
    /// A complete top-level element; component stanzas arrive in `jabber:client`.
    Element(Element),
    /// The same as its own text, where that was wanted.
    Text(Text),
    /// What is left of an element of which something cannot be expressed.
    Mended(Element),
    /// An element over a bound: skipped to its end, only its head kept. The stream goes on.
    TooBig(Element),
    /// An element that cannot be expressed at all: skipped. The stream goes on.
    Unreadable,
    /// The peer closed the stream properly.
    End,
}

/// The attributes of the peer's stream header.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// The stream id.
    pub id: String,
    /// The peer's name as it gives it.
    pub from: Option<String>,
}

/// Reads a stream. Dropping a pending [`FrameReader::next`] loses nothing.
///
/// Where an element ends is found apart from what it says, so that one element can cost no other. Usual stanzas are read
/// while they are looked through; all others by a reader that leaves out what cannot be expressed.
pub struct FrameReader<R> {
    input: Input<R>,
    bounds: Bounds,
    /// Bytes of an element as it is written, at most: tags and references take more than what they say.
    most: usize,
    /// Reads what is plain, where the namespace of what declares no other is known.
    plain: Option<PlainReader>,
    /// What the stream header declares.
    enclosing: Enclosing,
    /// What comes next may be plain.
    between: bool,
    /// How far what comes next is looked through, whatever it is.
    split: Split,
    /// What comes next is larger than is held: what is known of it.
    skipped: Option<Option<Element>>,
}

impl<R: AsyncBufRead + Unpin> FrameReader<R> {
    /// Reads from `inner`, skipping what is over `bounds`.
    pub fn new(inner: R, bounds: Bounds) -> Self {
        Self::reading(Input::new(inner), bounds)
    }

    fn reading(input: Input<R>, bounds: Bounds) -> Self {
        Self {
            input,
            bounds,
            most: bounds.bytes.saturating_mul(2).max(HEADER),
            plain: None,
            enclosing: Enclosing::default(),
            between: false,
            split: Split::for_header(),
            skipped: None,
        }
    }

    /// The same on a stream of `kind`, whose usual stanzas are then read fastest.
    pub fn expecting(self, kind: StreamKind) -> Self {
        Self { plain: Some(PlainReader::new(kind.namespace(), self.bounds)), ..self }
    }

    /// Reads the stream anew, from its header on.
    pub fn restart(self) -> Self {
        let default_ns = self.plain.map(|plain| plain.default_ns());
        let plain = default_ns.map(|default_ns| PlainReader::new(default_ns, self.bounds));
        Self { plain, ..Self::reading(self.input, self.bounds) }
    }

    /// Reads the stream header.
    ///
    /// # Errors
    /// When the peer sends something else, or the connection fails.
    pub async fn header(&mut self) -> io::Result<Header> {
        let unexpected = || invalid("expected a stream header");
        let tag = loop {
            let bytes = self.input.fill_buf().await?;
            match self.split.advance(bytes).map_err(invalid)? {
                Some((Item::Element, length)) => {
                    let tag = bytes.get(..length).unwrap_or_default().to_vec();
                    self.input.consume(length);
                    break tag;
                }
                Some((Item::Other, length)) => {
                    let other = bytes.get(..length).unwrap_or_default();
                    if !trim_start(other).is_empty() && !other.starts_with(b"<") {
                        return Err(unexpected());
                    }
                    self.input.consume(length);
                    self.split = Split::for_header();
                }
                None if bytes.len() <= HEADER => {
                    if !self.input.more().await? {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Some((Item::End, _)) | None => return Err(unexpected()),
            }
        };
        self.split.restart();
        self.enclosing = Enclosing::new(&tag);
        // What is plain is in the namespace that is known: so the peer must have declared no other.
        self.plain = self.plain.take().filter(|plain| plain.default_ns() == self.enclosing.default_ns());
        self.between = true;
        let header =
            read_head(&tag, &self.enclosing).filter(|header| header.is("stream", STREAMS)).ok_or_else(unexpected)?;
        let get = |key: &str| header.attr(key).map(str::to_owned);
        Ok(Header { id: get("id").unwrap_or_default(), from: get("from") })
    }

    /// Reads the next top-level element.
    ///
    /// # Errors
    /// When the bytes are not those of a tree, so that no element can be told from another, or the connection fails; the
    /// stream is unusable afterwards.
    pub async fn next(&mut self) -> io::Result<Frame> {
        self.next_or_text(|_| false).await
    }

    /// As [`FrameReader::next`], but as its own text where that is `wanted` by the start tag of a plain element.
    ///
    /// # Errors
    /// As [`FrameReader::next`].
    pub async fn next_or_text(&mut self, wanted: impl Fn(Tag<'_>) -> bool) -> io::Result<Frame> {
        loop {
            if let Some(frame) = self.plain(&wanted).await? {
                return Ok(frame);
            }
            if let Some(frame) = self.any().await? {
                return Ok(frame);
            }
        }
    }

    /// The next element, when it is plain. As long as it may be, more is waited for.
    async fn plain(&mut self, wanted: impl Fn(Tag<'_>) -> bool) -> io::Result<Option<Frame>> {
        let Some(plain) = self.plain.as_mut().filter(|_| self.between) else { return Ok(None) };
        let input = &mut self.input;
        while plain.is_new() {
            let bytes = input.fill_buf().await?;
            let spaces = bytes.len() - trim_start(bytes).len();
            if spaces == 0 {
                break;
            }
            input.consume(spaces);
        }
        let read = loop {
            let bytes = input.fill_buf().await?;
            match plain.advance(bytes, &wanted) {
                Ok((received, length)) if length <= self.most => break Some((received, length)),
                Err(Stop::Incomplete) if bytes.len() <= self.bounds.bytes && input.more().await? => {}
                Ok(_) | Err(_) => break None,
            }
        };
        plain.restart();
        self.between = read.is_some();
        Ok(read.map(|(received, length)| {
            input.consume(length);
            match received {
                Received::Tree(element) => Frame::Element(element),
                Received::Text(text) => Frame::Text(text),
            }
        }))
    }

    /// What comes next, whatever it is; `None` when it is nothing of a stream.
    async fn any(&mut self) -> io::Result<Option<Frame>> {
        let (item, length) = loop {
            let bytes = self.input.fill_buf().await?;
            if let Some(found) = self.split.advance(bytes).map_err(invalid)? {
                break found;
            }
            let shown = bytes.len();
            if self.skipped.is_none() && shown > self.most {
                self.skipped = Some(read_head(bytes, &self.enclosing));
            }
            let went_on = if self.skipped.is_some() {
                self.split.forget();
                self.input.consume(shown);
                shown > 0
            } else {
                self.input.more().await?
            };
            if !went_on {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let bytes = self.input.fill_buf().await?.get(..length).unwrap_or_default();
        let frame = match (item, self.skipped.take()) {
            (Item::Other, _) => None,
            (Item::End, _) if self.enclosing.is_ended_by(bytes) => Some(Frame::End),
            (Item::End, _) => return Err(invalid("an end tag without a start tag")),
            (Item::Element, Some(head)) => Some(head.map_or(Frame::Unreadable, Frame::TooBig)),
            // As if it had arrived in pieces.
            (Item::Element, None) if length > self.most => Some(head(bytes, &self.enclosing)),
            (Item::Element, None) => Some(match read(bytes, &self.enclosing, self.bounds) {
                Reading::Whole(element) => Frame::Element(element),
                Reading::Mended(element) => Frame::Mended(element),
                Reading::Over => head(bytes, &self.enclosing),
                Reading::Nothing => Frame::Unreadable,
            }),
        };
        self.input.consume(length);
        self.split.restart();
        self.between = true;
        Ok(frame)
    }

    /// Bytes received so far: it grows with every sign of life, white space and parts of stanzas included.
    pub fn received(&self) -> u64 {
        self.input.received()
    }

    /// The transport, to wrap it in TLS, and what was read from it and not looked at. Further bytes may be in the
    /// transport's own buffer.
    pub fn into_inner(self) -> (R, Vec<u8>) {
        self.input.into_inner()
    }
}

/// What is kept of an element that is too big.
fn head(bytes: &[u8], enclosing: &Enclosing) -> Frame {
    read_head(bytes, enclosing).map_or(Frame::Unreadable, Frame::TooBig)
}

fn invalid(cause: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, cause.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::BufReader;

    use super::*;
    use crate::xml::received::Received;
    use crate::xml::received::tests::seen;

    const BOUNDS: Bounds = Bounds { depth: 3, bytes: 300, elements: 8 };
    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                          xmlns:stream='http://etherx.jabber.org/streams' id='1' from='gw.example.org'>";

    fn pieces() -> impl Strategy<Value = Vec<&'static str>> {
        let plain = prop::sample::select(vec![
            "<iq type='result' from='example.org' to='gw.example.org' id='b1'/>",
            "<message xml:lang='en' to='gw.example.org' from=\"a@example.org/\u{4f60}\"><body>1 &lt; 2 > 0</body></message>",
            "<iq type='result'><query xmlns='urn:a'><item jid='a@b'><x xmlns='urn:b'/></item></query></iq>",
        ]);
        let odd = prop::sample::select(vec![
            " ",
            "\n\r\n",
            "text",
            "<stream:features><a xmlns='urn:a'/></stream:features>",
            "<iq a='1&#10;2'/>",
            "<iq><![CDATA[<a/>]]></iq>",
            "<p:a xmlns:p='jabber:component:accept'/>",
            "<a><b><c><d/></c></b></a>",
            "<message",
            "<iq a='",
            "'/>",
            ">",
            "</iq>",
            "<!-- -->",
            "</stream:stream>",
        ]);
        prop::collection::vec(prop_oneof![3 => plain, 1 => odd], 0..12)
    }

    /// What comes of a stream that arrives in pieces of so many bytes: trees, or the tags of those or of texts.
    async fn frames(stream: &str, piece: usize, (expected, tags): (Option<StreamKind>, bool)) -> Vec<String> {
        let mut frames = FrameReader::new(BufReader::with_capacity(piece, stream.as_bytes()), BOUNDS);
        if let Some(kind) = expected {
            frames = frames.expecting(kind);
        }
        frames.header().await.unwrap();
        let mut read = Vec::new();
        loop {
            let frame = frames.next_or_text(|_| tags).await;
            read.push(match &frame {
                Ok(Frame::Text(text)) => format!("{:?}", seen(&Received::Text(text.clone()))),
                Ok(Frame::Element(element)) if tags => format!("{:?}", seen(element)),
                frame => format!("{frame:?}"),
            });
            if matches!(frame, Err(_) | Ok(Frame::End)) {
                read.push(format!("{} bytes", if frame.is_ok() { frames.input.consumed } else { 0 }));
                return read;
            }
        }
    }

    proptest! {
        #[test]
        fn a_stream_of_known_kind_is_read_as_any_other(pieces in pieces(), piece in 1..600usize) {
            let stream = HEADER.to_owned() + &pieces.concat();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for tags in [false, true] {
                let [known, unknown] = [Some(StreamKind::Component), None]
                    .map(|expected| runtime.block_on(frames(&stream, piece, (expected, tags))));
                prop_assert_eq!(known, unknown);
            }
        }
    }

    #[tokio::test]
    async fn what_is_too_long_is_skipped_however_it_arrives() {
        let spaces = " ".repeat(super::HEADER);
        for long in [format!("<iq id='1'><a><b><c>{spaces}</c></b></a></iq>"), format!("<iq id='1'{spaces}/>")] {
            for piece in [1000, 2 * super::HEADER] {
                let read = frames(&format!("{HEADER}{long}<iq/>"), piece, (Some(StreamKind::Component), false)).await;
                assert!(read[0].starts_with("Ok(TooBig(") && read[1].starts_with("Ok(Element("), "{piece}: {read:?}");
            }
        }
    }
}
