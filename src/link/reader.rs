//! The reading task: hands every stanza to whom it concerns, and notices silence. It waits for nothing but the socket.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rxml::{Namespace, xml_ncname};
use tokio::io::AsyncBufRead;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error, warn};

use super::frame::{Frame, FrameReader};
use super::shared::Shared;
use super::stream_error::StreamError;
use super::{LinkError, LinkHandle, OnStanza};
use crate::log_limit::LogLimit;
use crate::metrics::link::Dropped;
use crate::xml::received::Received;
use crate::xml::{CLIENT, Element, GATEWAY};

/// The namespace of the conditions of a stanza error (RFC 6120 section 8.3.2).
const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// At most so often the log says that something was skipped, which any user can cause.
const SAID: Duration = Duration::from_secs(60);
static SKIPPED: LogLimit = LogLimit::new(SAID);
/// Parts of the keep-alive time in which input is looked for: silence is noticed with that precision.
const TICKS: u32 = 4;

/// Reads until the stream ends, then fails all who still wait.
pub(super) async fn run<R>(shared: Arc<Shared>, frames: FrameReader<R>, on_stanza: OnStanza, writer: JoinHandle<()>)
where
    R: AsyncBufRead + Unpin,
{
    let end = End(&shared);
    read_all(&shared, frames, &on_stanza).await;
    // The writer first: what it never wrote is known not to have happened.
    let _ = writer.await;
    drop(end);
}

/// Ends the stream for all who wait, also if reading panics.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end("internal error while reading", false);
        self.0.barriers.fail_all(&LinkError::Unknown);
        self.0.iqs.fail_all(&LinkError::Unknown);
    }
}

async fn read_all<R: AsyncBufRead + Unpin>(shared: &Arc<Shared>, mut frames: FrameReader<R>, on_stanza: &OnStanza) {
    let handle = LinkHandle::new(shared.clone());
    let mut ended = shared.ended();
    let mut silence = Silence::new(shared);
    let tick = sleep_until(silence.next);
    tokio::pin!(tick);
    loop {
        tokio::select! {
            biased;
            frame = frames.next_or_text(|tags| shared.iqs.wants_text(tags)) => match frame {
                Ok(Frame::Element(element)) => dispatch(shared, &handle, on_stanza, element),
                Ok(Frame::Text(text)) => {
                    shared.metrics.stanzas_in.inc();
                    resolve(shared, Received::Text(text));
                }
                Ok(Frame::Mended(element)) => {
                    mended(shared, &element);
                    dispatch(shared, &handle, on_stanza, element);
                }
                Ok(Frame::TooBig(head)) => oversize(shared, &handle, on_stanza, head),
                Ok(Frame::Unreadable) => {
                    if let Some(lines) = SKIPPED.say() {
                        warn!(times = lines, "skipped an element that cannot be read");
                    }
                    shared.metrics.drop_one(Dropped::Unreadable);
                }
                Ok(Frame::End) => shared.end("the server closed the stream", false),
                Err(error) if error.kind() == ErrorKind::InvalidData => shared.end_garbled(&error),
                Err(error) => shared.end(&format!("cannot read: {error}"), false),
            },
            () = &mut tick => {
                silence.check(shared, frames.received());
                tick.as_mut().reset(silence.next);
            }
            _ = ended.changed() => {}
        }
        if ended.borrow().is_some() {
            return;
        }
    }
}

fn dispatch(shared: &Shared, handle: &LinkHandle, on_stanza: &OnStanza, element: Element) {
    if let Some(error) = StreamError::read(&element) {
        return shared.end(&error.to_string(), error.is_refusal());
    }
    let kind = element.attr("type").unwrap_or_default();
    match element.name() {
        _ if !element.has_ns(CLIENT) => unknown(shared, &element),
        "iq" if matches!(kind, "result" | "error") => {
            shared.metrics.stanzas_in.inc();
            reply(shared, element);
        }
        "message" | "presence" | "iq" => {
            shared.metrics.stanzas_in.inc();
            if kind == "error" {
                shared.barriers.bounce(&element);
            }
            if element.name() == "iq" {
                shared.note_own(&element);
            }
            hand_over(handle, on_stanza, element);
        }
        _ => unknown(shared, &element),
    }
}

/// Calls the handler; a panic in it costs that stanza only, not the link.
fn hand_over(handle: &LinkHandle, on_stanza: &OnStanza, element: Element) {
    if catch_unwind(AssertUnwindSafe(|| on_stanza(handle, element))).is_err() {
        error!("the handler of incoming stanzas panicked");
    }
}

fn reply(shared: &Shared, reply: Element) {
    if !shared.barriers.resolve(&reply) {
        resolve(shared, Received::Tree(reply));
    }
}

fn resolve(shared: &Shared, reply: Received) {
    let [id, from] = ["id", "from"].map(|name| reply.attr(name).map(Cow::into_owned));
    if !shared.iqs.resolve(reply) {
        debug!(id, from, "a reply nobody waits for");
        shared.metrics.drop_one(Dropped::Unmatched);
        shared.note_rival(id.as_deref().unwrap_or_default(), from.as_deref());
    }
}

fn unknown(shared: &Shared, element: &Element) {
    debug!(name = element.name(), namespace = %element.ns(), "an unknown top-level element");
    shared.metrics.drop_one(Dropped::Unknown);
}

/// Some user has sent what XML cannot say, and the server passes it on: the rest is read.
fn mended(shared: &Shared, element: &Element) {
    let [from, id] = ["from", "id"].map(|name| element.attr(name));
    debug!(name = element.name(), from, id, "left out of a stanza what cannot be expressed, or stands too deep");
    shared.metrics.mended.inc();
}

/// Of a stanza over the bounds only the head is known. Who waits for it must not wait in vain, and a request must be
/// answered.
fn oversize(shared: &Shared, handle: &LinkHandle, on_stanza: &OnStanza, mut head: Element) {
    shared.metrics.oversize.inc();
    if let Some(times) = SKIPPED.say() {
        let [from, id] = ["from", "id"].map(|name| head.attr(name));
        warn!(name = head.name(), from, id, times, "skipped a stanza over the bounds");
    }
    match head.attr("type") {
        Some("result" | "error") if head.is("iq", CLIENT) => {
            head.attrs_mut().insert(Namespace::NONE, xml_ncname!("type").into(), "error".to_owned());
            head.append_child(too_big());
            reply(shared, head);
        }
        Some("error") => shared.barriers.bounce(&head),
        _ if head.is("iq", CLIENT) => hand_over(handle, on_stanza, head),
        _ => {}
    }
}

/// The error that stands for a reply that was too big to be taken.
fn too_big() -> Element {
    let mut text = Element::bare("text", STANZA_ERRORS);
    text.append_text("the answer is larger than the gateway takes");
    Element::builder("error", CLIENT)
        .attr(xml_ncname!("type").into(), "cancel")
        .attr(xml_ncname!("by").into(), GATEWAY)
        .append(Element::bare("policy-violation", STANZA_ERRORS))
        .append(text)
        .build()
}

/// Notices when nothing comes: first a ping, then the end.
struct Silence {
    every: Duration,
    quiet: u32,
    received: u64,
    pinged: bool,
    next: Instant,
}

impl Silence {
    fn new(shared: &Shared) -> Self {
        let every = shared.config.keepalive / TICKS;
        Self { every, quiet: 0, received: 0, pinged: false, next: Instant::now() + every }
    }

    fn check(&mut self, shared: &Shared, received: u64) {
        if received != self.received {
            (self.received, self.quiet, self.pinged) = (received, 0, false);
        } else if self.pinged {
            shared.end("the server is silent", false);
        } else {
            self.quiet += 1;
        }
        let mut pause = self.every;
        if self.quiet >= TICKS && !self.pinged {
            self.pinged = true;
            pause = shared.config.keepalive_timeout;
            shared.keepalive();
        }
        self.next = Instant::now() + pause;
    }
}
