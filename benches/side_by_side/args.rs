//! The command line, and how long and how often each form measures.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use super::parts::Part;
use super::roles::Role;

/// Measures Stanzagate side by side with ejabberd's own HTTP API, a bare component connection and itself alone.
#[derive(Parser)]
#[command(name = "scripts/bench")]
pub struct Args {
    /// Three short rounds of everything, to try a change; figures are rough.
    #[arg(long)]
    quick: bool,
    /// One very short round of the main parts, in well under a minute: fails on errors, never on times.
    #[arg(long)]
    smoke: bool,
    /// Also write the table into benches/RESULTS.md.
    #[arg(long)]
    pub write: bool,
    /// The gateway to measure.
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_stanzagate"))]
    pub gateway: PathBuf,
    /// The parts to run; all without any.
    #[arg(value_enum)]
    only: Vec<Part>,
    /// Given by `cargo bench`; without it (`cargo test`) the smoke form is run.
    #[arg(long, hide = true)]
    bench: bool,
    /// Runs a helper process.
    #[arg(long, hide = true)]
    pub role: Option<Role>,
}

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

const FULL: Form = Form {
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
const QUICK: Form = Form {
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
const SMOKE: Form = Form {
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

impl Args {
    /// The form that was asked for.
    pub fn form(&self) -> Form {
        match (self.smoke || !self.bench, self.quick) {
            (true, _) => SMOKE,
            (_, true) => QUICK,
            _ => FULL,
        }
    }

    /// The parts to run, in order.
    pub fn parts(&self) -> Vec<Part> {
        let wanted = |part: &Part| {
            if self.only.is_empty() { self.form().rounds > 1 || part.is_in_smoke() } else { self.only.contains(part) }
        };
        Part::ALL.into_iter().filter(wanted).collect()
    }
}
