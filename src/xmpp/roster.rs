//! Contact lists (RFC 6121 section 2), and the presence that changes subscriptions (section 3).

use jid::BareJid;
pub use xmpp_parsers::ns::ROSTER as NS;

use crate::xml::Element;
use crate::xml::element::{Build, client, el};

/// One contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Who.
    pub jid: BareJid,
    /// `none`, `to`, `from` or `both`, seen from the owner of the list.
    pub subscription: String,
    /// Whether the owner has asked for a subscription that was not granted yet.
    pub asked: bool,
    /// The name that the owner gave.
    pub name: Option<String>,
    /// The groups that the owner put the contact in.
    pub groups: Vec<String>,
}

impl Item {
    /// True when each of the two sees the other.
    pub fn is_mutual(&self) -> bool {
        self.subscription == "both"
    }
}

/// Asks for the whole list.
pub fn query() -> Element {
    el("query", NS)
}

/// The contacts of an answer; those whose address is not a JID are left out.
pub fn items(reply: &Element) -> Vec<Item> {
    let Some(query) = reply.get_child("query", NS) else { return Vec::new() };
    query.children().filter(|child| child.is("item", NS)).filter_map(item).collect()
}

fn item(item: &Element) -> Option<Item> {
    Some(Item {
        jid: BareJid::new(item.attr("jid")?).ok()?,
        subscription: item.attr("subscription").unwrap_or("none").to_owned(),
        asked: item.attr("ask") == Some("subscribe"),
        name: item.attr("name").map(str::to_owned),
        groups: item.children().filter(|child| child.is("group", NS)).map(Element::text).collect(),
    })
}

/// Puts a contact on the list with the subscription `both`, which a server takes from privileged entities only. A set
/// replaces the whole entry: name and groups are those of `known`.
pub fn set_mutual(contact: &BareJid, known: Option<&Item>) -> Element {
    let groups = known.into_iter().flat_map(|known| &known.groups);
    let item = el("item", NS)
        .with("jid", contact.as_str())
        .with("subscription", "both")
        .maybe("name", known.and_then(|known| known.name.as_deref()))
        .children_from(groups.map(|group| el("group", NS).text_of(group.as_str())));
    query().child(item)
}

/// Takes a contact off the list.
pub fn remove(contact: &BareJid) -> Element {
    query().child(el("item", NS).with("jid", contact.as_str()).with("subscription", "remove"))
}

/// Presence of a type that concerns subscriptions: `subscribe`, `subscribed`, `unsubscribe`, `unsubscribed`, `probe`.
/// In a user's own session the server itself says who it is from.
pub fn presence(kind: &str, from: Option<&BareJid>, to: &BareJid) -> Element {
    client("presence").with("type", kind).maybe("from", from.map(|from| from.as_str())).with("to", to.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::CLIENT;

    #[test]
    fn a_set_keeps_what_the_owner_wrote() {
        let listed = "<iq xmlns='jabber:client' type='result'><query xmlns='jabber:iq:roster'>\
                      <item jid='bob@example.org' name='Bob' ask='subscribe'><group>Work</group><group>B</group></item>\
                      <item jid='@'/><item jid='carol@example.org' subscription='both'/></query></iq>";
        let items = items(&listed.parse().expect("XML"));
        assert_eq!(items.len(), 2);
        assert_eq!((items[0].subscription.as_str(), items[0].asked, items[0].is_mutual()), ("none", true, false));
        assert!(items[1].is_mutual() && !items[1].asked);
        let set = client("iq").child(set_mutual(&items[0].jid, items.first()));
        let again = super::items(&set);
        assert_eq!(again[0], Item { subscription: "both".into(), asked: false, ..items[0].clone() });
        assert!(super::items(&Element::bare("iq", CLIENT)).is_empty());
    }
}
