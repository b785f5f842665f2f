//! What the gateway's helper module for Prosody tells of a host's accounts (`config/mod_stanzagate.lua`).

use crate::xml::Element;
use crate::xml::element::{Build, el};

/// The namespace.
pub const NS: &str = "urn:stanzagate:helper:0";

/// Asks for the accounts whose localparts sort behind `after`.
pub fn accounts_query(after: Option<&str>) -> Element {
    el("accounts", NS).maybe("after", after)
}

/// The localparts of a page, and where the next begins; `None` when there is none.
pub fn accounts(reply: &Element) -> (Vec<String>, Option<String>) {
    let Some(list) = reply.get_child("accounts", NS) else { return (Vec::new(), None) };
    let names: Vec<String> = entries(list).filter_map(|entry| entry.attr("name")).map(str::to_owned).collect();
    let next = names.last().filter(|_| list.attr("more") == Some("true")).cloned();
    (names, next)
}

/// Asks when these accounts were last online.
pub fn last_query<'a>(names: impl IntoIterator<Item = &'a str>) -> Element {
    el("last", NS).children_from(names.into_iter().map(|name| el("account", NS).with("name", name)))
}

/// When each was last online, in milliseconds since 1970, in the order of the question.
pub fn last(reply: &Element) -> Vec<Option<u64>> {
    let Some(list) = reply.get_child("last", NS) else { return Vec::new() };
    entries(list).map(|entry| entry.attr("at")?.parse::<u64>().ok()?.checked_mul(1000)).collect()
}

/// Asks who of these has an account, and which sessions.
pub fn online_query<'a>(names: impl IntoIterator<Item = &'a str>) -> Element {
    el("online", NS).children_from(names.into_iter().map(|name| el("account", NS).with("name", name)))
}

/// The resources of each who has an account, in the order of the question; `None` for one who has not.
pub fn online(reply: &Element) -> Vec<Option<Vec<String>>> {
    let Some(list) = reply.get_child("online", NS) else { return Vec::new() };
    let resources = |entry: &Element| entry.children().filter(|r| r.is("resource", NS)).map(Element::text).collect();
    entries(list).map(|entry| (entry.attr("exists") == Some("true")).then(|| resources(entry))).collect()
}

fn entries(list: &Element) -> impl Iterator<Item = &Element> {
    list.children().filter(|child| child.is("account", NS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(inner: &str) -> Element {
        format!("<iq xmlns='jabber:client' type='result'>{inner}</iq>").parse().expect("XML")
    }

    #[test]
    fn a_page_says_whether_another_follows() {
        let page = "<account name='a'/><x/><account name='b'/></accounts>";
        let page = |more: &str| reply(&format!("<accounts xmlns='{NS}'{more}>{page}"));
        assert_eq!(accounts(&page(" more='true'")), (vec!["a".into(), "b".into()], Some("b".into())));
        assert_eq!(accounts(&page("")).1, None);
        assert_eq!(accounts(&reply(&format!("<accounts xmlns='{NS}' more='true'/>"))), (Vec::new(), None));
        assert_eq!(accounts(&reply("")), (Vec::new(), None));
    }

    #[test]
    fn one_without_sessions_is_not_one_without_an_account() {
        let of = |inner: &str| online(&reply(&format!("<online xmlns='{NS}'>{inner}</online>")));
        let who = "<account name='a' exists='true'/><account name='b'><resource>x</resource></account>\
                   <account name='c' exists='true'><resource>x</resource><resource>y</resource></account>";
        assert_eq!(of(who), [Some(Vec::new()), None, Some(vec!["x".into(), "y".into()])]);
        assert_eq!(online(&reply("")), []);
    }

    #[test]
    fn nobody_gets_anothers_time() {
        let last_of = |inner: &str| last(&reply(&format!("<last xmlns='{NS}'>{inner}</last>")));
        let seen = last_of("<account name='a'/><account name='b' at='7'/><account name='c' at='x'/>");
        assert_eq!(seen, [None, Some(7000), None]);
    }
}
