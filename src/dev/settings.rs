//! What one rig is made of: names, ports and secrets.

use std::collections::HashSet;
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
/// The id of the app that may call the MaxLeap API.
pub const MAXLEAP_APP: &str = "56a86320e9db7300015438f7";
/// The code of the application that may call the API of Xuanxuan.
pub const XUANXUAN_CODE: &str = "myAppCode";
/// The id of the key that signs tokens of the API of RongCloud-backed groups.
pub const RONGCLOUD_KID: &str = "dev";
/// The accounts that are registered.
pub const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// Ports and secrets of one rig.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) component: SocketAddr,
    pub(super) client: SocketAddr,
    pub(super) api: SocketAddr,
    pub(super) upload: SocketAddr,
    pub(super) component_secret: String,
    pub(super) grant: Grant,
    pub(super) siblings: usize,
    pub(super) jwt_key: String,
    pub(super) maxleap_key: String,
    pub(super) xuanxuan_key: String,
    pub(super) rongcloud_key: String,
}

impl Settings {
    /// Fresh ports and secrets.
    pub(super) fn new(grant: Grant, siblings: usize) -> Result<Settings, DevError> {
        let port = || ports::free().map_err(DevError::io("looking for a free port"));
        let (component, client, api, upload) = (port()?, port()?, port()?, port()?);
        if HashSet::from([component, client, api, upload]).len() < 4 {
            return Settings::new(grant, siblings);
        }
        let (component_secret, jwt_key, maxleap_key) = (random(24), random(48), random(30));
        Ok(Settings {
            component,
            client,
            api,
            upload,
            component_secret,
            grant,
            siblings,
            jwt_key,
            maxleap_key,
            xuanxuan_key: format!("{:032x}", rand::random::<u128>()),
            rongcloud_key: random(48),
        })
    }
}

/// Random letters and digits, safe in every file they are written to.
pub(super) fn random(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

/// A shipped configuration with its changes; one that finds nothing to change is out of date.
pub(super) fn changed(file: &'static str, config: &str, changes: &[(String, String)]) -> Result<String, DevError> {
    changes.iter().try_fold(config.to_owned(), |config, (old, new)| {
        if !config.contains(old.as_str()) {
            return Err(DevError::Template { file, line: old.clone() });
        }
        Ok(config.replace(old.as_str(), new))
    })
}
