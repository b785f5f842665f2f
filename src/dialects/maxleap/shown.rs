//! Messages as the API shows them, and for how long it does.

use jid::BareJid;
use serde_json::{Value, json};

use super::CHILD;
use super::context::Context;
use super::error::Failure;
use crate::chat::archive::history::{Span, Stored};
use crate::chat::groups::Group;
use crate::chat::types::error::ChatError;
use crate::clock::now_ms;

const DAY_MS: u64 = 86_400_000;
/// How far the XMPP server's clock may be ahead of the gateway's.
pub const AHEAD_MS: u64 = 60_000;

/// For how long messages are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Those of friends and groups.
    Short,
    /// Those of strangers and passengers.
    Long,
}

/// The last message of two users.
pub async fn last_private(cx: &Context<'_>, user: &BareJid, peer: &BareJid) -> Result<Option<Stored>, Failure> {
    let span = last(cx, Kept::Long);
    Ok(cx.chat.histories.private_history(cx.call, user, peer, span, CHILD).await?.pop())
}

/// The last message of each group.
pub async fn last_of_groups(cx: &Context<'_>, groups: &[Group]) -> Result<Vec<Option<Stored>>, Failure> {
    let last = cx.chat.groups.last_in_groups(cx.call, groups, last(cx, Kept::Short), CHILD).await;
    // Gone since it was looked at.
    let last = last.into_iter().map(|last| match last {
        Err(ChatError::UnknownRoom(_)) => Ok(None),
        last => last,
    });
    Ok(last.collect::<Result<_, _>>()?)
}

/// A message as the API shows it. Typed in an ordinary client it is text.
pub fn shown(cx: &Context<'_>, stored: &Stored) -> Value {
    // Who is elsewhere has no id here, and must not be taken for a user of the same name.
    let speaker = if cx.is_user(&stored.from) { cx.id(&stored.from) } else { stored.from.to_string() };
    message(&speaker, stored)
}

fn message(speaker: &str, stored: &Stored) -> Value {
    let sent = stored.json.as_ref().and_then(|json| Some((json.get("media")?.as_u64()?, json.get("body")?.as_str()?)));
    let (media, body) = sent.unwrap_or((0, &stored.body));
    let mut shown = json!({"speaker": speaker, "content": {"media": media, "body": body}, "ts": stored.ms});
    let remark = stored.json.as_ref().and_then(|json| json.get("remark")).filter(|remark| !remark.is_null());
    if let (Some(remark), Some(shown), true) = (remark, shown.as_object_mut(), sent.is_some()) {
        shown.insert("remark".into(), remark.clone());
    }
    shown
}

/// The first moment from which messages are shown, in milliseconds since 1970.
pub fn since(cx: &Context<'_>, kept: Kept) -> u64 {
    let days = match kept {
        Kept::Short => cx.config.maxleap.history_days,
        Kept::Long => cx.config.maxleap.stranger_days,
    };
    now_ms().saturating_sub(u64::from(days) * DAY_MS)
}

fn last(cx: &Context<'_>, kept: Kept) -> Span {
    Span { since_ms: since(cx, kept), before_ms: now_ms() + AHEAD_MS, limit: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_wins_where_it_is_whole() {
        let stored = |json| Stored {
            archive_id: "1".into(),
            ms: 7,
            from: BareJid::new("a@example.org").unwrap(),
            body: "plain".into(),
            json,
        };
        let plain = json!({"speaker": "a", "content": {"media": 0, "body": "plain"}, "ts": 7});
        assert_eq!(message("a", &stored(None)), plain);
        for broken in [json!("x"), json!({"media": 1}), json!({"media": -1, "body": "x", "remark": "y"})] {
            assert_eq!(message("a", &stored(Some(broken))), plain);
        }
        let whole = json!({"media": 1, "body": "http://x", "remark": "r"});
        let content = json!({"media": 1, "body": "http://x"});
        let shown = json!({"speaker": "a", "content": content, "ts": 7, "remark": "r"});
        assert_eq!(message("a", &stored(Some(whole))), shown);
    }
}
