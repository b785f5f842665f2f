//! Making, looking at and destroying rooms.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jid::BareJid;

use crate::chat::rooms::Rooms;
use crate::chat::rooms::lists::RoomLists;
use crate::chat::server::ask::WINDOW;
use crate::chat::types::error::ChatError;
use crate::chat::types::room::{Affiliation, NewRoom};
use crate::link::{Call, LinkError};
use crate::xml::Element;
use crate::xml::element::Build;
use crate::xmpp::bookmarks::Shown;
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{data_form, disco, iq, muc, muc_admin};

/// How long a room may take to answer somebody who enters.
const ENTER: Duration = Duration::from_secs(10);

/// How long leaving a room, or destroying an unfinished one, may take.
const UNDO: Duration = Duration::from_millis(1500);

/// Longest name of a file without its ending, in bytes.
const FILE_NAME: usize = 251;

/// The lists of those who belong to a room.
pub(in crate::chat) const LISTS: [(&str, Affiliation); 3] =
    [("owner", Affiliation::Owner), ("admin", Affiliation::Admin), ("member", Affiliation::Member)];

/// The entries of a list, or why there are none.
pub(in crate::chat) type Listed = Result<Result<Vec<muc_admin::Item>, StanzaError>, ChatError>;

static ENTRIES: AtomicU64 = AtomicU64::new(0);

/// What disco#info says of a room.
#[derive(Debug, Clone)]
pub(in crate::chat) struct RoomInfo {
    /// Its name; empty when it has none.
    pub(in crate::chat) name: String,
    /// Whether only members may enter.
    pub(in crate::chat) members_only: bool,
    /// Whether it keeps an archive.
    pub(in crate::chat) archived: bool,
    /// Whether it has a password.
    pub(in crate::chat) has_secret: bool,
}

impl Rooms {
    /// Looks at a room, which on both servers is the one question that never creates it.
    pub(in crate::chat) async fn room_info(&self, call: &Call, room: &BareJid) -> Result<RoomInfo, ChatError> {
        let answer = self.server.ask(call, iq::get(&self.server.component, room.as_str(), disco::info_query())).await?;
        read_info(room, answer)
    }

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
            failed => {
                let why = failed.map_or_else(|error| error.to_string(), |refused| format!("{refused:?}"));
                ChatError::Partial(format!("{error}; the unfinished room {room} could not be destroyed: {why}"))
            }
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

    /// Fails with [`ChatError::UnknownRoom`] when it may be the end of a room why a question to it has failed: it may have
    /// ended since it was looked at, and ejabberd answers nothing for a room that is ending.
    pub(in crate::chat) async fn unless_gone(
        &self,
        call: &Call,
        room: &BareJid,
        error: &ChatError,
    ) -> Result<(), ChatError> {
        match error {
            ChatError::Link(LinkError::Timeout) | ChatError::Refused(_) => {
                let last = Call::new(call.request.clone(), Instant::now() + UNDO);
                self.room_info(&last, room).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// The three lists of those who belong to a room, and before them one more question of the caller's, asked at once.
    /// Before: whoever becomes a member and a subscriber meanwhile must not look like a subscriber who is no member.
    pub(in crate::chat) async fn affiliation_lists<T>(
        &self,
        call: &Call,
        room: &BareJid,
        more: impl Future<Output = T>,
    ) -> Result<(RoomLists, T), ChatError> {
        // This one asks in the order in which the futures stand.
        let (more, answers) = futures::join!(more, self.ask_lists(call, self.list_questions(room).collect()));
        match self.read_lists(room, answers.into_iter()) {
            Ok(lists) => Ok((lists, more)),
            Err(error) => match self.unless_gone(call, room, &error).await {
                Err(gone @ ChatError::UnknownRoom(_)) => Err(gone),
                Ok(()) | Err(_) => Err(error),
            },
        }
    }

    /// The questions for the [`LISTS`] of a room.
    pub(in crate::chat) fn list_questions(&self, room: &BareJid) -> impl Iterator<Item = Element> {
        LISTS.iter().map(|(name, _)| iq::get(&self.server.component, room.as_str(), muc_admin::list(name)))
    }

    /// Asks for lists, which may be long.
    pub(in crate::chat) async fn ask_lists(&self, call: &Call, questions: Vec<Element>) -> Vec<Listed> {
        self.server.ask_all_reading(call, questions, WINDOW, muc_admin::items).await
    }

    /// The lists in the answers to the questions of [`LISTS`], in their order.
    pub(in crate::chat) fn read_lists(
        &self,
        room: &BareJid,
        answers: impl Iterator<Item = Listed>,
    ) -> Result<RoomLists, ChatError> {
        let mut lists = RoomLists::default();
        for ((_, affiliation), answer) in LISTS.iter().zip(answers) {
            lists.affiliate(*affiliation, self.read_list(room, answer?)?);
        }
        Ok(lists)
    }

    fn read_list(
        &self,
        room: &BareJid,
        answer: Result<Vec<muc_admin::Item>, StanzaError>,
    ) -> Result<Vec<muc_admin::Item>, ChatError> {
        match answer {
            Ok(items) => Ok(items),
            Err(error) if error.is_absent() => Err(ChatError::UnknownRoom(room.clone())),
            Err(error) if error.is("forbidden") || error.is("not-allowed") => Err(ChatError::Right(format!(
                "the members of {room} were refused ({error}): {:?} must be an administrator of the MUC service \
                 (ejabberd: access_admin; Prosody: admins and component_admins_as_room_owners)",
                self.server.component
            ))),
            Err(error) => Err(ChatError::refused(error)),
        }
    }

    /// Whether a user is banned from a room, alone or with their whole domain (XEP-0045 section 9.1).
    pub async fn is_banned(&self, call: &Call, room: &BareJid, user: &BareJid) -> Result<bool, ChatError> {
        let question = iq::get(&self.server.component, room.as_str(), muc_admin::list("outcast"));
        let banned = self.read_list(room, listed(self.server.ask(call, question).await)?)?;
        let domain = BareJid::from_parts(None, user.domain());
        Ok(banned.into_iter().any(|item| item.jid == *user || item.jid == domain))
    }
}

/// The list in an answer to the question for one.
pub(in crate::chat) fn listed(answer: Result<Result<Element, StanzaError>, ChatError>) -> Listed {
    answer.map(|outcome| outcome.map(|reply| muc_admin::items(&reply)))
}

/// What an answer to disco#info says of a room.
pub(in crate::chat) fn read_info(room: &BareJid, answer: Result<Element, StanzaError>) -> Result<RoomInfo, ChatError> {
    match answer {
        Ok(reply) if disco::has_feature(&reply, muc::TEMPORARY) && !names_a_file(room) => {
            Err(ChatError::UnknownRoom(room.clone()))
        }
        Ok(reply) => Ok(RoomInfo {
            name: disco::name(&reply).unwrap_or_default(),
            members_only: disco::has_feature(&reply, muc::MEMBERS_ONLY),
            archived: disco::has_feature(&reply, muc::ARCHIVE),
            has_secret: disco::has_feature(&reply, muc::PASSWORD),
        }),
        Err(error) if error.is_absent() => Err(ChatError::UnknownRoom(room.clone())),
        Err(error) => Err(ChatError::refused(error)),
    }
}

/// False for a room that no file can be named after. Prosody's internal storage then fails to find that there is no such
/// room, and whoever asks for it is shown an empty one that is not kept.
fn names_a_file(room: &BareJid) -> bool {
    let name = room.node().map_or("", |node| node.as_str());
    let written: usize = name.bytes().map(|byte| if byte.is_ascii_alphanumeric() { 1 } else { 3 }).sum();
    written <= FILE_NAME
}

/// The first failure of several outcomes.
pub(in crate::chat) fn all(outcomes: Vec<Result<(), ChatError>>) -> Result<(), ChatError> {
    outcomes.into_iter().collect()
}

/// A few of many failures, and how many more there are.
pub(in crate::chat) fn summary(failed: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = failed.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
    match failed.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}
