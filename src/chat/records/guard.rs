//! Whether the records are the gateway's alone: what a user could put there under a name that it looks for, it would
//! believe.

use std::time::{Duration, Instant};

use jid::BareJid;

use crate::chat::records::{Records, name};
use crate::chat::server::ask::WINDOW;
use crate::chat::types::error::ChatError;
use crate::link::Call;
use crate::xml::element::Build;
use crate::xmpp::{iq, pubsub};

/// Time for one step.
const STEP: Duration = Duration::from_secs(30);
/// Nodes that are looked at in one step.
const NODES: usize = 1000;

impl Records {
    /// Whether a user may make nodes on the service: tried in the name of `user`, whom nobody must have. What was made is
    /// removed.
    pub(in crate::chat) async fn users_make_nodes(
        &self,
        call: &Call,
        service: &str,
        user: &BareJid,
    ) -> Result<bool, ChatError> {
        let node = format!("stanzagate/check/{user}");
        let as_user = |payload| iq::set(user.as_str(), service, payload).with("id", self.server.link.new_id(call));
        // The answer is the user's, so it is looked for what came of it.
        self.server.link.send_routed(call, &as_user(pubsub::create(&node, None))).await?;
        match self.server.ask(call, iq::get(&self.server.component, service, pubsub::config_query(&node))).await? {
            Err(error) if error.is("item-not-found") => Ok(false),
            Ok(_) => self.delete_node(call, service, &node).await.map(|()| true),
            Err(_) => {
                self.server.link.send_routed(call, &as_user(pubsub::delete(&node))).await?;
                Ok(true)
            }
        }
    }

    /// The nodes under names of the gateway's that others own too, or alone.
    pub(in crate::chat) async fn foreign_nodes(&self, service: &str) -> Result<Vec<String>, ChatError> {
        let nodes = self.nodes(&step(), service).await?;
        let nodes: Vec<String> = nodes.into_iter().filter(|node| name::is_record(node)).collect();
        let mut foreign = Vec::new();
        for some in nodes.chunks(NODES) {
            let question = |node: &String| iq::get(&self.server.component, service, pubsub::owners_query(node));
            let answers = self.server.ask_all(&step(), some.iter().map(question).collect(), WINDOW).await;
            for (node, answer) in some.iter().zip(answers) {
                let own = |owner: &str| BareJid::new(owner).is_ok_and(|owner| self.server.is_own(&owner));
                let ours = match answer? {
                    Ok(reply) => pubsub::owners(&reply).all(own),
                    Err(error) => error.is("item-not-found"),
                };
                if !ours {
                    foreign.push(node.clone());
                }
            }
        }
        Ok(foreign)
    }
}

fn step() -> Call {
    Call::new("check".into(), Instant::now() + STEP)
}
