//! The XMPP server, as all that is above sees it: what is asked of it, what comes in, and which product it is.

pub(in crate::chat) mod admin;
pub(in crate::chat) mod archive;
pub(in crate::chat) mod archives;
pub(in crate::chat) mod ask;
mod dispatch;
pub(in crate::chat) mod incoming;
pub(in crate::chat) mod links;
pub(in crate::chat) mod misdelivered;
mod steps;

use std::sync::Arc;

use jid::BareJid;
use tokio::sync::OnceCell;

use crate::chat::server::incoming::Incoming;
use crate::chat::server::links::Links;
use crate::chat::types::address::Addresses;
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::config::Config;
use crate::config::server::Kind;
use crate::link::{Call, Link};
use crate::session::Sessions;
use crate::xmpp::{iq, version};

/// What all verbs share: the link, the sessions, the addresses.
pub struct Server {
    pub(in crate::chat) config: Arc<Config>,
    pub(in crate::chat) addresses: Addresses,
    /// The component's own name: the address from which everything that is not in a user's name is sent.
    pub(in crate::chat) component: String,
    /// The names of the other gateways on the server.
    pub(in crate::chat) siblings: Vec<String>,
    pub(in crate::chat) link: Link,
    /// Over which messages to users go.
    pub(in crate::chat) links: Links,
    pub(in crate::chat) sessions: Sessions,
    product: OnceCell<Product>,
    pub(in crate::chat) incoming: Arc<Incoming>,
}

impl Server {
    /// The server at the other end of `link`.
    pub(in crate::chat) fn new(
        config: Arc<Config>,
        addresses: Addresses,
        (link, links): (Link, Links),
        sessions: Sessions,
        incoming: Arc<Incoming>,
    ) -> Server {
        Server {
            // As servers write it: it is compared with what they say.
            component: as_written(&config.component.name),
            siblings: config.component.siblings.iter().map(|name| as_written(name)).collect(),
            product: OnceCell::new(),
            config,
            addresses,
            link,
            links,
            sessions,
            incoming,
        }
    }

    /// The product, as configured or as the server itself says (XEP-0092), asked once.
    pub(in crate::chat) async fn product(&self, call: &Call) -> Result<Product, ChatError> {
        match self.known_product() {
            Some(product) => Ok(product),
            None => Box::pin(self.product.get_or_try_init(|| self.ask_product(call))).await.copied(),
        }
    }

    /// The product, where that is known already.
    fn known_product(&self) -> Option<Product> {
        match self.config.server.kind {
            Kind::Ejabberd => Some(Product::Ejabberd),
            Kind::Prosody => Some(Product::Prosody),
            Kind::Auto => self.product.get().copied(),
        }
    }

    async fn ask_product(&self, call: &Call) -> Result<Product, ChatError> {
        let name = self.server_version(call).await?.map(|(name, _)| name).unwrap_or_default();
        match name.to_ascii_lowercase() {
            name if name.contains("ejabberd") => Ok(Product::Ejabberd),
            name if name.contains("prosody") => Ok(Product::Prosody),
            _ => Err(ChatError::Config(format!(
                "the XMPP server says its name is {name:?}: set server.kind to \"ejabberd\" or \"prosody\""
            ))),
        }
    }

    /// Name and version as the server itself says.
    pub(in crate::chat) async fn server_version(&self, call: &Call) -> Result<Option<(String, String)>, ChatError> {
        let question = iq::get(&self.component, self.addresses.domain(), version::query());
        Ok(self.ask(call, question).await?.ok().and_then(|reply| version::read(&reply)))
    }
}

fn as_written(name: &str) -> String {
    BareJid::new(name).map_or_else(|_| name.to_owned(), |name| name.to_string())
}
