//! Reading the records' nodes: some items or all, of one node or many.

use crate::chat::records::Records;
use crate::chat::records::answer::{Answer, WHOSE};
use crate::chat::server::ask::WINDOW;
use crate::chat::types::error::ChatError;
use crate::link::Call;
use crate::xml::Element;
use crate::xmpp::{disco, iq, pubsub};

/// Items of a node that is too big for one answer are asked for by this many at once.
const BATCH: usize = 8;
/// Ids of one page.
const PAGE: usize = 1000;
/// Batches of items that are asked for side by side.
const BATCHES: usize = 4;
/// ejabberd lists so many nodes unless told otherwise.
const EJABBERD_LISTS: usize = 100;
/// The node that comes and goes to tell whether the list is whole.
const COUNTED: &str = "stanzagate/counted";

impl Records {
    /// Items of a node: those that `ids` names, or all; none of a node that does not exist.
    pub(in crate::chat) async fn read_node(
        &self,
        call: &Call,
        service: &str,
        node: &str,
        ids: &[&str],
    ) -> Result<Vec<(String, String)>, ChatError> {
        let answer = self.ask_node(call, self.question(service, node, ids)).await?;
        self.node_items(call, service, node, answer).await
    }

    /// All items of each of `nodes`, asked side by side, in their order.
    pub(in crate::chat) async fn read_nodes(
        &self,
        call: &Call,
        service: &str,
        nodes: &[String],
    ) -> Vec<Result<Vec<(String, String)>, ChatError>> {
        let questions = nodes.iter().map(|node| self.question(service, node, &[])).collect();
        let answers = self.ask_nodes(call, questions, WINDOW).await;
        let mut read = Vec::with_capacity(nodes.len());
        for (node, answer) in nodes.iter().zip(answers) {
            read.push(match answer {
                Ok(answer) => self.node_items(call, service, node, answer).await,
                Err(error) => Err(error),
            });
        }
        read
    }

    fn question(&self, service: &str, node: &str, ids: &[&str]) -> Element {
        iq::get(&self.server.component, service, pubsub::items(node, ids.iter().copied()))
    }

    async fn node_items(
        &self,
        call: &Call,
        service: &str,
        node: &str,
        answer: Answer,
    ) -> Result<Vec<(String, String)>, ChatError> {
        match answer {
            Ok(reply) => Ok(pubsub::read_items(&reply)),
            Err(error) if error.is("item-not-found") => Ok(Vec::new()),
            // The link's own word for an answer over its bounds.
            Err(error) if error.is("policy-violation") => self.read_by_parts(call, service, node).await,
            Err(error) => Err(self.pubsub_refusal(service, error)),
        }
    }

    /// A node whose items make an answer larger than the link takes.
    async fn read_by_parts(&self, call: &Call, service: &str, node: &str) -> Result<Vec<(String, String)>, ChatError> {
        let ids = self.node_ids(call, service, node).await?;
        let parts = ids.chunks(BATCH).map(|ids| {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            self.question(service, node, &ids)
        });
        let mut items = Vec::with_capacity(ids.len());
        for answer in self.server.ask_all(call, parts.collect(), BATCHES).await {
            match answer? {
                Ok(reply) => items.extend(pubsub::read_items(&reply)),
                Err(error) if error.is("item-not-found") => return Ok(Vec::new()),
                Err(error) => return Err(self.pubsub_refusal(service, error)),
            }
        }
        Ok(items)
    }

    /// The ids of a node's items; none of a node that does not exist.
    pub(in crate::chat) async fn node_ids(
        &self,
        call: &Call,
        service: &str,
        node: &str,
    ) -> Result<Vec<String>, ChatError> {
        let mut ids = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let query = iq::get(&self.server.component, service, pubsub::ids_query(node, PAGE, after.as_deref()));
            let reply = match self.server.ask(call, query).await? {
                Ok(reply) => reply,
                Err(error) if error.is("item-not-found") => return Ok(ids),
                Err(error) => return Err(self.pubsub_refusal(service, error)),
            };
            let page = pubsub::ids(&reply);
            let next = disco::next_page(&reply).filter(|_| !page.is_empty());
            ids.extend(page);
            if next.is_none() || next == after {
                break;
            }
            after = next;
        }
        // ejabberd says so too of a node that it lets only others look into.
        if ids.is_empty()
            && !self.server.siblings.is_empty()
            && let Err(error) = self.ask_node(call, self.question(service, node, &[WHOSE])).await?
            && !error.is("item-not-found")
        {
            return Err(self.pubsub_refusal(service, error));
        }
        Ok(ids)
    }

    /// The names of all nodes of the service.
    ///
    /// # Errors
    /// [`ChatError::Right`] when it does not list all.
    pub(in crate::chat) async fn nodes(&self, call: &Call, service: &str) -> Result<Vec<String>, ChatError> {
        let nodes = self.listed_nodes(call, service).await?;
        if nodes.len() != EJABBERD_LISTS || !self.server.cuts_lists_of_nodes(call).await? {
            return Ok(nodes);
        }
        // All there are, or all it lists? With one more or one less, the list must change.
        match nodes.iter().any(|node| node == COUNTED) {
            true => self.delete_node(call, service, COUNTED).await?,
            false => self.make_node(call, service, COUNTED).await?,
        }
        let nodes = self.listed_nodes(call, service).await?;
        if nodes.len() != EJABBERD_LISTS {
            return Ok(nodes);
        }
        Err(ChatError::Right(format!(
            "{service} lists {EJABBERD_LISTS} nodes and no more (ejabberd.yml: modules: mod_pubsub: \
             max_nodes_discoitems: infinity)"
        )))
    }

    async fn listed_nodes(&self, call: &Call, service: &str) -> Result<Vec<String>, ChatError> {
        let answer = self.server.ask(call, iq::get(&self.server.component, service, pubsub::nodes_query())).await?;
        let reply = answer.map_err(|error| self.pubsub_refusal(service, error))?;
        Ok(pubsub::nodes(&reply).into_iter().map(str::to_owned).collect())
    }
}
