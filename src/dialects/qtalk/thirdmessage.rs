//! `send_thirdmessage`: messages given as XML, one or a batch.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::ready;
use std::time::Instant;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream;
use jid::{BareJid, Jid};

use super::context::{Context, Scope};
use super::error::{Code, Failure, Part};
use super::json::Json;
use super::replies::Done;
use super::wire::{Fields, within};
use super::{CONCURRENT, MARKS};
use crate::chat::types::address::Addresses;
use crate::chat::types::error::ChatError;
use crate::chat::types::message::{Bounds, Content, Fragment, Message, Receipt, Target};

/// One entry of the batch, its sender checked; the XML is still text.
#[derive(Clone)]
pub struct MessageRequest<'a> {
    from: BareJid,
    to: Cow<'a, str>,
    xml: Cow<'a, str>,
}

/// Sends one message or a batch. Every entry is tried, also after one has failed; entries of the same sender and
/// recipient go in the caller's order, others side by side.
pub fn send_thirdmessage<'a>(context: &'a Context<'a>, body: &'a Json<'a>) -> BoxFuture<'a, Result<Done, Failure>> {
    match body {
        Json::Object(_) => match letter(context, body) {
            Ok(message) => Box::pin(async move {
                let receipt = context.chat.messages.send(context.call, &message).await?;
                Ok(context.archived([receipt]))
            }),
            Err(failure) => Box::pin(ready(Err(failure))),
        },
        Json::List(entries) => {
            Box::pin(
                async move { batch(context, within(entries, "the batch", context.scope.config.limits.list)?).await },
            )
        }
        _ => Box::pin(ready(Err(Failure::unreadable("the body must be an object or a list of objects")))),
    }
}

/// The message of a request that is one letter.
fn letter(context: &Context<'_>, body: &Json<'_>) -> Result<Message, Failure> {
    let letter = MessageRequest::read(context.scope, body)?;
    in_time(context)?;
    letter.into_message(context.scope)
}

async fn batch(context: &Context<'_>, entries: &[Json<'_>]) -> Result<Done, Failure> {
    let mut failed = Vec::new();
    let mut conversations: HashMap<(BareJid, String), Vec<(usize, MessageRequest<'_>)>> = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        match MessageRequest::read(context.scope, entry) {
            Ok(letter) => {
                let to = Jid::new(&letter.to).map_or_else(|_| letter.to.to_string(), |jid| jid.into_bare().to_string());
                conversations.entry((letter.from.clone(), to)).or_default().push((index, letter));
            }
            Err(failure) => {
                context.call.tally.count(false);
                failed.push(failure.at(index));
            }
        }
    }
    // As many at once as if each went by itself: what is parsed is several times as large as its text.
    let together = (CONCURRENT / conversations.len().max(1)).max(1);
    let conversations: Vec<_> = conversations.into_iter().collect();
    let outcomes: Vec<Vec<Outcome>> = stream::iter(0..conversations.len())
        .map(|index| in_order(context, &conversations, index, together))
        .buffer_unordered(CONCURRENT)
        .collect()
        .await;
    let mut sent = Vec::with_capacity(entries.len());
    for outcome in outcomes.into_iter().flatten() {
        match outcome {
            Ok(receipt) => sent.push(receipt),
            Err(part) => failed.push(part),
        }
    }
    Failure::parts(entries.len(), failed)?;
    sent.sort_unstable_by_key(|(index, _)| *index);
    Ok(context.archived(sent.into_iter().map(|(_, receipt)| receipt)))
}

/// What became of one letter, with its place in the batch.
type Outcome = Result<(usize, Receipt), Part>;

/// The letters of one sender to one recipient, with their places in the batch.
type Conversation<'a> = ((BareJid, String), Vec<(usize, MessageRequest<'a>)>);

/// Delivers the letters of one conversation, so many `together`.
async fn in_order(
    context: &Context<'_>,
    conversations: &[Conversation<'_>],
    index: usize,
    together: usize,
) -> Vec<Outcome> {
    let mut done = Vec::new();
    let Some(((_, to), letters)) = conversations.get(index) else { return done };
    // A room shows one after the other, and time may be up in between.
    let together = if context.scope.addresses.room(to).is_ok() { 1 } else { together };
    for some in letters.chunks(together) {
        let (mut places, mut messages) = (Vec::new(), Vec::new());
        for (index, letter) in some {
            match in_time(context).and_then(|()| letter.clone().into_message(context.scope)) {
                Ok(message) => {
                    places.push(*index);
                    messages.push(message);
                }
                Err(failure) => {
                    context.call.tally.count(false);
                    done.push(Err(failure.at(*index)));
                }
            }
        }
        let outcomes = context.chat.messages.send_all(context.call, messages).await;
        let outcome = |(index, outcome): (usize, Result<Receipt, ChatError>)| match outcome {
            Ok(receipt) => Ok((index, receipt)),
            Err(error) => Err(Failure::from(error).at(index)),
        };
        done.extend(places.into_iter().zip(outcomes).map(outcome));
    }
    done
}

fn in_time(context: &Context<'_>) -> Result<(), Failure> {
    if Instant::now() >= context.call.deadline {
        return Err(Failure::new(Code::Unavailable, "the time of the request was up before this was tried"));
    }
    Ok(())
}

impl<'a> MessageRequest<'a> {
    /// Reads one entry.
    pub fn read(scope: Scope<'_>, entry: &'a Json<'a>) -> Result<MessageRequest<'a>, Failure> {
        let fields = Fields::of(entry).ok_or_else(|| Failure::field("an entry of the batch must be an object"))?;
        let (from, to, xml) = (fields.required("from")?, fields.required("to")?, fields.required("message")?);
        let from = scope.addresses.user(&from).map_err(|error| Failure::from(error).of("from"))?;
        scope.may_act_for(&from)?;
        Ok(MessageRequest { from, to, xml })
    }

    /// The message it stands for: what the JSON says of sender and recipient goes before what the XML says.
    pub fn into_message(self, scope: Scope<'_>) -> Result<Message, Failure> {
        let limits = &scope.config.limits;
        let bounds = Bounds { depth: limits.xml_depth, bytes: limits.xml_bytes, elements: limits.xml_elements };
        let fragment = Fragment::parse(&self.xml, bounds, MARKS)
            .map_err(|error| Failure::from(ChatError::from(error)).of("message"))?;
        let to = target(scope.addresses, &self.to, fragment.kind())?;
        let sender_copy =
            scope.config.qtalk.sender_copy && wants_copy(fragment.kind(), |name| fragment.attribute(name));
        Ok(Message { from: self.from, to, content: Content::Fragment(fragment), sender_copy })
    }
}

/// A room when the address is one or the message says so, else a user.
fn target(addresses: &Addresses, to: &str, kind: &str) -> Result<Target, Failure> {
    if kind != "groupchat"
        && let Ok(user) = addresses.user(to)
        && addresses.realm_of_room(&user).is_none()
    {
        return Ok(Target::User(user));
    }
    match addresses.room(to) {
        // Sent to the room as a whole it would show everybody what was meant for one.
        Ok(_) if to.contains('/') => Err(Failure::new(
            Code::Address,
            "to: it names one occupant of a room; name the room, or the user's own address",
        )),
        Ok(room) => Ok(Target::Room(room)),
        Err(error) if kind == "groupchat" => {
            Err(Failure::new(Code::Address, format!("to: a message of type groupchat needs a room: {error}")))
        }
        Err(_) => addresses.user(to).map(Target::User).map_err(|error| Failure::from(error).of("to")),
    }
}

/// The original's rule for copies to the sender's own devices.
fn wants_copy<'a>(kind: &str, attr: impl Fn(&'static str) -> Option<&'a str>) -> bool {
    let kind_has_copies = match kind {
        "normal" | "chat" | "revoke" | "note" | "consult" | "encrypt" | "webrtc" => true,
        "readmark" => attr("read_type") == Some("4"),
        _ => false,
    };
    kind_has_copies && attr("carbon_message") != Some("true") && attr("auto_reply") != Some("true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::server::{Hosts, Server};

    #[test]
    fn a_room_is_told_from_a_user_by_its_domain_and_by_the_messages_type() {
        let server = Server { domain: "example.org".into(), ..Server::default() };
        let shared = Hosts { rooms: Some("example.org".into()), ..Hosts::default() };
        let usual = Addresses::new(&server).unwrap();
        let both = Addresses::new(&server).unwrap().and(&shared).unwrap();
        let user = Target::User(BareJid::new("a@example.org").unwrap());
        let room = |jid: &str| Target::Room(BareJid::new(jid).unwrap());
        assert_eq!(target(&usual, "A@example.org/phone", "chat"), Ok(user));
        assert_eq!(target(&usual, "r@conference.example.org", "chat"), Ok(room("r@conference.example.org")));
        assert_eq!(target(&both, "a@example.org", "chat"), Ok(room("a@example.org")));
        for (to, kind, why) in [
            ("a@example.org", "groupchat", "to: a message of type groupchat needs a room: the domain"),
            ("r@conference.example.org/x", "chat", "to: it names one occupant"),
            ("r@conference.example.org/", "chat", "to: \"r@conference.example.org/\" is not a valid address"),
            ("a@evil.example", "chat", "to: the domain"),
        ] {
            let failure = target(&usual, to, kind).unwrap_err();
            assert!(failure.code == Code::Address && failure.errmsg.starts_with(why), "{to}: {}", failure.errmsg);
        }
    }

    #[test]
    fn copies_follow_the_originals_rule() {
        let with =
            |name: &'static str, value: &'static str| move |asked: &'static str| (asked == name).then_some(value);
        assert!(wants_copy("chat", with("auto_reply", "false")));
        assert!(!wants_copy("chat", with("auto_reply", "true")));
        assert!(!wants_copy("chat", with("carbon_message", "true")));
        assert!(!wants_copy("headline", |_| None));
        assert!(!wants_copy("readmark", with("read_type", "3")));
        assert!(wants_copy("readmark", with("read_type", "4")));
    }
}
