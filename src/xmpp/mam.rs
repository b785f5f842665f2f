//! Message archives (XEP-0313, `urn:xmpp:mam:2`): a page asked, its results and its end read.
//!
//! xmpp-parsers gives the query, the end and the time stamps. Its type of a result holds a typed message, which loses
//! children in unknown namespaces and refuses a whole page for one odd message, so results are read here.

use chrono::{DateTime, SecondsFormat, Utc};
use jid::BareJid;
use xmpp_parsers::mam::{Fin, Query, QueryId};
pub use xmpp_parsers::ns::MAM as NS;

use super::{data_form, rsm};
use crate::xml::element::Build;
use crate::xml::{CLIENT, Element};

const FORWARD: &str = "urn:xmpp:forward:0";
const DELAY: &str = "urn:xmpp:delay";

/// Which page of an archive is wanted: the last one of what is asked, read backwards.
#[derive(Debug, Clone, Copy, Default)]
pub struct Page<'a> {
    /// Only what was exchanged with this address (section 4.1.1). Rooms on Prosody ignore it.
    pub with: Option<&'a BareJid>,
    /// Only what came at or after this second since 1970.
    pub start: Option<u64>,
    /// Only what came at or before this second since 1970.
    pub end: Option<u64>,
    /// Only what stands before this archive id.
    pub before: Option<&'a str>,
    /// How many at most; servers have a maximum of their own.
    pub max: usize,
}

/// One entry of an archive.
#[derive(Debug, Clone, PartialEq)]
pub struct Archived {
    /// Its id in the archive.
    pub id: String,
    /// When it came, in milliseconds since 1970, as precisely as the server says.
    pub stamp_ms: u64,
    /// The message.
    pub message: Element,
}

/// The end of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Whether nothing stands before this page.
    pub complete: bool,
    /// The archive id of the page's first entry; none when the page is empty.
    pub first: Option<String>,
}

/// Asks for a page. Its results carry `id`, by which they are told from others.
pub fn query(id: &str, page: &Page<'_>) -> Element {
    let times = [("start", page.start), ("end", page.end)];
    let times = times.map(|(name, second)| (name, second.and_then(date)));
    let mut fields: Vec<(&str, &str)> = page.with.map(|with| ("with", with.as_str())).into_iter().collect();
    fields.extend(times.iter().filter_map(|(name, date)| Some((*name, date.as_deref()?))));
    let form = (!fields.is_empty()).then(|| data_form::submit(NS, fields));
    let query = Query { queryid: Some(QueryId(id.to_owned())), node: None, form: None, set: None, flip_page: false };
    Element::from(query).children_from(form).child(rsm::page_before(page.max, page.before))
}

/// A second since 1970 as XEP-0082 writes it; none beyond the year 9999, which no server reads.
fn date(second: u64) -> Option<String> {
    const YEAR_10000: i64 = 253_402_300_800;
    let second = i64::try_from(second).ok().filter(|second| *second < YEAR_10000)?;
    Some(DateTime::<Utc>::from_timestamp(second, 0)?.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// The query whose result a message is; `None` when it is no result, or one that names no query.
pub fn query_id(message: &Element) -> Option<&str> {
    message.get_child("result", NS)?.attr("queryid")
}

/// Reads a result; `None` when it lacks its id, its time or its message.
pub fn result(message: &Element) -> Option<Archived> {
    let result = message.get_child("result", NS)?;
    let forwarded = result.get_child("forwarded", FORWARD)?;
    let stamp = forwarded.get_child("delay", DELAY)?.attr("stamp")?;
    Some(Archived {
        id: result.attr("id").filter(|id| !id.is_empty())?.to_owned(),
        stamp_ms: stamp_ms(stamp)?,
        message: forwarded.get_child("message", CLIENT)?.clone(),
    })
}

/// Seconds, milliseconds and microseconds are all in use.
/// A time stamp (XEP-0082), in milliseconds since 1970.
pub fn stamp_ms(stamp: &str) -> Option<u64> {
    let stamp = DateTime::parse_from_rfc3339(stamp.trim()).ok()?;
    u64::try_from(stamp.timestamp_millis()).ok()
}

/// Reads the end of a page from the reply; `None` when it is none.
pub fn end(reply: &Element) -> Option<End> {
    let fin = Fin::try_from(reply.get_child("fin", NS)?.clone()).ok()?;
    let first = fin.set.first.map(|first| first.item).filter(|first| !first.is_empty());
    Some(End { complete: fin.complete, first })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(xml: &str) -> Element {
        xml.parse().unwrap()
    }

    fn result_of(attributes: &str, stamp: &str, inner: &str) -> Element {
        parse(&format!(
            "<message xmlns='jabber:client'><result xmlns='{NS}' {attributes}><forwarded xmlns='{FORWARD}'>\
             <delay xmlns='{DELAY}' stamp='{stamp}'/>{inner}</forwarded></result></message>"
        ))
    }

    #[test]
    fn asks_for_the_last_page_before_a_moment() {
        let with = BareJid::new("bob@example.org").unwrap();
        let page = Page { with: Some(&with), start: Some(0), end: Some(1_700_000_000), before: None, max: 7 };
        let query = query("q1", &page);
        assert_eq!(query.attr("queryid"), Some("q1"));
        let form = data_form::inside(&query).unwrap();
        let value = |name| data_form::values(form, name);
        assert_eq!(value("FORM_TYPE"), [NS]);
        assert_eq!(value("with"), ["bob@example.org"]);
        assert_eq!(
            (value("start"), value("end")),
            (vec!["1970-01-01T00:00:00Z".into()], vec!["2023-11-14T22:13:20Z".into()])
        );
        let set = query.get_child("set", rsm::NS).unwrap();
        assert_eq!(set.get_child("max", rsm::NS).unwrap().text(), "7");
        assert_eq!(set.get_child("before", rsm::NS).unwrap().text(), "");
        let everything =
            super::query("q2", &Page { end: Some(u64::MAX), before: Some("a1"), max: 1, ..Page::default() });
        assert!(data_form::inside(&everything).is_none(), "no server reads such a moment");
        let set = everything.get_child("set", rsm::NS).unwrap();
        assert_eq!(set.get_child("before", rsm::NS).unwrap().text(), "a1");
    }

    #[test]
    fn reads_results_with_stamps_of_any_precision() {
        let inner = "<message xmlns='jabber:client'><body>x</body></message>";
        for (stamp, ms) in [
            ("2023-11-14T22:13:20Z", 1_700_000_000_000),
            ("2023-11-14T22:13:20.123Z", 1_700_000_000_123),
            ("2023-11-14T22:13:20.123999Z", 1_700_000_000_123),
            ("2023-11-15T00:13:20+02:00", 1_700_000_000_000),
        ] {
            let message = result_of("id='1' queryid='q'", stamp, inner);
            assert_eq!(query_id(&message), Some("q"));
            assert_eq!(result(&message).unwrap().stamp_ms, ms, "{stamp}");
        }
        for (attributes, stamp, inner) in [
            ("", "2023-11-14T22:13:20Z", inner),
            ("id=''", "2023-11-14T22:13:20Z", inner),
            ("id='1'", "yesterday", inner),
            ("id='1'", "1901-01-01T00:00:00Z", inner),
            ("id='1'", "2023-11-14T22:13:20Z", "<message xmlns='jabber:server'/>"),
        ] {
            assert_eq!(result(&result_of(attributes, stamp, inner)), None, "{attributes} {stamp} {inner}");
        }
    }

    #[test]
    fn reads_the_end_of_a_page() {
        let reply = |fin: &str| parse(&format!("<iq xmlns='jabber:client'><fin xmlns='{NS}' {fin}</fin></iq>"));
        let set = |inner: &str| format!("<set xmlns='{}'>{inner}</set>", rsm::NS);
        let full = set("<first index='0'>a</first><last>b</last><count>9</count>");
        assert_eq!(end(&reply(&format!(">{full}"))), Some(End { complete: false, first: Some("a".into()) }));
        assert_eq!(end(&reply(&format!("complete='true'>{}", set("")))), Some(End { complete: true, first: None }));
        assert_eq!(end(&parse("<iq xmlns='jabber:client'/>")), None);
    }
}
