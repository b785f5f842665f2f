//! Where a request comes from: the peer, or what a trusted proxy says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::share::Part;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The other end of the TCP connection. The listener puts it into every request's extensions.
#[derive(Clone)]
pub struct Peer {
    /// Its address.
    pub addr: SocketAddr,
    /// What its network holds; `None` where that is not limited, or it is a trusted proxy, whose callers each count for
    /// themselves.
    pub part: Option<Arc<Part>>,
}

/// A request's origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr {
    /// The caller's address; `0.0.0.0` when it cannot be told, which is in no network that limits anything.
    pub ip: IpAddr,
    /// True when a proxy that is not trusted says it forwards for someone else: `ip` is then that proxy, and being on
    /// this machine proves nothing about the caller.
    pub relayed: bool,
}

const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl ClientAddr {
    /// True when the caller is on this machine.
    pub fn is_local(&self) -> bool {
        self.ip.is_loopback() && !self.relayed
    }

    /// True when the caller is in one of `networks`. An untrusted relay inside an allowed network is still an allowed
    /// peer, unless it is only "this machine".
    pub fn is_one_of(&self, networks: &[IpNet]) -> bool {
        is_in(networks, self.ip) && (!self.relayed || !self.ip.is_loopback())
    }
}

/// Tells a request's origin. Behind trusted proxies it is the rightmost address of X-Forwarded-For that is not itself a
/// trusted proxy, or X-Real-IP. Where both are sent they must agree: a proxy that sets only one passes the other on from
/// the caller, who would choose their own address.
pub fn client_addr(peer: Option<&Peer>, headers: &HeaderMap, trusted: &[IpNet]) -> ClientAddr {
    let Some(Peer { addr: peer, .. }) = peer else { return ClientAddr { ip: UNKNOWN, relayed: true } };
    let peer = peer.ip().to_canonical();
    let forwarded = headers.contains_key(FORWARDED_FOR);
    let real = headers.contains_key(REAL_IP);
    if !is_in(trusted, peer) {
        let relayed = forwarded || real || headers.contains_key(header::FORWARDED) || headers.contains_key(header::VIA);
        return ClientAddr { ip: peer, relayed };
    }
    let ip = match (forwarded, real) {
        (false, false) => peer,
        (true, false) => forwarded_for(headers, trusted),
        (false, true) => real_ip(headers),
        (true, true) => {
            let (forwarded, real) = (forwarded_for(headers, trusted), real_ip(headers));
            if forwarded == real || is_in(trusted, real) { forwarded } else { UNKNOWN }
        }
    };
    ClientAddr { ip, relayed: false }
}

/// The network that stands for whoever has `ip`, where something is counted for a caller: an IPv4 address by itself, also one
/// written as IPv6, and of IPv6 the /64 in which anyone may choose addresses at will.
pub fn network_of(ip: IpAddr) -> IpNet {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Ipv4Net::from(ip).into(),
        IpAddr::V6(ip) => Ipv6Net::new_assert(ip, 64).trunc().into(),
    }
}

/// As [`network_of`], of a whole site: of IPv6 the /48 that providers give to one customer at most.
pub fn site_of(ip: IpAddr) -> IpNet {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Ipv4Net::from(ip).into(),
        IpAddr::V6(ip) => Ipv6Net::new_assert(ip, 48).trunc().into(),
    }
}

/// True when one of `networks` contains `ip`.
pub fn is_in(networks: &[IpNet], ip: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&ip))
}

fn forwarded_for(headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut leftmost = UNKNOWN;
    for value in headers.get_all(FORWARDED_FOR).iter().rev() {
        let Ok(value) = value.to_str() else { return UNKNOWN };
        for hop in value.rsplit(',') {
            let Some(ip) = parse(hop) else { return UNKNOWN };
            if !is_in(trusted, ip) {
                return ip;
            }
            leftmost = ip;
        }
    }
    leftmost
}

fn real_ip(headers: &HeaderMap) -> IpAddr {
    let mut values = headers.get_all(REAL_IP).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().and_then(parse).unwrap_or(UNKNOWN),
        _ => UNKNOWN,
    }
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let ip = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|a| a.ip()))
        .or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse());
    ip.ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer_at(addr: &str) -> Peer {
        Peer { addr: addr.parse().unwrap(), part: None }
    }

    fn origin(peer: &str, headers: &[(&'static str, &str)]) -> ClientAddr {
        let trusted = ["127.0.0.1/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        client_addr(Some(&peer_at(peer)), &map, &trusted)
    }

    fn ip(peer: &str, headers: &[(&'static str, &str)]) -> String {
        origin(peer, headers).ip.to_string()
    }

    #[test]
    fn a_stranger_cannot_name_his_own_address() {
        assert_eq!(ip("192.0.2.1:9", &[("x-forwarded-for", "127.0.0.1")]), "192.0.2.1");
        assert_eq!(ip("192.0.2.1:9", &[("x-real-ip", "127.0.0.1")]), "192.0.2.1");
        assert_eq!(ip("127.0.0.1:9", &[("x-forwarded-for", "127.0.0.1, 192.0.2.7")]), "192.0.2.7");
        assert_eq!(ip("127.0.0.1:9", &[("x-forwarded-for", "127.0.0.1"), ("x-real-ip", "192.0.2.7")]), "0.0.0.0");
    }

    #[test]
    fn behind_trusted_proxies_the_rightmost_stranger_is_the_caller() {
        assert_eq!(ip("127.0.0.1:9", &[("x-forwarded-for", "198.51.100.1, 192.0.2.7, 10.1.1.1")]), "192.0.2.7");
        let two_headers = [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-for", "10.1.1.1")];
        assert_eq!(ip("127.0.0.1:9", &two_headers), "192.0.2.7");
        assert_eq!(ip("10.2.2.2:9", &[("x-real-ip", "[2001:db8::1]:44")]), "2001:db8::1");
        assert_eq!(ip("10.2.2.2:9", &[("x-forwarded-for", "::ffff:192.0.2.7")]), "192.0.2.7");
        assert_eq!(ip("127.0.0.1:9", &[]), "127.0.0.1");
    }

    #[test]
    fn what_cannot_be_read_is_nobody() {
        assert_eq!(ip("127.0.0.1:9", &[("x-forwarded-for", "unknown")]), "0.0.0.0");
        assert_eq!(ip("127.0.0.1:9", &[("x-real-ip", "192.0.2.1"), ("x-real-ip", "192.0.2.2")]), "0.0.0.0");
        assert_eq!(client_addr(None, &HeaderMap::new(), &[]).ip, UNKNOWN);
    }

    #[test]
    fn a_caller_is_counted_by_what_he_cannot_choose() {
        let network = |ip: &str| network_of(ip.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.7"), "192.0.2.7/32");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7/32");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::"), network("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        let site = |ip: &str| site_of(ip.parse().unwrap()).to_string();
        assert_eq!([site("2001:db8:1:2::1"), site("::ffff:192.0.2.7")], ["2001:db8:1::/48", "192.0.2.7/32"]);
    }

    #[test]
    fn a_proxy_that_is_not_trusted_is_not_taken_for_a_local_caller() {
        let mut map = HeaderMap::new();
        let peer = peer_at("127.0.0.1:9");
        assert!(client_addr(Some(&peer), &map, &[]).is_local());
        map.insert("x-forwarded-for", "192.0.2.7".parse().unwrap());
        assert!(!client_addr(Some(&peer), &map, &[]).is_local());
    }
}
