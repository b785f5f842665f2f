//! The time of a log line, in UTC with microseconds; the date and the second are written anew only when they change.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use chrono::DateTime;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime as General};

/// Bytes of `2026-11-21T18:15:44`.
const SECOND: usize = 19;

thread_local! {
    static LAST: Cell<(u64, [u8; SECOND])> = const { Cell::new((0, *b"1970-01-01T00:00:00")) };
}

/// The system's clock.
pub struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let text = written(stanzagate::clock::since_1970());
        match text.as_ref().and_then(|text| std::str::from_utf8(text).ok()) {
            Some(text) => writer.write_str(text),
            // A clock that is off by thousands of years.
            None => General.format_time(writer),
        }
    }
}

fn written(since: Duration) -> Option<[u8; SECOND + 8]> {
    let mut text = *b"1970-01-01T00:00:00.000000Z";
    text.first_chunk_mut()?.clone_from(&second(since.as_secs())?);
    let mut micros = since.subsec_micros();
    for digit in text.iter_mut().rev().skip(1).take(6) {
        *digit = b'0' + u8::try_from(micros % 10).ok()?;
        micros /= 10;
    }
    Some(text)
}

fn second(seconds: u64) -> Option<[u8; SECOND]> {
    let (last, text) = LAST.get();
    if last == seconds {
        return Some(text);
    }
    let time = DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)?;
    let text = time.format("%Y-%m-%dT%H:%M:%S").to_string().into_bytes().try_into().ok()?;
    LAST.set((seconds, text));
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, micros: u32) -> Option<String> {
        written(Duration::new(seconds, micros * 1000)).map(|text| String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn each_line_has_its_own_time() {
        assert_eq!(at(0, 1).as_deref(), Some("1970-01-01T00:00:00.000001Z"));
        assert_eq!(at(951_782_399, 999_999).as_deref(), Some("2000-02-28T23:59:59.999999Z"));
        assert_eq!(at(951_782_399, 0).as_deref(), Some("2000-02-28T23:59:59.000000Z"));
        assert_eq!(at(951_782_400, 120_000).as_deref(), Some("2000-02-29T00:00:00.120000Z"));
        assert_eq!(at(951_782_399, 7).as_deref(), Some("2000-02-28T23:59:59.000007Z"));
        assert_eq!([at(253_402_300_800, 0), at(u64::MAX, 0)], [None, None]);
    }

    #[test]
    fn it_is_the_general_clock() {
        let (mut before, mut ours, mut after) = (String::new(), String::new(), String::new());
        General.format_time(&mut Writer::new(&mut before)).unwrap();
        Clock.format_time(&mut Writer::new(&mut ours)).unwrap();
        General.format_time(&mut Writer::new(&mut after)).unwrap();
        assert!(before <= ours && ours <= after, "{before} {ours} {after}");
        assert_eq!(ours.len(), before.len());
    }
}
