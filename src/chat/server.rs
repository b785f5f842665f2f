//! The one place where ejabberd and Prosody differ: each verb's step, by product.

pub(in crate::chat) mod admin;
pub(in crate::chat) mod archive;
pub(in crate::chat) mod archives;
pub(in crate::chat) mod core;
mod inbound;
pub(in crate::chat) mod links;
pub(in crate::chat) mod stray;

use jid::BareJid;

use crate::chat::Call;
use crate::chat::rooms::lists::RoomLists;
use crate::chat::rooms::{ejabberd, prosody};
use crate::chat::server::core::Core;
use crate::chat::types::error::ChatError;
use crate::chat::types::message::{Message, Receipt};
use crate::config::server::Kind;
use crate::xml::Element;
use crate::xmpp::bookmarks::Shown;
use crate::xmpp::{iq, version};

/// The server's product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// ejabberd.
    Ejabberd,
    /// Prosody.
    Prosody,
}

impl Core {
    /// The product, as configured or as the server itself says (XEP-0092), asked once.
    pub(in crate::chat) async fn product(&self, call: &Call) -> Result<Product, ChatError> {
        match self.config.server.kind {
            Kind::Ejabberd => Ok(Product::Ejabberd),
            Kind::Prosody => Ok(Product::Prosody),
            Kind::Auto => match self.product.get() {
                Some(product) => Ok(*product),
                None => Box::pin(self.product.get_or_try_init(|| self.ask_product(call))).await.copied(),
            },
        }
    }

    async fn ask_product(&self, call: &Call) -> Result<Product, ChatError> {
        let name = self.server_version(call).await?.map(|(name, _)| name).unwrap_or_default();
        match name.to_ascii_lowercase() {
            name if name.contains("ejabberd") => Ok(Product::Ejabberd),
            name if name.contains("prosody") => Ok(Product::Prosody),
            _ => Err(ChatError::Config(format!(
                "the XMPP server says its name is {name:?}: set server.kind to \"ejabberd\" or \"prosody\""
            ))),
        }
    }

    /// Name and version as the server itself says.
    pub(in crate::chat) async fn server_version(&self, call: &Call) -> Result<Option<(String, String)>, ChatError> {
        let question = iq::get(&self.component, self.addresses.domain(), version::query());
        Ok(self.ask(call, question).await?.ok().and_then(|reply| version::read(&reply)))
    }

    /// Whether each account exists; asks the server every time.
    pub(in crate::chat) async fn probe(&self, call: &Call, users: &[BareJid]) -> Vec<Result<bool, ChatError>> {
        if users.is_empty() {
            return Vec::new();
        }
        match self.product(call).await {
            Ok(Product::Ejabberd) => ejabberd::probe(self, call, users).await,
            Ok(Product::Prosody) => prosody::probe(self, call, users).await,
            Err(error) => users.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Whether senders can get copies of their own: on ejabberd over sessions of theirs, which need a grant.
    pub(in crate::chat) fn gives_copies(&self, server: Product) -> bool {
        match server {
            Product::Ejabberd => self.sessions.granted(),
            Product::Prosody => true,
        }
    }

    /// Sends addressed messages of one account, in their order, so that the sender's archive and devices get them too.
    /// `Some` is the error that one came back with, unless they are only to be `written`.
    pub(in crate::chat) async fn deliver_with_copy(
        &self,
        call: &Call,
        from: &BareJid,
        stanzas: Vec<Element>,
        written: bool,
    ) -> Vec<Result<Option<Element>, ChatError>> {
        match self.product(call).await {
            Ok(Product::Ejabberd) => ejabberd::deliver_with_copy(self, call, from, stanzas, written).await,
            Ok(Product::Prosody) => prosody::deliver_with_copy(self, call, from, stanzas, written).await,
            Err(error) => stanzas.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Says something in a room in a user's name, and waits for the room's reflection.
    pub(in crate::chat) async fn speak(
        &self,
        call: &Call,
        room: &BareJid,
        message: &Message,
    ) -> Result<Receipt, ChatError> {
        match self.product(call).await? {
            Product::Ejabberd => ejabberd::speak(self, call, room, message).await,
            Product::Prosody => prosody::speak(self, call, room, message).await,
        }
    }

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
        let done = match self.product(call).await? {
            Product::Ejabberd => ejabberd::set_affiliations(self, call, room, affiliation, users).await,
            Product::Prosody => prosody::set_affiliations(self, call, room, affiliation, users).await,
        };
        self.owners.forget(room);
        self.surveys.forget(room);
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
        Ok(match self.product(call).await? {
            Product::Ejabberd => ejabberd::enrol::enrol(self, call, shown, (users, lists)).await,
            Product::Prosody => prosody::enrol(self, call, shown, users).await,
        })
    }

    /// Whether a message to each of `users` that is not to be kept may be sent: Prosody keeps for later whatever comes for
    /// somebody who is not there.
    pub(in crate::chat) async fn may_be_told(&self, call: &Call, users: &[BareJid]) -> Vec<bool> {
        let there = match self.product(call).await {
            Ok(Product::Prosody) => crate::chat::accounts::prosody::resources(self, call, users).await,
            Ok(Product::Ejabberd) | Err(_) => None,
        };
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

    /// Undoes [`Core::enrol`]. `gone` says that the room itself is gone.
    pub(in crate::chat) async fn withdraw(
        &self,
        call: &Call,
        room: &BareJid,
        users: &[BareJid],
        gone: bool,
    ) -> Result<Vec<Result<(), ChatError>>, ChatError> {
        Ok(match self.product(call).await? {
            Product::Ejabberd => ejabberd::withdraw(self, call, room, users, gone).await,
            Product::Prosody => prosody::withdraw(self, call, room, users).await,
        })
    }

    /// Who belongs to a room, with the nicks that the room itself knows.
    pub(in crate::chat) async fn lists(&self, call: &Call, room: &BareJid) -> Result<RoomLists, ChatError> {
        match self.product(call).await? {
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
        let mut rooms = match self.product(call).await? {
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
        match self.product(call).await? {
            Product::Ejabberd => ejabberd::rooms(self, call, service).await,
            Product::Prosody => prosody::rooms(self, call, service).await,
        }
    }
}
