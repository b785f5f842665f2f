//! Writing the records' nodes, which the component owns: one item for each key, so that no writer disturbs another.

use serde_json::Value;

use crate::chat::records::answer::{Answer, PAUSES, WHOSE, is_lost};
use crate::chat::records::settle::New;
use crate::chat::records::{Records, name};
use crate::chat::server::ask::WINDOW;
use crate::chat::types::error::ChatError;
use crate::link::{Call, LinkError};
use crate::xml::encode::EncodeError;
use crate::xmpp::stanza_error::StanzaError;
use crate::xmpp::{iq, pubsub};

/// Bytes of one value as XML text: with what is around it, one stanza that servers take.
const LARGEST: usize = 245_000;
/// Items that one verb changes side by side: Prosody's internal storage reads the whole node for each, and those behind
/// it wait.
const CHANGES: usize = 8;

/// What a node answers that is not closed, so that nothing was published in it.
const OPEN: &str = "conflict";

impl Records {
    /// Publishes items, each on its own, in a node that is made when it does not exist. Nothing is published when one is
    /// too large.
    pub(in crate::chat) async fn write_node(
        &self,
        call: &Call,
        service: &str,
        node: &str,
        whose: &str,
        mut items: Vec<(String, String)>,
    ) -> Result<(), ChatError> {
        if items.is_empty() {
            return Ok(());
        }
        if let Some(size) = items.iter().map(|(_, json)| written(json)).find(|size| *size > LARGEST) {
            return Err(LinkError::Encode(EncodeError::TooLarge(size, LARGEST)).into());
        }
        if name::is_digest(node) {
            items.push((WHOSE.to_owned(), json(&Value::from(whose))));
        }
        // Always before the first item: what ejabberd makes itself is not shared with other gateways.
        self.make_node(call, service, node).await?;
        let items: Vec<_> = items.iter().map(|(id, json)| (node, id.as_str(), json.as_str())).collect();
        let answers = self.publish(call, service, &items, CHANGES).await;
        let mut outcomes = Vec::with_capacity(items.len());
        for (item, answer) in items.iter().zip(answers) {
            outcomes.push(match answer {
                Ok(Err(error)) if is_lost(&error) || error.is(OPEN) => {
                    self.publish_again(call, service, *item, error).await
                }
                Ok(answer) => answer.map(drop).map_err(|error| self.pubsub_refusal(service, error)),
                Err(error) => Err(error),
            });
        }
        whole(outcomes, "were recorded")
    }

    /// Publishes the same item in many nodes, each with the address it is about, side by side; one outcome each.
    pub(in crate::chat) async fn write_each(
        &self,
        call: &Call,
        service: &str,
        nodes: &[(String, String)],
        (id, json): (&str, &str),
    ) -> Vec<Result<(), ChatError>> {
        let new: Vec<New> = nodes.iter().map(|(node, _)| New::plain(node)).collect();
        let made = self.create_nodes(call, service, &new).await;
        let ready: Vec<bool> = made.iter().map(|made| matches!(made, Ok(Ok(())))).collect();
        let publish = |((node, _), _): (&(String, String), _)| self.publishing(service, (node, id, json));
        let simple = |(node, ready): &(&(String, String), &bool)| **ready && !name::is_digest(&node.0);
        let requests = nodes.iter().zip(&ready).filter(simple).map(publish).collect();
        let mut answers = self.server.ask_all(call, requests, WINDOW).await.into_iter();
        let mut outcomes = Vec::with_capacity(nodes.len());
        for entry in nodes.iter().zip(&ready) {
            let answer = if simple(&entry) { answers.next() } else { None };
            let (node, whose) = entry.0;
            outcomes.push(match answer {
                Some(Ok(Ok(_))) => Ok(()),
                Some(Err(error)) => Err(error),
                _ => self.write_node(call, service, node, whose, vec![(id.to_owned(), json.to_owned())]).await,
            });
        }
        outcomes
    }

    /// Removes the same item from many nodes, side by side; one outcome each.
    pub(in crate::chat) async fn clear_each(
        &self,
        call: &Call,
        service: &str,
        nodes: &[String],
        id: &str,
    ) -> Vec<Result<(), ChatError>> {
        let requests =
            nodes.iter().map(|node| iq::set(&self.server.component, service, pubsub::retract(node, id))).collect();
        let answers = self.ask_nodes(call, requests, WINDOW).await;
        answers.into_iter().map(|answer| self.absent_is_fine(service, answer?)).collect()
    }

    async fn publish_again(
        &self,
        call: &Call,
        service: &str,
        item: (&str, &str, &str),
        mut error: StanzaError,
    ) -> Result<(), ChatError> {
        for pause in PAUSES {
            tokio::time::sleep(pause).await;
            self.make_node(call, service, item.0).await?;
            if error.is(OPEN) {
                tracing::warn!(node = item.0, "a record's node was open to others, and is closed now");
                self.ask_node(call, iq::set(&self.server.component, service, pubsub::close(item.0, None))).await?.ok();
            }
            let published = self.publish(call, service, &[item], CHANGES).await.pop();
            match published.unwrap_or_else(|| Err(LinkError::Unknown.into()))? {
                Ok(_) => return Ok(()),
                Err(again) if is_lost(&again) || again.is(OPEN) => error = again,
                Err(error) => return Err(self.pubsub_refusal(service, error)),
            }
        }
        Err(self.pubsub_refusal(service, error))
    }

    /// Makes a node, or leaves one that exists as it is.
    pub(in crate::chat) async fn make_node(&self, call: &Call, service: &str, node: &str) -> Result<(), ChatError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let made = self.create_nodes(call, service, &[New::plain(node)]).await.pop();
            match made.unwrap_or_else(|| Err(LinkError::Unknown.into()))? {
                Ok(()) => return Ok(()),
                Err(error) => match pauses.next().filter(|_| is_lost(&error)) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(self.pubsub_refusal(service, error)),
                },
            }
        }
    }

    /// Removes items; those that are not there need no removing.
    ///
    /// # Errors
    /// [`ChatError::Partial`] when some were removed.
    pub(in crate::chat) async fn clear_items(
        &self,
        call: &Call,
        service: &str,
        node: &str,
        ids: &[String],
    ) -> Result<(), ChatError> {
        let requests =
            ids.iter().map(|id| iq::set(&self.server.component, service, pubsub::retract(node, id))).collect();
        let answers = self.ask_nodes(call, requests, CHANGES).await;
        let outcomes = answers.into_iter().map(|answer| self.absent_is_fine(service, answer?)).collect();
        whole(outcomes, "were removed")
    }

    /// Deletes a node; one that is not there needs no deleting.
    pub(in crate::chat) async fn delete_node(&self, call: &Call, service: &str, node: &str) -> Result<(), ChatError> {
        let answer = self.ask_node(call, iq::set(&self.server.component, service, pubsub::delete(node))).await?;
        self.absent_is_fine(service, answer)
    }

    fn absent_is_fine(&self, service: &str, answer: Answer) -> Result<(), ChatError> {
        match answer {
            Err(error) if !error.is("item-not-found") => Err(self.pubsub_refusal(service, error)),
            _ => Ok(()),
        }
    }

    /// What a refusal by the service means.
    pub(in crate::chat) fn pubsub_refusal(&self, service: &str, error: StanzaError) -> ChatError {
        match error.condition.as_str() {
            "forbidden" | "not-allowed" | "not-authorized" | "registration-required" => ChatError::Right(format!(
                "the gateway's records on {service} were refused ({error}): is that the pubsub service (server.pubsub)? \
                 Let {:?} create nodes there (ejabberd: mod_pubsub's access_createnode; Prosody: admins of the pubsub \
                 component). If another gateway on this server made them, each must name the other in \
                 component.siblings; start that one again then",
                self.server.component
            )),
            "remote-server-not-found" | "remote-server-timeout" | "service-unavailable" | "feature-not-implemented" => {
                ChatError::Right(format!(
                    "there is no pubsub service {service} ({error}): enable one for the gateway's records and name it in \
                     server.pubsub"
                ))
            }
            OPEN => ChatError::refused_by(
                service,
                &error.condition,
                "a record's node is open to others and could not be closed, so nothing was written to it: run stanzagate check",
            ),
            _ => ChatError::refused(error),
        }
    }
}

/// One outcome for several values. An error that says that nothing was done must be true of all of them.
fn whole(outcomes: Vec<Result<(), ChatError>>, done: &str) -> Result<(), ChatError> {
    let total = outcomes.len();
    let mut failed: Vec<ChatError> = outcomes.into_iter().filter_map(Result::err).collect();
    let well = total.saturating_sub(failed.len());
    let telling = failed.iter().position(|error| !error.is_unavailable()).unwrap_or(0);
    match failed.get(telling) {
        None => Ok(()),
        Some(_) if well == 0 => Err(failed.swap_remove(telling)),
        Some(error) => Err(ChatError::Partial(format!("{well} of {total} values {done}; then: {error}"))),
    }
}

/// A value as JSON text that XML carries: serde_json leaves the two code points that are no characters as they are.
pub(in crate::chat) fn json(value: &Value) -> String {
    let text = value.to_string();
    if text.contains(['\u{fffe}', '\u{ffff}']) {
        return text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff");
    }
    text
}

/// Bytes of a text in XML.
fn written(text: &str) -> usize {
    let escaped = text.bytes().map(|byte| match byte {
        b'&' => 5,
        b'<' | b'>' => 4,
        _ => 1,
    });
    escaped.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::types::error::Kind;

    #[test]
    fn a_value_stays_the_same_as_text_that_xml_carries() {
        let value = serde_json::json!({"\u{ffff}": ["\0\u{1}\u{fffe}\\uffff \" é😀", 1.0, null]});
        let text = json(&value);
        assert!(text.chars().all(|c| c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}')), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn the_size_in_xml_is_known() {
        assert_eq!(written("a&<>é"), 16);
    }

    #[test]
    fn what_was_done_in_part_is_said() {
        let (busy, unknown) = (|| Err(LinkError::Busy.into()), || Err(LinkError::Unknown.into()));
        let kind = |outcomes| whole(outcomes, "were removed").map_err(|error| error.kind());
        assert_eq!(kind(vec![Ok(()), Ok(())]), Ok(()));
        assert_eq!(kind(vec![busy(), busy()]), Err(Kind::Unavailable));
        assert_eq!(kind(vec![busy(), unknown()]), Err(Kind::OutcomeUnknown));
        assert_eq!(kind(vec![Ok(()), busy()]), Err(Kind::Partial));
        assert_eq!(kind(vec![busy(), Ok(())]), Err(Kind::Partial));
    }
}
