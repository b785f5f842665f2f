//! Keeps web pages away from what needs no key: a page that somebody here looks at, wherever it comes from, can have the
//! browser call whatever the browser can reach.
//!
//! A page of another origin is told by `Sec-Fetch-Site` and `Origin`. One whose own name was made to point at the gateway
//! (DNS rebinding) is of the same origin for its browser, and is told by that name, in `Host`.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Uri, header};

use crate::config::http::Http;
use crate::log_limit::LogOncePerKey;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Longest name that is remembered for having been said.
const SAID_CHARS: usize = 64;

/// Why a call is not taken for one of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// A page of another origin makes it.
    Page,
    /// It comes under a name that is not the gateway's.
    Host,
}

impl Foreign {
    /// What the caller is told.
    pub fn text(self) -> &'static str {
        match self {
            Foreign::Page => "web pages of other origins may not call what needs no key",
            Foreign::Host => {
                "without a key the gateway is called by a name of its own only: add this one to http.hosts, or set http.public_url"
            }
        }
    }
}

/// Where calls without a key may come from.
pub struct Site {
    listen: IpAddr,
    /// The origin of `http.public_url`.
    public: Option<String>,
    /// Names beside those of this machine, in lower case.
    names: Vec<String>,
    said: LogOncePerKey<String>,
}

impl Site {
    /// The gateway's own names, by the settings.
    pub fn new(http: &Http) -> Self {
        let url = http.public_url.as_deref().and_then(|url| reqwest::Url::parse(url).ok());
        let public = url.as_ref().map(|url| url.origin().ascii_serialization());
        let public_name = url.as_ref().and_then(|url| url.host_str()).map(str::to_owned);
        let names = http.hosts.iter().cloned().chain(public_name).map(|name| name.to_ascii_lowercase()).collect();
        Self { listen: http.listen.ip().to_canonical(), public, names, said: LogOncePerKey::new() }
    }

    /// Refuses what looks like a web page's call.
    ///
    /// # Errors
    /// What it looks like.
    pub fn check(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Foreign> {
        let hosts = headers.get_all(header::HOST).iter();
        // One that is not there is no browser's.
        let hosts = hosts.map(|host| host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()));
        for host in hosts.chain(uri.authority().cloned().map(Some)) {
            if !host.as_ref().is_some_and(|host| self.is_own(host.host())) {
                self.say(host.as_ref().map_or("", Authority::host));
                return Err(Foreign::Host);
            }
        }
        // Present, and neither of the same origin nor typed in by somebody.
        let mut sites = headers.get_all(FETCH_SITE).iter();
        if !sites.all(|site| site == "same-origin" || site == "none") {
            return Err(Foreign::Page);
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        if !origins.all(|origin| origin.to_str().is_ok_and(|origin| self.is_same(origin, headers))) {
            return Err(Foreign::Page);
        }
        Ok(())
    }

    /// Whether a name is one by which only the gateway is called.
    fn is_own(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = host.parse::<IpAddr>() {
            let ip = ip.to_canonical();
            // No name can be made to point at a number; which of them are its own it does not know if it listens on all.
            return ip.is_loopback() || ip == self.listen || self.listen.is_unspecified() || self.names(host);
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        host == "localhost" || host.ends_with(".localhost") || self.names(&host)
    }

    fn names(&self, host: &str) -> bool {
        self.names.iter().any(|name| name == host)
    }

    /// Whether a page of `origin` is one of the gateway's own.
    fn is_same(&self, origin: &str, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        self.public.as_deref().is_some_and(|public| public.eq_ignore_ascii_case(origin))
            || authority.zip(host).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host))
    }

    fn say(&self, host: &str) {
        let host: String = host.chars().take(SAID_CHARS).collect();
        if self.said.is_news(&host) {
            tracing::warn!(
                %host,
                "a call without a key came by a name that is not the gateway's and was refused: if it is one, add it to http.hosts"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(listen: &str) -> Site {
        let public_url = Some("https://GW.example.org/im".into());
        let hosts = vec!["Gateway.internal".into()];
        Site::new(&Http { listen: listen.parse().unwrap(), public_url, hosts, ..Http::default() })
    }

    fn check(listen: &str, headers: &[(&'static str, &str)]) -> Result<(), Foreign> {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        site(listen).check(&headers.collect(), &Uri::from_static("/qtalk/muc_users"))
    }

    #[test]
    fn only_names_of_its_own_are_taken() {
        let by = |listen, host| check(listen, &[("host", host)]);
        for own in [
            "localhost",
            "LOCALHOST:10050",
            "app.localhost",
            "localhost.",
            "127.0.0.1:10050",
            "127.8.9.10",
            "[::1]:10050",
            "[::ffff:127.0.0.1]",
            "gw.example.org",
            "gw.example.org:443",
            "GATEWAY.internal:10050",
        ] {
            assert_eq!(by("127.0.0.1:10050", own), Ok(()), "{own}");
        }
        for foreign in [
            "evil.example",
            "evil.example:10050",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example.",
            "",
            "notlocalhost",
            "192.0.2.1",
            "0.0.0.0:10050",
            "gw.example.org.evil.example",
            "[2001:db8::1]",
            "a b",
            "x@localhost/",
        ] {
            assert_eq!(by("127.0.0.1:10050", foreign), Err(Foreign::Host), "{foreign}");
        }
        assert_eq!(by("192.0.2.1:80", "192.0.2.1"), Ok(()));
        assert_eq!(by("0.0.0.0:80", "192.0.2.1"), Ok(()));
        assert_eq!(by("[::]:80", "[2001:db8::1]"), Ok(()));
        assert_eq!(by("0.0.0.0:80", "evil.example"), Err(Foreign::Host));
        assert_eq!(check("127.0.0.1:80", &[]), Ok(()));
        assert_eq!(check("127.0.0.1:80", &[("host", "localhost"), ("host", "evil.example")]), Err(Foreign::Host));
        let uri = Uri::from_static("http://evil.example/qtalk/muc_users");
        assert_eq!(site("127.0.0.1:80").check(&HeaderMap::new(), &uri), Err(Foreign::Host));
    }

    #[test]
    fn pages_of_other_origins_are_told_by_what_browsers_say() {
        let host = ("host", "localhost:10050");
        let with = |name, value| check("127.0.0.1:10050", &[host, (name, value)]);
        for own in [("sec-fetch-site", "none"), ("sec-fetch-site", "same-origin"), ("origin", "http://localhost:10050")]
        {
            assert_eq!(with(own.0, own.1), Ok(()), "{own:?}");
        }
        assert_eq!(with("origin", "https://gw.example.org"), Ok(()));
        for foreign in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", ""),
            ("origin", "null"),
            ("origin", "https://evil.example"),
            ("origin", "http://localhost:3000"),
            ("origin", "http://localhost"),
            ("origin", "file://"),
            ("origin", ""),
            ("origin", "chrome-extension://abc"),
        ] {
            assert_eq!(with(foreign.0, foreign.1), Err(Foreign::Page), "{foreign:?}");
        }
    }
}
