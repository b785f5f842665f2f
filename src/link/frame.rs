//! Stream reading: the header, then one bounded element after another.

use std::io;

use rxml::{AsyncReader, Event, Namespace, Options};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

use super::input::{Input, invalid};
use crate::xml::build::{Builder, Built};
use crate::xml::plain::read_plain;
use crate::xml::read::Bounds;
use crate::xml::scan::Scan;
use crate::xml::text::{Tags, Text};
use crate::xml::token::{Stop, trim_start};
use crate::xml::{Element, STREAMS, StreamKind};

/// Longest attribute value or name, in bytes. The parser's own default of 8 KiB would end the stream at an attribute
/// that both servers let through.
const MAX_TOKEN: usize = 256 * 1024;

/// What a stream yields.
#[derive(Debug)]
pub enum Frame {
    /// A complete top-level element; component stanzas arrive in `jabber:client`.
    Element(Element),
    /// The same as its own text, where that was wanted.
    Text(Text),
    /// An element over a bound: skipped to its end, only its head kept. The stream goes on.
    TooBig(Element),
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
pub struct FrameReader<R> {
    events: AsyncReader<Input<R>>,
    builder: Builder,
    bounds: Bounds,
    /// The namespace of what has no other on this stream, where it is known.
    default_ns: Option<&'static str>,
    /// The parser stands between two elements and holds nothing back.
    between: bool,
    /// How far the next element is looked through.
    scan: Scan,
}

impl<R: AsyncBufRead + Unpin> FrameReader<R> {
    /// Reads from `inner`, refusing or skipping what is over `bounds`.
    pub fn new(inner: R, bounds: Bounds) -> Self {
        let options = Options { max_token_length: MAX_TOKEN, ..Options::default() };
        // Only a start tag can be long: text comes in pieces. One far over the bounds would be collected in memory
        // before any of it could be skipped.
        let most = bounds.bytes.max(MAX_TOKEN).saturating_mul(4) as u64;
        Self {
            events: AsyncReader::with_options(Input::new(inner, most), options),
            builder: Builder::for_stream(bounds),
            bounds,
            default_ns: None,
            between: false,
            scan: Scan::new(bounds),
        }
    }

    /// The same on a stream of `kind`, whose usual stanzas are then read without the general parser.
    pub fn expecting(self, kind: StreamKind) -> Self {
        Self { default_ns: Some(kind.namespace()), ..self }
    }

    /// Reads the stream header.
    ///
    /// # Errors
    /// When the peer sends something else, or the connection fails.
    pub async fn header(&mut self) -> io::Result<Header> {
        loop {
            match self.event().await? {
                Event::StartElement(_, (namespace, name), attributes) => {
                    if namespace.as_str() != STREAMS || name.as_str() != "stream" {
                        return Err(invalid(format!("expected a stream header, got <{name} xmlns='{namespace}'>")));
                    }
                    let get = |key: &str| attributes.get("", key).cloned();
                    return Ok(Header { id: get("id").unwrap_or_default(), from: get("from") });
                }
                Event::XmlDeclaration(..) | Event::Text(..) => {}
                Event::EndElement(_) => return Err(invalid("expected a stream header".into())),
            }
        }
    }

    /// Reads the next top-level element.
    ///
    /// # Errors
    /// When the bytes are not well-formed XML, or the connection fails; the stream is unusable afterwards.
    pub async fn next(&mut self) -> io::Result<Frame> {
        self.next_or_text(|_| false).await
    }

    /// As [`FrameReader::next`], but as its own text where that is `wanted` by the tags of a plain element.
    ///
    /// # Errors
    /// As [`FrameReader::next`].
    pub async fn next_or_text(&mut self, wanted: impl Fn(Tags<'_>) -> bool) -> io::Result<Frame> {
        loop {
            if let Some(frame) = self.plain(&wanted).await? {
                return Ok(frame);
            }
            let event = self.event().await?;
            if self.builder.is_idle() && matches!(event, Event::EndElement(_)) {
                return Ok(Frame::End);
            }
            let built = self.builder.feed(event);
            self.between = built.is_some();
            match built {
                Some(Built::Whole(element)) => return Ok(Frame::Element(element)),
                Some(Built::Head(head, _)) => return Ok(Frame::TooBig(head)),
                None => {}
            }
        }
    }

    /// The next element, when it is plain: then the parser need not see it. As long as it may be, more is waited for.
    async fn plain(&mut self, wanted: impl Fn(Tags<'_>) -> bool) -> io::Result<Option<Frame>> {
        let Some(default_ns) = self.default_ns.filter(|_| self.between) else { return Ok(None) };
        let input = self.events.inner_mut();
        input.begin_event();
        while self.scan.is_new() {
            let bytes = input.fill_buf().await?;
            let spaces = bytes.len() - trim_start(bytes).len();
            if spaces == 0 {
                break;
            }
            input.consume(spaces);
        }
        let length = loop {
            let bytes = input.fill_buf().await?;
            match self.scan.advance(bytes, default_ns) {
                Ok(length) => break Some(length),
                Err(Stop::More) if bytes.len() <= self.bounds.bytes && input.more().await? => {}
                Err(_) => break None,
            }
        };
        self.scan = Scan::new(self.bounds);
        self.between = false;
        let Some(length) = length else { return Ok(None) };
        let bytes = input.fill_buf().await?.get(..length).unwrap_or_default();
        let frame = if wanted(Tags::new(bytes)) {
            Some(Frame::Text(Text::new(bytes)))
        } else {
            let read = read_plain(bytes, Namespace::from(default_ns), Builder::for_stream(self.bounds));
            read.map(|(element, _)| Frame::Element(element))
        };
        if frame.is_some() {
            self.between = true;
            input.consume(length);
        }
        Ok(frame)
    }

    /// Bytes received so far: it grows with every sign of life, white space and parts of stanzas included.
    pub fn received(&self) -> u64 {
        self.events.inner().received()
    }

    /// The transport, to wrap it in TLS or to restart the stream. Bytes already buffered stay in the buffered reader.
    pub fn into_inner(self) -> R {
        self.events.into_inner().0.into_inner()
    }

    async fn event(&mut self) -> io::Result<Event> {
        let event = self.events.read().await.map_err(|error| {
            let eof =
                error.get_ref().and_then(|e| e.downcast_ref()).is_some_and(|e| matches!(e, rxml::Error::InvalidEof(_)));
            if eof { io::ErrorKind::UnexpectedEof.into() } else { error }
        })?;
        self.events.inner_mut().begin_event();
        event.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
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
                read.push(format!("{} bytes", if frame.is_ok() { frames.events.inner().consumed } else { 0 }));
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
}
