//! The node of a user's number: made once, with the address of whoever holds the number as its description.
//!
//! To make a node is the one step of a pubsub service that of many who try it lets one succeed, and the description is
//! part of that step. So a number has its holder from the moment its node is there, and never another: nobody writes
//! to the node again. Prosody 0.12 tells the description to whoever asks, as it does the names of all nodes; the others
//! tell it to nobody.

use std::time::Duration;

use jid::BareJid;

use super::super::core::{Core, WINDOW};
use super::super::{Call, ChatError};
use super::name;
use super::store::{Answer, PAUSES, is_lost};
use crate::xmpp::{iq, pubsub};

/// Who holds a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// This user.
    User(BareJid),
    /// Whoever the node is for, it is no user: its number is lost.
    Nobody,
}

impl Core {
    /// The holders of numbers, asked side by side, in their order; `None` of those that nobody holds.
    ///
    /// # Errors
    /// [`ChatError::Right`] for a node that is not the component's own: what it says is not to be believed.
    pub(in super::super) async fn number_holders(
        &self,
        call: &Call,
        service: &str,
        numbers: &[u64],
    ) -> Vec<Result<Option<Holder>, ChatError>> {
        // The configuration, and not an item: an owner alone is told it, so that nodes which others made are found out.
        let question = |number: &u64| iq::get(&self.component, service, pubsub::config_query(&name::number(*number)));
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
                self.component
            ))),
            Err(error) => Err(self.pubsub_refusal(service, error)),
        }
    }

    /// Claims each number for a user and says who holds it then: he does, unless another did so before.
    pub(in super::super) async fn claim_numbers(
        &self,
        call: &Call,
        service: &str,
        claims: &[(u64, &BareJid)],
    ) -> Vec<Result<Holder, ChatError>> {
        let numbers: Vec<u64> = claims.iter().map(|(number, _)| *number).collect();
        let mut held = self.number_holders(call, service, &numbers).await;
        // ejabberd loses some nodes that are made at the same moment: whatever is answered, it counts what is read.
        for pause in std::iter::once(Duration::ZERO).chain(PAUSES) {
            let open: Vec<(usize, (u64, &BareJid))> =
                claims.iter().copied().enumerate().filter(|(n, _)| matches!(held.get(*n), Some(Ok(None)))).collect();
            if open.is_empty() {
                break;
            }
            tokio::time::sleep(pause).await;
            let made = self.make_numbers(call, service, &open).await;
            let numbers: Vec<u64> = open.iter().map(|(_, (number, _))| *number).collect();
            let read = self.number_holders(call, service, &numbers).await;
            for (((n, _), made), read) in open.iter().zip(made).zip(read) {
                if let Some(place) = held.get_mut(*n) {
                    *place = made.and(read);
                }
            }
        }
        let lost = || ChatError::Refused {
            by: service.to_owned(),
            condition: "internal-server-error".into(),
            text: Some("it has not kept the node of a number".into()),
        };
        held.into_iter().map(|holder| holder?.ok_or_else(lost)).collect()
    }

    async fn make_numbers(
        &self,
        call: &Call,
        service: &str,
        claims: &[(usize, (u64, &BareJid))],
    ) -> Vec<Result<(), ChatError>> {
        let nodes: Vec<String> = claims.iter().map(|(_, (number, _))| name::number(*number)).collect();
        let create = |(node, (_, (_, user))): (&'_ String, &(usize, (u64, &BareJid)))| {
            iq::set(&self.component, service, pubsub::create_described(node, &name::escape(user.as_str())))
        };
        let creations = nodes.iter().zip(claims).map(|(node, claim)| (node.as_str(), create((node, claim)))).collect();
        let answers = self.create_nodes(call, service, creations).await;
        let made = |answer: Result<Answer, ChatError>| match answer? {
            Err(error) if !error.is("conflict") && !is_lost(&error) => Err(self.pubsub_refusal(service, error)),
            _ => Ok(()),
        };
        answers.into_iter().map(made).collect()
    }
}

fn read(description: Option<&str>) -> Holder {
    let user = description.and_then(name::unescape).and_then(|jid| BareJid::new(&jid).ok());
    user.map_or(Holder::Nobody, Holder::User)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_names_the_holder() {
        let user = BareJid::new("é%20!語@example.org").unwrap();
        assert_eq!(read(Some(&name::escape(user.as_str()))), Holder::User(user));
        for other in [None, Some(""), Some("%zz@example.org"), Some("@@"), Some("numbers of the shop")] {
            assert_eq!(read(other), Holder::Nobody, "{other:?}");
        }
    }
}
