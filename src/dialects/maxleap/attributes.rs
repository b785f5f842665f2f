//! Attributes of users, groups and rooms: any JSON value by name. POST merges, PUT replaces all.

use axum::http::StatusCode;
use jid::BareJid;
use serde_json::{Map, Value};

use super::context::Context;
use super::error::{Code, Failure};
use super::wire::{Reply, Request};
use crate::chat::groups::GroupKind;
use crate::chat::records::Subject;
use crate::config::maxleap::Maxleap;

/// Longest name, in characters.
const NAME: usize = 256;

/// Whose attributes.
enum Owner {
    User(BareJid),
    Room(BareJid, GroupKind),
}

/// The five endpoints of one family; its owners are read by `$owner` from the id in the path.
macro_rules! family {
    ($(#[$doc:meta])* $family:ident, $owner:expr) => {
        $(#[$doc])*
        pub mod $family {
            use super::*;

            fn owner(cx: &Context<'_>, request: &Request<'_>) -> Result<Owner, Failure> {
                $owner(cx, request.part(0))
            }

            /// POST: sets those that are given, others stay.
            pub async fn merge(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
                owner(cx, request)?.set(cx, given(cx, request)?, false).await
            }

            /// PUT: sets those that are given, and removes all others.
            pub async fn replace(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
                owner(cx, request)?.set(cx, given(cx, request)?, true).await
            }

            /// GET: all of them, as an object.
            pub async fn all(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
                Ok(Reply::ok(owner(cx, request)?.all(cx).await?))
            }

            /// GET of one: its value, bare.
            pub async fn one(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
                let value = owner(cx, request)?.one(cx, request.part(1)).await?;
                value.map(Reply::ok).ok_or_else(|| Failure::not_found("the attribute"))
            }

            /// DELETE: removes all of them.
            pub async fn clear(cx: &Context<'_>, request: &Request<'_>) -> Result<Reply, Failure> {
                owner(cx, request)?.set(cx, Map::new(), true).await?;
                Ok(Reply::Empty(StatusCode::NO_CONTENT))
            }
        }
    };
}

family!(
    /// Of a user.
    of_user,
    |cx: &Context<'_>, id| Ok(Owner::User(cx.user(id)?))
);
family!(
    /// Of a group.
    of_group,
    |cx: &Context<'_>, id| Ok(Owner::Room(cx.room(id)?, GroupKind::Group))
);
family!(
    /// Of a room.
    of_room,
    |cx: &Context<'_>, id| Ok(Owner::Room(cx.room(id)?, GroupKind::Room))
);

impl Owner {
    /// All attributes of an owner who exists.
    async fn all(&self, cx: &Context<'_>) -> Result<Map<String, Value>, Failure> {
        match self {
            Owner::User(user) => {
                let subject = Subject::User(user.clone());
                let (exists, record) = tokio::join!(
                    cx.chat.accounts.account_exists(cx.call, user),
                    cx.chat.records.record(cx.call, &cx.app.realm, &subject)
                );
                if exists? { Ok(record?.attributes) } else { Err(Failure::not_found("the user")) }
            }
            Owner::Room(room, kind) => Ok(cx.chat.groups.group(cx.call, &cx.app.realm, room, *kind).await?.attributes),
        }
    }

    async fn one(&self, cx: &Context<'_>, name: &str) -> Result<Option<Value>, Failure> {
        check_name(name)?;
        match self {
            Owner::User(user) => {
                let subject = Subject::User(user.clone());
                let (exists, value) = tokio::join!(
                    cx.chat.accounts.account_exists(cx.call, user),
                    cx.chat.records.attribute(cx.call, &cx.app.realm, &subject, name)
                );
                if exists? { Ok(value?) } else { Err(Failure::not_found("the user")) }
            }
            Owner::Room(..) => Ok(self.all(cx).await?.remove(name)),
        }
    }

    async fn set(&self, cx: &Context<'_>, given: Map<String, Value>, replace: bool) -> Result<Reply, Failure> {
        let (Owner::User(address) | Owner::Room(address, _)) = self;
        let _guard = cx.lock(address).await?;
        let there = self.all(cx).await?;
        let kept = if replace { Map::new() } else { there };
        check_all(&kept, &given, &cx.config.maxleap)?;
        let (chat, call, realm) = (cx.chat, cx.call, &cx.app.realm);
        if replace || !given.is_empty() {
            match self {
                Owner::Room(room, _) => chat.groups.set_group_attributes(call, realm, room, &given, replace).await?,
                Owner::User(user) => {
                    let subject = Subject::User(user.clone());
                    match replace {
                        true => chat.records.replace_attributes(call, realm, &subject, &given).await?,
                        false => chat.records.merge_attributes(call, realm, &subject, &given).await?,
                    }
                }
            }
        }
        Ok(Reply::Empty(StatusCode::CREATED))
    }
}

/// The attributes in the body, each within its bounds.
///
/// # Errors
/// 5001 and 5010.
pub fn given(cx: &Context<'_>, request: &Request<'_>) -> Result<Map<String, Value>, Failure> {
    let given = request.object()?;
    check(&given, cx.config.maxleap.attributes, cx.config.maxleap.attribute_bytes)?;
    Ok(given)
}

/// Refuses more than `most` attributes, a name that is none, and a value of more than `bytes` as JSON.
///
/// # Errors
/// 5001 and 5010.
pub fn check(attributes: &Map<String, Value>, most: usize, bytes: usize) -> Result<(), Failure> {
    if attributes.len() > most {
        return Err(Failure::new(Code::TooLong, format!("there may be at most {most} attributes")));
    }
    for (name, value) in attributes {
        check_name(name)?;
        if value.to_string().len() > bytes {
            let text = format!("the attribute {name:?} has more than {bytes} bytes");
            return Err(Failure::new(Code::TooLong, text));
        }
    }
    Ok(())
}

/// Refuses what would be too much beside the attributes that are `there` already: a server writes all that it keeps of
/// one subject anew for each of them.
///
/// # Errors
/// 5010.
pub fn check_all(there: &Map<String, Value>, given: &Map<String, Value>, bounds: &Maxleap) -> Result<(), Failure> {
    let kept = || there.iter().filter(|(name, _)| !given.contains_key(*name));
    let most = bounds.attributes;
    if kept().count().saturating_add(given.len()) > most {
        return Err(Failure::new(Code::TooLong, format!("there may be at most {most} attributes")));
    }
    let size = |(name, value): (&String, &Value)| name.len() + value.to_string().len();
    let bytes: usize = kept().chain(given).map(size).sum();
    if bytes > bounds.attributes_bytes {
        let most = bounds.attributes_bytes;
        return Err(Failure::new(Code::TooLong, format!("all attributes together may have at most {most} bytes")));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Failure> {
    if name.chars().count() > NAME {
        return Err(Failure::too_long("the name of an attribute"));
    }
    // XML cannot carry these, and a blank at an end would not survive every server.
    let bad = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    if name.is_empty() || name.trim() != name || name.contains(bad) {
        return Err(Failure::parameter(format!("{name:?} is not the name of an attribute")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checked(attributes: Value) -> Result<(), Code> {
        check(attributes.as_object().unwrap(), 3, 20).map_err(|failure| failure.code)
    }

    #[test]
    fn all_of_one_subject_are_bounded_together() {
        let bounds = Maxleap { attributes: 2, attributes_bytes: 20, ..Maxleap::default() };
        let all = |there: Value, given: Value| {
            check_all(there.as_object().unwrap(), given.as_object().unwrap(), &bounds).map_err(|failure| failure.code)
        };
        assert_eq!(all(json!({"a": 1}), json!({"b": 2})), Ok(()));
        assert_eq!(all(json!({"a": 1, "b": 2}), json!({"b": 3})), Ok(()));
        assert_eq!(all(json!({"a": 1, "b": 2}), json!({"c": 3})), Err(Code::TooLong));
        assert_eq!(all(json!({"a": "0123456"}), json!({"b": "0123456"})), Ok(()));
        assert_eq!(all(json!({"a": "0123456"}), json!({"b": "01234567"})), Err(Code::TooLong));
        assert_eq!(all(json!({"a": "0123456789abcdef"}), json!({"a": 1})), Ok(()));
    }

    #[test]
    fn any_value_may_be_set_within_bounds() {
        assert_eq!(checked(json!({"名 字": null, "b": {"c": [1, "x"]}, "1": false})), Ok(()));
        assert_eq!(checked(json!({"a": "x".repeat(18)})), Ok(()));
        assert_eq!(checked(json!({"a": "x".repeat(19)})), Err(Code::TooLong));
        assert_eq!(checked(json!({"a": 1, "b": 2, "c": 3, "d": 4})), Err(Code::TooLong));
        assert_eq!(checked(json!({ "名".repeat(256): 1 })), Ok(()));
        assert_eq!(checked(json!({ "a".repeat(257): 1 })), Err(Code::TooLong));
        for wrong in ["", " ", "a ", "a\n", "\0", "a\u{ffff}"] {
            assert_eq!(checked(json!({ wrong: 1 })), Err(Code::Parameter), "{wrong:?}");
        }
    }
}
