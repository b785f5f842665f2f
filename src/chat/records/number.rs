//! The node of a user's number: made once, with the address of whoever holds the number as its description.
//!
//! To make a node is the one step of a pubsub service that of many who try it lets one succeed, and the description is
//! part of that step. So a number has its holder from the moment its node is there, and never another: nobody writes
//! another description to it. One that is missing has been lost by ejabberd's SQL storage, and is said again. Prosody 0.12 tells the description to whoever asks, as it does the names of all nodes; the others
//! tell it to nobody.

use std::time::Duration;

use jid::BareJid;

use crate::chat::records::answer::{Answer, PAUSES, is_lost};
use crate::chat::records::settle::New;
use crate::chat::records::{Records, name};
use crate::chat::server::ask::WINDOW;
use crate::chat::types::error::ChatError;
use crate::link::{Call, LinkError};
use crate::xmpp::{iq, pubsub};

/// Who holds a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// This user.
    User(BareJid),
    /// The node does not say so: not yet, or it was lost.
    Unsaid,
    /// Whoever the node is for, it is no user: its number is lost.
    Nobody,
}

impl Records {
    /// The holders of numbers, asked side by side, in their order; `None` of those that nobody holds.
    ///
    /// # Errors
    /// [`ChatError::Right`] for a node that is not the component's own: what it says is not to be believed.
    pub(in crate::chat) async fn number_holders(
        &self,
        call: &Call,
        service: &str,
        numbers: &[u64],
    ) -> Vec<Result<Option<Holder>, ChatError>> {
        let mut held = self.holders_now(call, service, numbers).await;
        // ejabberd's SQL storage shows no description while others are let into the node.
        for pause in PAUSES {
            let unsaid = held.iter_mut().zip(numbers).filter(|(held, _)| matches!(held, Ok(Some(Holder::Unsaid))));
            let (places, numbers): (Vec<_>, Vec<u64>) = unsaid.unzip();
            if places.is_empty() {
                break;
            }
            tokio::time::sleep(pause).await;
            for (place, holder) in places.into_iter().zip(self.holders_now(call, service, &numbers).await) {
                *place = holder;
            }
        }
        held
    }

    async fn holders_now(&self, call: &Call, service: &str, numbers: &[u64]) -> Vec<Result<Option<Holder>, ChatError>> {
        // The configuration, and not an item: an owner alone is told it, so that nodes which others made are found out.
        let question =
            |number: &u64| iq::get(&self.server.component, service, pubsub::config_query(&name::number(*number)));
        let answers = self.ask_nodes(call, numbers.iter().map(question).collect(), WINDOW).await;
        let read = |(number, answer): (&u64, Result<Answer, ChatError>)| self.holder(service, *number, answer?);
        numbers.iter().zip(answers).map(read).collect()
    }

    fn holder(&self, service: &str, number: u64, answer: Answer) -> Result<Option<Holder>, ChatError> {
        match answer {
            Ok(reply) => Ok(Some(read(pubsub::description(&reply).as_deref()))),
            Err(error) if error.is("item-not-found") => Ok(None),
            Err(error) if error.is("forbidden") => Err(ChatError::Right(format!(
                "the node {:?} on {service} is not the gateway's own ({error}): let only the gateway {:?} make such \
                 nodes and delete it; or, if another gateway made it, name this one in its component.siblings and start it \
                 again",
                name::number(number),
                self.server.component
            ))),
            Err(error) => Err(self.pubsub_refusal(service, error)),
        }
    }

    /// Claims each number for a user and says who holds it then: they do, unless another did so before.
    pub(in crate::chat) async fn claim_numbers(
        &self,
        call: &Call,
        service: &str,
        claims: &[(u64, &BareJid)],
    ) -> Vec<Result<Holder, ChatError>> {
        let numbers: Vec<u64> = claims.iter().map(|(number, _)| *number).collect();
        let mut held = self.number_holders(call, service, &numbers).await;
        // ejabberd loses some nodes that are made at the same moment: whatever is answered, it counts what is read.
        for pause in std::iter::once(Duration::ZERO).chain(PAUSES) {
            let open = |holder: &Result<Option<Holder>, ChatError>| match holder {
                Ok(None) => Some(false),
                Ok(Some(Holder::Unsaid)) => Some(true),
                _ => None,
            };
            let open: Vec<Claim<'_>> = held
                .iter()
                .zip(claims)
                .enumerate()
                .filter_map(|(n, (holder, (number, user)))| {
                    Some(Claim { n, number: *number, user, unsaid: open(holder)? })
                })
                .collect();
            if open.is_empty() {
                break;
            }
            tokio::time::sleep(pause).await;
            let made = self.make_numbers(call, service, &open).await;
            let numbers: Vec<u64> = open.iter().map(|claim| claim.number).collect();
            let read = self.number_holders(call, service, &numbers).await;
            for ((claim, made), read) in open.iter().zip(made).zip(read) {
                if let Some(place) = held.get_mut(claim.n) {
                    *place = made.and(read);
                }
            }
        }
        let lost = || {
            ChatError::refused_by(service.to_owned(), "internal-server-error", "it has not kept the node of a number")
        };
        let kept = |holder: &Holder| *holder != Holder::Unsaid;
        held.into_iter().map(|holder| holder?.filter(kept).ok_or_else(lost)).collect()
    }

    /// Makes the nodes of numbers. Of one that has lost whose it is it says so again: whoever asks for the same user finds
    /// this number first, and no other user's hash meets it but by a chance in 2^52.
    async fn make_numbers(&self, call: &Call, service: &str, claims: &[Claim<'_>]) -> Vec<Result<(), ChatError>> {
        let new = |claim: &Claim<'_>| New {
            name: name::number(claim.number),
            description: Some(name::escape(claim.user.as_str())),
        };
        let nodes: Vec<New> = claims.iter().map(new).collect();
        let unsaid = nodes.iter().zip(claims).filter(|(_, claim)| claim.unsaid);
        let close = |(node, _): (&New, _)| {
            iq::set(&self.server.component, service, pubsub::close(&node.name, node.description.as_deref()))
        };
        let said = self.ask_nodes(call, unsaid.map(close).collect(), WINDOW).await;
        let free = nodes.iter().zip(claims).filter(|(_, claim)| !claim.unsaid).map(|(node, _)| node.clone());
        let made = self.create_nodes(call, service, &free.collect::<Vec<_>>()).await;
        let mut said = said.into_iter().map(|answer| Ok(answer?.map(drop)));
        let mut made = made.into_iter();
        let outcome = |claim: &Claim<'_>| {
            let answer = if claim.unsaid { said.next() } else { made.next() };
            match answer.unwrap_or_else(|| Err(LinkError::Unknown.into()))? {
                Err(error) if !is_lost(&error) => Err(self.pubsub_refusal(service, error)),
                _ => Ok(()),
            }
        };
        claims.iter().map(outcome).collect()
    }
}

/// A number that a user is to have.
struct Claim<'a> {
    n: usize,
    number: u64,
    user: &'a BareJid,
    /// True when its node is there and does not say whose it is.
    unsaid: bool,
}

fn read(description: Option<&str>) -> Holder {
    let Some(description) = description.filter(|description| !description.is_empty()) else { return Holder::Unsaid };
    let user = name::unescape(description).and_then(|jid| BareJid::new(&jid).ok());
    user.map_or(Holder::Nobody, Holder::User)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_names_the_holder() {
        let user = BareJid::new("é%20!語@example.org").unwrap();
        assert_eq!(read(Some(&name::escape(user.as_str()))), Holder::User(user));
        for other in [Some("%zz@example.org"), Some("@@"), Some("numbers of the shop")] {
            assert_eq!(read(other), Holder::Nobody, "{other:?}");
        }
        assert_eq!([None, Some("")].map(read), [Holder::Unsaid, Holder::Unsaid]);
    }
}
