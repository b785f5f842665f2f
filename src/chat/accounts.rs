//! Accounts and what is theirs: profiles, friends, marks, numbers, and what a client logs in with.

pub mod account;
mod bounced;
mod ejabberd;
mod existence;
pub mod friend;
pub mod login;
pub mod mark;
pub(in crate::chat) mod number;
mod people;
pub mod profile;
mod prosody;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;

use crate::chat::accounts::mark::Mark;
use crate::chat::accounts::number::Known;
use crate::chat::kit::cache::Cache;
use crate::chat::records::Records;
use crate::chat::server::Server;

/// Accounts that are believed to exist without asking again, at most.
const KNOWN_USERS: usize = 100_000;

/// The accounts of the served domains.
pub struct Accounts {
    server: Arc<Server>,
    records: Arc<Records>,
    /// Those that exist.
    known: Cache<BareJid, ()>,
    /// The marks of accounts, as far as servers keep them.
    marks: Cache<BareJid, Option<Mark>>,
    numbers: Known,
}

impl Accounts {
    /// The accounts of `server`; what is asked once is believed for its cache's life.
    pub(in crate::chat) fn new(server: Arc<Server>, records: Arc<Records>) -> Accounts {
        let life = Duration::from_secs(server.config.server.cache_seconds);
        Accounts {
            server,
            records,
            known: Cache::new(life, KNOWN_USERS),
            marks: Cache::new(life, KNOWN_USERS),
            numbers: Known::default(),
        }
    }
}
