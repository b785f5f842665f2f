//! A user as a whole: `GET /ctx/{user}`.

use serde_json::json;

use super::context::Context;
use super::error::Failure;
use super::friends;
use super::wire::{Reply, Request};
use crate::chat::group::GroupKind;
use crate::chat::record::Subject;

/// All that is known of a user. His `installs` are the apps on his devices that get pushes, which servers (XEP-0357) tell
/// nobody but himself: an empty list. The document does not have `ts`, library 4 promises it: see [`super::search::users`].
pub async fn look(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let user = cx.user(request.part(0))?;
    let (chat, call, realm) = (cx.chat, cx.call, &cx.app.realm);
    let (subject, users) = (Subject::User(user.clone()), [user.clone()]);
    let (exists, record, sessions, last, known, groups, rooms) = tokio::join!(
        chat.account_exists(call, &user),
        chat.record(call, realm, &subject),
        chat.sessions(call, &users),
        chat.last_online(call, &users),
        friends::of(cx, &user),
        chat.groups_of(call, realm, &user, GroupKind::Group),
        chat.groups_of(call, realm, &user, GroupKind::Room),
    );
    if !exists? {
        return Err(Failure::not_found("the user"));
    }
    let sessions = sessions.into_iter().next().transpose()?.unwrap_or_default();
    let ts = last.into_iter().next().transpose()?.flatten().unwrap_or_default();
    let ids = |addresses: Vec<jid::BareJid>| addresses.iter().map(|address| cx.id(address)).collect::<Vec<_>>();
    Ok(Reply::ok(json!({
        "attributes": record?.attributes,
        "installs": [],
        "sessions": sessions,
        "friends": ids(known?),
        "groups": ids(groups?),
        "rooms": ids(rooms?),
        "ts": ts,
    })))
}
