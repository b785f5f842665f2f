//! In whose name a caller may act, and of whom they are told: only users of served domains, and only of the domains their key
//! is limited to.

use axum::http::request::Parts;
use jid::BareJid;

use super::error::{Code, Failure};
use super::replies::{Data, Done};
use crate::chat::types::address::Addresses;
use crate::chat::types::message::Receipt;
use crate::chat::{Call, Chat};
use crate::config::Config;
use crate::config::server::Wait;
use crate::http::access::Caller;

/// What a call may name, and within which bounds: all that reading it needs.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The addresses that may be named.
    pub addresses: &'a Addresses,
    /// The settings.
    pub config: &'a Config,
    /// Who calls.
    pub caller: &'a Caller,
}

/// One call, and what carries it out.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// What it may name.
    pub scope: Scope<'a>,
    /// The verbs.
    pub chat: &'a Chat,
    /// The request's id and deadline.
    pub call: &'a Call,
    /// The request's line and headers.
    pub head: &'a Parts,
}

impl Context<'_> {
    /// What a call is told that sent messages: where they are, when it asked for that.
    pub fn archived(&self, receipts: impl IntoIterator<Item = Receipt>) -> Done {
        let asked = self.call.wait == Some(Wait::Archived);
        asked.then(|| Data::Archived { archive_ids: receipts.into_iter().map(|receipt| receipt.archive_id).collect() })
    }
}

impl Scope<'_> {
    /// A user as callers name them: a localpart at `host`, or a whole address.
    ///
    /// # Errors
    /// The address is not valid, or its domain is not served.
    pub fn person(&self, user: &str, host: &str) -> Result<BareJid, Failure> {
        let person = match user.contains('@') {
            true => self.addresses.user(user),
            false => self.addresses.user_at(user, host),
        };
        person.map_err(Failure::from)
    }

    /// Whether the caller may speak for the user, be told about them, or bring them into a room. Taking them out of a room that
    /// the key covers, and sending them something, is open to others too, as it is in XMPP.
    ///
    /// # Errors
    /// [`Code::Domain`] when the caller's key does not cover the user's domain.
    pub fn may_act_for(&self, user: &BareJid) -> Result<(), Failure> {
        self.covered(user.domain().as_str(), user.domain().as_str())
    }

    /// # Errors
    /// [`Code::Domain`] when the caller's key does not cover `domain`.
    pub fn may_act_in(&self, domain: &str) -> Result<(), Failure> {
        let normal = BareJid::new(domain).map_or_else(|_| domain.to_owned(), |jid| jid.domain().as_str().to_owned());
        self.covered(&normal, domain)
    }

    /// `normal` is the form of `domain` that addresses have.
    fn covered(&self, normal: &str, domain: &str) -> Result<(), Failure> {
        match self.caller.may_send_as(normal) {
            true => Ok(()),
            false => Err(Failure::new(Code::Domain, format!("this key may not act for users of {domain:?}"))),
        }
    }
}
