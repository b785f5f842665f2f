//! Service discovery (XEP-0030).

use xmpp_parsers::disco::{DiscoInfoQuery, DiscoInfoResult, Identity};
pub use xmpp_parsers::ns::{DISCO_INFO as INFO, DISCO_ITEMS as ITEMS};

use super::rsm;
use crate::xml::Element;
use crate::xml::element::{Build, el};

/// Asks what an entity is.
pub fn info_query() -> Element {
    DiscoInfoQuery { node: None }.into()
}

/// Asks what a node of an entity is: of a command's node, whether the asker may run it (XEP-0050 section 2.3).
pub fn node_query(node: &str) -> Element {
    DiscoInfoQuery { node: Some(node.to_owned()) }.into()
}

/// True when a disco#info answer names the feature.
pub fn has_feature(reply: &Element, feature: &str) -> bool {
    reply.get_child("query", INFO).is_some_and(|query| {
        query.children().any(|child| child.is("feature", INFO) && child.attr("var") == Some(feature))
    })
}

/// The name of the first identity that has one.
pub fn name(reply: &Element) -> Option<String> {
    let query = reply.get_child("query", INFO)?;
    query
        .children()
        .filter(|child| child.is("identity", INFO))
        .find_map(|identity| identity.attr("name"))
        .map(str::to_owned)
}

/// The answer for an entity of one identity.
pub fn info_answer(category: &str, kind: &str, name: &str, features: &[&str]) -> Element {
    let features = features.iter().map(|feature| (*feature).to_owned()).collect();
    let identity = Identity { category: category.into(), type_: kind.into(), lang: None, name: Some(name.into()) };
    DiscoInfoResult { node: None, identities: vec![identity], features, extensions: Vec::new() }.into()
}

/// Asks for a page of items.
pub fn items_query(max: usize, after: Option<&str>) -> Element {
    el("query", ITEMS).child(rsm::page(max, after))
}

/// The items of an answer: JID and name.
pub fn items(reply: &Element) -> Vec<(String, Option<String>)> {
    let Some(query) = reply.get_child("query", ITEMS) else { return Vec::new() };
    query
        .children()
        .filter(|child| child.is("item", ITEMS))
        .filter_map(|item| Some((item.attr("jid")?.to_owned(), item.attr("name").map(str::to_owned))))
        .collect()
}

/// Where the next page begins.
pub fn next_page(reply: &Element) -> Option<String> {
    rsm::last(reply.get_child("query", ITEMS)?)
}
