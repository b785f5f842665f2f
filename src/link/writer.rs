//! The writing task: takes all that waits and writes it in one go, with a ping behind it when somebody waits for one.

use std::sync::Arc;
use std::time::Duration;

use memchr::memchr2_iter;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::LinkError;
use super::barrier::Waiter;
use super::shared::Shared;
use super::stanza::Prepared;
use crate::metrics::LinkMetrics;
use crate::xml::Element;

/// Bytes after which a write takes no further stanza.
const WRITE_BYTES: usize = 256 * 1024;
/// Stanzas after which a write takes no further one.
const WRITE_STANZAS: usize = 1024;

/// Bytes for which there is still room when they are written: there may be many streams that once wrote much.
const KEPT_BYTES: usize = 64 * 1024;

/// Bytes that arrive in one piece on any usual network.
const ONE_PIECE: usize = 1200;

/// Longest time for writing the stream's end.
const GOODBYE: Duration = Duration::from_secs(1);

/// What the queue holds.
pub(super) enum Outgoing {
    Stanza(Queued),
    /// Ends the stream once everything before it is written.
    Close,
}

/// A stanza in the queue.
pub(super) struct Queued {
    pub(super) stanza: Prepared,
    pub(super) then: Then,
    pub(super) share: QueueShare,
}

/// Who waits for what after the write.
pub(super) enum Then {
    Nothing,
    Written(oneshot::Sender<Result<(), LinkError>>),
    /// Its processing.
    Routed(oneshot::Sender<Result<Option<Element>, LinkError>>),
    /// Its reply.
    Iq,
}

/// A share of the queue's bytes, given back when the stanza is written or dropped.
pub(super) struct QueueShare {
    _permit: OwnedSemaphorePermit,
    bytes: i64,
    metrics: Arc<LinkMetrics>,
}

impl QueueShare {
    pub(super) fn new(permit: OwnedSemaphorePermit, bytes: usize, metrics: Arc<LinkMetrics>) -> Self {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        metrics.queue_stanzas.inc();
        metrics.queue_bytes.inc_by(bytes);
        Self { _permit: permit, bytes, metrics }
    }
}

impl Drop for QueueShare {
    fn drop(&mut self) {
        self.metrics.queue_stanzas.dec();
        self.metrics.queue_bytes.dec_by(self.bytes);
    }
}

/// What one write consists of. One serves all writes of a stream, so that its buffers grow once.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    written: Vec<oneshot::Sender<Result<(), LinkError>>>,
    routed: Vec<Waiter>,
    shares: Vec<QueueShare>,
    close: bool,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.close || self.bytes.len() >= WRITE_BYTES || self.shares.len() >= WRITE_STANZAS
    }

    fn add(&mut self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Close => self.close = true,
            Outgoing::Stanza(Queued { stanza, then, share }) => {
                self.bytes.extend_from_slice(stanza.bytes());
                self.shares.push(share);
                match then {
                    Then::Written(waiter) => self.written.push(waiter),
                    Then::Routed(answer) => self.routed.push(Waiter { stanza, answer }),
                    Then::Nothing | Then::Iq => {}
                }
            }
        }
    }

    /// Puts a ping behind the stanzas for those who want to be confirmed.
    fn confirm(&mut self, shared: &Shared) {
        let as_many = Vec::with_capacity(self.routed.len());
        let waiters = std::mem::replace(&mut self.routed, as_many);
        match &shared.ping {
            Ok(ping) => {
                if let Some(id) = shared.barriers.add(waiters) {
                    ping.write(&id, &mut self.bytes);
                }
            }
            Err(error) => {
                for waiter in waiters {
                    let _ = waiter.answer.send(Err(error.clone().into()));
                }
            }
        }
    }

    /// Puts white space behind a write that may arrive in pieces. Expat 2.6 and later (Debian 13's Prosody) does not look
    /// at a cut-off tag again before what it holds has doubled: without more behind it, the last tag of a write could
    /// wait for the next write.
    fn pad(&mut self) {
        if self.bytes.len() > ONE_PIECE {
            let padded = self.bytes.len() + longest_tag(&self.bytes);
            self.bytes.resize(padded, b' ');
        }
    }

    /// Forgets what is written, whose waiters have been taken out, and gives back its share in the queue.
    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.shares.clear();
    }

    async fn write<W: AsyncWrite + Unpin>(&self, out: &mut W) -> std::io::Result<()> {
        out.write_all(&self.bytes).await?;
        out.flush().await
    }
}

/// The length of the longest tag. The encoder escapes both brackets wherever they are not a tag's.
fn longest_tag(bytes: &[u8]) -> usize {
    let (mut opened, mut longest) = (0, 0);
    for at in memchr2_iter(b'<', b'>', bytes) {
        match bytes.get(at) {
            Some(b'<') => opened = at,
            _ => longest = longest.max(at + 1 - opened),
        }
    }
    longest
}

/// Writes until the stream ends; then fails what was never written.
pub(super) async fn run<W: AsyncWrite + Unpin>(shared: Arc<Shared>, mut queue: mpsc::Receiver<Outgoing>, mut out: W) {
    let whole = write_all(&shared, &mut queue, &mut out).await;
    queue.close();
    let down = LinkError::Down(shared.cause());
    while let Some(outgoing) = queue.recv().await {
        never_written(&shared, outgoing, &down);
    }
    // After half a stanza an end tag would mean nothing.
    if whole {
        let _ = timeout(GOODBYE, goodbye(&mut out)).await;
    }
}

/// Writes batch after batch; false when the last one was cut off.
async fn write_all<W>(shared: &Shared, queue: &mut mpsc::Receiver<Outgoing>, out: &mut W) -> bool
where
    W: AsyncWrite + Unpin,
{
    let mut ended = shared.ended();
    let mut batch = Batch::default();
    loop {
        let first = tokio::select! {
            first = queue.recv() => first,
            _ = ended.wait_for(Option::is_some) => None,
        };
        let Some(first) = first else { return true };
        if matches!(first, Outgoing::Stanza(Queued { then: Then::Routed(_), .. })) {
            tokio::select! {
                () = shared.barriers.turn() => {}
                _ = ended.wait_for(Option::is_some) => {
                    never_written(shared, first, &LinkError::Down(shared.cause()));
                    return true;
                }
            }
        }
        batch.add(first);
        // Whoever is about to queue a stanza gets it into the same write.
        yield_now().await;
        while !batch.is_full() {
            let Ok(next) = queue.try_recv() else { break };
            batch.add(next);
        }
        batch.confirm(shared);
        batch.pad();
        let outcome = tokio::select! {
            outcome = timeout(shared.silence(), batch.write(out)) => outcome,
            _ = ended.wait_for(Option::is_some) => Ok(Err(std::io::ErrorKind::ConnectionAborted.into())),
        };
        let cause = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("cannot write: {error}")),
            Err(_) => Some("the server has stopped reading".to_owned()),
        };
        shared.metrics.stanzas_out.inc_by(batch.shares.len() as u64);
        let failed = cause.is_some();
        for waiter in batch.written.drain(..) {
            let _ = waiter.send(if failed { Err(LinkError::Unknown) } else { Ok(()) });
        }
        if let Some(cause) = cause {
            shared.end(&cause, false);
            return false;
        }
        if batch.close {
            return true;
        }
        batch.clear();
    }
}

fn never_written(shared: &Shared, outgoing: Outgoing, down: &LinkError) {
    let Outgoing::Stanza(Queued { stanza, then, .. }) = outgoing else { return };
    match then {
        Then::Nothing => {}
        Then::Written(waiter) => drop(waiter.send(Err(down.clone()))),
        Then::Routed(waiter) => drop(waiter.send(Err(down.clone()))),
        Then::Iq => shared.iqs.fail(stanza.id(), down.clone()),
    }
}

async fn goodbye<W: AsyncWrite + Unpin>(out: &mut W) -> std::io::Result<()> {
    out.write_all(b"</stream:stream>").await?;
    out.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::longest_tag;

    #[test]
    fn the_longest_tag_is_measured_with_its_brackets() {
        assert_eq!(longest_tag(b"<a><bcd e='f'/>text &gt; text</a>"), "<bcd e='f'/>".len());
        assert_eq!(longest_tag(b"no tag"), 0);
    }
}
