//! Coming into a group: brought in by a member, or face to face by its code.

use axum::http::StatusCode;
use jid::BareJid;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::context::{Asked, Context, Known, id};
use super::error::Failure;
use super::wire::{Form, Reply};

/// Longest code or id that is looked at, in characters.
const LONGEST: usize = 64;

/// POST `/group/<id>/join/`: a member brings in the user with the id `userid`.
///
/// # Errors
/// 404, 403 for one who is no member, 400 for a `userid` that nobody has.
pub async fn join(cx: &Context<'_>, asked: Asked<'_>) -> Result<Reply, Failure> {
    let given = Form::read(asked.request).await?.required("userid", LONGEST)?;
    let number =
        id(&given).ok_or_else(|| Failure::field("userid", ("请填写合法的整数值。", "A valid integer is required.")))?;
    let (known, _guard) = cx.locked(asked.id).await?;
    if !known.group.members.contains(asked.user) {
        return Err(Failure::denied());
    }
    let friend = cx.chat.accounts.user_of_number(cx.call, cx.realm, number).await?;
    let friend = friend.ok_or_else(|| nobody(&given))?;
    let added = async {
        let stranger = cx.config.friends_only
            && friend != *asked.user
            && cx.chat.accounts.friendship(cx.call, cx.realm, asked.user, &friend).await?.is_none();
        if stranger {
            let text = ("只能邀请您的好友。", "Only those on your contact list can be brought in.");
            return Err(Failure::forbidden(text));
        }
        add(cx, &known, Some(asked.user), &friend).await
    };
    // Deleted since they were given their number.
    let gone = |failure: Failure| if failure.ending.outcome == "unknown_user" { nobody(&given) } else { failure };
    added.await.map_err(gone)?;
    Ok(Reply::ok(json!({ "userid": given })))
}

/// POST `/group/<id>/invite/`: the caller joins with the group's `code`.
///
/// # Errors
/// 404, 403 where the group has no code, 400 for a wrong one, 429 after too many.
pub async fn invite(cx: &Context<'_>, asked: Asked<'_>) -> Result<Reply, Failure> {
    let code = Form::read(asked.request).await?.required("code", LONGEST)?;
    let (known, _guard) = cx.locked(asked.id).await?;
    if known.group.members.contains(asked.user) {
        return Ok(Reply::done());
    }
    if known.code().is_empty() {
        let text = ("该群组不能面对面加入。", "This group cannot be joined face to face.");
        return Err(Failure::forbidden(text));
    }
    let (subject, group) = ((asked.user.clone(), known.id), known.id);
    // One who has to wait uses up no guess of the others.
    asked.guesses.users.begin(&subject).map_err(Failure::throttled)?;
    asked.guesses.groups.begin(&group).map_err(|wait| {
        asked.guesses.users.withdrawn(&subject);
        Failure::throttled(wait)
    })?;
    if !bool::from(code.as_bytes().ct_eq(known.code().as_bytes())) {
        return Err(Failure::field("code", ("号码错误。", "Wrong code.")));
    }
    asked.guesses.users.succeeded(&subject);
    asked.guesses.groups.withdrawn(&group);
    add(cx, &known, None, asked.user).await?;
    Ok(Reply::done())
}

/// Adds a member, if they are none yet.
async fn add(cx: &Context<'_>, known: &Known, by: Option<&BareJid>, user: &BareJid) -> Result<(), Failure> {
    let members = &known.group.members;
    if members.contains(user) {
        return Ok(());
    }
    if members.len() >= cx.config.group_members {
        let most = cx.config.group_members;
        let (chinese, english) =
            (format!("群组人数已达上限 {most}。"), format!("The group has {most} members, the most it may."));
        return Err(Failure::told(StatusCode::FORBIDDEN, "full", chinese, english));
    }
    // Whom the owner has banned in their client, no member brings back.
    if cx.chat.rooms.is_banned(cx.call, &known.group.room, user).await? {
        return Err(Failure::denied());
    }
    let outcomes = cx.chat.rooms.add_members(cx.call, &known.group.room, by, std::slice::from_ref(user)).await?;
    Ok(outcomes.into_iter().try_for_each(|outcome| outcome.result)?)
}

fn nobody(given: &str) -> Failure {
    let words =
        (format!("无效主键 “{given}” － 对象不存在。"), format!("Invalid pk \"{given}\" - object does not exist."));
    Failure::field("userid", words)
}
