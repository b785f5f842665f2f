//! What all verbs share: the link, the sessions, the addresses, what is known for a while, and how an answer is asked.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use jid::BareJid;
use parking_lot::RwLock;
use tokio::sync::{OnceCell, Semaphore};

use crate::chat::accounts::mark::Mark;
use crate::chat::accounts::number::Known;
use crate::chat::files::file::Storage;
use crate::chat::groups::Owners;
use crate::chat::kit::cache::Cache;
use crate::chat::kit::turns::Turns;
use crate::chat::kit::waiters::Waiters;
use crate::chat::messages::proof::Newest;
use crate::chat::rooms::adding::Begun;
use crate::chat::rooms::ejabberd::enrol::BOOKMARKS;
use crate::chat::rooms::seats::Seats;
use crate::chat::rooms::surveys::Surveys;
use crate::chat::server::Product;
use crate::chat::server::archives::Archives;
use crate::chat::server::links::Links;
use crate::chat::types::address::Addresses;
use crate::chat::types::error::ChatError;
use crate::config::Config;
use crate::link::{Call, Link, LinkError};
use crate::session::Sessions;
use crate::xml::Element;
use crate::xml::received::Received;
use crate::xmpp::iq;
use crate::xmpp::stanza_error::StanzaError;

/// Accounts that are believed to exist without asking again, at most.
const KNOWN_USERS: usize = 100_000;
/// Members who are remembered after a call that ran out of time, at most.
const BEGUN: usize = 20_000;
/// Domains of which something is remembered, at most.
const DOMAINS: usize = 1000;
/// IQs of one verb that are asked side by side.
pub(in crate::chat) const WINDOW: usize = 64;

/// Answers a request for a key that a user of a served domain sent to the component, given the mark of the account.
pub type KeyAnswer = Arc<dyn Fn(&BareJid, Option<&str>) -> Option<String> + Send + Sync>;

/// As [`KeyAnswer`], of whoever asked; it looks for the mark.
pub(in crate::chat) type KeyService = Arc<dyn Fn(BareJid) -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// What became of a message to a room: its archive id, when the room gives one, or the refusal.
pub(in crate::chat) type Reflection = Result<Option<String>, StanzaError>;

/// Shared by all verbs and by the handler of what comes in.
pub(in crate::chat) struct Core {
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
    pub(in crate::chat) product: OnceCell<Product>,
    pub(in crate::chat) incoming: Arc<Incoming>,
    known: Cache<BareJid, ()>,
    /// The marks of accounts, as far as servers keep them.
    pub(in crate::chat) marks: Cache<BareJid, Option<Mark>>,
    /// What a call that ran out of time did for members of a room: the next one goes on there.
    pub(in crate::chat) begun: Cache<(BareJid, BareJid), Begun>,
    /// Places of those who write bookmarks.
    pub(in crate::chat) bookmarking: Semaphore,
    /// Domains whose server takes bookmarks without options only.
    pub(in crate::chat) plain_bookmarks: Cache<String, ()>,
    /// Domains, and whether the server keeps the older list of a user's bookmarks itself.
    pub(in crate::chat) kept_lists: Cache<String, bool>,
    /// Whose older list of bookmarks is being changed.
    pub(in crate::chat) listing: Turns,
    pub(in crate::chat) owners: Owners,
    pub(in crate::chat) seats: Seats,
    /// Messages with ids of their callers' own that are on their way to a room: of those that nothing tells apart, one
    /// after the other.
    pub(in crate::chat) named: Turns,
    pub(in crate::chat) surveys: Surveys,
    /// Looks at the archives of users that are being made.
    pub(in crate::chat) newest: Surveys<Newest>,
    /// Set when an archive of a user was read.
    pub(in crate::chat) archives_read: OnceCell<()>,
    pub(in crate::chat) storage: Storage,
    pub(in crate::chat) numbers: Known,
}

/// Where what comes in finds who waits for it. Apart from [`Core`], since the link starts before the core exists.
#[derive(Default)]
pub(in crate::chat) struct Incoming {
    /// The served MUC services: nobody else's word on rooms counts.
    pub(in crate::chat) services: Vec<String>,
    /// Reflections, by room and the gateway's own id: whoever knows the id of another's message must not answer for the room.
    pub(in crate::chat) reflections: Waiters<(BareJid, String), Reflection>,
    /// Refusals of messages with ids of their callers' own, by room, occupant and id.
    pub(in crate::chat) refusals: Waiters<(BareJid, String, String), StanzaError>,
    /// Our own presence in a room, by room and the full JID it was sent to.
    pub(in crate::chat) entries: Waiters<(BareJid, String), Element>,
    /// Queries of archives, with what has come of them.
    pub(in crate::chat) archives: Archives,
    /// Rooms whose members have changed since they were last looked at.
    pub(in crate::chat) changed: RwLock<HashSet<BareJid>>,
    /// Who answers requests for a key.
    pub(in crate::chat) keys: RwLock<Option<KeyService>>,
    /// How many requests for a key are being answered.
    pub(in crate::chat) asking: Asking,
    /// What Prosody said that it grants (XEP-0356).
    pub(in crate::chat) granted: RwLock<Vec<(String, String)>>,
}

/// Places of those who wait for a key.
pub(in crate::chat) struct Asking(pub(in crate::chat) Arc<Semaphore>);

impl Default for Asking {
    fn default() -> Self {
        Asking(Arc::new(Semaphore::new(WINDOW)))
    }
}

impl Core {
    pub(in crate::chat) fn new(
        config: Arc<Config>,
        addresses: Addresses,
        link: Link,
        links: Links,
        sessions: Sessions,
        incoming: Arc<Incoming>,
    ) -> Core {
        let life = Duration::from_secs(config.server.cache_seconds);
        Core {
            // As servers write it: it is compared with what they say.
            component: as_written(&config.component.name),
            siblings: config.component.siblings.iter().map(|name| as_written(name)).collect(),
            known: Cache::new(life, KNOWN_USERS),
            marks: Cache::new(life, KNOWN_USERS),
            begun: Cache::new(life, BEGUN),
            bookmarking: Semaphore::new(BOOKMARKS),
            plain_bookmarks: Cache::new(life, DOMAINS),
            kept_lists: Cache::new(life, DOMAINS),
            listing: Turns::default(),
            owners: Owners::new(life),
            seats: Seats::new(life),
            named: Turns::default(),
            surveys: Surveys::default(),
            newest: Surveys::default(),
            archives_read: OnceCell::new(),
            storage: Storage::default(),
            numbers: Known::default(),
            product: OnceCell::new(),
            config,
            addresses,
            link,
            links,
            sessions,
            incoming,
        }
    }

    /// Asks, and tells a refusal from an answer.
    pub(in crate::chat) async fn ask(
        &self,
        call: &Call,
        iq: Element,
    ) -> Result<Result<Element, StanzaError>, ChatError> {
        Ok(iq::outcome(self.link.iq(call, iq).await?))
    }

    /// Asks where any refusal is a failure of the verb.
    pub(in crate::chat) async fn require(&self, call: &Call, iq: Element) -> Result<Element, ChatError> {
        self.ask(call, iq).await?.map_err(ChatError::refused)
    }

    /// Asks many things side by side; the answers are in the order of the questions.
    pub(in crate::chat) async fn ask_all(
        &self,
        call: &Call,
        iqs: Vec<Element>,
        window: usize,
    ) -> Vec<Result<Result<Element, StanzaError>, ChatError>> {
        let replies = self.link.iq_all(call, iqs, window).await;
        replies.into_iter().map(|reply| Ok(iq::outcome(reply?))).collect()
    }

    /// As [`Core::ask_all`], of answers that may be long: each is read when it comes, and only what was read is kept until
    /// all have come.
    pub(in crate::chat) async fn ask_all_reading<T>(
        &self,
        call: &Call,
        iqs: Vec<Element>,
        window: usize,
        read: impl Fn(&Received) -> T,
    ) -> Vec<Result<Result<T, StanzaError>, ChatError>> {
        let outcome = |reply| iq::received_outcome(reply).map(|reply| read(&reply));
        let replies = self.link.iq_all_reading(call, iqs, window, outcome).await;
        replies.into_iter().map(|outcome| Ok(outcome?)).collect()
    }

    /// As [`Core::ask_all`], where any refusal is a failure and no answer says more than that it was done.
    pub(in crate::chat) async fn require_all(
        &self,
        call: &Call,
        iqs: Vec<Element>,
        window: usize,
    ) -> Vec<Result<(), ChatError>> {
        let answers = self.ask_all(call, iqs, window).await;
        answers.into_iter().map(|answer| answer?.map(drop).map_err(ChatError::refused)).collect()
    }

    /// Fails when the caller's time is up: what is not begun then has certainly not been done.
    pub(in crate::chat) fn in_time(&self, call: &Call) -> Result<(), ChatError> {
        if Instant::now() < call.deadline { Ok(()) } else { Err(LinkError::Timeout.into()) }
    }

    /// Fails for the first of `users` that has no account.
    pub(in crate::chat) async fn require_users(&self, call: &Call, users: &[&BareJid]) -> Result<(), ChatError> {
        if users.iter().all(|user| self.known.get(*user).is_some()) {
            return Ok(());
        }
        let users: Vec<BareJid> = users.iter().map(|user| (*user).clone()).collect();
        // In a box: it is seldom needed, and every call would carry the room for it.
        for (user, exists) in users.iter().zip(Box::pin(self.exist(call, &users)).await) {
            if !exists? {
                return Err(ChatError::UnknownUser(user.clone()));
            }
        }
        Ok(())
    }

    /// Whether each of `users` has an account, side by side; what is known already is not asked.
    pub(in crate::chat) async fn exist(&self, call: &Call, users: &[BareJid]) -> Vec<Result<bool, ChatError>> {
        // Looked at once: what others learn or forget meanwhile must not shift the answers.
        let known: Vec<bool> = users.iter().map(|user| self.known.get(user).is_some()).collect();
        let unknown: Vec<BareJid> =
            users.iter().zip(&known).filter(|(_, known)| !**known).map(|(user, _)| user.clone()).collect();
        let answers = self.probe(call, &unknown).await;
        for (user, answer) in unknown.into_iter().zip(&answers) {
            if matches!(answer, Ok(true)) {
                self.known.insert(user, ());
            }
        }
        placed(&known, answers)
    }

    /// Forgets that an account exists.
    pub(in crate::chat) fn forget_user(&self, user: &BareJid) {
        self.known.remove(user);
        self.marks.remove(user);
    }

    /// The moment until which one step of a verb may wait: `step` from now, but never beyond the caller's own deadline.
    pub(in crate::chat) fn until(&self, call: &Call, step: Duration) -> Instant {
        call.deadline.min(Instant::now() + step)
    }
}

fn as_written(name: &str) -> String {
    BareJid::new(name).map_or_else(|_| name.to_owned(), |name| name.to_string())
}

/// The answers in the places of those who were asked about; whoever was known already exists.
fn placed(known: &[bool], answers: Vec<Result<bool, ChatError>>) -> Vec<Result<bool, ChatError>> {
    let mut answers = answers.into_iter();
    known.iter().map(|known| if *known { Ok(true) } else { answers.next().unwrap_or(Ok(false)) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_stays_with_the_one_it_is_about() {
        let answers = vec![Ok(false), Err(ChatError::Config("x".into())), Ok(true)];
        let placed = placed(&[true, false, false, true, false], answers);
        let said: Vec<Option<bool>> = placed.into_iter().map(Result::ok).collect();
        assert_eq!(said, [Some(true), Some(false), None, Some(true), Some(true)]);
    }
}
