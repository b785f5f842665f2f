//! The verbs, and the nouns they take. Here are the decisions: the order of stanzas, what counts as done, and (in
//! `server/`) the one place where ejabberd and Prosody differ.

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

use std::sync::Arc;
use std::time::{Duration, Instant};

use jid::BareJid;

pub use self::server::Product;
pub use self::server::core::KeyAnswer;
use self::server::core::{Core, Incoming};
use crate::config::Config;
pub use crate::link::{Call, LinkError, LinkState, Rivals};
use crate::link::{Link, LinkConfig};
use crate::session::{Sessions, Stray};
use crate::xml::read::Bounds;
use accounts::mark::Mark;
use accounts::profile::{Photo, Profile};
use server::links::Links;
use server::stray;
pub use types::address::{Addresses, Realm};
pub use types::error::ChatError;
use types::message::{Message, Receipt};
use types::room::{Affiliation, Member, MemberOutcome, NewRoom};

/// Bounds of what the server sends: a list of 30,000 members is one stanza, and so is that of the records' nodes, three
/// for each of some 20,000 users.
const INCOMING: Bounds = Bounds { depth: 64, bytes: 8 << 20, elements: 131_072 };

/// The time for answering a request for a key.
const KEY_TIME: Duration = Duration::from_secs(10);

/// The verbs, over one link. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    core: Arc<Core>,
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
        let inbound: crate::link::Inbound = Arc::new(move |link, stanza| handler.take(link, stanza));
        let settings = link_config(&config, addresses.domain())?;
        let link = Link::start(settings.clone(), inbound, metrics.link.clone());
        let names = &config.component.extra_links;
        let links = Links::start(link.clone(), &settings, names, &incoming, &addresses, &metrics.link);
        let (stray, pass_on) = stray::passing();
        pass_on(link.clone());
        let unasked = incoming.clone();
        let stray: Stray = Arc::new(move |user, message| {
            if !unasked.archives.take(Some(user), &message) {
                stray(user, message);
            }
        });
        let sessions = Sessions::new(config.clone(), metrics.session.clone(), stray)?;
        let core = Arc::new(Core::new(config, addresses, link, links, sessions, incoming));
        tokio::spawn(Core::sweep(Arc::downgrade(&core)));
        Ok(Chat { core })
    }

    /// The link's state, to watch.
    pub fn link_state(&self) -> tokio::sync::watch::Receiver<LinkState> {
        self.core.link.state()
    }

    /// What was seen of other gateways under the same name.
    pub fn rivals(&self) -> Arc<Rivals> {
        self.core.link.rivals()
    }

    /// The addresses that callers may name.
    pub fn addresses(&self) -> &Addresses {
        &self.core.addresses
    }

    /// Sends one message, one-to-one or to a room, and returns when what the call waits for is known (one-to-one: by default
    /// that the server has processed it) or the room has reflected it (rooms).
    ///
    /// # Errors
    /// Unknown recipient, sender or room, a sender who is not a member, a refusal by the room, a link that is busy,
    /// down, or fell before the answer.
    pub async fn send(&self, call: &Call, message: &Message) -> Result<Receipt, ChatError> {
        self.core.send(call, message).await
    }

    /// As [`Chat::send`] for messages of one sender to one target, which go in their order; one result each, in order.
    /// One that fails stops none behind it. Those to a user do not wait for each other's processing.
    pub async fn send_all(&self, call: &Call, messages: Vec<Message>) -> Vec<Result<Receipt, ChatError>> {
        self.core.send_all(call, messages).await
    }

    /// Creates a persistent room with `owner` as its owner. Atomic: of two callers one gets [`ChatError::RoomExists`].
    /// A room that could not be finished is destroyed again.
    pub async fn create_room(&self, call: &Call, room: NewRoom) -> Result<(), ChatError> {
        self.core.create_room(call, &room).await
    }

    /// Destroys a room; its occupants see `reason`.
    pub async fn destroy_room(&self, call: &Call, room: &BareJid, reason: &str) -> Result<(), ChatError> {
        self.core.destroy_room(call, room, reason).await
    }

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
        self.core.add_members(call, room, inviter, users).await
    }

    /// Undoes [`Chat::add_members`], owners and admins included. Removing one who is not a member is a success.
    pub async fn remove_members(
        &self,
        call: &Call,
        room: &BareJid,
        users: &[BareJid],
    ) -> Result<Vec<MemberOutcome>, ChatError> {
        self.core.remove_members(call, room, users).await
    }

    /// Owners, admins and members of a room, the gateway itself never among them, with the nicks that the room knows.
    pub async fn roll(&self, call: &Call, room: &BareJid) -> Result<Vec<Member>, ChatError> {
        self.core.roll(call, room).await
    }

    /// As [`Chat::roll`], each as they call themselves: see [`Chat::profile`].
    pub async fn members(&self, call: &Call, room: &BareJid) -> Result<Vec<Member>, ChatError> {
        self.core.members(call, room).await
    }

    /// The affiliation of one user in a room.
    pub async fn affiliation(&self, call: &Call, room: &BareJid, user: &BareJid) -> Result<Affiliation, ChatError> {
        Ok(self.core.lists(call, room).await?.of(user))
    }

    /// Whether a user is banned from a room, alone or with their whole domain (XEP-0045 section 9.1).
    pub async fn is_banned(&self, call: &Call, room: &BareJid, user: &BareJid) -> Result<bool, ChatError> {
        self.core.is_banned(call, room, user).await
    }

    /// Removes `users` from every room of the MUC service `rooms`, rooms made by ordinary clients included. One outcome
    /// per user; a user's error names the rooms that failed.
    pub async fn remove_from_all_rooms(
        &self,
        call: &Call,
        rooms: &str,
        users: &[BareJid],
    ) -> Result<Vec<MemberOutcome>, ChatError> {
        self.core.remove_from_all_rooms(call, rooms, users).await
    }

    /// Nick name and photo from the user's vCard.
    pub async fn profile(&self, call: &Call, user: &BareJid) -> Result<Profile, ChatError> {
        self.core.profile(call, user).await
    }

    /// The photo in the user's vCard, whole, when it is binary. None too for an account that does not exist: anybody who
    /// asks must not cause more than this one question.
    pub async fn photo(&self, call: &Call, user: &BareJid) -> Result<Option<Photo>, ChatError> {
        self.core.photo(call, user).await
    }

    /// True when `password` is the XMPP password of `user`.
    pub async fn check_password(&self, call: &Call, user: &BareJid, password: &str) -> Result<bool, ChatError> {
        Ok(self.core.sessions.check_password(call, user, password).await?)
    }

    /// Registers what answers an IQ get that a user of a served domain sends to the component itself: given the sender's
    /// bare JID and the mark of the account, it returns the payload's text (used for `urn:xmpp:key`).
    pub fn on_key_request(&self, answer: KeyAnswer) {
        // What comes in belongs to the core, which must not hold itself.
        let core = Arc::downgrade(&self.core);
        *self.core.incoming.keys.write() = Some(Arc::new(move |user| {
            let (core, answer) = (core.clone(), Arc::clone(&answer));
            Box::pin(async move {
                let chat = Chat { core: core.upgrade()? };
                let user = chat.addresses().user(user.as_str()).ok()?;
                let call = Call::new(Arc::from("key"), Instant::now() + KEY_TIME);
                let mark = chat.mark_of(&call, &user).await.ok()?;
                answer(&user, mark.as_ref().and_then(Mark::id))
            })
        }));
    }

    /// Closes sessions and the link after what is pending has ended, or `limit` has passed.
    pub async fn drain(&self, limit: Duration) {
        self.core.vacate(self.core.seats.drain()).await;
        self.core.sessions.drain().await;
        tokio::join!(self.core.links.drain_extra(limit), self.core.link.drain(limit));
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
    })
}
