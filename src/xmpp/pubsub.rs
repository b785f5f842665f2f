//! Pubsub nodes that hold JSON (XEP-0060, XEP-0335): closed to everybody but their owner, who reads and writes them.

pub use xmpp_parsers::ns::PUBSUB as NS;
use xmpp_parsers::ns::{DISCO_ITEMS, JSON_CONTAINERS as JSON, PUBSUB_OWNER as OWNER};

use super::{data_form, rsm};
use crate::xml::Element;
use crate::xml::element::{Build, child_text, el};

const NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
const ACCESS_MODEL: &str = "pubsub#access_model";
const PUBLISH_MODEL: &str = "pubsub#publish_model";
const DESCRIPTION: &str = "pubsub#description";
/// The access model of a node that only those may read whom it names.
const CLOSED: &str = "whitelist";
/// The publish model of a node to which only those may write whom it names.
const PUBLISHERS: &str = "publishers";
/// Closed, kept whole, and silent.
const FIELDS: [(&str, &str); 9] = [
    (ACCESS_MODEL, CLOSED),
    (PUBLISH_MODEL, PUBLISHERS),
    ("pubsub#persist_items", "1"),
    ("pubsub#max_items", "max"),
    ("pubsub#send_last_published_item", "never"),
    ("pubsub#deliver_notifications", "0"),
    ("pubsub#deliver_payloads", "0"),
    ("pubsub#notify_retract", "0"),
    ("pubsub#notify_delete", "0"),
];

/// Creates a closed node, with a description if there is one: it is set in the same step, and by nobody who finds the node
/// there.
pub fn create(node: &str, description: Option<&str>) -> Element {
    let configure = el("configure", NS).child(form(description));
    el("pubsub", NS).child(el("create", NS).with("node", node)).child(configure)
}

/// Closes a node that is there, in one step (section 8.2); its description stays when none is given.
pub fn close(node: &str, description: Option<&str>) -> Element {
    el("pubsub", OWNER).child(el("configure", OWNER).with("node", node).child(form(description)))
}

fn form(description: Option<&str>) -> Element {
    let description = description.map(|description| (DESCRIPTION, description));
    data_form::submit(NODE_CONFIG, FIELDS.into_iter().chain(description))
}

/// Publishes one item: some servers take no more at once. Refused with `conflict` by a node that is not closed (section
/// 7.1.5); where the server makes a node itself, it is closed.
pub fn publish(node: &str, item: &str, json: &str) -> Element {
    let item = el("item", NS).with("id", item).child(el("json", JSON).text_of(json));
    let closed = data_form::submit(PUBLISH_OPTIONS, [(ACCESS_MODEL, CLOSED)]);
    el("pubsub", NS)
        .child(el("publish", NS).with("node", node).child(item))
        .child(el("publish-options", NS).child(closed))
}

/// Asks for a node's configuration (section 8.2), which only its owner is told.
pub fn config_query(node: &str) -> Element {
    el("pubsub", OWNER).child(el("configure", OWNER).with("node", node))
}

/// The description of the node in an answer to [`config_query`]; none when it is empty.
pub fn description(reply: &Element) -> Option<String> {
    configured(reply, DESCRIPTION).filter(|description| !description.is_empty())
}

/// True when an answer to [`config_query`] shows a node that only those read and write whom it names.
pub fn is_closed(reply: &Element) -> bool {
    let is = |name, value: &str| configured(reply, name).is_some_and(|is| is == value);
    is(ACCESS_MODEL, CLOSED) && is(PUBLISH_MODEL, PUBLISHERS)
}

fn configured(reply: &Element, field: &str) -> Option<String> {
    let form = data_form::inside(reply.get_child("pubsub", OWNER)?.get_child("configure", OWNER)?)?;
    data_form::values(form, field).into_iter().next()
}

/// Makes others owners of a node, beside those it has (section 8.9.2).
pub fn make_owners<'a>(node: &str, owners: impl IntoIterator<Item = &'a str>) -> Element {
    affiliate(node, "owner", owners)
}

/// Lets others read a closed node.
pub fn admit<'a>(node: &str, members: impl IntoIterator<Item = &'a str>) -> Element {
    affiliate(node, "member", members)
}

fn affiliate<'a>(node: &str, affiliation: &str, who: impl IntoIterator<Item = &'a str>) -> Element {
    let one = |jid| el("affiliation", OWNER).with("jid", jid).with("affiliation", affiliation);
    el("pubsub", OWNER).child(el("affiliations", OWNER).with("node", node).children_from(who.into_iter().map(one)))
}

/// Asks who has which affiliation with a node (section 8.9.1), which only its owners are told.
pub fn owners_query(node: &str) -> Element {
    el("pubsub", OWNER).child(el("affiliations", OWNER).with("node", node))
}

/// The owners in an answer to [`owners_query`].
pub fn owners(reply: &Element) -> impl Iterator<Item = &str> {
    let list = reply.get_child("pubsub", OWNER).and_then(|pubsub| pubsub.get_child("affiliations", OWNER));
    let entries = list.into_iter().flat_map(Element::children);
    entries.filter(|entry| entry.attr("affiliation") == Some("owner")).filter_map(|entry| entry.attr("jid"))
}

/// Asks for items; for all when `ids` names none.
pub fn items<'a>(node: &str, ids: impl IntoIterator<Item = &'a str>) -> Element {
    let ids = ids.into_iter().map(|id| el("item", NS).with("id", id));
    el("pubsub", NS).child(el("items", NS).with("node", node).children_from(ids))
}

/// Removes an item.
pub fn retract(node: &str, item: &str) -> Element {
    el("pubsub", NS).child(el("retract", NS).with("node", node).child(el("item", NS).with("id", item)))
}

/// Deletes a node.
pub fn delete(node: &str) -> Element {
    el("pubsub", OWNER).child(el("delete", OWNER).with("node", node))
}

/// Asks for the nodes of a service.
pub fn nodes_query() -> Element {
    el("query", DISCO_ITEMS)
}

/// Asks for a page of the ids of a node's items (section 5.5). Some servers give all of them.
pub fn ids_query(node: &str, max: usize, after: Option<&str>) -> Element {
    nodes_query().with("node", node).child(rsm::page(max, after))
}

/// The items of an answer: id and JSON text. Items that hold no JSON are left out.
pub fn read_items(reply: &Element) -> Vec<(String, String)> {
    let Some(items) = reply.get_child("pubsub", NS).and_then(|pubsub| pubsub.get_child("items", NS)) else {
        return Vec::new();
    };
    items
        .children()
        .filter(|child| child.is("item", NS))
        .filter_map(|item| Some((item.attr("id")?.to_owned(), child_text(item, "json", JSON)?)))
        .collect()
}

/// The nodes of an answer to [`nodes_query`].
pub fn nodes(reply: &Element) -> Vec<&str> {
    listed(reply).filter_map(|item| item.attr("node")).collect()
}

/// The item ids of an answer to [`ids_query`].
pub fn ids(reply: &Element) -> Vec<String> {
    listed(reply).filter_map(|item| item.attr("name")).map(str::to_owned).collect()
}

fn listed(reply: &Element) -> impl Iterator<Item = &Element> {
    let query = reply.get_child("query", DISCO_ITEMS);
    query.into_iter().flat_map(Element::children).filter(|child| child.is("item", DISCO_ITEMS))
}
