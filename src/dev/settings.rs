//! What one rig is made of: names, ports and secrets.

use std::net::SocketAddr;

use rand::Rng;
use rand::distr::Alphanumeric;

use super::error::DevError;
use super::ports;
use crate::config::sessions::Grant;

/// The domain of the accounts, as in the files of `config/`.
pub const DOMAIN: &str = "example.org";
/// The MUC service.
pub const ROOMS: &str = "conference.example.org";
/// The component's name.
pub const COMPONENT: &str = "gw.example.org";
/// The accounts that are registered.
pub const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// Ports and secrets of one rig.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) component: SocketAddr,
    pub(super) client: SocketAddr,
    pub(super) api: SocketAddr,
    pub(super) component_secret: String,
    pub(super) grant: Grant,
    pub(super) jwt_key: String,
}

impl Settings {
    /// Fresh ports and secrets.
    pub(super) fn new(grant: Grant) -> Result<Settings, DevError> {
        let port = || ports::free().map_err(DevError::io("looking for a free port"));
        let (component, client, api) = (port()?, port()?, port()?);
        if component == client || client == api || api == component {
            return Settings::new(grant);
        }
        Ok(Settings { component, client, api, component_secret: random(24), grant, jwt_key: random(48) })
    }
}

/// Random letters and digits, safe in every file they are written to.
pub(super) fn random(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}
