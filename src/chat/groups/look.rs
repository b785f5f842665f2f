//! Looking at groups and rooms: what each says of itself, who belongs to it, and what is recorded, asked side by side.

use std::collections::HashSet;

use jid::BareJid;
use serde_json::{Map, Value};

use crate::chat::archive::history::cleared;
use crate::chat::groups::{CREATED, Group, GroupKind, Groups, KIND, NAME, shown_name, text_of};
use crate::chat::records::{Record, Subject};
use crate::chat::rooms::affiliations::{LISTS, listed};
use crate::chat::rooms::ejabberd::MEMBER_NODES;
use crate::chat::rooms::info::{RoomInfo, read_info};
use crate::chat::rooms::lists::RoomLists;
use crate::chat::server::ask::WINDOW;
use crate::chat::types::address::Realm;
use crate::chat::types::error::ChatError;
use crate::chat::types::room::Affiliation;
use crate::link::{Call, LinkError};
use crate::xmpp::{disco, iq, mucsub};

/// A room, looked at.
pub(in crate::chat) struct Look {
    pub(in crate::chat) info: RoomInfo,
    pub(in crate::chat) lists: RoomLists,
    /// Whether the subscribers in the lists are all there are (ejabberd).
    pub(in crate::chat) subscribers_known: bool,
    record: Record,
}

impl Look {
    pub(in crate::chat) fn kind(&self) -> GroupKind {
        kind_of(&self.info, &self.record)
    }
}

impl Groups {
    /// Looks at rooms, all questions about all of them side by side.
    pub(in crate::chat) async fn look(
        &self,
        call: &Call,
        realm: &Realm,
        rooms: &[BareJid],
    ) -> Vec<Result<Look, ChatError>> {
        let subscribing = self.server.rooms_have_subscribers(call).await;
        let questions = rooms.iter().flat_map(|room| {
            let subscribers = subscribing.then(mucsub::subscriptions);
            let others = std::iter::once(disco::info_query()).chain(subscribers);
            let others = others.map(|question| iq::get(&self.server.component, room.as_str(), question));
            others.chain(self.rooms.list_questions(room))
        });
        let subjects: Vec<Subject> = rooms.iter().cloned().map(Subject::Room).collect();
        let (answers, records) = tokio::join!(
            self.server.ask_all(call, questions.collect(), WINDOW),
            self.records.records(call, realm, &subjects)
        );
        let mut answers = answers.into_iter();
        let mut looks = Vec::with_capacity(rooms.len());
        for (room, record) in rooms.iter().zip(records) {
            let info = answers.next();
            let subscribers = if subscribing { answers.next() } else { None };
            let lists: Vec<_> = answers.by_ref().take(LISTS.len()).map(listed).collect();
            looks.push(match (info, record) {
                (Some(Ok(info)), Ok(record)) => read_info(room, info).and_then(|info| {
                    let mut lists = self.rooms.read_lists(room, lists.into_iter())?;
                    let subscribers = subscribers.and_then(|answer| answer.ok()?.ok());
                    let subscribers_known = subscribers.is_some();
                    if let Some(reply) = subscribers {
                        lists.subscribe(mucsub::subscribers(&reply, MEMBER_NODES));
                    }
                    Ok(Look { info, lists, subscribers_known, record })
                }),
                (Some(Err(error)), _) | (_, Err(error)) => Err(error),
                (None, _) => Err(ChatError::UnknownRoom(room.clone())),
            });
        }
        for (room, look) in rooms.iter().zip(&mut looks) {
            if let Err(error) = look
                && let Err(gone @ ChatError::UnknownRoom(_)) = self.rooms.unless_gone(call, room, error).await
            {
                *look = Err(gone);
            }
            match look {
                Ok(look) => self.rooms.owners.learn(room, &look.lists),
                Err(_) => self.rooms.owners.forget(room),
            }
        }
        self.part_with_those_who_left(call, realm, rooms, &mut looks).await;
        looks
    }

    /// Looks at many, side by side, in their order.
    pub async fn groups(
        &self,
        call: &Call,
        realm: &Realm,
        rooms: &[BareJid],
        kind: GroupKind,
    ) -> Vec<Result<Group, ChatError>> {
        let looks = self.look(call, realm, rooms).await;
        let group = |(room, look): (&BareJid, Result<Look, ChatError>)| {
            let group = self.as_group(realm, room, look?);
            if group.kind == kind { Ok(group) } else { Err(ChatError::UnknownRoom(room.clone())) }
        };
        rooms.iter().zip(looks).map(group).collect()
    }

    fn as_group(&self, realm: &Realm, room: &BareJid, look: Look) -> Group {
        let people = self.belonging(&look.lists);
        // Clients may make owners of people elsewhere, who sort before the realm's own.
        let is_head = |(user, affiliation): &&(BareJid, Affiliation)| {
            *affiliation == Affiliation::Owner && user.domain().as_str() == realm.domain
        };
        let owner = people.iter().find(is_head);
        Group {
            room: room.clone(),
            kind: look.kind(),
            owner: owner.map(|(user, _)| user.clone()),
            members: people.into_iter().map(|(user, _)| user).collect(),
            created_ms: look.record.notes.get(CREATED).and_then(Value::as_u64).unwrap_or(0),
            cleared_ms: cleared(&look.record),
            attributes: with_name(look.record.attributes, &look.info.name, room),
            notes: look.record.notes,
        }
    }

    /// Who belongs to a room beside the gateway, in order of their addresses.
    pub(in crate::chat) fn belonging(&self, lists: &RoomLists) -> Vec<(BareJid, Affiliation)> {
        let known = lists.affiliated().filter(|(user, _)| !self.server.is_own(user) && user.node().is_some());
        let mut people: Vec<_> = known.map(|(user, affiliation)| (user.clone(), affiliation)).collect();
        people.sort_unstable_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        people
    }

    /// Those of `rooms` that are of this sort and still there, in their order, with their attributes: what a search looks
    /// through, at a smaller price than [`Groups::groups`].
    pub async fn described(
        &self,
        call: &Call,
        realm: &Realm,
        rooms: &[BareJid],
        kind: GroupKind,
    ) -> Result<Vec<(BareJid, Map<String, Value>)>, ChatError> {
        let subjects: Vec<Subject> = rooms.iter().cloned().map(Subject::Room).collect();
        let questions =
            rooms.iter().map(|room| iq::get(&self.server.component, room.as_str(), disco::info_query())).collect();
        let (answers, records) =
            tokio::join!(self.server.ask_all(call, questions, WINDOW), self.records.records(call, realm, &subjects));
        let mut groups = Vec::with_capacity(rooms.len());
        for ((room, answer), record) in rooms.iter().zip(answers).zip(records) {
            let info = match answer {
                // ejabberd answers nothing for a room that is ending.
                Err(ChatError::Link(LinkError::Timeout)) => self.rooms.room_info(call, room).await,
                answer => read_info(room, answer?),
            };
            let info = match info {
                Ok(info) => info,
                // Gone since it was listed.
                Err(ChatError::UnknownRoom(_)) => continue,
                Err(error) => return Err(error),
            };
            let record = record?;
            if kind_of(&info, &record) == kind {
                groups.push((room.clone(), with_name(record.attributes, &info.name, room)));
            }
        }
        Ok(groups)
    }

    /// The groups and rooms to which a user belongs, in order of their addresses: of those that the gateway noted or that
    /// their clients show (MUC/Sub, bookmarks), the ones whose lists name them.
    ///
    /// # Errors
    /// An unknown user, a room or a service that does not answer.
    pub async fn groups_of(&self, call: &Call, realm: &Realm, user: &BareJid) -> Result<Vec<Group>, ChatError> {
        self.accounts.require_users(call, &[user]).await?;
        let (noted, shown) =
            tokio::join!(self.rooms.noted_rooms(call, realm, user), self.rooms.shown_rooms(call, user, &realm.rooms));
        let noted: HashSet<BareJid> = noted?.into_iter().collect();
        let mut rooms: Vec<BareJid> = noted.iter().cloned().chain(shown?).collect();
        rooms.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        rooms.dedup();
        let (mut groups, mut found, mut stale) = (Vec::new(), Vec::new(), Vec::new());
        for (room, look) in rooms.iter().zip(self.look(call, realm, &rooms).await) {
            let look = match look {
                Ok(look) => Some(look).filter(|look| look.lists.of(user) >= Affiliation::Member),
                Err(ChatError::UnknownRoom(_)) => None,
                Err(error) => return Err(error),
            };
            match (&look, noted.contains(room)) {
                (None, true) => stale.push(room.clone()),
                (Some(_), false) => found.push(room.clone()),
                _ => {}
            }
            groups.extend(look.map(|look| self.as_group(realm, room, look)));
        }
        self.rooms.mend_rooms(call, realm, user, (&found, &stale)).await;
        Ok(groups)
    }
}

/// As noted when it was made; of a room that was made otherwise, by whom it admits.
fn kind_of(info: &RoomInfo, record: &Record) -> GroupKind {
    let noted = record.notes.get(KIND).and_then(GroupKind::read);
    noted.unwrap_or(if info.members_only { GroupKind::Group } else { GroupKind::Room })
}

/// The attributes, with the name that the room's configuration says where somebody has changed it there. A room without
/// a name is called by its localpart on some servers.
fn with_name(mut attributes: Map<String, Value>, configured: &str, room: &BareJid) -> Map<String, Value> {
    let recorded = attributes.get(NAME).map(|name| shown_name(&text_of(name))).unwrap_or_default();
    let nameless = configured.is_empty() || room.node().is_some_and(|node| node.as_str() == configured);
    if !nameless && configured != recorded {
        attributes.insert(NAME.to_owned(), Value::from(configured));
    }
    attributes
}
