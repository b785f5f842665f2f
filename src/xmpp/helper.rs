//! The gateway's own helper modules for Prosody (`config/mod_stanzagate.lua`, `config/mod_stanzagate_tokens.lua`).

use jid::BareJid;

use crate::xml::Element;
use crate::xml::element::{Build as _, el};

/// The namespace.
pub const NS: &str = "urn:stanzagate:helper:0";

/// Asks a room to empty its archive.
pub fn purge() -> Element {
    el("purge", NS)
}

/// Gives many users one affiliation, some with the nick to reserve.
pub fn affiliations<'a>(affiliation: &str, users: impl IntoIterator<Item = (&'a BareJid, Option<&'a str>)>) -> Element {
    let item = |(user, nick): (&BareJid, Option<&str>)| {
        el("item", NS).with("jid", user.to_string()).with("affiliation", affiliation).maybe("nick", nick)
    };
    el("affiliations", NS).children_from(users.into_iter().map(item))
}

/// Asks for a token with which a client of the user logs in for so many seconds.
pub fn login_token(seconds: u64) -> Element {
    el("token", NS).with("seconds", seconds.to_string())
}

/// The token of an answer.
pub fn token(reply: &Element) -> Option<String> {
    reply.get_child("token", NS).map(Element::text).filter(|token| !token.is_empty())
}

/// What became of each: `None` when it was done, else the condition of the refusal. In the order of the question.
pub fn refusals(reply: &Element) -> Vec<Option<String>> {
    let items = reply.get_child("affiliations", NS).into_iter().flat_map(Element::children);
    items.filter(|item| item.is("item", NS)).map(|item| item.attr("condition").map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_stays_with_its_user() {
        let items = "<item jid='a@x'/><item jid='b@x' condition='conflict'/><item jid='c@x'/>";
        let reply = format!("<iq xmlns='jabber:client'><affiliations xmlns='{NS}'>{items}</affiliations></iq>");
        assert_eq!(refusals(&reply.parse().expect("XML")), [None, Some("conflict".into()), None]);
        assert_eq!(refusals(&"<iq xmlns='jabber:client'/>".parse().expect("XML")), []);
    }
}
