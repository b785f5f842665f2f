//! Upload slots (HTTP File Upload, XEP-0363).

use crate::xml::Element;
use crate::xml::element::{Build, child_text, el};

/// The namespace.
pub const NS: &str = "urn:xmpp:http:upload:0";
const ERRORS: &str = super::stanza_error::NS;

/// The headers that a slot may ask for (section 5); others are not passed on.
const HEADERS: [&str; 3] = ["Authorization", "Cookie", "Expires"];

/// Where a file is to be put, and where it can be got from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The URL to put it to.
    pub put: String,
    /// The headers to send with it.
    pub headers: Vec<(&'static str, String)>,
    /// The URL to get it from.
    pub get: String,
}

/// What a refusal says beyond its stanza error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// The file is too large; the greatest size in bytes, where it is said.
    Size(Option<u64>),
    /// No more for now; the time of the next try, as written, where it is said.
    Quota(Option<String>),
}

/// Asks for a slot for a file of `size` bytes.
pub fn request(name: &str, size: u64, content_type: &str) -> Element {
    el("request", NS).with("filename", name).with("size", size.to_string()).with("content-type", content_type)
}

/// Reads an answer; `None` when a URL is missing.
pub fn read(reply: &Element) -> Option<Slot> {
    let slot = reply.get_child("slot", NS)?;
    let put = slot.get_child("put", NS)?;
    let url = |element: &Element| element.attr("url").map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned);
    let headers = put.children().filter(|child| child.is("header", NS)).filter_map(header).collect();
    Some(Slot { put: url(put)?, headers, get: url(slot.get_child("get", NS)?)? })
}

/// Newlines are taken out of the value, as section 5 asks: they would start another header.
fn header(element: &Element) -> Option<(&'static str, String)> {
    let given: String = element.attr("name")?.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let name = HEADERS.into_iter().find(|known| known.eq_ignore_ascii_case(given.trim()))?;
    let value: String = element.text().chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    Some((name, value.trim().to_owned()))
}

/// The limit that an error names (section 6).
pub fn limit(reply: &Element) -> Option<Limit> {
    let error = reply.children().find(|child| child.name() == "error")?;
    if let Some(large) = error.get_child("file-too-large", NS) {
        let most = child_text(large, "max-file-size", NS).and_then(|text| text.trim().parse().ok());
        return Some(Limit::Size(most));
    }
    error.get_child("resource-constraint", ERRORS)?;
    let stamp = error.get_child("retry", NS).and_then(|retry| retry.attr("stamp")).map(str::to_owned);
    Some(Limit::Quota(stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iq(inner: &str) -> Element {
        format!("<iq xmlns='jabber:client' type='result'>{inner}</iq>").parse().unwrap()
    }

    #[test]
    fn reads_a_slot_with_the_headers_it_may_ask_for() {
        let slot = read(&iq("<slot xmlns='urn:xmpp:http:upload:0'><put url='https://u.example/1/a%20b.txt'>\
             <header name='authorization'>Basic\n Zm9v</header><header name='Host'>evil.example</header>\
             <header name='X-Other'>1</header><header>2</header><header name='Cookie'>a=b</header></put>\
             <get url=' https://d.example/1/a%20b.txt '/></slot>"));
        let headers = vec![("Authorization", "Basic Zm9v".to_owned()), ("Cookie", "a=b".to_owned())];
        let (put, get) = ("https://u.example/1/a%20b.txt".to_owned(), "https://d.example/1/a%20b.txt".to_owned());
        assert_eq!(slot, Some(Slot { put, headers, get }));
        assert_eq!(read(&iq("<slot xmlns='urn:xmpp:http:upload:0'><put url='https://u.example/'/></slot>")), None);
        assert_eq!(read(&iq("<slot xmlns='urn:xmpp:http:upload:0'><put/><get url='x'/></slot>")), None);
        assert_eq!(read(&iq("")), None);
    }

    #[test]
    fn reads_why_there_is_no_slot() {
        let stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";
        let refusal = |inner: &str| limit(&iq(&format!("<error type='modify'>{inner}</error>")));
        let size =
            "<file-too-large xmlns='urn:xmpp:http:upload:0'><max-file-size> 20000 </max-file-size></file-too-large>";
        assert_eq!(refusal(&format!("<not-acceptable xmlns='{stanzas}'/>{size}")), Some(Limit::Size(Some(20000))));
        assert_eq!(refusal("<file-too-large xmlns='urn:xmpp:http:upload:0'/>"), Some(Limit::Size(None)));
        let retry = "<retry xmlns='urn:xmpp:http:upload:0' stamp='2026-12-03T23:42:05Z'/>";
        let quota = format!("<resource-constraint xmlns='{stanzas}'/>");
        assert_eq!(refusal(&quota), Some(Limit::Quota(None)));
        assert_eq!(refusal(&format!("{quota}{retry}")), Some(Limit::Quota(Some("2026-12-03T23:42:05Z".into()))));
        assert_eq!(refusal(&format!("<forbidden xmlns='{stanzas}'/>")), None);
        assert_eq!(limit(&iq("")), None);
    }
}
