//! Direct invitations to a room (XEP-0249).

use jid::BareJid;

use super::message::HINTS;
use crate::xml::Element;
use crate::xml::element::{Build, client, el};

/// The namespace.
pub const NS: &str = "jabber:x:conference";

/// An invitation of `user` to `room` by `inviter`. One that is not `kept` is for who is there now: nobody finds it later,
/// when the room may be gone.
pub fn direct(inviter: &str, user: &BareJid, room: &BareJid, password: Option<&str>, kept: bool) -> Element {
    let invitation = el("x", NS).with("jid", room.as_str()).maybe("password", password);
    let hint = (!kept).then(|| el("no-store", HINTS));
    client("message").with("from", inviter).with("to", user.as_str()).child(invitation).children_from(hint)
}
