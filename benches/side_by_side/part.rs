//! The parts of the bench, as the command line names them.

use clap::ValueEnum;

/// A part of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Messages to users, against ejabberd's own HTTP API.
    Messages,
    /// Messages to rooms, against the same.
    Rooms,
    /// Members added and listed, against the same.
    Members,
    /// Against a bare component connection.
    Limit,
    /// The gateway alone, on a fake server.
    Alone,
    /// The levels of acknowledgement.
    Acknowledgements,
    /// What a call waits for, where the server archives.
    Waits,
    /// Messages, rooms, members and the limit on Prosody.
    Prosody,
    /// Several gateways.
    Scale,
}

impl Part {
    /// All, in the order of the table.
    pub const ALL: [Part; 9] = [
        Part::Messages,
        Part::Rooms,
        Part::Members,
        Part::Limit,
        Part::Alone,
        Part::Acknowledgements,
        Part::Waits,
        Part::Prosody,
        Part::Scale,
    ];

    /// Whether the smoke form runs it.
    pub fn is_in_smoke(self) -> bool {
        matches!(self, Part::Messages | Part::Alone)
    }
}
