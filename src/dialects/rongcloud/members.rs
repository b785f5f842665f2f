//! Who is in a group, and leaving it.

use jid::BareJid;
use serde_json::{Value, json};

use super::context::{Asked, Context};
use super::error::Failure;
use super::page::Page;
use super::wire::Reply;
use crate::chat::accounts::profile::{PhotoRef, Profile};
use crate::chat::types::room::Affiliation;

/// GET or POST `/group/<id>/quit/`.
///
/// # Errors
/// 404; 403 for one who is no member, and for the only owner unless they hand over.
pub async fn quit(cx: &Context<'_>, asked: Asked<'_>) -> Result<Reply, Failure> {
    let (known, _guard) = cx.locked(asked.id).await?;
    let room = &known.group.room;
    let members = cx.chat.rooms.roll(cx.call, room).await?;
    let mine = members.iter().find(|member| member.jid == *asked.user).map(|member| member.affiliation);
    let mine = mine.ok_or_else(Failure::denied)?;
    let others = || members.iter().filter(|member| member.jid != *asked.user);
    let last_owner = mine == Affiliation::Owner && !others().any(|other| other.affiliation == Affiliation::Owner);
    if last_owner {
        if !cx.config.hand_over {
            let text = ("群主不能退出群组，只能解散群组。", "The owner cannot quit, but can dismiss the group.");
            return Err(Failure::forbidden(text));
        }
        match heir(cx, others().map(|other| &other.jid)).await? {
            Some(next) => cx.chat.groups.set_owner(cx.call, room, next).await?,
            None => {
                cx.chat.groups.destroy_group(cx.call, cx.realm, room).await?;
                return Ok(Reply::done());
            }
        }
    }
    let removed = cx.chat.rooms.remove_members(cx.call, room, std::slice::from_ref(asked.user)).await;
    let removed = removed.and_then(|outcomes| outcomes.into_iter().try_for_each(|outcome| outcome.result));
    removed.map_err(|error| if last_owner { error.after("the group has another owner") } else { error })?;
    Ok(Reply::done())
}

/// The first of this API's users who has an account.
async fn heir<'a>(
    cx: &Context<'_>,
    members: impl Iterator<Item = &'a BareJid>,
) -> Result<Option<&'a BareJid>, Failure> {
    for member in members.filter(|member| member.domain().as_str() == cx.realm.domain) {
        if cx.chat.accounts.account_exists(cx.call, member).await? {
            return Ok(Some(member));
        }
    }
    Ok(None)
}

/// GET `/group/<id>/users/`, for members.
///
/// # Errors
/// 404, 403; 404 for a page that there is not.
pub async fn users(cx: &Context<'_>, asked: Asked<'_>) -> Result<Reply, Failure> {
    let known = cx.group(asked.id).await?;
    let members = &known.group.members;
    if !cx.config.open_lists && !members.contains(asked.user) {
        return Err(Failure::denied());
    }
    // Whoever else the owner has let in has no id here.
    let members: Vec<&BareJid> = members.iter().filter(|member| member.domain().as_str() == cx.realm.domain).collect();
    let page = Page::of(cx.uri, members.len())?;
    let shown: Vec<BareJid> =
        members.get(page.places()).unwrap_or_default().iter().map(|user| (*user).clone()).collect();
    let (numbers, profiles) =
        tokio::join!(cx.chat.accounts.numbers(cx.call, cx.realm, &shown), cx.chat.accounts.profiles(cx.call, &shown));
    let mut results = Vec::with_capacity(shown.len());
    for ((user, number), profile) in shown.iter().zip(numbers).zip(profiles) {
        results.push(entry(cx, user, number?, profile?));
    }
    Ok(Reply::ok(page.body(cx.origin, cx.uri, results)))
}

fn entry(cx: &Context<'_>, user: &BareJid, number: u64, profile: Profile) -> Value {
    let avatar = match profile.photo {
        Some(PhotoRef::Url(url)) => url,
        Some(PhotoRef::Binary { sha256, .. }) => {
            format!("{}{}/api/im/avatar/{number}/{sha256}", cx.origin, cx.config.prefix)
        }
        None => cx.config.default_avatar.clone(),
    };
    json!({
        "id": number,
        "name": profile.full_name.unwrap_or_default(),
        "nick": profile.nick,
        "avatar": avatar,
        "username": user.node().map(ToString::to_string),
        "level": profile.role.unwrap_or_default(),
    })
}
