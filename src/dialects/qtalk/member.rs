//! `add_muc_user`, `del_muc_user` and `muc_users`: who belongs to a room.

use jid::BareJid;

use super::context::{Context, Scope};
use super::error::{Failure, Part};
use super::json::Json;
use super::listed::Listed;
use super::replies::{Data, Done};
use super::room::{fields, must_own, own_room, owner};
use super::wire::{Fields, text};
use crate::chat::types::room::MemberOutcome;

/// Adds members to a room.
pub async fn add_muc_user(context: &Context<'_>, body: &Json<'_>) -> Result<Done, Failure> {
    let Change { room, by, users } = Change::read_add(context.scope, body)?;
    if users.jids.is_empty() {
        // Nobody is added, but a room that does not exist is still a failure.
        context.chat.rooms.roll(context.call, &room).await?;
        return users.result(Vec::new());
    }
    let outcomes = context.chat.rooms.add_members(context.call, &room, by.as_ref(), &users.jids).await?;
    users.result(outcomes)
}

/// Removes members from a room, on behalf of an owner or admin.
pub async fn del_muc_user(context: &Context<'_>, body: &Json<'_>) -> Result<Done, Failure> {
    let Change { room, by, users } = Change::read_del(context.scope, body)?;
    let owner = by.ok_or_else(|| Failure::field("muc_owner is missing"))?;
    must_own(context, &room, &owner).await?;
    if users.jids.is_empty() {
        return users.result(Vec::new());
    }
    let outcomes = context.chat.rooms.remove_members(context.call, &room, &users.jids).await?;
    users.result(outcomes)
}

/// Lists a room's owners, admins and members. Of members of other domains than the caller's key covers it says that they
/// are in the room, and not how they call themselves.
pub async fn muc_users(context: &Context<'_>, body: &Json<'_>) -> Result<Done, Failure> {
    let room = own_room(context.scope, fields(body)?)?;
    let mut members = context.chat.rooms.members(context.call, &room).await?;
    for member in members.iter_mut().filter(|member| context.scope.may_act_for(&member.jid).is_err()) {
        member.nick = member.jid.node().map(ToString::to_string).unwrap_or_default();
    }
    Ok(Some(Data::Members(Listed(members))))
}

/// A change of a room's members.
pub struct Change {
    /// The room.
    pub room: BareJid,
    /// In whose name, where the request says so.
    pub by: Option<BareJid>,
    /// Who is added or removed.
    pub users: Users,
}

impl Change {
    /// Reads an add_muc_user request. Nobody in particular (no list, or an empty text) is nobody.
    pub fn read_add(scope: Scope<'_>, body: &Json<'_>) -> Result<Change, Failure> {
        let fields = fields(body)?;
        let list = match fields.raw("muc_member") {
            Some(Json::String(none)) if none.is_empty() => None,
            _ => fields.list("muc_member", scope.config.limits.list)?,
        };
        Change::new(scope, fields, list.unwrap_or_default(), |user| scope.may_act_for(user))
    }

    /// Reads a del_muc_user request, in which the list must be there.
    pub fn read_del(scope: Scope<'_>, body: &Json<'_>) -> Result<Change, Failure> {
        let fields = fields(body)?;
        let list = fields.list("muc_member", scope.config.limits.list)?;
        let list = list.ok_or_else(|| Failure::field("muc_member is missing"))?;
        Change::new(scope, fields, list, |_| Ok(()))
    }

    fn new(
        scope: Scope<'_>,
        fields: Fields<'_>,
        list: &[Json<'_>],
        may: impl Fn(&BareJid) -> Result<(), Failure>,
    ) -> Result<Change, Failure> {
        let (room, by) = (own_room(scope, fields)?, owner(scope, fields)?);
        Ok(Change { room, by, users: Users::read(scope, list, scope.addresses.domain(), "muc_member", may) })
    }
}

/// Users named in a list, with their places in it. One who is named twice counts at their first place.
pub struct Users {
    /// Those that can be worked with, each once.
    pub jids: Vec<BareJid>,
    places: Vec<usize>,
    failed: Vec<Part>,
    total: usize,
}

impl Users {
    /// Reads localparts (at `domain`) and addresses; what is neither, or whom the caller `may` not name, becomes a failed
    /// part.
    pub fn read(
        scope: Scope<'_>,
        list: &[Json<'_>],
        domain: &str,
        name: &str,
        may: impl Fn(&BareJid) -> Result<(), Failure>,
    ) -> Users {
        let mut users = Users { jids: Vec::new(), places: Vec::new(), failed: Vec::new(), total: list.len() };
        let mut seen = std::collections::HashSet::new();
        for (index, entry) in list.iter().enumerate() {
            let user = text(entry, name).and_then(|user| scope.person(&user, domain));
            match user.and_then(|user| may(&user).map(|()| user)) {
                Ok(jid) if seen.insert(jid.clone()) => {
                    users.jids.push(jid);
                    users.places.push(index);
                }
                Ok(_) => {}
                Err(failure) => users.failed.push(failure.at(index)),
            }
        }
        users
    }

    /// The call's result, given what became of each of [`Users::jids`], in their order.
    pub fn result(mut self, outcomes: Vec<MemberOutcome>) -> Result<Done, Failure> {
        let failed = self
            .places
            .iter()
            .zip(outcomes)
            .filter_map(|(index, outcome)| outcome.result.err().map(|error| Failure::from(error).at(*index)));
        self.failed.extend(failed);
        Failure::parts(self.total, self.failed)?;
        Ok(None)
    }
}
