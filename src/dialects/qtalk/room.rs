//! `create_muc` and `destroy_muc`, and what all room calls read alike.

use std::borrow::Cow;

use jid::BareJid;

use super::context::{Context, Scope};
use super::error::{Code, Failure};
use super::json::Json;
use super::replies::Done;
use super::wire::Fields;
use crate::chat::types::error::ChatError;
use crate::chat::types::room::{Affiliation, NewRoom};

/// What occupants read when a room goes, as the original said it.
const REASON: &str = "management close";

/// Creates a room with its owner.
pub async fn create_muc(context: &Context<'_>, body: &Json<'_>) -> Result<Done, Failure> {
    context.chat.rooms.create_room(context.call, &new_room(context.scope, body)?).await?;
    Ok(None)
}

/// Destroys a room on behalf of an owner or admin.
pub async fn destroy_muc(context: &Context<'_>, body: &Json<'_>) -> Result<Done, Failure> {
    let (room, owner) = old_room(context.scope, body)?;
    must_own(context, &room, &owner).await?;
    context.chat.rooms.destroy_room(context.call, &room, REASON).await?;
    Ok(None)
}

/// The room that a request creates.
pub fn new_room(scope: Scope<'_>, body: &Json<'_>) -> Result<NewRoom, Failure> {
    let fields = fields(body)?;
    Ok(NewRoom {
        room: own_room(scope, fields)?,
        owner: Some(owner(scope, fields)?.ok_or_else(|| Failure::field("muc_owner is missing"))?),
        name: fields.text_or("muc_name", "")?.into_owned(),
        description: fields.text_or("muc_desc", "")?.into_owned(),
        members_only: scope.config.qtalk.members_only,
    })
}

/// The room that a request destroys, and in whose name. As in the original it is `muc_owner` at `host`;
/// `muc_owner_host` is taken for callers that name the host as everywhere else.
pub fn old_room(scope: Scope<'_>, body: &Json<'_>) -> Result<(BareJid, BareJid), Failure> {
    let fields = fields(body)?;
    let room = own_room(scope, fields)?;
    let host = match fields.filled("host")? {
        Some(host) => host,
        None => owner_host(scope, fields)?,
    };
    let owner = scope.person(&fields.required("muc_owner")?, &host).map_err(|failure| failure.of("muc_owner"))?;
    scope.may_act_for(&owner)?;
    Ok((room, owner))
}

/// The request's fields.
pub fn fields<'a>(body: &'a Json<'a>) -> Result<Fields<'a>, Failure> {
    Fields::of(body).ok_or_else(|| Failure::unreadable("the body must be an object"))
}

/// The room that `muc_id` and `muc_domain` name.
fn named_room(scope: Scope<'_>, fields: Fields<'_>) -> Result<BareJid, Failure> {
    let (local, service) = (fields.required("muc_id")?, fields.required("muc_domain")?);
    scope.addresses.room_at(&local, &service).map_err(|error| Failure::from(error).of("muc_id, muc_domain"))
}

/// A room that the caller is about to change or look at: its domain must be one that their key covers.
pub fn own_room(scope: Scope<'_>, fields: Fields<'_>) -> Result<BareJid, Failure> {
    let room = named_room(scope, fields)?;
    scope.may_act_in(scope.addresses.domain_of(room.domain().as_str()).unwrap_or_default())?;
    Ok(room)
}

/// The user in whose name the call is made: `muc_true_owner`, else `muc_owner`, at `muc_owner_host`.
///
/// # Errors
/// The address is not served, or the caller may not act for its domain (nor for the host, when no owner is named).
pub fn owner(scope: Scope<'_>, fields: Fields<'_>) -> Result<Option<BareJid>, Failure> {
    let host = owner_host(scope, fields)?;
    let (field, local) = match fields.filled("muc_true_owner")? {
        Some(local) => ("muc_true_owner", Some(local)),
        None => ("muc_owner", fields.filled("muc_owner")?),
    };
    let Some(local) = local else {
        scope.may_act_in(&host)?;
        return Ok(None);
    };
    let owner = scope.person(&local, &host).map_err(|failure| failure.of(field))?;
    scope.may_act_for(&owner)?;
    Ok(Some(owner))
}

fn owner_host<'a>(scope: Scope<'a>, fields: Fields<'a>) -> Result<Cow<'a, str>, Failure> {
    Ok(fields.filled("muc_owner_host")?.unwrap_or_else(|| scope.addresses.domain().into()))
}

/// # Errors
/// [`Code::NotOwner`] when `user` is neither owner nor admin of `room`.
pub async fn must_own(context: &Context<'_>, room: &BareJid, user: &BareJid) -> Result<(), Failure> {
    match context.chat.rooms.affiliation(context.call, room, user).await {
        Ok(Affiliation::Owner | Affiliation::Admin) => Ok(()),
        Ok(_) | Err(ChatError::UnknownUser(_)) => {
            Err(Failure::new(Code::NotOwner, format!("owner error: {user} is neither owner nor admin of {room}")))
        }
        Err(error) => Err(error.into()),
    }
}
