//! Rooms and their members.

use std::collections::{HashMap, HashSet};

use jid::{BareJid, ResourcePart};

use super::ChatError;

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
    /// Reserved or subscribed nick, else the nick of his vCard, else the localpart.
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

/// Who belongs to a room, as the server lists them.
#[derive(Debug, Clone, Default)]
pub(super) struct RoomLists {
    /// Affiliation of each owner, admin and member, the gateway itself included where it is one.
    pub(super) affiliations: HashMap<BareJid, Affiliation>,
    /// Subscribers (ejabberd).
    pub(super) subscribers: HashSet<BareJid>,
    /// Those of them who get all that a member gets.
    pub(super) hearing: HashSet<BareJid>,
    nicks: HashMap<BareJid, String>,
    taken: HashSet<String>,
}

impl RoomLists {
    /// The affiliation of one user.
    pub(super) fn of(&self, user: &BareJid) -> Affiliation {
        self.affiliations.get(user).copied().unwrap_or(Affiliation::None)
    }

    /// The nick that the room itself knows for `user`: reserved (Prosody) or subscribed (ejabberd).
    pub(super) fn nick(&self, user: &BareJid) -> Option<&str> {
        self.nicks.get(user).map(String::as_str)
    }

    /// Notes that `user` has `nick`. An empty one is none.
    pub(super) fn set_nick(&mut self, user: BareJid, nick: String) {
        if nick.is_empty() {
            return;
        }
        self.taken.insert(nick.to_lowercase());
        self.nicks.insert(user, nick);
    }

    /// As [`RoomLists::nick_for`], and notes that he has it.
    pub(super) fn free_nick(&mut self, user: &BareJid, wanted: &str) -> String {
        let nick = self.nick_for(user, wanted);
        self.set_nick(user.clone(), nick.clone());
        nick
    }

    /// The nick that `user` has, else `wanted`, else, where somebody else has that, with his address behind it.
    pub(super) fn nick_for(&self, user: &BareJid, wanted: &str) -> String {
        if let Some(nick) = self.nicks.get(user) {
            return nick.clone();
        }
        let local = user.node().map_or("user", |node| node.as_str());
        let wanted = ResourcePart::new(wanted).map_or_else(|_| local.to_owned(), |nick| nick.to_string());
        if self.taken.contains(&wanted.to_lowercase()) { distinct_nick(&wanted, user) } else { wanted }
    }
}

/// A nick that nobody else can have.
pub(super) fn distinct_nick(nick: &str, user: &BareJid) -> String {
    format!("{nick} ({user})")
}
