//! How long and how often each form of the bench measures.

use std::time::Duration;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Its name, for the report.
    pub name: &'static str,
    /// Rounds of each contender.
    pub rounds: usize,
    /// Length of one round.
    pub round: Duration,
    /// Keep-alive connections.
    pub connections: &'static [usize],
    /// Messages of a run that has a number instead of a time.
    pub messages: u64,
    /// Members of the rooms that are filled and listed.
    pub members: &'static [usize],
    /// Rooms that are written to in turn.
    pub rooms: &'static [usize],
    /// Connections to the gateway alone.
    pub crowd: &'static [usize],
    /// Messages through the gateway alone, to see whether its memory grows.
    pub endurance: u64,
}

/// All rounds, for figures to publish.
pub const FULL: Form = Form {
    name: "full",
    rounds: 5,
    round: Duration::from_millis(1500),
    connections: &[1, 32, 256],
    messages: 100_000,
    members: &[1, 100, 1000],
    rooms: &[1, 100, 1000],
    crowd: &[1, 32, 256, 1000, 5000],
    endurance: 10_000_000,
};
/// A first look at a change.
pub const QUICK: Form = Form {
    name: "quick",
    rounds: 3,
    round: Duration::from_secs(1),
    messages: 20_000,
    members: &[1, 100],
    rooms: &[1, 100],
    crowd: &[1, 32, 256, 1000],
    endurance: 200_000,
    ..FULL
};
/// Errors only.
pub const SMOKE: Form = Form {
    name: "smoke",
    rounds: 1,
    round: Duration::from_millis(200),
    connections: &[4],
    messages: 200,
    members: &[3],
    rooms: &[2],
    crowd: &[4],
    endurance: 2_000,
};
