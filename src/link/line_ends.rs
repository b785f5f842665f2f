//! Line ends as XML wants them before parsing (XML 1.0 section 2.11): CR LF and a lone CR are one LF.
//!
//! Prosody writes a CR that a client gave as a character reference as it is. The parser refuses one in an attribute, and
//! so any user could end the stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use memchr::memchr;
use tokio::io::AsyncBufRead;

/// Reads `inner` with its line ends made LF.
pub(super) struct LineEnds<R> {
    inner: R,
    /// Bytes that are known to hold no CR. A text full of references is read in as many steps, and each must not look
    /// through the whole buffer again.
    plain: usize,
    /// Bytes that `inner` has shown and that are not consumed.
    at_hand: usize,
    /// What is shown now is an LF that stands for a CR.
    shows: bool,
    /// The last byte was a CR: an LF that follows belongs to it.
    after: bool,
}

impl<R> LineEnds<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, plain: 0, at_hand: 0, shows: false, after: false }
    }

    pub(super) fn into_inner(self) -> R {
        self.inner
    }

    /// True when there is more than what was shown last: it ended at a CR.
    pub(super) fn is_more_at_hand(&self) -> bool {
        self.at_hand > 0
    }
}

impl<R: AsyncBufRead + Unpin> LineEnds<R> {
    pub(super) fn poll_fill_buf(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.after && ready!(Pin::new(&mut self.inner).poll_fill_buf(cx))?.first() == Some(&b'\n') {
            Pin::new(&mut self.inner).consume(1);
        }
        self.after = false;
        let bytes = ready!(Pin::new(&mut self.inner).poll_fill_buf(cx))?;
        self.at_hand = bytes.len();
        if self.plain == 0 {
            self.plain = memchr(b'\r', bytes).unwrap_or(bytes.len());
            self.shows = self.plain == 0 && !bytes.is_empty();
        }
        Poll::Ready(Ok(if self.shows { b"\n" } else { bytes.get(..self.plain).unwrap_or_default() }))
    }

    pub(super) fn consume(&mut self, amount: usize) {
        self.after = self.shows && amount > 0;
        self.shows &= amount == 0;
        self.plain = self.plain.saturating_sub(amount);
        self.at_hand = self.at_hand.saturating_sub(amount);
        Pin::new(&mut self.inner).consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::BufReader;

    use super::*;

    async fn read(bytes: &[u8], piece: usize) -> String {
        let mut reader = LineEnds::new(BufReader::with_capacity(piece, bytes));
        let mut read = Vec::new();
        loop {
            let some = poll_fn(|cx| reader.poll_fill_buf(cx).map(|bytes| bytes.map(<[u8]>::to_vec))).await.unwrap();
            if some.is_empty() {
                return String::from_utf8(read).unwrap();
            }
            reader.consume(some.len());
            read.extend(some);
        }
    }

    #[tokio::test]
    async fn every_line_end_is_one_lf_however_the_bytes_arrive() {
        for piece in 1..8 {
            assert_eq!(read(b"a\rb\r\nc\n\rd\r\r\n\r", piece).await, "a\nb\nc\n\nd\n\n\n", "{piece}");
        }
    }
}
