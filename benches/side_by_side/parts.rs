//! What is compared, part by part.

mod acknowledgements;
mod alone;
mod limit;
mod members;
mod messages;
mod rooms;
mod scale;
mod waits;

use stanzagate::dev::Product;

use super::args::Args;
use super::bench::Bench;
use super::fallible::Fallible;
use super::machine;
use super::part::Part;
use super::report::Table;
use super::server::{Archive, Variant};

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
    let mut bench = Bench { gateway: args.gateway()?, form: args.form(), table: Table::default() };
    let description = machine::description(&bench.gateway, &bench.form, &[Product::Ejabberd, Product::Prosody]);
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
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../RESULTS.md"), text(&description, &bench))?;
        }
    }
    print!("{}", text(&description, &bench));
    Ok(())
}

fn text(description: &str, bench: &Bench) -> String {
    format!("{description}\n{}", bench.table.markdown())
}
