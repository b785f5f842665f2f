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
            self.hold(false).await?;
        }
        self.hold(true).await
    }

    /// Holds one piece more, or all that is at hand.
    async fn hold(&mut self, all: bool) -> io::Result<bool> {
        self.held.drain(..std::mem::take(&mut self.consumed_of_held));
        let before = self.held.len();
        poll_fn(|cx| {
            while let Poll::Ready(bytes) = self.inner.poll_fill_buf(cx) {
                let bytes = bytes?;
                let taken = bytes.len();
                self.held.extend_from_slice(bytes);
                self.inner.consume(taken);
                // An element is looked at anew with each piece: a CR, which ends one, may not cost that every time.
                if !all || !self.inner.is_more_at_hand() {
                    return Poll::Ready(Ok(self.held.len() > before));
                }
            }
            if self.held.len() > before { Poll::Ready(Ok(true)) } else { Poll::Pending }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    #[tokio::test]
    async fn what_is_at_hand_is_shown_at_once_whatever_its_line_ends() {
        let (bytes, size) = ("a\r\nb\r".repeat(1000), 1500);
        let mut input = Input::new(BufReader::with_capacity(size, bytes.as_bytes()));
        assert!(input.more().await.unwrap());
        let shown = input.fill_buf().await.unwrap();
        assert_eq!(shown, "a\nb\n".repeat(size / 5).as_bytes());
        while input.more().await.unwrap() {}
        assert_eq!(input.fill_buf().await.unwrap(), "a\nb\n".repeat(1000).as_bytes());
    }
}
