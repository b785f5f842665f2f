//! The private servers: the rig that `stanzagate dev` uses, in the variants that are compared.

use std::net::SocketAddr;

use stanzagate::config::sessions::Grant;
use stanzagate::dev::{Product, ROOMS, Rig, RigOptions};

use super::child::Helper;
use super::disk::Disks;
use super::fallible::Fallible;
use super::form::Form;
use super::role::Role;
use super::roles::load::Until;
use super::roles::sink::Plan;
use super::xmpp::{Component, Login};

/// Components that the variants know beside the shipped one, so that several gateways can be connected at once.
pub const COMPONENTS: [&str; 5] =
    ["gw.example.org", "gw2.example.org", "gw3.example.org", "gw4.example.org", "gw5.example.org"];
/// Who sends.
pub const SENDERS: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// What is switched on for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive {
    /// Nothing is archived, and what would do it is not loaded: idle it costs too, and the gateway gives each room that it
    /// makes an archive where there are any.
    Off,
    /// SQLite.
    Sqlite,
    /// Prosody's own files.
    Internal,
}

/// A server and what it does with messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// The product.
    pub product: Product,
    /// Its archive.
    pub archive: Archive,
}

impl Variant {
    /// Its name in the table.
    pub fn name(self) -> String {
        let archive = match self.archive {
            Archive::Off => "no archive",
            Archive::Sqlite => "SQLite",
            Archive::Internal => "internal storage",
        };
        format!("{}, {archive}", self.product.name())
    }

    /// As many of `messages` as the server delivers in some seconds, since nothing holds a bare component back.
    pub fn bearable(self, messages: u64) -> u64 {
        match (self.product, self.archive) {
            (Product::Ejabberd, Archive::Off) => messages,
            (Product::Prosody, Archive::Off) => messages.div_ceil(5),
            (_, Archive::Sqlite | Archive::Internal) => messages.div_ceil(160),
        }
    }

    /// How long a load of messages goes on, each of them to so many recipients. Where the server answers before it has
    /// delivered or archived, that is a number of requests: within a time its queues would only become longer.
    pub fn until(self, form: &Form, connections: usize, copies: u64) -> Until {
        let at_least = connections as u64;
        match (self.product, self.archive) {
            (Product::Ejabberd, Archive::Sqlite) => {
                Until::Requests((self.bearable(form.messages) / copies.min(4)).max(at_least))
            }
            (Product::Ejabberd, Archive::Off) if copies > 1 => Until::Requests((form.messages / 20).max(at_least)),
            _ => Until::Time(form.round),
        }
    }

    /// Looks at the disks where something is archived.
    pub fn disks(self) -> Fallible<Option<Disks>> {
        (self.archive != Archive::Off).then(Disks::begin).transpose()
    }

    fn changes(self) -> Vec<(String, String)> {
        let mut changes = match self.product {
            Product::Ejabberd => vec![
                ("  mod_adhoc: {}\n", "  mod_adhoc: {}\n  mod_admin_extra: {}\n  mod_muc_admin: {}\n"),
                (
                    "what: [oauth_issue_token]",
                    "what: [oauth_issue_token, send_message, send_stanza, set_room_affiliation, \
                     get_room_affiliations]",
                ),
            ],
            Product::Prosody => Vec::new(),
        };
        match (self.product, self.archive) {
            (Product::Ejabberd, Archive::Off) => changes.extend([
                ("  mod_mam:\n    db_type: sql\n    default: always\n    request_activates_archiving: false\n", ""),
                ("      mam: true\n", "      mam: false\n"),
            ]),
            (Product::Prosody, Archive::Off) => changes.extend([
                ("\"offline\"; \"mam\";", "\"offline\";"),
                ("{ \"muc_mam\"; \"stanzagate\"", "{ \"stanzagate\""),
            ]),
            (Product::Prosody, Archive::Sqlite) => changes.push((
                "storage = \"internal\"\n",
                "storage = { archive = \"sql\"; muc_log = \"sql\" }\nsql = { driver = \"SQLite3\", database = \
                 \"archive.sqlite\" }\n",
            )),
            _ => {}
        }
        changes.into_iter().map(|(old, new)| (old.to_owned(), new.to_owned())).collect()
    }
}

/// A running server with its recipients online.
pub struct Server {
    /// The server.
    pub rig: Rig,
    /// What it is.
    pub variant: Variant,
    /// Localparts of those whose messages are counted.
    pub recipients: Vec<String>,
    /// The clients.
    pub sink: Helper,
}

impl Server {
    /// Starts it, registers `recipients` accounts and logs them in, and the senders too.
    pub fn start(variant: Variant, recipients: usize) -> Fallible<Server> {
        let changes = variant.changes();
        let siblings = COMPONENTS.len() - 1;
        let options =
            RigOptions { server: variant.product, grant: Grant::Oauth, changes, siblings, ..RigOptions::default() };
        let rig = Rig::start(options)?;
        let login = |user: &str, password: &str| Login {
            address: rig.c2s_addr(),
            domain: rig.domain().to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
        };
        let mut logins = Vec::new();
        for number in 0..recipients {
            let user = format!("recipient{number}");
            logins.push(login(&user, &rig.register(&user)?));
        }
        let recipients = logins.iter().map(|login| login.user.clone()).collect();
        let bystanders = rig.users().iter().map(|(user, password)| login(user, password)).collect();
        let (sink, ()) = Helper::start(Role::Sink, &Plan { recipients: logins, bystanders })?;
        Ok(Server { rig, variant, recipients, sink })
    }

    /// A bare component connection under the last of [`COMPONENTS`].
    pub fn component(&self) -> Component {
        let [.., name] = COMPONENTS;
        Component {
            address: self.rig.component_addr(),
            name: name.to_owned(),
            secret: self.rig.component_secret().to_owned(),
        }
    }

    /// The server's own HTTP API.
    pub fn api(&self) -> Fallible<SocketAddr> {
        let url = self.rig.http_api().ok_or("this server has no HTTP API of its own")?;
        Ok(url.trim_start_matches("http://").trim_end_matches("/api").parse()?)
    }

    /// The server's process group.
    pub fn group(&self) -> Fallible<u32> {
        Ok(self.rig.pid().ok_or("the server does not run")?)
    }

    /// A room's address.
    pub fn room(&self, name: &str) -> String {
        format!("{name}@{ROOMS}")
    }
}
