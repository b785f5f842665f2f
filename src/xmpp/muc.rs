//! Rooms (XEP-0045): entering, leaving, configuring, destroying.

use jid::BareJid;
use xmpp_parsers::muc::Muc;
use xmpp_parsers::muc::muc::History;
pub use xmpp_parsers::ns::MUC_USER as USER;

use super::data_form;
use crate::xml::Element;
use crate::xml::element::{Build, client, el};

/// An owner's requests.
pub const OWNER: &str = "http://jabber.org/protocol/muc#owner";
/// FORM_TYPE of the room's configuration.
pub const ROOM_CONFIG: &str = "http://jabber.org/protocol/muc#roomconfig";
/// The feature of a room that ends with its last occupant.
pub const TEMPORARY: &str = "muc_temporary";
/// The feature of rooms that admit members only.
pub const MEMBERS_ONLY: &str = "muc_membersonly";
/// The feature of rooms with an archive (XEP-0313).
pub const ARCHIVE: &str = "urn:xmpp:mam:2";

/// The field of the room's configuration that lets its members set the topic.
pub const CHANGE_SUBJECT: &str = "muc#roomconfig_changesubject";
/// The field of the room's configuration that holds its password.
pub const SECRET: &str = "muc#roomconfig_roomsecret";
/// The feature of rooms that admit nobody without a password.
pub const PASSWORD: &str = "muc_passwordprotected";

/// Status: the presence is the user's own.
pub const SELF: &str = "110";
/// Status: the room was created by this.
pub const CREATED: &str = "201";

/// Enters `room` as `nick`, without history, and with its password where it has one.
pub fn join(from: &str, room: &BareJid, nick: &str, password: Option<&str>) -> Element {
    let mut join = Muc::new().with_history(History::new().with_maxstanzas(0));
    join.password = password.map(str::to_owned);
    presence(from, room, nick).child(join.into())
}

/// Leaves `room`.
pub fn leave(from: &str, room: &BareJid, nick: &str) -> Element {
    presence(from, room, nick).with("type", "unavailable")
}

fn presence(from: &str, room: &BareJid, nick: &str) -> Element {
    client("presence").with("from", from).with("to", format!("{room}/{nick}"))
}

/// True when a presence from a room carries the status code.
pub fn has_status(presence: &Element, code: &str) -> bool {
    presence
        .get_child("x", USER)
        .is_some_and(|x| x.children().any(|child| child.is("status", USER) && child.attr("code") == Some(code)))
}

/// Asks for the configuration form.
pub fn config_query() -> Element {
    el("query", OWNER)
}

/// The configuration form of an answer.
pub fn config_form(reply: &Element) -> Option<&Element> {
    data_form::inside(reply.get_child("query", OWNER)?)
}

/// Submits settings.
pub fn configure<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Element {
    el("query", OWNER).child(data_form::submit(ROOM_CONFIG, fields))
}

/// Destroys the room.
pub fn destroy(reason: &str) -> Element {
    let reason = (!reason.is_empty()).then(|| el("reason", OWNER).text_of(reason));
    el("query", OWNER).child(el("destroy", OWNER).children_from(reason))
}

/// The real address of an occupant whose message an archive keeps, where the archive says it (XEP-0313 section 5.1.2).
/// Prosody appends it to whatever the sender says of themselves, and ejabberd removes that: so the last word counts.
pub fn real_sender(message: &Element) -> Option<BareJid> {
    let items = message.children().filter(|child| child.is("x", USER)).filter_map(|x| x.get_child("item", USER));
    let jid = items.filter_map(|item| item.attr("jid")).last()?;
    Some(jid::Jid::new(jid).ok()?.into_bare())
}
