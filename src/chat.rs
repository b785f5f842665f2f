//! The verbs, and the nouns they take. Here are the decisions: the order of stanzas, what counts as done, and (in
//! `server/`) the one place where ejabberd and Prosody differ.

pub mod address;
pub mod error;
pub mod message;
pub mod profile;
pub mod room;

use std::sync::Arc;

use jid::BareJid;

pub use crate::link::{Call, LinkState};
pub use address::Addresses;
pub use error::ChatError;
use message::{Message, Receipt};
use profile::{Photo, Profile};
use room::{Affiliation, Member, MemberOutcome, NewRoom};

/// The verbs, over one link. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    _todo: (),
}

impl Chat {
    /// Connects the verbs to the server that `config` names; the link comes up in the background.
    pub fn start(_config: Arc<crate::config::Config>, _metrics: crate::metrics::Metrics) -> Result<Chat, ChatError> {
        todo!()
    }

    /// The link's state, to watch.
    pub fn link_state(&self) -> tokio::sync::watch::Receiver<LinkState> {
        todo!()
    }

    /// The addresses that callers may name.
    pub fn addresses(&self) -> &Addresses {
        todo!()
    }

    /// Sends one message, one-to-one or to a room, and returns when the server has processed it (one-to-one) or the
    /// room has reflected it (rooms).
    ///
    /// # Errors
    /// Unknown recipient, sender or room, a sender who is not a member, a refusal by the room, a link that is busy,
    /// down, or fell before the answer.
    pub async fn send(&self, _call: &Call, _message: Message) -> Result<Receipt, ChatError> {
        todo!()
    }

    /// Creates a persistent room with `owner` as its owner. Atomic: of two callers one gets [`ChatError::RoomExists`].
    /// A room that could not be finished is destroyed again.
    pub async fn create_room(&self, _call: &Call, _room: NewRoom) -> Result<(), ChatError> {
        todo!()
    }

    /// Destroys a room; its occupants see `reason`.
    pub async fn destroy_room(&self, _call: &Call, _room: &BareJid, _reason: &str) -> Result<(), ChatError> {
        todo!()
    }

    /// Makes `users` members of `room` so that their standard clients show it: affiliation, reserved nick, MUC/Sub
    /// subscription (ejabberd), bookmark with autojoin, invitation from `inviter`. One outcome per user, in order.
    /// A user who is an admin or owner already keeps that.
    pub async fn add_members(
        &self,
        _call: &Call,
        _room: &BareJid,
        _inviter: Option<&BareJid>,
        _users: &[BareJid],
    ) -> Result<Vec<MemberOutcome>, ChatError> {
        todo!()
    }

    /// Undoes [`Chat::add_members`], owners and admins included. Removing one who is not a member is a success.
    pub async fn remove_members(
        &self,
        _call: &Call,
        _room: &BareJid,
        _users: &[BareJid],
    ) -> Result<Vec<MemberOutcome>, ChatError> {
        todo!()
    }

    /// Owners, admins and members of a room with their nicks, the gateway itself never among them.
    pub async fn members(&self, _call: &Call, _room: &BareJid) -> Result<Vec<Member>, ChatError> {
        todo!()
    }

    /// The affiliation of one user in a room.
    pub async fn affiliation(&self, _call: &Call, _room: &BareJid, _user: &BareJid) -> Result<Affiliation, ChatError> {
        todo!()
    }

    /// Removes `users` from every room of the MUC service `rooms`, rooms made by ordinary clients included. One outcome
    /// per user; a user's error names the rooms that failed.
    pub async fn remove_from_all_rooms(
        &self,
        _call: &Call,
        _rooms: &str,
        _users: &[BareJid],
    ) -> Result<Vec<MemberOutcome>, ChatError> {
        todo!()
    }

    /// Nick name and photo from the user's vCard.
    pub async fn profile(&self, _call: &Call, _user: &BareJid) -> Result<Profile, ChatError> {
        todo!()
    }

    /// The photo in the user's vCard, whole, when it is binary.
    pub async fn photo(&self, _call: &Call, _user: &BareJid) -> Result<Option<Photo>, ChatError> {
        todo!()
    }

    /// True when `password` is the XMPP password of `user`.
    pub async fn check_password(&self, _call: &Call, _user: &BareJid, _password: &str) -> Result<bool, ChatError> {
        todo!()
    }

    /// Registers what answers an IQ get that a user of a served domain sends to the component itself: given the sender's
    /// bare JID, it returns the payload's text (used for `urn:xmpp:key`).
    pub fn on_key_request(&self, _answer: Arc<dyn Fn(&BareJid) -> Option<String> + Send + Sync>) {
        todo!()
    }

    /// Closes sessions and the link after what is pending has ended, or `limit` has passed.
    pub async fn drain(&self, _limit: std::time::Duration) {
        todo!()
    }
}
