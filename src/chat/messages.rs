//! Messages: to users and to rooms.

pub mod card;
mod ejabberd;
pub(in crate::chat) mod proof;
mod prosody;
pub(in crate::chat) mod recall;
mod send;
mod steps;
pub(in crate::chat) mod topic;

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::chat::accounts::Accounts;
use crate::chat::kit::keyed_locks::KeyedLocks;
use crate::chat::messages::proof::Newest;
use crate::chat::rooms::Rooms;
use crate::chat::rooms::snapshots::Snapshots;
use crate::chat::server::Server;
use crate::chat::types::error::Kind;
use crate::metrics::MessageMetrics;

/// Messages, on their way.
pub struct Messages {
    server: Arc<Server>,
    accounts: Arc<Accounts>,
    rooms: Arc<Rooms>,
    metrics: MessageMetrics,
    /// Messages with ids of their callers' own that are on their way to a room: of those that nothing tells apart, one
    /// after the other.
    named: KeyedLocks,
    /// Looks at the archives of users that are being made.
    newest: Snapshots<Newest>,
    /// Set when an archive of a user was read.
    archives_read: OnceCell<()>,
}

impl Messages {
    /// Messages to users and rooms of `server`.
    pub(in crate::chat) fn new(
        server: Arc<Server>,
        accounts: Arc<Accounts>,
        rooms: Arc<Rooms>,
        metrics: MessageMetrics,
    ) -> Messages {
        for failure in Kind::ALL {
            metrics.users.expect(failure.word());
            metrics.rooms.expect(failure.word());
        }
        Messages {
            server,
            accounts,
            rooms,
            metrics,
            named: KeyedLocks::default(),
            newest: Snapshots::default(),
            archives_read: OnceCell::new(),
        }
    }
}
