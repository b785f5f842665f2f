//! A caller's connection that is not waited on for ever: whoever does not read their answer loses it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// The slowest reader that is borne, in bytes a second, averaged over an answer, beside one `http.write_seconds` in which
/// nothing need be taken.
const SLOWEST: u64 = 4 << 10;

/// A connection whose writes fail once the other end has taken nothing for too long.
pub struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Bytes of the answer that were taken.
    taken: u64,
    /// How long the other end was waited for in this answer.
    waited: Duration,
    /// The wait that is under way: since when.
    since: Option<Instant>,
    /// Made for the first wait: most connections never have one.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    /// Waits `patience` for the other end to take something.
    pub fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, taken: 0, waited: Duration::ZERO, since: None, alarm: None }
    }

    /// Nothing could be written.
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let allowed = self.patience.saturating_add(Duration::from_millis(self.taken.saturating_mul(1000) / SLOWEST));
        let end = since + self.patience.min(allowed.saturating_sub(self.waited));
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if alarm.deadline() != end {
            alarm.as_mut().reset(end);
        }
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the answer is not read")))
    }

    fn wrote(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(bytes as u64);
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(Ok(count)) => {
                self.wrote(count);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => self.wait(cx),
        }
    }

    /// Called when nothing is left to be written: what comes next is another answer.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (self.taken, self.waited, self.since) = (0, Duration::ZERO, None);
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// Writes `size` bytes to somebody who takes `step` of them every `pause`: how it ended, and how long it took.
    async fn written(size: usize, step: usize, pause: Duration) -> (io::Result<()>, Duration) {
        let (near, mut far) = duplex(4096);
        let mut near = Patient::new(near, PATIENCE);
        let reader = tokio::spawn(async move {
            let mut piece = vec![0; step];
            loop {
                tokio::time::sleep(pause).await;
                if step == 0 {
                    continue;
                }
                if !matches!(far.read(&mut piece).await, Ok(1..)) {
                    break;
                }
            }
        });
        let begun = Instant::now();
        let written = async {
            near.write_all(&vec![b'x'; size]).await?;
            near.flush().await
        };
        let outcome = (written.await, begun.elapsed());
        reader.abort();
        outcome
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_borne_and_one_who_does_not_read_is_not() {
        let (outcome, time) = written(5 << 20, 64 << 10, Duration::from_secs(1)).await;
        assert!(outcome.is_ok() && time > Duration::from_secs(60), "{outcome:?} {time:?}");
        let (outcome, time) = written(1 << 20, 0, PATIENCE).await;
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(time < PATIENCE + Duration::from_secs(2), "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_drip_is_no_reading() {
        let (outcome, time) = written(1 << 20, 1, Duration::from_secs(20)).await;
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(time < 3 * PATIENCE, "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_is_waited_for_anew() {
        let (near, mut far) = duplex(100);
        let mut near = Patient::new(near, PATIENCE);
        let reader = tokio::spawn(async move {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_secs(20)).await;
                far.read_exact(&mut [0; 200]).await.unwrap();
            }
        });
        for _ in 0..20 {
            near.write_all(&[b'x'; 200]).await.unwrap();
            near.flush().await.unwrap();
        }
        reader.await.unwrap();
    }
}
