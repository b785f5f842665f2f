//! Who belongs to a room, as the server lists them, and who has which nick there.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use jid::{BareJid, ResourcePart};

use crate::chat::types::room::{Affiliation, Member};
use crate::xmpp::muc_admin::Item;
use crate::xmpp::mucsub::Subscriber;

/// Who belongs to a room.
#[derive(Debug, Clone, Default)]
pub(in crate::chat) struct RoomLists {
    people: HashMap<BareJid, Person>,
    /// The nicks that somebody has, in lower case, from when one is looked for that nobody has.
    taken: OnceLock<HashSet<String>>,
}

/// What the lists say of one.
#[derive(Debug, Clone, Default)]
struct Person {
    affiliation: Option<Affiliation>,
    /// Empty when the room knows none.
    nick: String,
    subscribed: bool,
    gets_messages: bool,
}

impl RoomLists {
    /// Notes who is listed with an affiliation.
    pub(in crate::chat) fn affiliate(&mut self, affiliation: Affiliation, items: Vec<Item>) {
        self.people.reserve(items.len());
        for Item { jid, nick } in items {
            let person = self.people.entry(jid).or_default();
            person.affiliation = Some(affiliation);
            person.call(nick.unwrap_or_default());
        }
    }

    /// Notes who is listed as a subscriber (ejabberd), and whether they get all that a member gets.
    pub(in crate::chat) fn subscribe(&mut self, subscribers: Vec<Subscriber>) {
        self.people.reserve(subscribers.len());
        for Subscriber { jid, nick, gets } in subscribers {
            let person = self.people.entry(jid).or_default();
            (person.subscribed, person.gets_messages) = (true, person.gets_messages || gets);
            person.call(nick);
        }
    }

    /// The affiliation of one user.
    pub(in crate::chat) fn of(&self, user: &BareJid) -> Affiliation {
        self.people.get(user).and_then(|person| person.affiliation).unwrap_or(Affiliation::None)
    }

    /// Each owner, admin and member, the gateway itself included where it is one.
    pub(in crate::chat) fn affiliated(&self) -> impl Iterator<Item = (&BareJid, Affiliation)> {
        self.people.iter().filter_map(|(user, person)| Some((user, person.affiliation?)))
    }

    /// As [`RoomLists::affiliated`], with the nicks that the room itself knows.
    pub(in crate::chat) fn into_members(self) -> impl Iterator<Item = Member> {
        let member = |(jid, person): (BareJid, Person)| {
            Some(Member { jid, affiliation: person.affiliation?, nick: person.nick })
        };
        self.people.into_iter().filter_map(member)
    }

    /// Takes the affiliation of one user away.
    pub(in crate::chat) fn part_with(&mut self, user: &BareJid) {
        if let Some(person) = self.people.get_mut(user) {
            person.affiliation = None;
        }
    }

    /// Each subscriber (ejabberd).
    pub(in crate::chat) fn subscribers(&self) -> impl Iterator<Item = &BareJid> {
        self.people.iter().filter(|(_, person)| person.subscribed).map(|(user, _)| user)
    }

    /// Whether they are a subscriber (ejabberd).
    pub(in crate::chat) fn is_subscribed(&self, user: &BareJid) -> bool {
        self.people.get(user).is_some_and(|person| person.subscribed)
    }

    /// Whether they are a subscriber who gets all that a member gets.
    pub(in crate::chat) fn gets_messages(&self, user: &BareJid) -> bool {
        self.people.get(user).is_some_and(|person| person.gets_messages)
    }

    /// Notes that they get nothing any more.
    pub(in crate::chat) fn mark_unsubscribed(&mut self, user: &BareJid) {
        if let Some(person) = self.people.get_mut(user) {
            person.gets_messages = false;
        }
    }

    /// The nick that the room itself knows for `user`: reserved (Prosody) or subscribed (ejabberd).
    pub(in crate::chat) fn nick(&self, user: &BareJid) -> Option<&str> {
        self.people.get(user).map(|person| &*person.nick).filter(|nick| !nick.is_empty())
    }

    /// All nicks that the room itself knows, and who has each.
    pub(in crate::chat) fn into_nicks(self) -> impl Iterator<Item = (String, BareJid)> {
        self.people.into_iter().filter(|(_, person)| !person.nick.is_empty()).map(|(user, person)| (person.nick, user))
    }

    /// As [`RoomLists::nick_for`], and notes that they have it.
    pub(in crate::chat) fn free_nick(&mut self, user: &BareJid, wanted: &str) -> String {
        let nick = self.nick_for(user, wanted);
        self.people.entry(user.clone()).or_default().call(nick.clone());
        if let Some(taken) = self.taken.get_mut() {
            taken.insert(nick.to_lowercase());
        }
        nick
    }

    /// The nick that `user` has, else `wanted`, else, where somebody else has that, with their address behind it.
    pub(in crate::chat) fn nick_for(&self, user: &BareJid, wanted: &str) -> String {
        if let Some(nick) = self.nick(user) {
            return nick.to_owned();
        }
        let local = user.node().map_or("user", |node| node.as_str());
        let wanted = ResourcePart::new(wanted).map_or_else(|_| local.to_owned(), |nick| nick.to_string());
        let taken = self.taken.get_or_init(|| {
            let nicks = self.people.values().map(|person| person.nick.to_lowercase());
            nicks.filter(|nick| !nick.is_empty()).collect()
        });
        if taken.contains(&wanted.to_lowercase()) { distinct_nick(&wanted, user) } else { wanted }
    }
}

impl Person {
    /// Notes their nick. An empty one is none.
    fn call(&mut self, nick: String) {
        if !nick.is_empty() {
            self.nick = nick;
        }
    }
}

/// A nick that nobody else can have.
pub(in crate::chat) fn distinct_nick(nick: &str, user: &BareJid) -> String {
    format!("{nick} ({user})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> BareJid {
        BareJid::new(text).unwrap()
    }

    #[test]
    fn a_nick_is_given_once_whoever_learns_of_it_first() {
        let mut lists = RoomLists::default();
        let item = |user: &str, nick: Option<&str>| Item { jid: jid(user), nick: nick.map(str::to_owned) };
        lists.affiliate(Affiliation::Member, vec![item("a@h", Some("Ann")), item("b@h", None), item("c@h", Some(""))]);
        assert_eq!(lists.nick_for(&jid("b@h"), "ANN"), "ANN (b@h)");
        assert_eq!(lists.nick_for(&jid("a@h"), "Other"), "Ann");
        assert_eq!(lists.free_nick(&jid("b@h"), "Ben"), "Ben");
        assert_eq!(lists.free_nick(&jid("c@h"), "ben"), "ben (c@h)");
        assert_eq!(lists.free_nick(&jid("new@h"), "Cleo"), "Cleo");
        assert_eq!(lists.of(&jid("new@h")), Affiliation::None);
        assert_eq!(lists.affiliated().count(), 3);
    }

    #[test]
    fn what_several_lists_say_of_one_is_kept_together() {
        let mut lists = RoomLists::default();
        lists.affiliate(Affiliation::Admin, vec![Item { jid: jid("a@h"), nick: None }]);
        let subscriber = |user: &str, gets| Subscriber { jid: jid(user), nick: "N".to_owned(), gets };
        lists.subscribe(vec![subscriber("a@h", true), subscriber("b@h", false)]);
        assert!(lists.is_subscribed(&jid("a@h")) && lists.gets_messages(&jid("a@h")));
        assert!(lists.is_subscribed(&jid("b@h")) && !lists.gets_messages(&jid("b@h")));
        lists.mark_unsubscribed(&jid("a@h"));
        assert!(lists.is_subscribed(&jid("a@h")) && !lists.gets_messages(&jid("a@h")));
        lists.part_with(&jid("a@h"));
        assert_eq!(lists.into_members().count(), 0);
    }
}
