//! Writes the man pages and the completions for bash, zsh and fish into the folder that is named, from the command line as the
//! program itself reads it.

use std::error::Error;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};
use stanzagate::args::Args;

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args_os().nth(1).ok_or("name the folder to write to")?.into();
    std::fs::create_dir_all(&folder)?;
    let mut command = Args::command();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command, "stanzagate", &folder)?;
    }
    // Of `help` there is no page to write.
    clap_mangen::generate_to(Args::command().disable_help_subcommand(true), &folder)?;
    Ok(())
}
