//! A user's own c2s sessions, opened with a grant, for what a server offers a component in no other way; and the check
//! of a password by logging in with it.
//!
//! A session binds a resource and then says nothing of itself: it **never sends presence**. A resource that has not sent
//! presence is not available (RFC 6121 section 4.2): contacts do not see it, messages to the bare JID do not come to it,
//! and a user whose only session is the gateway's still counts as offline, so that their messages are stored and wait for
//! their own device. Presence with a negative priority would keep messages away too, but would show the user as online to
//! their contacts, would make headlines and subscription requests look delivered, and on some servers keeps offline
//! storage from being used. An IQ and a sent message need no presence.
//!
//! Limits to know: a server that bounds the sessions of a user (ejabberd's `max_user_sessions`) may close the user's
//! oldest one for ours; and a server that bans addresses after wrong passwords (mod_fail2ban) sees the gateway's address
//! in every password check, so that address belongs on its list of exceptions (`session/ban.rs`).

mod ban;
mod breaker;
mod certificate;
mod error;
mod gate;
mod grant;
mod login;
mod misdelivered;
mod negotiate;
mod nonza;
mod oauth;
mod opener;
mod pinned;
mod pool;
mod sasl;
mod slots;
mod stream;
mod tls;
mod tokens;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jid::BareJid;

use self::error::OpenError;
use self::gate::NEGOTIATION;
pub use self::login::LoginToken;
pub use self::misdelivered::OnMisdelivered;
use self::opener::Opener;
use self::pool::Pool;
use self::sasl::Credentials;
use crate::link::{Call, LinkError};
use crate::metrics::SessionMetrics;
use crate::xml::Element;

/// Every resource of the gateway's own sessions begins so. Callers may not speak as a resource that does.
pub const RESOURCE_PREFIX: &str = "stanzagate-";

/// Why something could not be done in a user's session.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    /// No grant is configured.
    #[error("no session grant is configured: set sessions.grant to \"oauth\" or \"jwt\"")]
    NoGrant,
    /// The configuration lacks or misstates something.
    #[error("{0}")]
    Config(String),
    /// The server refused the log-in.
    #[error("the XMPP server refused the session: {0}")]
    Refused(String),
    /// The c2s port or the token endpoint cannot be reached.
    #[error("no session could be opened: {0}")]
    Connect(String),
    /// The server lets nobody in from the gateway's address, because of wrong passwords that others tried.
    #[error("no session could be opened: {0}")]
    Banned(String),
    /// The session was open, and what was asked in it has no answer.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// The bounded pool of sessions. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    opener: Arc<Opener>,
    pool: Arc<Pool>,
    metrics: SessionMetrics,
}

impl Sessions {
    /// Builds the pool; nothing is opened yet. Messages that come to a session go to `misdelivered`.
    ///
    /// # Errors
    /// [`SessionError::Config`] when the grant lacks its key or URL, or `c2s.ca_file` cannot be read.
    pub fn new(
        config: Arc<crate::config::Config>,
        metrics: SessionMetrics,
        misdelivered: OnMisdelivered,
    ) -> Result<Sessions, SessionError> {
        let opener = Arc::new(Opener::new(&config, metrics.streams.clone(), misdelivered)?);
        let idle = Duration::from_secs(config.sessions.idle_seconds);
        let pool = Pool::new(Arc::clone(&opener), config.sessions.max, idle, metrics.clone());
        Ok(Sessions { opener, pool, metrics })
    }

    /// What the sessions count.
    pub fn metrics(&self) -> &SessionMetrics {
        &self.metrics
    }

    /// True when a grant is configured.
    pub fn granted(&self) -> bool {
        self.opener.grant.is_some()
    }

    /// Sends an IQ in the session of `user`, opening one when none is open, and returns the whole reply.
    /// The account must exist: both grants would open a session for one that does not.
    ///
    /// # Errors
    /// [`SessionError`] when there is no reply. A reply of type `error` is an `Ok`.
    pub async fn iq(&self, call: &Call, user: &BareJid, iq: Element) -> Result<Element, SessionError> {
        self.may_open()?;
        let iq = &iq;
        self.pool.run(call, user, |conn| async move { conn.iq(call, iq.clone()).await }).await
    }

    /// Opens a session of `user` where none is open, for an IQ that is to follow.
    ///
    /// # Errors
    /// [`SessionError`] when none could be opened.
    pub async fn open(&self, call: &Call, user: &BareJid) -> Result<(), SessionError> {
        self.may_open()?;
        self.pool.run(call, user, |_| async { Ok(()) }).await
    }

    /// Sends a stanza in the session of `user`; it is written then.
    ///
    /// # Errors
    /// [`SessionError`] when it was not, or may not have been, written.
    pub async fn send(&self, call: &Call, user: &BareJid, stanza: Element) -> Result<(), SessionError> {
        self.may_open()?;
        let stanza = &stanza;
        self.pool.run(call, user, |conn| async move { conn.send(call, stanza).await }).await
    }

    /// Sends a stanza in the session of `user` and waits until the server has processed it; `Some` is its bounce.
    ///
    /// # Errors
    /// [`SessionError`] when that was not observed.
    pub async fn send_routed(
        &self,
        call: &Call,
        user: &BareJid,
        stanza: Element,
    ) -> Result<Option<Element>, SessionError> {
        self.may_open()?;
        let stanza = &stanza;
        self.pool.run(call, user, |conn| async move { conn.send_routed(call, stanza).await }).await
    }

    /// Forgets and closes the session of `user`, for instance when the account is gone.
    pub async fn forget(&self, user: &BareJid) {
        if let Some(grant) = &self.opener.grant {
            grant.forget(user);
        }
        self.pool.forget(user).await;
    }

    /// True when `password` is the XMPP password of `user`: a log-in over c2s with an empty authzid. Nothing is bound.
    ///
    /// # Errors
    /// When the server could not be asked, or gave no answer to the question.
    pub async fn check_password(&self, call: &Call, user: &BareJid, password: &str) -> Result<bool, SessionError> {
        let Some(localpart) = user.node() else { return Ok(false) };
        if !sasl::sendable(localpart.as_str(), password) {
            return Ok(false);
        }
        self.try_log_in(call, user, &Credentials::Password(password.to_owned().into())).await
    }

    /// True when the server takes the credentials. Nothing is bound.
    async fn try_log_in(&self, call: &Call, user: &BareJid, credentials: &Credentials) -> Result<bool, SessionError> {
        let gate = &self.opener.gate;
        let late = |_| SessionError::Connect("too many password checks at once".into());
        let place = tokio::time::timeout_at(call.deadline.into(), gate.checks.acquire()).await.map_err(late)?;
        let _place = place.map_err(|e| SessionError::Connect(e.to_string()))?;
        let deadline = call.deadline.min(Instant::now() + NEGOTIATION);
        let valid = match gate.authenticate(user, credentials, deadline).await {
            Ok(stream) => {
                stream.quit(true).await;
                true
            }
            Err(OpenError::Denied(_)) => false,
            Err(error) => return Err(error.into()),
        };
        self.metrics.checks.inc();
        Ok(valid)
    }

    /// Closes all sessions; none is opened afterwards.
    pub async fn drain(&self) {
        self.pool.drain().await;
    }

    fn may_open(&self) -> Result<(), SessionError> {
        if self.granted() { Ok(()) } else { Err(SessionError::NoGrant) }
    }
}
