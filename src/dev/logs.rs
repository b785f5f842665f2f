//! What the server wrote, for the error that says why it did not start.

use super::folder::ServerFolder;

const LINES: usize = 25;

/// The present length of the server's own log, which restarts append to.
pub(super) fn mark(place: &ServerFolder) -> usize {
    std::fs::metadata(place.outside("log/server.log")).map_or(0, |file| usize::try_from(file.len()).unwrap_or(0))
}

/// The last lines since `mark`; what the server printed, if it did not get as far as its log.
pub(super) fn tail(place: &ServerFolder, mark: usize) -> String {
    let read = |name| std::fs::read(place.outside(name)).unwrap_or_default();
    let (log, output) = (read("log/server.log"), read("log/output.log"));
    let log = log.get(mark..).filter(|log| !log.is_empty()).unwrap_or(&output);
    let text = String::from_utf8_lossy(log);
    let skip = text.lines().count().saturating_sub(LINES);
    text.lines().skip(skip).collect::<Vec<_>>().join("\n")
}

/// True when a log says that a port was in use.
pub(super) fn port_taken(log: &str) -> bool {
    ["eaddrinuse", "Failed to open server port"].iter().any(|sign| log.contains(sign))
}
