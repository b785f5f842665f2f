//! The lines of a server's configuration that grant each right.

use crate::chat::types::product::Product;
use crate::chat::types::right::Right;

impl Right {
    /// The lines that grant it to the component `component` for the users of `domain`.
    pub fn lines_for(self, product: Product, component: &str, domain: &str) -> String {
        let pattern = component.replace('.', "[.]");
        let lines = self.lines(product).replace("COMPONENT_PATTERN", &pattern);
        lines.replace("COMPONENT", component).replace("DOMAIN", domain)
    }

    /// The lines that grant it, for the server's configuration; whole files are in `config/`.
    pub fn lines(self, product: Product) -> &'static str {
        use Product::{Ejabberd, Prosody};
        match (self, product) {
            (Self::Answers, Ejabberd) => {
                "# ejabberd.yml: remove mod_privilege for this component. While it is loaded, 24.10 to 26.07 drop what a component\n\
                 # asks: all of it; with some grants, all but what the host itself is asked"
            }
            (Self::Answers, Prosody) => "-- prosody.cfg.lua: modules_enabled = { \"ping\"; \"disco\"; \"version\" }",
            (Self::SendAs, Ejabberd) => "# ejabberd.yml, in the ejabberd_service listener:\n    check_from: false",
            (Self::SendAs, Prosody) => {
                "-- prosody.cfg.lua, in the Component section:\n    validate_from_addresses = false"
            }
            (Self::ExtraLinks, Ejabberd) => {
                "# ejabberd.yml, in the ejabberd_service listener:\n# with each name of component.extra_links\n    check_from: false\n    \
                 hosts:\n      NAME:\n        password: ..."
            }
            (Self::ExtraLinks, Prosody) => {
                "-- prosody.cfg.lua:\n-- one for each name of component.extra_links\nComponent \"NAME\"\n    component_secret = \"...\"\n    \
                 validate_from_addresses = false"
            }
            (Self::Accounts, Ejabberd) => "# ejabberd.yml: the component must be able to send to users of the domain",
            (Self::Accounts, Prosody) => {
                "-- prosody.cfg.lua, in the VirtualHost:\n    modules_enabled = { \"admin_adhoc\" }\n    admins = { \"COMPONENT\" }"
            }
            (Self::Rooms | Self::RoomList, Ejabberd) => {
                "# ejabberd.yml:\nacl:\n  gateway:\n    node_regexp:\n      \"^$\": \"^COMPONENT_PATTERN$\"\naccess_rules:\n  \
                 muc_admin:\n    allow: gateway\n  muc_create:\n    - allow: gateway\n    - allow: local\nmodules:\n  mod_muc:\n    \
                 access_admin: muc_admin\n    access_create: muc_create"
            }
            (Self::Rooms | Self::RoomList, Prosody) => {
                "-- prosody.cfg.lua, in the MUC component:\n-- with admin_adhoc enabled globally\n    admins = { \"COMPONENT\" }\n    \
                 component_admins_as_room_owners = true"
            }
            (Self::Archive, Ejabberd) => {
                "# ejabberd.yml:\nmodules:\n  mod_mam: {}\n  mod_muc:\n    default_room_options:\n      mam: true"
            }
            (Self::Archive, Prosody) => {
                "-- prosody.cfg.lua, in the MUC component:\n    modules_enabled = { \"muc_mam\" }\n    muc_log_by_default = true"
            }
            (Self::Reflection, Ejabberd) => {
                "# ejabberd.yml:\nmodules:\n  mod_muc:\n    default_room_options:\n      allow_subscription: true"
            }
            (Self::Reflection, Prosody) => {
                "-- prosody.cfg.lua, in the VirtualHost:\n-- the firewall's rule is config/stanzagate.pfw\n    modules_enabled = { \"firewall\" }\n    \
                 firewall_scripts = { \"stanzagate.pfw\" }"
            }
            (Self::SenderCopy | Self::Bookmarks | Self::Rosters | Self::Histories | Self::LoginTokens, Ejabberd) => {
                "# ejabberd.yml:\n\
                 # (and sessions.grant = \"oauth\", sessions.oauth_url in the gateway's configuration)\n\
                 oauth_access: local\napi_permissions:\n  \"stanzagate\":\n    from: [mod_http_api]\n    who:\n      ip: 127.0.0.0/8\n    \
                 what: [oauth_issue_token]"
            }
            (Self::SenderCopy, Prosody) => {
                "-- prosody.cfg.lua, globally:\n\
                 -- with \"privilege\" in modules_enabled globally and of the component\n\
                 privileged_entities = { [\"COMPONENT\"] = { message = \"outgoing\" } }"
            }
            (Self::Bookmarks, Prosody) => {
                "-- prosody.cfg.lua, globally:\n\
                 -- with \"privilege\" in modules_enabled globally and of the component\n\
                 privileged_entities = { [\"COMPONENT\"] = { iq = { [\"http://jabber.org/protocol/pubsub\"] = \"both\" } } }"
            }
            (Self::Records | Self::RecordsAlone, Ejabberd) => {
                "# ejabberd.yml:\n\
                 # the records' service belongs to a host of its own, where users make no nodes\n\
                 hosts:\n  - DOMAIN\n  - records.DOMAIN\n\
                 acl:\n  gateway:\n    node_regexp:\n      \"^$\": \"^COMPONENT_PATTERN$\"\n\
                 access_rules:\n  records_createnode:\n    allow: gateway\n\
                 modules:\n  mod_pubsub:\n    host: pep.DOMAIN\n    plugins: [flat, pep]\n\
                 host_config:\n  records.DOMAIN:\n    auth_method: [mnesia]\n    modules:\n      mod_pubsub:\n        \
                 host: pubsub.DOMAIN\n        access_createnode: records_createnode\n        \
                 max_nodes_discoitems: infinity\n        plugins: [flat]"
            }
            (Self::Records | Self::RecordsAlone, Prosody) => {
                "-- prosody.cfg.lua:\n\
                 -- no add_permissions there that let users create nodes\n\
                 Component \"pubsub.DOMAIN\" \"pubsub\"\n    admins = { \"COMPONENT\" }"
            }
            (Self::RecordsClosed, Ejabberd) => {
                "# no line is missing: ejabberd's log says why the nodes named above are not closed; then check again"
            }
            (Self::RecordsClosed, Prosody) => {
                "-- no line is missing: Prosody's log says why the nodes named above are not closed; then check again"
            }
            (Self::MakeAccounts | Self::Presence | Self::AccountList, Ejabberd) => {
                "# ejabberd.yml:\naccess_rules:\n  configure:\n    allow: gateway\nmodules:\n  mod_adhoc: {}\n  mod_configure: {}"
            }
            (Self::MakeAccounts | Self::Presence, Prosody) => {
                "-- prosody.cfg.lua, in the VirtualHost:\n    modules_enabled = { \"admin_adhoc\" }\n    admins = { \"COMPONENT\" }"
            }
            (Self::Histories, Prosody) => {
                "-- prosody.cfg.lua, globally:\n-- config/mod_stanzagate.lua lies there\nplugin_paths = { \"/etc/prosody\" }\n\
                 -- prosody.cfg.lua, in the VirtualHost:\n    modules_enabled = { \"stanzagate\"; \"mam\" }\n    stanzagate_component = \"COMPONENT\"\n    \
                 default_archive_policy = true"
            }
            (Self::AccountList, Prosody) => {
                "-- prosody.cfg.lua, globally:\n-- config/mod_stanzagate.lua lies there\nplugin_paths = { \"/etc/prosody\" }\n\
                 -- prosody.cfg.lua, in the VirtualHost:\n    modules_enabled = { \"stanzagate\" }\n    stanzagate_component = \"COMPONENT\""
            }
            (Self::LoginTokens, Prosody) => {
                "-- prosody.cfg.lua, globally:\n-- config/mod_stanzagate_tokens.lua lies there\nplugin_paths = { \"/etc/prosody\" }\n\
                 -- prosody.cfg.lua, in the VirtualHost:\n    modules_enabled = { \"stanzagate_tokens\" }\n    stanzagate_component = \"COMPONENT\""
            }
            (Self::Rosters, Prosody) => {
                "-- prosody.cfg.lua, globally:\n\
                 -- with \"privilege\" in modules_enabled globally and of the component\n\
                 privileged_entities = { [\"COMPONENT\"] = { roster = \"both\" } }"
            }
            (Self::Broadcast, Ejabberd) => {
                "# ejabberd.yml:\naccess_rules:\n  announce:\n    allow: gateway\nmodules:\n  mod_announce:\n    access: announce"
            }
            (Self::Broadcast, Prosody) => {
                "-- prosody.cfg.lua, in the VirtualHost:\n    modules_enabled = { \"announce\" }\n    admins = { \"COMPONENT\" }"
            }
            (Self::Uploads, Ejabberd) => {
                "# ejabberd.yml:\nlisten:\n  - port: 5443\n    module: ejabberd_http\n    request_handlers:\n      /upload: mod_http_upload\n\
                 access_rules:\n  upload:\n    - allow: gateway\n    - allow: local\nmodules:\n  mod_http_upload:\n    access: upload\n    \
                 put_url: \"https://DOMAIN:5443/upload\""
            }
            (Self::Uploads, Prosody) => {
                "-- prosody.cfg.lua:\nComponent \"upload.DOMAIN\" \"http_file_share\"\n    \
                 http_file_share_access = { \"COMPONENT\"; \"DOMAIN\" }"
            }
            (Self::NotBanned, _) => {
                "# ejabberd.yml:\n# with the gateway's address in place of loopback's when it is on another machine\nacl:\n  \
                 gateway_address:\n    ip: [127.0.0.0/8, \"::1/128\"]\naccess_rules:\n  trusted_network:\n    \
                 allow: gateway_address\nmodules:\n  mod_fail2ban:\n    access: trusted_network"
            }
            (Self::Unshaped, _) => {
                "# ejabberd.yml:\n# first in the rule that `shaper` of the c2s listener names; with the gateway's address in place of \
                 loopback's when it is on another machine\nacl:\n  loopback:\n    ip: [127.0.0.0/8, \"::1/128\"]\nshaper_rules:\n  \
                 c2s_shaper:\n    none: loopback\n    normal: all"
            }
            (Self::Storage, Ejabberd) => {
                "# ejabberd.yml: sql_type, sql_server, sql_database and what else begins with sql_ must lead to a database that \
                 answers; ejabberd's log says which does not"
            }
            (Self::Storage, Prosody) => {
                "-- prosody.cfg.lua: storage and sql must lead to a database that answers; Prosody's log says which does not"
            }
            (Self::Passwords, _) => "# the gateway's own configuration: c2s.address, c2s.tls, c2s.ca_file",
        }
    }
}
