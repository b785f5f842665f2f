//! Reading and writing of elements: whatever goes in, only well-formed XML comes out, and it means the same.

mod fragments;
mod kept;
mod streams;
/// What the fuzzers try, too.
#[path = "../../fuzz/targets/mod.rs"]
mod targets;

use bytes::BytesMut;
use minidom::Node;
use proptest::prelude::*;
use rxml::writer::{Encoder, Item, SimpleNamespaces, TrackNamespace};
use stanzagate::xml::bounds::Bounds;
use stanzagate::xml::draft::Draft;
use stanzagate::xml::encode::{EncodeError, encode, encode_draft, header};
use stanzagate::xml::read::{ReadError, read_one};
use stanzagate::xml::{CLIENT, Element, StreamKind};

const BOUNDS: Bounds = Bounds { depth: 32, bytes: 64 * 1024, elements: 1000 };

fn read(text: &str) -> Result<Element, ReadError> {
    read_one(text, CLIENT, BOUNDS)
}

fn write(element: &Element, kind: StreamKind) -> String {
    String::from_utf8(encode(element, kind).expect("encodes").to_vec()).expect("UTF-8")
}

/// In a form that can be compared.
fn result(encoded: Result<Vec<u8>, EncodeError>) -> Result<Vec<u8>, String> {
    encoded.map_err(|error| error.to_string())
}

/// Merges neighbouring texts and drops empty ones, which XML cannot tell apart, and XML's own attributes that are not
/// written.
fn normal(element: &Element) -> Element {
    targets::tree::normal(&targets::tree::written(element))
}

fn trees(text: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = Element> {
    let name = "[a-z_][a-z0-9._-]{0,5}";
    let namespace = prop::sample::select(vec!["jabber:client", "urn:a", "urn:b&'\"<", ""]);
    let spaces = prop::sample::select(vec!["", "urn:a", "urn:c", rxml::XMLNS_XML]);
    let attribute = (spaces, prop_oneof![9 => name, 1 => "lang"], text.clone());
    let head = (name, namespace, prop::collection::vec(attribute, 0..4)).prop_map(|(name, namespace, attributes)| {
        let mut element = Element::bare(name, namespace);
        for (namespace, key, value) in attributes {
            // The one name that is a declaration, not an attribute.
            if let Ok(key) = rxml::NcName::try_from(key)
                && key.as_str() != "xmlns"
            {
                element.attrs_mut().insert(rxml::Namespace::from(namespace), key, value);
            }
        }
        element
    });
    let leaf = (head.clone(), text.clone()).prop_map(|(mut element, text)| {
        element.append_text(text);
        element
    });
    leaf.prop_recursive(6, 60, 5, move |inner| {
        (head.clone(), prop::collection::vec((inner, text.clone()), 0..5)).prop_map(|(mut element, children)| {
            for (child, text) in children {
                element.append_child(child);
                element.append_text(text);
            }
            element
        })
    })
}

/// Characters that XML 1.0 allows, with those that need escaping in plenty.
fn good_text() -> impl Strategy<Value = String> + Clone {
    "([ -~\t\n\r\u{85}\u{a0}\u{2028}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]|[<>&'\"]|]]>|\r\n){0,12}"
}

/// Mostly what XML 1.0 allows; else anything, also what it forbids.
fn any_text() -> impl Strategy<Value = String> + Clone {
    let forbidden = prop::sample::select(vec!['\0', '\u{b}', '\u{1f}', '\u{fffe}', '\u{ffff}']);
    let neighbours = prop::sample::select(vec![' ', '\u{7f}', '\u{bf}', '\u{fdff}', '\u{fffd}', '\u{10ffff}']);
    let any = prop::collection::vec(prop_oneof![any::<char>(), forbidden, neighbours], 0..6);
    prop_oneof![20 => good_text(), 1 => any.prop_map(String::from_iter)]
}

/// What rxml's own encoder makes of an element, with stanzas in the stream's namespace.
fn by_rxml(stanza: &Element, kind: StreamKind) -> Result<Vec<u8>, rxml::Error> {
    fn write(
        element: &Element,
        client: Option<&'static str>,
        encoder: &mut Encoder<SimpleNamespaces>,
        out: &mut BytesMut,
    ) -> rxml::Result<()> {
        let swapped = client.filter(|_| element.has_ns(CLIENT));
        let namespace = swapped.map_or_else(|| element.ns(), str::to_owned);
        let name = rxml::NcName::try_from(element.name()).expect("a name");
        encoder.encode(Item::ElementHeadStart(namespace.into(), &name), out)?;
        for ((namespace, name), value) in element.attrs() {
            // Prosody would pass it on as what is no XML.
            if *namespace == rxml::Namespace::XML && name.as_str() != "lang" {
                continue;
            }
            encoder.encode(Item::Attribute(namespace.clone(), name, value), out)?;
        }
        if element.nodes().len() > 0 {
            encoder.encode(Item::ElementHeadEnd, out)?;
        }
        for node in element.nodes() {
            match node {
                Node::Text(text) => encoder.encode(Item::Text(text), out)?,
                Node::Element(child) => write(child, swapped, encoder, out)?,
            }
        }
        encoder.encode(Item::ElementFoot, out)
    }
    let (mut out, mut encoder) = (BytesMut::new(), Encoder::new());
    encoder.ns_tracker_mut().declare_fixed(None, kind.namespace().into());
    encoder.ns_tracker_mut().push();
    write(stanza, Some(kind.namespace()), &mut encoder, &mut out)?;
    Ok(out.to_vec())
}

/// Attributes of which some names are none.
fn attributes() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![Just("id".to_owned()), "[a-c]{1,2}", "[a-b1:.é \u{300}-]{0,3}"];
    prop::collection::vec((name, any_text()), 0..6)
}

/// A draft beside which stand an element's own attributes and nodes.
fn draft<'a>(element: &'a Element, namespace: &'a str, attributes: &'a [(String, String)]) -> Draft<'a> {
    let mut draft = Draft::like(element, "message", CLIENT);
    let mut child = Draft::new("child", namespace).text_of("<");
    for (name, value) in attributes {
        draft.set(name, value);
        child.set(name, value);
    }
    draft.child(child.child(Draft::like(element, "inner", CLIENT))).child(Draft::new("empty", namespace))
}

proptest! {
    #[test]
    fn every_byte_and_every_refusal_is_as_rxml_has_it(tree in trees(any_text())) {
        for kind in [StreamKind::Client, StreamKind::Component] {
            let theirs = by_rxml(&tree, kind).map_err(EncodeError::from);
            prop_assert_eq!(result(encode(&tree, kind)), result(theirs));
        }
    }

    #[test]
    fn a_draft_is_written_as_its_element(
        tree in trees(any_text()),
        namespace in prop::sample::select(vec!["jabber:client", "urn:a", "", "jabber:component:accept"]),
        attributes in attributes(),
    ) {
        let draft = draft(&tree, namespace, &attributes);
        for kind in [StreamKind::Client, StreamKind::Component] {
            prop_assert_eq!(result(encode_draft(&draft, kind)), result(encode(&draft.element(), kind)));
        }
        for (name, _) in &attributes {
            let last = attributes.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
            let given = rxml::NcName::try_from(name.as_str()).is_ok().then_some(last).flatten();
            prop_assert_eq!(draft.attr(name), given);
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same(tree in trees(good_text())) {
        let written = write(&tree, StreamKind::Client);
        prop_assert_eq!(read(&written).expect(&written), normal(&tree));
    }

    #[test]
    fn what_xml_cannot_hold_is_an_error_and_never_broken_output(tree in trees(any::<String>())) {
        for kind in [StreamKind::Client, StreamKind::Component] {
            if let Ok(bytes) = encode(&tree, kind) {
                let written = std::str::from_utf8(&bytes).expect("UTF-8");
                prop_assert!(read_one(written, kind.namespace(), BOUNDS).is_ok(), "{}", written);
            }
        }
    }

    #[test]
    fn any_input_is_refused_or_can_be_passed_on(text in prop_oneof![any::<String>(), fragments()]) {
        if let Ok(element) = read(&text)
            && let Ok(bytes) = encode(&element, StreamKind::Client)
        {
            let again = read(std::str::from_utf8(&bytes).expect("UTF-8")).expect("what we write we can read");
            prop_assert_eq!(again, normal(&element));
        }
    }
}

/// Near-XML: pieces of markup in any order.
fn fragments() -> impl Strategy<Value = String> {
    let pieces = vec![
        "<a>",
        "</a>",
        "<b/>",
        "<x>",
        "</x>",
        "<message",
        " xmlns='urn:a'",
        " xmlns:p='urn:b'",
        " p:c='1'",
        "<p:a>",
        "</p:a>",
        " d='2'",
        ">",
        "/>",
        "text",
        "&amp;",
        "&#1;",
        "&#10;",
        "&x;",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<?xml version='1.0'?>",
        "<!DOCTYPE a>",
        "'",
        "\"",
        " ",
        "\u{feff}",
        "\u{0}",
        "</stream:stream>",
        "</message>",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..14).prop_map(|pieces| pieces.concat())
}

#[test]
fn tolerates_what_real_callers_send() {
    let expected = write(&read("<message><body>hi</body></message>").expect("plain"), StreamKind::Client);
    assert_eq!(expected, "<message><body>hi</body></message>");
    for text in [
        "\u{feff}<message><body>hi</body></message>",
        " \r\n\t<message ><body>hi</body></message >\n ",
        "<?xml version='1.0' encoding='UTF-8'?>\n<message><body>hi</body></message>",
        "<message xmlns='jabber:client'><body>&#104;i</body></message>",
        "<c:message xmlns:c=\"jabber:client\"><c:body><![CDATA[hi]]></c:body></c:message>",
    ] {
        assert_eq!(write(&read(text).expect(text), StreamKind::Client), expected, "{text}");
    }
}

#[test]
fn refuses_what_is_not_one_element() {
    for text in [
        "",
        " ",
        "text",
        "<a",
        "<a>",
        "</a>",
        "</x>",
        "<a></b>",
        "</x><x>",
        "<a><!-- c --></a>",
        "<a>&lol;</a>",
        "<p:a/>",
        "<!DOCTYPE a><a/>",
        "<?pi?><a/>",
        "<a b='1' b='2'/>",
        "<a>\u{1}</a>",
        "<a>&#0;</a>",
        "<a>&#xFFFE;</a>",
        "<a><![CDATA[",
        "<a b='",
        "<a xmlns:xmlns='urn:x'/>",
        "<?xml version='1.1'?><a/>",
        "<?xml version='1.0'",
        "x<a/>",
        "<a>]]></a>",
    ] {
        assert!(matches!(read(text), Err(ReadError::Malformed(_))), "{text}: {:?}", read(text));
    }
    for text in ["<a/><b/>", "<a/>text", "<a/></x>", "<a/></x><x>", "<message/><iq/>", "<a></a></a>"] {
        assert!(matches!(read(text), Err(ReadError::Trailing | ReadError::Malformed(_))), "{text}: {:?}", read(text));
    }
    assert_eq!(read("<a/><b/>"), Err(ReadError::Trailing));
}

#[test]
fn each_bound_has_its_own_refusal() {
    let nested = |levels: usize| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
    assert!(read(&nested(32)).is_ok());
    assert_eq!(read(&nested(33)), Err(ReadError::TooDeep(32)));
    assert_eq!(read(&nested(5000)), Err(ReadError::TooDeep(32)));
    assert!(read(&format!("<a>{}</a>", "<b/>".repeat(999))).is_ok());
    assert_eq!(read(&format!("<a>{}</a>", "<b/>".repeat(1000))), Err(ReadError::TooMany(1000)));
    assert!(read(&format!("<a b='{}'/>", "c".repeat(60_000))).is_ok());
    assert_eq!(read(&format!("<a>{}</a>", "c".repeat(70_000))), Err(ReadError::TooLarge(64 * 1024)));
    // A long namespace, inherited by many elements, is held once per element.
    let multiplied = format!("<a xmlns='urn:{}'>{}</a>", "n".repeat(30_000), "<b/>".repeat(900));
    assert_eq!(read(&multiplied), Err(ReadError::TooLarge(64 * 1024)));
}

#[test]
fn the_default_namespace_cannot_break_out() {
    let element = read_one("<a/>", "urn:'/><b x='&", BOUNDS).expect("one element");
    assert!(element.is("a", "urn:'/><b x='&"));
}

#[test]
fn a_component_stream_has_its_own_namespace_and_forwarded_messages_keep_theirs() {
    let text = "<message from='a@b'><body>x</body><forwarded xmlns='urn:xmpp:forward:0'>\
                <message xmlns='jabber:client'><body>y</body></message></forwarded></message>";
    let element = read(text).expect("one element");
    assert_eq!(write(&element, StreamKind::Client), text);
    let on_component = write(&element, StreamKind::Component);
    assert_eq!(on_component, text, "the root inherits the stream's namespace, the inner one declares its own");
    let inside = read_one(&on_component, "jabber:component:accept", BOUNDS).expect("one element");
    let body = inside.get_child("body", "jabber:component:accept").map(Element::text);
    let forwarded = inside.get_child("forwarded", "urn:xmpp:forward:0").and_then(|f| f.get_child("message", CLIENT));
    assert_eq!(body.as_deref(), Some("x"));
    assert!(forwarded.is_some_and(|message| message.get_child("body", CLIENT).is_some()));
}

#[test]
fn reserved_namespaces_and_declarations_are_never_written() {
    for namespace in [
        "http://www.w3.org/2000/xmlns/",
        "http://www.w3.org/XML/1998/namespace",
        "http://etherx.jabber.org/streams",
        "jabber:component:accept",
    ] {
        let mut stanza = Element::bare("message", CLIENT);
        stanza.append_child(Element::bare("a", namespace));
        assert!(encode(&stanza, StreamKind::Component).is_err(), "{namespace}");
    }
    let declaration = |namespace: rxml::Namespace<'static>, name: &str| {
        let mut stanza = Element::bare("message", CLIENT);
        stanza.attrs_mut().insert(namespace, rxml::NcName::try_from(name).expect("a name"), "urn:evil".into());
        encode(&stanza, StreamKind::Client)
    };
    assert!(declaration(rxml::Namespace::NONE, "xmlns").is_err());
    assert!(declaration(rxml::Namespace::XMLNS, "a").is_err());
    let written = |name| String::from_utf8(declaration(rxml::Namespace::XML, name).expect("a stanza")).expect("text");
    assert_eq!(written("lang"), "<message xml:lang='urn:evil'/>");
    assert_eq!(written("foo"), "<message/>", "no other attribute of XML's own");
    for name in ["", "a b", "a:b", "1", "a/><b", "\u{0}"] {
        assert!(encode(&Element::bare(name, CLIENT), StreamKind::Client).is_err(), "{name:?}");
        assert!(encode_draft(&Draft::new(name, CLIENT), StreamKind::Client).is_err(), "{name:?}");
    }
    assert!(encode_draft(&Draft::new("a", CLIENT).with("xmlns", "urn:evil"), StreamKind::Client).is_err());
}

#[test]
fn a_stream_header_declares_the_stanzas_namespace_and_its_own() {
    let written = header(StreamKind::Component, &[("to", "gw.example.org"), ("id", "'<&")]).expect("a header");
    assert_eq!(
        String::from_utf8(written).expect("UTF-8"),
        "<?xml version='1.0' encoding='utf-8'?>\n<stream:stream xmlns='jabber:component:accept' \
         xmlns:stream='http://etherx.jabber.org/streams' to='gw.example.org' id='&#39;&lt;&amp;'>"
    );
    assert!(header(StreamKind::Client, &[("a b", "")]).is_err());
}
