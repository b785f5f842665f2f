//! `clear_staff`: takes users who have left out of every room.

use super::context::{Context, Scope};
use super::error::Failure;
use super::json::Json;
use super::member::Users;
use super::replies::Done;
use super::room::fields;

/// Removes each user from every room of the host's MUC service.
pub async fn clear_staff(context: &Context<'_>, body: &Json<'_>) -> Result<Done, Failure> {
    let (rooms, users) = leavers(context.scope, body)?;
    if users.jids.is_empty() {
        return users.result(Vec::new());
    }
    let outcomes = context.chat.rooms.remove_from_all_rooms(context.call, &rooms, &users.jids).await?;
    users.result(outcomes)
}

/// The MUC service that a request clears, and of whom.
pub fn leavers(scope: Scope<'_>, body: &Json<'_>) -> Result<(String, Users), Failure> {
    let fields = fields(body)?;
    let host = fields.filled("host")?.unwrap_or_else(|| scope.addresses.domain().into());
    let rooms = scope.addresses.rooms_of(&host).map_err(|error| Failure::from(error).of("host"))?;
    scope.may_act_in(&host)?;
    let list = fields.list("users", scope.config.limits.list)?.ok_or_else(|| Failure::field("users is missing"))?;
    Ok((rooms, Users::read(scope, list, &host, "users", |_| Ok(()))))
}
