//! The grant `oauth`: tokens from ejabberd's `oauth_issue_token` command, asked over its HTTP API (mod_http_api).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jid::BareJid;
use parking_lot::Mutex;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::SessionError;
use super::breaker::Breaker;
use super::certificate::{of_tls, told};
use super::error::OpenError;
use super::tls::{ARRIVALS, speaks_tls};
use super::tokens::Tokens;
use crate::causes::innermost;

/// Life of the gateway's own tokens, in seconds. A token logs in as its user: short enough to be of little use once it leaks.
const TTL: u64 = 3600;
/// A token is not used in the last part of its life, so that a log-in in progress never meets its end.
const MARGIN: u64 = 60;
/// Longest answer read; the real one has some 100 bytes.
const MAX_ANSWER: usize = 16 << 10;

/// What is said when one side speaks TLS and the other does not.
const TLS: &str = "TLS is spoken there: write https:// in sessions.oauth_url, with a name that the certificate has, or give \
                   mod_http_api a listener without TLS on loopback";
const NO_TLS: &str = "TLS is not spoken there: write http:// in sessions.oauth_url (to loopback alone: whoever reads a token can \
                      log in with it)";

/// The token endpoint and the tokens it gave.
pub(super) struct OAuth {
    url: String,
    http: reqwest::Client,
    tokens: Mutex<Tokens>,
    breaker: Breaker,
    /// Places of those who ask, each of whom may need a connection of their own.
    arrivals: Semaphore,
    /// ejabberd 24 and newer want `scopes` as a list, 23 as a text. The form that worked last is tried first.
    scopes_as_text: AtomicBool,
}

impl OAuth {
    /// Prepares the client of `url`, the base URL of ejabberd's API.
    ///
    /// # Errors
    /// When the URL is not one.
    pub fn new(url: &str, tokens: usize) -> Result<OAuth, SessionError> {
        let base = reqwest::Url::parse(url).map_err(|e| SessionError::Config(format!("sessions.oauth_url: {e}")))?;
        let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        // Without TLS no authority is needed, and a machine without any must not be refused.
        let builder = if base.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
        let http = builder.build().map_err(|e| SessionError::Config(format!("sessions.oauth_url: {e}")))?;
        Ok(OAuth {
            url: format!("{}/oauth_issue_token", url.trim_end_matches('/')),
            http,
            tokens: Mutex::new(Tokens::new(tokens)),
            breaker: Breaker::default(),
            arrivals: Semaphore::new(ARRIVALS),
            scopes_as_text: AtomicBool::new(false),
        })
    }

    /// A token of `user`: the kept one, or a new one. The second value tells whether it was kept.
    pub async fn token(&self, user: &BareJid, deadline: Instant) -> Result<(SecretString, bool), OpenError> {
        if let Some(token) = self.tokens.lock().get(user, Instant::now()) {
            return Ok((token, true));
        }
        let (token, life) = self.fresh(user, TTL, deadline).await?;
        let until = Instant::now() + Duration::from_secs(life.saturating_sub(MARGIN));
        self.tokens.lock().put(user.clone(), token.clone(), until);
        Ok((token, false))
    }

    /// A new token of `user` that is good for at most `ttl` seconds, and for how many. It is not kept.
    pub async fn fresh(&self, user: &BareJid, ttl: u64, deadline: Instant) -> Result<(SecretString, u64), OpenError> {
        if let Some(cause) = self.breaker.cause() {
            return Err(cause);
        }
        let issued = self.issue(user, ttl, deadline).await;
        match &issued {
            Ok(_) => self.breaker.reset(),
            Err(error @ OpenError::Unreachable(_)) => self.breaker.trip(error.clone()),
            Err(_) => {}
        }
        issued
    }

    /// Drops the kept token of `user`.
    pub fn forget(&self, user: &BareJid) {
        self.tokens.lock().remove(user);
    }

    async fn issue(&self, user: &BareJid, ttl: u64, deadline: Instant) -> Result<(SecretString, u64), OpenError> {
        let as_text = self.scopes_as_text.load(Ordering::Relaxed);
        let first = self.ask(user, ttl, as_text, deadline).await?;
        if first.0 != 400 {
            return self.read(first, ttl);
        }
        // Any 400 may be about the form of `scopes`: the wording differs between versions, and asking again is harmless.
        let second = self.ask(user, ttl, !as_text, deadline).await?;
        if second.0 == 200 {
            self.scopes_as_text.store(!as_text, Ordering::Relaxed);
            return self.read(second, ttl);
        }
        self.read(first, ttl)
    }

    async fn ask(
        &self,
        user: &BareJid,
        ttl: u64,
        as_text: bool,
        deadline: Instant,
    ) -> Result<(u16, String), OpenError> {
        let scopes = if as_text { json!("sasl_auth") } else { json!(["sasl_auth"]) };
        let body = json!({ "jid": user.as_str(), "ttl": ttl, "scopes": scopes });
        let unreachable =
            |e: String| OpenError::Unreachable(format!("ejabberd's HTTP API ({}) cannot be reached: {e}", self.url));
        let exchange = async {
            let mut answer = self.http.post(&self.url).json(&body).send().await?;
            let mut bytes = Vec::new();
            while let Some(chunk) = answer.chunk().await? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > MAX_ANSWER {
                    break;
                }
            }
            Ok::<_, reqwest::Error>((answer.status().as_u16(), String::from_utf8_lossy(&bytes).into_owned()))
        };
        let asked = async {
            let _arriving = self.arrivals.acquire().await;
            exchange.await
        };
        match tokio::time::timeout_at(deadline.into(), asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(e)) => Err(unreachable(self.cause(&e).await)),
            Err(_) => Err(unreachable("no answer in time".into())),
        }
    }

    /// Why the exchange failed. Where one side speaks TLS and the other does not, only that helps.
    async fn cause(&self, error: &reqwest::Error) -> String {
        match of_tls(error) {
            Some(rustls::Error::InvalidMessage(_)) => return NO_TLS.into(),
            Some(error) => {
                return format!(
                    "{}. The name in sessions.oauth_url must be the certificate's, or give mod_http_api a listener without \
                     TLS on loopback",
                    told(error)
                );
            }
            None => {}
        }
        let url = reqwest::Url::parse(&self.url).ok();
        let place = url.as_ref().and_then(|url| Some((url.scheme(), url.host_str()?, url.port_or_known_default()?)));
        let Some((scheme, host, port)) = place else { return innermost(error) };
        match (scheme, speaks_tls(host, port).await) {
            ("http", Some(true)) => TLS.into(),
            ("https", Some(false)) => NO_TLS.into(),
            _ => innermost(error),
        }
    }

    fn read(&self, (status, body): (u16, String), ttl: u64) -> Result<(SecretString, u64), OpenError> {
        let answer: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
        if let (200, Some(token)) = (status, answer.get("token").and_then(Value::as_str)) {
            return Ok((token.to_owned().into(), life(answer.get("expires_in"), ttl)));
        }
        let said = answer.get("message").and_then(Value::as_str).or(answer.as_str()).unwrap_or("no reason given");
        let said: String = said.chars().take(200).collect();
        let hint = match status {
            _ if body.contains("internal_error") => {
                "is ejabberd's OAuth library installed (Debian: erlang-p1-oauth2)? ejabberd's log says more"
            }
            401 | 403 => {
                "not permitted: allow the command oauth_issue_token from the gateway's address in api_permissions \
                 (from: [mod_http_api])"
            }
            404 => "not found: is mod_http_api among the listener's request_handlers at this path?",
            _ => "unexpected answer",
        };
        Err(OpenError::Refused(format!("{}: HTTP {status} ({said}): {hint}", self.url)))
    }
}

/// Seconds of life: ejabberd writes `"3600 seconds"`. `ttl` were asked for.
fn life(expires_in: Option<&Value>, ttl: u64) -> u64 {
    match expires_in {
        Some(Value::Number(n)) => n.as_u64(),
        Some(Value::String(text)) => text.split_whitespace().next().and_then(|n| n.parse().ok()),
        _ => None,
    }
    .map_or(ttl, |seconds| seconds.min(ttl))
}
