//! Bookmarks as clients knew them before XEP-0402: one list for all rooms, in the account's private storage (XEP-0048,
//! XEP-0049).

use jid::BareJid;

use super::bookmarks::Shown;
use crate::xml::Element;
use crate::xml::element::{Build, child_text, el, set};

/// The namespace of the list.
pub const NS: &str = "storage:bookmarks";
const PRIVATE: &str = "jabber:iq:private";

/// Asks for the list.
pub fn query() -> Element {
    el("query", PRIVATE).child(el("storage", NS))
}

/// The rooms in the list; those whose address is not a JID are left out.
pub fn rooms(reply: &Element) -> Vec<BareJid> {
    list(reply).into_iter().flat_map(Element::children).filter_map(room).collect()
}

/// Writes the list in `reply` with the room, to be entered on log-in; `None` when that is what it says. What it says of
/// the room besides, and of all others, stays.
pub fn with(reply: &Element, shown: &Shown<'_>, nick: &str) -> Option<Element> {
    let is_it = |child: &&Element| room(child).as_ref() == Some(shown.room);
    let there = list(reply).and_then(|list| list.children().find(is_it));
    let password = |there: &Element| child_text(there, "password", NS);
    let joins = |there: &Element| matches!(there.attr("autojoin"), Some("true" | "1"));
    if there.is_some_and(|there| joins(there) && password(there).as_deref() == shown.password) {
        return None;
    }
    let mut entry = match there {
        Some(there) => there.clone(),
        None => {
            let name = Some(shown.name).filter(|name| !name.is_empty());
            el("conference", NS).with("jid", shown.room.as_str()).maybe("name", name)
        }
    };
    set(&mut entry, "autojoin", "true");
    if !entry.has_child("nick", NS) {
        entry = entry.child(el("nick", NS).text_of(nick));
    }
    entry.remove_child("password", NS);
    let entry = entry.children_from(shown.password.map(|password| el("password", NS).text_of(password)));
    Some(write(reply, shown.room, Some(entry)))
}

/// Writes the list in `reply` without the room; `None` when it is not there.
pub fn without(reply: &Element, room: &BareJid) -> Option<Element> {
    rooms(reply).contains(room).then(|| write(reply, room, None))
}

fn write(reply: &Element, room_: &BareJid, entry: Option<Element>) -> Element {
    let others = list(reply).into_iter().flat_map(Element::children);
    let others = others.filter(|child| room(child).as_ref() != Some(room_)).cloned();
    el("query", PRIVATE).child(el("storage", NS).children_from(others.chain(entry)))
}

fn list(reply: &Element) -> Option<&Element> {
    reply.get_child("query", PRIVATE)?.get_child("storage", NS)
}

fn room(child: &Element) -> Option<BareJid> {
    child.is("conference", NS).then(|| BareJid::new(child.attr("jid")?).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(entries: &str) -> Element {
        let storage = format!("<storage xmlns='storage:bookmarks'>{entries}</storage>");
        let xml = format!("<iq xmlns='jabber:client'><query xmlns='jabber:iq:private'>{storage}</query></iq>");
        xml.parse().unwrap()
    }

    /// As a server gives back what was written.
    fn after(written: Element) -> Element {
        el("iq", "jabber:client").child(written)
    }

    #[test]
    fn a_room_comes_and_goes_and_all_else_stays() {
        let others = "<url name='U' url='http://u'/><conference jid='other@c' name='O'><nick>n</nick></conference>";
        let room = BareJid::new("r@c").unwrap();
        let shown = Shown { room: &room, name: "R", password: None };
        let with_it = after(with(&reply(others), &shown, "me").unwrap());
        let own = "<conference jid='r@c' name='R' autojoin='true'><nick>me</nick></conference>";
        assert_eq!(with_it, reply(&format!("{others}{own}")));
        assert_eq!(with(&with_it, &shown, "another"), None);
        assert_eq!(after(without(&with_it, &room).unwrap()), reply(others));
        assert_eq!(without(&reply(others), &room), None);
        assert_eq!(without(&"<iq xmlns='jabber:client'/>".parse().unwrap(), &room), None);
        assert!(with(&"<iq xmlns='jabber:client'/>".parse().unwrap(), &shown, "me").is_some());
    }

    #[test]
    fn what_the_user_said_of_the_room_stays() {
        let own = reply("<conference jid='R@C' name='Mine'><nick>Own</nick><password>old</password></conference>");
        let room = BareJid::new("r@c").unwrap();
        let shown = Shown { room: &room, name: "R", password: Some("s") };
        let with_it = after(with(&own, &shown, "me").unwrap());
        let expected =
            "<conference jid='R@C' name='Mine' autojoin='true'><nick>Own</nick><password>s</password></conference>";
        assert_eq!(with_it, reply(expected));
        assert_eq!(rooms(&with_it), std::slice::from_ref(&room));
        assert_eq!(with(&with_it, &shown, "me"), None);
    }
}
