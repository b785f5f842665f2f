//! Rooms as ordinary clients see them: configuration, affiliations, subscriptions, refusals.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_xmpp::minidom::Element;

use super::client::Client;
use super::element::{MUC_USER, child, forwarded, says, show, stanza};

const OWNER: &str = "http://jabber.org/protocol/muc#owner";
const ADMIN: &str = "http://jabber.org/protocol/muc#admin";
const MUCSUB: &str = "urn:xmpp:mucsub:0";

/// How long a test listens for what must not come.
pub const SILENCE: Duration = Duration::from_millis(400);

/// What disco#info says of a room.
#[derive(Debug)]
pub struct RoomInfo {
    pub name: Option<String>,
    pub description: Option<String>,
    pub features: Vec<String>,
}

/// The condition of a stanza error.
pub fn condition(reply: &Element) -> Option<String> {
    let error = child(reply, "error")?;
    error.children().find(|child| child.name() != "text").map(|condition| condition.name().to_owned())
}

fn fields(form: &Element) -> BTreeMap<String, String> {
    let field = |field: &Element| {
        let value = child(field, "value").map(Element::text).unwrap_or_default();
        Some((field.attr("var")?.to_owned(), value))
    };
    form.children().filter_map(field).collect()
}

impl Client {
    /// disco#info of a room; `Err` is the condition of the refusal.
    pub async fn room_info(&self, room: &str) -> Result<RoomInfo, String> {
        let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
        let reply = self.iq(stanza(&format!("<iq type='get' to='{room}'>{query}</iq>"))).await;
        if let Some(condition) = condition(&reply) {
            return Err(condition);
        }
        let query = child(&reply, "query").expect("a query element");
        let form = child(query, "x").map(fields).unwrap_or_default();
        Ok(RoomInfo {
            name: child(query, "identity").and_then(|identity| identity.attr("name")).map(str::to_owned),
            description: form.get("muc#roominfo_description").cloned(),
            features: query.children().filter_map(|feature| feature.attr("var")).map(str::to_owned).collect(),
        })
    }

    /// Fails unless the room does not exist.
    pub async fn expect_no_room(&self, room: &str) {
        let why = self.room_info(room).await.expect_err("a room that is not there");
        assert!(["item-not-found", "gone"].contains(&why.as_str()), "{room}: {why}");
    }

    /// The room's configuration form, which only its owners get.
    pub async fn room_config(&self, room: &str) -> BTreeMap<String, String> {
        let reply = self.iq(stanza(&format!("<iq type='get' to='{room}'><query xmlns='{OWNER}'/></iq>"))).await;
        match child(&reply, "query").and_then(|query| child(query, "x")) {
            Some(form) => fields(form),
            None => panic!("no form of {room}: {}", show(&reply)),
        }
    }

    /// Sets fields of the room's configuration.
    pub async fn configure_room(&self, room: &str, fields: &[(&str, &str)]) {
        let field = |(name, value): &(&str, &str)| format!("<field var='{name}'><value>{value}</value></field>");
        let fields: String = fields.iter().map(field).collect();
        let form = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>";
        let form = format!("<query xmlns='{OWNER}'><x xmlns='jabber:x:data' type='submit'>{form}{fields}</x></query>");
        let reply = self.iq(stanza(&format!("<iq type='set' to='{room}'>{form}</iq>"))).await;
        assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
    }

    /// Those with this affiliation, each with their reserved nick, sorted.
    pub async fn affiliated(&self, room: &str, affiliation: &str) -> Vec<(String, Option<String>)> {
        let query = format!("<query xmlns='{ADMIN}'><item affiliation='{affiliation}'/></query>");
        let reply = self.iq(stanza(&format!("<iq type='get' to='{room}'>{query}</iq>"))).await;
        let Some(query) = child(&reply, "query").filter(|_| reply.attr("type") == Some("result")) else {
            panic!("no list of {affiliation} in {room}: {}", show(&reply));
        };
        let entry = |item: &Element| Some((item.attr("jid")?.to_owned(), item.attr("nick").map(str::to_owned)));
        let mut entries: Vec<_> = query.children().filter_map(entry).collect();
        entries.sort();
        entries
    }

    /// Gives a user an affiliation.
    pub async fn affiliate(&self, room: &str, user: &str, affiliation: &str) {
        let query = format!("<query xmlns='{ADMIN}'><item affiliation='{affiliation}' jid='{user}'/></query>");
        let reply = self.iq(stanza(&format!("<iq type='set' to='{room}'>{query}</iq>"))).await;
        assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
    }

    /// The account's MUC/Sub subscriptions: nick by room (ejabberd).
    pub async fn subscriptions(&self, service: &str) -> BTreeMap<String, String> {
        let reply =
            self.iq(stanza(&format!("<iq type='get' to='{service}'><subscriptions xmlns='{MUCSUB}'/></iq>"))).await;
        let Some(list) = child(&reply, "subscriptions") else { panic!("no subscriptions: {}", show(&reply)) };
        let entry =
            |entry: &Element| Some((entry.attr("jid")?.to_owned(), entry.attr("nick").unwrap_or_default().to_owned()));
        list.children().filter_map(entry).collect()
    }

    /// The rooms that the service shows to this account.
    pub async fn listed_rooms(&self, service: &str) -> Vec<String> {
        let query = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
        let reply = self.iq(stanza(&format!("<iq type='get' to='{service}'>{query}</iq>"))).await;
        let Some(query) = child(&reply, "query") else { panic!("no list of rooms: {}", show(&reply)) };
        query.children().filter_map(|item| item.attr("jid")).map(str::to_owned).collect()
    }

    /// Speaks in a room.
    pub fn say(&self, room: &str, text: &str) {
        self.send(stanza(&format!("<message to='{room}' type='groupchat' id='{text}'><body>{text}</body></message>")));
    }

    /// Waits until the room's own copy of what this occupant says has come back.
    pub async fn say_aloud(&self, room: &str, text: &str) {
        self.say(room, text);
        self.wait_for(format!("the reflection of {text}"), says(text)).await;
    }

    /// Bookmarks a room, as the account's own client does.
    pub async fn bookmark(&self, room: &str) {
        let form = |name: &str, value: &str| format!("<field var='{name}'><value>{value}</value></field>");
        let options = [
            form("FORM_TYPE", "http://jabber.org/protocol/pubsub#publish-options"),
            form("pubsub#persist_items", "true"),
            form("pubsub#max_items", "max"),
            form("pubsub#access_model", "whitelist"),
        ]
        .concat();
        let publish = format!(
            "<publish node='urn:xmpp:bookmarks:1'><item id='{room}'><conference xmlns='urn:xmpp:bookmarks:1' \
             name='own'/></item></publish>"
        );
        let pubsub = |options: &str| {
            let xmlns = "http://jabber.org/protocol/pubsub";
            stanza(&format!("<iq type='set'><pubsub xmlns='{xmlns}'>{publish}{options}</pubsub></iq>"))
        };
        let with = format!("<publish-options><x xmlns='jabber:x:data' type='submit'>{options}</x></publish-options>");
        // ejabberd 23 refuses the options and keeps all bookmarks by its configuration.
        if self.iq(pubsub(&with)).await.attr("type") != Some("result") {
            let reply = self.iq(pubsub("")).await;
            assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
        }
    }

    /// Sets the account's vCard.
    pub async fn set_vcard(&self, content: &str) {
        let reply = self.iq(stanza(&format!("<iq type='set'><vCard xmlns='vcard-temp'>{content}</vCard></iq>"))).await;
        assert_eq!(reply.attr("type"), Some("result"), "{}", show(&reply));
    }
}

/// True for a room's message with this body, come by MUC or by MUC/Sub.
pub fn brings(text: &str) -> impl Fn(&Element) -> bool + '_ {
    let direct = says(text);
    move |element| direct(element) || forwarded(element).is_some_and(&direct)
}

/// True when `presence` says that its receiver has left `room`, or was thrown out.
pub fn is_out(room: &str) -> impl Fn(&Element) -> bool + '_ {
    move |presence| {
        let here = presence.attr("from").and_then(|from| from.split('/').next()) == Some(room);
        let own = presence.get_child("x", MUC_USER).is_some();
        presence.name() == "presence" && here && own && presence.attr("type") == Some("unavailable")
    }
}
