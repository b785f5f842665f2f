//! The log's way to stderr: lines are kept in memory for a moment and written by a thread of their own, many at once, so
//! that no request waits for whoever reads them.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines that may wait. More than that comes only when nobody takes them, and is counted and dropped.
const WAITING: usize = 1 << 20;

/// After a write the next lines are gathered for so long. A line after a quiet time is written at once.
const GATHER: Duration = Duration::from_millis(5);

/// How long a reader that takes nothing is given at the end.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Before what could not be written at the moment is tried again.
const RETRY: Duration = Duration::from_millis(10);

/// Takes lines. Cheap to clone.
#[derive(Clone)]
pub struct Lines(Arc<Shared>);

/// Dropped, it writes what waits; lines that come later are written as they come.
pub struct Flush(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// There are lines where there were none, or it ends.
    some: Condvar,
    /// The last lines are written.
    done: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    dropped: u64,
    idle: bool,
    ending: bool,
    ended: bool,
}

/// Starts a thread that gives `write` whole lines, and `say` the number of those that were dropped.
///
/// # Errors
/// The operating system's, when there can be no thread.
pub fn start(
    write: impl FnMut(&[u8]) + Send + 'static,
    say: impl Fn(u64) + Send + 'static,
) -> io::Result<(Lines, Flush)> {
    let shared = Arc::new(Shared { state: Mutex::default(), some: Condvar::new(), done: Condvar::new() });
    let writing = Arc::clone(&shared);
    std::thread::Builder::new().name("log".into()).spawn(move || writing.run(write, say))?;
    Ok((Lines(Arc::clone(&shared)), Flush(shared)))
}

/// Writes lines to stderr, all of them unless nobody can read them any more.
pub fn to_stderr(mut lines: &[u8]) {
    // Held for all of them, so that nothing else comes between the parts of a line.
    let mut stderr = io::stderr().lock();
    while !lines.is_empty() {
        match stderr.write(lines) {
            Ok(0) => return,
            Ok(written) => lines = lines.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(RETRY),
            Err(_) => return,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut write: impl FnMut(&[u8]), say: impl Fn(u64)) {
        let mut lines = Vec::new();
        loop {
            let mut state = self.lock();
            while state.lines.is_empty() && !state.ending {
                state.idle = true;
                state = self.some.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.idle = false;
            if state.lines.is_empty() {
                state.ended = true;
                self.done.notify_all();
                return;
            }
            std::mem::swap(&mut lines, &mut state.lines);
            let dropped = std::mem::take(&mut state.dropped);
            drop(state);
            if dropped > 0 {
                // While there is room, and in the place where they are missing.
                say(dropped);
            }
            write(&lines);
            lines.clear();
            self.gather();
        }
    }

    fn gather(&self) {
        let until = Instant::now() + GATHER;
        let mut state = self.lock();
        while !state.ending {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.some.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.ended {
            drop(state);
            to_stderr(line);
        } else if state.lines.len() + line.len() > WAITING {
            state.dropped += 1;
        } else {
            state.lines.extend_from_slice(line);
            if std::mem::take(&mut state.idle) {
                self.some.notify_one();
            }
        }
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ending = true;
        self.0.some.notify_one();
        // What is not taken in time is lost: a reader that hangs must not keep the gateway from ending.
        let _ = self.0.done.wait_timeout_while(state, LAST_LINES, |state| !state.ended);
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}

/// A call brings a whole line, or lines.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader that takes what is written only when it is let.
    struct Slow {
        taken: Receiver<Vec<u8>>,
        go: Sender<()>,
    }

    fn slow() -> (Lines, Flush, Slow) {
        let ((gives, taken), (go, may)) = (channel(), channel::<()>());
        let log = Arc::new(Mutex::new(None::<Lines>));
        let speaker = Arc::clone(&log);
        let write = move |lines: &[u8]| {
            let _ = gives.send(lines.to_vec());
            let _ = may.recv();
        };
        let say = move |dropped| {
            if let Some(lines) = speaker.lock().unwrap().as_mut() {
                lines.write_all(format!("{dropped} dropped\n").as_bytes()).unwrap();
            }
        };
        let (lines, flush) = start(write, say).unwrap();
        *log.lock().unwrap() = Some(lines.clone());
        (lines, flush, Slow { taken, go })
    }

    impl Slow {
        fn next(&self) -> String {
            let lines = self.taken.recv_timeout(Duration::from_secs(60)).unwrap();
            String::from_utf8(lines).unwrap()
        }
    }

    #[test]
    fn a_line_is_written_at_once_and_those_behind_it_together() {
        let (mut lines, _flush, reader) = slow();
        lines.write_all(b"first\n").unwrap();
        assert_eq!(reader.next(), "first\n");
        for line in ["second\n", "third\n"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        reader.go.send(()).unwrap();
        assert_eq!(reader.next(), "second\nthird\n");
        reader.go.send(()).unwrap();
    }

    #[test]
    fn nobody_waits_for_a_reader_that_hangs_and_what_it_misses_is_counted() {
        let (mut lines, _flush, reader) = slow();
        lines.write_all(b"first\n").unwrap();
        assert_eq!(reader.next(), "first\n");
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        for _ in 0..WAITING / line.len() + 7 {
            lines.write_all(&line).unwrap();
        }
        reader.go.send(()).unwrap();
        let waiting = reader.next();
        assert_eq!(waiting.len(), WAITING);
        assert!(waiting.lines().all(|line| line.len() == 1023));
        reader.go.send(()).unwrap();
        assert_eq!(reader.next(), "7 dropped\n");
        reader.go.send(()).unwrap();
    }

    #[test]
    fn the_end_waits_for_the_last_lines() {
        let (mut lines, flush, reader) = slow();
        lines.write_all(b"first\n").unwrap();
        assert_eq!(reader.next(), "first\n");
        lines.write_all(b"last\n").unwrap();
        for _ in 0..2 {
            reader.go.send(()).unwrap();
        }
        drop(flush);
        assert_eq!(reader.taken.try_recv().as_deref(), Ok(&b"last\n"[..]));
        assert!(lines.0.lock().ended);
    }
}
