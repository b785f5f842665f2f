//! Why a client stream could not be opened, in the terms that decide what happens next.

use super::SessionError;

/// Why a stream could not be opened or authenticated.
#[derive(Debug, Clone)]
pub(super) enum OpenError {
    /// Nothing usable answers there: refused, stalled, closed. Worth a pause before the next attempt.
    Unreachable(String),
    /// The server lets nobody in from the gateway's address. Worth a pause before the next attempt.
    Banned(String),
    /// The credentials are wrong, or the account may not log in: the SASL condition with the server's text.
    Denied(String),
    /// Anything else the server, or our own rules, said no to.
    Refused(String),
}

impl From<OpenError> for SessionError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Unreachable(cause) => SessionError::Connect(cause),
            OpenError::Banned(cause) => SessionError::Banned(cause),
            OpenError::Denied(cause) | OpenError::Refused(cause) => SessionError::Refused(cause),
        }
    }
}
