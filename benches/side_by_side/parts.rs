//! What is compared, part by part.

mod acknowledgements;
mod alone;
mod limit;
mod members;
mod messages;
mod rooms;
mod scale;
mod waits;

use clap::ValueEnum;

use stanzagate::dev::Product;

use super::args::{Args, Form};
use super::gateway::Gateway;
use super::report::Table;
use super::server::{Archive, COMPONENTS, Server, Variant};
use super::{Fallible, machine};

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

/// What the parts work with.
pub struct Bench<'a> {
    /// The command line.
    pub args: &'a Args,
    /// How much is measured.
    pub form: Form,
    /// The rows so far.
    pub table: Table,
}

const EJABBERD: [Variant; 2] = [
    Variant { product: Product::Ejabberd, archive: Archive::Off },
    Variant { product: Product::Ejabberd, archive: Archive::Sqlite },
];

const PROSODY: [Variant; 3] = [
    Variant { product: Product::Prosody, archive: Archive::Off },
    Variant { product: Product::Prosody, archive: Archive::Internal },
    Variant { product: Product::Prosody, archive: Archive::Sqlite },
];

/// Runs the parts that were asked for, and prints the table.
pub fn run(args: &Args) -> Fallible {
    let mut bench = Bench { args, form: args.form(), table: Table::default() };
    let description = machine::description(&bench.form, &[Product::Ejabberd, Product::Prosody]);
    for part in args.parts() {
        eprintln!("{part:?} ...");
        match part {
            // The smoke form has time for one server.
            Part::Messages if bench.form.rounds == 1 => messages::run(&mut bench, &EJABBERD[1..])?,
            Part::Messages => messages::run(&mut bench, &EJABBERD)?,
            Part::Rooms => rooms::run(&mut bench, &EJABBERD)?,
            Part::Members => members::run(&mut bench, &EJABBERD)?,
            Part::Limit => limit::run(&mut bench, &EJABBERD)?,
            Part::Alone => alone::run(&mut bench)?,
            Part::Acknowledgements => acknowledgements::run(&mut bench, &EJABBERD)?,
            Part::Waits => waits::run(&mut bench, &[EJABBERD[1], PROSODY[1], PROSODY[2]])?,
            Part::Prosody => {
                messages::run(&mut bench, &PROSODY)?;
                rooms::run(&mut bench, &PROSODY)?;
                members::run(&mut bench, &PROSODY[1..2])?;
                limit::run(&mut bench, &PROSODY)?;
            }
            Part::Scale => scale::run(&mut bench, &EJABBERD[..1])?,
        }
        // What is done is not lost with what may go wrong later.
        if args.write {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/RESULTS.md"), text(&description, &bench))?;
        }
    }
    print!("{}", text(&description, &bench));
    Ok(())
}

fn text(description: &str, bench: &Bench<'_>) -> String {
    format!("{description}\n{}", bench.table.markdown())
}

/// The gateways that are measured on a real server.
pub struct Gateways {
    /// Sends as the component alone.
    pub plain: Gateway,
    /// Gives senders their own copies, as the server's own API does.
    pub copying: Gateway,
    /// Sends as the component alone, over two links.
    pub spread: Gateway,
}

impl Gateways {
    /// Starts all on a server, each under names of its own.
    pub fn start(bench: &Bench<'_>, server: &Server) -> Fallible<Gateways> {
        let [first, second, third, fourth, _] = COMPONENTS;
        let binary = &bench.args.gateway;
        Ok(Gateways {
            plain: Gateway::on(binary, server, second, "sender_copy = false")?,
            copying: Gateway::on(binary, server, first, "")?,
            spread: Gateway::over(binary, server, third, &[fourth], "sender_copy = false")?,
        })
    }
}
