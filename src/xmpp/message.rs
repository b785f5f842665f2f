//! Messages given as XML by a caller: what may pass, and the child that carries what servers drop.
//!
//! ejabberd keeps of `<message>` only the standard attributes and of `<body>` only the text; namespaced children
//! survive on every server. So whatever else a caller put on these two elements is repeated in one child, the marks.

use minidom::rxml::Namespace;

use crate::xml::draft::Draft;
use crate::xml::received::{Tag, Walk};
use crate::xml::{CLIENT, COMPONENT, Element, STREAMS};

/// Namespaces whose elements only a server may put into a message, because clients believe them, or which make a server
/// act: nobody may smuggle them in through a gateway (at any depth).
const DENIED: &[&str] = &[
    COMPONENT,
    STREAMS,
    "http://www.w3.org/2000/xmlns/",
    "http://www.w3.org/XML/1998/namespace",
    "jabber:server",
    "jabber:x:delay",
    "urn:xmpp:delay",
    "urn:xmpp:occupant-id:0",
    "urn:xmpp:forward:0",
    "urn:xmpp:carbons:2",
    "urn:xmpp:mam:2",
    "urn:xmpp:mucsub:0",
    "urn:xmpp:privilege:1",
    "urn:xmpp:privilege:2",
    "urn:xmpp:delegation:2",
    "urn:xmpp:push:0",
    "http://jabber.org/protocol/address",
    "http://jabber.org/protocol/muc",
    "http://jabber.org/protocol/muc#user",
    "http://jabber.org/protocol/muc#admin",
    "http://jabber.org/protocol/muc#owner",
    "http://jabber.org/protocol/pubsub",
    "http://jabber.org/protocol/pubsub#event",
    "http://jabber.org/protocol/pubsub#owner",
];

/// Ids of stanzas (XEP-0359): the sender's `origin-id` anybody may give, `stanza-id` is what an archive says.
pub const STANZA_ID: &str = "urn:xmpp:sid:0";

/// The child by which the gateway knows its message again, when a room shows it or in an archive, where the id is the
/// caller's own.
const SENT: &str = "urn:stanzagate:sent:0";
/// Longest id of a caller's that a message keeps, in bytes.
const LONGEST_ID: usize = 256;

/// Message processing hints (XEP-0334).
pub const HINTS: &str = "urn:xmpp:hints";

/// What has no place in a stanza, in the stanzas' own namespace.
const STANZAS: &[&str] = &["message", "presence", "iq", "error", "stream"];
/// Children of a message that are nothing but text (RFC 6121 section 5.2).
const TEXTS: &[&str] = &["body", "subject", "thread"];

/// Attributes of `<message>` that the gateway sets itself.
const OWN: &[&str] = &["from", "to", "id", "type"];
/// The standard types (RFC 6121 section 5.2.2); any other travels as `chat`, and by its name in the marks.
const TYPES: &[&str] = &["chat", "groupchat", "normal", "headline"];

/// Names, which must be XML names, and values of attributes.
pub type Attributes = Vec<(&'static str, String)>;

/// Why an element is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unacceptable {
    /// Not `<message>`: name and namespace.
    NotMessage(String, String),
    /// A type that nobody may send.
    Type(String),
    /// A namespace that only servers use.
    Namespace(String),
    /// An element that has no place where it stands.
    Element(String),
}

/// Checks a `<message>`, tag by tag.
#[derive(Debug, Default)]
pub struct Check {
    broken: Option<Unacceptable>,
    /// The child of the message that was last checked may have nothing but text.
    in_text: bool,
    /// It has a subject.
    subject: bool,
    /// It has what makes a subject part of a message (XEP-0045 section 8.1).
    spoken: bool,
}

impl Check {
    /// Checks the next tag, which stands in so many elements.
    pub fn tag(&mut self, level: usize, tag: Tag<'_>) {
        if self.broken.is_none() {
            self.broken = self.judge(level, tag).err();
        }
    }

    /// What came of it: whether the message does nothing in a room but set its topic (XEP-0045 section 8.1).
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn outcome(self) -> Result<bool, Unacceptable> {
        self.broken.map_or(Ok(self.subject && !self.spoken), Err)
    }

    fn judge(&mut self, level: usize, tag: Tag<'_>) -> Result<(), Unacceptable> {
        let (name, ns) = (tag.name(), tag.ns());
        if level == 0 {
            return match tag.attr("type").as_deref() {
                _ if name != "message" || ns != CLIENT => {
                    Err(Unacceptable::NotMessage(name.to_owned(), ns.into_owned()))
                }
                Some("error") => Err(Unacceptable::Type("error".into())),
                _ => Ok(()),
            };
        }
        if DENIED.contains(&&*ns) {
            return Err(Unacceptable::Namespace(ns.into_owned()));
        }
        let of_stanzas = level == 1 && ns == CLIENT;
        if level == 1 {
            self.in_text = of_stanzas && TEXTS.contains(&name);
            self.subject |= of_stanzas && name == "subject";
            self.spoken |= self.in_text && name != "subject";
        }
        let of_an_archive = ns == STANZA_ID && name == "stanza-id";
        if (of_stanzas && STANZAS.contains(&name)) || (level > 1 && self.in_text) || of_an_archive {
            return Err(Unacceptable::Element(name.to_owned()));
        }
        Ok(())
    }
}

/// Checks a whole `<message>`; what comes of it is as for [`Check::outcome`].
///
/// # Errors
/// The first rule that is broken.
pub fn accept(message: &impl Walk) -> Result<bool, Unacceptable> {
    let mut check = Check::default();
    message.walk(|level, tag| check.tag(level, tag));
    check.outcome()
}

/// Takes off a message that was accepted what a stanza's own tag does not have: attributes of other namespaces.
pub fn strip(message: &mut Element) {
    message.attrs_mut().retain(|ns, name, _| *ns == Namespace::XML || (*ns == Namespace::NONE && name != "xmlns"));
}

/// The type a message travels with: as given when it is standard, else `chat`.
pub fn travelling_type(given: &str) -> &'static str {
    TYPES.iter().copied().find(|standard| *standard == given).unwrap_or("chat")
}

/// The id that a caller gave a message: its `id`, else its `origin-id`, by which later ones refer to it (corrections,
/// receipts, replies). `None` when there is none, or one that is longer than any client makes it.
pub fn own_id<'a>(message: &Draft<'a>) -> Option<&'a str> {
    let usable = |id: &&str| !id.is_empty() && id.len() <= LONGEST_ID;
    message.attr("id").filter(usable).or_else(|| message.child_attr("origin-id", STANZA_ID, "id").filter(usable))
}

/// Names a message with the gateway's own id in a child: its `id` is the caller's.
pub fn name<'a>(mut message: Draft<'a>, id: &'a str) -> Draft<'a> {
    message.remove("sent", SENT);
    message.child(Draft::new("sent", SENT).with("id", id))
}

/// The gateway's own id of a message that a room shows or an archive keeps: the one in its child, else the stanza's.
pub fn sent_id(message: &Element) -> Option<&str> {
    message.get_child("sent", SENT).and_then(|sent| sent.attr("id")).or_else(|| message.attr("id"))
}

/// The marks child.
#[derive(Debug, Clone, Copy)]
pub struct Marks<'a> {
    /// Its namespace.
    pub ns: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// Addresses a message that was accepted, and adds its marks: they repeat the attributes of `<message>`, those that the
/// gateway has set included, and those of `<body>`.
pub fn address<'a>(
    mut message: Draft<'a>,
    from: &'a str,
    to: &'a str,
    id: &'a str,
    kind: &'a str,
    marks: Marks<'a>,
) -> Draft<'a> {
    let given = message.attr("type").unwrap_or("normal");
    for (name, value) in [("from", from), ("to", to), ("id", id), ("type", kind)] {
        message.put(name, value);
    }
    let mut child = Draft::new(marks.name, marks.ns);
    for (name, value) in message.plain().filter(|(name, _)| !OWN.contains(name)) {
        child.put(name, value);
    }
    if given != kind {
        child.put("type", given);
    }
    message.repeat_child("body", CLIENT, &mut child);
    message.remove(marks.name, marks.ns);
    message.child(child)
}

/// Takes off an addressed message the attributes that RFC 6121 does not know, and which its marks repeat: what a server
/// drops costs it as much to read as what it passes on.
pub fn without_dropped(mut message: Draft<'_>) -> Draft<'_> {
    message.keep(OWN);
    message.bare_children("body", CLIENT);
    message
}

/// A message that was accepted, to be addressed.
pub fn given(message: &Element) -> Draft<'_> {
    Draft::like(message, "message", CLIENT)
}

/// A `<message>` of one body, both with attributes.
pub fn text<'a>(
    body: &'a str,
    kind: &'a str,
    message: &'a [(&'static str, String)],
    marks: &'a [(&'static str, String)],
) -> Draft<'a> {
    let body = with_all(Draft::new("body", CLIENT), marks).text_of(body);
    with_all(Draft::new("message", CLIENT).with("type", kind), message).child(body)
}

/// A headline with one child of attributes, not to be stored (XEP-0334).
pub fn notice<'a>(
    from: &'a str,
    to: &'a str,
    ns: &'a str,
    name: &'a str,
    attributes: &'a [(&'static str, String)],
) -> Draft<'a> {
    Draft::new("message", CLIENT)
        .with("type", "headline")
        .with("from", from)
        .with("to", to)
        .child(with_all(Draft::new(name, ns), attributes))
        .child(Draft::new("no-store", HINTS))
}

fn with_all<'a>(mut draft: Draft<'a>, attributes: &'a [(&'static str, String)]) -> Draft<'a> {
    for (name, value) in attributes {
        draft.put(name, value);
    }
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(xml: &str) -> Element {
        xml.parse().unwrap()
    }

    #[test]
    fn marks_repeat_what_servers_drop() {
        let parsed = parse(
            "<message xmlns='jabber:client' type='note' client_ver='0' from='x@y' id='i'>\
             <body id='b1' msgType='1' maType='20'>hi</body><stime xmlns='jabber:stime:delay' stamp='1'/></message>",
        );
        let marks = Marks { ns: "urn:stanzagate:qtalk:0", name: "qtalk" };
        accept(&parsed).unwrap();
        let sent = address(given(&parsed).with("msec_times", "7"), "a@h", "b@h", "id1", "chat", marks).element();
        assert_eq!((sent.attr("from"), sent.attr("id"), sent.attr("type")), (Some("a@h"), Some("id1"), Some("chat")));
        let child = sent.get_child("qtalk", "urn:stanzagate:qtalk:0").unwrap();
        for (name, value) in [
            ("client_ver", "0"),
            ("id", "b1"),
            ("msgType", "1"),
            ("maType", "20"),
            ("msec_times", "7"),
            ("type", "note"),
        ] {
            assert_eq!(child.attr(name), Some(value), "{name}");
        }
        assert!(sent.has_child("stime", "jabber:stime:delay"));
        assert_eq!(sent.get_child("body", CLIENT).unwrap().attr("maType"), Some("20"));
    }

    #[test]
    fn what_a_server_drops_can_be_left_to_the_marks() {
        let accepted = parse(
            "<message xmlns='jabber:client' type='chat' xml:lang='en' client_ver='0'>\
             <body xml:lang='de' id='b1' msgType='1'>hallo</body><subject kept='1'/></message>",
        );
        let marks = Marks { ns: "urn:stanzagate:qtalk:0", name: "qtalk" };
        let sent = without_dropped(address(given(&accepted), "a@h", "b@h", "id1", "chat", marks)).element();
        let expected = parse(
            "<message xmlns='jabber:client' type='chat' xml:lang='en' from='a@h' to='b@h' id='id1'>\
             <body xml:lang='de'>hallo</body><subject kept='1'/>\
             <qtalk xmlns='urn:stanzagate:qtalk:0' client_ver='0' id='b1' msgType='1'/></message>",
        );
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_message_is_named_by_its_sender() {
        let own = |xml: &str| own_id(&given(&parse(xml))).map(str::to_owned);
        let origin = "<origin-id xmlns='urn:xmpp:sid:0' id='o-1'/>";
        let with = |id: &str| format!("<message xmlns='jabber:client' id='{id}'>{origin}</message>");
        assert_eq!(own(&with("c-1")).as_deref(), Some("c-1"));
        for unusable in [String::new(), "x".repeat(LONGEST_ID + 1)] {
            assert_eq!(own(&with(&unusable)).as_deref(), Some("o-1"));
        }
        assert_eq!(own("<message xmlns='jabber:client'><body>x</body></message>"), None);
        assert_eq!(accept(&parse(&with("c-1"))), Ok(false));

        let claimed =
            parse("<message xmlns='jabber:client' id='c-1'><sent xmlns='urn:stanzagate:sent:0' id='x'/></message>");
        let named = name(given(&claimed), "gw.1").element();
        assert_eq!((sent_id(&named), named.children().count()), (Some("gw.1"), 1));
        assert_eq!(sent_id(&parse("<message xmlns='jabber:client' id='gw.2'/>")), Some("gw.2"));
    }

    #[test]
    fn a_topic_is_a_subject_alone() {
        for (inner, topic) in [
            ("<subject>T</subject>", true),
            ("<subject/><x xmlns='urn:x'><body/></x>", true),
            ("<subject xml:lang='de'>T</subject><subject>U</subject>", true),
            ("<subject>T</subject><body>b</body>", false),
            ("<thread>t</thread><subject>T</subject>", false),
            ("<body>b</body>", false),
            ("<subject xmlns='urn:x'/>", false),
        ] {
            let message = parse(&format!("<message xmlns='jabber:client'>{inner}</message>"));
            assert_eq!(accept(&message), Ok(topic), "{inner}");
        }
    }

    #[test]
    fn what_only_servers_say_is_refused_at_any_depth() {
        for inner in [
            "<x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x>",
            "<a xmlns='urn:a'><b><forwarded xmlns='urn:xmpp:forward:0'/></b></a>",
            "<delay xmlns='urn:xmpp:delay' stamp='2000-01-01T00:00:00Z'/>",
        ] {
            let message = parse(&format!("<message xmlns='jabber:client'>{inner}</message>"));
            assert!(matches!(accept(&message), Err(Unacceptable::Namespace(_))), "{inner}");
        }
        let stanza_id = "<a xmlns='urn:a'><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='r@h'/></a>";
        for inner in ["<iq/>", "<error/>", "<body><iq/></body>", stanza_id] {
            let message = parse(&format!("<message xmlns='jabber:client'>{inner}</message>"));
            assert!(matches!(accept(&message), Err(Unacceptable::Element(_))), "{inner}");
        }
        assert!(matches!(accept(&parse("<iq xmlns='jabber:client'/>")), Err(Unacceptable::NotMessage(..))));
        assert!(matches!(accept(&parse("<message xmlns='jabber:client' type='error'/>")), Err(Unacceptable::Type(_))));
    }
}
