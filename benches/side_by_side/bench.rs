//! What the parts of the bench work with.

use std::path::PathBuf;

use super::fallible::Fallible;
use super::form::Form;
use super::gateway::Gateway;
use super::report::Table;
use super::server::{COMPONENTS, Server};

/// What the parts work with.
pub struct Bench {
    /// The gateway that is measured.
    pub gateway: PathBuf,
    /// How much is measured.
    pub form: Form,
    /// The rows so far.
    pub table: Table,
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
    pub fn start(bench: &Bench, server: &Server) -> Fallible<Gateways> {
        let [first, second, third, fourth, _] = COMPONENTS;
        let binary = &bench.gateway;
        Ok(Gateways {
            plain: Gateway::on(binary, server, second, "sender_copy = false")?,
            copying: Gateway::on(binary, server, first, "")?,
            spread: Gateway::over(binary, server, third, &[fourth], "sender_copy = false")?,
        })
    }
}
