//! What the server wrote, for the error that says why it did not start.

use super::place::Place;

const FILES: [&str; 2] = ["log/server.log", "log/output.log"];
const LINES: usize = 25;

/// The present length of the server's own log, which restarts append to.
pub(super) fn mark(place: &Place) -> usize {
    std::fs::metadata(place.outside("log/server.log")).map_or(0, |file| usize::try_from(file.len()).unwrap_or(0))
}

/// The last lines since `mark`.
pub(super) fn tail(place: &Place, mark: usize) -> String {
    let mut lines = Vec::new();
    for (name, skip) in FILES.into_iter().zip([mark, 0]) {
        let bytes = std::fs::read(place.outside(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(bytes.get(skip..).unwrap_or_default()).into_owned();
        let from = text.lines().count().saturating_sub(LINES);
        lines.extend(text.lines().skip(from).map(str::to_owned));
    }
    lines.join("\n")
}

/// True when a log says that a port was in use.
pub(super) fn port_taken(log: &str) -> bool {
    ["eaddrinuse", "Failed to open server port"].iter().any(|sign| log.contains(sign))
}
