//! What every endpoint is given: the verbs, the call, who calls; and its ids as addresses.

use axum::extract::Request;
use axum::http::{StatusCode, Uri};
use jid::BareJid;
use serde_json::{Map, Value, json};

use super::error::{BAD_TOKEN, Failure, INACTIVE};
use super::guesses::Guesses;
use super::tokens::Token;
use crate::chat::groups::{Group, GroupKind};
use crate::chat::kit::keyed_locks::{KeyGuard, KeyedLocks};
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::{Call, Chat};
use crate::config::rongcloud::Rongcloud;

/// The note of a group that holds its code and the URL of its cover. A room without it is none of this API's.
pub const NOTE: &str = "rongcloud";

/// One call.
pub struct Context<'a> {
    /// The verbs.
    pub chat: &'a Chat,
    /// Request id and deadline.
    pub call: &'a Call,
    /// The section.
    pub config: &'a Rongcloud,
    /// The hosts.
    pub realm: &'a Realm,
    /// What is being changed.
    pub locks: &'a KeyedLocks,
    /// The gateway's URL as the caller sees it.
    pub origin: &'a str,
    /// What they ask for.
    pub uri: &'a Uri,
}

/// What an endpoint for logged-in users is given beside its context.
pub struct Asked<'a> {
    /// Who calls. They have an account.
    pub user: &'a BareJid,
    /// The id in the path, empty where the route has none.
    pub id: &'a str,
    /// The request.
    pub request: Request,
    /// Codes that were guessed.
    pub guesses: &'a Guesses,
}

/// A group of this API.
pub struct Known {
    /// Its id.
    pub id: u64,
    /// What it is.
    pub group: Group,
}

impl Known {
    /// The number with which people join face to face; empty where they cannot.
    pub fn code(&self) -> &str {
        self.noted("code")
    }

    /// As callers see it; the code only if they may.
    pub fn shown(&self, config: &Rongcloud, with_code: bool) -> Value {
        let name = self.group.attributes.get("name").and_then(Value::as_str).unwrap_or_default();
        let code = if with_code { self.code() } else { "" };
        card(config, self.id, name, code, self.noted("cover"))
    }

    fn noted(&self, key: &str) -> &str {
        let note = self.group.notes.get(NOTE);
        note.and_then(|note| note.get(key)).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A group as callers see it.
pub fn card(config: &Rongcloud, id: u64, name: &str, code: &str, cover: &str) -> Value {
    let cover = if cover.is_empty() { &config.default_cover } else { cover };
    json!({ "id": id, "name": name, "code": code, "cover": cover })
}

/// What is noted of a new group.
pub fn note(code: &str, cover: &str) -> Value {
    Value::Object(Map::from_iter([("code".to_owned(), code.into()), ("cover".to_owned(), cover.into())]))
}

/// The id that a localpart or a part of a path is; `None` for what is none.
pub fn id(text: &str) -> Option<u64> {
    let id: u64 = text.parse().ok()?;
    // "+1" and "01" are no other names of 1.
    (id.to_string() == text).then_some(id)
}

impl Context<'_> {
    /// The address of the group with this id.
    ///
    /// # Errors
    /// 404 for one that no group can have.
    pub fn room(&self, id: u64) -> Result<BareJid, Failure> {
        self.chat.addresses().room_at(&id.to_string(), &self.realm.rooms).map_err(|_| Failure::not_found())
    }

    /// The group with the id in a path.
    ///
    /// # Errors
    /// 404 where there is none.
    pub async fn group(&self, text: &str) -> Result<Known, Failure> {
        let id = id(text).ok_or_else(Failure::not_found)?;
        let room = self.room(id)?;
        let group = self.chat.groups.group(self.call, self.realm, &room, GroupKind::Group).await?;
        if group.notes.contains_key(NOTE) { Ok(Known { id, group }) } else { Err(Failure::not_found()) }
    }

    /// The group with the id in a path, which no other call changes as long as the lock is held.
    ///
    /// # Errors
    /// 404 where there is none, 503 when others change it for longer than the call's time.
    pub async fn locked(&self, text: &str) -> Result<(Known, KeyGuard), Failure> {
        let room = self.room(id(text).ok_or_else(Failure::not_found)?)?;
        let guard = self.lock(&room).await?;
        Ok((self.group(text).await?, guard))
    }

    /// Several groups, in their order, without those that have gone since they were listed.
    ///
    /// # Errors
    /// What the server refuses.
    pub async fn groups(&self, ids: &[u64]) -> Result<Vec<Known>, Failure> {
        let rooms: Vec<BareJid> = ids.iter().map(|id| self.room(*id)).collect::<Result<_, _>>()?;
        let groups = self.chat.groups.groups(self.call, self.realm, &rooms, GroupKind::Group).await;
        let mut known = Vec::with_capacity(groups.len());
        for (id, group) in ids.iter().zip(groups) {
            match group {
                Ok(group) if group.notes.contains_key(NOTE) => known.push(Known { id: *id, group }),
                Ok(_) | Err(ChatError::UnknownRoom(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(known)
    }

    /// Fails where the user has no account any more, and where the token is for an earlier account of that name.
    ///
    /// # Errors
    /// 403.
    pub async fn must_hold(&self, token: &Token) -> Result<(), Failure> {
        let inactive = || Failure::forbidden(INACTIVE).called("unknown_user");
        if !self.chat.accounts.account_exists(self.call, &token.user).await? {
            return Err(inactive());
        }
        match self.chat.accounts.account_mark(self.call, self.realm, &token.user).await {
            Ok(mark) if token.is_for(mark.as_ref()) => Ok(()),
            Ok(_) => Err(Failure::forbidden(BAD_TOKEN).called("old_account")),
            Err(ChatError::UnknownUser(_)) => Err(inactive()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until no other call changes the group.
    ///
    /// # Errors
    /// 503 when that is not within the call's time.
    async fn lock(&self, room: &BareJid) -> Result<KeyGuard, Failure> {
        self.locks.take(room.to_string(), self.call.deadline).await.ok_or_else(|| {
            let english = "Other calls are changing the same group: nothing was done.";
            Failure::told(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "该群组正在被其他请求修改，未做任何更改。",
                english,
            )
        })
    }
}
