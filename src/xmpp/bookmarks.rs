//! Bookmarks (XEP-0402): rooms that a user's clients show and join, in his own PEP node.

use jid::{BareJid, ResourcePart};
use xmpp_parsers::bookmarks2::Conference;
pub use xmpp_parsers::ns::BOOKMARKS2 as NS;
use xmpp_parsers::ns::PUBSUB;

use super::data_form;
use crate::xml::Element;
use crate::xml::element::{Build, el};

const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";

/// Publishes a bookmark with autojoin. `options` asks the server to keep every bookmark, and privately (XEP-0402
/// section 4.1); leave it out where the server's configuration sees to that and refuses the options (ejabberd 23).
pub fn publish(room: &BareJid, name: &str, nick: &str, options: bool) -> Element {
    let conference = Conference {
        autojoin: true,
        name: Some(name.to_owned()).filter(|name| !name.is_empty()),
        nick: ResourcePart::new(nick).ok().map(|nick| nick.into_owned()),
        ..Conference::default()
    };
    let item = el("item", PUBSUB).with("id", room.as_str()).child(conference.into());
    let publish = el("publish", PUBSUB).with("node", NS).child(item);
    let options = options.then(|| {
        el("publish-options", PUBSUB).child(data_form::submit(
            PUBLISH_OPTIONS,
            [
                ("pubsub#persist_items", "true"),
                ("pubsub#max_items", "max"),
                ("pubsub#send_last_published_item", "never"),
                ("pubsub#access_model", "whitelist"),
            ],
        ))
    });
    el("pubsub", PUBSUB).child(publish).children_from(options)
}

/// Removes a bookmark and tells the user's clients.
pub fn retract(room: &BareJid) -> Element {
    let item = el("item", PUBSUB).with("id", room.as_str());
    el("pubsub", PUBSUB).child(el("retract", PUBSUB).with("node", NS).with("notify", "true").child(item))
}
