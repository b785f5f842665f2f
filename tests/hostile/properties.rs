//! Properties of what reads callers' XML and addresses, whatever they send.

use jid::BareJid;
use proptest::prelude::*;
use stanzagate::chat::types::address::Addresses;
use stanzagate::chat::types::message::{Bounds, Fragment, MarksChild};
use stanzagate::config::server::Server;
use stanzagate::xml::draft::Draft;
use stanzagate::xml::encode::encode_draft;
use stanzagate::xml::read::read_one;
use stanzagate::xml::{COMPONENT, Element, StreamKind};
use stanzagate::xmpp::message::{Marks, accept, address, given, strip, without_dropped};

const MARKS: MarksChild = MarksChild { ns: "urn:stanzagate:qtalk:0", name: "qtalk" };
const BOUNDS: Bounds = Bounds { depth: 32, bytes: 65_536, elements: 1000 };
const WIDE: Bounds = Bounds { depth: 64, bytes: 1 << 22, elements: 4000 };

/// What has a meaning in XML, in any order: now and then a whole message comes of it.
fn near_xml() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<message>"),
        Just("<message type='groupchat' from='a@b' to='c@d' id='i'>"),
        Just("</message>"),
        Just("<body>"),
        Just("<body id='1' msgType=\"2\" xmlns=''>"),
        Just("</body>"),
        Just("<a xmlns='urn:a' b='c'>"),
        Just("<p:a xmlns:p='urn:p' p:b='1'>"),
        Just("</a>"),
        Just("</p:a>"),
        Just("<c xmlns='jabber:client'/>"),
        Just("<iq/>"),
        Just("<x xmlns='http://jabber.org/protocol/muc#user'/>"),
        Just("</stream:stream>"),
        Just("<stream:x/>"),
        Just("<y xmlns='jabber:component:accept'/>"),
        Just("<!--"),
        Just("-->"),
        Just("<?x?>"),
        Just("<![CDATA["),
        Just("]]>"),
        Just("&amp;"),
        Just("&#1;"),
        Just("&x;"),
        Just("<!DOCTYPE x>"),
        Just("'"),
        Just("\""),
        Just(">"),
        Just("text"),
        Just("\r\n\t "),
        Just("\u{0}"),
        Just("\u{fffe}"),
        Just("\u{1f600}"),
        Just("xmlns:q='urn:q'"),
        Just("<"),
        Just("/>"),
        Just("<message xml:lang='en'/>"),
        Just("xml:base='x'"),
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// Well-formed messages with hostile names, texts, attributes and namespaces.
fn messages() -> impl Strategy<Value = String> {
    let text = || "[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\u{fffe}\u{ffff}<&]{0,20}".prop_map(|s| s.replace("]]>", ""));
    let value = || text().prop_map(|s| s.replace('\'', "&apos;"));
    let name = || "[a-z\u{4e00}-\u{4e10}][a-zA-Z0-9._\u{b7}-]{0,6}";
    let ns = prop_oneof![
        10 => Just("urn:a"), 10 => Just("urn:xmpp:hints"), 5 => Just("urn:stanzagate:qtalk:0"), 5 => Just("jabber:client"),
        1 => Just("http://jabber.org/protocol/muc#user"), 1 => Just("jabber:server"),
    ];
    let leaf = (name(), ns.clone(), name(), value(), text())
        .prop_map(|(n, ns, a, v, t)| format!("<{n} xmlns='{ns}' {a}='{v}'>{t}</{n}>"));
    let tree = leaf.prop_recursive(4, 20, 4, move |inner| {
        (name(), ns.clone(), name(), proptest::collection::vec(inner, 0..4)).prop_map(|(n, ns, p, children)| {
            format!("<{p}:{n} xmlns:{p}='{ns}' {p}:x='1'>{}</{p}:{n}>", children.concat())
        })
    });
    let parts = (name(), value(), text(), value(), proptest::collection::vec(tree, 0..4));
    parts.prop_map(|(attribute, value, body, mark, children)| {
        let body = format!("<body msgType='{mark}' {attribute}='{value}'>{body}</body>");
        format!(
            "<message type='chat' from='ceo@x' to='y@z' id='q' x-{attribute}='{value}'>{body}{}</message>",
            children.concat()
        )
    })
}

/// Parses as the gateway does; what is accepted must come out as exactly one message with our addresses.
fn check(xml: &str) -> Result<bool, TestCaseError> {
    let parsed = Fragment::parse(xml, BOUNDS, MARKS);
    let tree = read_one(xml, "jabber:client", BOUNDS).ok().filter(|tree| accept(tree).is_ok());
    prop_assert_eq!(parsed.is_ok(), tree.is_some(), "{}", xml);
    let (Ok(parsed), Some(mut tree)) = (parsed, tree) else { return Ok(false) };
    // What is passed on as its own text must say what its tree says.
    strip(&mut tree);
    let sent = addressed(parsed.draft());
    prop_assert_eq!(sent.element(), addressed(given(&tree)).element(), "{}", xml);
    let [kept, built] = [sent.clone(), addressed(given(&tree))].map(|draft| without_dropped(draft).element());
    prop_assert_eq!(kept, built, "{}", xml);
    let Ok(bytes) = encode_draft(&sent, StreamKind::Component) else { return Ok(false) };
    let wire = std::str::from_utf8(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let read = read_one(wire, COMPONENT, WIDE).map_err(|error| TestCaseError::fail(format!("{error} in {wire}")))?;
    prop_assert!(read.is("message", COMPONENT), "{}", wire);
    for (name, ours) in [
        ("from", "alice@example.org"),
        ("to", "bob@example.org"),
        ("id", "id.1"),
        ("type", "chat"),
        ("realfrom", "alice@example.org"),
    ] {
        prop_assert_eq!(read.attr(name), Some(ours), "{}", wire);
    }
    prop_assert_eq!(read.children().filter(|child| child.is(MARKS.name, MARKS.ns)).count(), 1, "{}", wire);
    prop_assert_eq!(texts(&read), texts(&sent.element()), "{}", wire);
    Ok(true)
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

fn addresses() -> Addresses {
    let served =
        Server { domain: "example.org".into(), domains: vec!["b\u{fc}cher.example".into()], ..Server::default() };
    Addresses::new(&served).expect("valid domains")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_or_refused(xml in "\\PC*|.{0,200}") {
        check(&xml)?;
    }

    #[test]
    fn what_is_nearly_xml_is_parsed_or_refused(xml in near_xml()) {
        check(&xml)?;
        check(&format!("<message>{xml}</message>"))?;
        check(&format!("<message {xml}/>"))?;
    }

    #[test]
    fn addresses_are_of_served_domains_and_have_one_form(text in address_text()) {
        let all = addresses();
        for found in [all.user(&text), all.user_at(&text, "example.org")].into_iter().flatten() {
            prop_assert!(all.domains().any(|domain| domain == found.domain().as_str()), "{found}");
            prop_assert_eq!(all.user(found.as_str()), Ok(found.clone()));
            prop_assert_eq!(BareJid::new(found.as_str()).ok(), Some(found.clone()));
            prop_assert!(!found.as_str().contains(char::is_whitespace) && !found.as_str().contains('\0'));
        }
        for found in [all.room(&text), all.room_at(&text, "conference.example.org")].into_iter().flatten() {
            prop_assert!(all.domain_of(found.domain().as_str()).is_some(), "{found}");
            prop_assert_eq!(all.room(found.as_str()), Ok(found.clone()));
        }
    }

    #[test]
    fn spellings_that_differ_in_case_are_one_account(local in "[a-zA-Z0-9._-]{1,20}|\\p{Lu}\\p{Ll}{1,6}") {
        let all = addresses();
        if let Ok(found) = all.user_at(&local, "example.org") {
            for other in [local.to_lowercase(), local.to_uppercase()] {
                // Not every upper-case form has the same folding (U+0131); what is accepted in ASCII has.
                if local.is_ascii() {
                    prop_assert_eq!(all.user_at(&other, "EXAMPLE.org"), Ok(found.clone()));
                }
            }
            prop_assert_eq!(all.user_at(found.node().map_or("", |node| node.as_str()), "example.org"), Ok(found));
        }
    }
}

fn address_text() -> impl Strategy<Value = String> {
    let local = prop_oneof!["[a-z0-9._-]{1,8}".boxed(), "\\PC{0,6}".boxed(), ".{0,5}".boxed()];
    let domain = prop_oneof![
        Just("example.org".to_owned()),
        Just("EXAMPLE.ORG".to_owned()),
        Just("conference.example.org".to_owned()),
        Just("b\u{fc}cher.example".to_owned()),
        Just("evil.example".to_owned()),
        Just(String::new()),
        ".{0,6}".boxed(),
    ];
    let join = prop_oneof![Just("@"), Just("/"), Just(""), Just("@@"), Just("\0@")];
    let rest = prop_oneof![Just(String::new()), Just("/gw-1".to_owned()), "/.{0,4}".boxed()];
    (local, join, domain, rest).prop_map(|(local, join, domain, rest)| format!("{local}{join}{domain}{rest}"))
}

#[test]
fn well_formed_messages_mostly_pass_and_come_out_whole() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 3000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let passed = std::cell::Cell::new(0);
    runner
        .run(&messages(), |xml| {
            passed.set(passed.get() + usize::from(check(&xml)?));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(passed.get() > 500, "only {} of 3000 were accepted: the test says little", passed.get());
}
