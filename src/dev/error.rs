//! What can go wrong with the rig, said so that the reader knows what to do next.

use std::path::PathBuf;

/// Why the rig could not be started, stopped or restarted.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// A program or library that the server needs is not there.
    #[error("{what} is not installed; install it with: {install}")]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// The command that installs it.
        install: String,
    },
    /// `--root` without the right to chroot.
    #[error("a server in another root file system can be started by root only (chroot)")]
    NotRoot,
    /// `--dir` names a folder that the server in `--root` cannot see.
    #[error("the folder {dir} must be inside the root {root}")]
    DirOutsideRoot {
        /// The folder.
        dir: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// A file, process or port of this machine.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The server ended or stayed silent; with the last lines that it wrote.
    #[error("{server} did not start: {why}\n{log}")]
    NotStarted {
        /// The product.
        server: &'static str,
        /// What was seen.
        why: String,
        /// The end of its log.
        log: String,
    },
    /// An account could not be registered.
    #[error("the account {user} could not be registered: {output}")]
    Register {
        /// The localpart.
        user: String,
        /// What the server's tool printed.
        output: String,
    },
    /// A line of the shipped configuration that the rig replaces is not there.
    #[error("config/{file} has no line {line:?} to fill in")]
    Template {
        /// The file.
        file: &'static str,
        /// How the line begins.
        line: String,
    },
    /// The gateway itself.
    #[error("the gateway did not start: {0}")]
    Gateway(String),
}

impl DevError {
    /// Names what was being done when an I/O error happened.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> DevError {
        let what = what.into();
        move |source| DevError::Io { what, source }
    }
}
