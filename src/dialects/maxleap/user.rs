//! A user as a whole: `GET /ctx/{user}`.

use serde_json::json;

use super::context::Context;
use super::error::Failure;
use super::friends;
use super::wire::{Reply, Request};
use crate::chat::groups::GroupKind;
use crate::chat::records::Subject;

/// All that is known of a user. Their `installs` are the apps on their devices that get pushes, which servers (XEP-0357) tell
/// nobody but themselves: an empty list. The document does not have `ts`, library 4 promises it: see [`super::search::users`].
pub async fn look(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
    let user = cx.user(request.part(0))?;
    let (chat, call, realm) = (cx.chat, cx.call, &cx.app.realm);
    let (subject, users) = (Subject::User(user.clone()), [user.clone()]);
    let (exists, record, sessions, last, known, groups) = tokio::join!(
        chat.accounts.account_exists(call, &user),
        chat.records.record(call, realm, &subject),
        chat.accounts.sessions(call, &users),
        chat.accounts.last_online(call, &users),
        friends::of(cx, &user),
        chat.groups.groups_of(call, realm, &user),
    );
    if !exists? {
        return Err(Failure::not_found("the user"));
    }
    let sessions = sessions.into_iter().next().transpose()?.unwrap_or_default();
    let ts = last.into_iter().next().transpose()?.flatten().unwrap_or_default();
    let groups = groups?;
    let of_kind = |kind| groups.iter().filter(move |group| group.kind == kind);
    let ids = |kind| of_kind(kind).map(|group| cx.id(&group.room)).collect::<Vec<_>>();
    Ok(Reply::ok(json!({
        "attributes": record?.attributes,
        "installs": [],
        "sessions": sessions,
        "friends": known?.iter().map(|friend| cx.id(friend)).collect::<Vec<_>>(),
        "groups": ids(GroupKind::Group),
        "rooms": ids(GroupKind::Room),
        "ts": ts,
    })))
}
