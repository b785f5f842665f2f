//! The bytes of a stream as its reader takes them: as they come, or held until an element is whole.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use super::line_ends::LineEnds;

/// Room that is kept when nothing is held any more, at most.
const KEPT: usize = 1 << 20;

/// Counts what is consumed.
pub(super) struct Input<R> {
    inner: LineEnds<R>,
    /// What was taken from `inner` to be shown together; all up to `consumed_of_held` is consumed.
    held: Vec<u8>,
    consumed_of_held: usize,
    /// Bytes consumed so far.
    pub(super) consumed: u64,
}

impl<R> Input<R> {
    /// The bytes of `inner`.
    pub(super) fn new(inner: R) -> Self {
        Self { inner: LineEnds::new(inner), held: Vec::new(), consumed_of_held: 0, consumed: 0 }
    }

    /// Bytes received so far, those that are held included.
    pub(super) fn received(&self) -> u64 {
        self.consumed + self.shown().len() as u64
    }

    /// What the bytes come from, and those that were taken from it and not consumed.
    pub(super) fn into_inner(self) -> (R, Vec<u8>) {
        let held = self.shown().to_vec();
        (self.inner.into_inner(), held)
    }

    /// What is held and not consumed.
    fn shown(&self) -> &[u8] {
        self.held.get(self.consumed_of_held..).unwrap_or_default()
    }
}

impl<R: AsyncBufRead + Unpin> Input<R> {
    /// Holds what is shown, and shows what comes next behind it; false when nothing comes. Dropping it while it waits loses
    /// nothing.
    pub(super) async fn more(&mut self) -> io::Result<bool> {
        if self.held.is_empty() {
            self.hold().await?;
        }
        self.hold().await
    }

    async fn hold(&mut self) -> io::Result<bool> {
        self.held.drain(..std::mem::take(&mut self.consumed_of_held));
        poll_fn(|cx| {
            let bytes = ready!(self.inner.poll_fill_buf(cx))?;
            let taken = bytes.len();
            self.held.extend_from_slice(bytes);
            self.inner.consume(taken);
            Poll::Ready(Ok(taken > 0))
        })
        .await
    }
}

impl<R: AsyncBufRead + Unpin> AsyncRead for Input<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let bytes = ready!(Pin::new(&mut *this).poll_fill_buf(cx))?;
        let taken = bytes.len().min(buf.remaining());
        buf.put_slice(bytes.get(..taken).unwrap_or_default());
        Pin::new(this).consume(taken);
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncBufRead + Unpin> AsyncBufRead for Input<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.held.is_empty() { this.inner.poll_fill_buf(cx) } else { Poll::Ready(Ok(this.shown())) }
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.consumed += amount as u64;
        if this.held.is_empty() {
            this.inner.consume(amount);
            return;
        }
        this.consumed_of_held += amount;
        if this.shown().is_empty() {
            this.consumed_of_held = 0;
            this.held.clear();
            this.held.shrink_to(KEPT);
        }
    }
}
