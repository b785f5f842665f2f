//! Addresses that callers may name: only users of the served domains, only rooms of their MUC services.

use std::borrow::Cow;

use jid::{BareJid, DomainPart, NodePart, NodeRef};

use crate::chat::types::trial;
use crate::config::server::{Hosts, Server};

/// Why an address is refused. Never contains more than the caller sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a JID at all, or one that XMPP forbids.
    #[error("{0:?} is not a valid address: {1}")]
    Invalid(String, String),
    /// A domain that is not served: nobody may be named there.
    #[error("the domain {0:?} is not served by this gateway")]
    Domain(String),
    /// A MUC service whose rooms would have their records at two pubsub services.
    #[error("the MUC service {0:?} is named with two pubsub services: the rooms of a service have one")]
    TwoPubsubs(String),
    /// A user address without a localpart, or a room address without a room.
    #[error("{0:?} names no user or room")]
    NoLocalpart(String),
}

/// Hosts that belong together: accounts, their rooms, the gateway's records about both, and their files. All in the one
/// form in which servers write them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Realm {
    /// The domain of the accounts.
    pub domain: String,
    /// The MUC service.
    pub rooms: String,
    /// The pubsub service that holds the records.
    pub pubsub: String,
    /// The upload service.
    pub upload: String,
}

/// The served domains, each with its services.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Never empty: the first is the default.
    served: Vec<Realm>,
    /// The domains and MUC services of them all, parsed.
    known: Vec<DomainPart>,
}

impl Addresses {
    /// Reads the served domains from the configuration.
    ///
    /// # Errors
    /// When a domain is not a valid domain.
    pub fn new(server: &Server) -> Result<Addresses, AddressError> {
        let mut addresses = Addresses { served: Vec::new(), known: Vec::new() };
        let default = Hosts {
            domain: Some(server.domain.clone()),
            rooms: server.rooms.clone(),
            pubsub: server.pubsub.clone(),
            upload: server.upload.clone(),
        };
        let more = server.domains.iter().map(|domain| Hosts { domain: Some(domain.clone()), ..Hosts::default() });
        for hosts in std::iter::once(default).chain(more) {
            addresses = addresses.and(&hosts)?;
        }
        Ok(addresses)
    }

    /// Serves these hosts too.
    ///
    /// # Errors
    /// When one is not a valid domain, or the MUC service is known with another pubsub service.
    pub fn and(mut self, hosts: &Hosts) -> Result<Addresses, AddressError> {
        let realm = self.realm(hosts)?;
        if self.realms().any(|known| known.rooms == realm.rooms && known.pubsub != realm.pubsub) {
            return Err(AddressError::TwoPubsubs(realm.rooms));
        }
        if !self.served.contains(&realm) {
            for host in [&realm.domain, &realm.rooms] {
                self.known.push(domain_part(host)?);
            }
            self.served.push(realm);
        }
        Ok(self)
    }

    /// The hosts of a tenant: what it does not name is that of its domain, and without a domain that of the default one.
    ///
    /// # Errors
    /// When one is not a valid domain.
    pub fn realm(&self, hosts: &Hosts) -> Result<Realm, AddressError> {
        let domain = match &hosts.domain {
            Some(domain) => domain_part(domain)?.to_string(),
            None => self.domain().to_owned(),
        };
        let known = self.served.iter().find(|realm| realm.domain == domain);
        let host = |given: &Option<String>, of: fn(&Realm) -> &String, prefix: &str| match (given, known) {
            (Some(given), _) => Ok(domain_part(given)?.to_string()),
            (None, Some(known)) => Ok(of(known).clone()),
            (None, None) => Ok(domain_part(&format!("{prefix}.{domain}"))?.to_string()),
        };
        Ok(Realm {
            rooms: host(&hosts.rooms, |realm| &realm.rooms, "conference")?,
            pubsub: host(&hosts.pubsub, |realm| &realm.pubsub, "pubsub")?,
            upload: host(&hosts.upload, |realm| &realm.upload, "upload")?,
            domain,
        })
    }

    /// All served hosts, the default ones first.
    pub fn realms(&self) -> impl Iterator<Item = &Realm> {
        self.served.iter()
    }

    /// The hosts to which a room belongs: the first whose MUC service it is on.
    pub fn realm_of_room(&self, room: &BareJid) -> Option<&Realm> {
        self.served.iter().find(|realm| realm.rooms == room.domain().as_str())
    }

    /// The default domain.
    pub fn domain(&self) -> &str {
        self.served.first().map_or("", |realm| realm.domain.as_str())
    }

    /// All served domains, the default one first.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.served.iter().map(|realm| realm.domain.as_str())
    }

    /// The MUC services of the served domains, in the same order.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.served.iter().map(|realm| realm.rooms.as_str())
    }

    /// The MUC service of a served domain: the configured one, else `conference.` and the domain.
    ///
    /// # Errors
    /// When the domain is not served.
    pub fn rooms_of(&self, domain: &str) -> Result<String, AddressError> {
        let wanted = domain_part(domain)?;
        let found = self.served.iter().find(|realm| realm.domain == wanted.as_str());
        found.map(|realm| realm.rooms.clone()).ok_or_else(|| AddressError::Domain(shown(domain)))
    }

    /// The served domain whose MUC service `rooms` is.
    pub fn domain_of(&self, rooms: &str) -> Option<&str> {
        let wanted = domain_part(rooms).ok()?;
        self.served.iter().find(|realm| realm.rooms == wanted.as_str()).map(|realm| realm.domain.as_str())
    }

    /// A user by JID (a resource is dropped) of a served domain.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn user(&self, jid: &str) -> Result<BareJid, AddressError> {
        self.check(bare(jid)?, jid, |realm| &realm.domain)
    }

    /// A user by localpart and domain.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn user_at(&self, local: &str, domain: &str) -> Result<BareJid, AddressError> {
        self.check(self.join(local, domain)?, local, |realm| &realm.domain)
    }

    /// The address of a user that nobody has.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn nobody(&self) -> Result<BareJid, AddressError> {
        self.user_at(&trial::name(), self.domain())
    }

    /// A room by JID of a served MUC service.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn room(&self, jid: &str) -> Result<BareJid, AddressError> {
        self.check(bare(jid)?, jid, |realm| &realm.rooms)
    }

    /// A room by localpart and MUC service.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn room_at(&self, local: &str, service: &str) -> Result<BareJid, AddressError> {
        self.check(self.join(local, service)?, local, |realm| &realm.rooms)
    }

    fn join(&self, local: &str, domain: &str) -> Result<BareJid, AddressError> {
        let node = node_part(local)?;
        match self.known.iter().find(|known| known.as_str() == domain) {
            Some(known) => Ok(BareJid::from_parts(Some(&node), known)),
            None => Ok(BareJid::from_parts(Some(&node), &domain_part(domain)?)),
        }
    }

    fn check(&self, jid: BareJid, given: &str, side: fn(&Realm) -> &String) -> Result<BareJid, AddressError> {
        let Some(node) = jid.node() else { return Err(AddressError::NoLocalpart(shown(given))) };
        // Characters younger than stringprep (Unicode 3.2) can fold to some that would fold again: two forms of one
        // account, of which a server might hold either. Of ASCII only capitals fold.
        let node = node.as_str();
        let settled = node.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
            || NodePart::new(node).is_ok_and(|again| again.as_str() == node);
        if !settled {
            return Err(AddressError::Invalid(shown(given), "its localpart has more than one normal form".into()));
        }
        if self.served.iter().any(|served| side(served) == jid.domain().as_str()) {
            Ok(jid)
        } else {
            Err(AddressError::Domain(shown(jid.domain().as_str())))
        }
    }
}

fn bare(text: &str) -> Result<BareJid, AddressError> {
    check_characters(text)?;
    jid::Jid::new(text).map(jid::Jid::into_bare).map_err(|error| AddressError::Invalid(shown(text), error.to_string()))
}

fn node_part(local: &str) -> Result<Cow<'_, NodeRef>, AddressError> {
    check_characters(local)?;
    if local.contains(['@', '/']) {
        return Err(AddressError::Invalid(shown(local), "a localpart holds neither @ nor /".into()));
    }
    if local.is_empty() {
        return Err(AddressError::NoLocalpart(String::new()));
    }
    NodePart::new(local).map_err(|error| AddressError::Invalid(shown(local), error.to_string()))
}

fn domain_part(domain: &str) -> Result<DomainPart, AddressError> {
    check_characters(domain)?;
    let invalid = |error: jid::Error| AddressError::Invalid(shown(domain), error.to_string());
    DomainPart::new(domain).map(|domain| domain.into_owned()).map_err(invalid)
}

/// Control characters and white space are refused here in so many words: stringprep maps some of them to nothing, so
/// that two texts which look different to a log would be one account.
fn check_characters(text: &str) -> Result<(), AddressError> {
    let bad = |c: char| {
        c.is_control() || c.is_whitespace() || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    match text.chars().find(|c| bad(*c)) {
        Some(c) => Err(AddressError::Invalid(shown(text), format!("it holds the character U+{:04X}", u32::from(c)))),
        None => Ok(()),
    }
}

/// What of a caller's text goes into an error: enough to recognise it.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn addresses() -> Addresses {
        let server =
            Server { domain: "example.org".into(), domains: vec!["other.example".into()], ..Server::default() };
        Addresses::new(&server).unwrap()
    }

    #[test]
    fn users_and_rooms_of_served_domains_are_named_in_one_form() {
        let all = addresses();
        assert_eq!(all.user("Alice@EXAMPLE.org/phone").unwrap().as_str(), "alice@example.org");
        assert_eq!(all.user_at("bob", "other.example").unwrap().as_str(), "bob@other.example");
        assert_eq!(all.room("R@conference.example.org").unwrap().as_str(), "r@conference.example.org");
        assert_eq!(all.rooms_of("other.example").unwrap(), "conference.other.example");
    }

    proptest! {
        #[test]
        fn a_served_domain_as_it_is_written_gives_the_same_as_one_that_is_parsed(
            local in prop_oneof!["[a-z0-9._-]{1,12}", "\\PC{0,6}", any::<String>()],
            domain in prop_oneof![
                Just("example.org"), Just("conference.other.example"), Just("Example.ORG"), Just("example.org."),
                Just("evil.example"), Just("a b"), Just(""),
            ],
        ) {
            let parsed = node_part(&local)
                .and_then(|node| Ok(BareJid::from_parts(Some(&node), &domain_part(domain)?)));
            prop_assert_eq!(addresses().join(&local, domain), parsed);
        }
    }

    #[test]
    fn of_ascii_exactly_blanks_and_control_characters_are_refused() {
        for c in '\0'..'\u{80}' {
            assert_eq!(check_characters(&c.to_string()).is_err(), c.is_control() || c.is_whitespace(), "{c:?}");
        }
    }

    #[test]
    fn the_rooms_of_a_service_have_their_records_in_one_place() {
        let shared = |pubsub: &str| Hosts {
            domain: Some("third.example".into()),
            rooms: Some("conference.example.org".into()),
            pubsub: Some(pubsub.into()),
            upload: None,
        };
        let two = addresses().and(&shared("pubsub.third.example"));
        assert_eq!(two.unwrap_err(), AddressError::TwoPubsubs("conference.example.org".into()));
        assert!(addresses().and(&shared("pubsub.example.org")).is_ok());
    }

    #[test]
    fn nobody_is_named_elsewhere_or_by_a_trick() {
        let all = addresses();
        for foreign in ["a@evil.example", "a@gw.example.org", "a@conference.example.org", "a@example.org.evil"] {
            assert!(matches!(all.user(foreign), Err(AddressError::Domain(_))), "{foreign}");
        }
        for bad in
            ["", "@example.org", "a b@example.org", "a\0@example.org", "a\u{200b}@example.org", "a\n@example.org"]
        {
            assert!(matches!(all.user(bad), Err(AddressError::Invalid(..))), "{bad:?}");
        }
        assert_eq!(all.user("example.org"), Err(AddressError::NoLocalpart("example.org".into())));
        for bad in ["a@b", "a/b", "", "a b", "<a>"] {
            assert!(all.user_at(bad, "example.org").is_err(), "{bad:?}");
        }
        assert!(all.room("example.org/x").is_err());
        let long = "x".repeat(5000);
        assert!(all.user_at(&long, "example.org").unwrap_err().to_string().len() < 300);
    }
}
