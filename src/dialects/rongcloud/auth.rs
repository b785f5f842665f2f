//! Which user calls: `Authorization: Token …`, whose token is a [`super::tokens`] one.
//!
//! Who shows none, or a bad one, gets 403 and not 401, as from the original: its first way to log in is a cookie, for which
//! the framework has no challenge.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use ipnet::IpNet;

use super::error::{BAD_TOKEN, Failure, NO_CREDENTIALS, NO_TOKEN, SPACES};
use super::tokens::{Token, Tokens};
use crate::http::access::{OwnKeys, Refusal};
use crate::http::client_addr::{ClientAddr, network_of};
use crate::http::language::Localized;
use crate::http::limiter::Attempts;

/// Wrong tokens from one network before it has to wait. Right ones from there are taken all the same.
const ATTEMPTS: u32 = 60;

/// How long they count.
const WINDOW: Duration = Duration::from_secs(60);

/// Networks that are remembered.
const REMEMBERED: usize = 100_000;

/// Tells users by their tokens.
#[derive(Debug)]
pub struct Users {
    tokens: Arc<Tokens>,
    wrong: Attempts<IpNet>,
}

impl Users {
    /// The users that `tokens` knows.
    pub fn new(tokens: Arc<Tokens>) -> Users {
        Users { tokens, wrong: Attempts::new(ATTEMPTS, WINDOW, REMEMBERED) }
    }
}

impl OwnKeys for Users {
    fn check(&self, from: ClientAddr, head: &Parts, now: Instant) -> Result<Arc<str>, Refusal> {
        match caller(&self.tokens, &head.headers) {
            Ok(Some(token)) => Ok(Arc::from(token.user.as_str())),
            Ok(None) => Err(Refusal::Own(StatusCode::FORBIDDEN, NO_CREDENTIALS.1)),
            Err((_, english)) => {
                self.wrong.begin_at(&network_of(from.ip), now).map_err(Refusal::Attempts)?;
                Err(Refusal::Own(StatusCode::FORBIDDEN, english))
            }
        }
    }
}

/// The token of a request; `None` when it shows none.
///
/// # Errors
/// 403 for a bad token: whoever shows one wants to be known.
pub fn known(tokens: &Tokens, headers: &HeaderMap) -> Result<Option<Token>, Failure> {
    caller(tokens, headers).map_err(Failure::forbidden)
}

fn caller(tokens: &Tokens, headers: &HeaderMap) -> Result<Option<Token>, Localized> {
    let Some(header) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = header.to_str().map_err(|_| BAD_TOKEN)?;
    let mut words = text.split_ascii_whitespace();
    let scheme = words.next().unwrap_or_default();
    if !["token", "bearer"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Ok(None);
    }
    match (words.next(), words.next()) {
        (None, _) => Err(NO_TOKEN),
        (Some(_), Some(_)) => Err(SPACES),
        (Some(token), None) => tokens.read(token).map(Some).ok_or(BAD_TOKEN),
    }
}
