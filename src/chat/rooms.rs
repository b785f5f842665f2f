//! Rooms: how they come and go, who belongs to them, and who speaks there.

pub(in crate::chat) mod adding;
pub(in crate::chat) mod affiliations;
mod avatar;
pub(in crate::chat) mod ejabberd;
mod index;
pub(in crate::chat) mod info;
pub(in crate::chat) mod lifecycle;
pub(in crate::chat) mod lists;
mod members;
mod occupancy;
pub(in crate::chat) mod occupants;
pub(in crate::chat) mod owners;
pub(in crate::chat) mod prosody;
mod secret;
pub(in crate::chat) mod snapshots;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;
use tokio::sync::Semaphore;

use crate::chat::accounts::Accounts;
use crate::chat::kit::cache::Cache;
use crate::chat::kit::keyed_locks::KeyedLocks;
use crate::chat::records::Records;
use crate::chat::rooms::adding::Progress;
use crate::chat::rooms::ejabberd::enrol::BOOKMARKS;
use crate::chat::rooms::occupants::Occupants;
use crate::chat::rooms::owners::Owners;
use crate::chat::rooms::snapshots::Snapshots;
use crate::chat::server::Server;

/// Members who are remembered after a call that ran out of time, at most.
const BEGUN: usize = 20_000;
/// Domains of which something is remembered, at most.
const DOMAINS: usize = 1000;

/// The rooms of the served MUC services.
pub struct Rooms {
    server: Arc<Server>,
    records: Arc<Records>,
    accounts: Arc<Accounts>,
    /// What a call that ran out of time did for members of a room: the next one goes on there.
    begun: Cache<(BareJid, BareJid), Progress>,
    /// Places of those who write bookmarks.
    bookmarking: Semaphore,
    /// Domains whose server takes bookmarks without options only.
    plain_bookmarks: Cache<String, ()>,
    /// Domains, and whether the server keeps the older list of a user's bookmarks itself.
    kept_lists: Cache<String, bool>,
    /// Whose older list of bookmarks is being changed.
    listing: KeyedLocks,
    pub(in crate::chat) owners: Owners,
    pub(in crate::chat) occupants: Occupants,
    pub(in crate::chat) snapshots: Snapshots,
}

impl Rooms {
    /// The rooms of `server`; what is asked once is believed for its cache's life.
    pub(in crate::chat) fn new(server: Arc<Server>, records: Arc<Records>, accounts: Arc<Accounts>) -> Rooms {
        let life = Duration::from_secs(server.config.server.cache_seconds);
        Rooms {
            server,
            records,
            accounts,
            begun: Cache::new(life, BEGUN),
            bookmarking: Semaphore::new(BOOKMARKS),
            plain_bookmarks: Cache::new(life, DOMAINS),
            kept_lists: Cache::new(life, DOMAINS),
            listing: KeyedLocks::default(),
            owners: Owners::new(life),
            occupants: Occupants::new(life),
            snapshots: Snapshots::default(),
        }
    }
}
