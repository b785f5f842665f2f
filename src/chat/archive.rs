//! Messages from the archives (XEP-0313).

pub mod history;
mod reading;
mod stored;
mod timeline;

use std::sync::Arc;

use crate::chat::accounts::Accounts;
use crate::chat::records::Records;
use crate::chat::rooms::Rooms;
use crate::chat::server::Server;

/// What the archives of users and rooms say.
pub struct Histories {
    server: Arc<Server>,
    records: Arc<Records>,
    accounts: Arc<Accounts>,
    rooms: Arc<Rooms>,
}

impl Histories {
    /// The archives of `server`.
    pub(in crate::chat) fn new(
        server: Arc<Server>,
        records: Arc<Records>,
        accounts: Arc<Accounts>,
        rooms: Arc<Rooms>,
    ) -> Histories {
        Histories { server, records, accounts, rooms }
    }
}
