//! Endpoints of system messages: to everybody online, to a user, to the members of a group or room.

use axum::http::StatusCode;
use jid::BareJid;
use serde_json::{Map, Value, json};

use super::CHILD;
use super::context::Context;
use super::error::Failure;
use super::members::{all_done, must_exist};
use super::wire::{Reply, Request, kind};
use crate::chat::groups::GroupKind;
use crate::chat::types::card::{Card, Extras};
use crate::chat::types::error::ChatError;
use crate::chat::types::plain::plain;
use crate::chat::types::room::MemberOutcome;
use crate::config::server::Wait;

/// POST `/system`.
pub async fn everybody(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    // Library 3 asks for `/system/?group` when its caller's id is empty: not what everybody should read.
    if request.query.has("group") || request.query.has("room") {
        return Err(Failure::parameter("the id of the group or room is missing"));
    }
    let card = Card { store: false, ..card(&request.object()?)? };
    if cx.call.wait == Some(Wait::Archived) {
        return Err(ChatError::NotKept.into());
    }
    cx.chat.messages.broadcast(cx.call, &cx.app.realm, &card).await?;
    Ok(Reply::Empty(StatusCode::ACCEPTED))
}

/// POST `/system/{t}`, `/system/{t}?group` and `/system/{t}?room`.
pub async fn target(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let mut card = card(&request.object()?)?;
    let to = match (request.query.has("group"), request.query.has("room")) {
        (true, true) => return Err(Failure::parameter("the target is either a group or a room")),
        (true, false) => members(cx, request.part(0), GroupKind::Group).await?,
        (false, true) => {
            card.store = false;
            members(cx, request.part(0), GroupKind::Room).await?
        }
        (false, false) => {
            let user = cx.user(request.part(0))?;
            must_exist(cx, std::slice::from_ref(&user)).await?;
            vec![user]
        }
    };
    if !card.store && cx.call.wait == Some(Wait::Archived) {
        return Err(ChatError::NotKept.into());
    }
    if !to.is_empty() {
        let mut results = cx.chat.messages.notify(cx.call, &cx.app.realm, &to, &card).await;
        let archive_id = match results.as_mut_slice() {
            [Ok(receipt)] if cx.call.wait == Some(Wait::Archived) => receipt.archive_id.take(),
            _ => None,
        };
        let outcomes =
            to.into_iter().zip(results).map(|(user, result)| MemberOutcome { user, result: result.map(drop) });
        all_done(cx, &outcomes.collect::<Vec<_>>(), "sent to")?;
        if let Some(id) = archive_id {
            return Ok(Reply::Archived(StatusCode::ACCEPTED, id));
        }
    }
    Ok(Reply::Empty(StatusCode::ACCEPTED))
}

async fn members(cx: &Context<'_>, id: &str, kind: GroupKind) -> Result<Vec<BareJid>, Failure> {
    let group = cx.chat.groups.group(cx.call, &cx.app.realm, &cx.room(id)?, kind).await?;
    Ok(group.members.into_iter().filter(|user| cx.is_user(user)).collect())
}

/// The message that a body describes, to be stored when it asks for a push.
fn card(body: &Map<String, Value>) -> Result<Card, Failure> {
    let content = match field(body, "content") {
        Some(Value::Object(content)) => content,
        other => return Err(wrong("content", "an object", other)),
    };
    let media = match field(content, "media") {
        None => 0,
        Some(media) => media.as_u64().ok_or_else(|| wrong("content.media", "a whole number", Some(media)))?,
    };
    let text = match field(content, "body") {
        Some(Value::String(text)) => plain(text).into_owned(),
        other => return Err(wrong("content.body", "a string", other)),
    };
    let mut json = Map::from_iter([("media".to_owned(), json!(media)), ("body".to_owned(), json!(text))]);
    match field(body, "remark") {
        None => {}
        Some(Value::String(remark)) => drop(json.insert("remark".into(), plain(remark).into())),
        other => return Err(wrong("remark", "a string", other)),
    }
    match field(body, "ts") {
        None => {}
        Some(ts) if ts.is_u64() => drop(json.insert("ts".into(), ts.clone())),
        other => return Err(wrong("ts", "a whole number", other)),
    }
    let store = match field(body, "push") {
        None => false,
        Some(Value::Bool(push)) => *push,
        Some(Value::Object(push)) => push.get("enable") != Some(&Value::Bool(false)),
        other => return Err(wrong("push", "an object", other)),
    };
    if let Some(push) = field(body, "push") {
        json.insert("push".into(), push.clone());
    }
    Ok(Card { body: text, child: CHILD, json: Value::Object(json), store, extras: Extras::default() })
}

/// A field that is there and not null.
fn field<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    body.get(name).filter(|value| !value.is_null())
}

fn wrong(name: &str, wanted: &str, found: Option<&Value>) -> Failure {
    match found {
        None => Failure::parameter(format!("{name} is missing")),
        Some(found) => Failure::parameter(format!("{name} must be {wanted}, not {}", kind(found))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<Card, Failure> {
        card(body.as_object().unwrap())
    }

    #[test]
    fn a_message_is_stored_only_when_it_asks_for_a_push() {
        let content = json!({"media": 1, "body": "http://x/y.png"});
        let with = |push: Value| read(json!({"content": content, "push": push})).unwrap().store;
        assert!(!read(json!({"content": content})).unwrap().store);
        assert!(with(json!(true)) && with(json!({})) && with(json!({"enable": true, "sound": "x"})));
        assert!(!with(json!(false)) && !with(json!({"enable": false})) && !with(json!(null)));
        let card = read(json!({"content": content, "remark": "r", "ts": 5, "push": true, "other": 1})).unwrap();
        assert_eq!(card.body, "http://x/y.png");
        assert_eq!(card.json, json!({"media": 1, "body": "http://x/y.png", "remark": "r", "ts": 5, "push": true}));
    }

    #[test]
    fn wrong_types_are_refused() {
        let content = json!({"media": 0, "body": "x"});
        for wrong in [
            json!({}),
            json!({"content": "x"}),
            json!({"content": {"media": 0}}),
            json!({"content": {"media": 0, "body": 5}}),
            json!({"content": {"media": -1, "body": "x"}}),
            json!({"content": {"media": 1.5, "body": "x"}}),
            json!({"content": {"media": "0", "body": "x"}}),
            json!({"content": content, "remark": {}}),
            json!({"content": content, "ts": "now"}),
            json!({"content": content, "push": 1}),
        ] {
            assert_eq!(read(wrong.clone()).unwrap_err().code, super::super::error::Code::Parameter, "{wrong}");
        }
    }
}
