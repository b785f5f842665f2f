//! Making, looking at and destroying rooms.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jid::BareJid;

use crate::chat::rooms::Rooms;
use crate::chat::rooms::lists::RoomLists;
use crate::chat::types::error::{ChatError, all, summary};
use crate::chat::types::room::NewRoom;
use crate::link::{Call, LinkError};
use crate::xml::element::Build;
use crate::xmpp::bookmarks::Shown;
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{data_form, iq, muc};

/// How long a room may take to answer somebody who enters.
const ENTER: Duration = Duration::from_secs(10);

/// How long leaving a room, or destroying an unfinished one, may take.
pub(super) const UNDO: Duration = Duration::from_millis(1500);

static ENTRIES: AtomicU64 = AtomicU64::new(0);

impl Rooms {
    /// Creates a persistent room with `owner` as its owner. Atomic: of two callers one gets [`ChatError::RoomExists`].
    /// A room that could not be finished is destroyed again.
    pub async fn create_room(&self, call: &Call, new: &NewRoom) -> Result<(), ChatError> {
        self.accounts.require_users(call, &new.owner.iter().collect::<Vec<_>>()).await?;
        self.make_room(call, new).await
    }

    /// Creates a room whose owner has an account.
    pub(in crate::chat) async fn make_room(&self, call: &Call, new: &NewRoom) -> Result<(), ChatError> {
        match self.room_info(call, &new.room).await {
            Ok(_) => return Err(ChatError::RoomExists(new.room.clone())),
            Err(ChatError::UnknownRoom(_)) => {}
            Err(error) => return Err(error),
        }
        let own = self.own_occupant();
        let nick = own.rsplit('/').next().unwrap_or_default().to_owned();
        let leave = muc::leave(&own, &new.room, &nick);
        // The caller's time may be what has run out.
        let last = || Call::new(call.request.clone(), Instant::now() + UNDO);
        let created = match self.enter(call, &new.room, &own, &nick).await {
            Ok(created) => created,
            Err(error) => {
                // It may have been entered, and made, without an answer; left, it ends.
                if matches!(error, ChatError::Link(LinkError::Timeout)) {
                    self.server.link.send(&last(), &leave).await.ok();
                }
                return Err(error);
            }
        };
        let made = match created {
            false => Err(ChatError::RoomExists(new.room.clone())),
            true => match self.configure(call, new).await {
                Ok(()) => Ok(()),
                // Before leaving: a room that is not persistent yet ends with its last occupant, and ejabberd answers
                // nothing for a room that is ending.
                Err(error) => Err(self.undo(&last(), &new.room, error).await),
            },
        };
        // The room is what it should be either way; one who cannot leave is put out when the link is gone.
        if let Err(error) = self.server.link.send(&last(), &leave).await {
            tracing::warn!(request = %call.request, room = %new.room, %error, "did not leave the new room");
        }
        made
    }

    /// An address from which the gateway itself enters a room, of its own for each entry.
    pub(in crate::chat) fn own_occupant(&self) -> String {
        format!("{}/{}-{}", self.server.component, crate::link::id::instance(), ENTRIES.fetch_add(1, Ordering::Relaxed))
    }

    /// Enters as the gateway; true when that created the room.
    pub(in crate::chat) async fn enter(
        &self,
        call: &Call,
        room: &BareJid,
        own: &str,
        nick: &str,
    ) -> Result<bool, ChatError> {
        let mut entry = self.server.incoming.entries.register((room.clone(), own.to_owned()));
        let join = muc::join(own, room, nick, None).with("id", self.server.link.new_id(call));
        self.server.link.send(call, &join).await?;
        let presence = entry.until(self.server.until(call, ENTER)).await.ok_or(LinkError::Timeout)?;
        if presence.attr("type") != Some("error") {
            return Ok(muc::has_status(&presence, muc::CREATED));
        }
        let error = StanzaError::read(&presence);
        match error.condition.as_str() {
            // Locked: somebody else is creating it right now.
            "item-not-found" => Err(ChatError::RoomExists(room.clone())),
            "not-allowed" | "forbidden" | "gone" => Err(ChatError::Right(format!(
                "creating the room {room} was refused ({error}): let {:?} create rooms on this MUC service",
                self.server.component
            ))),
            _ => Err(ChatError::refused(error)),
        }
    }

    /// Configures a room that was just created, gives it its owner, and makes it show with them.
    async fn configure(&self, call: &Call, new: &NewRoom) -> Result<(), ChatError> {
        let reply =
            self.server.require(call, iq::get(&self.server.component, new.room.as_str(), muc::config_query())).await?;
        let flag = |on: bool| if on { "1" } else { "0" };
        // Servers refuse a form with a field they do not offer, and name the archive differently.
        let offered = muc::config_form(&reply);
        let fields = [
            ("muc#roomconfig_roomname", new.name.as_str()),
            ("muc#roomconfig_roomdesc", new.description.as_str()),
            ("muc#roomconfig_persistentroom", "1"),
            ("muc#roomconfig_membersonly", flag(new.members_only)),
            ("muc#roomconfig_publicroom", flag(!new.members_only)),
            ("muc#roomconfig_whois", "anyone"),
            // ejabberd 23 remembers the role that a member of a moderated room had, and lets them in with it when they are
            // a member no longer.
            ("muc#roomconfig_moderatedroom", "0"),
            // Members set the topic, unless an owner decides otherwise: ejabberd's default, and not Prosody's.
            (muc::CHANGE_SUBJECT, "1"),
            ("muc#roomconfig_enablearchiving", "1"),
            ("mam", "1"),
            ("allow_subscription", "1"),
        ];
        let fields = fields
            .into_iter()
            .filter(|(name, value)| !value.is_empty() && offered.is_some_and(|form| data_form::offers(form, name)));
        self.server.require(call, iq::set(&self.server.component, new.room.as_str(), muc::configure(fields))).await?;
        let Some(owner) = &new.owner else { return Ok(()) };
        let wanted = self.nick(call, owner).await?;
        let nick = RoomLists::default().free_nick(owner, &wanted);
        all(self.set_affiliations(call, &new.room, "owner", &[(owner.clone(), Some(nick.clone()))]).await?)?;
        let shown = Shown { room: &new.room, name: &new.name, password: None };
        let enrolled = self.enrol(call, &shown, (&[(owner.clone(), nick)], &RoomLists::default())).await?;
        all(enrolled.into_iter().map(|outcome| outcome.map(drop)).collect())?;
        self.note_members(call, &new.room, std::slice::from_ref(owner), true).await;
        Ok(())
    }

    /// Destroys a room that could not be finished, and says so when even that fails.
    async fn undo(&self, call: &Call, room: &BareJid, error: ChatError) -> ChatError {
        let destroy = muc::destroy("not finished");
        match self.server.ask(call, iq::set(&self.server.component, room.as_str(), destroy)).await {
            Ok(Ok(_)) => error,
            Ok(Err(refusal)) => not_undone(&error, room, &refusal),
            Err(failure) => not_undone(&error, room, &failure),
        }
    }

    /// Destroys a room; its occupants see `reason`.
    pub async fn destroy_room(&self, call: &Call, room: &BareJid, reason: &str) -> Result<(), ChatError> {
        // On ejabberd the request to destroy would create a room that does not exist.
        self.room_info(call, room).await?;
        let members = self.lists(call, room).await?.into_members().map(|member| member.jid);
        let members: Vec<BareJid> = members.filter(|member| !self.server.is_own(member)).collect();
        if let Err(error) =
            self.server.require(call, iq::set(&self.server.component, room.as_str(), muc::destroy(reason))).await
        {
            match self.unless_gone(call, room, &error).await {
                // It was done, by whomever, and this is what is left to do.
                Err(ChatError::UnknownRoom(_)) if matches!(error, ChatError::Link(LinkError::Timeout)) => {}
                Err(gone @ ChatError::UnknownRoom(_)) => return Err(gone),
                Ok(()) | Err(_) => return Err(error),
            }
        }
        self.occupants.clear(room);
        self.owners.forget(room);
        self.snapshots.forget(room);
        let (outcomes, ()) =
            tokio::join!(self.withdraw(call, room, &members, true), self.forget_room(call, room, &members));
        let outcomes = outcomes.map_err(|error| error.after("the room is destroyed"))?;
        let failed: Vec<String> = members
            .iter()
            .zip(outcomes)
            .filter_map(|(member, outcome)| Some(format!("{member}: {}", outcome.err()?)))
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        Err(ChatError::Partial(format!("the room is destroyed, but stays on the lists of {}", summary(&failed))))
    }
}

/// That a room could not be finished, and is there all the same.
fn not_undone(error: &ChatError, room: &BareJid, why: &dyn std::fmt::Display) -> ChatError {
    ChatError::Partial(format!("{error}; the unfinished room {room} could not be destroyed: {why}"))
}
