//! Which app calls: `X-ML-AppId`, with `X-ML-Request-Sign` or `X-ML-APIKey`.
//!
//! The signature is `HEX,TIME` with HEX the MD5 of time and key, one behind the other, and TIME in milliseconds since
//! 1970; any of the app's keys may be used. `HEX,TIME,master` must be signed with its master key. `X-ML-APIKey` is a key
//! itself: the API's own libraries, from version 4 on, send nothing else.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::clock;
use crate::config::maxleap::Maxleap;
use crate::config::secret::Secret;
use crate::dialects::api::md5;
use crate::dialects::api::wrong_keys::WrongKeys;
use crate::http::access::{OwnKeys, Refusal};
use crate::http::client_addr::ClientAddr;

const APP: HeaderName = HeaderName::from_static("x-ml-appid");
const SIGN: HeaderName = HeaderName::from_static("x-ml-request-sign");
const KEY: HeaderName = HeaderName::from_static("x-ml-apikey");

/// Wrong keys for one app from one network in a minute, before the next is answered with a wait.
const ATTEMPTS: u32 = 30;

/// The keys of all apps.
#[derive(Debug)]
pub struct Keys {
    apps: Vec<Arc<str>>,
    keys: Vec<KnownKey>,
    /// Greatest distance of a signature's time from now; `None`: any.
    fresh: Option<Duration>,
    wrong: WrongKeys,
}

#[derive(Debug)]
struct KnownKey {
    app: usize,
    master: bool,
    key: Secret,
    digest: [u8; 32],
}

/// What a caller shows.
enum Proof {
    Sign { md5: [u8; 16], time: String, master: bool },
    Key([u8; 32]),
}

impl Keys {
    /// The keys in the configuration.
    pub fn new(config: &Maxleap) -> Keys {
        let mut keys = Vec::new();
        for (app, given) in (0..).zip(&config.apps) {
            let known = |key: &Secret, master| {
                let digest = Sha256::digest(key.expose().as_bytes()).into();
                KnownKey { app, master, key: key.clone(), digest }
            };
            keys.extend(given.keys.iter().map(|key| known(key, false)));
            keys.extend(given.master_key.iter().map(|key| known(key, true)));
        }
        Keys {
            apps: config.apps.iter().map(|app| Arc::from(app.id.as_str())).collect(),
            keys,
            fresh: (config.sign_seconds > 0).then(|| Duration::from_secs(config.sign_seconds)),
            wrong: WrongKeys::new(ATTEMPTS),
        }
    }

    /// The place of the app with this id. Ids are no secrets: web pages show them.
    fn app(&self, headers: &HeaderMap) -> Option<usize> {
        let id = headers.get(APP)?.as_bytes();
        self.apps.iter().position(|app| app.as_bytes() == id)
    }

    /// True when what is shown was made with a key of the app. Every key is compared, whatever the outcome, so that the
    /// time says nothing about which one is near.
    fn proves(&self, proof: &Proof, app: usize) -> bool {
        let matches = |known: &KnownKey| match proof {
            Proof::Key(digest) => known.digest.ct_eq(digest),
            Proof::Sign { md5, time, master } => {
                md5::sum([time.as_str(), known.key.expose()]).ct_eq(md5)
                    & Choice::from(u8::from(!master || known.master))
            }
        };
        let found = self.keys.iter().fold(0, |found, known| {
            let own = matches(known) & known.app.ct_eq(&app);
            u8::conditional_select(&found, &1, own)
        });
        found == 1
    }

    fn in_time(&self, proof: &Proof, now: Duration) -> bool {
        match (proof, self.fresh) {
            (Proof::Sign { time, .. }, Some(fresh)) => {
                time.parse().is_ok_and(|ms| Duration::from_millis(ms).abs_diff(now) <= fresh)
            }
            _ => true,
        }
    }

    /// As [`OwnKeys::check`]; `clock` is the time since 1970.
    fn check_at(&self, from: IpAddr, headers: &HeaderMap, now: Instant, clock: Duration) -> Result<Arc<str>, Refusal> {
        let app = self.app(headers);
        let judged = self.judge(app, Proof::read(headers), clock).map_err(Refusal::OwnKey);
        self.wrong.count(from, app, now, judged)
    }

    fn judge(&self, app: Option<usize>, proof: Option<Proof>, clock: Duration) -> Result<Arc<str>, &'static str> {
        let known = app.and_then(|app| Some((app, self.apps.get(app)?)));
        let (app, id) = known.ok_or("X-ML-AppId is missing, or no app has that id")?;
        let missing = "a signature HEX,TIME in X-ML-Request-Sign or a key in X-ML-APIKey is needed";
        let proof = proof.ok_or(missing)?;
        if !self.proves(&proof, app) {
            return Err("the signature or key is not one of this app");
        }
        match self.in_time(&proof, clock) {
            true => Ok(Arc::clone(id)),
            false => Err("the time of X-ML-Request-Sign is too far from now"),
        }
    }
}

impl OwnKeys for Keys {
    fn check(&self, from: ClientAddr, head: &Parts, now: Instant) -> Result<Arc<str>, Refusal> {
        self.check_at(from.ip, &head.headers, now, clock::since_1970())
    }
}

impl Proof {
    /// What the headers show; a signature is what counts where there are both.
    fn read(headers: &HeaderMap) -> Option<Proof> {
        match headers.get(SIGN) {
            Some(sign) => Proof::sign(sign.to_str().ok()?),
            None => Some(Proof::Key(Sha256::digest(headers.get(KEY)?.as_bytes().trim_ascii()).into())),
        }
    }

    fn sign(text: &str) -> Option<Proof> {
        let mut items = text.split(',').map(str::trim);
        let md5 = md5::read(items.next()?)?;
        let time = items.next().filter(|time| (1..=20).contains(&time.len()))?;
        let master = match items.next() {
            None => false,
            Some("master") => true,
            Some(_) => return None,
        };
        let digits = time.bytes().all(|b| b.is_ascii_digit());
        (digits && items.next().is_none()).then(|| Proof::Sign { md5, time: time.to_owned(), master })
    }
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
