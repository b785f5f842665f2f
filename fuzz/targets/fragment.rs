//! A caller's `<message>`, whatever they send: it is refused or passed on, and then as one well-formed message that says what
//! its tree says, with the gateway's addresses.

use minidom::Element;
use stanzagate::chat::types::message::{Bounds, Fragment, MarksChild};
use stanzagate::chat::types::plain::plain_markup;
use stanzagate::xml::draft::Draft;
use stanzagate::xml::encode::encode_draft;
use stanzagate::xml::read::read_one;
use stanzagate::xml::{CLIENT, COMPONENT, StreamKind};
use stanzagate::xmpp::message::{Marks, accept, address, given, strip, without_dropped};

use super::tree::{normal, only_child, written};

const MARKS: MarksChild = MarksChild { ns: "urn:stanzagate:qtalk:0", name: "qtalk" };
const BOUNDS: [Bounds; 2] =
    [Bounds { depth: 32, bytes: 65_536, elements: 1000 }, Bounds { depth: 3, bytes: 120, elements: 4 }];
const WIDE: Bounds = Bounds { depth: 64, bytes: 1 << 22, elements: 4000 };
/// What the gateway sets.
const OURS: [(&str, &str); 5] = [
    ("from", "alice@example.org"),
    ("to", "bob@example.org"),
    ("id", "id.1"),
    ("type", "chat"),
    ("realfrom", "alice@example.org"),
];

/// Takes a byte that chooses bounds, and what the caller gives.
pub fn run(data: &[u8]) {
    if let [choice, given @ ..] = data
        && let Ok(given) = std::str::from_utf8(given)
    {
        is_passed_on(given, BOUNDS[usize::from(choice & 1)]);
    }
}

/// Parses as the gateway does; what is accepted must come out as exactly one message with the gateway's addresses. True
/// when it is sent.
pub fn check(xml: &str) -> bool {
    is_passed_on(xml, BOUNDS[0])
}

fn is_passed_on(xml: &str, bounds: Bounds) -> bool {
    let parsed = Fragment::parse(xml, bounds, MARKS);
    // What XML cannot carry is left out of what is said, where nothing else would do.
    let plain = || plain_markup(xml).filter(|_| xml.len() <= bounds.bytes);
    let tree = accepted(xml, bounds).or_else(|| accepted(&plain()?, bounds));
    assert_eq!(parsed.is_ok(), tree.is_some(), "{xml}");
    let (Ok(parsed), Some(mut tree)) = (parsed, tree) else { return false };
    // What is passed on as its own text must say what its tree says.
    strip(&mut tree);
    let sent = addressed(parsed.draft());
    assert_eq!(sent.element(), addressed(given(&tree)).element(), "{xml}");
    let [kept, built] = [sent.clone(), addressed(given(&tree))].map(|draft| without_dropped(draft).element());
    assert_eq!(kept, built, "{xml}");
    let mut sent_at_all = false;
    for kind in [StreamKind::Component, StreamKind::Client] {
        if let Ok(bytes) = encode_draft(&sent, kind) {
            is_sent(&sent.element(), std::str::from_utf8(&bytes).expect("UTF-8"), kind);
            sent_at_all = true;
        }
    }
    sent_at_all
}

fn accepted(xml: &str, bounds: Bounds) -> Option<Element> {
    read_one(xml, CLIENT, bounds).ok().filter(|tree| accept(tree).is_ok())
}

fn is_sent(sent: &Element, wire: &str, kind: StreamKind) {
    let read = read_one(wire, kind.namespace(), WIDE).unwrap_or_else(|error| panic!("{error} in {wire}"));
    // The gateway's own reader does not tell its own errors.
    let independent = only_child(&format!("<s xmlns='{}'>{wire}</s>", kind.namespace()));
    assert_eq!(independent.as_ref().map(normal), Some(normal(&read)), "{wire}");
    assert!(read.is("message", kind.namespace()), "{wire}");
    for (name, ours) in OURS {
        assert_eq!(read.attr(name), Some(ours), "{wire}");
    }
    assert_eq!(read.children().filter(|child| child.is(MARKS.name, MARKS.ns)).count(), 1, "{wire}");
    assert_eq!(texts(&read), texts(sent), "{wire}");
    // On a stream of clients nothing changes its namespace, so that all of it can be compared.
    if kind == StreamKind::Client && !wire.contains(COMPONENT) {
        assert_eq!(normal(&read), normal(&written(sent)), "{wire}");
    }
}

/// The same steps as the verbs take.
fn addressed(message: Draft<'_>) -> Draft<'_> {
    let marks = Marks { ns: MARKS.ns, name: MARKS.name };
    let message = message.with("realfrom", "alice@example.org");
    address(message, "alice@example.org", "bob@example.org", "id.1", "chat", marks)
}

fn texts(element: &Element) -> String {
    let inner: String = element.children().map(texts).collect();
    // minidom joins the texts of an element.
    element.text().replace("\r\n", "\n") + &inner
}
