//! A gateway on a rig: its configuration, and what its callers show.

use std::net::SocketAddr;

use super::rig::{Product, Rig};
use super::settings::{COMPONENT, DOMAIN, MAXLEAP_APP, RONGCLOUD_KID, XUANXUAN_CODE};
use crate::config::Config;
use crate::config::access::Auth;
use crate::config::c2s::Tls;
use crate::config::maxleap::App;
use crate::config::rongcloud::Key;
use crate::config::secret::Secret;
use crate::config::sessions::Grant;
use crate::config::xuanxuan::Entry;

impl Rig {
    /// The app that may call the MaxLeap API: its id and its key.
    pub fn maxleap(&self) -> (&'static str, &str) {
        (MAXLEAP_APP, &self.settings.maxleap_key)
    }

    /// The application that may call the API of Xuanxuan: its code and its key.
    pub fn xuanxuan(&self) -> (&'static str, &str) {
        (XUANXUAN_CODE, &self.settings.xuanxuan_key)
    }

    /// What signs tokens of the API of RongCloud-backed groups: the key's id and the key.
    pub fn rongcloud(&self) -> (&'static str, &str) {
        (RONGCLOUD_KID, &self.settings.rongcloud_key)
    }

    /// A gateway's configuration that fits this server: any free loopback port, the qtalk API open to loopback.
    pub fn gateway_config(&self) -> Config {
        self.gateway_config_of(COMPONENT)
    }

    /// The same for the gateway with this name, one of [`Rig::gateways`]; the others are its siblings.
    pub fn gateway_config_of(&self, name: &str) -> Config {
        let secret = |text: &str| Secret::new(text);
        let mut config = Config::default();
        config.server.domain = DOMAIN.to_owned();
        config.component.address = self.settings.component.to_string();
        config.component.name = name.to_owned();
        config.component.siblings = self.gateways().into_iter().filter(|other| other != name).collect();
        config.component.secret = Some(secret(&self.settings.component_secret));
        config.c2s.address = self.settings.client.to_string();
        config.c2s.tls = Tls::None;
        if self.product() == Product::Ejabberd {
            config.sessions.grant = self.settings.grant;
            config.sessions.oauth_url = self.http_api().filter(|_| self.settings.grant == Grant::Oauth);
            config.sessions.jwt_key = (self.settings.grant == Grant::Jwt).then(|| secret(&self.settings.jwt_key));
        }
        config.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.admin.listen = config.http.listen;
        config.qtalk.enabled = true;
        config.qtalk.auth = Auth::None;
        config.maxleap.enabled = true;
        config.maxleap.apps =
            vec![App { id: MAXLEAP_APP.to_owned(), keys: vec![secret(&self.settings.maxleap_key)], ..App::default() }];
        config.xuanxuan.enabled = true;
        config.xuanxuan.entries = vec![Entry {
            code: XUANXUAN_CODE.to_owned(),
            key: Some(secret(&self.settings.xuanxuan_key)),
            allow: Vec::new(),
        }];
        config.rongcloud.enabled = true;
        config.rongcloud.keys = vec![Key { id: RONGCLOUD_KID.to_owned(), key: secret(&self.settings.rongcloud_key) }];
        // A rig's users are whoever runs it.
        config.rongcloud.accept_oauth_impersonation = true;
        config.rongcloud.client_address = Some(self.settings.client.to_string());
        config.rongcloud.websocket_url = Some(self.websocket());
        config
    }
}
