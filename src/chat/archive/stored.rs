//! What of an archive is a message to a reader, who sent it, and to whom.

use jid::{BareJid, Jid};
use serde_json::Value;

use crate::chat::types::card::CardChild;
use crate::xml::element::child_text;
use crate::xml::{CLIENT, Element};
use crate::xmpp::{muc, mucsub};

/// The namespace of XEP-0335.
const JSON: &str = "urn:xmpp:json:0";

/// What a message says to a reader: its body, and the JSON of its child.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::chat) struct Content {
    pub(in crate::chat) body: String,
    pub(in crate::chat) json: Option<Value>,
}

/// The content of a message; `None` when it says nothing: states of typing, receipts, subjects.
pub(in crate::chat) fn content(message: &Element, child: CardChild) -> Option<Content> {
    let body = child_text(message, "body", CLIENT).unwrap_or_default();
    let json = message
        .get_child(child.name, child.ns)
        .and_then(|child| child_text(child, "json", JSON))
        .and_then(|json| serde_json::from_str(&json).ok());
    (!body.is_empty() || json.is_some()).then_some(Content { body, json })
}

/// Sender and recipient of an entry in the archive of `user`. An address that is left out is their own.
pub(in crate::chat) fn ends(user: &BareJid, message: &Element) -> Option<(BareJid, BareJid)> {
    let end = |name: &str| match message.attr(name) {
        Some(jid) => Jid::new(jid).ok().map(Jid::into_bare),
        None => Some(user.clone()),
    };
    Some((end("from")?, end("to")?))
}

/// With whom `user` exchanged an entry of their archive.
pub(in crate::chat) fn peer(user: &BareJid, message: &Element) -> Option<BareJid> {
    match ends(user, message)? {
        (from, to) if from == *user => Some(to),
        (from, to) if to == *user => Some(from),
        _ => None,
    }
}

/// True for what one user says to another. What a room sends to a subscriber is in their archive too.
pub(in crate::chat) fn is_private(message: &Element) -> bool {
    matches!(message.attr("type"), None | Some("chat" | "normal")) && mucsub::event(message).is_none()
}

/// Who said what stands in a room's archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::chat) enum Speaker {
    /// This user.
    User(BareJid),
    /// Whoever had this nick: the archive does not name them.
    Nick(String),
    /// The room.
    Room,
}

/// Who said this in `room`; `None` when it is nothing that was said there.
pub(in crate::chat) fn speaker(room: &BareJid, message: &Element) -> Option<Speaker> {
    let from = Jid::new(message.attr("from")?).ok().filter(|from| from.to_bare() == *room)?;
    if message.attr("type") != Some("groupchat") {
        return None;
    }
    Some(match (from.resource(), muc::real_sender(message)) {
        (_, Some(user)) => Speaker::User(user),
        (Some(nick), None) => Speaker::Nick(nick.to_string()),
        (None, None) => Speaker::Room,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILD: CardChild = CardChild { ns: "urn:example:0", name: "card" };

    fn message(attributes: &str, inner: &str) -> Element {
        format!("<message xmlns='jabber:client' {attributes}>{inner}</message>").parse().unwrap()
    }

    fn jid(jid: &str) -> BareJid {
        BareJid::new(jid).unwrap()
    }

    #[test]
    fn a_reader_is_shown_what_says_something() {
        let card = |json: &str| format!("<card xmlns='urn:example:0'><json xmlns='{JSON}'>{json}</json></card>");
        let said = |inner: &str| content(&message("", inner), CHILD).map(|content| (content.body, content.json));
        assert_eq!(said("<body>hi</body>"), Some(("hi".into(), None)));
        assert_eq!(said(&card(r#"{"media":1}"#)), Some((String::new(), Some(serde_json::json!({"media": 1})))));
        assert_eq!(said(&format!("<body>hi</body>{}", card("{broken"))), Some(("hi".into(), None)));
        for nothing in [
            "",
            "<body/>",
            "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
            "<received xmlns='urn:xmpp:receipts' id='1'/>",
            "<subject>new</subject>",
            &card("{broken"),
            "<card xmlns='urn:example:0'/>",
        ] {
            assert_eq!(said(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn the_peer_is_the_other_end() {
        let alice = jid("alice@example.org");
        for (attributes, expected) in [
            ("from='alice@example.org/a' to='bob@example.org'", Some("bob@example.org")),
            ("from='bob@example.org/b' to='alice@example.org/a'", Some("bob@example.org")),
            ("to='bob@example.org'", Some("bob@example.org")),
            ("from='bob@example.org'", Some("bob@example.org")),
            ("from='bob@example.org' to='carol@example.org'", None),
            ("from='@' to='alice@example.org'", None),
        ] {
            assert_eq!(peer(&alice, &message(attributes, "")), expected.map(jid), "{attributes}");
        }
        assert!(is_private(&message("", "")) && is_private(&message("type='chat'", "")));
        for other in ["groupchat", "error", "headline", "surprise"] {
            assert!(!is_private(&message(&format!("type='{other}'"), "")), "{other}");
        }
    }

    #[test]
    fn a_room_names_the_speaker_with_its_last_word() {
        let room = jid("r@rooms.example.org");
        let x = |jid: &str| format!("<x xmlns='{}'><item jid='{jid}'/></x>", muc::USER);
        let said =
            |from: &str, inner: &str| speaker(&room, &message(&format!("type='groupchat' from='{from}'"), inner));
        let alice = Some(Speaker::User(jid("alice@example.org")));
        assert_eq!(said("r@rooms.example.org/al", &x("alice@example.org/phone")), alice);
        let forged = format!("{}{}", x("carol@example.org"), x("alice@example.org"));
        assert_eq!(said("r@rooms.example.org/al", &forged), alice);
        assert_eq!(said("r@rooms.example.org/al", ""), Some(Speaker::Nick("al".into())));
        assert_eq!(said("r@rooms.example.org", ""), Some(Speaker::Room));
        assert_eq!(said("other@rooms.example.org/al", ""), None);
        assert_eq!(speaker(&room, &message("from='r@rooms.example.org/al'", "")), None);
    }
}
