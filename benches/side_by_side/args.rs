//! The command line.

use std::path::PathBuf;

use clap::Parser;

use super::fallible::Fallible;
use super::form::{FULL, Form, QUICK, SMOKE};
use super::part::Part;
use super::role::Role;

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
    /// The gateway to measure [default: the one that cargo has built beside this program].
    #[arg(long, value_name = "FILE")]
    gateway: Option<PathBuf>,
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

impl Args {
    /// The form that was asked for.
    pub fn form(&self) -> Form {
        match (self.smoke || !self.bench, self.quick) {
            (true, _) => SMOKE,
            (_, true) => QUICK,
            _ => FULL,
        }
    }

    /// The gateway to measure.
    pub fn gateway(&self) -> Fallible<PathBuf> {
        if let Some(given) = &self.gateway {
            return Ok(std::path::absolute(given)?);
        }
        // This program is in the folder `deps` of the profile's folder.
        let program = std::env::current_exe()?;
        let built = program.ancestors().nth(2).ok_or("this program is in no folder")?.join("stanzagate");
        if built.exists() { Ok(built) } else { Err(format!("{}: build it first", built.display()).into()) }
    }

    /// The parts to run, in order.
    pub fn parts(&self) -> Vec<Part> {
        let wanted = |part: &Part| {
            if self.only.is_empty() { self.form().rounds > 1 || part.is_in_smoke() } else { self.only.contains(part) }
        };
        Part::ALL.into_iter().filter(wanted).collect()
    }
}
