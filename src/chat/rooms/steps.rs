//! The steps of rooms in which ejabberd and Prosody differ.

use jid::BareJid;

use crate::chat::rooms::lists::RoomLists;
use crate::chat::rooms::{Rooms, ejabberd, prosody};
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::link::Call;
use crate::xmpp::bookmarks::Shown;

impl Rooms {
    /// Sets one affiliation for several users with their nicks; one outcome each.
    pub(in crate::chat) async fn set_affiliations(
        &self,
        call: &Call,
        room: &BareJid,
        affiliation: &str,
        users: &[(BareJid, Option<String>)],
    ) -> Result<Vec<Result<(), ChatError>>, ChatError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let done = match self.server.product(call).await? {
            Product::Ejabberd => ejabberd::set_affiliations(self, call, room, affiliation, users).await,
            Product::Prosody => prosody::set_affiliations(self, call, room, affiliation, users).await,
        };
        self.owners.forget(room);
        self.snapshots.forget(room);
        Ok(done)
    }

    /// Completes a membership beyond the affiliation: what makes a standard client show the room. Of what `lists` shows to
    /// be there nothing is done again. True for those who have a bookmark now.
    pub(in crate::chat) async fn enrol(
        &self,
        call: &Call,
        shown: &Shown<'_>,
        (users, lists): (&[(BareJid, String)], &RoomLists),
    ) -> Result<Vec<Result<bool, ChatError>>, ChatError> {
        Ok(match self.server.product(call).await? {
            Product::Ejabberd => ejabberd::enrol::enrol(self, call, shown, (users, lists)).await,
            Product::Prosody => prosody::enrol(self, call, shown, users).await,
        })
    }

    /// Whether a message to each of `users` that is not to be kept may be sent: Prosody keeps for later whatever comes for
    /// somebody who is not there.
    pub(in crate::chat) async fn may_be_told(&self, call: &Call, users: &[BareJid]) -> Vec<bool> {
        let there = self.accounts.resources(call, users).await;
        let is_there =
            |resources: Result<Option<Vec<String>>, ChatError>| !matches!(resources, Ok(Some(none)) if none.is_empty());
        match there {
            Some(there) => there.into_iter().map(is_there).collect(),
            None => users.iter().map(|_| true).collect(),
        }
    }

    /// Ends subscriptions, which only ejabberd has, of users who are about to become members.
    pub(in crate::chat) async fn unsubscribe(
        &self,
        call: &Call,
        room: &BareJid,
        users: &[BareJid],
    ) -> Result<(), ChatError> {
        ejabberd::unsubscribe(self, call, room, users).await.into_iter().collect()
    }

    /// Ends the subscriptions, which only ejabberd has, of users who are no members any more.
    pub(in crate::chat) async fn end_stale_subscriptions(&self, call: &Call, room: &BareJid, lists: &RoomLists) {
        ejabberd::end_stale_subscriptions(self, call, room, lists).await;
    }

    /// Undoes [`Rooms::enrol`]. `gone` says that the room itself is gone.
    pub(in crate::chat) async fn withdraw(
        &self,
        call: &Call,
        room: &BareJid,
        users: &[BareJid],
        gone: bool,
    ) -> Result<Vec<Result<(), ChatError>>, ChatError> {
        Ok(match self.server.product(call).await? {
            Product::Ejabberd => ejabberd::withdraw(self, call, room, users, gone).await,
            Product::Prosody => prosody::withdraw(self, call, room, users).await,
        })
    }

    /// Who belongs to a room, with the nicks that the room itself knows.
    pub(in crate::chat) async fn lists(&self, call: &Call, room: &BareJid) -> Result<RoomLists, ChatError> {
        match self.server.product(call).await? {
            Product::Ejabberd => ejabberd::lists(self, call, room).await,
            Product::Prosody => prosody::lists(self, call, room).await,
        }
    }

    /// Rooms of a MUC service that a user's clients show, as far as the server tells: they may belong to others, and to some
    /// of these no more.
    pub(in crate::chat) async fn shown_rooms(
        &self,
        call: &Call,
        user: &BareJid,
        service: &str,
    ) -> Result<Vec<BareJid>, ChatError> {
        let mut rooms = match self.server.product(call).await? {
            Product::Ejabberd => ejabberd::shown_rooms(self, call, user, service).await?,
            Product::Prosody => prosody::shown_rooms(self, call, user).await?,
        };
        rooms.retain(|room| room.domain().as_str() == service && room.node().is_some());
        Ok(rooms)
    }

    /// Asks for a node that a user does not have, by a privileged IQ (Prosody): the refusal must arrive as what it is.
    pub(in crate::chat) async fn asks_privately(&self, call: &Call, user: &BareJid) -> Result<(), ChatError> {
        prosody::ask_for_nothing(self, call, user).await
    }

    /// All rooms of a MUC service, hidden ones too.
    pub(in crate::chat) async fn rooms(&self, call: &Call, service: &str) -> Result<Vec<BareJid>, ChatError> {
        match self.server.product(call).await? {
            Product::Ejabberd => ejabberd::rooms(self, call, service).await,
            Product::Prosody => prosody::rooms(self, call, service).await,
        }
    }
}
