//! Servers that shut out an address after wrong passwords (ejabberd's mod_fail2ban). All passwords that others try at the
//! gateway come to the server from one address, so that anybody could shut out everybody.

use std::net::Ipv4Addr;
use std::time::Instant;

use jid::BareJid;

use super::error::OpenError;
use super::gate::NEGOTIATION;
use super::negotiate::authenticate;
use super::sasl::Credentials;
use super::{SessionError, Sessions};
use crate::link::Call;

/// Wrong passwords that are tried; mod_fail2ban takes 20 by default.
const TRIES: usize = 25;

/// What the server says to an address that it has shut out, with the cure.
pub(super) fn told(address: &str, described: &str) -> OpenError {
    OpenError::Banned(format!(
        "c2s {address}: stream error {described}: banned by mod_fail2ban? Wrong passwords that others tried at the gateway \
         count against its address. Give ejabberd's mod_fail2ban an access rule that allows this address \
         (config/ejabberd.yml shows it), and restart ejabberd to end the ban"
    ))
}

impl Sessions {
    /// Whether an address is shut out after wrong passwords of `nobody`, who has no account. They are tried from another
    /// loopback address, chosen at random, so that no ban meets anybody. `None` where the server is not on this machine:
    /// then there is no such address.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn bans(&self, call: &Call, nobody: &BareJid) -> Result<Option<bool>, SessionError> {
        let [a, b, c] = rand::random::<[u8; 3]>();
        let source = Ipv4Addr::new(127, a | 0x80, b, c);
        let Some(endpoint) = self.opener.gate.from(source).await else { return Ok(None) };
        let wrong = Credentials::Password("no password".to_owned().into());
        for _ in 0..TRIES {
            let deadline = call.deadline.min(Instant::now() + NEGOTIATION);
            match authenticate(&endpoint, nobody, &wrong, deadline).await {
                Err(OpenError::Denied(_)) => {}
                Err(OpenError::Banned(_)) => return Ok(Some(true)),
                Err(error) => return Err(error.into()),
                Ok(stream) => stream.quit(true).await,
            }
        }
        Ok(Some(false))
    }
}
