//! Messages as callers give them.

pub use crate::xml::bounds::Bounds;
pub use crate::xmpp::message::Attributes;
use jid::BareJid;

use crate::chat::types::card::Card;
use crate::chat::types::plain::plain_markup;
use crate::chat::types::product::Product;
use crate::clock::now_ms;
use crate::link::{Prepared, is_own};
use crate::xml::draft::Draft;
use crate::xml::element::Build as _;
use crate::xml::encode::EncodeError;
use crate::xml::read::{ReadError, read_one};
use crate::xml::verbatim::Verbatim;
use crate::xml::{CLIENT, Element};
use crate::xmpp::message;
use crate::xmpp::message::{Marks, Unacceptable};

/// The attribute with which qtalk's clients know when a message was sent: milliseconds since 1970.
const SENT_AT: &str = "msec_times";

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To one account, all its devices.
    User(BareJid),
    /// To a room.
    Room(BareJid),
}

/// One message to send.
#[derive(Debug, Clone)]
pub struct Message {
    /// In whose name.
    pub from: BareJid,
    /// To whom.
    pub to: Target,
    /// What.
    pub content: Content,
    /// Whether the sender's own devices and archive get it too, where the server grants it. One-to-one only.
    pub sender_copy: bool,
}

/// What a message says.
#[derive(Debug, Clone)]
pub enum Content {
    /// A `<message>` element given by the caller.
    Fragment(Fragment),
    /// Plain text, with attributes for `<message>` and `<body>` that are also carried in a marks child.
    Text {
        /// The text.
        body: String,
        /// The stanza's type as the caller named it (`chat`, `groupchat`, `normal`, `headline`, or an API's own).
        kind: String,
        /// Attributes of `<message>`.
        message: Attributes,
        /// Attributes of `<body>`.
        marks: Attributes,
        /// Namespace and name of the marks child.
        child: MarksChild,
    },
    /// A notification to online devices, not stored: a headline with one child of attributes and text.
    Notice {
        /// The child's namespace.
        ns: &'static str,
        /// The child's name.
        name: &'static str,
        /// The child's attributes.
        attributes: Attributes,
    },
    /// What the gateway itself says in a room.
    Card {
        /// What.
        card: Box<Card>,
        /// Under which nick, where nobody else has it.
        nick: String,
    },
}

/// The namespaced child that carries what servers drop from `<message>` and `<body>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarksChild {
    /// Namespace.
    pub ns: &'static str,
    /// Local name.
    pub name: &'static str,
}

/// A caller's `<message>`, parsed, bounded and stripped to what may be passed on.
#[derive(Debug, Clone)]
pub struct Fragment {
    given: Source,
    child: MarksChild,
    topic: bool,
}

/// As its own text where that can be passed on, else as a tree.
#[derive(Debug, Clone)]
enum Source {
    Verbatim(Verbatim),
    Tree(Element),
}

/// Why XML is not acceptable as a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FragmentError {
    /// Not one well-formed element within bounds.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The element is not a message.
    #[error("{}", not_message(.0, .1))]
    NotMessage(String, String),
    /// A type that nobody may send.
    #[error("a message of type {0:?} cannot be sent")]
    Type(String),
    /// A namespace that only servers use.
    #[error("the namespace {0:?} is not allowed in a message")]
    Namespace(String),
    /// An element that has no place where it stands, such as a stanza in a message or markup in a body.
    #[error("the element <{0}> is not allowed there")]
    Element(String),
}

impl Fragment {
    /// Parses a caller's XML. Its from and to are ignored; what it carries beyond standard attributes is put into a
    /// child `child` as well. Control characters are left out of what it says.
    ///
    /// # Errors
    /// [`FragmentError`] names the rule that is broken.
    pub fn parse(xml: &str, bounds: Bounds, child: MarksChild) -> Result<Fragment, FragmentError> {
        Self::parse_as_it_is(xml, bounds, child).or_else(|error| match plain_markup(xml) {
            Some(plain) if xml.len() <= bounds.bytes => Self::parse_as_it_is(&plain, bounds, child),
            _ => Err(error),
        })
    }

    fn parse_as_it_is(xml: &str, bounds: Bounds, child: MarksChild) -> Result<Fragment, FragmentError> {
        let mut check = message::Check::default();
        let (given, topic) = match Verbatim::read(xml, bounds, |level, tag| check.tag(level, tag)) {
            Some(text) => (Source::Verbatim(text), check.outcome()?),
            None => {
                let mut tree = read_one(xml, CLIENT, bounds)?;
                let topic = message::accept(&tree)?;
                message::strip(&mut tree);
                (Source::Tree(tree), topic)
            }
        };
        Ok(Fragment { given, child, topic })
    }

    /// The `type` attribute as given; `normal` when absent.
    pub fn kind(&self) -> &str {
        self.attribute("type").unwrap_or("normal")
    }

    /// An attribute of `<message>` as given.
    pub fn attribute(&self, name: &'static str) -> Option<&str> {
        match &self.given {
            Source::Verbatim(text) => text.attr(name),
            Source::Tree(element) => element.attr(name),
        }
    }

    /// Whether archives keep what says this, unless it travels as a headline.
    fn is_kept(&self) -> bool {
        let draft = self.draft();
        let hint = |name: &str| draft.has_child(name, message::HINTS);
        hint("store") || draft.has_child("body", CLIENT) && !hint("no-store") && !hint("no-permanent-store")
    }

    /// What it says, to be addressed.
    pub fn draft(&self) -> Draft<'_> {
        match &self.given {
            Source::Verbatim(text) => text.draft(),
            Source::Tree(element) => message::given(element),
        }
    }
}

/// What an element is that is no message: its name, or its namespace where only that is wrong.
fn not_message(name: &str, ns: &str) -> String {
    match (name, ns) {
        ("message", "") => format!("the element <message> is in no namespace: leave xmlns out, or write {CLIENT:?}"),
        ("message", _) => {
            format!("the element <message> is in the namespace {ns:?}: leave xmlns out, or write {CLIENT:?}")
        }
        _ => format!("the element is <{name}>, not <message>"),
    }
}

impl From<Unacceptable> for FragmentError {
    fn from(unacceptable: Unacceptable) -> Self {
        match unacceptable {
            Unacceptable::NotMessage(name, ns) => Self::NotMessage(name, ns),
            Unacceptable::Type(kind) => Self::Type(kind),
            Unacceptable::Namespace(ns) => Self::Namespace(ns),
            Unacceptable::Element(name) => Self::Element(name),
        }
    }
}

impl Message {
    /// The nick under which the gateway itself is to say this; `None` for what a user says.
    pub(in crate::chat) fn own_nick(&self) -> Option<&str> {
        match &self.content {
            Content::Card { nick, .. } => Some(nick),
            _ => None,
        }
    }

    /// Whether all it does in a room is to set the topic.
    pub(in crate::chat) fn is_topic(&self) -> bool {
        matches!(&self.content, Content::Fragment(fragment) if fragment.topic)
    }

    /// Whether archives keep it: not what goes to online devices only, what says nothing to a reader, or asks not to be.
    pub(in crate::chat) fn is_kept(&self) -> bool {
        let headline = |kind: &str| kind == "headline" && matches!(self.to, Target::User(_));
        match &self.content {
            Content::Notice { .. } => false,
            Content::Card { .. } => true,
            Content::Text { body, kind, .. } => !body.is_empty() && !headline(kind),
            Content::Fragment(fragment) => fragment.is_kept() && !headline(fragment.kind()),
        }
    }

    /// The stanza for a server: addressed, with its marks, and with the id that its caller gave it, by which others refer to
    /// it; else with `id`, which one that will be `sought` carries in any case: what is said in a room, and what is to be
    /// found in an archive.
    pub(in crate::chat) fn stanza(&self, id: &str, server: Product, sought: bool) -> Element {
        match self.said(self.from.as_str(), (id, sought), itoa::Buffer::new().format(now_ms()), server) {
            Outgoing::Draft(draft) => draft.element(),
            Outgoing::Element(element) => element,
        }
    }

    /// As [`Message::stanza`], ready to be sent.
    pub(in crate::chat) fn prepared(&self, id: &str, server: Product, sought: bool) -> Result<Prepared, EncodeError> {
        self.prepared_from(self.from.as_str(), (id, sought), server)
    }

    /// As [`Message::prepared`], coming `from` an address of the sender's.
    pub(in crate::chat) fn prepared_from(
        &self,
        from: &str,
        id: (&str, bool),
        server: Product,
    ) -> Result<Prepared, EncodeError> {
        match self.said(from, id, itoa::Buffer::new().format(now_ms()), server) {
            Outgoing::Draft(draft) => Prepared::draft(&draft),
            Outgoing::Element(element) => Prepared::element(&element),
        }
    }

    fn said<'a>(
        &'a self,
        from: &'a str,
        (id, sought): (&'a str, bool),
        sent_at: &'a str,
        server: Product,
    ) -> Outgoing<'a> {
        let (to, room) = match &self.to {
            Target::User(user) => (user.as_str(), false),
            Target::Room(room) => (room.as_str(), true),
        };
        let (mut draft, child) = match &self.content {
            Content::Fragment(fragment) => (fragment.draft(), fragment.child),
            Content::Text { body, kind, message, marks, child } => (message::text(body, kind, message, marks), *child),
            Content::Notice { ns, name, attributes } => {
                return Outgoing::Draft(message::notice(from, to, ns, name, attributes).with("id", id));
            }
            Content::Card { card, .. } => return Outgoing::Element(card.spoken(from, to).with("id", id)),
        };
        let kind = match draft.attr("type").unwrap_or("normal") {
            _ if room => "groupchat",
            "groupchat" => "chat",
            given => message::travelling_type(given),
        };
        if draft.attr(SENT_AT).is_none() {
            draft.put(SENT_AT, sent_at);
        }
        let own_id = message::own_id(&draft).filter(|own| !is_own(own));
        if room {
            draft.put("realfrom", self.from.as_str());
            draft.put("sendjid", self.from.as_str());
        }
        if sought && own_id.is_some() {
            draft = message::name(draft, id);
        }
        let marks = Marks { ns: child.ns, name: child.name };
        let addressed = message::address(draft, from, to, own_id.unwrap_or(id), kind, marks);
        Outgoing::Draft(match server {
            Product::Ejabberd => message::without_dropped(addressed),
            Product::Prosody => addressed,
        })
    }
}

/// A message as it goes out.
enum Outgoing<'a> {
    Draft(Draft<'a>),
    Element(Element),
}

/// What was observed of a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The gateway's own id for it: the stanza's, where the caller gave none.
    pub id: String,
    /// The id in the room's archive, when the room has one; of a message to a user, that in their archive, when it was waited
    /// for.
    pub archive_id: Option<String>,
}
