//! `send_notify`: events for users' online devices, never stored.

use futures::StreamExt;
use futures::stream;
use jid::BareJid;

use super::CONCURRENT;
use super::context::{Context, Scope};
use super::error::{Code, Failure, Part};
use super::json::Json;
use super::replies::Done;
use super::wire::{Fields, text, within};
use crate::chat::types::message::{Attributes, Content, Message, Target};
use crate::chat::types::plain::plain;

/// Namespace of the child that carries an event; the original's.
const NOTIFY: &str = "jabber:x:presence_notify";

/// Sends one event to a user or to several.
pub async fn send_notify(context: &Context<'_>, body: &Json<'_>) -> Result<Done, Failure> {
    let notice = Notice::read(context.scope, body)?;
    match notice.to {
        Json::List(users) => {
            let failed: Vec<Part> = stream::iter(0..users.len())
                .map(|index| notify(context, &notice, users, index))
                .buffer_unordered(CONCURRENT)
                .filter_map(std::future::ready)
                .collect()
                .await;
            Failure::parts(users.len(), failed)?;
        }
        to => send(context, &notice, to).await?,
    }
    Ok(None)
}

async fn notify(context: &Context<'_>, notice: &Notice<'_>, users: &[Json<'_>], index: usize) -> Option<Part> {
    send(context, notice, users.get(index)?).await.err().map(|failure| failure.at(index))
}

async fn send(context: &Context<'_>, notice: &Notice<'_>, to: &Json<'_>) -> Result<(), Failure> {
    context.chat.messages.send(context.call, &notice.message(context.scope, to)?).await?;
    Ok(())
}

/// An event, and to whom it goes.
pub struct Notice<'a> {
    from: BareJid,
    /// A user, or a list of users.
    pub to: &'a Json<'a>,
    attributes: Attributes,
}

impl<'a> Notice<'a> {
    /// Reads a request.
    pub fn read(scope: Scope<'_>, body: &'a Json<'a>) -> Result<Notice<'a>, Failure> {
        let fields = Fields::of(body).ok_or_else(|| Failure::unreadable("the body must be an object"))?;
        let from = scope.addresses.user(&fields.required("from")?).map_err(|error| Failure::from(error).of("from"))?;
        scope.may_act_for(&from)?;
        let to = fields.raw("to").ok_or_else(|| Failure::field("to is missing"))?;
        if let Json::List(users) = to {
            within(users, "to", scope.config.limits.list)?;
        }
        let (category, data) = (fields.required("category")?, data(fields.raw("data")));
        let bytes = scope.config.limits.xml_bytes;
        if category.len().saturating_add(data.len()) > bytes {
            return Err(Failure::new(Code::TooLarge, format!("category and data are larger than {bytes} bytes")));
        }
        let attributes = vec![("category", category.into_owned()), ("data", data)];
        Ok(Notice { from, to, attributes })
    }

    /// The message for one recipient.
    pub fn message(&self, scope: Scope<'_>, to: &Json<'_>) -> Result<Message, Failure> {
        let to = scope.addresses.user(&text(to, "to")?).map_err(|error| Failure::from(error).of("to"))?;
        let content = Content::Notice { ns: NOTIFY, name: "notify", attributes: self.attributes.clone() };
        Ok(Message { from: self.from.clone(), to: Target::User(to), content, sender_copy: false })
    }
}

/// Clients expect text that often is JSON itself; callers that send the JSON unquoted mean the same.
fn data(value: Option<&Json<'_>>) -> String {
    match value {
        None => String::new(),
        Some(Json::String(text)) => plain(text).into_owned(),
        // Names are strings: there is nothing in it that could fail to serialise.
        Some(other) => serde_json::to_string(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::data;
    use crate::dialects::qtalk::json::read;

    #[test]
    fn data_is_text_or_compact_json() {
        assert_eq!(data(None), "");
        for (given, sent) in [
            (r#""{\"a\": 1}""#, r#"{"a": 1}"#),
            (r#"{"updateTime": "1599042354657"}"#, r#"{"updateTime":"1599042354657"}"#),
            (r#"{"b": {"z": 1, "a": 2, "z": 3}, "\u0061\n": null}"#, r#"{"b":{"z":1,"a":2},"a\n":null}"#),
            (r#""\u001b[31mFAILED\u001b[0m""#, "FAILED"),
            (r#"["u1", 2, -1, 1.50, true]"#, r#"["u1",2,-1,1.5,true]"#),
        ] {
            assert_eq!(data(Some(&read(given.as_bytes(), 100).unwrap())), sent, "{given}");
        }
    }
}
