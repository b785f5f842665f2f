//! Direct invitations to a room (XEP-0249).

use jid::BareJid;

use crate::xml::Element;
use crate::xml::element::{Build, client, el};

/// The namespace.
pub const NS: &str = "jabber:x:conference";

/// An invitation of `user` to `room` by `inviter`.
pub fn direct(inviter: &str, user: &BareJid, room: &BareJid) -> Element {
    client("message").with("from", inviter).with("to", user.as_str()).child(el("x", NS).with("jid", room.as_str()))
}
