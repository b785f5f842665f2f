//! The verbs, and the nouns they take. Here are the decisions: the order of stanzas, what counts as done, and, inside the
//! rooms, where ejabberd and Prosody differ.
//!
//! The rooms, each of which uses only those before it, has its own state, and is alone to touch it:
//!
//! ```text
//! kit, types < server < records, files < accounts < rooms < archive, messages, check < groups < Chat
//! ```

pub mod accounts;
pub mod archive;
pub mod check;
pub mod files;
pub mod groups;
pub mod kit;
pub mod messages;
pub mod records;
pub mod rooms;
pub mod server;
pub mod types;

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use accounts::Accounts;
use accounts::mark::Mark;
use archive::Histories;
use check::Check;
use files::Files;
use groups::Groups;
use messages::Messages;
use records::Records;
use rooms::Rooms;
use server::Server;
use server::incoming::Incoming;
pub use server::incoming::KeyAnswer;
use server::links::Links;
use server::misdelivered;
pub use types::address::{Addresses, Realm};
pub use types::error::ChatError;
pub use types::product::Product;

use crate::config::Config;
pub use crate::link::{Call, LinkError, LinkState, Rivals, Tally, Trace};
use crate::link::{Link, LinkConfig};
use crate::session::{OnMisdelivered, Sessions};
use crate::xml::bounds::Bounds;

/// Bounds of what the server sends: a list of 30,000 members is one stanza, and so is that of the records' nodes, three
/// for each of some 20,000 users.
const INCOMING: Bounds = Bounds { depth: 64, bytes: 8 << 20, elements: 131_072 };

/// How often a gateway looks whether another one is connected under its name.
const LOOKS: Duration = Duration::from_secs(300);

/// The time for answering a request for a key.
const KEY_TIME: Duration = Duration::from_secs(10);

/// The verbs, over one link. Cheap to clone.
#[derive(Clone)]
pub struct Chat(Arc<Handles>);

/// Where each verb is found.
pub struct Handles {
    server: Arc<Server>,
    /// The gateway's own records.
    pub records: Arc<Records>,
    /// Uploads.
    pub files: Files,
    /// Accounts, their profiles, friends, numbers and log-in tokens.
    pub accounts: Arc<Accounts>,
    /// Rooms and their members.
    pub rooms: Arc<Rooms>,
    /// Messages from the archives.
    pub histories: Arc<Histories>,
    /// Sending.
    pub messages: Messages,
    /// Groups and open rooms, as APIs know them.
    pub groups: Groups,
}

impl Deref for Chat {
    type Target = Handles;

    fn deref(&self) -> &Handles {
        &self.0
    }
}

impl Chat {
    /// Connects the verbs to the server that `config` names; the link comes up in the background.
    pub fn start(config: Arc<Config>, metrics: crate::metrics::Metrics) -> Result<Chat, ChatError> {
        let apps = config.maxleap.apps.iter().filter(|_| config.maxleap.enabled).map(|app| app.hosts());
        let xuanxuan = config.xuanxuan.enabled.then(|| config.xuanxuan.hosts());
        let mut tenants = apps.chain(xuanxuan).chain(config.rongcloud.enabled.then(|| config.rongcloud.hosts()));
        let addresses = tenants.try_fold(Addresses::new(&config.server)?, |all, hosts| all.and(&hosts))?;
        let services = addresses.services().map(str::to_owned).collect();
        let incoming = Arc::new(Incoming { services, ..Incoming::default() });
        let handler = incoming.clone();
        let on_stanza: crate::link::OnStanza = Arc::new(move |link, stanza| handler.take(link, stanza));
        let settings = link_config(&config, addresses.domain())?;
        let link = Link::start(settings.clone(), on_stanza, metrics.link.clone());
        let names = &config.component.extra_links;
        let links = Links::start(link.clone(), &settings, names, &incoming, &addresses, &metrics.link);
        let (misdelivered, pass_on) = misdelivered::passing();
        pass_on(link.clone());
        let unasked = incoming.clone();
        let misdelivered: OnMisdelivered = Arc::new(move |user, message| {
            if !unasked.archives.take(Some(user), &message) {
                misdelivered(user, message);
            }
        });
        let sessions = Sessions::new(config.clone(), metrics.session.clone(), misdelivered)?;
        let server = Arc::new(Server::new(config, addresses, (link, links), sessions, incoming));
        let records = Arc::new(Records::new(Arc::clone(&server)));
        let accounts = Arc::new(Accounts::new(Arc::clone(&server), Arc::clone(&records)));
        let rooms = Arc::new(Rooms::new(Arc::clone(&server), Arc::clone(&records), Arc::clone(&accounts)));
        tokio::spawn(Rooms::sweep(Arc::downgrade(&rooms)));
        let below = || (Arc::clone(&server), Arc::clone(&records), Arc::clone(&accounts), Arc::clone(&rooms));
        let histories = {
            let (server, records, accounts, rooms) = below();
            Arc::new(Histories::new(server, records, accounts, rooms))
        };
        let groups = {
            let (server, records, accounts, rooms) = below();
            Groups::new(server, records, accounts, rooms, Arc::clone(&histories))
        };
        let messages = Messages::new(Arc::clone(&server), Arc::clone(&accounts), Arc::clone(&rooms), metrics.messages);
        let files = Files::new(Arc::clone(&server));
        Ok(Chat(Arc::new(Handles { server, records, files, accounts, rooms, histories, messages, groups })))
    }

    /// Trying what the server lets the gateway do.
    pub fn check(&self) -> Check<'_> {
        Check {
            server: &self.server,
            records: &self.records,
            accounts: &self.accounts,
            rooms: &self.rooms,
            files: &self.files,
            until: Instant::now() + check::LONGEST,
        }
    }

    /// The link's state, to watch.
    pub fn link_state(&self) -> tokio::sync::watch::Receiver<LinkState> {
        self.server.link.state()
    }

    /// What was seen of other gateways under the same name.
    pub fn rivals(&self) -> Arc<Rivals> {
        self.server.link.rivals()
    }

    /// The addresses that callers may name.
    pub fn addresses(&self) -> &Addresses {
        &self.server.addresses
    }

    /// Registers what answers an IQ get that a user of a served domain sends to the component itself: given the sender's
    /// bare JID and the mark of the account, it returns the payload's text (used for `urn:xmpp:key`).
    pub fn on_key_request(&self, answer: KeyAnswer) {
        // What comes in belongs to the server's handle, which must not hold those above it.
        let accounts = Arc::downgrade(&self.accounts);
        *self.server.incoming.keys.write() = Some(Arc::new(move |user| {
            let (accounts, answer) = (accounts.clone(), Arc::clone(&answer));
            Box::pin(async move {
                let accounts = accounts.upgrade()?;
                let user = accounts.served(&user)?;
                let call = Call::new(Arc::from("key"), Instant::now() + KEY_TIME);
                let mark = accounts.mark_of(&call, &user).await.ok()?;
                answer(&user, mark.as_ref().and_then(Mark::id))
            })
        }));
    }

    /// Closes sessions and the link after what is pending has ended, or `limit` has passed.
    pub async fn drain(&self, limit: Duration) {
        self.rooms.leave_rooms(self.rooms.occupants.drain()).await;
        self.server.sessions.drain().await;
        tokio::join!(self.server.links.drain_extra(limit), self.server.link.drain(limit));
    }
}

fn link_config(config: &Config, server: &str) -> Result<LinkConfig, ChatError> {
    let component = &config.component;
    let secret = component.secret.as_ref().ok_or_else(|| ChatError::Config("component.secret is missing".into()))?;
    Ok(LinkConfig {
        address: component.address.clone(),
        name: component.name.clone(),
        secret: secret.secret(),
        server: server.to_owned(),
        connect_timeout: Duration::from_secs(10),
        queue_stanzas: component.queue_stanzas,
        queue_bytes: component.queue_bytes,
        busy_wait: Duration::from_millis(50),
        grace: Duration::from_secs(component.grace_seconds),
        iq_timeout: Duration::from_secs(component.iq_timeout_seconds),
        pending: component.pending,
        keepalive: Duration::from_secs(30),
        keepalive_timeout: Duration::from_secs(15),
        stall: Duration::from_secs(component.stall_seconds),
        backoff: (Duration::from_millis(200), Duration::from_secs(15)),
        bounds: INCOMING,
        looks: Some(LOOKS),
    })
}
