//! Who may call a dialect: networks, then keys, then how often.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header, request::Parts};
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::client_addr::ClientAddr;
use super::limiter::Bucket;
use super::site::Foreign;
use crate::config::access::{Auth, Key};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The rules of one dialect.
#[derive(Debug)]
pub struct Access {
    auth: Auth,
    allow: Vec<IpNet>,
    keys: Vec<KnownKey>,
    own: Option<Box<dyn OwnKeys>>,
}

/// A dialect whose callers show keys in a way of that API's own.
pub trait OwnKeys: std::fmt::Debug + Send + Sync {
    /// The name of the caller at `from`, by what the head of their request shows.
    ///
    /// # Errors
    /// [`Refusal::OwnKey`], [`Refusal::Own`] or [`Refusal::Attempts`].
    fn check(&self, from: ClientAddr, head: &Parts, now: Instant) -> Result<Arc<str>, Refusal>;
}

#[derive(Debug)]
struct KnownKey {
    digest: [u8; 32],
    name: Arc<str>,
    domains: Arc<[String]>,
    rate: Option<Bucket>,
}

/// Why a caller is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Their network may not call: 403.
    Network {
        /// They came through a proxy that is not trusted, so that their own address is unknown.
        relayed: bool,
    },
    /// No key, or a wrong one: 401.
    Key,
    /// Not what the dialect's own way asks for: 401, with this text.
    OwnKey(&'static str),
    /// Not what the dialect's own way asks for, with the status and the text from which it makes its body.
    Own(StatusCode, &'static str),
    /// Their key is used too often: 429, and how long to wait.
    Rate(Duration),
    /// Too many wrong keys came from their address: 429, and how long to wait.
    Attempts(Duration),
    /// Nobody was asked for a key, and the call looks like a web page's: 403.
    Foreign(Foreign),
}

/// Who calls. A handler takes it as an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name of their key.
    pub name: Option<Arc<str>>,
    /// Their address; `0.0.0.0` when it cannot be told.
    pub addr: IpAddr,
    domains: Option<Arc<[String]>>,
}

impl Access {
    /// Builds the rules from a dialect's section. An empty `allow` admits every network when keys are asked for, and
    /// only callers on this machine otherwise.
    pub fn new(auth: Auth, keys: &[Key], allow: &[IpNet]) -> Self {
        let keys = keys.iter().map(KnownKey::new).collect();
        Self { auth, allow: allow.to_vec(), keys, own: None }
    }

    /// The rules of a dialect that recognises its callers itself. An empty `allow` admits every network.
    pub fn own(keys: impl OwnKeys + 'static, allow: &[IpNet]) -> Self {
        Self { auth: Auth::Key, allow: allow.to_vec(), keys: Vec::new(), own: Some(Box::new(keys)) }
    }

    /// Whether callers show something of their own, which a web page they look at does not have.
    pub fn asks_for_keys(&self) -> bool {
        self.auth == Auth::Key
    }

    /// Decides about one request.
    ///
    /// # Errors
    /// [`Refusal`] says which rule is against it.
    pub fn check(&self, from: ClientAddr, head: &Parts, now: Instant) -> Result<Caller, Refusal> {
        let admitted = match (self.allow.is_empty(), self.auth) {
            (true, Auth::Key) => true,
            (true, Auth::None) => from.is_local(),
            (false, _) => from.is_one_of(&self.allow),
        };
        if !admitted {
            return Err(Refusal::Network { relayed: from.relayed });
        }
        if self.auth == Auth::None {
            return Ok(Caller { name: None, addr: from.ip, domains: None });
        }
        if let Some(own) = &self.own {
            let name = own.check(from, head, now)?;
            return Ok(Caller { name: Some(name), addr: from.ip, domains: None });
        }
        let key = presented(&head.headers).and_then(|given| self.find(given)).ok_or(Refusal::Key)?;
        if let Some(rate) = &key.rate {
            rate.take(now).map_err(Refusal::Rate)?;
        }
        let domains = (!key.domains.is_empty()).then(|| Arc::clone(&key.domains));
        Ok(Caller { name: Some(Arc::clone(&key.name)), addr: from.ip, domains })
    }

    /// Compares with every key, whatever the outcome, so that the time says nothing about which one is near.
    fn find(&self, given: &[u8]) -> Option<&KnownKey> {
        let given: [u8; 32] = Sha256::digest(given).into();
        let mut found = u32::MAX;
        for (index, key) in (0u32..).zip(&self.keys) {
            found.conditional_assign(&index, key.digest.ct_eq(&given));
        }
        self.keys.get(usize::try_from(found).ok()?)
    }
}

impl KnownKey {
    fn new(key: &Key) -> Self {
        Self {
            digest: Sha256::digest(key.key.expose().as_bytes()).into(),
            name: Arc::from(key.name.as_str()),
            domains: key.domains.iter().map(|d| d.to_lowercase()).collect(),
            rate: key.requests_per_second.map(Bucket::per_second),
        }
    }
}

impl Caller {
    /// True when the caller's key lets them speak for users of `domain` (a normalised one, as in a parsed JID). Which
    /// domains are served at all is decided elsewhere.
    pub fn may_send_as(&self, domain: &str) -> bool {
        self.domains.as_ref().is_none_or(|domains| domains.iter().any(|d| d == domain))
    }

    /// A caller whom nobody checked, on an open route.
    pub(super) fn unchecked(addr: IpAddr) -> Self {
        Self { name: None, addr, domains: None }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, StatusCode> {
        // Absent only on a route that was registered past `Web::dialect`: nobody has checked that caller.
        parts.extensions.get::<Caller>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        return scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii());
    }
    headers.get(API_KEY).map(|value| value.as_bytes().trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::Secret;

    fn key(name: &str, key: &str, domains: &[&str], rate: Option<u32>) -> Key {
        Key {
            name: name.into(),
            key: Secret::new(key),
            domains: domains.iter().map(|d| (*d).into()).collect(),
            requests_per_second: rate.and_then(std::num::NonZeroU32::new),
        }
    }

    fn from(ip: &str) -> ClientAddr {
        ClientAddr { ip: ip.parse().unwrap(), relayed: false }
    }

    fn nothing() -> Parts {
        axum::http::Request::new(()).into_parts().0
    }

    fn headers(name: &'static str, value: &str) -> Parts {
        let mut head = nothing();
        head.headers.insert(HeaderName::from_static(name), value.parse().unwrap());
        head
    }

    fn name(access: &Access, headers: &Parts) -> Result<String, Refusal> {
        let caller = access.check(from("192.0.2.1"), headers, Instant::now())?;
        Ok(caller.name.unwrap().to_string())
    }

    #[test]
    fn each_key_is_known_by_its_name_in_either_header() {
        let access = Access::new(Auth::Key, &[key("crm", "one", &[], None), key("erp", "two", &[], None)], &[]);
        assert_eq!(name(&access, &headers("authorization", "Bearer one")).unwrap(), "crm");
        assert_eq!(name(&access, &headers("authorization", "bearer two")).unwrap(), "erp");
        assert_eq!(name(&access, &headers("x-api-key", "two")).unwrap(), "erp");
        for wrong in [headers("x-api-key", "three"), headers("authorization", "Basic one"), nothing()] {
            assert_eq!(name(&access, &wrong), Err(Refusal::Key));
        }
    }

    #[test]
    fn a_key_speaks_only_for_its_domains() {
        let keys = [key("crm", "one", &["Example.ORG"], None), key("all", "two", &[], None)];
        let access = Access::new(Auth::Key, &keys, &[]);
        let limited = access.check(from("192.0.2.1"), &headers("x-api-key", "one"), Instant::now()).unwrap();
        assert!(limited.may_send_as("example.org"));
        assert!(!limited.may_send_as("example.com"));
        let free = access.check(from("192.0.2.1"), &headers("x-api-key", "two"), Instant::now()).unwrap();
        assert!(free.may_send_as("example.com"));
    }

    #[test]
    fn without_keys_and_networks_only_this_machine_may_call() {
        let access = Access::new(Auth::None, &[], &[]);
        let check = |addr| access.check(addr, &nothing(), Instant::now()).map(|_| ());
        assert_eq!(check(from("127.0.0.1")), Ok(()));
        assert_eq!(check(from("192.0.2.1")), Err(Refusal::Network { relayed: false }));
        let proxied = ClientAddr { relayed: true, ..from("127.0.0.1") };
        assert_eq!(check(proxied), Err(Refusal::Network { relayed: true }));
    }

    #[test]
    fn networks_come_before_keys() {
        let access = Access::new(Auth::Key, &[key("crm", "one", &[], None)], &["10.0.0.0/8".parse().unwrap()]);
        let check = |ip| access.check(from(ip), &headers("x-api-key", "one"), Instant::now()).map(|_| ());
        assert_eq!(check("10.1.2.3"), Ok(()));
        assert_eq!(check("192.0.2.1"), Err(Refusal::Network { relayed: false }));
    }

    #[derive(Debug)]
    struct Password;

    impl OwnKeys for Password {
        fn check(&self, _from: ClientAddr, head: &Parts, _now: Instant) -> Result<Arc<str>, Refusal> {
            let known = head.headers.get("password").is_some_and(|given| given == "sesame");
            known.then(|| Arc::from("ali")).ok_or(Refusal::OwnKey("say it"))
        }
    }

    #[test]
    fn a_dialect_with_keys_of_its_own_is_asked_after_the_networks() {
        let inside: IpNet = "10.0.0.0/8".parse().unwrap();
        let right = headers("password", "sesame");
        let check = |allow: &[IpNet], ip, headers: &Parts| {
            let caller = Access::own(Password, allow).check(from(ip), headers, Instant::now())?;
            Ok(caller.name.unwrap().to_string())
        };
        assert_eq!(check(&[], "192.0.2.1", &right).unwrap(), "ali");
        assert_eq!(check(&[], "127.0.0.1", &headers("x-api-key", "sesame")), Err(Refusal::OwnKey("say it")));
        assert_eq!(check(&[inside], "10.1.2.3", &right).unwrap(), "ali");
        assert_eq!(check(&[inside], "192.0.2.1", &right), Err(Refusal::Network { relayed: false }));
    }

    #[test]
    fn a_key_with_a_rate_is_slowed_down_alone() {
        let keys = [key("slow", "one", &[], Some(2)), key("free", "two", &[], None)];
        let access = Access::new(Auth::Key, &keys, &[]);
        let start = Instant::now();
        let check = |key: &str, after| {
            access
                .check(from("192.0.2.1"), &headers("x-api-key", key), start + Duration::from_millis(after))
                .map(|_| ())
        };
        assert_eq!([check("one", 0), check("one", 0)], [Ok(()), Ok(())]);
        assert_eq!(check("one", 0), Err(Refusal::Rate(Duration::from_millis(500))));
        assert_eq!(check("two", 0), Ok(()));
        assert_eq!(check("one", 500), Ok(()));
    }
}
