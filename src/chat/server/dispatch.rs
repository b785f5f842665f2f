//! What comes in that nobody asked for by IQ: reflections, presence of our own, bounces, and questions to the gateway.

use std::sync::Arc;

use jid::{BareJid, Jid};

use crate::chat::server::incoming::Incoming;
use crate::link::{LinkHandle, is_own};
use crate::xml::Element;
use crate::xml::element::{Build, el};
use crate::xmpp::message::{STANZA_ID, sent_id};
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{disco, iq, muc, mucsub, privilege, stanza_error, version};

/// The request for a key that auth_uk accepts, as qtalk's clients make it.
const KEY: &str = "urn:xmpp:key";
const PING: &str = "urn:xmpp:ping";
/// Rooms that changed are remembered up to this many; beyond it one is forgotten and its occupants age instead.
const CHANGED: usize = 1024;

impl Incoming {
    /// Takes one stanza. Never blocks.
    pub(in crate::chat) fn take(&self, link: &LinkHandle, stanza: Element) {
        match (stanza.name(), stanza.attr("type")) {
            ("iq", Some("get" | "set")) => self.asked(link, &stanza),
            ("message", Some("error")) => self.refused(&stanza),
            ("presence", Some("error")) => self.own_presence(stanza),
            ("presence", None) if muc::has_status(&stanza, muc::SELF) => self.own_presence(stanza),
            ("message", _) => self.message(&stanza),
            _ => {}
        }
    }

    /// Takes one stanza that came over a link which is there for sending: whoever asks is answered, nobody waits for more.
    pub(in crate::chat) fn answer_only(&self, link: &LinkHandle, stanza: &Element) {
        if stanza.name() == "iq" && matches!(stanza.attr("type"), Some("get" | "set")) {
            self.asked(link, stanza);
        }
    }

    /// Answers, at once or, for what has to be looked up, soon.
    fn asked(&self, link: &LinkHandle, request: &Element) {
        let keys =
            self.keys.read().clone().filter(|_| request.attr("type") == Some("get") && request.has_child("key", KEY));
        let user = request.attr("from").and_then(|from| Jid::new(from).ok()).map(Jid::into_bare);
        // Beyond some at once they are refused, and ask again.
        match (keys, user, Arc::clone(&self.asking.0).try_acquire_owned()) {
            (Some(keys), Some(user), Ok(place)) => {
                let (link, request) = (link.clone(), request.clone());
                tokio::spawn(async move {
                    link.try_send(&match keys(user).await {
                        Some(key) => iq::result(&request, Some(el("key", KEY).with("value", key))),
                        None => refusal(&request),
                    });
                    drop(place);
                });
            }
            _ => link.try_send(&self.answer(request)),
        }
    }

    fn message(&self, message: &Element) {
        if self.archives.take(None, message) {
            return;
        }
        let Some(from) = message.attr("from").and_then(|from| Jid::new(from).ok()) else { return };
        let occupant = from.resource().is_some();
        let from = from.into_bare();
        if let Some(event) = mucsub::event(message) {
            match (event.node, event.message) {
                // The room itself speaks from its bare address; what an occupant sends privately may hold anything.
                _ if occupant => {}
                (mucsub::MESSAGES | mucsub::SUBJECT, Some(inner)) => {
                    if let Some(id) = sent_id(inner) {
                        self.reflections.resolve(&(from, id.to_owned()), Ok(event.item.map(str::to_owned)));
                    }
                }
                (mucsub::AFFILIATIONS | mucsub::SYSTEM, _)
                    if self.services.iter().any(|s| s == from.domain().as_str()) =>
                {
                    self.change(from);
                }
                _ => {}
            }
        } else if message.attr("type") == Some("groupchat") {
            if let Some(id) = sent_id(message) {
                let archive_id = message
                    .children()
                    .find(|child| {
                        child.is("stanza-id", STANZA_ID) && child.attr("by").is_some_and(|by| by == from.as_str())
                    })
                    .and_then(|child| child.attr("id"))
                    .map(str::to_owned);
                self.reflections.resolve(&(from, id.to_owned()), Ok(archive_id));
            }
        } else if from.node().is_none()
            && let Some(granted) = privilege::advertised(message)
        {
            // Only a server speaks from an address without a user.
            *self.granted.write() = granted;
        }
    }

    fn refused(&self, message: &Element) {
        let error = StanzaError::read(message);
        // The room itself answers from its bare address; an occupant may send another one anything.
        let from = error.from.as_deref().and_then(|from| BareJid::new(from).ok());
        let (Some(id), Some(from)) = (message.attr("id"), from) else { return };
        if let Some(to) = message.attr("to").filter(|_| !is_own(id)) {
            self.refusals.resolve(&(from, to.to_owned(), id.to_owned()), error);
        } else {
            self.reflections.resolve(&(from, id.to_owned()), Err(error));
        }
    }

    fn own_presence(&self, presence: Element) {
        let from = presence.attr("from").and_then(|from| Jid::new(from).ok()).map(Jid::into_bare);
        if let (Some(room), Some(to)) = (from, presence.attr("to").map(str::to_owned)) {
            self.entries.resolve(&(room, to), presence);
        }
    }

    fn change(&self, room: BareJid) {
        let mut changed = self.changed.write();
        if changed.len() >= CHANGED
            && !changed.contains(&room)
            && let Some(one) = changed.iter().next().cloned()
        {
            changed.remove(&one);
        }
        changed.insert(room);
    }

    fn answer(&self, request: &Element) -> Element {
        let refuse = || refusal(request);
        let Some(payload) = request.children().next() else { return refuse() };
        if request.attr("type") != Some("get") {
            return refuse();
        }
        let answer = match (payload.name(), payload.ns().as_str()) {
            ("ping", PING) => None,
            ("query", version::NS) => Some(version::answer("Stanzagate", env!("CARGO_PKG_VERSION"))),
            ("query", disco::INFO) => {
                Some(disco::info_answer("gateway", "http", "Stanzagate", &[disco::INFO, version::NS, PING]))
            }
            ("query", disco::ITEMS) => Some(el("query", disco::ITEMS)),
            _ => return refuse(),
        };
        iq::result(request, answer)
    }
}

fn refusal(request: &Element) -> Element {
    stanza_error::reply(request, "cancel", "service-unavailable")
}
