//! Messages as callers give them.

use jid::BareJid;

use crate::xml::Element;
use crate::xml::read::{Bounds, ReadError};

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
        message: Vec<(String, String)>,
        /// Attributes of `<body>`.
        marks: Vec<(String, String)>,
        /// Namespace and name of the marks child.
        child: MarksChild,
    },
    /// A notification to online devices, not stored: a headline with one child of attributes and text.
    Notice {
        /// The child's namespace.
        ns: String,
        /// The child's name.
        name: String,
        /// The child's attributes.
        attributes: Vec<(String, String)>,
    },
}

/// The namespaced child that carries what servers drop from `<message>` and `<body>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarksChild {
    /// Namespace.
    pub ns: &'static str,
    /// Local name.
    pub name: &'static str,
}

/// A caller's `<message>`, parsed, bounded and stripped to what may be passed on.
#[derive(Debug, Clone)]
pub struct Fragment {
    pub(super) element: Element,
    pub(super) child: MarksChild,
}

/// Why XML is not acceptable as a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FragmentError {
    /// Not one well-formed element within bounds.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The element is not a message.
    #[error("the element is <{0}>, not <message>")]
    NotMessage(String),
    /// A type that nobody may send.
    #[error("a message of type {0:?} cannot be sent")]
    Type(String),
    /// A namespace that only servers use.
    #[error("the namespace {0:?} is not allowed in a message")]
    Namespace(String),
}

impl Fragment {
    /// Parses a caller's XML. Its from, to and id are ignored; what it carries beyond standard attributes is put into a
    /// child `child` as well.
    ///
    /// # Errors
    /// [`FragmentError`] names the rule that is broken.
    pub fn parse(_xml: &str, _bounds: Bounds, _child: MarksChild) -> Result<Fragment, FragmentError> {
        todo!()
    }

    /// The `type` attribute as given; `normal` when absent.
    pub fn kind(&self) -> &str {
        self.element.attr("type").unwrap_or("normal")
    }
}

/// What was observed of a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The stanza's id.
    pub id: String,
    /// The id in the room's archive, when the room has one.
    pub archive_id: Option<String>,
}
