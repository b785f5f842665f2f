//! Adding members so that their clients show the room, and saying of each how far that came.

use std::collections::HashSet;

use jid::BareJid;

use crate::chat::rooms::Rooms;
use crate::chat::rooms::members::Outcomes;
use crate::chat::types::error::ChatError;
use crate::chat::types::room::{Affiliation, MemberOutcome};
use crate::link::{Call, LinkError};
use crate::xml::Element;
use crate::xml::element::Build;
use crate::xmpp::bookmarks::Shown;
use crate::xmpp::invite;
use crate::xmpp::stanza_error::StanzaError;

/// Members who are enrolled and then invited at a time.
const ENROLLED: usize = 50;

/// How far a call that ran out of time came for a member.
#[derive(Debug, Clone, Copy)]
pub(in crate::chat) struct Progress {
    /// All that makes their clients show the room is done.
    enrolled: bool,
    /// They are invited.
    invited: bool,
}

impl Rooms {
    /// Makes `users` members of `room` so that their standard clients show it: affiliation, reserved nick, MUC/Sub
    /// subscription (ejabberd), bookmark with autojoin, invitation from `inviter`. One outcome per user, in order.
    /// A user who is an admin or owner already keeps that.
    pub async fn add_members(
        &self,
        call: &Call,
        room: &BareJid,
        inviter: Option<&BareJid>,
        users: &[BareJid],
    ) -> Result<Vec<MemberOutcome>, ChatError> {
        let info = self.room_info(call, room).await?;
        let secret = self.secret_of(call, room, &info).await?;
        let shown = Shown { room, name: &info.name, password: secret.as_deref() };
        let (mut outcomes, present) = self.sort_out(call, users).await;
        let mut lists = self.lists(call, room).await?;
        let nicks = self.nicks(call, &present).await;
        let nicks: Vec<(BareJid, String)> = present
            .into_iter()
            .zip(nicks)
            .filter_map(|(user, nick)| match nick {
                Ok(nick) => {
                    let nick = lists.free_nick(&user, &nick);
                    Some((user, nick))
                }
                Err(error) => {
                    outcomes.fail(&user, undone(error));
                    None
                }
            })
            .collect();

        let (new, mut old): (Vec<_>, Vec<_>) =
            nicks.into_iter().partition(|(user, _)| lists.of(user) < Affiliation::Member);
        let (enrolled, mut uninvited) = self.go_on(room, &mut old);
        // ejabberd 24.12 answers that it made a subscriber without an affiliation a member, and does not do it.
        let subscribed: Vec<BareJid> =
            new.iter().map(|(user, _)| user).filter(|user| lists.is_subscribed(user)).cloned().collect();
        self.unsubscribe(call, room, &subscribed).await?;
        for user in &subscribed {
            lists.mark_unsubscribed(user);
        }
        let affiliations: Vec<_> = new.iter().map(|(user, nick)| (user.clone(), Some(nick.clone()))).collect();
        let set = self.set_affiliations(call, room, "member", &affiliations).await?;
        let mut joined = Vec::with_capacity(new.len());
        for (entry, outcome) in new.into_iter().zip(set) {
            match outcome {
                Ok(()) => joined.push(entry),
                Err(error @ ChatError::Link(_)) => {
                    outcomes.fail(&entry.0, error.of("they may be a member now"));
                    self.begun.insert((room.clone(), entry.0), Progress { enrolled: false, invited: false });
                }
                Err(error) => outcomes.fail(&entry.0, error),
            }
        }
        let mut bookmarked = HashSet::new();
        self.invite(call, &shown, inviter, (&enrolled, &bookmarked), (&mut uninvited, &mut outcomes)).await;
        uninvited.extend(joined.iter().map(|(user, _)| user.clone()));
        joined.extend(old);
        let (mut whole, mut partly) = (enrolled, Vec::new());
        // Some after some: when time runs out, few have one step behind them and not the next.
        for some in joined.chunks(ENROLLED) {
            for ((user, _), outcome) in some.iter().zip(self.enrol(call, &shown, (some, &lists)).await?) {
                match outcome {
                    Ok(shows) => {
                        whole.push(user.clone());
                        bookmarked.extend(shows.then(|| user.clone()));
                    }
                    Err(error) => {
                        partly.push(user.clone());
                        outcomes.fail(user, error.after("they are a member"));
                    }
                }
            }
            let some = some.iter().map(|(user, _)| user);
            self.invite(call, &shown, inviter, (some, &bookmarked), (&mut uninvited, &mut outcomes)).await;
        }
        // Only a call that ran out of time is gone on with: any other says what has to be looked at first.
        if self.server.in_time(call).is_err() && outcomes.list.iter().any(|outcome| outcome.result.is_err()) {
            for (users, enrolled) in [(&whole, true), (&partly, false)] {
                for user in users {
                    let begun = Progress { enrolled, invited: !uninvited.contains(user) };
                    self.begun.insert((room.clone(), user.clone()), begun);
                }
            }
        }
        tokio::join!(self.note_members(call, room, &whole, true), self.note_members(call, room, &partly, false));
        Ok(outcomes.list)
    }

    /// Goes on with members whom a call that ran out of time left behind. Those who are enrolled are taken out, and
    /// returned; and with them those who are still to be invited.
    fn go_on(&self, room: &BareJid, members: &mut Vec<(BareJid, String)>) -> (Vec<BareJid>, HashSet<BareJid>) {
        let (mut enrolled, mut uninvited) = (Vec::new(), HashSet::new());
        members.retain(|(user, _)| {
            let entry = (room.clone(), user.clone());
            let Some(begun) = self.begun.get(&entry) else { return true };
            self.begun.remove(&entry);
            if !begun.invited {
                uninvited.insert(user.clone());
            }
            if begun.enrolled {
                enrolled.push(entry.1);
            }
            !begun.enrolled
        });
        (enrolled, uninvited)
    }

    /// Invites those of `users` who are `uninvited`, and takes whoever was sent it out of these. To those who are
    /// `bookmarked` an invitation is for now: what is found on the next log-in may lead to a room that is gone by then, and
    /// a client that enters it makes it anew.
    async fn invite<'a>(
        &self,
        call: &Call,
        shown: &Shown<'_>,
        inviter: Option<&BareJid>,
        (users, bookmarked): (impl IntoIterator<Item = &'a BareJid>, &HashSet<BareJid>),
        (uninvited, outcomes): (&mut HashSet<BareJid>, &mut Outcomes),
    ) {
        let users: Vec<&BareJid> = users.into_iter().filter(|user| uninvited.contains(*user)).collect();
        let not = |error: ChatError| error.after("they are a member, but not invited");
        if let Err(error) = self.server.in_time(call) {
            return users.into_iter().for_each(|user| outcomes.fail(user, not(error.clone())));
        }
        let (brief, mut users): (Vec<&BareJid>, Vec<&BareJid>) =
            users.into_iter().partition(|user| bookmarked.contains(*user));
        let asked: Vec<BareJid> = brief.iter().copied().cloned().collect();
        for (user, may) in brief.into_iter().zip(self.may_be_told(call, &asked).await) {
            if may {
                users.push(user);
            } else {
                uninvited.remove(user);
            }
        }
        let from = inviter.map_or(self.server.component.as_str(), |inviter| inviter.as_str());
        let invitation = |user: &&BareJid| {
            let kept = !bookmarked.contains(*user);
            invite::direct(from, user, shown.room, shown.password, kept).with("id", self.server.link.new_id(call))
        };
        let invitations: Vec<Element> = users.iter().map(invitation).collect();
        for (user, outcome) in users.into_iter().zip(self.server.link.send_all_routed(call, &invitations).await) {
            match outcome {
                Ok(None) => drop(uninvited.remove(user)),
                // Who is not there now needs no invitation for now: the bookmark shows the room.
                Ok(Some(bounce))
                    if bookmarked.contains(user) && StanzaError::read(&bounce).is("service-unavailable") =>
                {
                    uninvited.remove(user);
                }
                Ok(Some(bounce)) => {
                    uninvited.remove(user);
                    let error = self.accounts.bounced(call, user, &bounce).await;
                    outcomes.fail(user, error);
                }
                // Better invited twice than not at all: they stay among those whom the same call again invites.
                Err(error @ (LinkError::Unknown | LinkError::Timeout)) => {
                    outcomes.fail(user, ChatError::from(error).after("they are a member, and may be invited"));
                }
                Err(error) => outcomes.fail(user, not(error.into())),
            }
        }
    }

    /// Splits those who exist, each once, from those who do not.
    async fn sort_out(&self, call: &Call, users: &[BareJid]) -> (Outcomes, Vec<BareJid>) {
        let mut outcomes = Outcomes::new(users);
        let each: Vec<BareJid> = outcomes.list.iter().map(|outcome| outcome.user.clone()).collect();
        let exist = self.accounts.exist(call, &each).await;
        let mut present = Vec::with_capacity(each.len());
        for (user, exists) in each.into_iter().zip(exist) {
            match exists {
                Ok(true) => present.push(user),
                Ok(false) => outcomes.fail(&user, ChatError::UnknownUser(user.clone())),
                Err(error) => outcomes.fail(&user, undone(error)),
            }
        }
        (outcomes, present)
    }
}

/// The failure of a question before anything was done for a user: an outcome that is not known would look the same.
fn undone(error: ChatError) -> ChatError {
    if matches!(error, ChatError::Link(_)) { error.of("nothing was done for them") } else { error }
}
