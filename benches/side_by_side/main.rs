//! Measures the gateway side by side with what users would pick instead, on private servers, and prints one Markdown
//! table. Run it by `scripts/bench`, which builds what is measured in release.
//!
//! Load, recipients and the fake server are processes of their own (this binary with `--role`), so that what they use is
//! counted to nobody. Every message that was acknowledged must have been received: a difference ends the run.

mod args;
mod balancer;
mod bench;
mod child;
mod contest;
mod count;
mod disk;
mod fallible;
mod form;
mod gateway;
mod http;
mod machine;
mod part;
mod parts;
mod report;
mod role;
mod roles;
mod sample;
mod server;
mod usage;
mod xmpp;

use std::process::ExitCode;

use clap::Parser as _;

use args::Args;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.role {
        Some(role) => roles::run(role),
        None => parts::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("side_by_side: {error}");
            ExitCode::FAILURE
        }
    }
}
