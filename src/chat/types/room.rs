//! Rooms and their members.

use jid::BareJid;

use crate::chat::types::error::ChatError;

/// A room to create.
#[derive(Debug, Clone)]
pub struct NewRoom {
    /// Its address.
    pub room: BareJid,
    /// Its owner; `None` for a room that nobody owns but the gateway.
    pub owner: Option<BareJid>,
    /// Name, as clients show it.
    pub name: String,
    /// Description.
    pub description: String,
    /// Whether only members may enter.
    pub members_only: bool,
}

/// A user's standing in a room (XEP-0045 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Affiliation {
    /// Banned.
    Outcast,
    /// None.
    None,
    /// Member.
    Member,
    /// Admin.
    Admin,
    /// Owner.
    Owner,
}

/// A member of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub jid: BareJid,
    /// As what.
    pub affiliation: Affiliation,
    /// Reserved or subscribed nick, else the nick of their vCard, else the localpart.
    pub nick: String,
}

/// What became of one user in a call that names several.
#[derive(Debug, Clone)]
pub struct MemberOutcome {
    /// Who.
    pub user: BareJid,
    /// Done, or why not.
    pub result: Result<(), ChatError>,
}
