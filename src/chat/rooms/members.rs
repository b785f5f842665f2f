//! Members: removing without trace, listing, and what each one's outcome is.

use std::collections::HashSet;

use futures::{StreamExt as _, stream};
use jid::BareJid;

use crate::chat::accounts::profile;
use crate::chat::rooms::Rooms;
use crate::chat::server::ask::WINDOW;
use crate::chat::types::error::ChatError;
use crate::chat::types::error::summary;
use crate::chat::types::room::{Affiliation, Member, MemberOutcome};
use crate::link::Call;
use crate::xml::Element;
use crate::xmpp::{iq, vcard};

/// Rooms that are looked at side by side when a user is removed from all of them.
const ROOMS: usize = 16;

/// Members who are removed at a time.
const REMOVED: usize = 50;

impl Rooms {
    /// The affiliation of one user in a room.
    pub async fn affiliation(&self, call: &Call, room: &BareJid, user: &BareJid) -> Result<Affiliation, ChatError> {
        Ok(self.lists(call, room).await?.of(user))
    }

    /// Undoes [`Rooms::add_members`], owners and admins included. Removing one who is not a member is a success.
    pub async fn remove_members(
        &self,
        call: &Call,
        room: &BareJid,
        users: &[BareJid],
    ) -> Result<Vec<MemberOutcome>, ChatError> {
        let info = self.room_info(call, room).await?;
        let mut outcomes = Outcomes::new(users);
        let users: Vec<BareJid> = outcomes.list.iter().map(|outcome| outcome.user.clone()).collect();
        let mut failed = HashSet::new();
        // Taking the affiliation away expels from a members-only room; from an open one only a ban does, here for a moment.
        let steps: &[&str] = if info.members_only { &["none"] } else { &["outcast", "none"] };
        let entries: Vec<_> = users.iter().map(|user| (user.clone(), None)).collect();
        // Some after some: when time runs out, few have one step of two behind them, and those are said to be banned.
        for some in entries.chunks(REMOVED) {
            for (n, step) in steps.iter().enumerate() {
                for ((user, _), outcome) in some.iter().zip(self.set_affiliations(call, room, step, some).await?) {
                    if let Err(error) = outcome {
                        failed.insert(user.clone());
                        outcomes.fail(user, if n == 0 { error } else { error.after("they are banned for now") });
                    }
                }
            }
        }
        let removed: Vec<BareJid> = users.into_iter().filter(|user| !failed.contains(user)).collect();
        for user in &removed {
            self.leave_rooms(self.occupants.remove(room, user)).await;
        }
        let (withdrawn, ()) =
            tokio::join!(self.withdraw(call, room, &removed, false), self.unnote_members(call, room, &removed));
        for (user, outcome) in removed.iter().zip(withdrawn?) {
            if let Err(error) = outcome {
                outcomes.fail(user, error.after("they are no member any more"));
            }
        }
        Ok(outcomes.list)
    }

    /// Owners, admins and members of a room, the gateway itself never among them, with the nicks that the room knows.
    pub async fn roll(&self, call: &Call, room: &BareJid) -> Result<Vec<Member>, ChatError> {
        let listed = self.lists(call, room).await?.into_members();
        let mut members: Vec<Member> =
            listed.filter(|member| !self.server.is_own(&member.jid) && member.jid.node().is_some()).collect();
        members.sort_unstable_by(|a, b| {
            b.affiliation.cmp(&a.affiliation).then_with(|| a.jid.as_str().cmp(b.jid.as_str()))
        });
        Ok(members)
    }

    /// As [`Rooms::roll`], each as they call themselves: see the profiles of accounts.
    pub async fn members(&self, call: &Call, room: &BareJid) -> Result<Vec<Member>, ChatError> {
        let mut members = self.roll(call, room).await?;
        // Other servers may be slow to say, or never do.
        let is_asked =
            |member: &&mut Member| self.server.addresses.domains().any(|domain| domain == member.jid.domain().as_str());
        let asked: Vec<BareJid> = members.iter_mut().filter(is_asked).map(|member| member.jid.clone()).collect();
        for (member, nick) in members.iter_mut().filter(is_asked).zip(self.nicks(call, &asked).await) {
            member.nick = nick?;
        }
        for member in members.iter_mut().filter(|member| member.nick.is_empty()) {
            member.nick = profile::nick(&member.jid, None);
        }
        Ok(members)
    }

    /// Removes `users` from every room of the MUC service `rooms`, rooms made by ordinary clients included. One outcome
    /// per user; a user's error names the rooms that failed.
    pub async fn remove_from_all_rooms(
        &self,
        call: &Call,
        service: &str,
        users: &[BareJid],
    ) -> Result<Vec<MemberOutcome>, ChatError> {
        let rooms = self.rooms(call, service).await?;
        let mut removals = stream::iter(rooms)
            .map(async |room| {
                let outcome = self.remove_from_room(call, &room, users).await;
                (room, outcome)
            })
            .buffer_unordered(ROOMS);
        let mut failed: Vec<(BareJid, Vec<String>)> = users.iter().map(|user| (user.clone(), Vec::new())).collect();
        while let Some((room, outcome)) = removals.next().await {
            match outcome {
                Ok(outcomes) => {
                    for outcome in outcomes {
                        let Err(error) = outcome.result else { continue };
                        for (_, failures) in failed.iter_mut().filter(|(user, _)| *user == outcome.user) {
                            failures.push(format!("{room}: {error}"));
                        }
                    }
                }
                // Other rooms may have been cleared, and none must be left with one step of two done.
                Err(error) => {
                    for (_, failures) in &mut failed {
                        failures.push(format!("{room}: {error}"));
                    }
                }
            }
        }
        let outcome = |(user, failures): (BareJid, Vec<String>)| {
            let result = if failures.is_empty() { Ok(()) } else { Err(ChatError::Partial(summary(&failures))) };
            MemberOutcome { user, result }
        };
        Ok(failed.into_iter().map(outcome).collect())
    }

    /// Removes those of `users` who are in the room.
    async fn remove_from_room(
        &self,
        call: &Call,
        room: &BareJid,
        users: &[BareJid],
    ) -> Result<Vec<MemberOutcome>, ChatError> {
        let lists = match self.lists(call, room).await {
            Ok(lists) => lists,
            // Gone since it was listed.
            Err(ChatError::UnknownRoom(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let there = |user: &&BareJid| lists.of(user) >= Affiliation::Member || lists.is_subscribed(user);
        let there: Vec<BareJid> = users.iter().filter(there).cloned().collect();
        if there.is_empty() {
            return Ok(Vec::new());
        }
        match self.remove_members(call, room, &there).await {
            Err(ChatError::UnknownRoom(_)) => Ok(Vec::new()),
            done => done,
        }
    }

    /// The nick of each user's vCard, else their localpart; side by side.
    pub(in crate::chat) async fn nicks(&self, call: &Call, users: &[BareJid]) -> Vec<Result<String, ChatError>> {
        let questions =
            users.iter().map(|user| iq::get(&self.server.component, user.as_str(), vcard::query())).collect();
        let answers = self.server.ask_all(call, questions, WINDOW).await;
        let nick = |(user, answer): (&BareJid, Result<Result<Element, _>, ChatError>)| {
            Ok(profile::nick(user, answer?.ok().map(|reply| vcard::read(&reply)).as_ref()))
        };
        users.iter().zip(answers).map(nick).collect()
    }

    /// The nick of one user.
    pub(in crate::chat) async fn nick(&self, call: &Call, user: &BareJid) -> Result<String, ChatError> {
        self.nicks(call, std::slice::from_ref(user)).await.pop().unwrap_or_else(|| Ok(user.to_string()))
    }
}

/// One outcome for each user, the first failure of each kept.
pub(in crate::chat) struct Outcomes {
    pub(in crate::chat) list: Vec<MemberOutcome>,
    places: std::collections::HashMap<BareJid, usize>,
}

impl Outcomes {
    /// All well so far. A user who is named twice has one outcome, at their first place.
    pub(in crate::chat) fn new(users: &[BareJid]) -> Outcomes {
        let mut outcomes = Outcomes { list: Vec::with_capacity(users.len()), places: std::collections::HashMap::new() };
        for user in users {
            if !outcomes.places.contains_key(user) {
                outcomes.places.insert(user.clone(), outcomes.list.len());
                outcomes.list.push(MemberOutcome { user: user.clone(), result: Ok(()) });
            }
        }
        outcomes
    }

    pub(in crate::chat) fn fail(&mut self, user: &BareJid, error: ChatError) {
        if let Some(outcome) = self.places.get(user).and_then(|place| self.list.get_mut(*place))
            && outcome.result.is_ok()
        {
            outcome.result = Err(error);
        }
    }
}
