//! Callers' messages, nearly XML and well-formed ones: each is refused, or passed on as what its tree says.

use proptest::prelude::*;

use crate::targets::fragment::check;

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

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_or_refused(xml in "\\PC*|.{0,200}") {
        check(&xml);
    }

    #[test]
    fn what_is_nearly_xml_is_parsed_or_refused(xml in near_xml()) {
        check(&xml);
        check(&format!("<message>{xml}</message>"));
        check(&format!("<message {xml}/>"));
    }
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
            passed.set(passed.get() + usize::from(check(&xml)));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(passed.get() > 500, "only {} of 3000 were accepted: the test says little", passed.get());
}
