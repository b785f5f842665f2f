//! Rooms: how they come and go, who belongs to them, and who speaks there.

pub(in crate::chat) mod adding;
mod avatar;
pub(in crate::chat) mod ejabberd;
mod index;
pub(in crate::chat) mod lifecycle;
pub(in crate::chat) mod lists;
mod members;
pub(in crate::chat) mod owners;
pub(in crate::chat) mod prosody;
mod seating;
pub(in crate::chat) mod seats;
mod secret;
mod steps;
pub(in crate::chat) mod surveys;

use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;
use tokio::sync::Semaphore;

use crate::chat::accounts::Accounts;
use crate::chat::kit::cache::Cache;
use crate::chat::kit::turns::Turns;
use crate::chat::records::Records;
use crate::chat::rooms::adding::Begun;
use crate::chat::rooms::ejabberd::enrol::BOOKMARKS;
use crate::chat::rooms::owners::Owners;
use crate::chat::rooms::seats::Seats;
use crate::chat::rooms::surveys::Surveys;
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
    begun: Cache<(BareJid, BareJid), Begun>,
    /// Places of those who write bookmarks.
    bookmarking: Semaphore,
    /// Domains whose server takes bookmarks without options only.
    plain_bookmarks: Cache<String, ()>,
    /// Domains, and whether the server keeps the older list of a user's bookmarks itself.
    kept_lists: Cache<String, bool>,
    /// Whose older list of bookmarks is being changed.
    listing: Turns,
    pub(in crate::chat) owners: Owners,
    pub(in crate::chat) seats: Seats,
    pub(in crate::chat) surveys: Surveys,
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
            listing: Turns::default(),
            owners: Owners::new(life),
            seats: Seats::new(life),
            surveys: Surveys::default(),
        }
    }
}
