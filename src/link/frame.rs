//! Stream reading: the header, then one bounded element after another.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rxml::{AsyncReader, Event, Namespace, Options};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, ReadBuf};

use super::line_ends::LineEnds;
use crate::xml::build::{Builder, Built};
use crate::xml::plain::{read_plain, trim_start};
use crate::xml::read::Bounds;
use crate::xml::{Element, STREAMS, StreamKind};

/// Longest attribute value or name, in bytes. The parser's own default of 8 KiB would end the stream at an attribute
/// that both servers let through.
const MAX_TOKEN: usize = 256 * 1024;

/// What a stream yields.
#[derive(Debug)]
pub enum Frame {
    /// A complete top-level element; component stanzas arrive in `jabber:client`.
    Element(Element),
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
    events: AsyncReader<Metered<R>>,
    builder: Builder,
    bounds: Bounds,
    /// The namespace of what has no other on this stream, where it is known.
    default_ns: Option<&'static str>,
    /// The parser stands between two elements and holds nothing back.
    between: bool,
}

impl<R: AsyncBufRead + Unpin> FrameReader<R> {
    /// Reads from `inner`, refusing or skipping what is over `bounds`.
    pub fn new(inner: R, bounds: Bounds) -> Self {
        let options = Options { max_token_length: MAX_TOKEN, ..Options::default() };
        // Only a start tag can be long: text comes in pieces. One far over the bounds would be collected in memory
        // before any of it could be skipped.
        let most = bounds.bytes.max(MAX_TOKEN).saturating_mul(4) as u64;
        let metered = Metered { inner: LineEnds::new(inner), received: 0, event_start: 0, most };
        Self {
            events: AsyncReader::with_options(metered, options),
            builder: Builder::for_stream(bounds),
            bounds,
            default_ns: None,
            between: false,
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
        loop {
            if let Some(element) = self.plain().await? {
                return Ok(Frame::Element(element));
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

    /// The next element, when it is plain and all of it is here: then the parser need not see it.
    async fn plain(&mut self) -> io::Result<Option<Element>> {
        let Some(default_ns) = self.default_ns.filter(|_| self.between) else { return Ok(None) };
        let input = self.events.inner_mut();
        input.event_start = input.received;
        loop {
            let bytes = input.fill_buf().await?;
            let spaces = bytes.len() - trim_start(bytes).len();
            if spaces == 0 {
                break;
            }
            input.consume(spaces);
        }
        let bytes = input.fill_buf().await?;
        let read = read_plain(bytes, Namespace::from(default_ns), Builder::for_stream(self.bounds));
        let read = read.map(|(element, rest)| (element, bytes.len() - rest.len()));
        self.between = read.is_some();
        Ok(read.map(|(element, taken)| {
            input.consume(taken);
            element
        }))
    }

    /// Bytes received so far: it grows with every sign of life, white space and parts of stanzas included.
    pub fn received(&self) -> u64 {
        self.events.inner().received
    }

    /// The transport, to wrap it in TLS or to restart the stream. Bytes already buffered stay in the buffered reader.
    pub fn into_inner(self) -> R {
        self.events.into_inner().0.inner.into_inner()
    }

    async fn event(&mut self) -> io::Result<Event> {
        let event = self.events.read().await.map_err(|error| {
            let eof =
                error.get_ref().and_then(|e| e.downcast_ref()).is_some_and(|e| matches!(e, rxml::Error::InvalidEof(_)));
            if eof { io::ErrorKind::UnexpectedEof.into() } else { error }
        })?;
        let metered = self.events.inner_mut();
        metered.event_start = metered.received;
        event.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Counts what is consumed, and fails when one parser event takes too much.
struct Metered<R> {
    inner: LineEnds<R>,
    received: u64,
    event_start: u64,
    most: u64,
}

impl<R: AsyncBufRead + Unpin> AsyncRead for Metered<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let bytes = ready!(this.inner.poll_fill_buf(cx))?;
        let taken = bytes.len().min(buf.remaining());
        buf.put_slice(bytes.get(..taken).unwrap_or_default());
        Pin::new(this).consume(taken);
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncBufRead + Unpin> AsyncBufRead for Metered<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.received - this.event_start > this.most {
            return Poll::Ready(Err(invalid("a start tag is larger than can be held".into())));
        }
        this.inner.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.received += amount as u64;
        this.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::BufReader;

    use super::*;

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

    /// What comes of a stream that arrives in pieces of so many bytes.
    async fn frames(stream: &str, piece: usize, expected: Option<StreamKind>) -> Vec<String> {
        let mut frames = FrameReader::new(BufReader::with_capacity(piece, stream.as_bytes()), BOUNDS);
        if let Some(kind) = expected {
            frames = frames.expecting(kind);
        }
        frames.header().await.unwrap();
        let mut read = Vec::new();
        loop {
            let frame = frames.next().await;
            read.push(format!("{frame:?}"));
            if matches!(frame, Err(_) | Ok(Frame::End)) {
                read.push(format!("{} bytes", if frame.is_ok() { frames.received() } else { 0 }));
                return read;
            }
        }
    }

    proptest! {
        #[test]
        fn a_stream_of_known_kind_is_read_as_any_other(pieces in pieces(), piece in 1..600usize) {
            let stream = HEADER.to_owned() + &pieces.concat();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let [known, unknown] = [Some(StreamKind::Component), None]
                .map(|expected| runtime.block_on(frames(&stream, piece, expected)));
            prop_assert_eq!(known, unknown);
        }
    }
}
