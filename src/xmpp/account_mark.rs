//! The mark of an account: an item of the gateway's in a node of the user's own PEP service (XEP-0163), which goes with the
//! account. A later account of the same name does not have it.

use xmpp_parsers::ns::{JSON_CONTAINERS as JSON, PUBSUB};

use super::{data_form, pubsub};
use crate::xml::Element;
use crate::xml::element::{Build, el};

/// The node.
pub const NODE: &str = "urn:stanzagate:account:0";

const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
/// Nobody needs to know who has an account. It may be auto-created by this, where the node could not be made before.
const OPTIONS: [(&str, &str); 2] = [("pubsub#access_model", "whitelist"), ("pubsub#persist_items", "true")];

/// One mark; an account may have several, when several made one in the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Unlike any other.
    pub id: String,
    /// No account of this name was there before, in milliseconds since 1970; 0: nobody knows.
    pub since_ms: u64,
}

/// Makes the node; in the user's name.
pub fn create() -> Element {
    pubsub::create(NODE, None)
}

/// Lets the gateways read the node; in the user's name.
pub fn admit<'a>(gateways: impl IntoIterator<Item = &'a str>) -> Element {
    pubsub::admit(NODE, gateways)
}

/// Puts a mark there; in the user's name.
pub fn publish(item: &Item) -> Element {
    let json = el("json", JSON).text_of(format!("{{\"since\":{}}}", item.since_ms));
    let item = el("item", PUBSUB).with("id", item.id.as_str()).child(json);
    let options = el("publish-options", PUBSUB).child(data_form::submit(PUBLISH_OPTIONS, OPTIONS));
    el("pubsub", PUBSUB).child(el("publish", PUBSUB).with("node", NODE).child(item)).child(options)
}

/// Takes the node away; in the user's name.
pub fn delete() -> Element {
    pubsub::delete(NODE)
}

/// Asks for the marks.
pub fn query() -> Element {
    pubsub::items(NODE, [])
}

/// The marks in an answer. What the user's own client put there counts too: it concerns nobody but them.
pub fn read(reply: &Element) -> Vec<Item> {
    let since = |json: &str| serde_json::from_str::<serde_json::Value>(json).ok()?.get("since")?.as_u64();
    let items = pubsub::read_items(reply).into_iter();
    items.filter_map(|(id, json)| Some(Item { id, since_ms: since(&json)? })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_they_are_written() {
        let item = |id: &str, since_ms| Item { id: id.to_owned(), since_ms };
        let of = |payload: Element| payload.get_child("publish", PUBSUB).unwrap().children().next().unwrap().clone();
        let items = [item("a", 0), item("b", 1_800_000_000_123)];
        let list = el("items", PUBSUB)
            .children_from(items.iter().map(|item| of(publish(item))))
            .child(el("item", PUBSUB).with("id", "c").child(el("json", JSON).text_of("[]")))
            .child(el("item", PUBSUB).with("id", "d"));
        let reply = el("iq", "jabber:client").child(el("pubsub", PUBSUB).child(list));
        assert_eq!(read(&reply), items);
        assert_eq!(read(&el("iq", "jabber:client")), []);
    }
}
