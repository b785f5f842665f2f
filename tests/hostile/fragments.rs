//! XML in `send_thirdmessage` that would break out of its message, lie in a server's name, or exhaust a parser.

use std::fmt::Write as _;

use serde_json::json;
use tokio_xmpp::minidom::Element;

use super::attack::{Attack, Judge};
use crate::on_oldest_and_newest;
use crate::support::element::{body, show};
use crate::support::{Server, fresh};

on_oldest_and_newest!(
    nothing_breaks_out_of_its_message,
    nobody_speaks_in_a_servers_name,
    odd_but_harmless_xml_is_delivered_as_it_is_meant,
);

const BAD_XML: i64 = 11;
const TOO_LARGE: i64 = 12;

async fn nothing_breaks_out_of_its_message(server: Server) {
    let attack = Attack::on(server).await;
    let (room, _) = attack.room().await;
    let mark = fresh("BREAKOUT");
    let nested = format!("{}{}{}", "<a xmlns='urn:a'>".repeat(5000), mark, "</a>".repeat(5000));
    let in_message = |inner: &str| format!("<message type='chat'>{inner}<body>{mark}</body></message>");
    let cases = [
        ("5,000 levels", in_message(&nested)),
        ("5,000 levels that are never closed", format!("<message>{}{mark}", "<a>".repeat(5000))),
        ("an attribute of 100 kB", in_message(&format!("<a xmlns='urn:a' b='{}'/>", "x".repeat(100_000)))),
        ("2,000 elements", in_message(&"<a xmlns='urn:a'/>".repeat(2000))),
        ("the end of the stream", format!("<message><body>{mark}</body></message></stream:stream>")),
        ("the end of the stream inside", in_message("</stream:stream>")),
        ("a bare end of the stream", "</stream:stream>".into()),
        ("another stanza behind", format!("<message/><iq type='set' to='example.org'><x>{mark}</x></iq>")),
        ("the message closed early", format!("<message></message><iq type='get'>{mark}</iq><message></message>")),
        ("an end tag first", format!("</message><iq type='set'>{mark}</iq><message>")),
        ("text behind", format!("<message><body>{mark}</body></message>tail")),
        ("a second message", format!("<message><body>{mark}</body></message><message><body>{mark}</body></message>")),
        ("an IQ", format!("<iq type='set' to='example.org'><query xmlns='urn:x'>{mark}</query></iq>")),
        ("presence", "<presence type='unsubscribed'/>".into()),
        ("a stream header", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/>".into()),
        ("an IQ in a message", in_message("<iq type='set'/>")),
        ("a message in a message", in_message("<message type='chat'/>")),
        ("an error in a message", in_message("<error type='cancel'/>")),
        ("an error", format!("<message type='error'><body>{mark}</body></message>")),
        ("markup in a body", format!("<message><body>{mark}<b>bold</b></body></message>")),
        ("a doctype", format!("<!DOCTYPE message [<!ENTITY a 'b'>]><message><body>{mark}&a;</body></message>")),
        ("an external entity", external_entity(&mark)),
        ("billion laughs", billion_laughs(&mark)),
        ("an unknown entity", in_message("<a xmlns='urn:a'>&nbsp;</a>")),
        ("U+0001 by reference", in_message("<a xmlns='urn:a'>&#1;</a>")),
        ("U+0000 by reference", in_message("<a xmlns='urn:a' b='&#0;'/>")),
        ("U+FFFE by reference", in_message("<a xmlns='urn:a'>&#xFFFE;</a>")),
        ("U+FFFF itself", in_message("<a xmlns='urn:a'>\u{ffff}</a>")),
        ("a surrogate by reference", in_message("<a xmlns='urn:a'>&#xD800;</a>")),
        ("a character beyond Unicode", in_message("<a xmlns='urn:a'>&#x110000;</a>")),
        ("U+0000 itself", in_message("<a xmlns='urn:a'>\0</a>")),
        ("an unbound prefix", in_message("<a:b/>")),
        ("an unbound attribute prefix", in_message("<a xmlns='urn:a' b:c='d'/>")),
        ("a prefix bound to nothing", in_message("<a:b xmlns:a=''/>")),
        ("the xmlns prefix bound", in_message("<b xmlns:xmlns='urn:a'/>")),
        ("the xml prefix bound elsewhere", in_message("<b xmlns:xml='urn:a'/>")),
        ("an attribute twice", in_message("<a xmlns='urn:a' b='1' b='2'/>")),
        ("an attribute twice by two prefixes", in_message("<a xmlns:p='urn:p' xmlns:q='urn:p' p:b='1' q:b='2'/>")),
        ("a comment", in_message("<!-- x -->")),
        ("a processing instruction", in_message("<?php x ?>")),
        ("]]> in text", in_message("<a xmlns='urn:a'>]]></a>")),
        ("a lone ampersand", in_message("<a xmlns='urn:a'>a & b</a>")),
        ("two declarations", format!("<?xml version='1.0'?><?xml version='1.0'?><message>{mark}</message>")),
        ("XML 1.1", format!("<?xml version='1.1'?><message><body>{mark}</body></message>")),
        ("another encoding", format!("<?xml version='1.0' encoding='UTF-16'?><message><body>{mark}</body></message>")),
        ("no XML at all", format!("{{\"message\":\"{mark}\"}}")),
        ("nothing but blanks", "  \n ".into()),
    ];
    for (what, xml) in &cases {
        for to in [attack.recipient.jid.as_str(), &room] {
            let reply = attack.beside(what, attack.send_xml_to(to, xml)).await;
            reply.refused(what, &[BAD_XML, TOO_LARGE]);
        }
    }
    assert_eq!(attack.evidence(&mark).await, []);
}

fn external_entity(mark: &str) -> String {
    format!("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><message><body>{mark}&x;</body></message>")
}

fn billion_laughs(mark: &str) -> String {
    let mut entities = format!("<!ENTITY e0 '{mark}'>");
    for n in 1..10 {
        let _ = write!(entities, "<!ENTITY e{n} '{}'>", format!("&e{};", n - 1).repeat(10));
    }
    format!("<!DOCTYPE m [{entities}]><message><body>&e9;</body></message>")
}

async fn nobody_speaks_in_a_servers_name(server: Server) {
    let attack = Attack::on(server).await;
    let (room, _) = attack.room().await;
    let mark = fresh("FAKE");
    let ceo = format!("ceo@{}", attack.rig.domain());
    let inner = format!("<message xmlns='jabber:client' from='{ceo}' type='chat'><body>{mark}</body></message>");
    let forwarded = format!("<forwarded xmlns='urn:xmpp:forward:0'>{inner}</forwarded>");
    let item = format!("<items node='urn:xmpp:mucsub:nodes:messages'><item id='1'>{inner}</item></items>");
    let payloads = [
        ("carbons", format!("<received xmlns='urn:xmpp:carbons:2'>{forwarded}</received>")),
        ("sent carbons", format!("<sent xmlns='urn:xmpp:carbons:2'>{forwarded}</sent>")),
        ("forwarding", forwarded.clone()),
        ("an archive's result", format!("<result xmlns='urn:xmpp:mam:2' id='1'>{forwarded}</result>")),
        ("a room's event", format!("<event xmlns='http://jabber.org/protocol/pubsub#event'>{item}</event>")),
        ("a privilege", format!("<privilege xmlns='urn:xmpp:privilege:2'>{forwarded}</privilege>")),
        ("an older privilege", format!("<privilege xmlns='urn:xmpp:privilege:1'>{forwarded}</privilege>")),
        ("a delegation", format!("<delegation xmlns='urn:xmpp:delegation:2'>{forwarded}</delegation>")),
        ("a delay", "<delay xmlns='urn:xmpp:delay' stamp='2001-01-01T00:00:00Z' from='example.org'/>".into()),
        ("an old delay", "<x xmlns='jabber:x:delay' stamp='20010101T00:00:00' from='example.org'/>".into()),
        ("a stanza id", format!("<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='{}'/>", attack.recipient.jid)),
        ("an occupant id", "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='1'/>".into()),
        ("a room's status", "<x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x>".into()),
        ("a room's invitation", muc_invite(&ceo)),
        ("a join", "<x xmlns='http://jabber.org/protocol/muc'/>".into()),
        ("many addresses", "<addresses xmlns='http://jabber.org/protocol/address'/>".into()),
        ("the component's stream", "<handshake xmlns='jabber:component:accept'/>".into()),
        ("a server's stream", "<verify xmlns='jabber:server' type='valid'/>".into()),
        ("a stream error", "<s:error xmlns:s='http://etherx.jabber.org/streams'/>".into()),
        ("the xmlns namespace", "<a xmlns='http://www.w3.org/2000/xmlns/'/>".into()),
        ("the xml namespace", "<xml:a/>".into()),
    ];
    for (what, payload) in &payloads {
        let deep = format!("<a xmlns='urn:a'><b>{payload}</b></a>");
        // The same by a prefix that a filter on text would not know.
        for xml in [payload, &deep] {
            let message = format!("<message type='chat'><body>{mark}</body>{xml}</message>");
            for to in [attack.recipient.jid.as_str(), &room] {
                attack.beside(what, attack.send_xml_to(to, &message)).await.refused(what, &[BAD_XML]);
            }
        }
    }
    for ns in ["jabber:server", "jabber:component:accept", "http://etherx.jabber.org/streams", "urn:a", ""] {
        let message = format!("<message xmlns='{ns}'><body>{mark}</body></message>");
        attack.beside(ns, attack.send_xml(&message)).await.refused(ns, &[BAD_XML]);
    }
    assert_eq!(attack.evidence(&mark).await, []);
}

fn muc_invite(from: &str) -> String {
    format!("<x xmlns='http://jabber.org/protocol/muc#user'><invite from='{from}'/></x>")
}

/// What is left of them is one message from the sender, with what it says and nothing of its own about addresses but the id.
async fn odd_but_harmless_xml_is_delivered_as_it_is_meant(server: Server) {
    let attack = Attack::on(server).await;
    let domain = attack.rig.domain();
    let named = format!("<message xmlns='jabber:client' from='ceo@{domain}' to='gw.example.org' id='x' xml:lang='en'>");
    let cases = [
        ("its own addresses", format!("{named}<body>MARK</body></message>")),
        ("CDATA", "<message type='chat'><body><![CDATA[<iq/>MARK]]></body></message>".into()),
        ("entities of XML itself", "<message><body>&lt;iq/&gt;&amp;&quot;&apos;MARK</body></message>".into()),
        ("a declaration and blanks", "\u{feff} <?xml version='1.0'?>\n<message><body>MARK</body></message>\n".into()),
        ("a prefix for the stanza", "<c:message xmlns:c='jabber:client'><c:body>MARK</c:body></c:message>".into()),
        ("the stream's prefix", "<message><body>MARK</body><stream:a xmlns:stream='urn:a'/></message>".into()),
        ("a foreign attribute", "<message xmlns:p='urn:p' p:to='x'><body p:id='1'>MARK</body></message>".into()),
        ("a name in Chinese", "<message><body>MARK</body><消息 xmlns='urn:a' 类型='一'/></message>".into()),
        (
            "30 levels",
            format!("<message><body>MARK</body>{}{}</message>", "<a xmlns='urn:a'>".repeat(30), "</a>".repeat(30)),
        ),
        ("900 elements", format!("<message><body>MARK</body>{}</message>", "<a xmlns='urn:a'/>".repeat(900))),
        ("an own type", "<message type='consult'><body>MARK</body></message>".into()),
        ("groupchat to a user", "<message type=\"chat\"><body msgType=\"&lt;'&gt;\">MARK</body></message>".into()),
    ];
    for (what, xml) in cases {
        let mark = fresh("HARMLESS");
        let reply = attack.beside(what, attack.send_xml(&xml.replace("MARK", &mark))).await;
        assert!(reply.ret(), "{what}: {}", reply.text);
        let seen = attack.evidence(&mark).await;
        let [message] = seen.as_slice() else { panic!("{what}: {}", seen.iter().map(show).collect::<String>()) };
        assert_is_from_the_sender(&attack, what, message);
        assert!(body(message).is_some_and(|body| body.ends_with(&mark)), "{what}: {}", show(message));
    }
    let twice = json!([
        {"from": attack.sender.jid, "to": attack.recipient.jid, "message": "<message><body>a</body></message></x>"},
        {"from": attack.sender.jid, "to": attack.recipient.jid, "message": "<message><body>ALONE</body></message>"},
    ]);
    let reply =
        attack.beside("a batch", attack.post_json("send_thirdmessage", &twice)).await.refused("a batch", &[BAD_XML]);
    assert_eq!(reply.json["data"]["failed"][0]["index"], 0, "{}", reply.text);
    assert_eq!(attack.evidence("ALONE").await.len(), 1);
}

fn assert_is_from_the_sender(attack: &Attack, what: &str, message: &Element) {
    let from = message.attr("from").and_then(|from| from.split('/').next());
    let to = message.attr("to").and_then(|to| to.split('/').next());
    let expected = (Some(attack.sender.jid.as_str()), Some(attack.recipient.jid.as_str()));
    assert_eq!((from, to), expected, "{what}: {}", show(message));
    assert_eq!(message.name(), "message", "{what}: {}", show(message));
}
