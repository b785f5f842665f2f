//! `send_message`: plain text to users, or to one room.

use std::borrow::Cow;
use std::future::ready;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream;
use jid::BareJid;

use super::context::{Context, Scope};
use super::error::{Code, Failure};
use super::json::Json;
use super::replies::Done;
use super::wire::{Fields, text};
use super::{CONCURRENT, MARKS};
use crate::chat::types::message::{Content, Message, Target};
use crate::chat::types::plain::plain;
use crate::clock::now_ms;
use crate::config::qtalk::Replies;

/// What all copies of the message share.
pub struct Text<'a> {
    from: BareJid,
    body: Cow<'a, str>,
    kind: Cow<'a, str>,
    msg_type: Cow<'a, str>,
    extend_info: Cow<'a, str>,
}

/// A request: one text to several users, or to a room.
pub enum Request<'a> {
    /// To each user of the list `To`, at the host.
    Users(Text<'a>, &'a [Json<'a>], Cow<'a, str>),
    /// To a room.
    Room(Text<'a>, BareJid),
}

const NO_BODY: &str = "Message Body is Null";

/// Sends a text. What is to be done is known before it begins, so that a call carries the room for that alone.
pub fn send_message<'a>(context: &'a Context<'a>, body: &'a Json<'a>) -> BoxFuture<'a, Result<Done, Failure>> {
    let scope = context.scope;
    match Request::read(scope, body) {
        Ok(Request::Users(text, [entry], host)) => match to_user(scope, &text, entry, &host) {
            Ok(message) => Box::pin(async move {
                let sent = context.chat.messages.send(context.call, &message).await;
                sent.map_or_else(|error| failed_alone(error.into()), |receipt| Ok(context.archived([receipt])))
            }),
            Err(failure) => Box::pin(ready(failed_alone(failure))),
        },
        Ok(Request::Users(text, entries, host)) => Box::pin(send_to_users(context, text, entries, host)),
        Ok(Request::Room(text, room)) => {
            let message = text.message(scope, Target::Room(room));
            Box::pin(async move {
                let sent = context.chat.messages.send(context.call, &message).await;
                let sent = sent.map(|receipt| context.archived([receipt]));
                sent.map_err(|error| undelivered(scope, body, error.into()))
            })
        }
        Err(failure) => Box::pin(ready(Err(failure))),
    }
}

/// What is said when the only recipient's message failed.
fn failed_alone(failure: Failure) -> Result<Done, Failure> {
    Failure::parts(1, vec![failure.at(0)]).map(|()| None)
}

async fn send_to_users(
    context: &Context<'_>,
    text: Text<'_>,
    entries: &[Json<'_>],
    host: Cow<'_, str>,
) -> Result<Done, Failure> {
    let send = async |(index, entry): (usize, &Json<'_>)| {
        let sent = match &to_user(context.scope, &text, entry, &host) {
            Ok(message) => context.chat.messages.send(context.call, message).await.map_err(Failure::from),
            Err(failure) => {
                context.call.tally.count(false);
                Err(failure.clone())
            }
        };
        sent.map_err(|failure| failure.at(index))
    };
    let sends = stream::iter(entries.iter().enumerate()).map(send).buffered(CONCURRENT);
    let (mut receipts, mut failed) = (Vec::new(), Vec::new());
    for sent in sends.collect::<Vec<_>>().await {
        match sent {
            Ok(receipt) => receipts.push(receipt),
            Err(part) => failed.push(part),
        }
    }
    Failure::parts(entries.len(), failed)?;
    Ok(context.archived(receipts))
}

/// The message for one entry of `To`.
fn to_user(scope: Scope<'_>, text: &Text<'_>, entry: &Json<'_>, host: &str) -> Result<Message, Failure> {
    Ok(text.message(scope, Target::User(recipient(scope, entry, host)?)))
}

/// What the caller hears when the room did not take the message.
fn undelivered(scope: Scope<'_>, body: &Json<'_>, failure: Failure) -> Failure {
    let original = scope.config.qtalk.replies == Replies::Original;
    match failure.code {
        Code::NotMember if !original => not_in_room(),
        Code::NotMember | Code::UnknownRoom | Code::UnknownUser if original && looked_for_member(scope, body) => {
            not_in_room()
        }
        // What the original did not notice is said in the way that its replies pass over.
        Code::NotMember | Code::Address if original => Failure { code: Code::Refused, ..failure },
        _ => failure,
    }
}

fn not_in_room() -> Failure {
    Failure::new(Code::NotMember, "User not in Room")
}

/// True when the original looked whether the sender is a member, which it did before it looked at the addresses.
fn looked_for_member(scope: Scope<'_>, body: &Json<'_>) -> bool {
    let field = |name| Fields::of(body).and_then(|fields| fields.filled(name).ok().flatten());
    let host = field("Host").unwrap_or_else(|| scope.addresses.domain().into());
    field("Domain").is_some_and(|domain| domain.contains(&*host))
}

/// One recipient: an entry of `To`, at `host` unless it is a whole address.
pub fn recipient(scope: Scope<'_>, entry: &Json<'_>, host: &str) -> Result<BareJid, Failure> {
    scope.person(&named(entry)?, host).map_err(|failure| failure.of("User"))
}

fn named<'a>(entry: &'a Json<'a>) -> Result<Cow<'a, str>, Failure> {
    let fields = Fields::of(entry).ok_or_else(|| Failure::field("an entry of To must be an object with User"))?;
    fields.required("User")
}

impl<'a> Request<'a> {
    /// Reads a request; checks and their wording come in the original's order.
    pub fn read(scope: Scope<'a>, body: &'a Json<'a>) -> Result<Request<'a>, Failure> {
        let fields = Fields::of(body).ok_or_else(|| Failure::unreadable("the body must be an object"))?;
        let host = fields.filled("Host")?.unwrap_or_else(|| scope.addresses.domain().into());
        let kind = fields.filled("Type")?.unwrap_or(Cow::Borrowed("chat"));
        if kind == "groupchat" {
            let original = scope.config.qtalk.replies == Replies::Original;
            return Request::read_room(scope, fields, &host).map_err(|failure| match failure.code {
                Code::Address if original && looked_for_member(scope, body) => not_in_room(),
                _ => failure,
            });
        }
        // The sender's domain is the default one, whatever Host says: so it was in the original.
        let text = Text::read(scope, fields, kind, scope.addresses.domain())?;
        let entries = fields.list("To", scope.config.limits.list)?.ok_or_else(|| Failure::field("To is missing"))?;
        Ok(Request::Users(text, entries, host))
    }

    fn read_room(scope: Scope<'_>, fields: Fields<'a>, host: &str) -> Result<Request<'a>, Failure> {
        let unsuitable = || Failure::field("To not suit");
        let Some(Json::List(entries)) = fields.raw("To") else { return Err(unsuitable()) };
        let [entry] = entries.as_slice() else { return Err(unsuitable()) };
        let entry = named(entry).map_err(|_| unsuitable())?;
        if fields.raw("Body").is_none() {
            return Err(Failure::field(NO_BODY));
        }
        let domain = fields.filled("Domain")?.ok_or_else(not_in_room)?;
        let text = Text::read(scope, fields, Cow::Borrowed("groupchat"), host)?;
        let room = scope.addresses.room_at(&entry, &domain);
        let room = room.map_err(|_| Failure::new(Code::Address, "Muc make jid error"))?;
        Ok(Request::Room(text, room))
    }
}

impl<'a> Text<'a> {
    fn read(scope: Scope<'_>, fields: Fields<'a>, kind: Cow<'a, str>, host: &str) -> Result<Text<'a>, Failure> {
        let body = readable(text(fields.raw("Body").ok_or_else(|| Failure::field(NO_BODY))?, "Body")?);
        let bad_sender = |_| Failure::new(Code::Address, "From make jid error");
        let from = fields.required("From").and_then(|from| scope.person(&from, host)).map_err(bad_sender)?;
        scope.may_act_for(&from)?;
        let (msg_type, extend_info) = (fields.text_or("Msg_Type", "1")?, readable(fields.text_or("Extend_Info", "")?));
        let bytes = scope.config.limits.xml_bytes;
        if body.len().saturating_add(extend_info.len()) > bytes {
            return Err(Failure::new(Code::TooLarge, format!("Body and Extend_Info are larger than {bytes} bytes")));
        }
        Ok(Text { from, body, kind, msg_type, extend_info })
    }

    /// The message for one recipient; its body has an id of its own.
    pub fn message(&self, scope: Scope<'_>, to: Target) -> Message {
        let marks =
            [("id", new_id()), ("msgType", self.msg_type.to_string()), ("extendInfo", self.extend_info.to_string())];
        let content = Content::Text {
            body: self.body.to_string(),
            kind: self.kind.to_string(),
            message: Vec::new(),
            marks: marks.into(),
            child: MARKS,
        };
        let sender_copy = scope.config.qtalk.sender_copy && matches!(to, Target::User(_));
        Message { from: self.from.clone(), to, content, sender_copy }
    }
}

/// A text without what only a console shows; the caller's own where there is nothing of that.
fn readable(text: Cow<'_, str>) -> Cow<'_, str> {
    let changed = match plain(&text) {
        Cow::Owned(plain) => Some(plain),
        Cow::Borrowed(_) => None,
    };
    changed.map_or(text, Cow::Owned)
}

/// An id of a body, in the original's form.
fn new_id() -> String {
    let (mut random, mut now) = (itoa::Buffer::new(), itoa::Buffer::new());
    ["http", random.format(rand::random::<u32>()), now.format(now_ms())].concat()
}
