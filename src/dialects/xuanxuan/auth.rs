//! Which application calls: `code`, and `token`, with which the rest of the query is signed.
//!
//! `token` is the MD5, in hex, of the query's MD5 in hex and the key; or, where there is a parameter `time`, seconds or
//! milliseconds since 1970, the MD5 of code, key and time. The original trusts a session cookie after the first call;
//! here every call shows its token, as callers do anyway.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::http::request::Parts;
use ipnet::IpNet;
use subtle::{Choice, ConstantTimeEq};

use super::query::Query;
use crate::clock;
use crate::config::secret::Secret;
use crate::config::xuanxuan::Xuanxuan;
use crate::dialects::api::md5;
use crate::dialects::api::wrong_keys::WrongKeys;
use crate::http::access::{OwnKeys, Refusal};
use crate::http::client_addr::ClientAddr;
use crate::http::language::{Language, Localized};

/// Wrong calls in the name of one application from one network in a minute, before the next is answered with a wait.
const ATTEMPTS: u32 = 60;

/// Why a caller is refused, in the order in which it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// PARAM_CODE_MISSING.
    Code,
    /// PARAM_TOKEN_MISSING.
    Token,
    /// EMPTY_ENTRY: there is no such application.
    Entry,
    /// EMPTY_KEY: it has no key.
    Key,
    /// IP_DENIED.
    Network,
    /// INVALID_TOKEN.
    Signature,
}

impl Denial {
    /// The status that stands for the code of the body, and the text, as the original has them.
    fn words(self) -> (StatusCode, Localized) {
        match self {
            Self::Code => (StatusCode::UNAUTHORIZED, ("缺少code参数", "Param code is missing.")),
            Self::Token => (StatusCode::UNAUTHORIZED, ("缺少token参数", "Param token is missing.")),
            Self::Entry => (StatusCode::NOT_FOUND, ("应用不存在", "Key of entry is missing.")),
            Self::Key => (StatusCode::UNAUTHORIZED, ("应用未设置密钥", "Key of entry is missing.")),
            Self::Network => (StatusCode::FORBIDDEN, ("该IP被限制访问", "IP is denied.")),
            Self::Signature => (StatusCode::UNAUTHORIZED, ("无效的token参数", "Invalid token.")),
        }
    }
}

/// The applications.
#[derive(Debug)]
pub struct Entries {
    entries: Vec<Entry>,
    /// Greatest distance of `time` from now; `None`: any.
    fresh: Option<Duration>,
    wrong: WrongKeys,
}

#[derive(Debug)]
struct Entry {
    code: Arc<str>,
    key: Option<Secret>,
    allow: Vec<IpNet>,
}

impl Entries {
    /// The applications in the configuration.
    pub fn new(config: &Xuanxuan) -> Entries {
        let entry = |entry: &crate::config::xuanxuan::Entry| Entry {
            code: Arc::from(entry.code.as_str()),
            key: entry.key.clone(),
            allow: entry.allow.clone(),
        };
        Entries {
            entries: config.entries.iter().map(entry).collect(),
            fresh: (config.time_seconds > 0).then(|| Duration::from_secs(config.time_seconds)),
            wrong: WrongKeys::new(ATTEMPTS),
        }
    }

    /// As [`OwnKeys::check`]; `clock` is the time since 1970.
    fn check_at(&self, from: ClientAddr, head: &Parts, now: Instant, clock: Duration) -> Result<Arc<str>, Refusal> {
        let refuse = |denial: Denial| {
            let (status, words) = denial.words();
            Refusal::Own(status, Language::of(&head.headers, Language::English).choose(words))
        };
        let query = Query::read(head.uri.query().unwrap_or_default());
        let code = query.value("code").ok_or_else(|| refuse(Denial::Code))?;
        let token = query.value("token").ok_or_else(|| refuse(Denial::Token))?;
        // Codes are no secrets: they stand in URLs.
        let place = self.entries.iter().position(|entry| *entry.code == *code);
        let judged = self.admitted(place, from, &query, token, clock).map_err(refuse);
        self.wrong.count(from.ip, place, now, judged)
    }

    fn admitted(
        &self,
        place: Option<usize>,
        from: ClientAddr,
        query: &Query,
        token: &str,
        clock: Duration,
    ) -> Result<Arc<str>, Denial> {
        let entry = place.and_then(|place| self.entries.get(place)).ok_or(Denial::Entry)?;
        let key = entry.key.as_ref().ok_or(Denial::Key)?.expose();
        if !entry.allow.is_empty() && !from.is_one_of(&entry.allow) {
            return Err(Denial::Network);
        }
        let token = md5::read(token).ok_or(Denial::Signature)?;
        let mut proven = Choice::from(0);
        for form in query.signed() {
            proven |= signature(&form, key).ct_eq(&token);
        }
        if let Some(time) = query.value("time").filter(|time| self.is_time(time, clock)) {
            proven |= md5::sum([&*entry.code, key, time]).ct_eq(&token);
        }
        bool::from(proven).then(|| Arc::clone(&entry.code)).ok_or(Denial::Signature)
    }

    /// True for ten digits, or thirteen, the first below 4, not too far from now.
    fn is_time(&self, time: &str, clock: Duration) -> bool {
        let digits = time.bytes().all(|b| b.is_ascii_digit()) && time.starts_with(['0', '1', '2', '3']);
        let at = match (time.len(), time.parse()) {
            (10, Ok(seconds)) => Duration::from_secs(seconds),
            (13, Ok(ms)) => Duration::from_millis(ms),
            _ => return false,
        };
        digits && self.fresh.is_none_or(|fresh| at.abs_diff(clock) <= fresh)
    }
}

impl OwnKeys for Entries {
    fn check(&self, from: ClientAddr, head: &Parts, now: Instant) -> Result<Arc<str>, Refusal> {
        self.check_at(from, head, now, clock::since_1970())
    }
}

/// `md5(md5(query) + key)`, the inner one in hex.
fn signature(query: &str, key: &str) -> [u8; 16] {
    md5::sum([md5::hex(md5::sum([query])).as_str(), key])
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
