//! What `stanzagate check` found, as JSON: from a gateway that serves to the command, and to whoever else reads it.

use serde::{Deserialize, Serialize};

/// What was found. A reader may meet fields that it does not know.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// The gateway's version.
    pub version: String,
    /// The component's name.
    pub component: String,
    /// Whether every call can work, though some may do less, and nobody else can write or read what the gateway keeps.
    pub works: bool,
    /// Why it was not found out, or not for certain. Nothing `works` then.
    pub failure: Option<String>,
    /// What several rights are missing for.
    pub causes: Vec<Cause>,
    /// Each right that was tried, those of a group side by side.
    pub rights: Vec<Tried>,
    /// What else the operator should know.
    pub notes: Vec<String>,
    /// Each call of the enabled APIs.
    pub calls: Vec<Worked>,
    /// The command that adds what is missing to a server of this machine.
    pub setup: Option<String>,
    /// What is missing in the server's configuration.
    pub lines: Vec<Lines>,
}

/// What several rights are missing for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Cause {
    /// What was seen.
    pub why: String,
    /// The rights.
    pub rights: Vec<String>,
}

/// A right that was tried.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tried {
    /// Its name.
    pub right: String,
    /// What it is a part of.
    pub group: String,
    /// Whether it is there, or may be.
    pub granted: bool,
    /// Whether that was seen.
    pub proved: bool,
    /// What was seen working, or why it does not.
    pub says: String,
    /// The right that stands in its way.
    pub cause: Option<String>,
}

/// A call of an API.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Worked {
    /// `API/NAME`, with the case in brackets where there are several.
    pub call: String,
    /// The rights that are missing, and without which it cannot work.
    pub lacks: Vec<String>,
    /// Those without which it does less.
    pub without: Vec<String>,
}

/// Lines for one place of the server's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lines {
    /// The file, and where in it; a comment of the file's language.
    pub place: String,
    /// What to add there.
    pub lines: String,
}

impl Report {
    /// One of this version about a component, which says nothing yet.
    pub fn of(component: &str) -> Report {
        Report { version: env!("CARGO_PKG_VERSION").into(), component: component.into(), ..Report::default() }
    }
}
