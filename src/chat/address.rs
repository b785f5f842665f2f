//! Addresses that callers may name: only users of the served domains, only rooms of their MUC services.

use jid::BareJid;

/// Why an address is refused. Never contains more than the caller sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a JID at all, or one that XMPP forbids.
    #[error("{0:?} is not a valid address: {1}")]
    Invalid(String, String),
    /// A domain that is not served: a user may not be named there.
    #[error("the domain {0:?} is not served by this gateway")]
    Domain(String),
    /// A user address without a localpart, or a room address without a room.
    #[error("{0:?} names no user or room")]
    NoLocalpart(String),
}

/// The served domains and MUC services.
#[derive(Debug, Clone)]
pub struct Addresses {
    _todo: (),
}

impl Addresses {
    /// The default domain.
    pub fn domain(&self) -> &str {
        todo!()
    }

    /// The MUC service of a served domain: the configured one, else `conference.` and the domain.
    pub fn rooms_of(&self, _domain: &str) -> Result<String, AddressError> {
        todo!()
    }

    /// A user by JID (a resource is dropped) of a served domain.
    pub fn user(&self, _jid: &str) -> Result<BareJid, AddressError> {
        todo!()
    }

    /// A user by localpart and domain. A localpart that contains `@` is refused.
    pub fn user_at(&self, _local: &str, _domain: &str) -> Result<BareJid, AddressError> {
        todo!()
    }

    /// A room by JID of a served MUC service.
    pub fn room(&self, _jid: &str) -> Result<BareJid, AddressError> {
        todo!()
    }

    /// A room by localpart and MUC service.
    pub fn room_at(&self, _local: &str, _service: &str) -> Result<BareJid, AddressError> {
        todo!()
    }
}
