//! `notifyMSG`: a notification to users, each in a chat with the service's user, or to a group, in its room.

use std::collections::HashSet;

use futures::{StreamExt as _, stream};
use jid::BareJid;

use super::CHILD;
use super::context::Context;
use super::error::{Failure, shown};
use super::notification::{ContentType, Notification, Receiver};
use super::text;
use super::wire::Reply;
use crate::chat::types::card::{Card, Extras};
use crate::chat::types::error::ChatError;
use crate::clock;
use crate::config::server::Wait;

/// Accounts that are asked after side by side.
const WINDOW: usize = 64;
/// Names that one error lists; of more it says how many.
const LISTED: usize = 10;

/// Sends what the form field `data` says.
pub async fn notify(cx: &Context<'_>, data: Option<String>) -> Result<Reply, Failure> {
    let most = cx.config.xuanxuan.notification_bytes;
    if data.as_ref().is_some_and(|data| data.len() > most) {
        let english = format!("The notification is longer than {most} bytes.");
        return Err(Failure::told("too_large", format!("通知超过 {most} 字节"), english));
    }
    let notification = Notification::read(data.as_deref(), cx.config.limits.list)?;
    let card = card(&notification);
    let archive_id = match &notification.receiver {
        Receiver::Users(ids) => to_users(cx, ids, card).await?,
        Receiver::Group(gid) => {
            let room = cx.room(gid)?;
            match cx.chat.messages.notify_room(cx.call, &room, &cx.config.xuanxuan.name, &card).await {
                Err(ChatError::UnknownRoom(_)) => return Err(Failure::unknown_group(gid)),
                sent => sent?.archive_id,
            }
        }
    };
    let asked = cx.call.wait == Some(Wait::Archived);
    Ok(archive_id.filter(|_| asked).map_or(Reply::Done, Reply::Archived))
}

fn card(notification: &Notification) -> Card {
    let body = text::body(notification);
    let now = clock::since_1970().as_secs();
    Card {
        json: notification.card(&guid(), now),
        child: CHILD,
        store: true,
        extras: Extras {
            from: None,
            nick: Some(notification.sender.shown().to_owned()),
            links: text::links(notification, &body),
            unstyled: notification.content_type == ContentType::Plain,
        },
        body,
    }
}

/// To all of them or, when one is unknown, to none. The id in the archive of the only one, when it was waited for.
async fn to_users(cx: &Context<'_>, ids: &[String], mut card: Card) -> Result<Option<String>, Failure> {
    let addresses = ids.iter().map(|id| (id, cx.chat.addresses().user_at(id, &cx.realm.domain).ok()));
    // Ids that differ in case only are one user's.
    let mut seen = HashSet::new();
    let addresses: Vec<_> =
        addresses.filter(|(_, user)| user.as_ref().is_none_or(|user| seen.insert(user.clone()))).collect();
    let asked: Vec<BareJid> = addresses.iter().filter_map(|(_, user)| user.clone()).collect();
    let questions: Vec<_> = asked.iter().map(|user| cx.chat.accounts.account_exists(cx.call, user)).collect();
    let mut answers = stream::iter(questions).buffered(WINDOW);
    let mut unknown = Vec::new();
    for (id, user) in &addresses {
        let exists = match user {
            Some(_) => answers.next().await.transpose()?.unwrap_or(false),
            None => false,
        };
        if !exists {
            unknown.push(shown(id));
        }
    }
    if !unknown.is_empty() {
        return Err(Failure::unknown_users(&listed(&unknown)));
    }
    cx.sender.ensure(cx.chat, cx.call).await?;
    card.extras.from = Some(cx.sender.jid.clone());
    let (mut failed, mut errors, mut archive_ids) = (Vec::new(), Vec::new(), Vec::new());
    for (user, outcome) in asked.iter().zip(cx.chat.messages.notify(cx.call, cx.realm, &asked, &card).await) {
        match outcome {
            Ok(receipt) => archive_ids.push(receipt.archive_id),
            Err(error) => {
                failed.push(format!("{} ({error})", user.node().map(|node| node.to_string()).unwrap_or_default()));
                errors.push(error);
            }
        }
    }
    let sent = asked.len() - failed.len();
    let alike = errors.iter().all(|error| errors.first().is_some_and(|first| first.kind() == error.kind()));
    match errors.into_iter().next() {
        None => Ok(archive_ids.pop().filter(|_| archive_ids.is_empty()).flatten()),
        // What is said of the first must be true of all.
        Some(error) if sent == 0 && alike => Err(error.into()),
        Some(_) => {
            let failed = listed(&failed);
            let english = format!("Sent to {sent}, but not to: {failed}");
            Err(Failure::told("partial", format!("已发送给 {sent} 个用户，以下用户发送失败：{failed}"), english))
        }
    }
}

/// As the original makes its ids: 32 hex digits in groups of 8, 4, 4, 4 and 12.
fn guid() -> String {
    let hex = format!("{:032x}", rand::random::<u128>());
    let mut rest = hex.as_str();
    let groups = [8, 4, 4, 4, 12].map(|length| {
        let (group, more) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = more;
        group
    });
    groups.join("-")
}

/// The names, or the first of them and how many more there are.
fn listed(names: &[String]) -> String {
    match names.get(..LISTED).filter(|first| first.len() < names.len()) {
        Some(first) => format!("{} … (+{})", first.join(", "), names.len() - first.len()),
        None => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_the_originals() {
        let (one, other) = (guid(), guid());
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_ne!(one, other);
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..12).map(|n| format!("u{n}")).collect();
        assert_eq!(listed(&names[..2]), "u0, u1");
        assert!(listed(&names).ends_with("u9 … (+2)"));
    }
}
