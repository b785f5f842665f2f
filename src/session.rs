//! A user's own c2s sessions, opened with a grant, for what a server offers a component in no other way; and the check
//! of a password by logging in with it.

use std::sync::Arc;

use jid::BareJid;

use crate::link::{Call, LinkError};
use crate::xml::Element;

/// Why something could not be done in a user's session.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    /// No grant is configured.
    #[error("no session grant is configured: set sessions.grant to \"oauth\" or \"jwt\"")]
    NoGrant,
    /// The server refused the log-in.
    #[error("the XMPP server refused the session: {0}")]
    Refused(String),
    /// The c2s port or the token endpoint cannot be reached.
    #[error("no session could be opened: {0}")]
    Connect(String),
    /// The session was open, and what was asked in it has no answer.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// The bounded pool of sessions. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    _todo: (),
}

impl Sessions {
    /// Builds the pool; nothing is opened yet.
    pub fn new(_config: Arc<crate::config::Config>) -> Result<Sessions, SessionError> {
        todo!()
    }

    /// True when a grant is configured.
    pub fn granted(&self) -> bool {
        todo!()
    }

    /// Sends an IQ in the session of `user`, opening one when none is open, and returns the whole reply.
    /// The account must exist: both grants would open a session for one that does not.
    pub async fn iq(&self, _call: &Call, _user: &BareJid, _iq: Element) -> Result<Element, SessionError> {
        todo!()
    }

    /// Sends a stanza in the session of `user` and waits until the server has processed it; `Some` is its bounce.
    pub async fn send_routed(
        &self,
        _call: &Call,
        _user: &BareJid,
        _stanza: Element,
    ) -> Result<Option<Element>, SessionError> {
        todo!()
    }

    /// Forgets and closes the session of `user`, for instance when the account is gone.
    pub async fn forget(&self, _user: &BareJid) {
        todo!()
    }

    /// True when `password` is the XMPP password of `user`: a log-in over c2s with an empty authzid.
    pub async fn check_password(&self, _call: &Call, _user: &BareJid, _password: &str) -> Result<bool, SessionError> {
        todo!()
    }

    /// Closes all sessions.
    pub async fn drain(&self) {
        todo!()
    }
}
