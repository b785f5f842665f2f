//! Settings of the Erlang machine, in ejabberdctl.cfg: room on its stack, without which deep nesting kills it.

use std::path::{Path, PathBuf};

use crate::setup::edit::Edits;
use crate::setup::plan::{Change, File};

/// What the machine is started with.
const STACK: &str = "+sss 8192";

/// Where the settings are, beside the main file.
pub(in crate::setup) fn control_file(main: &Path) -> PathBuf {
    main.with_file_name("ejabberdctl.cfg")
}

/// What to do where there is no such file.
pub(super) fn missing() -> String {
    format!(
        "there is no ejabberdctl.cfg beside the configuration: start the Erlang machine with ERL_OPTIONS=\"{STACK}\". Without it one \
         deeply nested stanza from anybody, an ordinary client included, kills it"
    )
}

/// Adds the option to those that are there.
pub(super) fn more_stack(control: &File, notes: &mut Vec<String>) -> Option<Change> {
    let text = control.text.as_str();
    let set = |line: &str| line.trim_start().starts_with("ERL_OPTIONS=");
    let mut edits = Edits::default();
    match text.lines().enumerate().filter(|(_, line)| set(line)).last() {
        Some((_, line)) if line.contains("+sss") => return None,
        Some((number, line)) => {
            let line = line.trim_end();
            let quote =
                line.chars().last().filter(|last| matches!(last, '"' | '\'') && line.matches(*last).count() == 2);
            let Some(quote) = quote else {
                notes.push(format!(
                    "{}:{}: add {STACK} to ERL_OPTIONS by hand: setup does not understand the line",
                    control.name(),
                    number + 1
                ));
                return None;
            };
            edits.change(text, number, |line| {
                let line = line.trim_end();
                let inner = line.strip_suffix(quote).unwrap_or(line);
                let gap = if inner.ends_with('=') || inner.ends_with(quote) { "" } else { " " };
                format!("{inner}{gap}{STACK}{quote}")
            });
        }
        None => edits.insert(usize::MAX, format!("ERL_OPTIONS=\"{STACK}\"")),
    }
    Some(Change { path: control.path.clone(), text: edits.apply(text), mode: 0o644, like: None, secret_for: None })
}
